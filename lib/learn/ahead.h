/*
 * Reads images ahead in a thread, so that reading and computing overlap, and so
 * that whoever computes gets all that has come meanwhile in one go: one image
 * from a slow source, many from a fast one.
 */
#ifndef EMO_LEARN_AHEAD_H
#define EMO_LEARN_AHEAD_H

#include "stream/reader.h"

struct emo_ahead;

/*
 * Takes the reader over until close. Gives at most batch records at a time. check is called in the
 * thread with each record before its payload is read; what it refuses ends the reading.
 */
int emo_ahead_open(struct emo_ahead **a, struct emo_reader *reader, size_t batch,
                   int (*check)(void *context, const struct emo_record *r, struct emo_error *err),
                   void *context, struct emo_error *err);
void emo_ahead_close(struct emo_ahead *a);

/*
 * The records that have come, at least one, in order, with payload, until the next call. *count 0:
 * the clean end. An error comes after the last record before it.
 */
int emo_ahead_take(struct emo_ahead *a, const struct emo_record ***records, size_t *count,
                   struct emo_error *err);

/* Would take() have to wait now? */
bool emo_ahead_would_wait(struct emo_ahead *a);

#endif
