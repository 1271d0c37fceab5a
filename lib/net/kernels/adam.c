#include "net/kernels/adam.h"

#include <math.h>

double emo_adam_rate(double learning_rate, uint64_t t)
{
    return learning_rate * sqrt(1 - pow(.999, (double)t)) / (1 - pow(.9, (double)t));
}

void emo_adam(size_t n, double rate, const float *restrict gradient, float *restrict m,
              float *restrict v, float *restrict p)
{
    float lr = (float)rate;
    for (size_t i = 0; i < n; i++) {
        float g = gradient[i];
        m[i] = .9f * m[i] + .1f * g;
        v[i] = .999f * v[i] + .001f * g * g;
        p[i] -= lr * m[i] / (sqrtf(v[i]) + 1e-7f);
    }
}
