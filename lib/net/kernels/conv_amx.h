/*
 * What the kernels of conv.h in tiles have in common.
 *
 * Registers 0 to 3 are 2 x 2 tiles of sums, 4 and 5 two tiles of a, 6 and 7 two of b.
 */
#ifndef EMO_NET_KERNELS_CONV_AMX_H
#define EMO_NET_KERNELS_CONV_AMX_H

#include "net/kernels/conv.h"
#include "net/kernels/halves.h"
#include "net/kernels/tiles.h"

#define PAIR ((size_t)2 * EMO_TILE)
#define B_TILES ((size_t)2 * EMO_TILE_NUMBERS) /* two tiles of b beside each other */

static size_t terms_of(const struct emo_conv *c)
{
    return c->bf16 ? 1 : 3;
}

static size_t up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static inline void zero_sums(void)
{
    EMO_TILE_ZERO(0);
    EMO_TILE_ZERO(1);
    EMO_TILE_ZERO(2);
    EMO_TILE_ZERO(3);
}

/* Each register is loaded just before it is needed, so that multiplications soon begin. Rows of a
   are met again by other taps and other tiles of b, what is loaded of b is not. */
static inline void load_and_multiply(const uint16_t *first, const uint16_t *second, size_t stride,
                                     const float *b, size_t beside)
{
    EMO_TILE_LOAD_ONCE(6, b, 64);
    EMO_TILE_LOAD(4, first, stride);
    EMO_TILE_LOAD_ONCE(7, b + beside, 64);
    EMO_TILE_MULTIPLY(0, 4, 6);
    EMO_TILE_LOAD(5, second, stride);
    EMO_TILE_MULTIPLY(1, 4, 7);
    EMO_TILE_MULTIPLY(2, 5, 6);
    EMO_TILE_MULTIPLY(3, 5, 7);
}

/* By the b that is there. */
static inline void load_a_and_multiply(const uint16_t *first, const uint16_t *second, size_t stride)
{
    EMO_TILE_LOAD(4, first, stride);
    EMO_TILE_MULTIPLY(0, 4, 6);
    EMO_TILE_MULTIPLY(1, 4, 7);
    EMO_TILE_LOAD(5, second, stride);
    EMO_TILE_MULTIPLY(2, 5, 6);
    EMO_TILE_MULTIPLY(3, 5, 7);
}

/* The a that is there. */
static inline void load_b_and_multiply(const float *b, size_t beside)
{
    EMO_TILE_LOAD_ONCE(6, b, 64);
    EMO_TILE_MULTIPLY(0, 4, 6);
    EMO_TILE_MULTIPLY(2, 5, 6);
    EMO_TILE_LOAD_ONCE(7, b + beside, 64);
    EMO_TILE_MULTIPLY(1, 4, 7);
    EMO_TILE_MULTIPLY(3, 5, 7);
}

/* Of 32 numbers in depth: a in two tiles, b in two `beside` each other, terms `apart` and
   `b_apart`. From one product to the next one of the two stays. */
static inline void add_products(size_t terms, const uint16_t *first, const uint16_t *second,
                                size_t apart, size_t stride, const float *b, size_t beside,
                                size_t b_apart)
{
    if (terms == 1) {
        load_and_multiply(first, second, stride, b, beside);
        return;
    }
    load_and_multiply(first, second, stride, b + 2 * b_apart, beside);
    load_b_and_multiply(b + b_apart, beside);
    load_a_and_multiply(first + apart, second + apart, stride);
    load_b_and_multiply(b, beside);
    load_a_and_multiply(first + 2 * apart, second + 2 * apart, stride);
    load_a_and_multiply(first, second, stride);
}

/* Channel i of the first pixel of a record in blocks of b: the 16 from there lie together. */
static inline const float *channels_at(const float *x, size_t pixels, size_t b, size_t i)
{
    return x + i / b * b * pixels + i % b;
}

#endif
