/*
 * Folding: a run of linear layers, computed as one.
 *
 * A convolution A (ah x aw, stride s) without an activation and a convolution B (bh x bw, stride t)
 * after it are one convolution C, (ah + (bh-1)s) x (aw + (bw-1)s), stride st:
 *
 *     C[by*s+ay, bx*s+ax, i, o] = sum over by, bx, m of  A[ay, ax, i, m] * B[by, bx, m, o]
 *     c[o]                      = b[o] + sum over by, bx, m of  a[m] * B[by, bx, m, o]
 *
 * The loss's gradient for C is chained to the factors, once a batch:
 *
 *     dA[ay, ax, i, m] = sum over by, bx, o of  dC[by*s+ay, bx*s+ax, i, o] * B[by, bx, m, o]
 *     dB[by, bx, m, o] = sum over ay, ax, i of  A[ay, ax, i, m] * dC[...]  +  a[m] * dc[o]
 *     da[m]            = sum over by, bx, o of  B[by, bx, m, o] * dc[o],        db[o] = dc[o]
 *
 * So the parameters, and their updates up to rounding, are those of the layers as written. Average
 * pooling takes part as a convolution whose kernel is constant, dense layers as convolutions of
 * 1 x 1. B has no padding; A's becomes C's.
 *
 * Whether it pays is estimated from shapes alone: from the multiplications of a training step on 32
 * images, those of the composition counted four times, since its small products run that much
 * slower. Kernels that grow run less well, too, so a fifth must be saved.
 */
#ifndef EMO_NET_FOLD_H
#define EMO_NET_FOLD_H

#include "net/graph.h"

struct emo_dense_kernel;

/* One pair. first and second: the index of the factor's weight, its bias the next one; bias -1:
   average pooling, whose weight is constant. whole: the composed weight's, its bias the next. */
struct emo_fold {
    int first, first_bias, second, second_bias, whole;
    uint32_t ah, aw, bh, bw, stride; /* of the first */
    uint32_t in, between, out;       /* channels */
    char names[2][24];
};

/* What is computed: graph's layers are the network's, pairs replaced; its tensors are the network's,
   then constants and composed ones. */
struct emo_plan {
    struct emo_graph graph;
    size_t masters; /* tensors of the network */
    struct emo_fold *folds;
    size_t fold_count; /* in this order composed; chained in the reverse */
};

/* Without fold the plan is the network. Free with emo_plan_free(), also after a failure. */
int emo_plan_make(struct emo_plan *p, const struct emo_graph *g, bool fold, struct emo_error *err);
void emo_plan_free(struct emo_plan *p);

/* at: where each of the plan's tensors lies in values and gradients. Fills in the constants. */
void emo_plan_constants(const struct emo_plan *p, const size_t *at, float *values);
/* With dense products where these take little memory; NULL: by the plain arithmetic. scratch: so
   many floats as said. */
size_t emo_plan_scratch(const struct emo_plan *p);
void emo_plan_compose(const struct emo_plan *p, const struct emo_dense_kernel *dense,
                      const size_t *at, float *values, float *scratch);
/* Overwrites the factors' gradients. */
void emo_plan_chain(const struct emo_plan *p, const struct emo_dense_kernel *dense,
                    const size_t *at, const float *values, float *gradients, float *scratch);

/* "conv1 and conv2 are computed as one 7x7 convolution, stride 4", a line a layer. */
void emo_plan_describe(const struct emo_plan *p, struct emo_text *out);

#endif
