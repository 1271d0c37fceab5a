/*
 * Scoring: images through a net to probabilities, what these are worth, and the
 * records and lines that tell them.
 */
#ifndef EMO_LEARN_SCORE_H
#define EMO_LEARN_SCORE_H

#include "base/text.h"
#include "net/net.h"
#include "stream/head.h"
#include "stream/pool.h"

/* The class that K probabilities say: of two, class 1 from 0.5 up; of more, the lowest of the
   greatest. */
size_t emo_predicted(const float *probabilities, size_t classes);

/* What a set of scored images with labels is worth. */
struct emo_score_summary {
    double loss;     /* mean cross-entropy; probabilities are kept FLT_EPSILON off 0 */
    double accuracy;
    double auc;      /* of class 1; for more than two classes the mean, one against the rest; NaN
                        where a class has no image */
    size_t not_finite; /* images with a probability that is NaN */
};
int emo_score_summarise(const float *probabilities, const int *labels, size_t count,
                        size_t classes, struct emo_score_summary *out, struct emo_error *err);

/* The same for count records of a pool, which must be labelled, at most batch at a time. stop, which
   may be NULL, is asked after each batch; when it says so, there is nothing in *out. */
int emo_score_pool(struct emo_net *n, const struct emo_pool *pool, const size_t *records,
                   size_t count, size_t batch, size_t classes, bool (*stop)(void),
                   struct emo_score_summary *out, struct emo_error *err);

/* Makes the score record of an image record: all that is known of the image, except what held of
   its pixels only, and seen. probabilities is borrowed. */
int emo_score_record(struct emo_record *score, const struct emo_record *image, int16_t label,
                     bool seen, const float *probabilities, size_t classes,
                     struct emo_error *err);

/* As text, emo-text(5): a header line, then a line a record; or an object a record. */
void emo_score_tsv_header(struct emo_text *out, const struct emo_head *head);
void emo_score_tsv(struct emo_text *out, const struct emo_head *head,
                   const struct emo_record *score);
void emo_score_json(struct emo_text *out, const struct emo_head *head,
                    const struct emo_record *score);

#endif
