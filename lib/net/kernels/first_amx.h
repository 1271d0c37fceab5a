/*
 * The arithmetic of first.h in tiles (tiles.h).
 *
 * Pixels are whole numbers to 255, exact in bfloat16. In bf16 so are the weights, rounded, and the
 * gradients that come in. Else a weight or gradient is cut into three numbers of 8 significant bits
 * each, which together are the float32: as many products, each without rounding, summed in float32.
 *
 * Forward, a is 16 windows beside each other: 32 numbers from the place in a row of pixels where
 * each begins; what they have beyond the kernel's row meets weights of 0. b is weights. Four tiles
 * of sums are 16 columns of the two rows of the map under a pooled row, by 32 channels.
 *
 * Backward, the sums are gradients of weights: 16 of them by 16 channels, over 32 columns of the
 * map at a time. b is pooled gradients: the pair under a pooled place is one gradient and one 0, or
 * zeros where the largest was in the other row. a is pixels, and needs those under one number of
 * the kernel, from window to window, beside each other. So a row of pixels is taken apart into
 * streams: with a step of stride * c numbers from window to window,
 *
 *     stream[j][q] = row[q * step + j],   and number i of a kernel's row, under column x, is
 *     stream[i % step][x + i / step]
 *
 * The streams of consecutive rows follow each other, and so 16 of them are a tile; tiles are loaded
 * once from each shift i / step. Sums stay in registers through a band of pooled rows.
 *
 * This is what both directions need; first_amx_forward.h and first_amx_backward.h are the two.
 */
#ifndef EMO_NET_KERNELS_FIRST_AMX_H
#define EMO_NET_KERNELS_FIRST_AMX_H

#define LANES 16
#include "net/kernels/first_lanes.h"
#include "net/kernels/tiles.h"

#include <string.h>

#define BAND_BYTES (448 << 10) /* of the second cache, going backward */
#define PAIR ((size_t)2 * EMO_TILE)

typedef uint32_t unsigneds __attribute__((vector_size(64)));

struct sizes {
    size_t terms;   /* that a float32 is cut into */
    size_t step;    /* numbers from one window of a row to the next */
    size_t depths;  /* tiles for a row of the kernel */
    size_t columns; /* of the map, in whole tiles of pairs */
    size_t groups;  /* of 16 channels, an even number */
    size_t shifts, streams; /* of the kernel; streams in whole pairs of tiles */
    size_t length;          /* of a stream */
    size_t row;             /* numbers */
    size_t band;            /* pooled rows at a time, backward */
    size_t band_streams, band_tiles, sum_tiles;
};

static struct sizes sizes(const struct emo_first *f)
{
    const struct emo_layer *l = f->conv;
    struct sizes s = {.terms = f->bf16 ? 1 : 3, .step = (size_t)l->stride * l->c};
    s.depths = (taps(f) + EMO_TILE_DEPTH - 1) / EMO_TILE_DEPTH;
    s.columns = round_up((size_t)2 * f->pw, PAIR);
    s.groups = round_up(l->oc, PAIR) / EMO_TILE;
    s.shifts = (taps(f) + s.step - 1) / s.step;
    s.streams = round_up(l->kernel_h * s.step, PAIR);
    s.length = emo_tile_lines(s.columns + s.shifts);
    size_t have = ((size_t)l->left + l->w + l->right) * l->c + LANES;
    size_t need = s.length * s.step + s.depths * EMO_TILE_DEPTH;
    s.row = emo_tile_lines(have > need ? have : need);
    size_t tiles = 2 * s.columns / PAIR * s.groups * s.terms, rows = (size_t)2 * l->stride;
    size_t bytes = rows * s.step * s.length * 2 + tiles * EMO_TILE_NUMBERS * 4;
    s.band = bytes < BAND_BYTES ? BAND_BYTES / bytes : 1;
    s.band = s.band < f->ph ? s.band : f->ph;
    s.band_streams = (s.band * rows - l->stride) * s.step + s.streams;
    s.band_tiles = s.band * tiles;
    s.sum_tiles = s.shifts * s.streams / EMO_TILE * s.groups;
    return s;
}

static size_t packed_floats(const struct emo_first *f)
{
    struct sizes s = sizes(f);
    return s.groups * f->conv->kernel_h * s.depths * s.terms * EMO_TILE_NUMBERS;
}

static size_t scratch_floats(const struct emo_first *f)
{
    struct sizes s = sizes(f);
    size_t forward = band(f) * s.row / 2 + 4 * EMO_TILE_NUMBERS;
    size_t backward = (s.row + s.band_streams * s.length) / 2 +
                      (s.band_tiles + s.sum_tiles) * EMO_TILE_NUMBERS;
    return forward > backward ? forward : backward;
}

/* Upper halves of float32 whose sum is x, but for what is below the smallest normal number. */
static void cut(float x, size_t terms, uint16_t *to)
{
    for (size_t t = 0; t < terms; t++) {
        uint32_t bits;
        float upper;
        memcpy(&bits, &x, sizeof bits);
        to[t] = (uint16_t)(bits >> 16);
        bits &= 0xffff0000;
        memcpy(&upper, &bits, sizeof upper);
        x -= upper;
    }
}

/* Row y of the padded image into to, where what is beside the pixels is zero and stays so. */
static void load_row(const struct emo_first *f, const uint8_t *image, int64_t y, size_t row,
                     uint16_t *restrict to)
{
    const struct emo_layer *l = f->conv;
    size_t n = (size_t)l->w * l->c;
    if (y < 0 || y >= l->h) {
        memset(to, 0, row * sizeof *to);
        return;
    }
    const uint8_t *restrict from = image + (size_t)y * f->pitch;
    to += (size_t)l->left * l->c;
    for (size_t i = 0; i < n; i++) {
        float x = (float)from[i];
        uint32_t bits;
        memcpy(&bits, &x, sizeof bits);
        to[i] = (uint16_t)(bits >> 16);
    }
}

#endif
