/*
 * Inside a net: what is computed, in which buffers, and the passes over them.
 *
 * Work on images is cut into chunks of a few records, and forward into pieces of a chunk, each taken
 * through all spatial layers by one worker; flat layers go over the whole batch, in blocks of columns. Partial gradients of the
 * chunks are summed by a binary tree over the chunk's index. So nothing depends on the number of
 * workers. Only net.c and execute*.c include this.
 */
#ifndef EMO_NET_EXECUTE_H
#define EMO_NET_EXECUTE_H

#include "base/threads.h"
#include "net/backend.h"
#include "net/fold.h"
#include "net/kernels/adam.h"
#include "net/kernels/dense.h"
#include "net/kernels/dense_tiles.h"
#include "net/kernels/draws.h"
#include "net/kernels/first.h"
#include "net/kernels/pooled.h"
#include "net/net.h"

/* Dense layers in tiles: per layer, its packed weights, or NULL; per worker, what it works in. */
struct emo_tiled {
    const struct emo_dense_tiles *kernel;
    uint16_t **packed, *turned;
    float *sums, **scratch;
};

struct emo_net {
    struct emo_net_options options;
    struct emo_graph graph; /* as written */
    struct emo_plan plan;   /* as computed; layers below are the plan's */
    const struct emo_backend *backend;
    void *state;
    struct emo_threads *threads;
    unsigned workers;
    struct emo_text describe;

    struct emo_parameter *parameters;
    size_t *at; /* of each tensor of the plan in values and gradient */
    /* Ends of what lies one after the other: factors of composed tensors; weights of dense layers as
       computed; all of the network's; all. */
    size_t factors, dense_end, masters, total;
    float *values, *gradient, *m, *v;  /* the moments of the network's own */
    /* Convolutions' tensors as computed lie together, from part_at on. Gradients of the first chunk
       are written there, of each other one to a row of partial. */
    size_t part_at, part_total;
    float *partial;
    uint64_t step;
    bool stale;   /* the backend has not seen the values */
    bool changed; /* by others than step(): dense layers in tiles have not seen them */

    /* The first layer, and pooling after it, when a kernel does them; else NULL, and begin is 0. */
    const struct emo_first_kernel *kernel;
    struct emo_first image;
    float *packed;
    size_t begin; /* the first layer that the backend does */
    bool *halves; /* of each layer and one more: its input and the gradient of it are bfloat16 */
    const struct emo_dense_kernel *dense, *composing; /* NULL: plain */
    struct emo_tiled tiled;
    emo_adam_step *adam;
    const struct emo_draws_kernel *draws;             /* NULL: one by one */
    float *fold_scratch;

    /* Convolutions whose gradients come straight from those of the pooling after them: per layer,
       its weights for the kernel, or NULL; per hand, room for their gradient. */
    const struct emo_pooled_kernel *pooled;
    float **pooled_weights, **pooled_scratch;

    size_t first; /* layer with parameters */
    /* hands: pieces that can be worked on at once, each with buffers of its own. slots: records whose
       activations are kept, the batch's in training, else those at hand. */
    size_t chunk, piece; /* records */
    size_t chunks, hands, slots;
    float **out;         /* per layer: slots; flat layers: the batch. Some are bfloat16 */
    uint16_t **arg;      /* per maxpool layer */
    float **input;       /* per hand: a chunk of images as float, or the kernel's scratch */
    float **grad[2];     /* per hand: gradients going back, by turns */
    float *flat[2];      /* the same of flat layers, the batch */
    float *features;     /* what the flat layers begin with */

    /* The call that is running. */
    const uint8_t *const *images;
    const uint64_t *ids;
    uint16_t epoch;
    size_t count, layer, tensor;
    const float *drop_from;
    float *drop_to;
    bool dropout, from_second;
    double rate;
    int failed;
};

/* The logits of n->count of n->images. */
const float *emo_execute_forward(struct emo_net *n);
/* From the gradient of the logits, in n->flat[0], to that of each tensor as computed, in chunks. Dense
   weights are read a last time, and take Adam's step of size n->rate while they are near. */
void emo_execute_backward(struct emo_net *n);
/* The gradients of the network's tensors, and the step of the others. */
void emo_execute_update(struct emo_net *n);

/* Bytes of a number of layer i's output. */
static inline size_t emo_execute_size(const struct emo_net *n, size_t i)
{
    return n->halves[i + 1] ? sizeof(uint16_t) : sizeof(float);
}

/* What the kernel of pooled.h is told of layer i and the next. */
struct emo_pooled emo_execute_pooled(const struct emo_net *n, size_t i);

/* Of execute_parameters.c. Makes the arrays that hold parameters, and what says where. */
int emo_execute_parameters(struct emo_net *n, struct emo_error *err);
/* Where a chunk's gradient of a convolution's tensor goes. */
float *emo_execute_partial(const struct emo_net *n, size_t chunk, int tensor);
/* Adam's step of some values from `from` on, by their gradient. */
void emo_execute_step(const struct emo_net *n, size_t from, size_t some, const float *gradient);
/* Sums the chunks' partial gradients of composed tensors. */
void emo_execute_reduce(struct emo_net *n);

/* Of execute_flat.c: from the features to the logits, and from the gradient in flat[0] back to that
   of the features, which it returns. */
const float *emo_execute_flat_forward(struct emo_net *n);
float *emo_execute_flat_backward(struct emo_net *n);
/* What the present layer, a flat one, gets. */
const float *emo_execute_input(const struct emo_net *n);
/* Dropout of count records, the first being number first of the batch; the same draws forward and
   backward. b: the block of channels in x and y. */
void emo_execute_drop(const struct emo_net *n, const struct emo_layer *l, size_t first,
                      size_t count, size_t b, const float *x, float *y);

/* Of execute_dense.c: the present layer. Gradients go from one of flat to the other; the network's own
   weights take their step on the way. */
void emo_execute_dense_forward(struct emo_net *n);
void emo_execute_dense_backward(struct emo_net *n);
/* What tiles need; false: out of memory. close() also after a failure, and of none. */
bool emo_execute_dense_open(struct emo_net *n, enum emo_isa isa);
void emo_execute_dense_close(struct emo_net *n);
/* Packs weights that have changed. */
void emo_execute_dense_load(struct emo_net *n);

#endif
