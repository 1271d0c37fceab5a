/*
 * Places of a convolution's output in pairs, and its input and gradients as tiles of them, for
 * conv_amx_weights.h.
 */
#ifndef EMO_NET_KERNELS_CONV_AMX_PAIRS_H
#define EMO_NET_KERNELS_CONV_AMX_PAIRS_H

#include "net/kernels/conv_amx.h"

#define WORKED_ON (640 << 10) /* bytes of the second cache, beside what comes and goes */
#define PART (320 << 10)      /* of one record in bf16, so that a is in the first cache */

struct places {
    size_t terms;
    size_t rows, wide;            /* of pairs; `below` and `right` more of the input */
    size_t below, right;
    size_t phase_rows, phase_columns;
    size_t records, part;         /* at a time; rows of each */
    size_t stack, pairs;          /* records that follow each other like one; pairs of one of them */
    size_t depths;                /* of a part or a stack: tiles of 16 pairs */
    size_t channel, a_apart;      /* halves of a channel of a; of a term */
    size_t plane, b_record;       /* floats of 16 channels of b; of a phase and record or stack */
};

/* Tiles of 16 pairs for n records, at most a stack, or of so many rows of one. */
static size_t depths_of(const struct places *p, size_t n, size_t rows)
{
    return up(p->stack > 1 ? n * p->pairs : rows * p->wide, EMO_TILE) / EMO_TILE;
}

static struct places places_of(const struct emo_conv *c, size_t records)
{
    const struct emo_layer *l = c->layer;
    struct places p = {.terms = terms_of(c), .rows = ((size_t)l->oh + 1) / 2};
    p.below = (l->kernel_h - 1) / l->stride;
    p.right = (l->kernel_w - 1) / l->stride;
    p.wide = l->ow + p.right;
    p.phase_rows = l->stride < l->kernel_h ? l->stride : l->kernel_h;
    p.phase_columns = l->stride < l->kernel_w ? l->stride : l->kernel_w;
    size_t row = (p.phase_rows * p.phase_columns * l->c + l->oc) * p.wide * p.terms * 4; /* bytes */
    size_t most = p.terms == 1 ? PART : WORKED_ON, parts = (p.rows * row + most - 1) / most;
    p.part = (p.rows + parts - 1) / parts;
    most = parts > 1 ? 1 : WORKED_ON / (p.rows * row);
    size_t times = (records + most - 1) / most;
    p.records = (records + times - 1) / times;
    p.pairs = (p.part + p.below) * p.wide;
    p.stack = p.records;
    if (parts > 1 || depths_of(&p, p.stack, 0) >= p.stack * (up(p.part * p.wide, EMO_TILE) / EMO_TILE))
        p.stack = 1;
    p.depths = depths_of(&p, p.stack, p.part);
    p.plane = (p.depths * EMO_TILE + p.below * p.wide + p.right) * EMO_TILE;
    p.b_record = p.plane * p.terms * l->c / EMO_TILE;
    p.channel = emo_tile_lines(p.records / p.stack * p.depths * EMO_TILE_DEPTH + EMO_TILE);
    p.a_apart = p.channel * l->oc;
    return p;
}

static size_t floats_of_b(const struct places *p)
{
    return p->phase_rows * p->phase_columns * (p->records / p->stack) * p->b_record;
}

static size_t weights_scratch(const struct emo_conv *c, size_t records)
{
    const struct places p = places_of(c, records);
    const struct emo_layer *l = c->layer;
    return (size_t)l->kernel_h * l->kernel_w * l->c * l->oc + floats_of_b(&p) +
           p.terms * p.a_apart / 2;
}

/* 32 channels from k of row j of a phase's pairs, from x; rows and columns around it are zeros. */
static inline void pair_row(const struct emo_conv *c, const struct places *p, const float *x,
                            size_t top, size_t left, size_t j, size_t k, size_t terms, float *to)
{
    static const float nothing[EMO_TILE];
    const struct emo_layer *l = c->layer;
    size_t s = l->stride, block = c->in_block, pixels = (size_t)l->h * l->w;
    for (size_t h = 0; h < PAIR; h += EMO_TILE, to += p->plane * terms) {
        const float *from = channels_at(x, pixels, block, k + h), *rows[2] = {NULL, NULL};
        for (size_t i = 0; i < 2; i++) {
            size_t y = (j + i * p->rows) * s + top - l->top;
            rows[i] = y < l->h ? from + y * l->w * block : NULL;
        }
        for (size_t i = 0; i < p->wide; i++) {
            size_t at = i * s + left - l->left;
            emo_floats v[2];
            for (size_t n = 0; n < 2; n++)
                v[n] = *(const emo_loose_floats *)(const void *)(
                    rows[n] != NULL && at < l->w ? rows[n] + at * block : nothing);
            emo_halves_pair(v, terms, 2 * p->plane, (uint16_t *)(void *)(to + i * EMO_TILE));
        }
    }
}

/* The same where x is halves, pixel by pixel. */
static inline void pair_halves(const struct emo_conv *c, const struct places *p, const uint16_t *x,
                               size_t top, size_t left, size_t j, size_t k, float *to)
{
    static const uint16_t nothing[PAIR];
    const struct emo_layer *l = c->layer;
    const uint16_t *rows[2];
    for (size_t i = 0; i < 2; i++) {
        size_t y = (j + i * p->rows) * l->stride + top;
        rows[i] = y < l->h ? x + y * l->w * l->c + k : NULL;
    }
    for (size_t i = 0; i < p->wide; i++, to += EMO_TILE) {
        size_t at = i * l->stride + left;
        const uint16_t *from[2];
        for (size_t n = 0; n < 2; n++)
            from[n] = rows[n] != NULL && at < l->w ? rows[n] + at * l->c : nothing;
        emo_halves_interleave(from[0], from[1], (uint16_t *)(void *)to,
                              (uint16_t *)(void *)(to + p->plane));
    }
}

/* A record from row y as b: [phase][record][16 channels][term][pair][channel], or of a stack
   [phase][16 channels][term][record][pair][channel]. */
static void load_input(const struct emo_conv *c, const struct places *p, const void *x, size_t y,
                       size_t r, float *b)
{
    const struct emo_layer *l = c->layer;
    for (size_t phase = 0; phase < p->phase_rows * p->phase_columns; phase++) {
        size_t top = phase / p->phase_columns, left = phase % p->phase_columns;
        float *to = b + (phase * (p->records / p->stack) + r / p->stack) * p->b_record;
        to += r % p->stack * p->pairs * EMO_TILE;
        for (size_t k = 0; k < l->c; k += PAIR, to += 2 * p->terms * p->plane)
            for (size_t j = 0; j < p->part + p->below; j++) {
                float *row = to + j * p->wide * EMO_TILE;
                if (c->halves)
                    pair_halves(c, p, x, top, left, y + j, k, row);
                else if (p->terms == 1)
                    pair_row(c, p, x, top, left, y + j, k, 1, row);
                else
                    pair_row(c, p, x, top, left, y + j, k, 3, row);
            }
    }
}

/* Of row `row` of pairs the 8 from q / 2 on, of 16 channels from o, to rows of a; their sum is added to
   gb. Beside the output are zeros. */
static inline void turn_gradients(const struct emo_conv *c, const struct places *p, const void *gy,
                                  size_t row, size_t o, size_t q, size_t terms, uint16_t *to,
                                  float *gb)
{
    const struct emo_layer *l = c->layer;
    size_t block = c->out_block, pixels = (size_t)l->oh * l->ow;
    const float *from = channels_at(gy, pixels, block, o);
    const uint16_t *halves = (const uint16_t *)gy + o;
    emo_floats sum = *(const emo_loose_floats *)(const void *)(gb + o);
    emo_halves x[3][8];
    for (size_t i = 0; i < 8; i++) {
        size_t y = row + i % 2 * p->rows, column = (q + i) / 2;
        emo_floats v[2] = {{0}, {0}};
        for (size_t h = 0; h < 2 && row < p->rows && y < l->oh; h++)
            if (column + 4 * h >= l->ow)
                continue;
            else if (c->out_halves)
                emo_halves_widen(halves + (y * l->ow + column + 4 * h) * l->oc, &v[h]);
            else
                v[h] = *(const emo_loose_floats *)(const void *)(
                    from + (y * l->ow + column + 4 * h) * block);
        sum += v[0] + v[1];
        emo_halves_cut(v, terms, 8 * EMO_TILE_DEPTH, (uint16_t *)(void *)&x[0][i]);
    }
    *(emo_loose_floats *)(void *)(gb + o) = sum;
    for (size_t t = 0; t < terms; t++)
        emo_halves_turn8(x[t], EMO_TILE, p->channel, to + t * p->a_apart);
}

/* A record from row y as a: [term][channel][record][pair][one of the two]. What a row puts behind
   its end the next one replaces, or it is 0. In a stack there are rows of nobody below. */
static void load_gradients(const struct emo_conv *c, const struct places *p, const void *gy, size_t y,
                           size_t r, uint16_t *a, float *gb)
{
    for (size_t j = 0; j < p->part + (p->stack > 1 ? p->below : 0); j++) {
        uint16_t *to = a + r / p->stack * p->depths * EMO_TILE_DEPTH;
        to += 2 * (r % p->stack * p->pairs + j * p->wide);
        for (size_t o = 0; o < c->layer->oc; o += EMO_TILE)
            for (size_t q = 0; q < 2 * p->wide; q += EMO_TILE) {
                if (p->terms == 1)
                    turn_gradients(c, p, gy, y + j, o, q, 1, to + o * p->channel + q, gb);
                else
                    turn_gradients(c, p, gy, y + j, o, q, 3, to + o * p->channel + q, gb);
            }
    }
}

#endif
