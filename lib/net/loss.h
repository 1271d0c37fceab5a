/*
 * Probabilities and cross-entropy from logits, in double. outputs 1: a sigmoid
 * for class 1 of two; more: softmax.
 */
#ifndef EMO_NET_LOSS_H
#define EMO_NET_LOSS_H

#include <stddef.h>

/* K probabilities in class order: {1 - p, p} for outputs 1. */
void emo_probabilities(const float *logits, size_t outputs, float *p);

/* The loss of one record; its gradient times weight into gradient; *right counts it when the
   prediction (p >= 0.5; the first largest) is its label. */
double emo_cross_entropy(const float *logits, size_t outputs, int label, double weight,
                         float *gradient, size_t *right);

#endif
