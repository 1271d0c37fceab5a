/*
 * Vectors of float32 and of their upper halves, which are bfloat16, for what is written in tiles.
 *
 * A float32 is the sum of three bfloat16, but for what is below the smallest normal number: the
 * nearest to it, the nearest to what is left, and the rest.
 */
#ifndef EMO_NET_KERNELS_HALVES_H
#define EMO_NET_KERNELS_HALVES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float emo_floats __attribute__((vector_size(64)));
typedef uint32_t emo_bits __attribute__((vector_size(64)));
typedef uint16_t emo_halves __attribute__((vector_size(64)));
typedef float emo_loose_floats __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t emo_row16 __attribute__((vector_size(32), aligned(2), may_alias));

/* The upper half of each that is nearest, NaN staying one, the lower being 0. */
static inline void emo_halves_round(const emo_floats *x, emo_bits *rounded)
{
    emo_bits bits = (emo_bits)*x, nan = (emo_bits)((bits & 0x7fffffff) > 0x7f800000);
    emo_bits nearest = bits + 0x7fff + (bits >> 16 & 1);
    *rounded = ((nearest & ~nan) | ((bits | 0x400000) & nan)) & 0xffff0000;
}

/* The halves of 2 x 16 numbers; `apart` from them those of what is left; and so `terms` times. */
static inline void emo_halves_cut(const emo_floats from[2], size_t terms, size_t apart,
                                  uint16_t *to)
{
    emo_floats x = from[0], y = from[1];
    for (size_t t = 0; t < terms; t++, to += apart) {
        emo_bits a, b;
        emo_halves_round(&x, &a);
        emo_halves_round(&y, &b);
        emo_halves h = __builtin_shufflevector((emo_halves)a, (emo_halves)b, 1, 3, 5, 7, 9, 11, 13,
                                               15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39,
                                               41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63);
        memcpy(to, &h, sizeof h);
        x -= (emo_floats)a;
        y -= (emo_floats)b;
    }
}

/* The same as pairs: one of the first 16 numbers, one of the second. */
static inline void emo_halves_pair(const emo_floats from[2], size_t terms, size_t apart,
                                   uint16_t *to)
{
    emo_floats x = from[0], y = from[1];
    for (size_t t = 0; t < terms; t++, to += apart) {
        emo_bits a, b;
        emo_halves_round(&x, &a);
        emo_halves_round(&y, &b);
        emo_bits pair = a >> 16 | b;
        memcpy(to, &pair, sizeof pair);
        x -= (emo_floats)a;
        y -= (emo_floats)b;
    }
}

#define EMO_LOW(i) i, i + 32, i + 1, i + 33, i + 2, i + 34, i + 3, i + 35

/* Turns 16 rows, `pitch` apart, of n of 16 halves, all of which are read, into n rows, `length`
   apart, of 16. In each quarter of the vectors, eight rows of eight are turned by being interleaved
   three times. */
static inline void emo_halves_turn(const uint16_t *from, size_t pitch, size_t n, size_t length,
                                   uint16_t *to)
{
    emo_halves x[8], y[8];
    for (size_t i = 0; i < 8; i++) {
        emo_row16 a = *(const emo_row16 *)(const void *)(from + i * pitch);
        emo_row16 b = *(const emo_row16 *)(const void *)(from + (i + 8) * pitch);
        x[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                                       16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
                                       31);
    }
    for (int stage = 0; stage < 3; stage++) {
        for (size_t i = 0; i < 4; i++) {
            y[2 * i] = __builtin_shufflevector(x[i], x[i + 4], EMO_LOW(0), EMO_LOW(8), EMO_LOW(16),
                                               EMO_LOW(24));
            y[2 * i + 1] = __builtin_shufflevector(x[i], x[i + 4], EMO_LOW(4), EMO_LOW(12),
                                                   EMO_LOW(20), EMO_LOW(28));
        }
        memcpy(x, y, sizeof x);
    }
    for (size_t i = 0; i < 8 && i < n; i++) {
        *(emo_row16 *)(void *)(to + i * length) = __builtin_shufflevector(
            x[i], x[i], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
        if (i + 8 < n)
            *(emo_row16 *)(void *)(to + (i + 8) * length) = __builtin_shufflevector(
                x[i], x[i], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    }
}

#endif
