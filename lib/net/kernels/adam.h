/*
 * Adam (Kingma & Ba, as Keras writes it): beta1 .9, beta2 .999, epsilon 1e-7,
 *     lr_t = lr sqrt(1 - beta2^t) / (1 - beta1^t);  p -= lr_t m / (sqrt(v) + epsilon).
 *
 * The plain version rounds as it is written; that of AVX-512, which waits for memory only, is two or
 * three units of the last digit of a step away from it.
 */
#ifndef EMO_NET_KERNELS_ADAM_H
#define EMO_NET_KERNELS_ADAM_H

#include "net/isa.h"

#include <stddef.h>
#include <stdint.h>

/* lr_t of step t, from 1. */
double emo_adam_rate(double learning_rate, uint64_t t);
/* The buffers do not overlap. */
typedef void emo_adam_step(size_t n, double rate, const float *gradient, float *m, float *v, float *p);
emo_adam_step emo_adam_plain, emo_adam_avx512;

emo_adam_step *emo_adam(enum emo_isa isa);

#endif
