/*
 * Pictures become records: read, decoded, resized and written, several at a time on as many
 * threads, in the order of the inputs whatever their number.
 */
#ifndef EMO_IMAGE_UNPACK_H
#define EMO_IMAGE_UNPACK_H

#include "base/option.h"
#include "image/inputs.h"
#include "image/resize.h"
#include "stream/writer.h"

struct emo_unpack_rules {
    uint32_t height, width, channels; /* of the records */
    enum emo_fit fit;
    uint64_t max_pixels;        /* of a picture; 0: as decode.h has it */
    struct emo_strings classes; /* folders whose pictures are taken; none: all, and those without */
    uint64_t limit;             /* pictures of each class; 0: all */
    struct emo_part shard;      /* of the entries, interleaved */
    bool strict;                /* a picture that cannot be used is EMO_INPUT; else it is skipped */
    unsigned jobs;
    /* Told of each that is skipped, by its quoted name; and of how many entries are done. */
    void (*skipped)(const char *name, const char *why);
    void (*done)(void *context, uint64_t entries);
    void *context; /* for done */
};

struct emo_unpacked {
    uint64_t *of_class; /* records; the last is unlabelled; free() it */
    uint64_t written, skipped;
    uint64_t other_class; /* left out: of none of rules.classes */
    uint64_t distorted;   /* stretched by more than half */
};

/* Bytes of one record's image. */
size_t emo_unpack_bytes(const struct emo_unpack_rules *rules);

/* Writes the records of all entries, labelled by the classes of head; the writer is not closed. */
int emo_unpack(const struct emo_unpack_rules *rules, struct emo_inputs *in,
               const struct emo_head *head, struct emo_writer *writer, struct emo_unpacked *out,
               struct emo_error *err);

#endif
