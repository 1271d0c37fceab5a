/*
 * The files that a training leaves: its model, and the table of its epochs.
 * They are opened before it begins, so that what cannot be written is known
 * then, and written once nothing else can fail.
 */
#ifndef EMO_LEARN_OUTPUTS_H
#define EMO_LEARN_OUTPUTS_H

#include "base/file.h"
#include "learn/history.h"
#include "net/model.h"

struct emo_outputs {
    const char *model_path;      /* NULL or "-": standard output */
    const char *history_path;    /* NULL: none; "-": standard output */
    const char *checkpoint_path; /* NULL: none; written by others, on the way */
    struct emo_output *model, *history; /* while they are open */
};

/* EMO_USAGE: two of them are the same file. */
int emo_outputs_check(const struct emo_outputs *o, struct emo_error *err);
/* A signal waits meanwhile; its handler may call discard(). */
int emo_outputs_open(struct emo_outputs *o, struct emo_error *err);
/* Writes and closes them. */
int emo_outputs_write(struct emo_outputs *o, const struct emo_model *model, struct emo_net *net,
                      const struct emo_history *history, struct emo_error *err);
/* Closes what is open, as if it had never been. */
void emo_outputs_discard(struct emo_outputs *o);

#endif
