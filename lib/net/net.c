#include "net/net.h"

#include "base/philox.h"
#include "base/threads.h"
#include "net/backend.h"
#include "net/blocks.h"
#include "net/initialise.h"
#include "net/kernels/plain.h"
#include "net/loss.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64u
#define BLOCK 64 /* columns of a dense layer, and rows of its gradient, in one piece */
#define RANGE 16384 /* parameters in one piece of a reduction */

struct emo_net {
    struct emo_net_options options;
    struct emo_graph graph;
    const struct emo_backend *backend;
    void *state;
    struct emo_threads *threads;
    unsigned workers;
    struct emo_text describe;

    struct emo_parameter *parameters;
    size_t *at; /* of each tensor in the arrays below */
    size_t total, conv_total;
    float *values, *gradient, *m, *v;
    float *partial; /* conv gradients, one row of conv_total a chunk */
    uint64_t step;
    bool stale; /* the backend has not seen the values */

    size_t first; /* layer with parameters */
    /* hands: chunks that can be worked on at once, each with buffers of its own. slots: chunks whose
       activations are kept, all in training, else those at hand. */
    size_t chunks, hands, slots, widest, widest_flat;
    float **out;         /* per layer: slots x EMO_CHUNK records; flat layers: the batch */
    uint16_t **arg;      /* per maxpool layer */
    float **input;       /* per hand: a chunk of images as float */
    float **grad[2];     /* per hand: gradients going back, by turns */
    float *flat[2];      /* the same of flat layers, the batch */
    float *features;     /* what the flat layers begin with */

    /* The call that is running. */
    const uint8_t *const *images;
    const uint64_t *ids;
    uint16_t epoch;
    size_t count, layer;
    bool dropout, from_second;
    double rate;
    int failed;
};

static void *aligned(size_t elements, size_t size)
{
    size_t n = (elements * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *p = aligned_alloc(ALIGNMENT, n > 0 ? n : ALIGNMENT);
    if (p != NULL)
        memset(p, 0, n);
    return p;
}

void emo_net_close(struct emo_net *n)
{
    if (n == NULL)
        return;
    if (n->state != NULL)
        n->backend->close(n->state);
    emo_threads_close(n->threads);
    for (size_t i = 0; i < n->graph.count; i++) {
        if (n->out != NULL)
            free(n->out[i]);
        if (n->arg != NULL)
            free(n->arg[i]);
    }
    for (size_t i = 0; i < n->hands; i++) {
        if (n->input != NULL)
            free(n->input[i]);
        for (int k = 0; k < 2; k++)
            if (n->grad[k] != NULL)
                free(n->grad[k][i]);
    }
    for (int k = 0; k < 2; k++) {
        free(n->grad[k]);
        free(n->flat[k]);
    }
    free(n->out);
    free(n->arg);
    free(n->input);
    free(n->features);
    free(n->parameters);
    free(n->at);
    free(n->values);
    free(n->gradient);
    free(n->m);
    free(n->v);
    free(n->partial);
    emo_text_free(&n->describe);
    emo_graph_free(&n->graph);
    free(n);
}

static int lay_out_parameters(struct emo_net *n, struct emo_error *err)
{
    const struct emo_graph *g = &n->graph;
    bool training = n->options.training;
    n->parameters = calloc(g->tensor_count, sizeof *n->parameters);
    n->at = calloc(g->tensor_count, sizeof *n->at);
    if (n->parameters == NULL || n->at == NULL)
        return emo_error_memory(err, g->tensor_count * sizeof *n->at, "parameters");
    for (size_t i = 0; i < g->tensor_count; i++) {
        n->at[i] = n->total;
        n->total += (g->tensors[i].count + 15) / 16 * 16;
        if (strncmp(g->tensors[i].name, "conv", 4) == 0)
            n->conv_total = n->total;
    }
    n->values = aligned(n->total, sizeof *n->values);
    if (training) {
        n->gradient = aligned(n->total, sizeof *n->gradient);
        n->m = aligned(n->total, sizeof *n->m);
        n->v = aligned(n->total, sizeof *n->v);
        n->partial = aligned(n->conv_total * n->chunks, sizeof *n->partial);
    }
    if (n->values == NULL || (training && (n->gradient == NULL || n->m == NULL || n->v == NULL ||
                                           n->partial == NULL)))
        return emo_error_memory(err, n->total * sizeof *n->values, "parameters");
    for (size_t i = 0; i < g->tensor_count; i++) {
        const struct emo_tensor *t = &g->tensors[i];
        n->parameters[i] = (struct emo_parameter){.name = t->name, .order = t->order,
                                                  .rank = t->rank, .count = t->count,
                                                  .trainable = true, .values = n->values + n->at[i]};
        memcpy(n->parameters[i].dim, t->dim, sizeof t->dim);
        if (training) {
            n->parameters[i].m = n->m + n->at[i];
            n->parameters[i].v = n->v + n->at[i];
        }
    }
    return EMO_OK;
}

static int buffers(struct emo_net *n, struct emo_error *err)
{
    const struct emo_graph *g = &n->graph;
    size_t batch = n->chunks * EMO_CHUNK, image = (size_t)g->height * g->width * g->channels;
    bool ok = true, training = n->options.training;
    n->widest = image;
    n->widest_flat = 1;
    n->out = calloc(g->count, sizeof *n->out);
    n->arg = calloc(g->count, sizeof *n->arg);
    n->input = calloc(n->hands, sizeof *n->input);
    n->grad[0] = calloc(n->hands, sizeof *n->grad[0]);
    n->grad[1] = calloc(n->hands, sizeof *n->grad[1]);
    ok = n->out != NULL && n->arg != NULL && n->input != NULL && n->grad[0] != NULL &&
         n->grad[1] != NULL;
    size_t side[2] = {1, 1};
    for (size_t i = 0; ok && i < g->count; i++) {
        const struct emo_layer *l = &g->layers[i];
        size_t records = i < g->spatial ? n->slots * EMO_CHUNK : batch, out = emo_layer_out(l);
        n->out[i] = aligned(records * out, sizeof(float));
        ok = n->out[i] != NULL;
        if (ok && l->kind == EMO_MAXPOOL)
            ok = (n->arg[i] = aligned(records * out, sizeof(uint16_t))) != NULL;
        if (i < g->spatial && out > side[i % 2])
            side[i % 2] = out;
        if (i >= g->spatial && out > n->widest_flat)
            n->widest_flat = out;
    }
    size_t last = g->spatial > 0 ? emo_layer_out(&g->layers[g->spatial - 1]) : image;
    n->widest_flat = last > n->widest_flat ? last : n->widest_flat;
    ok = ok && (n->features = aligned(batch * last, sizeof(float))) != NULL;
    for (int k = 0; ok && k < 2; k++)
        ok = (n->flat[k] = aligned(batch * n->widest_flat, sizeof(float))) != NULL;
    for (size_t w = 0; ok && w < n->hands; w++) {
        ok = (n->input[w] = aligned(EMO_CHUNK * image, sizeof(float))) != NULL;
        for (int k = 0; ok && training && k < 2; k++)
            ok = (n->grad[k][w] = aligned(EMO_CHUNK * side[k], sizeof(float))) != NULL;
    }
    return ok ? EMO_OK : emo_error(err, EMO_FAILED, "out of memory for a batch of %u; try a smaller "
                                   "one (-b)", n->options.batch);
}

static int choose_backend(struct emo_net *n, struct emo_error *err)
{
    const struct emo_backend *onednn = emo_backend_onednn();
    if (n->options.backend == EMO_BACKEND_ONEDNN && onednn == NULL)
        return emo_error(err, EMO_USAGE, "built without oneDNN; use --backend reference");
    n->backend = onednn != NULL && n->options.backend != EMO_BACKEND_REFERENCE
                     ? onednn
                     : &emo_backend_reference;
    int status = n->backend->open(&n->state, &n->graph, n->workers, n->options.training, err);
    if (status == EMO_OK) {
        n->backend->describe(n->state, &n->describe);
        emo_text_add(&n->describe, " fp32", 5);
        if (n->describe.failed)
            status = emo_error_memory(err, 64, "a name");
    }
    return status;
}

int emo_net_open(struct emo_net **net, const struct emo_net_options *options, struct emo_error *err)
{
    struct emo_net *n = calloc(1, sizeof *n);
    *net = NULL;
    if (n == NULL)
        return emo_error_memory(err, sizeof *n, "a network");
    n->options = *options;
    int status = emo_graph_make(&n->graph, options->text, options->height, options->width,
                                options->channels, options->classes, err);
    n->options.text = NULL;
    while (n->first < n->graph.spatial && n->graph.layers[n->first].weight < 0)
        n->first++;
    n->chunks = (options->batch + EMO_CHUNK - 1) / EMO_CHUNK;
    n->workers = options->jobs;
    n->hands = n->workers < n->chunks ? n->workers : n->chunks;
    n->slots = options->training ? n->chunks : n->hands;
    n->stale = true;
    if (status == EMO_OK)
        status = emo_threads_open(&n->threads, options->jobs, err);
    if (status == EMO_OK)
        status = lay_out_parameters(n, err);
    if (status == EMO_OK)
        status = buffers(n, err);
    if (status == EMO_OK)
        status = choose_backend(n, err);
    if (status != EMO_OK) {
        emo_net_close(n);
        return status;
    }
    *net = n;
    return EMO_OK;
}

struct emo_parameter *emo_net_parameters(struct emo_net *n, size_t *count)
{
    *count = n->graph.tensor_count;
    return n->parameters;
}

void emo_net_parameters_changed(struct emo_net *n)
{
    n->stale = true;
}

uint64_t emo_net_steps(const struct emo_net *n)
{
    return n->step;
}

void emo_net_set_steps(struct emo_net *n, uint64_t steps)
{
    n->step = steps;
}

void emo_net_initialise(struct emo_net *n)
{
    for (size_t i = 0; i < n->graph.tensor_count; i++)
        emo_initialise(&n->graph.tensors[i], i, n->options.seed, n->values + n->at[i]);
    n->stale = true;
}

const char *emo_net_text(const struct emo_net *n)
{
    return n->graph.text.bytes;
}

const char *emo_net_backend(const struct emo_net *n)
{
    return n->describe.bytes;
}

void emo_net_summary(const struct emo_net *n, struct emo_text *out)
{
    emo_graph_summary(&n->graph, out);
}

void emo_net_build(struct emo_text *out)
{
    emo_onednn_version(out);
}

static size_t block(const struct emo_net *n, uint32_t channels)
{
    return n->backend->block(n->state, channels);
}

/* The layer with channels of one block only: what works on each channel by itself sees c / block
   times as many records. */
static struct emo_layer in_blocks(const struct emo_net *n, const struct emo_layer *l)
{
    struct emo_layer one = *l;
    one.c = one.oc = (uint32_t)block(n, l->c);
    return one;
}

/* Dropout of count records whose rows are units long; the same draws forward and backward. A draw
   belongs to a place in HWC order, wherever that lies. */
static void drop(const struct emo_net *n, size_t layer, size_t first, size_t count, const float *x,
                 float *y)
{
    const struct emo_layer *l = &n->graph.layers[layer];
    size_t units = emo_layer_out(l);
    if (!n->dropout || l->rate <= 0) {
        memmove(y, x, count * units * sizeof *y);
        return;
    }
    float keep = (float)(1 / (1 - l->rate)), rate = (float)l->rate;
    size_t pixels = (size_t)l->oh * l->ow, b = l->flat ? l->oc : block(n, l->oc);
    for (size_t r = 0; r < count; r++) {
        uint64_t id = first + r < n->count ? n->ids[first + r] : 0;
        for (size_t i = 0; i < units; i += 4) {
            uint32_t u[4];
            emo_philox(n->options.seed, id, n->epoch, (uint16_t)(EMO_DRAW_DROPOUT + layer),
                       (uint32_t)(i / 4), u);
            for (size_t j = 0; j < 4 && i + j < units; j++) {
                size_t at = r * units + emo_blocks_place(i + j, pixels, l->oc, b);
                y[at] = emo_uniform(u[j]) < rate ? 0 : x[at] * keep;
            }
        }
    }
}

/* The chunk's images as float, 0 to 1; zeros where the batch has no more. */
static void load_images(const struct emo_net *n, size_t chunk, float *to)
{
    size_t pixels = (size_t)n->graph.height * n->graph.width, channels = n->graph.channels;
    size_t image = pixels * channels;
    for (size_t r = 0; r < EMO_CHUNK; r++, to += image) {
        size_t i = chunk * EMO_CHUNK + r;
        if (i < n->count)
            emo_blocks_from_image(n->images[i], pixels, channels, block(n, n->graph.channels), to);
        else
            memset(to, 0, image * sizeof *to);
    }
}

/* Whose buffers: with fewer chunks than workers, the chunk's. */
static size_t hand(const struct emo_net *n, size_t chunk, unsigned worker)
{
    return n->hands < n->workers ? chunk : worker;
}

/* Where layer's output for this chunk lies. */
static size_t slot(const struct emo_net *n, size_t chunk, unsigned worker)
{
    return n->options.training ? chunk : hand(n, chunk, worker);
}

/* The shape of what the flat layers begin with; returns its size. */
static size_t features(const struct emo_net *n, size_t *pixels, size_t *channels)
{
    const struct emo_graph *g = &n->graph;
    const struct emo_layer *last = g->spatial > 0 ? &g->layers[g->spatial - 1] : NULL;
    *pixels = last != NULL ? (size_t)last->oh * last->ow : (size_t)g->height * g->width;
    *channels = last != NULL ? last->oc : g->channels;
    return *pixels * *channels;
}

static void forward_chunk(void *context, size_t chunk, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_graph *g = &n->graph;
    float *input = n->input[hand(n, chunk, worker)];
    const float *x = input;
    size_t s = slot(n, chunk, worker);
    load_images(n, chunk, input);
    for (size_t i = 0; i < g->spatial; i++) {
        const struct emo_layer *l = &g->layers[i];
        const struct emo_layer one = in_blocks(n, l);
        size_t out = emo_layer_out(l), records = EMO_CHUNK * (l->c / one.c);
        float *y = n->out[i] + s * EMO_CHUNK * out;
        int failed = 0;
        switch (l->kind) {
        case EMO_CONV: failed = n->backend->forward(n->state, i, worker, x, y); break;
        case EMO_MAXPOOL:
            emo_f_maxpool_forward(&one, records, x, y, n->arg[i] + s * EMO_CHUNK * out);
            break;
        case EMO_AVGPOOL: emo_f_avgpool_forward(&one, records, x, y); break;
        default: drop(n, i, chunk * EMO_CHUNK, EMO_CHUNK, x, y); break;
        }
        if (failed)
            n->failed = 1;
        emo_f_activate(l->activation, EMO_CHUNK * (size_t)l->oh * l->ow, l->oc, y);
        x = y;
    }
    size_t pixels, channels, width = features(n, &pixels, &channels);
    for (size_t r = 0; r < EMO_CHUNK; r++)
        emo_blocks_undo(x + r * width, pixels, channels, block(n, (uint32_t)channels),
                        n->features + (chunk * EMO_CHUNK + r) * width);
}

static const float *flat_input(const struct emo_net *n, size_t layer)
{
    return layer > n->graph.spatial ? n->out[layer - 1] : n->features;
}

static void dense_columns(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_layer *l = &n->graph.layers[n->layer];
    size_t from = piece * BLOCK, to = from + BLOCK < l->oc ? from + BLOCK : l->oc;
    (void)worker;
    emo_f_dense_forward(l, n->count, flat_input(n, n->layer), n->values + n->at[l->weight],
                        n->values + n->at[l->bias], from, to, n->out[n->layer]);
}

static void load_layer(void *context, size_t i, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_layer *l = &n->graph.layers[i];
    if (l->kind == EMO_CONV && n->backend->load(n->state, i, worker, n->values + n->at[l->weight],
                                                n->values + n->at[l->bias]))
        n->failed = 1;
}

/* The logits of n->count images. */
static const float *forward(struct emo_net *n)
{
    const struct emo_graph *g = &n->graph;
    if (n->stale)
        emo_threads_run(n->threads, g->spatial, load_layer, n);
    n->stale = false;
    emo_threads_run(n->threads, (n->count + EMO_CHUNK - 1) / EMO_CHUNK, forward_chunk, n);
    for (size_t i = g->spatial; i < g->count; i++) {
        const struct emo_layer *l = &g->layers[i];
        n->layer = i;
        if (l->kind == EMO_DENSE)
            emo_threads_run(n->threads, (l->oc + BLOCK - 1) / BLOCK, dense_columns, n);
        else if (l->kind == EMO_DROPOUT)
            drop(n, i, 0, n->count, flat_input(n, i), n->out[i]);
        else
            memcpy(n->out[i], flat_input(n, i), n->count * emo_layer_out(l) * sizeof(float));
        if (i + 1 < g->count)
            emo_f_activate(l->activation, n->count, l->oc, n->out[i]);
    }
    return n->out[g->count - 1];
}

static int failure(struct emo_net *n, struct emo_error *err)
{
    n->failed = 0;
    return emo_error(err, EMO_FAILED, "the backend %s failed in a layer", n->describe.bytes);
}

int emo_net_predict(struct emo_net *n, const uint8_t *const *images, size_t count,
                    float *probabilities, struct emo_error *err)
{
    n->images = images;
    n->count = count;
    n->dropout = false;
    const float *logits = forward(n);
    if (n->failed)
        return failure(n, err);
    for (size_t i = 0; i < count; i++)
        emo_probabilities(logits + i * n->graph.outputs, n->graph.outputs,
                          probabilities + i * n->graph.classes);
    return EMO_OK;
}

static void dense_gradients(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_layer *l = &n->graph.layers[n->layer];
    size_t from = piece * BLOCK, to = from + BLOCK < l->c ? from + BLOCK : l->c;
    const float *gy = n->flat[n->from_second];
    (void)worker;
    emo_f_dense_backward_weights(l, n->count, flat_input(n, n->layer), gy, from, to,
                                 n->gradient + n->at[l->weight], n->gradient + n->at[l->bias]);
    emo_f_dense_backward_data(l, n->count, gy, n->values + n->at[l->weight], from, to,
                              n->flat[!n->from_second]);
}

/* From the gradient of the logits, in n->flat[0], to that of the features. */
static float *backward_flat(struct emo_net *n)
{
    const struct emo_graph *g = &n->graph;
    n->from_second = false;
    for (size_t i = g->count; i-- > g->spatial;) {
        const struct emo_layer *l = &g->layers[i];
        n->layer = i;
        if (i + 1 < g->count)
            emo_f_activate_backward(l->activation, n->count, l->oc, n->out[i],
                                    n->flat[n->from_second]);
        if (l->kind == EMO_DROPOUT)
            drop(n, i, 0, n->count, n->flat[n->from_second], n->flat[n->from_second]);
        if (l->kind != EMO_DENSE)
            continue;
        emo_threads_run(n->threads, (l->c + BLOCK - 1) / BLOCK, dense_gradients, n);
        n->from_second = !n->from_second;
    }
    return n->flat[n->from_second];
}

static void backward_chunk(void *context, size_t chunk, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_graph *g = &n->graph;
    size_t pixels, channels, width = features(n, &pixels, &channels);
    size_t own = hand(n, chunk, worker);
    float *g0 = n->grad[(g->spatial - 1) % 2][own];
    const float *from = n->flat[n->from_second] + chunk * EMO_CHUNK * width;
    for (size_t r = 0; r < EMO_CHUNK; r++)
        emo_blocks_make(from + r * width, pixels, channels, block(n, (uint32_t)channels),
                        g0 + r * width);
    if (n->first == 0)
        load_images(n, chunk, n->input[own]);
    for (size_t i = g->spatial; i-- > n->first;) {
        const struct emo_layer *l = &g->layers[i];
        const struct emo_layer one = in_blocks(n, l);
        size_t out = emo_layer_out(l), in = emo_layer_in(l), records = EMO_CHUNK * (l->c / one.c);
        const float *y = n->out[i] + chunk * EMO_CHUNK * out;
        const float *x = i > 0 ? n->out[i - 1] + chunk * EMO_CHUNK * in : n->input[own];
        float *gy = n->grad[i % 2][own];
        float *gx = i > n->first ? n->grad[(i - 1) % 2][own] : NULL;
        int failed = 0;
        emo_f_activate_backward(l->activation, EMO_CHUNK * (size_t)l->oh * l->ow, l->oc, y, gy);
        if (l->kind == EMO_CONV) {
            float *partial = n->partial + chunk * n->conv_total;
            failed = n->backend->backward_weights(n->state, i, worker, x, gy,
                                                  partial + n->at[l->weight],
                                                  partial + n->at[l->bias]);
            if (gx != NULL)
                failed |= n->backend->backward_data(n->state, i, worker, gy, gx);
        } else if (l->kind == EMO_MAXPOOL) {
            emo_f_maxpool_backward(&one, records, gy, n->arg[i] + chunk * EMO_CHUNK * out, gx);
        } else if (l->kind == EMO_AVGPOOL) {
            emo_f_avgpool_backward(&one, records, gy, gx);
        } else {
            drop(n, i, chunk * EMO_CHUNK, EMO_CHUNK, gy, gx);
        }
        if (failed)
            n->failed = 1;
    }
}

/* Sums the chunks' partial gradients by a binary tree over the chunk's index, then Adam. */
static void update_range(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    size_t from = piece * RANGE, to = from + RANGE < n->total ? from + RANGE : n->total;
    size_t chunks = (n->count + EMO_CHUNK - 1) / EMO_CHUNK;
    size_t end = to < n->conv_total ? to : n->conv_total;
    (void)worker;
    for (size_t step = 1; from < end && step < chunks; step *= 2) {
        for (size_t c = 0; c + step < chunks; c += 2 * step) {
            float *a = n->partial + c * n->conv_total;
            const float *b = n->partial + (c + step) * n->conv_total;
            for (size_t i = from; i < end; i++)
                a[i] += b[i];
        }
    }
    if (from < end)
        memcpy(n->gradient + from, n->partial + from, (end - from) * sizeof *n->gradient);
    emo_adam(to - from, n->rate, n->gradient + from, n->m + from, n->v + from, n->values + from);
}

int emo_net_step(struct emo_net *n, const uint8_t *const *images, const int *labels,
                 const uint64_t *ids, uint16_t epoch, size_t count, double learning_rate,
                 struct emo_step_result *result, struct emo_error *err)
{
    const struct emo_graph *g = &n->graph;
    size_t chunks = (count + EMO_CHUNK - 1) / EMO_CHUNK, outputs = g->outputs;
    n->images = images;
    n->ids = ids;
    n->epoch = epoch;
    n->count = count;
    n->dropout = !n->options.no_dropout;
    const float *logits = forward(n);
    *result = (struct emo_step_result){0};
    for (size_t i = 0; i < count; i++)
        result->loss += emo_cross_entropy(logits + i * outputs, outputs, labels[i], 1.0 / (double)count,
                                          n->flat[0] + i * outputs, &result->right);
    float *gradient = backward_flat(n);
    size_t pixels, channels, width = features(n, &pixels, &channels);
    memset(gradient + count * width, 0, (chunks * EMO_CHUNK - count) * width * sizeof *gradient);
    if (n->first < g->spatial)
        emo_threads_run(n->threads, chunks, backward_chunk, n);
    if (n->failed)
        return failure(n, err);
    n->rate = emo_adam_rate(learning_rate, ++n->step);
    emo_threads_run(n->threads, (n->total + RANGE - 1) / RANGE, update_range, n);
    n->stale = true;
    return EMO_OK;
}
