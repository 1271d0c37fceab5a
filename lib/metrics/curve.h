/*
 * How well scores rank the positive class above the rest: ROC and precision-
 * recall curves, the area under the first, the average precision.
 *
 * Everything comes from the ranking: the distinct scores from the highest down,
 * each with how many positives and negatives score at least that. Equal scores
 * are one step, so no order among them is invented. The counts are whole
 * numbers; nothing is rounded before the last division. The figures and points
 * are those of scikit-learn 1.3 and later.
 */
#ifndef EMO_METRICS_CURVE_H
#define EMO_METRICS_CURVE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct emo_step {
    double threshold;
    uint64_t tp, fp; /* positives and negatives with score >= threshold */
};

/* Free with emo_ranking_free(). steps is NULL when count is 0. */
struct emo_ranking {
    struct emo_step *steps; /* thresholds descend strictly */
    size_t count;
    uint64_t positives, negatives;
};

/* Sorts n finite scores; positive[i] is 0 or 1. EMO_FAILED: no memory; EMO_INPUT: a score is not
   finite. */
int emo_rank(struct emo_ranking *r, const double *scores, const uint8_t *positive, size_t n,
             struct emo_error *err);
void emo_ranking_free(struct emo_ranking *r);

/*
 * The area under the ROC curve: the share of pairs of a positive and a negative in which the
 * positive scores higher, a tie counting one half (Mann and Whitney's U / mn; the trapezoid rule
 * on the curve gives the same). NaN where there are not both classes.
 */
double emo_ranking_auc(const struct emo_ranking *r);

/* The sum over the steps of (recall - recall before) * precision: no interpolation. NaN without
   positives. */
double emo_ranking_average_precision(const struct emo_ranking *r);

/* emo_ranking_auc() at one go. *auc is NaN where there are not both classes, or where a score is
   not finite; then too EMO_OK. */
int emo_auc(const double *scores, const uint8_t *positive, size_t n, double *auc,
            struct emo_error *err);

struct emo_point {
    double x, y, threshold;
};

/* Free with emo_curve_free(). */
struct emo_curve {
    struct emo_point *points;
    size_t count;
};

void emo_curve_free(struct emo_curve *c);

/*
 * x: false positive rate, y: true positive rate, thresholds descending from +inf at (0, 0).
 * Points with equal steps before and after them, which lie on a straight line, are dropped. Empty
 * where there are not both classes.
 */
int emo_curve_roc(struct emo_curve *c, const struct emo_ranking *r, struct emo_error *err);

/*
 * x: recall, y: precision, one point a threshold, thresholds ascending; last comes recall 0 at
 * precision 1, which has no threshold (NaN). Empty without positives.
 */
int emo_curve_pr(struct emo_curve *c, const struct emo_ranking *r, struct emo_error *err);

#endif
