/*
 * The arithmetic of first.h in tiles of bytes (tiles.h).
 *
 * Pixels are bytes. A weight or a gradient is a whole number of 3 digits of 8 bits, with signs,
 * times a scale that is the channel's: the greatest of its numbers has the greatest such number.
 *
 *     x = scale * (d[0] + 256 * d[1] + 65536 * d[2]),    -128 <= d <= 127
 *
 * That is within 2^-24 of the greatest, as float32 is of each. A sum of products of pixels and one
 * digit is exact; the sums of the three digits are put together as float32. In bf16 there are two
 * digits: within 2^-16 of the greatest, where bfloat16 is within 2^-9 of each.
 *
 * Forward, a is 16 windows beside each other: of each, in one row, as many of the kernel's rows of
 * pixels as 64 bytes hold, or 64 bytes of one of them. b is digits of weights. Two tiles of sums
 * are 16 columns of the two rows of the map under a pooled row, by 16 channels.
 *
 * Backward, the sums are gradients of weights: 16 of them by 16 channels, over 64 columns of the
 * map at a time. b is digits of pooled gradients: the two places under a pooled one are one digit
 * and one 0, or zeros where the largest was in the other row. a is pixels, and needs those under
 * one number of the kernel, from window to window, beside each other. So a row of pixels is taken
 * apart into streams: with a step of stride * c bytes from window to window,
 *
 *     stream[i][q] = row[q * step + i]       for number i of a kernel's row, under column q
 *
 * The streams of consecutive rows follow each other, and so the kernel's are beside each other. In
 * a map of 32 columns or fewer each has 32 columns of its row and 32 of the one `stride` below it,
 * which both rows of the map under a pooled row meet at once.
 *
 * What a tile has beyond a window, a kernel, or a row of the map is any bytes: they meet zeros, or
 * sums that nobody looks at.
 *
 * This is what both directions need; first_amx_forward.h and first_amx_backward.h are the two.
 */
#ifndef EMO_NET_KERNELS_FIRST_AMX_H
#define EMO_NET_KERNELS_FIRST_AMX_H

#define LANES 16
#include "net/kernels/first_lanes.h"
#include "net/kernels/tiles.h"

#include <string.h>
#ifdef __AVX512F__
#include <immintrin.h>
#else
#include <math.h>
#endif

#define NEAR_BYTES (24 << 10) /* of the first cache, for pixels going backward */
#define PAIR ((size_t)2 * EMO_TILE)
#define MOST_DIGITS 3

typedef uint8_t line __attribute__((vector_size(64)));
typedef uint8_t loose_line __attribute__((vector_size(64), aligned(1), may_alias));

struct sizes {
    size_t digits;
    size_t step;    /* bytes from one window of a row to the next */
    size_t kernel;  /* numbers of a channel's */
    size_t rows;    /* of the kernel in a tile */
    size_t parts;   /* tiles for one of them */
    size_t depths;  /* for all */
    size_t groups;  /* of 16 channels */
    bool narrow;    /* backward, 64 columns are 32 of both rows of the map under a pooled row */
    size_t columns; /* of the map, backward */
    size_t row;     /* bytes of a padded row of pixels */
    size_t sums;    /* rows of gradients of weights */
    size_t band;    /* pooled rows at a time, backward */
    size_t streams; /* of a band */
};

static struct sizes sizes(const struct emo_first *f)
{
    const struct emo_layer *l = f->conv;
    struct sizes s = {.digits = f->bf16 ? 2 : MOST_DIGITS, .step = (size_t)l->stride * l->c};
    s.kernel = l->kernel_h * taps(f);
    s.rows = taps(f) < EMO_TILE_BYTES ? EMO_TILE_BYTES / taps(f) : 1;
    s.rows = s.rows < l->kernel_h ? s.rows : l->kernel_h;
    s.parts = round_up(taps(f), EMO_TILE_BYTES) / EMO_TILE_BYTES;
    s.depths = round_up(l->kernel_h, s.rows) / s.rows * s.parts;
    s.groups = round_up(l->oc, EMO_TILE) / EMO_TILE;
    s.narrow = 2 * (size_t)f->pw <= PAIR;
    s.columns = round_up((size_t)2 * f->pw, EMO_TILE_BYTES);
    size_t have = ((size_t)l->left + l->w + l->right) * l->c;
    size_t need = s.columns * s.step + round_up(taps(f), EMO_TILE_BYTES);
    s.row = round_up(have > need ? have : need, EMO_TILE_BYTES);
    s.sums = round_up(s.kernel, PAIR);
    s.band = NEAR_BYTES / (2 * s.columns * PAIR);
    s.band = s.band < 1 ? 1 : s.band < f->ph ? s.band : f->ph;
    s.streams = ((2 * s.band - 1) * l->stride) * taps(f) + s.sums;
    return s;
}

/* Tiles of digits; after them the scales. */
static size_t packed_tiles(const struct sizes *s)
{
    return s->groups * s->depths * s->digits;
}

static size_t packed_floats(const struct emo_first *f)
{
    struct sizes s = sizes(f);
    return packed_tiles(&s) * EMO_TILE_NUMBERS + s.groups * EMO_TILE;
}

/* Tiles of gradients of a pooled row. */
static size_t row_tiles(const struct sizes *s)
{
    return (s->narrow ? 1 : 2) * s->columns / EMO_TILE_BYTES * s->groups * s->digits;
}

static size_t scratch_floats(const struct emo_first *f)
{
    struct sizes s = sizes(f);
    size_t sums = 2 * s.digits * EMO_TILE_NUMBERS, lanes = s.groups * EMO_TILE;
    size_t forward = sums + 2 * s.depths * EMO_TILE_NUMBERS + band(f) * s.row / 4;
    size_t backward = sums + s.sums * lanes + lanes +
                      s.band * row_tiles(&s) * EMO_TILE_NUMBERS +
                      (2 * s.row + s.streams * s.columns) / 4;
    return forward > backward ? forward : backward;
}

/* The greatest whole number that is used; a few more would fit. */
static float greatest(size_t digits)
{
    return digits == 2 ? 32638.0f : 8355710.0f;
}

/* The digits of the nearest whole numbers: digit t is bits 8 t to 8 t + 7. Where a number is none,
   or too large, they are 0. */
static inline void to_digits(const floats *x, ints *to)
{
#ifdef __AVX512F__
    ints y = (ints)_mm512_cvtps_epi32((__m512)*x);
#else
    ints y;
    for (int i = 0; i < LANES; i++)
        y[i] = fabsf((*x)[i]) < 0x1p30f ? (int32_t)rintf((*x)[i]) : INT32_MIN;
#endif
    *to = (y + 0x808080) ^ 0x808080;
}

/* Of each the larger without its sign; NaN is larger than all numbers. */
static inline void keep_larger(ints *most, const float *x)
{
    ints bits = (ints)(*(const loose *)(const void *)x) & 0x7fffffff, more = bits > *most;
    *most = (bits & more) | (*most & ~more);
}

/* What the sums of the digits stand for, but for the scale. */
static inline void put_together(size_t digits, const float *sums, floats *x)
{
    *x = (floats){0};
    for (size_t t = digits; t-- > 0;) {
        const ints *at = (const ints *)(const void *)(sums + t * 2 * EMO_TILE_NUMBERS);
        *x = *x * 256.0f + __builtin_convertvector(*at, floats);
    }
}

/* Row y of the padded image into to, where what is beside the pixels is zero and stays so. */
static void load_row(const struct emo_first *f, const uint8_t *image, int64_t y, size_t row,
                     uint8_t *restrict to)
{
    const struct emo_layer *l = f->conv;
    if (y < 0 || y >= l->h)
        memset(to, 0, row);
    else
        memcpy(to + (size_t)l->left * l->c, image + (size_t)y * f->pitch, (size_t)l->w * l->c);
}

/* Has n rows from y fetched from memory while something else is done. */
static inline void fetch(const struct emo_first *f, const uint8_t *image, int64_t y, size_t n)
{
    size_t from = y > 0 ? (size_t)y : 0, to = from + n < f->conv->h ? from + n : f->conv->h;
    for (size_t i = from * f->pitch; i < to * f->pitch; i += EMO_TILE_BYTES)
        __builtin_prefetch(image + i, 0, 2);
}

#endif
