/*
 * What the kernels of the first layer have in common: vectors of LANES numbers, and sizes.
 * Included with LANES.
 */
#ifndef EMO_NET_KERNELS_FIRST_LANES_H
#define EMO_NET_KERNELS_FIRST_LANES_H

#include "net/kernels/first.h"

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint16_t shorts __attribute__((vector_size(2 * LANES)));
/* The same where a vector may lie anywhere. */
typedef float loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint16_t loose_shorts __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* Numbers of one kernel row. */
static size_t taps(const struct emo_first *f)
{
    return (size_t)f->conv->kernel_w * f->conv->c;
}

/* Rows that the two rows of windows under one pooled row look at. */
static inline size_t band(const struct emo_first *f)
{
    return (size_t)f->conv->kernel_h + f->conv->stride;
}

#endif
