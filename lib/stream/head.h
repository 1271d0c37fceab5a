/*
 * What a HEAD says: kind, classes, provenance, network, keys.
 *
 * The text's lines end in LF, fields are separated by TAB, bytes escaped as in
 * base/text.h:
 *     @CLASS index name                     names in byte order, 0 to K - 1
 *     @PG program version options seed      one a program passed
 *     @NET line                             one a line of network text
 *     @KEY name value
 * Lines of other kinds are kept and passed on.
 */
#ifndef EMO_STREAM_HEAD_H
#define EMO_STREAM_HEAD_H

#include "base/error.h"
#include "base/text.h"
#include "stream/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; free with emo_head_free(). */
struct emo_head {
    uint16_t kind, may;
    uint64_t records_expected; /* a hint, for progress; EMO_UNKNOWN */
    uint32_t shard, shards;    /* 0 of 1: whole */
    char **classes;            /* unescaped, NUL-terminated, no NUL within */
    size_t class_count;
    struct emo_text lines;     /* all lines but @CLASS, escaped, in order */
};

void emo_head_free(struct emo_head *h);
/* kind, unknown count, shard 0 of 1, nothing else. */
void emo_head_begin(struct emo_head *h, uint16_t kind);
/* For the stream that is made of from's: that is whole, also when from is one of several shards
   (whose number of records is then not known). */
int emo_head_copy(struct emo_head *to, const struct emo_head *from, struct emo_error *err);

/* The HEAD text, both ways. parse sets classes and lines; status EMO_INPUT when it is not well
   formed. */
int emo_head_parse(struct emo_head *h, const char *text, size_t n, struct emo_error *err);
int emo_head_format(const struct emo_head *h, struct emo_text *out, struct emo_error *err);
/* The HEAD as it is written: 64 bytes and, in out (emptied first), the text after them. */
int emo_head_frame(const struct emo_head *h, struct emo_head_frame *f, struct emo_text *out,
                   struct emo_error *err);

/* Replaces the class table; names are copied and must already be in byte order. */
int emo_head_set_classes(struct emo_head *h, const char *const *names, size_t count,
                         struct emo_error *err);
/* The same from names in any order, which it sorts, with doubles. */
int emo_head_gather_classes(struct emo_head *h, const char **names, size_t count,
                            struct emo_error *err);
bool emo_head_same_classes(const struct emo_head *a, const struct emo_head *b);
/* The index of a class by name, -1 when there is none. */
int emo_head_class_index(const struct emo_head *h, const char *name);

/* Names of keys, here and below, have no bytes that would be escaped. */
/* @KEY: the value unescaped in out (emptied first); false when absent, or with out->failed. */
bool emo_head_key(const struct emo_head *h, const char *name, struct emo_text *out);
/* A short value, with its escapes, in a buffer: needs no memory. false when absent or longer. */
#define EMO_KEY_SHORT 32
bool emo_head_key_short(const struct emo_head *h, const char *name, char to[EMO_KEY_SHORT]);
/* Whole-number @KEY; false when absent or no number. */
bool emo_head_key_int(const struct emo_head *h, const char *name, int64_t *value);
/* @KEY input: the height, width and channels of the stream's images; false when absent or none. */
bool emo_head_input(const struct emo_head *h, uint32_t *height, uint32_t *width,
                    uint32_t *channels);
/* Adds, or replaces in place. */
int emo_head_set_key(struct emo_head *h, const char *name, const char *value,
                     struct emo_error *err);
void emo_head_remove_key(struct emo_head *h, const char *name);
/* The @NET lines as one text, each ended by LF; false when there are none, or with out->failed. */
bool emo_head_net(const struct emo_head *h, struct emo_text *out);
int emo_head_set_net(struct emo_head *h, const char *text, struct emo_error *err);
/* Appends "@PG program version options seed"; seed may be NULL (field "NA"). */
int emo_head_add_pg(struct emo_head *h, const char *program, const char *version,
                    const char *options, const uint64_t *seed, struct emo_error *err);

#endif
