/*
 * What a convolution's forward pass and the gradient of its input, which are the same arithmetic,
 * have to do, and the weights for it: every number of the target is a sum over taps of the kernel
 * and channels of the source.
 *
 * Forward all of the target has the same taps, and from one place of it to the next the source
 * advances by the stride. Backward there are stride x stride phases: places whose distance from the
 * padded corner has the same remainders, which meet the same taps; the source advances by 1, and
 * taps go up and left.
 *
 * In a depth of tiles there are 32 channels as halves, or 64 as digits; where there are fewer, the rest
 * is any numbers, whose weights are 0.
 */
#ifndef EMO_NET_KERNELS_CONV_AMX_PHASES_H
#define EMO_NET_KERNELS_CONV_AMX_PHASES_H

#include "net/kernels/conv_amx.h"

#define BAND ((size_t)2) /* rows of tiles of each phase at a time */

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
    size_t stack;                 /* rows of the target that a tile takes, where these are short */
    size_t band, bands, reach;    /* rows of each phase at a time; of a record; rows that one needs */
    bool digits;                  /* numbers are multiplied as such, not as halves */
    size_t deep, place;           /* tiles that the channels of a place take; bytes that these are */
    size_t ring, row, apart;      /* rows that are kept; bytes of one; of all of a digit */
};

/* Part of the target, `grid` apart from y, x; its first tap from the source's place top, left. */
struct phase {
    size_t y, x, grid, rows, columns;
    size_t tap_rows, tap_columns;
    size_t top, left;
};

/* Channels of a tile. */
static size_t depth_of(const struct pass *p)
{
    return p->digits ? EMO_TILE_BYTES : EMO_TILE_DEPTH;
}

/* Rows of so many places that fit into a tile. From one row of the target to the next there are as many
   steps in the source as it is wide, if rows of it follow each other. */
static size_t stack_of(size_t wide, size_t columns)
{
    return columns < EMO_TILE ? 1 + (EMO_TILE - columns) / wide : 1;
}

static struct pass pass_of(const struct emo_conv *c, bool back)
{
    const struct emo_layer *l = c->layer;
    struct pass p = {.digits = !c->bf16};
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
        p.stack = stack_of(p.wide, l->ow);
        p.band = BAND * p.stack;
        p.bands = up(l->oh, p.band) / p.band;
        p.reach = (p.band - 1) * p.step + l->kernel_h;
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
        p.stack = stack_of(p.wide, up(l->w, l->stride) / l->stride);
        p.band = BAND * p.stack;
        p.bands = up(l->h, p.band * l->stride) / (p.band * l->stride);
        p.reach = p.band + p.top + (l->stride - 1 + l->top) / l->stride;
    }
    p.ring = p.stack > 1 ? 2 * p.rows : p.reach + p.band * p.step;
    p.deep = up(p.channels, depth_of(&p)) / depth_of(&p);
    p.place = p.deep * EMO_TILE_BYTES;
    p.row = p.wide * p.place;
    p.apart = (p.ring * p.row) | EMO_TILE_BYTES;
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

/* Floats of weights, for a tile of the target's channels. */
static size_t weights_of(const struct pass *p, const struct phase *f)
{
    return f->tap_rows * f->tap_columns * p->deep * (p->digits ? 3 : 1) * EMO_TILE_NUMBERS;
}

/* Bytes of a number of the target. */
static size_t size_of(const struct pass *p)
{
    return p->out_halves ? sizeof(uint16_t) : sizeof(float);
}

/* Tiles that a row of a phase takes. */
static size_t tiles_across(const struct phase *f)
{
    return up(f->columns, EMO_TILE) / EMO_TILE;
}

/* What tiles of a phase have of the target: so many rows of so many places each; from a place or a row to
   the next one, numbers of the target; from a row to the next one, places of the tile, of which those
   behind a row are nobody's. */
struct part {
    size_t rows, columns;
    size_t pitch, line;
    size_t apart;
};

static struct part part_of(const struct pass *p, const struct phase *f)
{
    size_t across = tiles_across(f), b = p->out_halves ? p->out_channels : p->out_block;
    return (struct part){.rows = p->stack < f->rows ? p->stack : f->rows,
                         .columns = (f->columns + across - 1) / across,
                         .pitch = f->grid * b,
                         .line = f->grid * b * p->out_w,
                         .apart = p->wide};
}

/* Rows of a tile. */
static size_t tile_rows(const struct part *t)
{
    return (t->rows - 1) * t->apart + t->columns;
}

/* Of a tile: row of the ring where the first tap of its first place is; the place in the row; where the
   sums go, of the first channel. */
struct place {
    size_t row, column;
    char *y;
};

/* The row of the ring that the next taps are in. */
static inline size_t beside(const struct pass *p, size_t row)
{
    if (p->way > 0)
        return row + 1 < p->ring ? row + 1 : 0;
    return row > 0 ? row - 1 : p->ring - 1;
}

#endif
