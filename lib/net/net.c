#include "net/execute.h"

#include "base/pages.h"
#include "net/initialise.h"
#include "net/loss.h"
#include "net/tiled.h"
#include "net/trim.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INITIAL 16384 /* values drawn in one piece */

/* For what is written before it is read; a large part of it may never be. */
static void *room(size_t elements, size_t size)
{
    return emo_pages(elements * size);
}

void emo_net_close(struct emo_net *n)
{
    if (n == NULL)
        return;
    if (n->state != NULL)
        n->backend->close(n->state);
    emo_threads_close(n->threads);
    emo_execute_dense_close(n);
    for (size_t i = 0; i < n->plan.graph.count; i++) {
        if (n->out != NULL)
            free(n->out[i]);
        if (n->arg != NULL)
            free(n->arg[i]);
        if (n->pooled_weights != NULL)
            free(n->pooled_weights[i]);
    }
    for (size_t i = 0; i < n->hands; i++) {
        if (n->input != NULL)
            free(n->input[i]);
        if (n->pooled_scratch != NULL)
            free(n->pooled_scratch[i]);
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
    free(n->pooled_weights);
    free(n->pooled_scratch);
    free(n->features);
    free(n->halves);
    free(n->parameters);
    free(n->at);
    free(n->packed);
    free(n->values);
    free(n->fold_scratch);
    free(n->gradient);
    free(n->m);
    free(n->v);
    free(n->partial);
    emo_text_free(&n->describe);
    emo_plan_free(&n->plan);
    emo_graph_free(&n->graph);
    free(n);
}

/* Floats that a hand needs for a chunk of images. */
static size_t input_size(const struct emo_net *n)
{
    return n->kernel != NULL ? n->kernel->scratch(&n->image)
                             : n->chunk * (size_t)n->graph.height * n->graph.width *
                                   n->graph.channels;
}

static bool make_outputs(struct emo_net *n, size_t side[2], size_t *widest)
{
    const struct emo_graph *g = &n->plan.graph;
    bool ok = true;
    for (size_t i = 0; ok && i < g->count; i++) {
        const struct emo_layer *l = &g->layers[i];
        size_t out = emo_layer_out(l);
        size_t records = i < g->spatial ? n->slots : n->chunks * n->chunk;
        if (i + 1 < n->begin)
            continue; /* never written */
        n->out[i] = room(records * out, emo_execute_size(n, i));
        ok = n->out[i] != NULL;
        size_t places = i + 1 == n->begin ? n->kernel->places(&n->image) : out;
        if (ok && l->kind == EMO_MAXPOOL)
            ok = (n->arg[i] = room(records * places, sizeof(uint16_t))) != NULL;
        if (i < g->spatial && out > side[i % 2])
            side[i % 2] = out;
        if (i >= g->spatial && out > *widest)
            *widest = out;
    }
    return ok;
}

/* Which convolutions a kernel takes back together with the pooling after them. */
static bool make_pooled(struct emo_net *n)
{
    const struct emo_graph *g = &n->plan.graph;
    size_t most = 0;
    n->pooled_weights = calloc(g->count, sizeof *n->pooled_weights);
    n->pooled_scratch = calloc(n->hands, sizeof *n->pooled_scratch);
    bool ok = n->pooled_weights != NULL && n->pooled_scratch != NULL;
    for (size_t i = n->begin > 0 ? n->begin : 1; ok && n->pooled != NULL && i + 1 < g->spatial; i++) {
        const struct emo_pooled f = emo_execute_pooled(n, i);
        if (!emo_pooled_fits(&f, n->pooled))
            continue;
        size_t count = g->tensors[f.conv->weight].count;
        ok = (n->pooled_weights[i] = room(count, sizeof(float))) != NULL;
        most = count > most ? count : most;
    }
    for (size_t w = 0; ok && most > 0 && w < n->hands; w++)
        ok = (n->pooled_scratch[w] = room(most, sizeof(float))) != NULL;
    return ok;
}

static int buffers(struct emo_net *n, struct emo_error *err)
{
    const struct emo_graph *g = &n->plan.graph;
    bool training = n->options.training;
    size_t batch = n->chunks * n->chunk, side[2] = {1, 1};
    size_t image = (size_t)g->height * g->width * g->channels;
    size_t last = g->spatial > 0 ? emo_layer_out(&g->layers[g->spatial - 1]) : image;
    size_t widest = last;
    n->out = calloc(g->count, sizeof *n->out);
    n->arg = calloc(g->count, sizeof *n->arg);
    n->input = calloc(n->hands, sizeof *n->input);
    n->grad[0] = calloc(n->hands, sizeof *n->grad[0]);
    n->grad[1] = calloc(n->hands, sizeof *n->grad[1]);
    bool ok = n->out != NULL && n->arg != NULL && n->input != NULL && n->grad[0] != NULL &&
              n->grad[1] != NULL && make_outputs(n, side, &widest) && make_pooled(n);
    ok = ok && (n->features = room(batch * last, sizeof(float))) != NULL;
    for (int k = 0; ok && k < 2; k++)
        ok = (n->flat[k] = room(batch * widest, sizeof(float))) != NULL;
    for (size_t w = 0; ok && w < n->hands; w++) {
        ok = (n->input[w] = room(input_size(n), sizeof(float))) != NULL;
        for (int k = 0; ok && training && k < 2; k++)
            ok = (n->grad[k][w] = room(n->chunk * side[k], sizeof(float))) != NULL;
    }
    if (ok && n->kernel != NULL)
        ok = (n->packed = room(n->kernel->packed(&n->image), sizeof(float))) != NULL;
    return ok ? EMO_OK : emo_error(err, EMO_FAILED, "out of memory for a batch of %u; try a smaller "
                                   "one (-b)", n->options.batch);
}

/* Does a kernel for the first layer fit, with the pooling that follows or without one? ReLU does not
   change which output is the largest, so it may come after the pooling. */
static void choose_kernel(struct emo_net *n, const struct emo_backend_options *o)
{
    const struct emo_layer *conv = n->plan.graph.layers, *next = conv + 1;
    if (n->backend == &emo_backend_reference || n->plan.graph.spatial < 2 ||
        conv->kind != EMO_CONV || conv->activation > EMO_RELU || conv->oc % 16 != 0)
        return;
    bool pooled = next->kind == EMO_MAXPOOL && next->kernel_h == 2 && next->stride == 2;
    const struct emo_layer *last = pooled ? next : conv;
    n->image = (struct emo_first){.conv = conv, .ph = last->oh, .pw = last->ow, .bf16 = o->bf16,
                                  .pitch = (size_t)n->graph.width * n->graph.channels};
    if (pooled)
        n->kernel = emo_first_kernel(o->isa, &n->image);
    else if (n->backend->takes_halves != NULL && n->backend->takes_halves(o, 1))
        n->kernel = emo_map_kernel(o->isa, &n->image);
    if (n->kernel != NULL)
        n->begin = pooled ? 2 : 1;
}

/* What lies between convolutions may be bfloat16 if they round it anyway. */
static void choose_halves(struct emo_net *n, const struct emo_backend_options *o)
{
    const struct emo_graph *g = &n->plan.graph;
    for (size_t i = n->begin > 0 ? n->begin : 1; n->backend->takes_halves != NULL && i < g->spatial; i++) {
        bool first = i == n->begin && n->kernel != NULL, pooled = first && n->begin == 2;
        enum emo_activation between = pooled ? n->image.conv->activation
                                             : g->layers[i - 1].activation;
        n->halves[i] = between <= (pooled ? EMO_LINEAR : EMO_RELU) &&
                       n->backend->takes_halves(o, i) &&
                       (first ? n->kernel->halves : n->backend->takes_halves(o, i - 1));
    }
    n->image.halves = n->kernel != NULL && n->halves[n->begin];
}

static int choose_backend(struct emo_net *n, struct emo_error *err)
{
    enum emo_isa isa;
    int status = emo_isa_choose(&isa, err);
    if (status != EMO_OK)
        return status;
    n->halves = calloc(n->plan.graph.count + 1, sizeof *n->halves);
    if (n->halves == NULL)
        return emo_error_memory(err, n->plan.graph.count + 1, "a network");
    const struct emo_backend *onednn = isa >= EMO_ISA_AMX ? emo_backend_tiled()
                                                          : emo_backend_onednn();
    if (n->options.backend == EMO_BACKEND_ONEDNN && onednn == NULL)
        return emo_error(err, EMO_USAGE, "built without oneDNN; use --backend reference");
    n->backend = onednn != NULL && n->options.backend != EMO_BACKEND_REFERENCE
                     ? onednn
                     : &emo_backend_reference;
    n->dense = n->backend == &emo_backend_reference ? &emo_dense_reference : emo_dense_kernel(isa);
    n->draws = n->backend == &emo_backend_reference ? NULL : emo_draws_kernel(isa);
    n->adam = n->backend == &emo_backend_reference ? emo_adam_plain : emo_adam(isa);
    n->composing = n->backend == &emo_backend_reference ? NULL : n->dense;
    /* Dense products of bfloat16 are so fast that three quarters of zeros do not matter. */
    if (n->backend != &emo_backend_reference && n->options.training &&
        n->options.precision == EMO_PRECISION_FP32)
        n->pooled = emo_pooled_kernel(isa);
    struct emo_backend_options o = {
        .graph = &n->plan.graph, .chunk = n->chunk, .workers = n->workers,
        .isa = isa, .training = n->options.training, .halves = n->halves,
        .bf16 = n->options.precision == EMO_PRECISION_BF16,
    };
    if (o.bf16 && n->backend == &emo_backend_reference)
        return emo_error(err, EMO_USAGE, "bf16 is computed by oneDNN only; use --precision fp32");
    choose_kernel(n, &o);
    choose_halves(n, &o);
    o.begin = n->begin;
    status = n->backend->open(&n->state, &o, err);
    if (status != EMO_OK)
        return status;
    if (n->kernel != NULL)
        n->image.block = n->backend->block(n->state, n->image.conv->oc);
    if (!emo_execute_dense_open(n, o.bf16 ? isa : EMO_ISA_PLAIN))
        return emo_error_memory(err, n->graph.parameters * sizeof(uint16_t), "dense layers");
    n->backend->describe(n->state, &n->describe);
    return n->describe.failed ? emo_error_memory(err, 64, "a name") : EMO_OK;
}

/* The kernel promises more than there is, and ends the process that believes it: what is needed is
   compared with the machine's memory first. */
static int check_memory(const struct emo_net *n, struct emo_error *err)
{
    const struct emo_graph *g = &n->plan.graph;
    const double gib = 1 << 30;
    double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    double numbers = (double)n->graph.parameters * (n->options.training ? 4 : 1) +
                     (double)n->hands * (double)input_size(n);
    for (size_t i = n->begin > 0 ? n->begin - 1 : 0; i < g->count; i++)
        numbers += (double)emo_layer_out(&g->layers[i]) *
                   (double)(i < g->spatial ? n->slots : n->chunks * n->chunk);
    if (numbers * sizeof(float) <= there || there <= 0)
        return EMO_OK;
    return emo_error(err, EMO_FAILED, "the network needs %.1f GiB of memory for a batch of %u, and "
                     "this machine has %.1f; try a smaller one (-b)", numbers * sizeof(float) / gib,
                     n->options.batch, there / gib);
}

/* Each chunk has a row of gradients of its own, which is written and read again: where images give
   little work for that, chunks are larger. */
static size_t choose_chunk(const struct emo_graph *g)
{
    double work = 0, row = 1;
    for (size_t i = 0; i < g->spatial; i++) {
        const struct emo_layer *l = &g->layers[i];
        if (l->kind != EMO_CONV)
            continue;
        double weights = (double)l->kernel_h * l->kernel_w * l->c * l->oc;
        work += weights * l->oh * l->ow;
        row += weights;
    }
    return work / row < EMO_CHUNK_WORK ? EMO_CHUNK_MOST : EMO_CHUNK_LEAST;
}

static int open_net(struct emo_net *n, const char *text, struct emo_error *err)
{
    const struct emo_net_options *o = &n->options;
    int status = emo_graph_make(&n->graph, text, o->height, o->width, o->channels, o->classes, err);
    if (status == EMO_OK)
        status = emo_plan_make(&n->plan, &n->graph, !o->no_fold, err);
    if (status != EMO_OK)
        return status;
    emo_trim(&n->plan.graph);
    while (n->first < n->plan.graph.spatial && n->plan.graph.layers[n->first].weight < 0)
        n->first++;
    n->chunk = choose_chunk(&n->plan.graph);
    n->chunks = (o->batch + n->chunk - 1) / n->chunk;
    n->workers = o->jobs;
    n->stale = n->changed = true;
    status = emo_threads_open(&n->threads, o->jobs, err);
    if (status == EMO_OK)
        status = choose_backend(n, err);
    if (status == EMO_OK) {
        n->piece = n->backend->piece(n->state);
        size_t pieces = n->chunks * n->chunk / n->piece;
        n->hands = n->workers < pieces ? n->workers : pieces;
        n->slots = o->training ? n->chunks * n->chunk : n->hands * n->piece;
        status = check_memory(n, err);
    }
    if (status == EMO_OK)
        status = emo_execute_parameters(n, err);
    return status == EMO_OK ? buffers(n, err) : status;
}

int emo_net_open(struct emo_net **net, const struct emo_net_options *options, struct emo_error *err)
{
    struct emo_net *n = calloc(1, sizeof *n);
    *net = NULL;
    if (n == NULL)
        return emo_error_memory(err, sizeof *n, "a network");
    n->options = *options;
    n->options.text = NULL;
    int status = open_net(n, options->text, err);
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
    n->stale = n->changed = true;
}

uint64_t emo_net_steps(const struct emo_net *n)
{
    return n->step;
}

void emo_net_set_steps(struct emo_net *n, uint64_t steps)
{
    n->step = steps;
}

static void initialise_range(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_tensor *t = &n->graph.tensors[n->tensor];
    size_t from = piece * INITIAL, to = from + INITIAL < t->count ? from + INITIAL : t->count;
    (void)worker;
    emo_initialise(n->draws, t, n->tensor, n->options.seed, from, to, n->values + n->at[n->tensor]);
}

void emo_net_initialise(struct emo_net *n)
{
    for (n->tensor = 0; n->tensor < n->graph.tensor_count; n->tensor++)
        emo_threads_run(n->threads, (n->graph.tensors[n->tensor].count + INITIAL - 1) / INITIAL,
                        initialise_range, n);
    emo_net_parameters_changed(n);
}

const char *emo_net_text(const struct emo_net *n)
{
    return n->graph.text.bytes;
}

const char *emo_net_backend(const struct emo_net *n)
{
    return n->describe.bytes;
}

const char *emo_net_remark(const struct emo_net *n)
{
    if (strstr(n->describe.bytes, "bf16 as fp32") == NULL)
        return NULL;
    return "this processor does not multiply bfloat16: rounded, and computed as fp32, no faster";
}

void emo_net_summary(const struct emo_net *n, struct emo_text *out)
{
    emo_graph_summary(&n->graph, out);
    emo_plan_describe(&n->plan, out);
    emo_trim_describe(&n->graph, &n->plan.graph, out);
}

void emo_net_build(struct emo_text *out)
{
    emo_onednn_version(out);
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
    const float *logits = emo_execute_forward(n);
    if (n->failed)
        return failure(n, err);
    for (size_t i = 0; i < count; i++)
        emo_probabilities(logits + i * n->graph.outputs, n->graph.outputs,
                          probabilities + i * n->graph.classes);
    return EMO_OK;
}

int emo_net_step(struct emo_net *n, const uint8_t *const *images, const int *labels,
                 const uint64_t *ids, uint16_t epoch, size_t count, double learning_rate,
                 struct emo_step_result *result, struct emo_error *err)
{
    size_t outputs = n->graph.outputs;
    n->images = images;
    n->ids = ids;
    n->epoch = epoch;
    n->count = count;
    n->dropout = !n->options.no_dropout;
    const float *logits = emo_execute_forward(n);
    *result = (struct emo_step_result){0};
    for (size_t i = 0; i < count; i++)
        result->loss += emo_cross_entropy(logits + i * outputs, outputs, labels[i], 1.0 / (double)count,
                                          n->flat[0] + i * outputs, &result->right);
    n->rate = emo_adam_rate(learning_rate, n->step + 1);
    emo_execute_backward(n);
    if (n->failed)
        return failure(n, err);
    n->step++;
    emo_execute_update(n);
    return EMO_OK;
}
