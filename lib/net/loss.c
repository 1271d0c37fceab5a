#include "net/loss.h"

#include <math.h>

void emo_probabilities(const float *logits, size_t outputs, float *p)
{
    if (outputs == 1) {
        double z = (double)logits[0];
        p[1] = (float)(1 / (1 + exp(-z)));
        p[0] = (float)(1 / (1 + exp(z)));
        return;
    }
    double top = (double)logits[0], sum = 0;
    for (size_t i = 1; i < outputs; i++)
        top = (double)logits[i] > top ? (double)logits[i] : top;
    for (size_t i = 0; i < outputs; i++)
        sum += exp((double)logits[i] - top);
    for (size_t i = 0; i < outputs; i++)
        p[i] = (float)(exp((double)logits[i] - top) / sum);
}

double emo_cross_entropy(const float *logits, size_t outputs, int label, double weight,
                         float *gradient, size_t *right)
{
    if (outputs == 1) {
        /* log(1 + e^z) - y z, without overflow. */
        double z = (double)logits[0], p = 1 / (1 + exp(-z));
        gradient[0] = (float)((p - label) * weight);
        *right += (p >= .5) == (label == 1);
        return fmax(z, 0) - label * z + log1p(exp(-fabs(z)));
    }
    size_t best = 0;
    double sum = 0;
    for (size_t i = 1; i < outputs; i++)
        best = logits[i] > logits[best] ? i : best;
    double top = (double)logits[best];
    for (size_t i = 0; i < outputs; i++)
        sum += exp((double)logits[i] - top);
    for (size_t i = 0; i < outputs; i++)
        gradient[i] = (float)((exp((double)logits[i] - top) / sum - ((int)i == label)) * weight);
    *right += (int)best == label;
    /* The largest term is 1. */
    return log(fmax(sum, 1)) - ((double)logits[label] - top);
}
