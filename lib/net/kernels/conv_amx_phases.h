/*
 * What a convolution's forward pass and the gradient of its input, which are the same arithmetic,
 * have to do, and the weights for it: every number of the target is a sum over taps of the kernel
 * and channels of the source.
 *
 * Forward all of the target has the same taps, and from one place of it to the next the source
 * advances by the stride. Backward there are stride x stride phases: places whose distance from the
 * padded corner has the same remainders, which meet the same taps; the source advances by 1, and
 * taps go up and left.
 */
#ifndef EMO_NET_KERNELS_CONV_AMX_PHASES_H
#define EMO_NET_KERNELS_CONV_AMX_PHASES_H

#include "net/kernels/conv_amx.h"

#define BAND ((size_t)2) /* rows of each phase at a time */

/* Where source and target lie. */
struct pass {
    size_t channels, rows, wide;  /* of the source, what is around it included */
    size_t top, left;             /* of what is there in it */
    size_t h, w, block;           /* of what is there */
    bool halves;                  /* it is bfloat16, pixel by pixel */
    size_t out_channels, out_h, out_w, out_block;
    bool out_halves;
    size_t step;                  /* from one place of the target to the next */
    ptrdiff_t way;                /* from one tap to the next, in rows or columns */
    size_t bands, reach;          /* of a record; rows of the source that a band needs */
    size_t terms, ring, row, apart; /* rows that are kept; halves of one; of all of a term */
};

/* Part of the target, `grid` apart from y, x; its first tap from the source's place top, left. */
struct phase {
    size_t y, x, grid, rows, columns;
    size_t tap_rows, tap_columns;
    size_t top, left;
};

static struct pass pass_of(const struct emo_conv *c, bool back)
{
    const struct emo_layer *l = c->layer;
    struct pass p = {.terms = terms_of(c)};
    if (!back) {
        p.channels = l->c;
        p.rows = (size_t)l->top + l->h + l->bottom;
        p.wide = (size_t)l->left + l->w + l->right;
        p.top = l->top;
        p.left = l->left;
        p.h = l->h;
        p.w = l->w;
        p.block = c->in_block;
        p.halves = c->halves;
        p.out_halves = c->out_halves;
        p.out_channels = l->oc;
        p.out_h = l->oh;
        p.out_w = l->ow;
        p.out_block = c->out_block;
        p.step = l->stride;
        p.way = 1;
        p.bands = up(l->oh, BAND) / BAND;
        p.reach = (BAND - 1) * p.step + l->kernel_h;
    } else {
        size_t last_row = ((size_t)l->top + l->h - 1) / l->stride;
        size_t last_column = ((size_t)l->left + l->w - 1) / l->stride;
        p.channels = l->oc;
        p.top = (l->kernel_h - 1) / l->stride;
        p.left = (l->kernel_w - 1) / l->stride;
        p.rows = p.top + (last_row < l->oh ? l->oh : last_row + 1);
        p.wide = p.left + (last_column < l->ow ? l->ow : last_column + 1);
        p.h = l->oh;
        p.w = l->ow;
        p.block = c->out_block;
        p.halves = c->out_halves;
        p.out_halves = c->halves;
        p.out_channels = l->c;
        p.out_h = l->h;
        p.out_w = l->w;
        p.out_block = c->in_block;
        p.step = 1;
        p.way = -1;
        p.bands = up(l->h, BAND * l->stride) / (BAND * l->stride);
        p.reach = BAND + p.top + (l->stride - 1 + l->top) / l->stride;
    }
    p.ring = p.reach + BAND * p.step;
    p.row = p.wide * p.channels;
    p.apart = emo_tile_lines(p.ring * p.row);
    return p;
}

static struct phase phase_of(const struct emo_conv *c, const struct pass *p, bool back, size_t i)
{
    const struct emo_layer *l = c->layer;
    if (!back)
        return (struct phase){.grid = 1, .rows = l->oh, .columns = l->ow, .tap_rows = l->kernel_h,
                              .tap_columns = l->kernel_w};
    size_t s = l->stride, ky = i / s, kx = i % s;
    struct phase f = {.grid = s};
    f.y = (ky + s - l->top % s) % s;
    f.x = (kx + s - l->left % s) % s;
    f.rows = (l->h + s - 1 - f.y) / s;
    f.columns = (l->w + s - 1 - f.x) / s;
    f.tap_rows = (l->kernel_h + s - 1 - ky) / s;
    f.tap_columns = (l->kernel_w + s - 1 - kx) / s;
    f.top = p->top + (f.y + l->top) / s;
    f.left = p->left + (f.x + l->left) / s;
    return f;
}

static size_t phases_of(const struct emo_conv *c, bool back)
{
    return back ? (size_t)c->layer->stride * c->layer->stride : 1;
}

/* Of weights, for a tile of the target's channels. */
static size_t weights_of(const struct pass *p, const struct phase *f)
{
    return f->tap_rows * f->tap_columns * p->channels / EMO_TILE_DEPTH * p->terms *
           EMO_TILE_NUMBERS;
}

/* Weights of 32 channels of the source from k by 16 of the target from o; back, the target's are
   the rows. */
static void pack_tiles(const float *w, size_t oc, bool back, size_t k, size_t o, size_t terms,
                       float *tiles)
{
    uint16_t *to = (uint16_t *)(void *)tiles;
    for (size_t i = 0; i < EMO_TILE; i++) {
        const float *row = back ? w + (o + i) * oc + k : w + (k + 2 * i) * oc + o;
        const float *next = back ? row + EMO_TILE : row + oc;
        emo_floats x[2] = {*(const emo_loose_floats *)(const void *)row,
                           *(const emo_loose_floats *)(const void *)next};
        if (!back) {
            emo_halves_pair(x, terms, 2 * EMO_TILE_NUMBERS, to + 2 * i * EMO_TILE);
            continue;
        }
        uint16_t halves[3 * EMO_TILE_DEPTH];
        emo_halves_cut(x, terms, EMO_TILE_DEPTH, halves);
        for (size_t t = 0; t < terms; t++)
            for (size_t j = 0; j < EMO_TILE; j++)
                memcpy(to + 2 * (t * EMO_TILE_NUMBERS + j * EMO_TILE + i),
                       halves + t * EMO_TILE_DEPTH + 2 * j, 2 * sizeof *halves);
    }
}

/* Tiles [phase][16 of the target's channels][tap][32 of the source's][term]. */
static float *pass_pack(const struct emo_conv *c, bool back, const float *hwio, float *to)
{
    const struct emo_layer *l = c->layer;
    const struct pass p = pass_of(c, back);
    for (size_t i = 0; i < phases_of(c, back); i++) {
        const struct phase f = phase_of(c, &p, back, i);
        size_t ky = i / l->stride, kx = i % l->stride;
        for (size_t o = 0; o < p.out_channels; o += EMO_TILE)
            for (size_t t = 0; t < f.tap_rows * f.tap_columns; t++) {
                size_t y = ky + t / f.tap_columns * (back ? l->stride : 1);
                size_t x = kx + t % f.tap_columns * (back ? l->stride : 1);
                const float *w = hwio + (y * l->kernel_w + x) * l->c * l->oc;
                for (size_t k = 0; k < p.channels; k += EMO_TILE_DEPTH) {
                    pack_tiles(w, l->oc, back, k, o, p.terms, to);
                    to += p.terms * EMO_TILE_NUMBERS;
                }
            }
    }
    return to;
}

#endif
