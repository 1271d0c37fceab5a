#include "net/kernels/adam.h"

#include <math.h>

double emo_adam_rate(double learning_rate, uint64_t t)
{
    return learning_rate * sqrt(1 - pow(.999, (double)t)) / (1 - pow(.9, (double)t));
}

void emo_adam_plain(size_t n, double rate, const float *restrict gradient, float *restrict m,
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

emo_adam_step *emo_adam(enum emo_isa isa)
{
#if defined(__x86_64__)
    if (isa >= EMO_ISA_AVX512)
        return emo_adam_avx512;
#endif
    (void)isa;
    return emo_adam_plain;
}
