/*
 * What is said while a training goes on: its steps and epochs, and a line of
 * progress that is drawn over itself.
 */
#ifndef EMO_LEARN_TELLER_H
#define EMO_LEARN_TELLER_H

#include "base/progress.h"
#include "learn/remarks.h"
#include "learn/train.h"

/* Set the first group, the rest zero. */
struct emo_teller {
    emo_say *say;
    struct emo_feed *feed;
    const struct emo_training *training;
    bool steps; /* a line for each */
    bool shown; /* progress is drawn */

    struct emo_progress progress;
    uint64_t before; /* images of earlier epochs */
    char label[64];
};

/* Before the training begins or goes on, and after it. */
void emo_teller_begin(struct emo_teller *t);
void emo_teller_end(struct emo_teller *t);

/* For struct emo_train_listener; the context is the teller. */
void emo_teller_step(void *teller, uint64_t step, double loss, uint64_t images);
void emo_teller_epoch(void *teller, const struct emo_epoch *e);

/* Which epoch the model is of, where that is not plainly the last. */
void emo_teller_best(const struct emo_teller *t, enum emo_keep keep);

#endif
