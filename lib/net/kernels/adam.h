/*
 * Adam (Kingma & Ba, as Keras writes it): beta1 .9, beta2 .999, epsilon 1e-7,
 *     lr_t = lr sqrt(1 - beta2^t) / (1 - beta1^t);  p -= lr_t m / (sqrt(v) + epsilon).
 *
 * One source for all machines: it waits for memory, whatever the width of a vector.
 */
#ifndef EMO_NET_KERNELS_ADAM_H
#define EMO_NET_KERNELS_ADAM_H

#include <stddef.h>
#include <stdint.h>

/* lr_t of step t, from 1. */
double emo_adam_rate(double learning_rate, uint64_t t);
/* The buffers do not overlap. */
void emo_adam(size_t n, double rate, const float *gradient, float *m, float *v, float *p);

#endif
