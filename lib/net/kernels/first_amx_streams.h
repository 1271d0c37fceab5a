/*
 * Rows of pixels as streams of 16 pooled places, for the forward pass of first_amx.h.
 */
#ifndef EMO_NET_KERNELS_FIRST_AMX_STREAMS_H
#define EMO_NET_KERNELS_FIRST_AMX_STREAMS_H

#include "net/kernels/first_amx.h"

/* The streams of a band's rows, of left columns and of right ones; of them so many rows are there
   already. What the band shares with the one before it, if there is one, is in its streams. */
struct streams {
    const uint8_t *image;
    const uint8_t *from; /* the band's pixels, where they can be read as they are, or NULL */
    uint8_t *part;       /* else a row of them at a time */
    int64_t y;           /* the first row */
    size_t px, done, shared;
    uint8_t *left, *right;
    const uint8_t *left_before, *right_before;
};

static void any_streams(const struct sizes *s, const uint8_t *row, uint8_t *left, uint8_t *right)
{
    for (size_t k = 0; k < s->fours; k++)
        for (size_t p = 0; p < EMO_TILE; p++, left += 4, right += 4) {
            memcpy(left, row + 2 * p * s->step + 4 * k, 4);
            memcpy(right, row + (2 * p + 1) * s->step + 4 * k, 4);
        }
}

#ifdef __AVX512F__
/* Those of 7 x 7 colours, a step of 4 columns. From a pooled place to the next there are 6 fours, 3 to the
   right column: what is four k of the left column is 3 before that of the right. A place has at four
   k + 6 what the next has at k. */
static inline void streams_of_7x7(const uint8_t *row, uint8_t *left, uint8_t *right)
{
    const ints lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    __m512i in[6], x[9];
#pragma GCC unroll 6
    for (size_t v = 0; v < 6; v++)
        in[v] = _mm512_loadu_si512(row + v * EMO_TILE_BYTES);
#pragma GCC unroll 6
    for (size_t k = 0; k < 6; k++) {
        const __m512i at = (__m512i)(lanes * 6 + (int)k);
        /* Of the places, two vectors have the first 6 or 5, two the next. */
        __m512i next = _mm512_permutex2var_epi32(in[2], at, in[3]);
        __m512i last = _mm512_permutex2var_epi32(in[4], at, in[5]);
        x[k] = _mm512_permutex2var_epi32(in[0], at, in[1]);
        x[k] = _mm512_mask_mov_epi32(x[k], k < 2 ? 0xffc0 : 0xffe0, next);
        x[k] = _mm512_mask_mov_epi32(x[k], k < 4 ? 0xf800 : 0xfc00, last);
    }
#pragma GCC unroll 3
    for (size_t k = 6; k < 9; k++) {
        int32_t next;
        memcpy(&next, row + (90 + k) * sizeof next, sizeof next);
        x[k] = _mm512_alignr_epi32(_mm512_set1_epi32(next), x[k - 6], 1);
    }
#pragma GCC unroll 6
    for (size_t k = 0; k < 6; k++) {
        _mm512_store_si512(left + k * EMO_TILE_BYTES, x[k]);
        _mm512_store_si512(right + k * EMO_TILE_BYTES, x[k + 3]);
    }
}
#endif

/* The next row of a band. Not inline: the registers are needed where it is called. */
static __attribute__((noinline)) void add_row(const struct emo_first *f, const struct sizes *s, struct streams *to)
{
    size_t bytes = s->fours * EMO_TILE_BYTES, r = to->done++;
    uint8_t *left = to->left + r * bytes, *right = to->right + r * bytes;
    if (r < to->shared) {
        const uint8_t *left_before = to->left_before + r * bytes;
        const uint8_t *right_before = to->right_before + r * bytes;
        for (size_t i = 0; i < bytes; i += EMO_TILE_BYTES) {
            memcpy(left + i, left_before + i, EMO_TILE_BYTES);
            memcpy(right + i, right_before + i, EMO_TILE_BYTES);
        }
        return;
    }
    const uint8_t *from = to->from + r * f->pitch;
    if (to->from == NULL) {
        load_part(f, to->image, to->y + (int64_t)r, 2 * to->px * s->step, s->part, to->part);
        from = to->part;
    }
#ifdef __AVX512F__
    if (s->step == 12 && s->fours == 6) {
        streams_of_7x7(from, left, right);
        for (size_t i = 0; i < 6; i++)
            __builtin_prefetch(from + 8 * f->pitch + i * EMO_TILE_BYTES, 0, 2);
        return;
    }
#endif
    any_streams(s, from, left, right);
}

/* So many rows more, if there are. */
static inline void add_rows(const struct emo_first *f, const struct sizes *s, struct streams *to,
                            size_t n)
{
    for (; n > 0 && to->done < band(f); n--)
        add_row(f, s, to);
}

#endif
