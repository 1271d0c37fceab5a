/*
 * Network text to layers with shapes and parameters: emo-net(5).
 *
 * One layer a line:
 *     input HxWxC                                   an assertion
 *     conv FILTERS KERNEL [stride S] [same|valid] [ACTIVATION]
 *     maxpool SIZE [stride S]      avgpool SIZE [stride S]      globalavgpool
 *     flatten
 *     dense UNITS [ACTIVATION]
 *     dropout RATE
 *     output
 * "#" begins a comment. `output`, or the dense layer that it stands for, is last.
 */
#ifndef EMO_NET_GRAPH_H
#define EMO_NET_GRAPH_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Larger networks are refused before memory is taken for them. */
#define EMO_CAP_LAYERS 1000u
#define EMO_CAP_TENSOR (UINT64_C(1) << 28)      /* elements: a record's payload, as float */
#define EMO_CAP_PARAMETERS (UINT64_C(1) << 29)  /* of all layers */
#define EMO_CAP_ACTIVATIONS (UINT64_C(1) << 28) /* of an image and all layers' outputs for it */

enum emo_layer_kind {
    EMO_CONV,
    EMO_MAXPOOL,
    EMO_AVGPOOL, /* globalavgpool: a window over all of it */
    EMO_FLATTEN,
    EMO_DENSE,
    EMO_DROPOUT,
};
enum emo_activation { EMO_LINEAR, EMO_RELU, EMO_SIGMOID, EMO_SOFTMAX };

struct emo_layer {
    enum emo_layer_kind kind;
    enum emo_activation activation; /* of the last layer: applied by the loss, not by the layer */
    unsigned line;
    unsigned number; /* of its place in the text, from 0: a folded network draws the same dropout */
    char name[24]; /* "conv1", "maxpool1", "dense3" */
    uint32_t h, w, c;    /* in; a vector is 1 x 1 x c */
    uint32_t oh, ow, oc; /* out */
    uint32_t kernel_h, kernel_w, stride, top, left, bottom, right;
    double rate;
    int weight, bias; /* index of the parameter, -1: none */
    bool flat;        /* works on vectors, over the whole batch */
};

struct emo_tensor {
    char name[32];
    uint8_t order, rank;
    uint32_t dim[4];
    size_t count;
    double fan_in, fan_out;
    bool output; /* initialised as the output layer */
};

struct emo_graph {
    struct emo_layer *layers;
    size_t count, spatial; /* the first so many are not flat */
    struct emo_tensor *tensors;
    size_t tensor_count;
    uint32_t height, width, channels;
    size_t classes, outputs; /* outputs: 1 for two classes */
    size_t parameters, activations; /* activations: for one image, which is the first of them */
    struct emo_text text; /* normalised: one layer a line */
};

/* text: network text or a built-in name. EMO_USAGE: line, layer and shapes are in the message. */
int emo_graph_make(struct emo_graph *g, const char *text, uint32_t height, uint32_t width,
                   uint32_t channels, size_t classes, struct emo_error *err);
void emo_graph_free(struct emo_graph *g);

void emo_graph_summary(const struct emo_graph *g, struct emo_text *out);

static inline size_t emo_layer_in(const struct emo_layer *l)
{
    return (size_t)l->h * l->w * l->c;
}
static inline size_t emo_layer_out(const struct emo_layer *l)
{
    return (size_t)l->oh * l->ow * l->oc;
}

#endif
