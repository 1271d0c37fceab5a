/*
 * Two tiles of sums at a time, with few registers, as tiles.h says: 0 and 1 are the sums, 2 is a tile
 * of a, 3 is one of b.
 */
#ifndef EMO_NET_KERNELS_TILES_PAIR_H
#define EMO_NET_KERNELS_TILES_PAIR_H

#include "net/kernels/tiles.h"

static inline void zero_sums(void)
{
    EMO_TILE_ZERO(0);
    EMO_TILE_ZERO(1);
}

static inline void use_first(const void *a, size_t stride)
{
    EMO_TILE_LOAD(2, a, stride);
    EMO_TILE_MULTIPLY(0, 2, 3);
}

static inline void use_second(const void *a, size_t stride)
{
    EMO_TILE_LOAD(2, a, stride);
    EMO_TILE_MULTIPLY(1, 2, 3);
}

#endif
