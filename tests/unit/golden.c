/*
 * Reads every golden stream of tests/golden, compares what is found with its .txt, and writes it
 * again, which must give the same bytes. The files were made from emo-stream(5) by make.py, which
 * knows nothing of lib/stream.
 */
#include "base/file.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STREAM "golden.emo"
#define PIPE "golden.fifo"

static struct emo_error err;

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #x, err.text);                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static void load(const char *path, struct emo_text *out)
{
    char part[4096];
    FILE *f = fopen(path, "rb");
    CHECK(f != NULL);
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
        emo_text_add(out, part, n);
    fclose(f);
    CHECK(!out->failed);
}

/* Pairs of hexadecimal digits; "#" begins a comment. */
static void from_hex(const struct emo_text *hex, struct emo_text *out)
{
    for (const char *p = hex->bytes; *p != '\0'; p++) {
        if (*p == '#') {
            p += strcspn(p, "\n");
        } else if (*p != ' ' && *p != '\n') {
            char pair[3] = {p[0], p[1], '\0'}, *end;
            char byte = (char)strtoul(pair, &end, 16);
            CHECK(end == pair + 2);
            emo_text_add(out, &byte, 1);
            p++;
        }
    }
}

static void add_hex(struct emo_text *out, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        emo_text_printf(out, "%02x", ((const uint8_t *)bytes)[i]);
    emo_text_add(out, "\n", 1);
}

static void describe_head(const struct emo_head *h, struct emo_text *out)
{
    emo_text_printf(out, "head kind %u may %u expected %" PRIu64 "\n", h->kind, h->may,
                    h->records_expected);
    for (size_t i = 0; i < h->class_count; i++) {
        emo_text_printf(out, "class %zu ", i);
        emo_text_escaped(out, h->classes[i], strlen(h->classes[i]));
        emo_text_add(out, "\n", 1);
    }
    for (size_t at = 0; at < h->lines.length;) {
        size_t n = strcspn(h->lines.bytes + at, "\n") + 1;
        emo_text_printf(out, "line ");
        emo_text_add(out, h->lines.bytes + at, n);
        at += n;
    }
}

static void describe_record(const struct emo_record *r, struct emo_text *out)
{
    struct emo_metadata_entry e;
    char dims[48];
    emo_text_printf(out, "record id %" PRIu64 " label %d split %u dtype %u order %u epoch %u may %u"
                    " dims %s\n", r->id, r->label, r->split, r->dtype, r->order, r->epoch, r->may,
                    emo_record_dims(r, dims, sizeof dims));
    for (size_t at = 0; emo_metadata_next(&r->metadata, &at, &e);) {
        emo_text_printf(out, "meta %u ", e.type);
        emo_text_escaped(out, e.key, e.key_length);
        emo_text_add(out, " ", 1);
        add_hex(out, e.value, e.value_length);
    }
    emo_text_printf(out, "data ");
    add_hex(out, r->payload, (size_t)r->payload_length);
}

/* Reads STREAM, describes it in out and copies it to PIPE, as a filter would. */
static void copy(struct emo_text *out)
{
    static const char *const path = STREAM;
    struct emo_reader *reader;
    struct emo_writer *writer;
    struct emo_head head;
    struct emo_record r = {0};
    bool got;
    CHECK(emo_reader_open(&reader, &path, 1, ~0u, &err) == EMO_OK);
    describe_head(emo_reader_head(reader), out);
    CHECK(emo_head_copy(&head, emo_reader_head(reader), &err) == EMO_OK);
    CHECK(emo_writer_create(&writer, PIPE, &head, &err) == EMO_OK);
    emo_head_free(&head);
    int status;
    while ((status = emo_reader_next(reader, &r, &got, &err)) == EMO_OK && got) {
        describe_record(&r, out);
        /* Every other checksum is made anew. */
        r.data_crc_known = r.number % 2 == 0;
        CHECK(emo_writer_record(writer, &r, &err) == EMO_OK);
    }
    const char *reason = emo_reader_reason(reader);
    CHECK(status == (reason == NULL ? EMO_OK : EMO_INPUT));
    if (reason != NULL) {
        emo_text_printf(out, "aborted ");
        emo_text_escaped(out, reason, strlen(reason));
        emo_text_add(out, "\n", 1);
    }
    CHECK(emo_writer_close(writer, reader, "golden", status, &err) == status);
    emo_record_free(&r);
    emo_reader_close(reader);
}

static void same(const char *what, const struct emo_text *a, const struct emo_text *b)
{
    if (a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0)
        return;
    size_t at = 0;
    while (at < a->length && at < b->length && a->bytes[at] == b->bytes[at])
        at++;
    fprintf(stderr, "%s: differs at byte %zu\nwanted: %.200s\nfound:  %.200s\n", what, at,
            a->bytes + at, b->bytes + at);
    exit(1);
}

static void golden(const char *folder, const char *name)
{
    struct emo_text path = {0}, hex = {0}, bytes = {0}, wanted = {0}, found = {0}, again = {0};
    char part[1 << 16];
    emo_text_printf(&path, "%s/%s.hex", folder, name);
    load(path.bytes, &hex);
    memcpy(path.bytes + path.length - 3, "txt", 3);
    load(path.bytes, &wanted);
    from_hex(&hex, &bytes);
    int fd = open(STREAM, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && emo_write(fd, bytes.bytes, bytes.length) == 0 && close(fd) == 0);
    CHECK(mkfifo(PIPE, 0600) == 0 && (fd = open(PIPE, O_RDWR | O_NONBLOCK)) >= 0);

    bool rewritten = strncmp(wanted.bytes, "rewritten", 9) == 0;
    emo_text_add(&found, wanted.bytes, strcspn(wanted.bytes, "\n") + 1);
    copy(&found);
    same(name, &wanted, &found);
    for (ssize_t n; (n = read(fd, part, sizeof part)) > 0;)
        emo_text_add(&again, part, (size_t)n);
    if (rewritten)
        same(name, &bytes, &again);
    printf("%s: read%s\n", name, rewritten ? ", and written the same" : "");
    close(fd);
    unlink(PIPE);
    unlink(STREAM);
    emo_text_free(&path);
    emo_text_free(&hex);
    emo_text_free(&bytes);
    emo_text_free(&wanted);
    emo_text_free(&found);
    emo_text_free(&again);
}

int main(void)
{
    const char *root = getenv("ROOT");
    struct emo_text folder = {0};
    unsigned count = 0;
    emo_text_printf(&folder, "%s/tests/golden", root != NULL ? root : ".");
    DIR *d = opendir(folder.bytes);
    if (d == NULL) {
        fprintf(stderr, "%s: not there; run from the root of the sources, or set ROOT\n",
                folder.bytes);
        return 1;
    }
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        size_t n = strlen(e->d_name);
        char name[64];
        if (n < 5 || n > sizeof name || strcmp(e->d_name + n - 4, ".hex") != 0)
            continue;
        memcpy(name, e->d_name, n - 4);
        name[n - 4] = '\0';
        golden(folder.bytes, name);
        count++;
    }
    closedir(d);
    emo_text_free(&folder);
    CHECK(count >= 10);
    return 0;
}
