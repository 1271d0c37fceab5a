/*
 * A stream of equal tensors, held until its clean end: an array file says how
 * many rows it has before the first of them, and has no mark to say that it was
 * cut short, so nothing of it is written before all is known.
 */
#ifndef EMO_EXCHANGE_GATHER_H
#define EMO_EXCHANGE_GATHER_H

#include "stream/pool.h"
#include "stream/reader.h"

/* Zero-initialise; free with emo_gathered_free(). */
struct emo_gathered {
    struct emo_head head;   /* as it was read */
    struct emo_pool *pool;  /* the records, without their metadata */
    struct emo_text packed; /* the metadata of all records, one after the other */
    size_t *ends, room;     /* in packed, of each record's */
    struct emo_record like; /* the type and shape of every record, once there is one */
    size_t count;
};

/*
 * Reads to the clean end. EMO_INPUT: not images (u8, HWC) or scores (f32, a number a class), or of
 * different shapes. memory: bytes of payload to keep in RAM; the rest spills.
 */
int emo_gather(struct emo_gathered *g, struct emo_reader *reader, uint64_t memory,
               struct emo_error *err);
void emo_gathered_free(struct emo_gathered *g);

/* The metadata of record i, borrowed: not to be freed or changed. */
struct emo_metadata emo_gathered_metadata(const struct emo_gathered *g, size_t i);

#endif
