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
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

typedef float emo_floats __attribute__((vector_size(64)));
typedef uint32_t emo_bits __attribute__((vector_size(64)));
typedef uint16_t emo_halves __attribute__((vector_size(64)));
typedef float emo_loose_floats __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t emo_row16 __attribute__((vector_size(32), aligned(2), may_alias));
typedef int16_t emo_signed_row16 __attribute__((vector_size(32), aligned(2), may_alias));

/* ReLU. */
static inline void emo_floats_rectify(emo_floats *x)
{
    *x = (emo_floats)((emo_bits)*x & (emo_bits)(*x > 0));
}

/* Of 2 x 16 numbers the nearest halves, NaN staying one; of those below the smallest normal number
   either those or 0, which is the same to tiles. */
static inline void emo_halves_nearest(const emo_floats from[2], emo_halves *to)
{
#ifdef __AVX512BF16__
    *to = (emo_halves)_mm512_cvtne2ps_pbh((__m512)from[1], (__m512)from[0]);
#else
    emo_bits upper[2];
    for (int i = 0; i < 2; i++) {
        emo_bits bits = (emo_bits)from[i], nan = (emo_bits)((bits & 0x7fffffff) > 0x7f800000);
        emo_bits nearest = bits + 0x7fff + (bits >> 16 & 1);
        upper[i] = (nearest & ~nan) | ((bits | 0x400000) & nan);
    }
    *to = __builtin_shufflevector((emo_halves)upper[0], (emo_halves)upper[1], 1, 3, 5, 7, 9, 11,
                                  13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43,
                                  45, 47, 49, 51, 53, 55, 57, 59, 61, 63);
#endif
}

/* The same of 16 numbers. */
static inline void emo_halves_nearest16(const emo_floats *from, uint16_t *to)
{
#ifdef __AVX512BF16__
    __m256i h = (__m256i)_mm512_cvtneps_pbh((__m512)*from);
    memcpy(to, &h, sizeof h);
#else
    const emo_floats both[2] = {*from, {0}};
    emo_halves h;
    emo_halves_nearest(both, &h);
    memcpy(to, &h, sizeof h / 2);
#endif
}

/* 0 where 16 halves of y are not positive: their signs are those of whole numbers of 16 bits. */
static inline void emo_halves_mask16(const uint16_t *y, uint16_t *x)
{
    emo_row16 *all = (emo_row16 *)(void *)x;
    *all &= (emo_row16)(*(const emo_signed_row16 *)(const void *)y > 0);
}

/* The numbers that 16 halves are. */
static inline void emo_halves_widen(const uint16_t *from, emo_floats *to)
{
#ifdef __AVX512BF16__
    __m512i x = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)from));
    *to = (emo_floats)_mm512_slli_epi32(x, 16);
#else
    emo_bits x;
    for (int i = 0; i < 16; i++)
        x[i] = (uint32_t)from[i] << 16;
    *to = (emo_floats)x;
#endif
}

/* Of 32 numbers each from two places: pairs of the first 16, and of the others. */
static inline void emo_halves_interleave(const uint16_t *first, const uint16_t *second,
                                         uint16_t *low, uint16_t *high)
{
    emo_halves a, b, x, y;
    memcpy(&a, first, sizeof a);
    memcpy(&b, second, sizeof b);
    x = __builtin_shufflevector(a, b, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 8, 40,
                                9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47);
    y = __builtin_shufflevector(a, b, 16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55,
                                24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63);
    memcpy(low, &x, sizeof x);
    memcpy(high, &y, sizeof y);
}

/* What is left of the numbers without their halves. */
static inline void emo_halves_leave(const emo_halves *halves, emo_floats x[2])
{
    const emo_halves h = *halves, zero = {0};
    x[0] -= (emo_floats)__builtin_shufflevector(
        zero, h, 0, 32, 0, 33, 0, 34, 0, 35, 0, 36, 0, 37, 0, 38, 0, 39, 0, 40, 0, 41, 0, 42, 0, 43,
        0, 44, 0, 45, 0, 46, 0, 47);
    x[1] -= (emo_floats)__builtin_shufflevector(
        zero, h, 0, 48, 0, 49, 0, 50, 0, 51, 0, 52, 0, 53, 0, 54, 0, 55, 0, 56, 0, 57, 0, 58, 0, 59,
        0, 60, 0, 61, 0, 62, 0, 63);
}

/* The halves of 2 x 16 numbers; `apart` from them those of what is left; and so `terms` times. */
static inline void emo_halves_cut(const emo_floats from[2], size_t terms, size_t apart,
                                  uint16_t *to)
{
    emo_floats x[2] = {from[0], from[1]};
    for (size_t t = 1;; t++, to += apart) {
        emo_halves h;
        emo_halves_nearest(x, &h);
        memcpy(to, &h, sizeof h);
        if (t == terms)
            break;
        emo_halves_leave(&h, x);
    }
}

/* The same as pairs: one of the first 16 numbers, one of the second. */
static inline void emo_halves_pair(const emo_floats from[2], size_t terms, size_t apart,
                                   uint16_t *to)
{
    emo_floats x[2] = {from[0], from[1]};
    for (size_t t = 1;; t++, to += apart) {
        emo_halves h, pairs;
        emo_halves_nearest(x, &h);
        pairs = __builtin_shufflevector(h, h, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7,
                                        23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30,
                                        15, 31);
        memcpy(to, &pairs, sizeof pairs);
        if (t == terms)
            break;
        emo_halves_leave(&h, x);
    }
}

#define EMO_LOW(i) i, i + 32, i + 1, i + 33, i + 2, i + 34, i + 3, i + 35

/* Turns 16 rows of 16 halves, of which vector i has rows i and i + 8, into n of as many, `length` apart.
   In each quarter of the vectors, eight rows of eight are turned by being interleaved three times. */
static inline void emo_halves_turn8(emo_halves x[8], size_t n, size_t length, uint16_t *to)
{
    emo_halves y[8];
    for (int stage = 0; stage < 3; stage++) {
        for (size_t i = 0; i < 4; i++) {
            y[2 * i] = __builtin_shufflevector(x[i], x[i + 4], EMO_LOW(0), EMO_LOW(8), EMO_LOW(16),
                                               EMO_LOW(24));
            y[2 * i + 1] = __builtin_shufflevector(x[i], x[i + 4], EMO_LOW(4), EMO_LOW(12),
                                                   EMO_LOW(20), EMO_LOW(28));
        }
        memcpy(x, y, sizeof y);
    }
    for (size_t i = 0; i < 8 && i < n; i++) {
        *(emo_row16 *)(void *)(to + i * length) = __builtin_shufflevector(
            x[i], x[i], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
        if (i + 8 < n)
            *(emo_row16 *)(void *)(to + (i + 8) * length) = __builtin_shufflevector(
                x[i], x[i], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    }
}

/* The same of rows that lie `pitch` apart; all 16 are read. */
static inline void emo_halves_turn(const uint16_t *from, size_t pitch, size_t n, size_t length,
                                   uint16_t *to)
{
    emo_halves x[8];
    for (size_t i = 0; i < 8; i++) {
        emo_row16 a = *(const emo_row16 *)(const void *)(from + i * pitch);
        emo_row16 b = *(const emo_row16 *)(const void *)(from + (i + 8) * pitch);
        x[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                                       16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
                                       31);
    }
    emo_halves_turn8(x, n, length, to);
}

#define EMO_EACH4(a, b, c, d)                                                                      \
    a, b, c, d, (a) + 4, (b) + 4, (c) + 4, (d) + 4, (a) + 8, (b) + 8, (c) + 8, (d) + 8, (a) + 12,    \
        (b) + 12, (c) + 12, (d) + 12
#define EMO_FOURS(a, b)                                                                            \
    (a), (a) + 1, (a) + 2, (a) + 3, (b), (b) + 1, (b) + 2, (b) + 3, (a) + 16, (a) + 17, (a) + 18,    \
        (a) + 19, (b) + 16, (b) + 17, (b) + 18, (b) + 19

/* Turns 16 rows of 16 numbers, `pitch` apart, into 16, `length` apart. First each four rows are turned
   in each quarter of the vectors: number 4 q + j of them is then in quarter q of vector j. */
static inline void emo_floats_turn(const float *from, size_t pitch, size_t length, float *to)
{
    emo_floats x[16];
#pragma GCC unroll 4
    for (size_t i = 0; i < 16; i += 4, from += 4 * pitch) {
        emo_floats a = *(const emo_loose_floats *)(const void *)from;
        emo_floats b = *(const emo_loose_floats *)(const void *)(from + pitch);
        emo_floats c = *(const emo_loose_floats *)(const void *)(from + 2 * pitch);
        emo_floats d = *(const emo_loose_floats *)(const void *)(from + 3 * pitch);
        emo_floats low = __builtin_shufflevector(a, b, EMO_EACH4(0, 16, 1, 17));
        emo_floats high = __builtin_shufflevector(a, b, EMO_EACH4(2, 18, 3, 19));
        emo_floats low2 = __builtin_shufflevector(c, d, EMO_EACH4(0, 16, 1, 17));
        emo_floats high2 = __builtin_shufflevector(c, d, EMO_EACH4(2, 18, 3, 19));
        x[i] = __builtin_shufflevector(low, low2, EMO_EACH4(0, 1, 16, 17));
        x[i + 1] = __builtin_shufflevector(low, low2, EMO_EACH4(2, 3, 18, 19));
        x[i + 2] = __builtin_shufflevector(high, high2, EMO_EACH4(0, 1, 16, 17));
        x[i + 3] = __builtin_shufflevector(high, high2, EMO_EACH4(2, 3, 18, 19));
    }
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; j++) {
        emo_floats even = __builtin_shufflevector(x[j], x[4 + j], EMO_FOURS(0, 8));
        emo_floats odd = __builtin_shufflevector(x[j], x[4 + j], EMO_FOURS(4, 12));
        emo_floats even2 = __builtin_shufflevector(x[8 + j], x[12 + j], EMO_FOURS(0, 8));
        emo_floats odd2 = __builtin_shufflevector(x[8 + j], x[12 + j], EMO_FOURS(4, 12));
        float *at = to + j * length;
        *(emo_loose_floats *)(void *)at =
            __builtin_shufflevector(even, even2, EMO_FOURS(0, 8));
        *(emo_loose_floats *)(void *)(at + 4 * length) =
            __builtin_shufflevector(odd, odd2, EMO_FOURS(0, 8));
        *(emo_loose_floats *)(void *)(at + 8 * length) =
            __builtin_shufflevector(even, even2, EMO_FOURS(4, 12));
        *(emo_loose_floats *)(void *)(at + 12 * length) =
            __builtin_shufflevector(odd, odd2, EMO_FOURS(4, 12));
    }
}

#endif
