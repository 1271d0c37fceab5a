#if defined(__AVX512F__)
#include "net/kernels/adam.h"

#include <float.h>
#include <immintrin.h>

/* Root and quotient are approximated to 14 digits, and once more by Newton's method: the processor's
   own would take longer than memory. What has no reciprocal is bounded first, so far below epsilon
   that it does not matter; NaN stays one. */
static inline void step(__mmask16 there, float rate, const float *gradient, float *m, float *v,
                        float *p)
{
    const __m512 half = _mm512_set1_ps(.5f), two = _mm512_set1_ps(2);
    __m512 g = _mm512_maskz_loadu_ps(there, gradient);
    __m512 first = _mm512_maskz_loadu_ps(there, m), second = _mm512_maskz_loadu_ps(there, v);
    __m512 value = _mm512_maskz_loadu_ps(there, p);
    first = _mm512_set1_ps(.9f) * first + _mm512_set1_ps(.1f) * g;
    second = _mm512_set1_ps(.999f) * second + _mm512_set1_ps(.001f) * g * g;
    __m512 mean = first, square = second;
    second = _mm512_max_ps(_mm512_set1_ps(FLT_MIN), second);
    second = _mm512_min_ps(_mm512_set1_ps(FLT_MAX), second);
    __m512 inverse = _mm512_rsqrt14_ps(second), root = second * inverse;
    root += half * root * (_mm512_set1_ps(1) - root * inverse);
    root += _mm512_set1_ps(1e-7f);
    __m512 quotient = _mm512_rcp14_ps(root);
    quotient *= two - root * quotient;
    value -= _mm512_set1_ps(rate) * first * quotient;
    _mm512_mask_storeu_ps(m, there, mean);
    _mm512_mask_storeu_ps(v, there, square);
    _mm512_mask_storeu_ps(p, there, value);
}

void emo_adam_avx512(size_t n, double rate, const float *gradient, float *m, float *v, float *p)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        step(0xffff, (float)rate, gradient + i, m + i, v + i, p + i);
    if (i < n)
        step((__mmask16)((1u << (n - i)) - 1), (float)rate, gradient + i, m + i, v + i, p + i);
}
#else
/* An empty translation unit is not C. */
typedef int emo_without_adam_avx512;
#endif
