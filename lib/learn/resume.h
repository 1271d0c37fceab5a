/*
 * A training that is kept in a checkpoint, and one that goes on from there: the
 * options that it takes over, the network, the input and the state of both.
 */
#ifndef EMO_LEARN_RESUME_H
#define EMO_LEARN_RESUME_H

#include "base/option.h"
#include "learn/checkpoint.h"
#include "learn/remarks.h"

/* Set the first group, the rest zero; free with emo_resume_free(), and leave it where it is. */
struct emo_resume {
    const char *path; /* of the checkpoint; NULL: there is to be none */
    struct emo_option *options;
    size_t count;
    /* Must a run that goes on have this option as it was? */
    bool (*is_kept)(const struct emo_option *o);

    struct emo_text recorded; /* options, for the provenance: those of the run that began */
    bool resumed;             /* from a checkpoint that was there */
    uint64_t saved;           /* steps that the checkpoint holds; with the interrupts' lock */

    struct emo_checkpoint checkpoint;
    struct emo_feed_place place;
    struct emo_text *values; /* of options that were taken over */
    struct emo_text backend;
};

void emo_resume_free(struct emo_resume *r);

/* Notes the options; with go_on, where there is a checkpoint, takes its options over. EMO_USAGE:
   this run was given others; EMO_INPUT: it is none. */
int emo_resume_open(struct emo_resume *r, bool go_on, struct emo_error *err);
/* After open(), resumed: the network text, for the caller to free. */
int emo_resume_text(const struct emo_resume *r, char **text, struct emo_error *err);

/*
 * Before emo_feed_start(): begins a checkpoint for this input and net, or brings net, t and feed
 * to where the earlier run was. EMO_USAGE: it had another network; EMO_INPUT: another input.
 */
int emo_resume_begin(struct emo_resume *r, struct emo_feed *feed, const struct emo_head *input,
                     struct emo_net *net, struct emo_training *t, emo_say *say,
                     struct emo_error *err);

/* Writes the checkpoint; a signal waits meanwhile. */
int emo_resume_save(struct emo_resume *r, struct emo_feed *feed, const struct emo_training *t,
                    struct emo_net *net, struct emo_error *err);

/* What computed, in this run and the earlier ones; r's or net's. */
const char *emo_resume_backend(struct emo_resume *r, const struct emo_net *net);

/* The epoch that a run would go on with; 1 where there is no checkpoint. */
int emo_resume_next_epoch(const char *path, unsigned *epoch, struct emo_error *err);

#endif
