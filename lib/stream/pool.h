/*
 * Holds records for random access: in memory up to a limit, then in an unlinked
 * temporary file ($TMPDIR, else /var/tmp), whose bytes are checked against
 * their CRC when they come back.
 */
#ifndef EMO_STREAM_POOL_H
#define EMO_STREAM_POOL_H

#include "stream/record.h"

struct emo_pool;

/* memory: bytes of records kept in RAM. */
int emo_pool_open(struct emo_pool **p, uint64_t memory, struct emo_error *err);
void emo_pool_close(struct emo_pool *p);

/* Copies the record in; its index is the count before. */
int emo_pool_add(struct emo_pool *p, const struct emo_record *record, struct emo_error *err);

size_t emo_pool_count(const struct emo_pool *p);
bool emo_pool_spilled(const struct emo_pool *p);

/* What is known without touching the payload. */
struct emo_pool_entry {
    uint64_t id;
    int16_t label;
    uint8_t split;
    uint16_t epoch;
};
struct emo_pool_entry emo_pool_entry(const struct emo_pool *p, size_t i);

/* A caller's window on the pool; zero-initialise, one per thread, free when done. */
struct emo_pool_view {
    struct emo_record record;
    void *buffer;
    size_t room;
};
void emo_pool_view_free(struct emo_pool_view *v);

/* Makes v->record record i; payload is in the pool or in the view until v's next use. Safe from
   several threads at once, each with its own view, while nothing is added. */
int emo_pool_get(const struct emo_pool *p, size_t i, struct emo_pool_view *v,
                 struct emo_error *err);

#endif
