/*
 * Rows of pixels as streams, for the forward pass of first_amx.h.
 */
#ifndef EMO_NET_KERNELS_FIRST_AMX_STREAMS_H
#define EMO_NET_KERNELS_FIRST_AMX_STREAMS_H

#include "net/kernels/first_amx.h"

/* A row's streams, of left and right columns. */
static void any_streams(const struct emo_first *f, const struct sizes *s, const uint8_t *row,
                        uint8_t *left, uint8_t *right)
{
    for (size_t k = 0; k < s->fours; k++, left += s->stream, right += s->stream)
        for (size_t p = 0; p < f->pw; p++) {
            memcpy(left + 4 * p, row + 2 * p * s->step + 4 * k, 4);
            memcpy(right + 4 * p, row + (2 * p + 1) * s->step + 4 * k, 4);
        }
}

#ifdef __AVX512F__
/* Those of a step of whole fours. Under a pooled place and the one to the right of it are
   `apart` fours, the right column half of them behind the left: fours c, c + apart, and so on are one
   stream, that begins earlier and earlier. 16 of its numbers are taken out of `apart` vectors, two of
   them at a time. */
static inline void even_streams(const struct sizes *s, size_t apart, const uint8_t *row,
                                uint8_t *left, uint8_t *right)
{
    const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    for (size_t p = 0; p < s->windows; p += EMO_TILE) {
        const uint8_t *from = row + 4 * p * apart;
        __m512i in[EMO_TILE];
#pragma GCC unroll 6
        for (size_t v = 0; v < apart; v++)
            in[v] = _mm512_loadu_si512(from + v * EMO_TILE_BYTES);
#pragma GCC unroll 6
        for (size_t c = 0; c < apart; c++) {
            __m512i at = _mm512_add_epi32(_mm512_mullo_epi32(lanes, _mm512_set1_epi32((int)apart)),
                                          _mm512_set1_epi32((int)c));
            __m512i x = _mm512_setzero_si512();
#pragma GCC unroll 3
            for (size_t v = 0; v < apart / 2; v++) {
                __mmask16 here = _mm512_cmpeq_epi32_mask(_mm512_srli_epi32(at, 5),
                                                         _mm512_set1_epi32((int)v));
                __m512i y = _mm512_permutex2var_epi32(in[2 * v], at, in[2 * v + 1]);
                x = _mm512_mask_mov_epi32(x, here, y);
            }
            uint8_t *to = left + 4 * p;
            for (size_t k = c; k < s->fours; k += apart, to -= 4)
                _mm512_storeu_si512(to + k * s->stream, x);
            to = right + 4 * p - (c < apart / 2 ? 4 : 0);
            for (size_t k = (c + apart / 2) % apart; k < s->fours; k += apart, to -= 4)
                _mm512_storeu_si512(to + k * s->stream, x);
        }
    }
}
#endif

static void load_streams(const struct emo_first *f, const struct sizes *s, const uint8_t *row,
                         uint8_t *left, uint8_t *right)
{
#ifdef __AVX512F__
    size_t apart = s->step / 2;
    if (s->step == 12 && s->later <= EMO_TILE)
        even_streams(s, 6, row, left, right);
    else if (s->step % 4 == 0 && apart <= EMO_TILE && s->later <= EMO_TILE)
        even_streams(s, apart, row, left, right);
    else
#endif
        any_streams(f, s, row, left, right);
}

/* The rows of pixels under pooled row py. Those that it shares with the one before are there. */
static void load_band(const struct emo_first *f, const struct sizes *s, const uint8_t *image,
                      size_t py, uint8_t *row, uint8_t *left, uint8_t *right)
{
    size_t step = (size_t)2 * f->conv->stride, streams = s->fours * s->stream, r = 0;
    if (py > 0 && band(f) > step) {
        r = band(f) - step;
        memmove(left, left + step * streams, r * streams);
        memmove(right, right + step * streams, r * streams);
    }
    for (; r < band(f); r++) {
        int64_t y = (int64_t)(py * step + r) - f->conv->top;
        const uint8_t *from = row;
        if (in_place(f, s, y, 1))
            from = image + (size_t)y * f->pitch;
        else
            load_row(f, image, y, s->row, row);
        load_streams(f, s, from, left + r * streams, right + r * streams);
    }
}

#endif
