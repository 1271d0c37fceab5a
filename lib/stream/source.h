/*
 * The bytes of one file or of standard input, buffered; large reads go straight
 * to where they are wanted.
 */
#ifndef EMO_STREAM_SOURCE_H
#define EMO_STREAM_SOURCE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise, then open; close may be called at any time. */
struct emo_source {
    int fd;
    bool opened, standard;
    bool regular; /* a file on a disk: never waits */
    const char *file; /* for messages: the path, or "<stdin>" */
    uint8_t *buffer;
    size_t at, filled;
    size_t refill;   /* most to read at once: little after a seek or a large read, when a header is
                        due and what follows may go elsewhere */
    uint64_t offset; /* of the next byte to be taken */
};

/* path "-": standard input. A terminal is EMO_USAGE. The buffer is kept from file to file. */
int emo_source_open(struct emo_source *s, const char *path, struct emo_error *err);
void emo_source_close(struct emo_source *s);
void emo_source_free(struct emo_source *s);

/* Gives back n bytes, those last taken: they come again
   first. */
int emo_source_unread(struct emo_source *s, const void *bytes, size_t n, struct emo_error *err);

/* The next byte, which stays to be taken. *got false: the end of the file. */
int emo_source_peek(struct emo_source *s, uint8_t *byte, bool *got, struct emo_error *err);

/* Takes n bytes; *got is less than n only at the end of the file. */
int emo_source_take(struct emo_source *s, void *to, size_t n, size_t *got, struct emo_error *err);

/* The same into *bytes, which grows (from *room) with what really arrives and stays 64-byte
   aligned. */
int emo_source_take_growing(struct emo_source *s, uint8_t **bytes, size_t *room, size_t n,
                            size_t *got, struct emo_error *err);

/* Takes n bytes at most, but not 0, and leaves them where they lie: *bytes, good until the next
   call. *got 0: the end of the file. */
int emo_source_borrow(struct emo_source *s, size_t n, const uint8_t **bytes, size_t *got,
                      struct emo_error *err);

/* Passes n bytes over by seeking, also past the end of the file. *sought false: this is no
   regular file, and nothing was passed over. */
int emo_source_seek(struct emo_source *s, uint64_t n, bool *sought, struct emo_error *err);

/* What is buffered, and how much of it. */
const uint8_t *emo_source_buffered(const struct emo_source *s, size_t *n);
/* The descriptor has nothing to read now, not even the end of the file. */
bool emo_source_waits(const struct emo_source *s);

#endif
