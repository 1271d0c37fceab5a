/*
 * The gradients of a 3x3 convolution without padding from those of the 2x2 max pooling after it.
 *
 * Of the four outputs under a pooled one only the largest, at "place", has a gradient g. So the map
 * between, three quarters of it zeros, is never made:
 *
 *     gw[ky, kx, i, o] = sum over p of  g[p, o] * x[window of p that was largest for o, ky, kx, i]
 *     gx[window of p that was largest for o, ky, kx, i]  +=  g[p, o] * w[ky, kx, i, o]
 *
 * a quarter of the products of the dense form. A vector is LANES channels i; of gw, the nine
 * vectors of one o stay in registers over a run of pooled places, of w alike, while the pixels
 * under the run stay in the first cache.
 *
 * Activations and gradients lie in blocks of channels (net/blocks.h). One source, pooled_body.h, is
 * compiled for each instruction set.
 */
#ifndef EMO_NET_KERNELS_POOLED_H
#define EMO_NET_KERNELS_POOLED_H

#include "net/graph.h"
#include "net/isa.h"

struct emo_pooled {
    const struct emo_layer *conv, *pool;
    size_t in_block, out_block; /* of the channels of x and gx; of g */
};

struct emo_pooled_kernel {
    size_t lanes; /* divides in_block */
    /* Writes as many floats as w has. */
    void (*pack)(const struct emo_pooled *f, const float *hwio, float *packed);
    /* n records; gw (HWIO) and gb are overwritten. scratch: as many floats as gw. */
    void (*weights)(const struct emo_pooled *f, size_t n, const float *x, const float *g,
                    const uint16_t *place, float *gw, float *gb, float *scratch);
    /* gx is overwritten. */
    void (*data)(const struct emo_pooled *f, size_t n, const float *packed, const float *g,
                 const uint16_t *place, float *gx);
};

extern const struct emo_pooled_kernel emo_pooled_plain, emo_pooled_avx2, emo_pooled_avx512;

/* Are these two layers, in these blocks, what a kernel can do? */
bool emo_pooled_fits(const struct emo_pooled *f, const struct emo_pooled_kernel *k);

/* Buffers are aligned to 64 bytes. */
const struct emo_pooled_kernel *emo_pooled_kernel(enum emo_isa isa);

#endif
