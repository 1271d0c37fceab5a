/*
 * A model as other programs want its tensors: by name, each in one of two
 * layouts.
 *
 *     keras   as here: kernels height, width, in, out; matrices in, out
 *     torch   kernels out, in, height, width; matrices out, in. Where a dense
 *             layer sees a flattened image, its inputs go by channel, row,
 *             column, as PyTorch flattens.
 */
#ifndef EMO_EXCHANGE_WEIGHTS_H
#define EMO_EXCHANGE_WEIGHTS_H

#include "net/graph.h"
#include "net/model.h"

enum emo_layout { EMO_LAYOUT_TORCH, EMO_LAYOUT_KERAS };

/* Zero-initialise; free with emo_weights_close(). */
struct emo_weights {
    struct emo_model model;
    struct emo_net *net;
    struct emo_graph graph;
    struct emo_parameter *at; /* as graph.tensors */
    size_t count;
};

/* EMO_INPUT: not a model; as emo_model_read(). */
int emo_weights_open(struct emo_weights *w, const char *path, struct emo_error *err);
void emo_weights_close(struct emo_weights *w);

/* The dimensions of tensor i of a graph in a layout; how many there are. */
unsigned emo_layout_dims(const struct emo_graph *g, size_t i, enum emo_layout layout,
                         uint32_t dim[4]);
/* Copies tensor i from the model's layout to another, or back. */
void emo_layout_copy(const struct emo_graph *g, size_t i, enum emo_layout layout, bool back,
                     const float *from, float *to);

#endif
