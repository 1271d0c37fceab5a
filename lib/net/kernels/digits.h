/*
 * Vectors of float32 as whole numbers of digits of 8 bits, with signs, for what is written in tiles of
 * bytes (tiles.h).
 *
 * Numbers that are multiplied together with others share a scale: the greatest of them has the
 * greatest whole number.
 *
 *     x = scale * (d[0] + 256 * d[1] + 65536 * d[2]),    -128 <= d <= 127
 *
 * That is within 2^-24 of the greatest, as float32 is of each. Of two digits it is within 2^-16 of
 * the greatest, where bfloat16 is within 2^-9 of each.
 *
 * Where one of the numbers is infinite or none, so is the scale, and all digits are 0: what comes of
 * them is not a number. Where the greatest is below 1e-31 all are 0, too.
 */
#ifndef EMO_NET_KERNELS_DIGITS_H
#define EMO_NET_KERNELS_DIGITS_H

#include "net/kernels/halves.h"

#ifndef __AVX512F__
#include <math.h>
#endif

typedef int32_t emo_ints __attribute__((vector_size(64)));
typedef uint8_t emo_bytes __attribute__((vector_size(64)));

/* The greatest whole number that is used; a few more would fit. */
static float emo_digits_greatest(size_t digits)
{
    return digits == 2 ? 32638.0f : 8355710.0f;
}

/* The digits of the nearest whole numbers: digit t is bits 8 t to 8 t + 7. Where a number is none,
   or too large, they are 0. */
static inline void emo_digits_of(const emo_floats *x, emo_ints *to)
{
#ifdef __AVX512F__
    emo_ints y = (emo_ints)_mm512_cvtps_epi32((__m512)*x);
#else
    emo_ints y;
    for (int i = 0; i < 16; i++)
        y[i] = fabsf((*x)[i]) < 0x1p30f ? (int32_t)rintf((*x)[i]) : INT32_MIN;
#endif
    *to = (y + 0x808080) ^ 0x808080;
}

/* Of each the larger without its sign; NaN is larger than all numbers. */
static inline void emo_digits_larger(emo_ints *most, const float *x)
{
    emo_ints bits = (emo_ints)(*(const emo_loose_floats *)(const void *)x) & 0x7fffffff;
#ifdef __AVX512F__
    *most = (emo_ints)_mm512_max_epi32((__m512i)bits, (__m512i)*most);
#else
    emo_ints more = bits > *most;
    *most = (bits & more) | (*most & ~more);
#endif
}

/* The largest of them. */
static inline float emo_digits_largest(const emo_ints *most)
{
    float largest;
    int32_t bits = 0;
    for (int i = 0; i < 16; i++)
        bits = (*most)[i] > bits ? (*most)[i] : bits;
    memcpy(&largest, &bits, sizeof largest);
    return largest;
}

/* What the sums of the digits, `apart` from each other, stand for, but for the scale. */
static inline void emo_digits_together(size_t digits, const float *sums, size_t apart,
                                       emo_floats *x)
{
    const emo_ints *low = (const emo_ints *)(const void *)sums;
    const emo_ints *mid = (const emo_ints *)(const void *)(sums + apart);
    *x = __builtin_convertvector(*mid, emo_floats);
    if (digits == 3) {
        const emo_ints *high = (const emo_ints *)(const void *)(sums + 2 * apart);
        *x += __builtin_convertvector(*high, emo_floats) * 256.0f;
    }
    *x = *x * 256.0f + __builtin_convertvector(*low, emo_floats);
}

#define EMO_BYTES_OF(i) i, (i) + 4, (i) + 8, (i) + 12
#define EMO_LANE_OF(i)                                                                             \
    EMO_BYTES_OF(i), EMO_BYTES_OF((i) + 1), EMO_BYTES_OF((i) + 2), EMO_BYTES_OF((i) + 3)

/* The three digits of 4 x 16 whole numbers as vectors `apart` from each other. Byte 16 q + 4 v + i of
   them is of number 4 q + i of vector v. */
static inline void emo_digits_spread(const emo_ints from[4], size_t apart, uint8_t *to)
{
    emo_bits x[4]; /* in each quarter four lower digits, four middle ones, four upper ones */
    for (size_t v = 0; v < 4; v++)
        x[v] = (emo_bits)__builtin_shufflevector((emo_bytes)from[v], (emo_bytes)from[v],
                                                 EMO_LANE_OF(0), EMO_LANE_OF(16), EMO_LANE_OF(32),
                                                 EMO_LANE_OF(48));
    emo_bits low = __builtin_shufflevector(x[0], x[1], EMO_EACH4(0, 16, 1, 17));
    emo_bits low2 = __builtin_shufflevector(x[2], x[3], EMO_EACH4(0, 16, 1, 17));
    emo_bits high = __builtin_shufflevector(x[0], x[1], EMO_EACH4(2, 18, 3, 19));
    emo_bits high2 = __builtin_shufflevector(x[2], x[3], EMO_EACH4(2, 18, 3, 19));
    const emo_bits digits[3] = {__builtin_shufflevector(low, low2, EMO_EACH4(0, 1, 16, 17)),
                                __builtin_shufflevector(low, low2, EMO_EACH4(2, 3, 18, 19)),
                                __builtin_shufflevector(high, high2, EMO_EACH4(0, 1, 16, 17))};
    for (size_t t = 0; t < 3; t++)
        memcpy(to + t * apart, &digits[t], sizeof digits[t]);
}

#endif
