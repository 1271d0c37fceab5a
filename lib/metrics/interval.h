/*
 * How far a figure can be trusted: 95 % intervals of an accuracy and of an AUC,
 * and whether one predictor beats another by more than chance.
 */
#ifndef EMO_METRICS_INTERVAL_H
#define EMO_METRICS_INTERVAL_H

#include "metrics/curve.h"

/* The normal distribution's 0.975 quantile. */
#define EMO_Z95 1.959963984540054

/* NaN, NaN: it cannot be said. */
struct emo_interval {
    double low, high;
};

/*
 * Wilson's score interval (1927) of k successes in n: with p = k / n,
 * (p + z^2/2n +- z sqrt(p (1 - p) / n + z^2/4n^2)) / (1 + z^2/n).
 */
struct emo_interval emo_wilson(uint64_t k, uint64_t n);

/*
 * The variance of the AUC after DeLong, DeLong and Clarke-Pearson (1988). Each of the m positives
 * has v = the share of negatives below it, each of the n negatives w = the share of positives
 * above it, ties one half; the variance is var(v) / m + var(w) / n with m - 1 and n - 1 below. Sun
 * and Xu's mid-ranks (2014) are the same numbers; from the ranking they are ratios of whole
 * numbers, exact at any size.
 * NaN with fewer than two positives or two negatives.
 */
double emo_delong_variance(const struct emo_ranking *r);

/*
 * From AUC and variance, on the logit scale so that it stays within 0 and 1: logit(auc) +-
 * z sqrt(variance) / (auc (1 - auc)), and back. NaN where the AUC is 0 or 1 or the variance 0: the
 * data then say nothing of the spread.
 */
struct emo_interval emo_auc_interval(double auc, double variance);

/*
 * The exact two-sided sign test (McNemar's): of the cases in which exactly one of two predictors
 * is right, the first is in wins, the other in losses. The probability of a split at least so
 * uneven if both were equally good. 1 when there is no such case.
 */
double emo_sign_test(uint64_t wins, uint64_t losses);

#endif
