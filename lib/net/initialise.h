/*
 * Initial weights and Adam.
 *
 * Glorot uniform for convolutions and the output layer: limit
 * sqrt(6 / (fan_in + fan_out)); He normal for other dense layers: a normal
 * truncated at two deviations, whose effective deviation is sqrt(2 / fan_in).
 * Biases 0. Draws: Philox EMO_DRAW_INITIALISE, id the tensor's ordinal.
 *
 * Adam (Kingma & Ba, as Keras writes it): beta1 .9, beta2 .999, epsilon 1e-7,
 *     lr_t = lr sqrt(1 - beta2^t) / (1 - beta1^t);  p -= lr_t m / (sqrt(v) + epsilon).
 */
#ifndef EMO_NET_INITIALISE_H
#define EMO_NET_INITIALISE_H

#include "net/graph.h"

void emo_initialise(const struct emo_tensor *t, size_t ordinal, uint64_t seed, float *values);

/* lr_t of step t, from 1. */
double emo_adam_rate(double learning_rate, uint64_t t);
void emo_adam(size_t n, double rate, const float *gradient, float *m, float *v, float *p);

#endif
