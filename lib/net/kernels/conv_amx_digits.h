/*
 * Sums of a pass (conv_amx_phases.h) over digits: a tile of places at a time, and of the nine products
 * of two numbers' three digits the six largest. Those of the same weight are summed together:
 *
 *     65536^2 * a2 b2  +  256 * 65536 * (a2 b1 + a1 b2)  +  65536 * (a2 b0 + a1 b1 + a0 b2)
 *
 * Each of the three sums is exact; they are put together as float32.
 */
#ifndef EMO_NET_KERNELS_CONV_AMX_DIGITS_H
#define EMO_NET_KERNELS_CONV_AMX_DIGITS_H

#include "net/kernels/conv_amx_source.h"

/* Sums of a tile that are on the way to the target, or none. */
struct totals {
    float *sums; /* three tiles, the least first */
    float *to;
    struct part part;           /* of no rows: there are none */
    float scale;                /* of the source, times the 65536 that is in all three sums */
    const float *scales, *bias; /* of the channels; bias: or NULL */
};

static inline void put_totals(struct totals *t)
{
    const emo_floats scales = *(const emo_loose_floats *)(const void *)t->scales;
    emo_floats bias = {0};
    if (t->bias != NULL)
        bias = *(const emo_loose_floats *)(const void *)t->bias;
    for (size_t i = 0; i < t->part.rows; i++) {
        const float *sums = t->sums + i * t->part.apart * EMO_TILE;
        float *to = t->to + i * t->part.line;
        for (size_t k = 0; k < t->part.columns; k++, to += t->part.pitch) {
            emo_floats x;
            emo_digits_together(3, sums + k * EMO_TILE, EMO_TILE_NUMBERS, &x);
            *(emo_loose_floats *)(void *)to = x * t->scale * scales + bias;
        }
    }
    t->part.rows = 0;
}

/* a times b, of 64 in depth. Of products that follow each other no two have the same sum, so that none
   waits for the last. */
static inline void add_digits(const char *a, size_t apart, size_t stride, const float *b)
{
    EMO_TILE_LOAD_ONCE(4, b, EMO_TILE_BYTES);
    EMO_TILE_LOAD(3, a + 2 * apart, stride);
    EMO_TILE_MULTIPLY_SIGNED(0, 3, 4);
    EMO_TILE_ZERO(4);
    EMO_TILE_LOAD_ONCE(4, b + EMO_TILE_NUMBERS, EMO_TILE_BYTES);
    EMO_TILE_MULTIPLY_SIGNED(1, 3, 4);
    EMO_TILE_ZERO(3);
    EMO_TILE_LOAD(3, a + apart, stride);
    EMO_TILE_MULTIPLY_SIGNED(0, 3, 4);
    EMO_TILE_ZERO(4);
    EMO_TILE_LOAD_ONCE(4, b + 2 * EMO_TILE_NUMBERS, EMO_TILE_BYTES);
    EMO_TILE_MULTIPLY_SIGNED(1, 3, 4);
    EMO_TILE_ZERO(3);
    EMO_TILE_LOAD(3, a, stride);
    EMO_TILE_MULTIPLY_SIGNED(0, 3, 4);
    EMO_TILE_ZERO(3);
    EMO_TILE_LOAD(3, a + 2 * apart, stride);
    EMO_TILE_MULTIPLY_SIGNED(2, 3, 4);
    EMO_TILE_ZERO(3);
    EMO_TILE_ZERO(4);
}

/* Of 16 channels of the target, from `channel` bytes on. */
static inline void sum_digits(const struct pass *p, const struct phase *f, const struct part *part,
                              const struct place *at, size_t channel, const float *w,
                              const float *scales, const float *bias, float scale, struct source *s,
                              struct totals *t)
{
    size_t row = at->row, stride = p->step * p->place;
    ptrdiff_t right = p->way * (ptrdiff_t)p->place;
    EMO_TILE_ZERO(0);
    EMO_TILE_ZERO(1);
    EMO_TILE_ZERO(2);
    for (size_t y = 0; y < f->tap_rows; y++) {
        const char *a = s->ring + row * p->row + at->column * p->place;
        row = beside(p, row);
        for (size_t x = 0; x < f->tap_columns; x++)
            for (size_t k = 0; k < p->place; k += EMO_TILE_BYTES, w += 3 * EMO_TILE_NUMBERS) {
                add_digits(a + (ptrdiff_t)x * right + (ptrdiff_t)k, p->apart, stride, w);
                cut_places(p, s, s->share, true);
                if (y + x + k == 0)
                    put_totals(t);
            }
    }
    put_totals(t);
    EMO_TILE_STORE(0, t->sums, EMO_TILE_BYTES);
    EMO_TILE_STORE(1, t->sums + EMO_TILE_NUMBERS, EMO_TILE_BYTES);
    EMO_TILE_STORE(2, t->sums + 2 * EMO_TILE_NUMBERS, EMO_TILE_BYTES);
    t->to = (float *)(void *)(at->y + channel);
    t->part = *part;
    t->scale = scale;
    t->scales = scales;
    t->bias = bias;
}

#endif
