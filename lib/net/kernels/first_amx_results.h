/*
 * Sums of tiles to results, for the forward pass of first_amx.h: digits are put together, windows are
 * pooled, places are kept.
 */
#ifndef EMO_NET_KERNELS_FIRST_AMX_RESULTS_H
#define EMO_NET_KERNELS_FIRST_AMX_RESULTS_H

#include "net/kernels/first_amx_streams.h"

/* Where x is larger, bit by bit. */
static inline unsigned where_larger(const floats *x, const floats *than)
{
#ifdef __AVX512F__
    return _mm512_cmp_ps_mask((__m512)*x, (__m512)*than, _CMP_GT_OQ);
#else
    unsigned bits = 0;
    for (unsigned i = 0; i < LANES; i++)
        bits |= (unsigned)((*x)[i] > (*than)[i]) << i;
    return bits;
#endif
}

/* x, and where the bits are y. */
static inline void choose(unsigned bits, const floats *x, const floats *y, floats *to)
{
#ifdef __AVX512F__
    *to = (floats)_mm512_mask_mov_ps((__m512)*x, (__mmask16)bits, (__m512)*y);
#else
    for (unsigned i = 0; i < LANES; i++)
        (*to)[i] = bits >> i & 1 ? (*y)[i] : (*x)[i];
#endif
}

/* Up to 16 pooled places of a row, 16 channels. */
struct block {
    size_t n; /* places */
    const float *scales, *bias;
    void *y;
    uint16_t *place; /* where the largest was, of the first channel */
};

/* What is done while the tiles are at work: the row of the map before theirs is pooled, the upper or
   the lower one of a block, and some rows of the next band are made streams. */
struct beside {
    struct block block;
    const float *sums; /* of the row of the map */
    float *most;       /* the largest of each window: [channel][place] */
    uint16_t *halves;  /* the same, as results */
    uint16_t *right;   /* of the upper row: where it was in the right column */
    struct streams next;
    size_t rows; /* at a time */
};

/* Of n channels from c the larger of each window's two; of the lower row, the largest of four and where
   it was, the first of equals. */
static inline __attribute__((always_inline)) void pool(bool halves, size_t digits, bool lower,
                                                       const struct beside *b, size_t c, size_t n)
{
    const float *restrict sums = b->sums, *scales = b->block.scales, *bias = b->block.bias;
    floats *restrict most = (floats *)(void *)b->most;
    uint16_t *restrict place = b->block.place, *restrict was_right = b->right;
#pragma GCC unroll 4
    for (const size_t end = c + n; c < end; c++) {
        floats x[2], larger, upper;
        for (size_t i = 0; i < 2; i++)
            emo_digits_together(digits, sums + i * EMO_TILE_NUMBERS + c * EMO_TILE,
                                2 * EMO_TILE_NUMBERS, &x[i]);
        unsigned right = where_larger(&x[1], &x[0]);
        choose(right, &x[0], &x[1], &larger);
        if (!lower) {
            most[c] = larger;
            was_right[c] = (uint16_t)right;
            continue;
        }
        upper = most[c];
        unsigned below = where_larger(&larger, &upper);
        choose(below, &upper, &larger, &x[0]);
        x[0] = x[0] * scales[c] + bias[c];
        if (halves)
            emo_halves_nearest16(&x[0], b->halves + c * EMO_TILE);
        else
            most[c] = x[0];
        place[2 * c] = (uint16_t)((right & below) | (was_right[c] & ~below));
        place[2 * (c + EMO_TILE)] = (uint16_t)below;
    }
}

/* The results of a block that is pooled. */
static inline void put_results(const struct emo_first *f, bool halves, const struct beside *b)
{
    size_t n = b->block.n;
    if (b->block.y == NULL)
        return;
    if (halves) {
        emo_halves_turn(b->halves, EMO_TILE, n, f->conv->oc, b->block.y);
    } else if (n == EMO_TILE) {
        emo_floats_turn(b->most, EMO_TILE, f->block, b->block.y);
    } else {
        float turned[EMO_TILE_NUMBERS];
        emo_floats_turn(b->most, EMO_TILE, EMO_TILE, turned);
        for (size_t p = 0; p < n; p++)
            memcpy((float *)b->block.y + p * f->block, turned + p * EMO_TILE,
                   EMO_TILE * sizeof *turned);
    }
}

/* Where the results of 16 channels from o go, from place `at` on. */
static inline void *result_at(const struct emo_first *f, void *y, size_t at, size_t o)
{
    size_t plane = (size_t)f->ph * f->pw, b = f->block;
    if (f->halves)
        return (uint16_t *)y + at * f->conv->oc + o;
    return (float *)y + (o / b * plane + at) * b + o % b;
}

/* What is written with the next pooled row is fetched, by each group of channels a part. */
static inline void fetch_results(const struct emo_first *f, bool halves, void *y, size_t at, size_t o)
{
    const char *from = result_at(f, y, at + f->pw, halves ? 0 : o);
    size_t apart = halves ? EMO_TILE_BYTES : f->block * sizeof(float);
    from += halves ? o * EMO_TILE * sizeof(uint16_t) : 0;
    for (size_t i = 0; i < (halves ? EMO_TILE / 2 : EMO_TILE); i++)
        __builtin_prefetch(from + i * apart, 1, 3);
    /* GCC leaves out the call of a function that does nothing but fetch. */
    __asm__ volatile("");
}

#endif
