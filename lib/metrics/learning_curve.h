/*
 * The learning curve of a training: its history, emo-text(5), read from the table.
 */
#ifndef EMO_METRICS_LEARNING_CURVE_H
#define EMO_METRICS_LEARNING_CURVE_H

#include "base/error.h"

#include <stddef.h>

/* NaN: missing. */
struct emo_curve_epoch {
    double epoch, loss, acc, val_loss, val_acc, val_auc;
};

/* Free with emo_learning_curve_free(). */
struct emo_learning_curve {
    struct emo_curve_epoch *at;
    size_t count;
};

/*
 * Reads the table at path ("-": standard input). It needs the column epoch and one of the others.
 * EMO_INPUT: not such a table, or one without a line.
 */
int emo_learning_curve_read(struct emo_learning_curve *h, const char *path, struct emo_error *err);
void emo_learning_curve_free(struct emo_learning_curve *h);

#endif
