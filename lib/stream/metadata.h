/*
 * A record's metadata: packed entries
 *     type u8, key length u8, zero u16, value length u32, key, value
 * with unique keys in bytewise ascending order. An entry whose type has bit 7
 * set is true of this payload only: a program that changes the payload drops
 * it, known to it or not.
 */
#ifndef EMO_STREAM_METADATA_H
#define EMO_STREAM_METADATA_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum emo_metadata_type {
    EMO_META_TEXT = 1,
    EMO_META_BYTES,
    EMO_META_I64,
    EMO_META_F64,
    EMO_META_F64S,
    EMO_META_PAYLOAD_ONLY = 0x80, /* or'ed in */
};

/* Zero-initialise; free with emo_metadata_free(). A failed allocation or a set() past the cap
   sets failed, the latter full, too: the writer refuses such a record. */
struct emo_metadata {
    uint8_t *bytes;
    size_t length, room;
    bool failed, full;
};

struct emo_metadata_entry {
    uint8_t type;
    const char *key; /* not NUL-terminated */
    size_t key_length;
    const uint8_t *value;
    size_t value_length;
};

void emo_metadata_free(struct emo_metadata *m);
/* What is wrong with these bytes as metadata, or NULL. */
const char *emo_metadata_check(const uint8_t *bytes, size_t n);
/* Replaces m's content with bytes that were checked. */
void emo_metadata_assign(struct emo_metadata *m, const uint8_t *bytes, size_t n);

/* Iterates: *at begins as 0. False at the end. */
bool emo_metadata_next(const struct emo_metadata *m, size_t *at, struct emo_metadata_entry *e);
bool emo_metadata_find(const struct emo_metadata *m, const char *key, struct emo_metadata_entry *e);
/* The value of a text key, not NUL-terminated; NULL when absent or of another type. */
const char *emo_metadata_text(const struct emo_metadata *m, const char *key, size_t *n);
bool emo_metadata_i64(const struct emo_metadata *m, const char *key, int64_t *value);
bool emo_metadata_f64(const struct emo_metadata *m, const char *key, double *value);

/* Adds or replaces. */
void emo_metadata_set(struct emo_metadata *m, uint8_t type, const char *key, const void *value,
                      size_t n);
void emo_metadata_set_text(struct emo_metadata *m, const char *key, const char *text, size_t n);
void emo_metadata_set_i64(struct emo_metadata *m, const char *key, int64_t value);
void emo_metadata_set_f64(struct emo_metadata *m, const char *key, double value);
void emo_metadata_remove(struct emo_metadata *m, const char *key);
/* To be called when the payload changes: drops the entries that held of the old one only. */
void emo_metadata_payload_changed(struct emo_metadata *m);

#endif
