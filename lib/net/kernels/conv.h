/*
 * A convolution of many channels in tiles (tiles.h): forward, the gradient of its input, that of
 * its weights.
 *
 * Numbers are rounded to bfloat16 in bf16, and sums are float32. Else, for the gradient of the weights,
 * each is the sum of three bfloat16 (halves.h), and of the nine products of two such sums the six
 * largest are computed: a0 b0, a0 b1, a1 b0, a0 b2, a1 b1, a2 b0; in the other two directions it is
 * three digits (digits.h), with a scale of the record, or of the weights' channel, and of their products
 * the same six are computed, with exact sums. What is left out is below the rounding of a float32.
 *
 * Channels lie in blocks (net/blocks.h) that 16 divides. What is worked on at a time, and so every
 * sum, depends on the layer and the number of records only.
 */
#ifndef EMO_NET_KERNELS_CONV_H
#define EMO_NET_KERNELS_CONV_H

#include "net/graph.h"
#include "net/isa.h"

struct emo_conv {
    const struct emo_layer *layer;
    size_t in_block, out_block;
    bool bf16;
    /* x comes and gx goes as bfloat16, pixel by pixel: see emo_conv_takes_halves(). The same of y and
       gy, in bf16: with any layer of a kernel that takes halves. The layer's ReLU is then done, and gy
       that of what it got. */
    bool halves, out_halves;
    bool rectified; /* x, which is halves, is what a ReLU gave: gx becomes the gradient of what it got */
    bool training; /* else only forward() is called */
};

struct emo_conv_kernel {
    /* Floats that pack() writes; floats that a call works in, for so many records. */
    size_t (*packed)(const struct emo_conv *c);
    size_t (*scratch)(const struct emo_conv *c, size_t records);
    void (*pack)(const struct emo_conv *c, const float *hwio, float *packed);
    void (*forward)(const struct emo_conv *c, size_t records, const void *x, const float *packed,
                    const float *bias, void *y, float *scratch);
    /* x: NULL unless rectified. */
    void (*backward_data)(const struct emo_conv *c, size_t records, const void *x, const void *gy,
                          const float *packed, void *gx, float *scratch);
    /* Overwrites gw (HWIO) and gb. */
    void (*backward_weights)(const struct emo_conv *c, size_t records, const void *x,
                             const void *gy, float *gw, float *gb, float *scratch);
};

extern const struct emo_conv_kernel emo_conv_amx;

/* For this layer on this machine, or NULL: nothing here is quicker than a library. All buffers are
   aligned to 64 bytes. */
const struct emo_conv_kernel *emo_conv_kernel(enum emo_isa isa, const struct emo_layer *l,
                                              bool bf16);

/* May its input be bfloat16, [record][row][column][channel]? It is then read where it is, so there
   must be nothing around it; the gradient of it is then bfloat16, too. */
bool emo_conv_takes_halves(const struct emo_conv_kernel *k, const struct emo_layer *l, bool bf16);

#endif
