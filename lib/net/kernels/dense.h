/*
 * Dense layers in vectors: x (n x in), w (in x out), y (n x out), row by row.
 *
 *     y[r, o]  = b[o] + sum over i of x[r, i] w[i, o]          columns from..to of y
 *     gx[r, i] = sum over o of gy[r, o] w[i, o]                columns from..to of gx
 *     gw[i, o] = sum over r of x[r, i] gy[r, o],  gb likewise  rows from..to of gw; gb with the first
 *
 * A few rows by a few vectors are summed in registers. The order of a sum depends on neither n nor
 * from and to, so a record's result does not depend on those beside it. One source, dense_body.h,
 * is compiled for each instruction set; the plain arithmetic of plain_body.h is the oracle, and what
 * the reference computes with.
 */
#ifndef EMO_NET_KERNELS_DENSE_H
#define EMO_NET_KERNELS_DENSE_H

#include "net/graph.h"
#include "net/isa.h"

struct emo_dense_kernel {
    void (*forward)(const struct emo_layer *l, size_t n, const float *x, const float *w,
                    const float *b, size_t from, size_t to, float *y);
    void (*backward_data)(const struct emo_layer *l, size_t n, const float *gy, const float *w,
                          size_t from, size_t to, float *gx);
    void (*backward_weights)(const struct emo_layer *l, size_t n, const float *x, const float *gy,
                             size_t from, size_t to, float *gw, float *gb);
};

extern const struct emo_dense_kernel emo_dense_reference;
extern const struct emo_dense_kernel emo_dense_plain, emo_dense_avx2, emo_dense_avx512;

const struct emo_dense_kernel *emo_dense_kernel(enum emo_isa isa);

#endif
