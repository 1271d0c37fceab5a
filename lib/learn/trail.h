/*
 * What was read of an input, so that a training that goes on knows the same
 * input again.
 *
 * An input falls into stretches. Of an augmented stream, stretch 0 is what comes
 * before the first epoch, and stretch e is epoch e; of any other stream,
 * stretch 0 is all of it. Of each are kept the number of its records and a
 * CRC-32 over the header_crc (u32) and the id (u64) of each in turn. header_crc
 * covers the record's metadata and payload; the id is the one that it has when
 * streams are joined.
 */
#ifndef EMO_LEARN_TRAIL_H
#define EMO_LEARN_TRAIL_H

#include "stream/record.h"

struct emo_stretch {
    uint64_t records;
    uint32_t crc;
};

void emo_stretch_add(struct emo_stretch *s, const struct emo_record *r);

/* Zero-initialise; free with emo_trail_free(). */
struct emo_trail {
    struct emo_stretch *at;
    size_t count, room;
};

void emo_trail_free(struct emo_trail *t);
/* Sets stretch i, which is there, or is the next one. */
int emo_trail_set(struct emo_trail *t, size_t i, struct emo_stretch s, struct emo_error *err);

/* Walks along an input. Zero-initialise. */
struct emo_walk {
    size_t number;             /* the stretch it is on */
    struct emo_stretch so_far; /* of that */
    struct emo_stretch before; /* all of the one before */
    /* The trail that it must be, where one is known. Its last stretch may be a part only. */
    const struct emo_trail *known;
    bool known_whole;
};

/* The next record is of stretch number, which is the present one or a later one. EMO_INPUT: not as
   it is known; file is for the message. */
int emo_walk_step(struct emo_walk *w, size_t number, const struct emo_record *r, const char *file,
                  struct emo_error *err);
/* The end of the input. */
int emo_walk_end(struct emo_walk *w, const char *file, struct emo_error *err);

#endif
