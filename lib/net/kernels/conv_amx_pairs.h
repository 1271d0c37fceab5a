/*
 * Places of a convolution's output in pairs, and its input and gradients as tiles of them, for
 * conv_amx_weights.h.
 */
#ifndef EMO_NET_KERNELS_CONV_AMX_PAIRS_H
#define EMO_NET_KERNELS_CONV_AMX_PAIRS_H

#include "net/kernels/conv_amx.h"

#define WORKED_ON (640 << 10) /* bytes of the second cache, beside what comes and goes */

struct places {
    size_t terms;
    size_t rows, wide;            /* of pairs; `below` and `right` more of the input */
    size_t below, right;
    size_t phase_rows, phase_columns;
    size_t records, part;         /* at a time; rows of each */
    size_t depths;                /* of a part: tiles of 16 pairs */
    size_t channel, a_apart;      /* halves of a channel of a; of a term */
    size_t plane, b_record;       /* floats of 16 channels of b; of a phase and record */
    size_t line;                  /* halves of a row of gradients */
};

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
    size_t parts = (p.rows * row + WORKED_ON - 1) / WORKED_ON;
    p.part = (p.rows + parts - 1) / parts;
    size_t most = parts > 1 ? 1 : WORKED_ON / (p.rows * row), times = (records + most - 1) / most;
    p.records = (records + times - 1) / times;
    p.depths = up(p.part * p.wide, EMO_TILE) / EMO_TILE;
    p.plane = (p.depths * EMO_TILE + p.below * p.wide + p.right) * EMO_TILE;
    p.b_record = p.plane * p.terms * l->c / EMO_TILE;
    p.channel = emo_tile_lines(p.records * p.depths * EMO_TILE_DEPTH + EMO_TILE);
    p.a_apart = p.channel * l->oc;
    p.line = up(2 * p.wide, EMO_TILE) * l->oc;
    return p;
}

static size_t floats_of_b(const struct places *p)
{
    return p->phase_rows * p->phase_columns * p->records * p->b_record;
}

static size_t weights_scratch(const struct emo_conv *c, size_t records)
{
    const struct places p = places_of(c, records);
    const struct emo_layer *l = c->layer;
    return (size_t)l->kernel_h * l->kernel_w * l->c * l->oc + floats_of_b(&p) +
           p.terms * (p.a_apart + p.line) / 2;
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

/* A record from row y as b: [phase][record][16 channels][term][pair][channel]. */
static void load_input(const struct emo_conv *c, const struct places *p, const void *x, size_t y,
                       size_t r, float *b)
{
    const struct emo_layer *l = c->layer;
    for (size_t phase = 0; phase < p->phase_rows * p->phase_columns; phase++) {
        size_t top = phase / p->phase_columns, left = phase % p->phase_columns;
        float *to = b + (phase * p->records + r) * p->b_record;
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

/* Row y of pairs as halves [term][pair][one of the two][channel]; there are zeros behind it. */
static void load_line(const struct emo_conv *c, const struct places *p, const float *gy, size_t y,
                      uint16_t *line)
{
    const struct emo_layer *l = c->layer;
    size_t block = c->out_block, pixels = (size_t)l->oh * l->ow;
    for (size_t h = 0; h < 2; h++)
        for (size_t o = 0; o < l->oc; o += PAIR) {
            size_t below = y + h * p->rows, row = below * l->ow * block;
            bool there = y < p->rows && below < l->oh;
            const float *first = there ? channels_at(gy, pixels, block, o) + row : NULL;
            const float *second = there ? channels_at(gy, pixels, block, o + EMO_TILE) + row : NULL;
            for (size_t i = 0; i < l->ow; i++) {
                emo_floats v[2] = {{0}, {0}};
                if (there) {
                    v[0] = *(const emo_loose_floats *)(const void *)(first + i * block);
                    v[1] = *(const emo_loose_floats *)(const void *)(second + i * block);
                }
                emo_halves_cut(v, p->terms, p->line, line + (2 * i + h) * l->oc + o);
            }
        }
}

/* A record from row y as a: [term][channel][record][pair][one of the two]. What a row puts behind
   its end the next one replaces, or it is 0. */
static void load_gradients(const struct emo_conv *c, const struct places *p, const float *gy,
                           size_t y, size_t r, uint16_t *line, uint16_t *a)
{
    size_t oc = c->layer->oc;
    for (size_t j = 0; j < p->part; j++) {
        load_line(c, p, gy, y + j, line);
        uint16_t *to = a + r * p->depths * EMO_TILE_DEPTH + 2 * j * p->wide;
        for (size_t t = 0; t < p->terms; t++)
            for (size_t o = 0; o < oc; o += EMO_TILE)
                for (size_t q = 0; q < 2 * p->wide; q += EMO_TILE)
                    emo_halves_turn(line + t * p->line + q * oc + o, oc, EMO_TILE, p->channel,
                                    to + t * p->a_apart + o * p->channel + q);
    }
}

#endif
