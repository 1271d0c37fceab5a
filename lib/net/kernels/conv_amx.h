/*
 * What the kernels of conv.h in tiles have in common.
 */
#ifndef EMO_NET_KERNELS_CONV_AMX_H
#define EMO_NET_KERNELS_CONV_AMX_H

#include "net/kernels/conv.h"
#include "net/kernels/halves.h"
#include "net/kernels/tiles_pair.h"

#define PAIR ((size_t)2 * EMO_TILE)

static size_t terms_of(const struct emo_conv *c)
{
    return c->bf16 ? 1 : 3;
}

static size_t up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* Multiplies one tile of a, or two, by the b that is loaded, which is then done with. */
static inline void use_tiles(size_t tiles, const void *first, const void *second, size_t stride)
{
    use_first(first, stride);
    EMO_TILE_ZERO(2);
    if (tiles == 2) {
        use_second(second, stride);
        EMO_TILE_ZERO(2);
    }
    EMO_TILE_ZERO(3);
}

/* Channel i of the first pixel of a record in blocks of b: the 16 from there lie together. */
static inline const float *channels_at(const float *x, size_t pixels, size_t b, size_t i)
{
    return x + i / b * b * pixels + i % b;
}

#endif
