/*
 * The best epoch of a training: which it was, by which measure, and its
 * parameters.
 */
#ifndef EMO_LEARN_BEST_H
#define EMO_LEARN_BEST_H

#include "learn/history.h"
#include "net/net.h"

/* What is kept: the last parameters, or those of the epoch that validated best by a measure. */
enum emo_keep { EMO_KEEP_LAST, EMO_KEEP_VAL_AUC, EMO_KEEP_VAL_LOSS };

/* "val_auc", "val_loss". */
const char *emo_keep_name(enum emo_keep keep);

/* Zero-initialise; free with emo_best_free(). */
struct emo_best {
    unsigned epoch; /* 0: none yet */
    double value;   /* of the measure, in that epoch */
    float *values;  /* the parameters of that epoch, one after the other */
    size_t count;
};

void emo_best_free(struct emo_best *b);

/* Room for net's parameters. */
int emo_best_reserve(struct emo_best *b, struct emo_net *net, struct emo_error *err);

/* After an epoch: takes net's parameters if they are better than the best so far. Of equals the
   first stays; what is not a number is never better. */
int emo_best_consider(struct emo_best *b, enum emo_keep keep, const struct emo_epoch *e,
                      struct emo_net *net, struct emo_error *err);
/* Gives net the best parameters, if there are any. */
void emo_best_restore(const struct emo_best *b, struct emo_net *net);

#endif
