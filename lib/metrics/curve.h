/*
 * Rank statistics of scores against two-class truth. Ties count half.
 */
#ifndef EMO_METRICS_CURVE_H
#define EMO_METRICS_CURVE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A score and whether the record is of the positive class. */
struct emo_scored {
    double score;
    bool positive;
};

/* Descending by score; equal scores keep their order. */
int emo_sort_scored(struct emo_scored *s, size_t n, struct emo_error *err);

/* Of sorted scores: area under the ROC curve by the trapezoid rule; NaN without both classes. */
double emo_auc(const struct emo_scored *s, size_t n);
/* Sum over thresholds of (recall step) x precision; NaN without positives. */
double emo_average_precision(const struct emo_scored *s, size_t n);

/*
 * The variance of the AUC (DeLong, DeLong & Clarke-Pearson 1988), by mid-ranks (Sun & Xu 2014):
 * cov(v01)/m + cov(v10)/n over m positives and n negatives. NaN with fewer than two of either.
 */
double emo_delong_variance(const struct emo_scored *s, size_t n);

/* A curve's corner at "score >= threshold". */
struct emo_point {
    double threshold, x, y;
};
/* ROC: x false positive rate, y true positive rate; collinear points dropped, (0, 0) at +infinity
   first. Points in *points (free() them). Needs both classes. */
int emo_roc(const struct emo_scored *s, size_t n, struct emo_point **points, size_t *count,
            struct emo_error *err);
/* PR: x recall, y precision; thresholds rising, ends with (0, 1) at +infinity. Needs a positive. */
int emo_precision_recall(const struct emo_scored *s, size_t n, struct emo_point **points,
                         size_t *count, struct emo_error *err);

#endif
