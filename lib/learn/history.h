/*
 * The history of a training: what each epoch came to.
 */
#ifndef EMO_LEARN_HISTORY_H
#define EMO_LEARN_HISTORY_H

#include "base/error.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

/* One epoch. What there is none of is NaN. */
struct emo_epoch {
    unsigned number;
    double loss, accuracy; /* means over the images as they were trained on, dropout on */
    double valid_loss, valid_accuracy, valid_auc;
    double seconds;           /* with the validation */
    double images_per_second; /* of the training alone, waiting for input included */
};

/* Zero-initialise; free with emo_history_free(). */
struct emo_history {
    struct emo_epoch *at;
    size_t count, room;
    uint64_t steps, images;
};

void emo_history_free(struct emo_history *h);
int emo_history_add(struct emo_history *h, const struct emo_epoch *e, struct emo_error *err);

/* As TSV with a header line, emo-text(5). */
void emo_history_tsv(struct emo_text *out, const struct emo_history *h);

/* "epoch 3/10  loss 0.5123  acc ...", for people; of 0: how many there will be is not known. */
void emo_epoch_line(struct emo_text *out, const struct emo_epoch *e, unsigned of);

#endif
