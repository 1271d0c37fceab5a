/*
 * A fixed team of threads that runs the numbered pieces of one job, then waits.
 *
 * The pieces are handed out in no particular order, so a job must make each
 * piece depend on its number only, never on the worker that runs it: then the
 * result is the same for every team size. A team of one runs in the caller.
 */
#ifndef EMO_BASE_THREADS_H
#define EMO_BASE_THREADS_H

#include "base/error.h"

#include <stddef.h>

struct emo_threads;

/* Workers 0 (the caller) to n - 1. Free with emo_threads_close(), which takes NULL. */
int emo_threads_open(struct emo_threads **t, unsigned n, struct emo_error *err);
void emo_threads_close(struct emo_threads *t);
unsigned emo_threads_count(const struct emo_threads *t);

/* Calls piece(context, i, worker) once for each i < pieces; returns when all are done. */
void emo_threads_run(struct emo_threads *t, size_t pieces,
                     void (*piece)(void *context, size_t i, unsigned worker), void *context);

#endif
