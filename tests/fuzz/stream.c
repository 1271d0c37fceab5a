/* Tensor streams: frames, HEAD text, records, metadata, END; segments and files joined. */
#include "support/target.h"

#include "stream/reader.h"

#include <stdlib.h>
#include <string.h>

/* More is not needed to find out how it is read. */
#define CAP_PAYLOAD (1u << 20)

/* What was parsed is written, and that parsed to the same. */
static void head_again(const struct emo_head *head)
{
    struct emo_error err = {0};
    struct emo_head copy, again;
    struct emo_text text = {0}, second = {0};
    emo_head_begin(&again, head->kind);
    FUZZ_PROMISE(emo_head_format(head, &text, &err) == EMO_OK);
    FUZZ_PROMISE(emo_head_parse(&again, text.bytes != NULL ? text.bytes : "", text.length, &err) ==
                 EMO_OK);
    FUZZ_PROMISE(emo_head_format(&again, &second, &err) == EMO_OK);
    FUZZ_PROMISE(text.length == second.length &&
                 (text.length == 0 || memcmp(text.bytes, second.bytes, text.length) == 0));
    FUZZ_PROMISE(emo_head_same_classes(head, &again));
    FUZZ_PROMISE(emo_head_copy(&copy, head, &err) == EMO_OK);
    emo_head_free(&copy);
    emo_head_free(&again);
    emo_text_free(&text);
    emo_text_free(&second);
}

static void head_keys(const struct emo_head *head)
{
    struct emo_error err = {0};
    struct emo_head h;
    struct emo_text value = {0};
    int64_t number;
    FUZZ_PROMISE(emo_head_copy(&h, head, &err) == EMO_OK);
    (void)emo_head_key(&h, "input", &value);
    (void)emo_head_key_int(&h, "epochs", &number);
    (void)emo_head_net(&h, &value);
    FUZZ_PROMISE(emo_head_set_key(&h, "epochs", "7\t\n", &err) == EMO_OK);
    FUZZ_PROMISE(emo_head_key(&h, "epochs", &value) && strcmp(value.bytes, "7\t\n") == 0);
    emo_head_remove_key(&h, "epochs");
    FUZZ_PROMISE(emo_head_set_net(&h, "flatten\noutput\n", &err) == EMO_OK);
    value.length = 0;
    FUZZ_PROMISE(emo_head_net(&h, &value) && strcmp(value.bytes, "flatten\noutput\n") == 0);
    for (size_t i = 0; i < h.class_count; i++)
        FUZZ_PROMISE(emo_head_class_index(&h, h.classes[i]) == (int)i);
    emo_text_free(&value);
    emo_head_free(&h);
}

/* Metadata that was taken stays well formed whatever is done to it. */
static void metadata(struct emo_metadata *m)
{
    struct emo_metadata_entry e;
    size_t at = 0, n = 0;
    int64_t whole;
    double real;
    while (emo_metadata_next(m, &at, &e))
        FUZZ_PROMISE(e.key_length > 0);
    FUZZ_PROMISE(at == m->length);
    (void)emo_metadata_text(m, "name", &n);
    (void)emo_metadata_i64(m, "origin", &whole);
    (void)emo_metadata_f64(m, "origin", &real);
    emo_metadata_set_text(m, "name", "a/b.jpg", 7);
    emo_metadata_set_i64(m, "origin", -1);
    emo_metadata_set_f64(m, "z", 0.5);
    emo_metadata_payload_changed(m);
    emo_metadata_remove(m, "height");
    FUZZ_PROMISE(emo_metadata_check(m->bytes, m->length) == NULL);
    FUZZ_PROMISE(m->failed || emo_metadata_text(m, "name", &n) != NULL);
    static const char much[EMO_CAP_METADATA - 20], more[EMO_CAP_METADATA + 1];
    emo_metadata_set(m, EMO_META_BYTES, "much", much, sizeof much);
    FUZZ_PROMISE(emo_metadata_check(m->bytes, m->length) == NULL);
    emo_metadata_set(m, EMO_META_BYTES, "more", more, sizeof more);
    FUZZ_PROMISE(m->failed && emo_metadata_check(m->bytes, m->length) == NULL);
}

/* in_steps: payloads into a buffer of ours. */
static void read_all(const char *const *paths, size_t count, bool in_steps)
{
    struct emo_error err = {0};
    struct emo_reader *r;
    struct emo_record record = {0};
    char where[EMO_WHERE_SIZE], dims[48];
    bool got = true;
    if (emo_reader_open(&r, paths, count, ~0u, &err) != EMO_OK) {
        FUZZ_PROMISE(r == NULL && err.status == EMO_INPUT && err.text[0] != '\0');
        return;
    }
    emo_reader_caps(r, CAP_PAYLOAD, 0);
    head_again(emo_reader_head(r));
    head_keys(emo_reader_head(r));
    uint64_t records = 0;
    int status = EMO_OK;
    while (status == EMO_OK && got) {
        if (!in_steps) {
            (void)emo_reader_would_block(r);
            status = emo_reader_next(r, &record, &got, &err);
        } else {
            status = emo_reader_header(r, &record, &got, &err);
            if (status == EMO_OK && got) {
                void *to = malloc((size_t)record.payload_length);
                FUZZ_PROMISE(to != NULL);
                status = emo_reader_payload(r, &record, to, &err);
                free(to);
            }
        }
        if (status == EMO_OK && got) {
            (void)emo_record_where(&record, where, sizeof where);
            (void)emo_record_dims(&record, dims, sizeof dims);
            metadata(&record.metadata);
            records++;
        }
    }
    FUZZ_PROMISE(status == EMO_OK || (status == EMO_INPUT && err.text[0] != '\0'));
    FUZZ_PROMISE(emo_reader_count(r) == records || status != EMO_OK);
    if (status != EMO_OK)
        FUZZ_PROMISE(emo_reader_next(r, &record, &got, &err) != EMO_OK && !got);
    emo_record_free(&record);
    emo_reader_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    FUZZ_PROMISE(copy != NULL);
    for (int how = FUZZ_AS_IS; how <= FUZZ_ALL; how++) {
        memcpy(copy, bytes, n);
        fuzz_repair(copy, n, (enum fuzz_repair)how);
        const char *path = fuzz_file(copy, n), *const paths[] = {path, path};
        read_all(paths, 1, how == FUZZ_HEADERS);
        if (how == FUZZ_ALL)
            read_all(paths, 2, true);
    }
    free(copy);
    return 0;
}
