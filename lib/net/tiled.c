#include "net/tiled.h"

#include "net/kernels/conv.h"

#include <stdlib.h>
#include <string.h>

/* One that is computed here has a kernel. */
struct conv {
    const struct emo_conv_kernel *kernel;
    struct emo_conv conv;
    float *packed;
    const float *bias;
};

struct state {
    const struct emo_backend *rest;
    void *rest_state;
    size_t count, chunk, piece;
    struct conv *convs;
    unsigned workers;
    float **scratch; /* of each worker */
};

static void tiled_close(void *state)
{
    struct state *s = state;
    if (s->rest_state != NULL)
        s->rest->close(s->rest_state);
    for (size_t i = 0; s->convs != NULL && i < s->count; i++)
        free(s->convs[i].packed);
    for (unsigned w = 0; s->scratch != NULL && w < s->workers; w++)
        free(s->scratch[w]);
    free(s->convs);
    free(s->scratch);
    free(s);
}

static float *floats(size_t n)
{
    return aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64);
}

/* Did a ReLU give the layer's input? */
static bool is_rectified(const struct emo_graph *g, size_t i)
{
    return i > 0 && g->layers[i - 1].activation == EMO_RELU;
}

/* Buffers, now that the blocks are known. */
static bool make(struct state *s, const struct emo_backend_options *o)
{
    size_t most = 1;
    for (size_t i = 0; i < s->count; i++) {
        const struct emo_layer *l = &o->graph->layers[i];
        struct conv *c = &s->convs[i];
        if (c->kernel == NULL)
            continue;
        c->conv = (struct emo_conv){.layer = l, .bf16 = o->bf16, .training = o->training,
                                    .halves = o->halves != NULL && o->halves[i],
                                    .out_halves = o->halves != NULL && o->halves[i + 1],
                                    .rectified = o->halves != NULL && o->halves[i] &&
                                                 is_rectified(o->graph, i),
                                    .in_block = s->rest->block(s->rest_state, l->c),
                                    .out_block = s->rest->block(s->rest_state, l->oc)};
        c->packed = floats(c->kernel->packed(&c->conv));
        if (c->packed == NULL)
            return false;
        size_t n = c->kernel->scratch(&c->conv, s->chunk);
        most = n > most ? n : most;
    }
    for (unsigned w = 0; w < s->workers; w++)
        if ((s->scratch[w] = floats(most)) == NULL)
            return false;
    return true;
}

static bool tiled_takes_halves(const struct emo_backend_options *o, size_t layer)
{
    const struct emo_layer *l = &o->graph->layers[layer];
    return l->kind == EMO_CONV &&
           emo_conv_takes_halves(emo_conv_kernel(o->isa, l, o->bf16), l, o->bf16);
}

static int tiled_open(void **state, const struct emo_backend_options *o, struct emo_error *err)
{
    const struct emo_graph *g = o->graph;
    struct state *s = calloc(1, sizeof *s);
    bool *elsewhere = calloc(g->count, sizeof *elsewhere);
    int status = EMO_OK;
    if (s != NULL) {
        *s = (struct state){.rest = emo_backend_onednn(), .count = g->spatial,
                            .chunk = o->chunk, .piece = 1, .workers = o->workers};
        s->convs = calloc(g->count, sizeof *s->convs);
        s->scratch = calloc(o->workers, sizeof *s->scratch);
    }
    if (s == NULL || elsewhere == NULL || s->convs == NULL || s->scratch == NULL)
        status = emo_error_memory(err, g->count * sizeof *s->convs, "a backend");
    for (size_t i = o->begin; status == EMO_OK && i < s->count; i++)
        if (g->layers[i].kind == EMO_CONV) {
            s->convs[i].kernel = emo_conv_kernel(o->isa, &g->layers[i], o->bf16);
            elsewhere[i] = s->convs[i].kernel != NULL;
            if (!elsewhere[i])
                s->piece = s->chunk;
        }
    if (status == EMO_OK) {
        struct emo_backend_options others = *o;
        others.elsewhere = elsewhere;
        status = s->rest->open(&s->rest_state, &others, err);
    }
    if (status == EMO_OK && !make(s, o))
        status = emo_error(err, EMO_FAILED, "out of memory for the convolutions of %u threads; try "
                           "fewer (-j)", o->workers);
    free(elsewhere);
    if (status == EMO_OK)
        *state = s;
    else if (s != NULL)
        tiled_close(s);
    return status;
}

static uint32_t tiled_block(const void *state, uint32_t channels)
{
    const struct state *s = state;
    return s->rest->block(s->rest_state, channels);
}

static void tiled_describe(void *state, struct emo_text *out)
{
    const struct state *s = state;
    s->rest->describe(s->rest_state, out);
}

static int tiled_load(void *state, size_t layer, unsigned worker, const float *weight,
                      const float *bias)
{
    struct state *s = state;
    struct conv *c = &s->convs[layer];
    if (c->kernel == NULL)
        return s->rest->load(s->rest_state, layer, worker, weight, bias);
    c->bias = bias;
    c->kernel->pack(&c->conv, weight, c->packed);
    return 0;
}

static size_t tiled_piece(const void *state)
{
    return ((const struct state *)state)->piece;
}

static int tiled_forward(void *state, size_t layer, unsigned worker, const void *x, void *y)
{
    struct state *s = state;
    const struct conv *c = &s->convs[layer];
    if (c->kernel == NULL)
        return s->rest->forward(s->rest_state, layer, worker, x, y);
    c->kernel->forward(&c->conv, s->piece, x, c->packed, c->bias, y, s->scratch[worker]);
    return 0;
}

static int tiled_backward_data(void *state, size_t layer, unsigned worker, const void *x,
                               const void *gy, void *gx)
{
    struct state *s = state;
    const struct conv *c = &s->convs[layer];
    if (c->kernel == NULL)
        return s->rest->backward_data(s->rest_state, layer, worker, x, gy, gx);
    c->kernel->backward_data(&c->conv, s->piece, x, gy, c->packed, gx, s->scratch[worker]);
    return 0;
}

static int tiled_backward_weights(void *state, size_t layer, unsigned worker, const void *x,
                                  const void *gy, float *gw, float *gb)
{
    struct state *s = state;
    const struct conv *c = &s->convs[layer];
    if (c->kernel == NULL)
        return s->rest->backward_weights(s->rest_state, layer, worker, x, gy, gw, gb);
    c->kernel->backward_weights(&c->conv, s->chunk, x, gy, gw, gb, s->scratch[worker]);
    return 0;
}

const struct emo_backend *emo_backend_tiled(void)
{
    static const struct emo_backend backend = {
        .takes_halves = tiled_takes_halves,
        .open = tiled_open,
        .close = tiled_close,
        .block = tiled_block,
        .describe = tiled_describe,
        .load = tiled_load,
        .piece = tiled_piece,
        .forward = tiled_forward,
        .backward_data = tiled_backward_data,
        .backward_weights = tiled_backward_weights,
    };
    return emo_backend_onednn() != NULL ? &backend : NULL;
}
