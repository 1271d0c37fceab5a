/*
 * The first layer: a convolution of the image, its bias, and 2x2 max pooling if that follows, in one
 * go.
 *
 * Forward, a block of a few pooled places at a time: the four convolution outputs under each are
 * summed in registers, the largest is kept with its place in the window (0 to 3, row by row, the
 * first of equals), and only those are written; the map between never is. Pixels are bytes, HWC;
 * a row is made float when it is first needed, with the zeros of the padding on either side. The
 * division by 255 is in the packed weights.
 *
 *     y[p, o] = bias[o] + max over the window of p of  sum over ky, kx, i of  x * w / 255
 *
 * Backward, the gradient of the weights straight from the pooled gradient: of the four outputs
 * under a pooled one only the largest has a gradient, so a channel's kernel (kernel_h rows of
 * kernel_w * c numbers, in registers) gets the window of pixels that was largest, times g. The
 * windows of a run of places are copied out first, so that all channels read whole lines:
 *
 *     gw[., ., ., o] += g[p, o] * x[window of p that was largest for o] / 255
 *
 * a quarter of the products of the dense form. The image needs no gradient.
 *
 * Outputs lie in blocks of channels (net/blocks.h). One source, first_body.h, is compiled for each
 * instruction set; sums go over ky, then kx and i, in float, fused multiply-add where the set has
 * it. In tiles (AMX) all products are computed, of whole numbers: see first_amx.h.
 *
 * Where no pooling follows, the results are the map. That is worth a kernel of its own in bf16 only,
 * and with tiles: emo_map_amx does a ReLU, too; its results and gy, which is of what the ReLU got,
 * are always bfloat16, and there are no places.
 */
#ifndef EMO_NET_KERNELS_FIRST_H
#define EMO_NET_KERNELS_FIRST_H

#include "net/graph.h"
#include "net/isa.h"

struct emo_first {
    const struct emo_layer *conv; /* its output is oh x ow x oc */
    uint32_t ph, pw;              /* of the results: pooled, or the map */
    size_t pitch;                 /* bytes from one row of an image to the next; conv->w * c are seen */
    size_t block;                 /* of channels in y and g */
    bool halves;                  /* y and gy are bfloat16, [place][channel]: if the kernel can */
    bool bf16; /* weights and gy as bfloat16, or nearer; pixels are whole numbers */
};

struct emo_first_kernel {
    bool halves;  /* it can give y so */
    size_t lanes; /* divides block, and block oc */
    bool rounded; /* in bf16, gy has to come as bfloat16; weights are taken so by pack() */
    /* Numbers that say where the largest of each window of an image was. */
    size_t (*places)(const struct emo_first *f);
    /* Floats that pack() writes; floats that a call works in. */
    size_t (*packed)(const struct emo_first *f);
    size_t (*scratch)(const struct emo_first *f);
    void (*pack)(const struct emo_first *f, const float *hwio, float *packed);
    /* One image: ph * pw * oc results, and the places, as the kernel's backward() reads them. */
    void (*forward)(const struct emo_first *f, const uint8_t *image, const float *packed,
                    const float *bias, void *y, uint16_t *place, float *scratch);
    /* n images more: with the last the sum of all gradients since the first comes into gw (HWIO) and
       gb. Until then nobody else writes gb or scratch. */
    void (*backward)(const struct emo_first *f, size_t n, const uint8_t *const *images,
                     const void *gy, const uint16_t *place, bool first, bool last, float *gw,
                     float *gb, float *scratch);
};

extern const struct emo_first_kernel emo_first_plain, emo_first_avx2, emo_first_avx512,
    emo_first_amx, emo_map_amx;

/* The quickest for this layer, whose block need not be known yet, and the pooling after it. All
   buffers are aligned to 64 bytes. */
const struct emo_first_kernel *emo_first_kernel(enum emo_isa isa, const struct emo_first *f);
/* For this layer alone, or NULL: a library is as quick. */
const struct emo_first_kernel *emo_map_kernel(enum emo_isa isa, const struct emo_first *f);

#endif
