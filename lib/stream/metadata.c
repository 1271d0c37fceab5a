#include "stream/metadata.h"

#include "stream/frame.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY_HEADER 8u

void emo_metadata_free(struct emo_metadata *m)
{
    free(m->bytes);
    *m = (struct emo_metadata){0};
}

static int compare(const void *a, size_t an, const void *b, size_t bn)
{
    int c = memcmp(a, b, an < bn ? an : bn);
    return c != 0 ? c : (an > bn) - (an < bn);
}

/* Reads the entry at *at, which need not be whole. NULL: it was read. */
static const char *entry_at(const uint8_t *bytes, size_t n, size_t *at,
                            struct emo_metadata_entry *e)
{
    uint32_t value_length;
    if (n - *at < ENTRY_HEADER)
        return "metadata ends inside an entry";
    const uint8_t *p = bytes + *at;
    memcpy(&value_length, p + 4, 4);
    size_t room = n - *at - ENTRY_HEADER;
    if (p[1] > room || value_length > room - p[1])
        return "metadata ends inside an entry";
    e->type = p[0];
    e->key = (const char *)p + ENTRY_HEADER;
    e->key_length = p[1];
    e->value = p + ENTRY_HEADER + p[1];
    e->value_length = value_length;
    if (p[2] != 0 || p[3] != 0)
        return "a reserved metadata field is not zero";
    *at += ENTRY_HEADER + e->key_length + e->value_length;
    return NULL;
}

const char *emo_metadata_check(const uint8_t *bytes, size_t n)
{
    struct emo_metadata_entry e, last = {0};
    size_t at = 0;
    while (at < n) {
        bool first = at == 0;
        const char *wrong = entry_at(bytes, n, &at, &e);
        if (wrong != NULL)
            return wrong;
        if (e.key_length == 0)
            return "a metadata key is empty";
        if (memchr(e.key, '\0', e.key_length) != NULL)
            return "a metadata key holds a zero byte";
        if (!first && compare(last.key, last.key_length, e.key, e.key_length) >= 0)
            return "metadata keys are not in order, or not unique";
        unsigned type = e.type & ~(unsigned)EMO_META_PAYLOAD_ONLY;
        if ((type == EMO_META_I64 || type == EMO_META_F64) && e.value_length != 8)
            return "a metadata number is not 8 bytes long";
        if (type == EMO_META_F64S && e.value_length % 8 != 0)
            return "a metadata list of numbers is not a multiple of 8 bytes long";
        last = e;
    }
    return NULL;
}

static bool reserve(struct emo_metadata *m, size_t n)
{
    if (n <= m->room)
        return true;
    size_t room = n < 256 ? 256 : n + n / 2;
    uint8_t *bytes = realloc(m->bytes, room);
    if (bytes == NULL) {
        m->failed = true;
        return false;
    }
    m->bytes = bytes;
    m->room = room;
    return true;
}

void emo_metadata_assign(struct emo_metadata *m, const uint8_t *bytes, size_t n)
{
    m->failed = m->full = false;
    m->length = 0;
    if (n == 0 || !reserve(m, n))
        return;
    memcpy(m->bytes, bytes, n);
    m->length = n;
}

bool emo_metadata_next(const struct emo_metadata *m, size_t *at, struct emo_metadata_entry *e)
{
    return *at < m->length && entry_at(m->bytes, m->length, at, e) == NULL;
}

bool emo_metadata_find(const struct emo_metadata *m, const char *key, struct emo_metadata_entry *e)
{
    size_t at = 0, n = strlen(key);
    while (emo_metadata_next(m, &at, e))
        if (compare(e->key, e->key_length, key, n) == 0)
            return true;
    return false;
}

static bool find_type(const struct emo_metadata *m, const char *key, unsigned type,
                      struct emo_metadata_entry *e)
{
    return emo_metadata_find(m, key, e) && (e->type & ~(unsigned)EMO_META_PAYLOAD_ONLY) == type;
}

const char *emo_metadata_text(const struct emo_metadata *m, const char *key, size_t *n)
{
    struct emo_metadata_entry e;
    if (!find_type(m, key, EMO_META_TEXT, &e))
        return NULL;
    *n = e.value_length;
    return (const char *)e.value;
}

bool emo_metadata_i64(const struct emo_metadata *m, const char *key, int64_t *value)
{
    struct emo_metadata_entry e;
    if (!find_type(m, key, EMO_META_I64, &e))
        return false;
    memcpy(value, e.value, 8);
    return true;
}

bool emo_metadata_f64(const struct emo_metadata *m, const char *key, double *value)
{
    struct emo_metadata_entry e;
    if (!find_type(m, key, EMO_META_F64, &e))
        return false;
    memcpy(value, e.value, 8);
    return true;
}

/* Makes the bytes from..to of m hold size bytes instead. */
static bool splice(struct emo_metadata *m, size_t from, size_t to, size_t size)
{
    size_t length = m->length - (to - from) + size;
    if (length > EMO_CAP_METADATA) {
        m->failed = m->full = true;
        return false;
    }
    if (!reserve(m, length))
        return false;
    if (m->length > to)
        memmove(m->bytes + from + size, m->bytes + to, m->length - to);
    m->length = length;
    return true;
}

void emo_metadata_set(struct emo_metadata *m, uint8_t type, const char *key, const void *value,
                      size_t n)
{
    struct emo_metadata_entry e;
    size_t key_length = strlen(key), from = 0, to, at = 0;
    int c = 1;
    if (key_length == 0 || key_length > UINT8_MAX || n > EMO_CAP_METADATA) {
        m->failed = m->full = true;
        return;
    }
    for (to = 0; emo_metadata_next(m, &at, &e); from = to = at) {
        c = compare(e.key, e.key_length, key, key_length);
        if (c >= 0)
            break;
    }
    if (c == 0)
        to = at;
    if (!splice(m, from, to, ENTRY_HEADER + key_length + n))
        return;
    uint8_t *p = m->bytes + from;
    uint32_t value_length = (uint32_t)n;
    p[0] = type;
    p[1] = (uint8_t)key_length;
    p[2] = p[3] = 0;
    memcpy(p + 4, &value_length, 4);
    memcpy(p + ENTRY_HEADER, key, key_length);
    if (n > 0)
        memcpy(p + ENTRY_HEADER + key_length, value, n);
}

void emo_metadata_set_text(struct emo_metadata *m, const char *key, const char *text, size_t n)
{
    emo_metadata_set(m, EMO_META_TEXT, key, text, n);
}

void emo_metadata_set_i64(struct emo_metadata *m, const char *key, int64_t value)
{
    emo_metadata_set(m, EMO_META_I64, key, &value, sizeof value);
}

void emo_metadata_set_f64(struct emo_metadata *m, const char *key, double value)
{
    emo_metadata_set(m, EMO_META_F64, key, &value, sizeof value);
}

void emo_metadata_remove(struct emo_metadata *m, const char *key)
{
    struct emo_metadata_entry e;
    size_t at = 0, n = strlen(key);
    for (size_t from = 0; emo_metadata_next(m, &at, &e); from = at) {
        if (compare(e.key, e.key_length, key, n) == 0) {
            (void)splice(m, from, at, 0);
            return;
        }
    }
}

void emo_metadata_payload_changed(struct emo_metadata *m)
{
    struct emo_metadata_entry e;
    size_t at = 0;
    for (size_t from = 0; emo_metadata_next(m, &at, &e); from = at) {
        if (e.type & EMO_META_PAYLOAD_ONLY) {
            (void)splice(m, from, at, 0);
            at = from;
        }
    }
}
