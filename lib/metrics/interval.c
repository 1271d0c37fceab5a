#include "metrics/interval.h"

#include <math.h>

struct emo_interval emo_wilson(uint64_t k, uint64_t n)
{
    if (n == 0)
        return (struct emo_interval){NAN, NAN};
    double size = (double)n, p = (double)k / size, z2 = EMO_Z95 * EMO_Z95;
    double centre = p + z2 / (2 * size);
    double half = EMO_Z95 * sqrt(p * (1 - p) / size + z2 / (4 * size * size));
    double scale = 1 + z2 / size;
    return (struct emo_interval){k == 0 ? 0 : (centre - half) / scale,
                                 k == n ? 1 : (centre + half) / scale};
}

double emo_delong_variance(const struct emo_ranking *r)
{
    double m = (double)r->positives, n = (double)r->negatives;
    if (r->positives < 2 || r->negatives < 2)
        return NAN;
    double auc = emo_ranking_auc(r), positives = 0, negatives = 0;
    uint64_t tp = 0, fp = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct emo_step *s = &r->steps[i];
        double v = (double)(2 * r->negatives - s->fp - fp) / (2 * n) - auc;
        double w = (double)(s->tp + tp) / (2 * m) - auc;
        positives += (double)(s->tp - tp) * v * v;
        negatives += (double)(s->fp - fp) * w * w;
        tp = s->tp;
        fp = s->fp;
    }
    return positives / (m - 1) / m + negatives / (n - 1) / n;
}

struct emo_interval emo_auc_interval(double auc, double variance)
{
    if (!(auc > 0 && auc < 1) || !(variance > 0))
        return (struct emo_interval){NAN, NAN};
    double centre = log(auc) - log1p(-auc);
    double half = EMO_Z95 * sqrt(variance) / (auc * (1 - auc));
    return (struct emo_interval){1 / (1 + exp(half - centre)), 1 / (1 + exp(-half - centre))};
}

double emo_sign_test(uint64_t wins, uint64_t losses)
{
    uint64_t fewer = wins < losses ? wins : losses, n = wins + losses;
    if (wins == losses)
        return 1;
    /* log C(n, k) - n log 2 from k = fewer down: terms shrink, and stop to matter. */
    double size = (double)n, k = (double)fewer;
    double first = lgamma(size + 1) - lgamma(k + 1) - lgamma(size - k + 1) - size * log(2);
    double sum = 0, term = 1;
    while (term > 1e-17 * sum) {
        sum += term;
        term *= k / (size - k + 1);
        k--;
    }
    double p = 2 * exp(first) * sum;
    return p < 1 ? p : 1;
}
