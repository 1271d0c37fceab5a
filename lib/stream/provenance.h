/*
 * The line that a program adds to the HEAD of what it writes: its name, its
 * version, and the options given that can change the output.
 */
#ifndef EMO_STREAM_PROVENANCE_H
#define EMO_STREAM_PROVENANCE_H

#include "base/program.h"
#include "stream/head.h"

/* Nothing with --no-pg. seed NULL: nothing is drawn. */
int emo_provenance_add(struct emo_head *head, const struct emo_program *program,
                       const uint64_t *seed, struct emo_error *err);

#endif
