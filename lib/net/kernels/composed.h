/*
 * The formulas of fold.h by the products of dense.h: under each place (by, bx) of B, the rows of C
 * that A's rows meet are A, as a matrix of (ay, ax, i) by m, times B's matrix of m by o; and so are
 * the gradients. emo_f_compose and emo_f_chain (plain.h) are the oracle.
 */
#ifndef EMO_NET_KERNELS_COMPOSED_H
#define EMO_NET_KERNELS_COMPOSED_H

#include "net/fold.h"
#include "net/kernels/dense.h"

/* Floats that the two work in. */
size_t emo_composed_scratch(const struct emo_fold *f);

/* As emo_f_compose and emo_f_chain: what is NULL is zero, or not wanted. */
void emo_composed(const struct emo_fold *f, const struct emo_dense_kernel *dense, const float *a,
                  const float *a_bias, const float *b, const float *b_bias, float *w, float *bias,
                  float *scratch);
void emo_composed_chain(const struct emo_fold *f, const struct emo_dense_kernel *dense,
                        const float *a, const float *a_bias, const float *b, const float *gw,
                        const float *gbias, float *ga, float *ga_bias, float *gb, float *gb_bias,
                        float *scratch);

#endif
