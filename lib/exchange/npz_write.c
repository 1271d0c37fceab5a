#include "exchange/npy.h"
#include "exchange/npz.h"
#include "exchange/zip.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The array of all payloads. Without a record, its shape is taken from the key `input`. */
static void payload_array(const struct emo_gathered *g, struct emo_npy *a)
{
    uint32_t input[3];
    bool images = g->head.kind == EMO_IMAGES;
    *a = (struct emo_npy){.kind = images ? 'u' : 'f', .width = images ? 1 : 4,
                          .rank = images ? 4 : 2, .dim = {g->count}};
    if (!images)
        a->dim[1] = g->head.class_count;
    else if (g->count > 0)
        for (unsigned i = 0; i < 3; i++)
            a->dim[1 + i] = g->like.dim[i];
    else if (emo_head_input(&g->head, &input[0], &input[1], &input[2]))
        for (unsigned i = 0; i < 3; i++)
            a->dim[1 + i] = input[i];
}

int emo_npy_write(const struct emo_gathered *g, struct emo_output *output, struct emo_error *err)
{
    struct emo_text header = {0};
    struct emo_pool_view view = {0};
    struct emo_npy a;
    int fd = emo_output_fd(output), status = EMO_OK;
    payload_array(g, &a);
    emo_npy_format(&a, &header);
    if (header.failed)
        status = emo_error_memory(err, header.length, "a header");
    else if (emo_write(fd, header.bytes, header.length) != 0)
        status = emo_error_errno(err, "%s", emo_output_name(output));
    for (size_t i = 0; status == EMO_OK && i < g->count; i++) {
        status = emo_pool_get(g->pool, i, &view, err);
        if (status == EMO_OK &&
            emo_write(fd, view.record.payload, (size_t)view.record.payload_length) != 0)
            status = emo_error_errno(err, "%s", emo_output_name(output));
    }
    emo_pool_view_free(&view);
    emo_text_free(&header);
    return status;
}

/* Begins the entry NAME.npy. */
static int begin(struct emo_zip *z, const char *name, const struct emo_npy *a,
                 struct emo_error *err)
{
    struct emo_text header = {0};
    char path[400];
    snprintf(path, sizeof path, "%s.npy", name);
    emo_npy_format(a, &header);
    int status = header.failed ? emo_error_memory(err, header.length, "a header") : EMO_OK;
    if (status == EMO_OK)
        status = emo_zip_entry(z, path, header.length + (a->rank > 0 ? a->dim[0] : 1) *
                                                            emo_npy_row(a), err);
    if (status == EMO_OK)
        status = emo_zip_put(z, header.bytes, header.length, err);
    emo_text_free(&header);
    return status;
}

static int put_payloads(const struct emo_gathered *g, struct emo_zip *z, struct emo_error *err)
{
    struct emo_pool_view view = {0};
    struct emo_npy a;
    payload_array(g, &a);
    int status = begin(z, emo_kind_name(g->head.kind), &a, err);
    for (size_t i = 0; status == EMO_OK && i < g->count; i++) {
        status = emo_pool_get(g->pool, i, &view, err);
        if (status == EMO_OK)
            status = emo_zip_put(z, view.record.payload, (size_t)view.record.payload_length, err);
    }
    emo_pool_view_free(&view);
    return status;
}

/* An array of strings: how wide its elements are, and whether all are UTF-8. */
struct strings {
    size_t bytes, characters;
    bool utf8;
};

static int measure(struct strings *s, const char *text, size_t n, const char *what, size_t row,
                   struct emo_error *err)
{
    size_t characters = 0;
    if (n > 0 && text[n - 1] == '\0')
        return emo_error(err, EMO_INPUT, "record %zu: its %s ends in a zero byte, which an array "
                         "of strings cannot tell from none", row + 1, what);
    for (size_t i = 0; i < n; i++)
        characters += ((unsigned char)text[i] & 0xc0) != 0x80;
    s->bytes = n > s->bytes ? n : s->bytes;
    s->characters = characters > s->characters ? characters : s->characters;
    s->utf8 = s->utf8 && emo_is_utf8(text, n);
    return EMO_OK;
}

static struct emo_npy strings_array(const struct strings *s, size_t rows)
{
    size_t n = s->utf8 ? s->characters : s->bytes;
    n = n > 0 ? n : 1;
    return (struct emo_npy){.kind = s->utf8 ? 'U' : 'S', .width = (uint32_t)(s->utf8 ? 4 * n : n),
                            .rank = 1, .dim = {rows}};
}

/* One string, filled up with zeros to the array's width. */
static int put_string(struct emo_zip *z, const struct emo_npy *a, const char *text, size_t n,
                      struct emo_error *err)
{
    static const uint8_t zeros[4096];
    size_t put = n;
    int status = EMO_OK;
    if (a->kind == 'S') {
        status = emo_zip_put(z, text, n, err);
    } else {
        put = 0;
        for (size_t i = 0; status == EMO_OK && i < n; put += 4) {
            unsigned char c = (unsigned char)text[i++];
            uint32_t code = c < 0x80 ? c : c < 0xe0 ? c & 0x1fu : c < 0xf0 ? c & 0xfu : c & 7u;
            while (i < n && ((unsigned char)text[i] & 0xc0) == 0x80)
                code = code << 6 | ((unsigned char)text[i++] & 0x3fu);
            status = emo_zip_put(z, &code, 4, err);
        }
    }
    while (status == EMO_OK && put < a->width) {
        size_t part = a->width - put < sizeof zeros ? a->width - put : sizeof zeros;
        status = emo_zip_put(z, zeros, part, err);
        put += part;
    }
    return status;
}

static int put_classes(const struct emo_gathered *g, struct emo_zip *z, struct emo_error *err)
{
    struct strings s = {.utf8 = true};
    int status = EMO_OK;
    size_t count = g->head.class_count;
    for (size_t i = 0; status == EMO_OK && i < count; i++)
        status = measure(&s, g->head.classes[i], strlen(g->head.classes[i]), "class", i, err);
    struct emo_npy a = strings_array(&s, count);
    if (status == EMO_OK)
        status = begin(z, "classes", &a, err);
    for (size_t i = 0; status == EMO_OK && i < count; i++)
        status = put_string(z, &a, g->head.classes[i], strlen(g->head.classes[i]), err);
    return status;
}

/* The lines of the HEAD; they have no zero bytes. */
static int put_head(const struct emo_gathered *g, struct emo_zip *z, struct emo_error *err)
{
    struct strings s = {.utf8 = true};
    const char *bytes = g->head.lines.bytes;
    size_t all = g->head.lines.length, count = 0, n;
    int status = EMO_OK;
    for (size_t at = 0; status == EMO_OK && at < all; at += n + 1, count++) {
        n = strcspn(bytes + at, "\n");
        status = measure(&s, bytes + at, n, "head", count, err);
    }
    struct emo_npy a = strings_array(&s, count);
    if (status == EMO_OK)
        status = begin(z, "head", &a, err);
    for (size_t at = 0; status == EMO_OK && at < all; at += n + 1) {
        n = strcspn(bytes + at, "\n");
        status = put_string(z, &a, bytes + at, n, err);
    }
    return status;
}

/* Labels, ids, splits and epochs. */
static int put_fields(const struct emo_gathered *g, struct emo_zip *z, struct emo_error *err)
{
    static const char *const names[] = {"labels", "ids", "splits", "epochs"};
    const struct emo_npy arrays[] = {{.kind = 'i', .width = 8}, {.kind = 'u', .width = 8},
                                     {.kind = 'U', .width = 4 * 5}, {.kind = 'u', .width = 2}};
    int status = EMO_OK;
    for (int k = 0; status == EMO_OK && k < 4; k++) {
        struct emo_npy a = arrays[k];
        a.rank = 1;
        a.dim[0] = g->count;
        status = begin(z, names[k], &a, err);
        for (size_t i = 0; status == EMO_OK && i < g->count; i++) {
            struct emo_pool_entry e = emo_pool_entry(g->pool, i);
            int64_t label = e.label;
            const char *split = emo_split_name(e.split);
            status = k == 0   ? emo_zip_put(z, &label, 8, err)
                     : k == 1 ? emo_zip_put(z, &e.id, 8, err)
                     : k == 2 ? put_string(z, &a, split, strlen(split), err)
                              : emo_zip_put(z, &e.epoch, 2, err);
        }
    }
    return status;
}

/* A key of the metadata, and the array that it becomes. */
struct key {
    char name[256];
    uint8_t type; /* of the first entry that had it */
    uint64_t present, other_type;
    struct strings strings;
};
struct keys {
    struct key *at;
    size_t count;
    bool full;
};

static bool plain_name(const struct emo_metadata_entry *e)
{
    for (size_t i = 0; i < e->key_length; i++) {
        char c = e->key[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-' || (c == '.' && i > 0)))
            return false;
    }
    return true;
}

static bool possible(const struct key *k)
{
    uint8_t type = k->type & (uint8_t)~EMO_META_PAYLOAD_ONLY;
    return type == EMO_META_TEXT || type == EMO_META_I64 || type == EMO_META_F64;
}

static struct key *find_key(struct keys *keys, const struct emo_metadata_entry *e)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strlen(keys->at[i].name) == e->key_length &&
            memcmp(keys->at[i].name, e->key, e->key_length) == 0)
            return &keys->at[i];
    if (keys->count == EMO_CAP_NPZ_KEYS || e->key_length >= sizeof keys->at->name) {
        keys->full = true;
        return NULL;
    }
    struct key *k = &keys->at[keys->count++];
    memcpy(k->name, e->key, e->key_length);
    k->type = e->type;
    k->strings.utf8 = true;
    if (!plain_name(e))
        k->type = 0;
    return k;
}

static int find_keys(const struct emo_gathered *g, struct keys *keys, struct emo_error *err)
{
    int status = EMO_OK;
    keys->at = calloc(EMO_CAP_NPZ_KEYS, sizeof *keys->at);
    if (keys->at == NULL)
        return emo_error_memory(err, EMO_CAP_NPZ_KEYS * sizeof *keys->at, "metadata");
    for (size_t i = 0; status == EMO_OK && i < g->count; i++) {
        struct emo_metadata m = emo_gathered_metadata(g, i);
        struct emo_metadata_entry e;
        for (size_t at = 0; status == EMO_OK && emo_metadata_next(&m, &at, &e);) {
            struct key *k = find_key(keys, &e);
            if (k == NULL)
                continue;
            if (k->type != e.type) {
                k->other_type++;
                continue;
            }
            k->present++;
            if ((e.type & ~EMO_META_PAYLOAD_ONLY) == EMO_META_TEXT)
                status = measure(&k->strings, (const char *)e.value, e.value_length, k->name, i,
                                 err);
        }
    }
    return status;
}

static void array_name(const struct key *k, char out[300])
{
    if (strcmp(k->name, "name") == 0 && k->type == EMO_META_TEXT)
        snprintf(out, 300, "names");
    else if (strcmp(k->name, "origin") == 0 && k->type == EMO_META_I64)
        snprintf(out, 300, "origins");
    else
        snprintf(out, 300, "%s.%s", k->type & EMO_META_PAYLOAD_ONLY ? "payload" : "meta", k->name);
}

/* The entry of record i that goes into k's array; false: none. */
static bool find_entry(const struct emo_gathered *g, size_t i, const struct key *k,
                       struct emo_metadata_entry *e)
{
    struct emo_metadata m = emo_gathered_metadata(g, i);
    return emo_metadata_find(&m, k->name, e) && e->type == k->type;
}

static int put_key(const struct emo_gathered *g, struct emo_zip *z, const struct key *k,
                   struct emo_error *err)
{
    static const uint8_t none[8];
    bool text = (k->type & ~EMO_META_PAYLOAD_ONLY) == EMO_META_TEXT;
    char name[300];
    struct emo_metadata_entry e;
    struct emo_npy a = {
        .kind = (k->type & ~EMO_META_PAYLOAD_ONLY) == EMO_META_I64 ? 'i' : 'f', .width = 8,
        .rank = 1, .dim = {g->count},
    };
    if (text)
        a = strings_array(&k->strings, g->count);
    array_name(k, name);
    int status = begin(z, name, &a, err);
    for (size_t i = 0; status == EMO_OK && i < g->count; i++) {
        bool found = find_entry(g, i, k, &e);
        status = text ? put_string(z, &a, found ? (const char *)e.value : "",
                                   found ? e.value_length : 0, err)
                      : emo_zip_put(z, found ? e.value : none, 8, err);
    }
    if (status != EMO_OK || k->present == g->count)
        return status;
    a = (struct emo_npy){.kind = 'b', .width = 1, .rank = 1, .dim = {g->count}};
    snprintf(name, sizeof name, "absent.%s", k->name);
    status = begin(z, name, &a, err);
    for (size_t i = 0; status == EMO_OK && i < g->count; i++) {
        uint8_t absent = !find_entry(g, i, k, &e);
        status = emo_zip_put(z, &absent, 1, err);
    }
    return status;
}

static int put_keys(const struct emo_gathered *g, struct emo_zip *z, struct emo_text *lost,
                    struct emo_error *err)
{
    struct keys keys = {0};
    int status = find_keys(g, &keys, err);
    for (size_t i = 0; status == EMO_OK && i < keys.count; i++) {
        const struct key *k = &keys.at[i];
        char quoted[EMO_QUOTE_SIZE];
        emo_quote(quoted, sizeof quoted, k->name, strlen(k->name));
        if (!possible(k))
            emo_text_printf(lost, "the metadata %s is of a type or name that no array can have\n",
                            quoted);
        else
            status = put_key(g, z, k, err);
        if (possible(k) && k->other_type > 0)
            emo_text_printf(lost, "the metadata %s of %" PRIu64 " records is of another type than "
                            "the first\n", quoted, k->other_type);
    }
    if (keys.full)
        emo_text_printf(lost, "of the metadata, only %u keys\n", EMO_CAP_NPZ_KEYS);
    free(keys.at);
    return status;
}

int emo_npz_write(const struct emo_gathered *g, struct emo_output *output, struct emo_text *lost,
                  struct emo_error *err)
{
    struct emo_zip *z;
    int status = emo_zip_open(&z, emo_output_fd(output), emo_output_name(output), err);
    if (status != EMO_OK)
        return status;
    status = put_payloads(g, z, err);
    if (status == EMO_OK)
        status = put_classes(g, z, err);
    if (status == EMO_OK)
        status = put_fields(g, z, err);
    if (status == EMO_OK)
        status = put_keys(g, z, lost, err);
    if (status == EMO_OK)
        status = put_head(g, z, err);
    if (status == EMO_OK)
        return emo_zip_finish(z, err);
    emo_zip_discard(z);
    return status;
}
