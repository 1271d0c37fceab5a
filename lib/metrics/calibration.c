#include "metrics/calibration.h"

#include <math.h>

double emo_log_loss_of(double probability, double epsilon)
{
    return -log(fmin(fmax(probability, epsilon), 1 - epsilon));
}

double emo_brier_of(const double *p, size_t classes, size_t truth)
{
    double sum = 0;
    for (size_t k = 0; k < classes; k++) {
        double off = p[k] - (double)(truth == k);
        sum += off * off;
    }
    return classes == 2 ? sum / 2 : sum;
}

double emo_entropy(const uint64_t *counts, size_t classes)
{
    double n = 0, sum = 0;
    for (size_t k = 0; k < classes; k++)
        n += (double)counts[k];
    for (size_t k = 0; k < classes; k++)
        if (counts[k] > 0)
            sum -= (double)counts[k] * log((double)counts[k] / n);
    return n > 0 ? sum / n : NAN;
}

void emo_calibration_add(struct emo_calibration *c, double p, int hit)
{
    double at = floor(EMO_BINS * p);
    struct emo_bin *b = &c->bins[at < EMO_BINS - 1 ? (size_t)at : EMO_BINS - 1];
    b->count++;
    b->hits += hit != 0;
    b->sum += p;
}

double emo_calibration_error(const struct emo_calibration *c)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < EMO_BINS; i++) {
        n += (double)c->bins[i].count;
        sum += fabs(c->bins[i].sum - (double)c->bins[i].hits);
    }
    return n > 0 ? sum / n : NAN;
}
