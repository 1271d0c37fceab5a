/*
 * Initial weights.
 *
 * Glorot uniform for convolutions and the output layer: limit
 * sqrt(6 / (fan_in + fan_out)); He normal for other dense layers: a normal
 * truncated at two deviations, whose effective deviation is sqrt(2 / fan_in).
 * Biases 0. Draws: Philox EMO_DRAW_INITIALISE, id the tensor's ordinal.
 */
#ifndef EMO_NET_INITIALISE_H
#define EMO_NET_INITIALISE_H

#include "net/graph.h"
#include "net/kernels/draws.h"

/* Elements from..to of the tensor's values; 4 divides from. draws NULL: one by one, with the
   library's functions; the values are the same. */
void emo_initialise(const struct emo_draws_kernel *draws, const struct emo_tensor *t,
                    size_t ordinal, uint64_t seed, size_t from, size_t to, float *values);

#endif
