/*
 * How good probabilities are as probabilities: log loss, Brier score,
 * calibration.
 */
#ifndef EMO_METRICS_CALIBRATION_H
#define EMO_METRICS_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

/* -log of the probability that the true class was given, kept within epsilon and 1 - epsilon:
   epsilon is that of the type in which probabilities were stored (FLT_EPSILON, DBL_EPSILON). */
double emo_log_loss_of(double probability, double epsilon);

/* The sum over the classes of (p_k - y_k)^2, y_k being 1 for the true class and 0 for others; of
   two classes half of it, which is (p - y)^2 of either. As scikit-learn. */
double emo_brier_of(const double *p, size_t classes, size_t truth);

/* What a forecast that knows only how often each class occurs would lose: the entropy, in nats. */
double emo_entropy(const uint64_t *counts, size_t classes);

/*
 * Calibration, over 15 bins of equal width: a probability p falls in bin min(14, floor(15 p)). The
 * error is the mean over all cases of |mean probability - share of hits| of their bin. Zero-
 * initialise, add every case, then ask.
 */
#define EMO_BINS 15u

struct emo_bin {
    uint64_t count, hits;
    double sum; /* of the probabilities */
};
struct emo_calibration {
    struct emo_bin bins[EMO_BINS];
};

void emo_calibration_add(struct emo_calibration *c, double p, int hit);
/* NaN: no cases. */
double emo_calibration_error(const struct emo_calibration *c);

#endif
