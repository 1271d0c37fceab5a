/*
 * bfloat16: the upper half of a float32, to the nearest, ties to even; NaN stays NaN.
 */
#ifndef EMO_NET_KERNELS_BF16_H
#define EMO_NET_KERNELS_BF16_H

#include <stddef.h>
#include <stdint.h>

void emo_bf16_from(const float *x, size_t n, uint16_t *y);
/* The same, kept as float32. x and y may be the same. */
void emo_bf16_round(const float *x, size_t n, float *y);

#endif
