#include "net/backend.h"

#include "net/kernels/plain.h"

#include <stdlib.h>

struct state {
    const struct emo_graph *g;
    size_t chunk;
    const float *weight[EMO_CAP_LAYERS], *bias[EMO_CAP_LAYERS];
};

static int ref_open(void **state, const struct emo_backend_options *o, struct emo_error *err)
{
    struct state *s = calloc(1, sizeof *s);
    *state = s;
    if (s == NULL)
        return emo_error_memory(err, sizeof *s, "a backend");
    s->g = o->graph;
    s->chunk = o->chunk;
    return EMO_OK;
}

static uint32_t ref_block(const void *state, uint32_t channels)
{
    (void)state;
    return channels;
}

static void ref_describe(void *state, struct emo_text *out)
{
    (void)state;
    emo_text_printf(out, "reference fp32");
}

static int ref_load(void *state, size_t layer, unsigned worker, const float *weight,
                    const float *bias)
{
    struct state *s = state;
    (void)worker;
    s->weight[layer] = weight;
    s->bias[layer] = bias;
    return EMO_OK;
}

static size_t ref_piece(const void *state)
{
    (void)state;
    return 1;
}

static int ref_forward(void *state, size_t layer, unsigned worker, const void *x, void *y)
{
    struct state *s = state;
    (void)worker;
    emo_f_conv_forward(&s->g->layers[layer], 1, x, s->weight[layer], s->bias[layer], y);
    return EMO_OK;
}

static int ref_backward_data(void *state, size_t layer, unsigned worker, const void *x,
                             const void *gy, void *gx)
{
    struct state *s = state;
    (void)worker;
    (void)x;
    emo_f_conv_backward_data(&s->g->layers[layer], 1, gy, s->weight[layer], gx);
    return EMO_OK;
}

static int ref_backward_weights(void *state, size_t layer, unsigned worker, const void *x,
                                const void *gy, float *gw, float *gb)
{
    struct state *s = state;
    (void)worker;
    emo_f_conv_backward_weights(&s->g->layers[layer], s->chunk, x, gy, gw, gb);
    return EMO_OK;
}

const struct emo_backend emo_backend_reference = {
    .open = ref_open,
    .close = free,
    .block = ref_block,
    .describe = ref_describe,
    .load = ref_load,
    .piece = ref_piece,
    .forward = ref_forward,
    .backward_data = ref_backward_data,
    .backward_weights = ref_backward_weights,
};
