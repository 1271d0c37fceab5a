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

/* Of 32 numbers in depth: a in two tiles, b in one, terms `apart` and `b_apart`. From one product to
   the next one of the two stays, where it can. What is loaded of b is not kept near: it is not met
   again soon, as rows of a are, by other taps and other tiles of b. */
static inline void add_products(size_t terms, const uint16_t *first, const uint16_t *second,
                                size_t apart, size_t stride, const float *b, size_t b_apart)
{
    if (terms == 3) {
        EMO_TILE_LOAD_ONCE(3, b + 2 * b_apart, 64);
        use_first(first, stride);
        EMO_TILE_ZERO(2);
        use_second(second, stride);
        EMO_TILE_ZERO(3);
        EMO_TILE_LOAD_ONCE(3, b + b_apart, 64);
        EMO_TILE_MULTIPLY(1, 2, 3);
        EMO_TILE_ZERO(2);
        use_second(second + apart, stride);
        EMO_TILE_ZERO(2);
        use_first(first, stride);
        EMO_TILE_ZERO(2);
        use_first(first + apart, stride);
        EMO_TILE_ZERO(3);
        EMO_TILE_LOAD_ONCE(3, b, 64);
        EMO_TILE_MULTIPLY(0, 2, 3);
        EMO_TILE_ZERO(2);
        use_second(second + apart, stride);
        EMO_TILE_ZERO(2);
        use_second(second + 2 * apart, stride);
        EMO_TILE_ZERO(2);
        use_first(first + 2 * apart, stride);
        EMO_TILE_ZERO(2);
    } else {
        EMO_TILE_LOAD_ONCE(3, b, 64);
    }
    use_first(first, stride);
    EMO_TILE_ZERO(2);
    use_second(second, stride);
    EMO_TILE_ZERO(2);
    EMO_TILE_ZERO(3);
}

/* Channel i of the first pixel of a record in blocks of b: the 16 from there lie together. */
static inline const float *channels_at(const float *x, size_t pixels, size_t b, size_t i)
{
    return x + i / b * b * pixels + i % b;
}

#endif
