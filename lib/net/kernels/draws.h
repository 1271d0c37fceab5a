/*
 * Many draws of Philox (base/philox.h) at once, in vectors, and normals of them: the same words, and
 * the same numbers, as one by one.
 *
 * A normal is that of Box and Muller, sqrt(-2 log u) cos a, in double. Unlike the library's, log and
 * cos are sums that a compiler turns into vectors:
 *
 *     log(2^k (1 + f)) = k log 2 + 2 (s + s^3/3 + s^5/5 + ... + s^19/19),  s = f / (2 + f)
 *     cos a = sin r = r - r^3/3! + r^5/5! - ... + r^21/21!,  r = pi/2 - a, or a - 3pi/2 from pi on
 *
 * with 1 + f from sqrt(1/2) to sqrt(2), and r no further from 0 than pi/2. Each is within a few units
 * of the last place. Whatever is so near to where a float's rounding, or the bound of a truncated
 * normal, decides that this could matter, is left to the library's functions.
 *
 * One source, draws_body.h, is compiled for each instruction set, without contraction: the library
 * is given a rounded angle, and so must the sum be.
 */
#ifndef EMO_NET_KERNELS_DRAWS_H
#define EMO_NET_KERNELS_DRAWS_H

#include "net/isa.h"

#include <stddef.h>
#include <stdint.h>

#define EMO_NORMAL_MOST 2.0 /* a normal is truncated here */

struct emo_draws_kernel {
    /* The words of count blocks from the first: as many calls of emo_philox(). */
    void (*blocks)(uint64_t seed, uint64_t id, uint16_t epoch, uint16_t purpose, uint32_t block,
                   size_t count, uint32_t *out);
    /* The first two words of block 0 of count ids from the first, epoch 0. */
    void (*pairs)(uint64_t seed, uint64_t id, uint16_t purpose, size_t count, uint32_t *first,
                  uint32_t *second);
    /* deviation times the first normal of each pair; not a number where it is beyond
       EMO_NORMAL_MOST, or not certain. */
    void (*normals)(size_t count, const uint32_t *first, const uint32_t *second, double deviation,
                    float *out);
};

extern const struct emo_draws_kernel emo_draws_plain, emo_draws_avx2, emo_draws_avx512;

const struct emo_draws_kernel *emo_draws_kernel(enum emo_isa isa);

#endif
