/*
 * What a backend does: the convolutions, in chunks of records.
 *
 * Everything between them - pooling, activations, dropout, dense layers - is
 * the executor's. Activations and gradients are float arrays whose channels lie
 * in the blocks that the backend asks for (blocks.h), master weights HWIO; what a
 * backend keeps besides is its own. Calls for different workers run at the same
 * time; a result may depend on the chunk only, never on the worker.
 */
#ifndef EMO_NET_BACKEND_H
#define EMO_NET_BACKEND_H

#include "net/graph.h"
#include "net/isa.h"

/* Work on images is cut into pieces of so many records, whatever the number of threads; the last
   piece of a batch is filled up with zeros. 4 leaves work for eight threads in a batch of 32; with
   8, partial gradients are half as many. These are most of the work where every weight has little:
   fewer multiplications for an image than so many. */
#define EMO_CHUNK_LEAST 4
#define EMO_CHUNK_MOST 8
#define EMO_CHUNK_WORK 100

struct emo_backend_options {
    const struct emo_graph *graph;
    size_t begin;     /* layers before it are not asked for */
    size_t chunk;     /* records */
    const bool *elsewhere; /* nor those set here, while open() runs; NULL: none */
    unsigned workers; /* how many may call at once */
    enum emo_isa isa;
    bool training;
    /* Of each layer and one more: its input is bfloat16, pixel by pixel, and so is the gradient of
       it. A ReLU of the layer before has then been done, and the gradient is of what that got.
       NULL: none's. */
    const bool *halves;
    bool bf16; /* round what is multiplied to bfloat16; sums stay float32 */
};

struct emo_backend {
    /* May the layer's input be halves? NULL: none's may. */
    bool (*takes_halves)(const struct emo_backend_options *o, size_t layer);
    int (*open)(void **state, const struct emo_backend_options *o, struct emo_error *err);
    void (*close)(void *state);
    /* The block of a tensor of so many channels; divides them. */
    uint32_t (*block)(const void *state, uint32_t channels);
    /* "onednn 2.6.3 avx512 fp32" */
    void (*describe)(void *state, struct emo_text *out);
    /* The layer's weights changed: take them over. */
    int (*load)(void *state, size_t layer, unsigned worker, const float *weight, const float *bias);
    /* Records that forward() and backward_data() take at a time: a chunk, or 1 where that is as good. */
    size_t (*piece)(const void *state);
    int (*forward)(void *state, size_t layer, unsigned worker, const void *x, void *y);
    /* Not of the first convolution: nobody asks for the gradient of the image. x: the input. */
    int (*backward_data)(void *state, size_t layer, unsigned worker, const void *x, const void *gy,
                         void *gx);
    /* Overwrites gw (HWIO) and gb. */
    int (*backward_weights)(void *state, size_t layer, unsigned worker, const void *x,
                            const void *gy, float *gw, float *gb);
};

extern const struct emo_backend emo_backend_reference;
/* NULL when built without oneDNN. */
const struct emo_backend *emo_backend_onednn(void);
/* "onednn 2.6.3" or "without onednn". */
void emo_onednn_version(struct emo_text *out);

#endif
