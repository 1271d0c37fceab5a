/*
 * The first layer where no pooling follows, in tiles of bfloat16 (tiles.h): what first.h says of
 * emo_map_amx.
 *
 * Pixels are whole numbers up to 255, which bfloat16 has exactly; the division by 255 is in the
 * weights forward, and comes last backward. The numbers of a kernel, row by row, are filled up with
 * zeros to depths of 32.
 *
 * Forward, a is the windows of 16 places beside each other, a row each: its bytes lie in pieces, one
 * for each row of the kernel. b is the weights, pairs of a kernel's numbers as rows of 16 channels.
 *
 *     y[p, o] = relu(bias[o] + sum over k of  window[p][k] * (w[k, o] / 255))
 *
 * Backward, the sums are 16 numbers of the kernel by 16 channels, over all places, 32 in a depth.
 * b is gradients, two places beside each other as a row of pairs. a is pixels: numbers of the kernel
 * as rows of 32 places. Under places beside each other the same number of the kernel is `step`
 * bytes further in a row of pixels; so each row is taken apart by the remainders of the place of its
 * bytes by step, and then rows of a are what lies beside each other,
 *
 *     stream[j][p] = row[p * step + j],    window[p][ky, t] = stream of row ky [t % step][p + t / step]
 *
 * One number more than the kernel has, always 1, gives the sum of the gradients.
 */
#ifndef EMO_NET_KERNELS_MAP_AMX_H
#define EMO_NET_KERNELS_MAP_AMX_H

#define LANES 16
#include "net/kernels/first_lanes.h"
#include "net/kernels/first_rows.h"
#include "net/kernels/halves.h"
#include "net/kernels/tiles_pair.h"

#define PAIR ((size_t)2 * EMO_TILE)
#define DEPTHS 4 /* of places going backward, at a time: what is worked on stays in the first cache */

struct map {
    size_t step;    /* bytes from one window of a row to the next */
    size_t kernel;  /* numbers of a channel's */
    size_t depths;  /* forward, of them */
    size_t numbers; /* backward, rows of tiles: of them, and 1 */
    size_t row;     /* bytes of a padded row */
    size_t stream;  /* places of one */
};

static struct map map_of(const struct emo_first *f)
{
    const struct emo_layer *l = f->conv;
    struct map m = {.step = (size_t)l->stride * l->c, .kernel = l->kernel_h * taps(f)};
    m.depths = round_up(m.kernel, EMO_TILE_DEPTH) / EMO_TILE_DEPTH;
    m.numbers = round_up(m.kernel + 1, PAIR);
    m.stream = round_up(round_up(l->ow, EMO_TILE_DEPTH) + (taps(f) - 1) / m.step, EMO_TILE_DEPTH);
    size_t have = ((size_t)l->left + l->w + l->right) * l->c, streams = m.stream * m.step;
    m.row = round_up(have > streams ? have : streams, EMO_TILE_BYTES) + 2 * EMO_TILE_BYTES;
    return m;
}

static size_t places(const struct emo_first *f)
{
    (void)f;
    return 0;
}

static size_t packed_floats(const struct emo_first *f)
{
    const struct map m = map_of(f);
    return m.depths * EMO_TILE * f->conv->oc;
}

static size_t scratch_floats(const struct emo_first *f)
{
    const struct map m = map_of(f);
    size_t rows = f->conv->kernel_h;
    size_t forward = 2 * EMO_TILE_NUMBERS + m.depths * EMO_TILE_NUMBERS + rows * m.row / 4;
    size_t backward = m.numbers * f->conv->oc + m.numbers * DEPTHS * EMO_TILE +
                      f->conv->oc * DEPTHS * EMO_TILE + rows * m.step * m.stream / 2 + m.row / 4;
    return forward > backward ? forward : backward;
}

/* 32 bytes as bfloat16. */
static inline void widen(const uint8_t *bytes, uint16_t *to)
{
    emo_floats x[2];
    emo_halves h;
    for (size_t i = 0; i < 2; i++, bytes += EMO_TILE) {
#ifdef __AVX512F__
        __m128i row = _mm_loadu_si128((const __m128i *)(const void *)bytes);
        x[i] = (emo_floats)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(row));
#else
        for (size_t k = 0; k < EMO_TILE; k++)
            x[i][k] = (float)bytes[k];
#endif
    }
    emo_halves_nearest(x, &h);
    memcpy(to, &h, sizeof h);
}

#endif
