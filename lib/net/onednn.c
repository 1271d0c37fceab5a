/*
 * Convolutions through oneDNN. It always runs with one OpenMP thread a worker
 * and a scratchpad of the caller's; our threads are the parallelism, so that
 * their number cannot change a result.
 *
 * Where all convolutions have whole blocks of channels, as wide as a vector
 * register of AVX-512, activations lie in such blocks and the image in planes: the gradient
 * of weights is then nearly twice as fast as in NHWC, which other networks get.
 * Weights lie in the layout that each pass prefers, taken over from the master
 * when they change.
 *
 * In bf16 what is multiplied - activations, gradients coming back, weights - is
 * rounded to bfloat16 on the way in; sums, results and the master stay float32.
 * Where the processor has no products of bfloat16, the rounded numbers are
 * multiplied as float32.
 */
#include "net/backend.h"

#ifndef HAVE_ONEDNN

const struct emo_backend *emo_backend_onednn(void)
{
    return NULL;
}

void emo_onednn_version(struct emo_text *out)
{
    emo_text_printf(out, "without onednn");
}

#else

#include "net/dnnl.h"
#include "net/kernels/bf16.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void omp_set_num_threads(int n);

enum { PASSES = 3, MAX_ARGS = 5 };

/* One primitive; its memories are per worker. */
struct op {
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t primitive;
    dnnl_primitive_t reorder; /* weights: master to preferred, or of the gradient back */
    float *weights;           /* preferred layout, shared; NULL where the master's will do */
    size_t weights_bytes, scratch;
};

struct conv {
    bool used;
    struct op op[PASSES];
    emo_md x, y, bias, master;
    emo_md operand_x, operand_gy; /* as they are multiplied */
    const float *values, *biases; /* the master's, values rounded when so computed */
    float *rounded;
    size_t weights, in, out;      /* elements, the latter of a chunk */
};

struct worker {
    dnnl_stream_t stream;
    void *scratch;
    float *gradient; /* of weights, in a pass's preferred layout */
    void *operand[2]; /* x and gy, rounded */
};

struct state {
    const struct emo_graph *g;
    size_t chunk; /* records */
    dnnl_engine_t engine;
    struct conv *convs;
    struct worker *workers;
    unsigned worker_count;
    enum emo_isa isa;
    bool training;
    bool bf16, rounding; /* products of bfloat16; or of float32, rounded before */
    size_t first;   /* convolution */
    uint32_t block; /* of channels; 0: NHWC */
};

static void one_close(void *state)
{
    struct state *s = state;
    for (size_t i = 0; s->convs != NULL && i < s->g->count; i++) {
        struct conv *c = &s->convs[i];
        for (int p = 0; c->used && p < PASSES; p++) {
            struct op *op = &c->op[p];
            if (op->reorder != NULL)
                dnnl_primitive_destroy(op->reorder);
            if (op->primitive != NULL)
                dnnl_primitive_destroy(op->primitive);
            if (op->pd != NULL)
                dnnl_primitive_desc_destroy(op->pd);
            free(op->weights);
        }
        if (c->used) {
            emo_md_free(&c->x);
            emo_md_free(&c->y);
            emo_md_free(&c->bias);
            emo_md_free(&c->master);
            emo_md_free(&c->operand_x);
            emo_md_free(&c->operand_gy);
            free(c->rounded);
        }
    }
    for (unsigned w = 0; s->workers != NULL && w < s->worker_count; w++) {
        if (s->workers[w].stream != NULL)
            dnnl_stream_destroy(s->workers[w].stream);
        free(s->workers[w].scratch);
        free(s->workers[w].gradient);
        free(s->workers[w].operand[0]);
        free(s->workers[w].operand[1]);
    }
    if (s->engine != NULL)
        dnnl_engine_destroy(s->engine);
    free(s->convs);
    free(s->workers);
    free(s);
}

static emo_mdp query(const struct op *op, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(op->pd, what, 0);
}

static bool make_reorder(struct state *s, struct conv *c, struct op *op, emo_mdp preferred,
                         bool back)
{
    dnnl_primitive_desc_t pd;
    emo_mdp master = EMO_MD(c->master);
    op->weights_bytes = dnnl_memory_desc_get_size(preferred);
    if (dnnl_memory_desc_equal(preferred, master))
        return true;
    if (!back) {
        op->weights = aligned_alloc(64, (op->weights_bytes + 63) / 64 * 64);
        if (op->weights == NULL)
            return false;
    }
    if (dnnl_reorder_primitive_desc_create(&pd, back ? preferred : master, s->engine,
                                           back ? master : preferred, s->engine, NULL) !=
        dnnl_success)
        return false;
    dnnl_status_t r = dnnl_primitive_create(&op->reorder, pd);
    dnnl_primitive_desc_destroy(pd);
    return r == dnnl_success;
}

/* Each set of instructions has the bits of those below it. */
static bool has(dnnl_cpu_isa_t isa)
{
    return ((int)dnnl_get_effective_cpu_isa() & (int)isa) == (int)isa;
}

static uint32_t one_block(const void *state, uint32_t channels)
{
    const struct state *s = state;
    if (s->block == 0)
        return channels;
    return channels % s->block == 0 ? s->block : 1;
}

static dnnl_format_tag_t tag_of(const struct state *s, uint32_t channels)
{
    if (s->block == 0)
        return dnnl_nhwc;
    uint32_t b = one_block(s, channels);
    return b == 16 ? dnnl_nChw16c : dnnl_nchw;
}

/* Sets s->first and s->block. */
static void choose_block(struct state *s)
{
    const struct emo_graph *g = s->g;
    const uint32_t b = 16;
    /* Without AVX-512 oneDNN 2.6 has no quick gradient of the input for some strides in blocks. */
    bool whole = has(dnnl_cpu_isa_avx512_core);
    s->first = g->spatial;
    for (size_t i = 0; i < g->spatial; i++) {
        const struct emo_layer *l = &g->layers[i];
        if (l->kind == EMO_CONV && s->first == g->spatial)
            s->first = i;
        /* A softmax goes over all channels of a pixel, which lie together in NHWC only. */
        if ((l->kind == EMO_CONV && l->oc % b != 0) || l->activation == EMO_SOFTMAX)
            whole = false;
    }
    s->block = whole && s->first < g->spatial ? b : 0;
}

static bool make_conv(struct state *s, size_t layer, const_dnnl_primitive_attr_t attr)
{
    const struct emo_layer *l = &s->g->layers[layer];
    struct conv *c = &s->convs[layer];
    dnnl_dim_t n = (dnnl_dim_t)s->chunk;
    dnnl_dims_t x = {n, l->c, l->h, l->w}, y = {n, l->oc, l->oh, l->ow};
    dnnl_dims_t w = {l->oc, l->c, l->kernel_h, l->kernel_w}, b = {l->oc};
    dnnl_data_type_t operand = s->bf16 ? dnnl_bf16 : dnnl_f32;
    emo_md any, any_gradient;
    c->used = true;
    c->weights = (size_t)l->oc * l->c * l->kernel_h * l->kernel_w;
    c->in = s->chunk * emo_layer_in(l);
    c->out = s->chunk * emo_layer_out(l);
    if (s->rounding && (c->rounded = malloc(c->weights * sizeof *c->rounded)) == NULL)
        return false;
    bool ok = emo_md_make(&c->x, 4, x, dnnl_f32, tag_of(s, l->c)) == dnnl_success &&
              emo_md_make(&c->y, 4, y, dnnl_f32, tag_of(s, l->oc)) == dnnl_success &&
              emo_md_make(&c->operand_x, 4, x, operand, tag_of(s, l->c)) == dnnl_success &&
              emo_md_make(&c->operand_gy, 4, y, operand, tag_of(s, l->oc)) == dnnl_success &&
              emo_md_make(&c->bias, 1, b, dnnl_f32, dnnl_x) == dnnl_success &&
              emo_md_make(&c->master, 4, w, dnnl_f32, dnnl_hwio) == dnnl_success &&
              emo_md_make(&any, 4, w, operand, dnnl_format_tag_any) == dnnl_success &&
              emo_md_make(&any_gradient, 4, w, dnnl_f32, dnnl_format_tag_any) == dnnl_success;
    if (!ok)
        return false;
    struct emo_conv_desc d[PASSES] = {
        {.x = EMO_MD(c->operand_x), .w = EMO_MD(any), .b = EMO_MD(c->bias), .y = EMO_MD(c->y)},
        {.x = EMO_MD(c->x), .w = EMO_MD(any), .y = EMO_MD(c->operand_gy)},
        {.x = EMO_MD(c->operand_x), .w = EMO_MD(any_gradient), .b = EMO_MD(c->bias),
         .y = EMO_MD(c->operand_gy)},
    };
    for (int p = 0; p < PASSES; p++)
        for (int i = 0; i < 2; i++) {
            d[p].stride[i] = l->stride;
            d[p].before[i] = i == 0 ? l->top : l->left;
            d[p].after[i] = i == 0 ? l->bottom : l->right;
        }
    for (int p = 0; ok && p < PASSES; p++) {
        struct op *op = &c->op[p];
        if (p != EMO_PASS_FORWARD && (!s->training || (p == EMO_PASS_DATA && layer == s->first)))
            continue;
        ok = emo_conv_pd(&op->pd, s->engine, (enum emo_conv_pass)p, &d[p],
                         p > 0 ? c->op[0].pd : NULL, attr) == dnnl_success &&
             dnnl_primitive_create(&op->primitive, op->pd) == dnnl_success &&
             make_reorder(s, c, op, query(op, p == EMO_PASS_WEIGHTS ? dnnl_query_diff_weights_md
                                                                    : dnnl_query_weights_md),
                          p == EMO_PASS_WEIGHTS);
        if (ok)
            op->scratch = dnnl_memory_desc_get_size(query(op, dnnl_query_scratchpad_md));
    }
    emo_md_free(&any);
    emo_md_free(&any_gradient);
    return ok;
}

static bool make_workers(struct state *s)
{
    size_t scratch = 64, gradient = 64, operand[2] = {64, 64};
    for (size_t i = 0; i < s->g->count; i++) {
        const struct conv *c = &s->convs[i];
        operand[0] = c->in > operand[0] ? c->in : operand[0];
        operand[1] = c->out > operand[1] ? c->out : operand[1];
        for (int p = 0; p < PASSES; p++) {
            const struct op *op = &s->convs[i].op[p];
            scratch = op->scratch > scratch ? op->scratch : scratch;
            if (p == EMO_PASS_WEIGHTS && op->weights_bytes > gradient)
                gradient = op->weights_bytes;
        }
    }
    for (unsigned w = 0; w < s->worker_count; w++) {
        struct worker *k = &s->workers[w];
        k->scratch = aligned_alloc(64, (scratch + 63) / 64 * 64);
        k->gradient = aligned_alloc(64, (gradient + 63) / 64 * 64);
        for (int i = 0; i < 2 && (s->bf16 || s->rounding); i++) {
            k->operand[i] = aligned_alloc(64, (operand[i] * sizeof(float) + 63) / 64 * 64);
            if (k->operand[i] == NULL)
                return false;
        }
        if (k->scratch == NULL || k->gradient == NULL ||
            dnnl_stream_create(&k->stream, s->engine, dnnl_stream_default_flags) != dnnl_success)
            return false;
    }
    return true;
}

/* Has effect before oneDNN's first use only. Without a limit it uses what lies between our sets,
   too: products of bfloat16 without tiles. */
static void limit_isa(enum emo_isa isa)
{
    const char *limit = getenv("EMO_ISA");
    if (isa == EMO_ISA_PLAIN)
        (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_sse41);
    else if (isa == EMO_ISA_AVX2)
        (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
    else if (limit != NULL && strcmp(limit, emo_isa_name(EMO_ISA_AVX512)) == 0)
        (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core);
}

static int one_open(void **state, const struct emo_backend_options *o, struct emo_error *err)
{
    const struct emo_graph *g = o->graph;
    dnnl_primitive_attr_t attr = NULL;
    struct state *s = calloc(1, sizeof *s);
    if (s == NULL)
        return emo_error_memory(err, sizeof *s, "a backend");
    int status = EMO_OK;
    limit_isa(o->isa);
    s->g = g;
    s->chunk = o->chunk;
    s->isa = o->isa;
    s->training = o->training;
    s->worker_count = o->workers;
    s->convs = calloc(g->count, sizeof *s->convs);
    s->workers = calloc(o->workers, sizeof *s->workers);
    if ((s->convs == NULL || s->workers == NULL))
        status = emo_error_memory(err, g->count * sizeof *s->convs, "a backend");
    if (status == EMO_OK) {
        /* Kernels are chosen for the number of threads that they will run with. */
        omp_set_num_threads(1);
        choose_block(s);
        s->bf16 = o->bf16 && has(dnnl_cpu_isa_avx512_core_bf16);
        s->rounding = o->bf16 && !s->bf16;
        bool ok = dnnl_engine_create(&s->engine, dnnl_cpu, 0) == dnnl_success &&
                  dnnl_primitive_attr_create(&attr) == dnnl_success &&
                  dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user) ==
                      dnnl_success;
        for (size_t i = o->begin; ok && i < g->spatial; i++)
            if (g->layers[i].kind == EMO_CONV && (o->elsewhere == NULL || !o->elsewhere[i]) &&
                !make_conv(s, i, attr))
                ok = false;
        if (!ok || !make_workers(s))
            status = emo_error(err, EMO_FAILED, "oneDNN could not be set up for this network; "
                               "--backend reference does without it");
    }
    if (attr != NULL)
        dnnl_primitive_attr_destroy(attr);
    if (status != EMO_OK)
        one_close(s);
    else
        *state = s;
    return status;
}

void emo_onednn_version(struct emo_text *out)
{
    const dnnl_version_t *v = dnnl_version();
    emo_text_printf(out, "onednn %d.%d.%d", v->major, v->minor, v->patch);
}

static void one_describe(void *state, struct emo_text *out)
{
    const struct state *s = state;
    emo_onednn_version(out);
    emo_text_printf(out, " %s %s", emo_isa_name(s->isa),
                    s->bf16 ? "bf16" : s->rounding ? "bf16 as fp32" : "fp32");
}

/* Runs a primitive on n arguments, each a descriptor and its data. */
struct argument {
    int which;
    emo_mdp md;
    const void *data;
};

static int execute(struct state *s, unsigned worker, dnnl_primitive_t primitive, int n,
                   const struct argument *a)
{
    dnnl_exec_arg_t args[MAX_ARGS];
    int made = 0, failed = 0;
    omp_set_num_threads(1);
    for (; made < n && !failed; made++) {
        args[made].arg = a[made].which;
        failed = dnnl_memory_create(&args[made].memory, a[made].md, s->engine,
                                    (void *)(uintptr_t)a[made].data) != dnnl_success;
        if (failed)
            break;
    }
    if (!failed)
        failed = dnnl_primitive_execute(primitive, s->workers[worker].stream, n, args) !=
                     dnnl_success ||
                 dnnl_stream_wait(s->workers[worker].stream) != dnnl_success;
    for (int i = 0; i < made; i++)
        dnnl_memory_destroy(args[i].memory);
    return failed;
}

static int one_load(void *state, size_t layer, unsigned worker, const float *weight,
                    const float *bias)
{
    struct state *s = state;
    struct conv *c = &s->convs[layer];
    int failed = 0;
    c->values = weight;
    c->biases = bias;
    if (s->rounding) {
        emo_bf16_round(weight, c->weights, c->rounded);
        c->values = c->rounded;
    }
    for (int p = EMO_PASS_FORWARD; p <= EMO_PASS_DATA && !failed; p++) {
        struct op *op = &c->op[p];
        if (op->reorder != NULL)
            failed = execute(s, worker, op->reorder, 2,
                             (struct argument[]){
                                 {DNNL_ARG_FROM, EMO_MD(c->master), c->values},
                                 {DNNL_ARG_TO, query(op, dnnl_query_weights_md), op->weights}});
    }
    return failed;
}

/* What is multiplied: x itself, or rounded in one of the worker's buffers. */
static const void *operand(struct state *s, unsigned worker, int which, const float *x, size_t n)
{
    void *to = s->workers[worker].operand[which];
    if (s->bf16)
        emo_bf16_from(x, n, to);
    else if (s->rounding)
        emo_bf16_round(x, n, to);
    else
        return x;
    return to;
}

static const float *weights_of(const struct conv *c, const struct op *op)
{
    return op->weights != NULL ? op->weights : c->values;
}

static size_t one_piece(const void *state)
{
    return ((const struct state *)state)->chunk;
}

static int one_forward(void *state, size_t layer, unsigned worker, const void *x, void *y)
{
    struct state *s = state;
    const struct conv *c = &s->convs[layer];
    const struct op *op = &c->op[EMO_PASS_FORWARD];
    return execute(s, worker, op->primitive, 5,
                   (struct argument[]){
                       {DNNL_ARG_SRC, EMO_MD(c->operand_x), operand(s, worker, 0, x, c->in)},
                       {DNNL_ARG_WEIGHTS, query(op, dnnl_query_weights_md), weights_of(c, op)},
                       {DNNL_ARG_BIAS, EMO_MD(c->bias), c->biases},
                       {DNNL_ARG_DST, EMO_MD(c->y), y},
                       {DNNL_ARG_SCRATCHPAD, query(op, dnnl_query_scratchpad_md),
                        s->workers[worker].scratch}});
}

static int one_backward_data(void *state, size_t layer, unsigned worker, const void *x,
                             const void *gy, void *gx)
{
    struct state *s = state;
    (void)x;
    const struct conv *c = &s->convs[layer];
    const struct op *op = &c->op[EMO_PASS_DATA];
    return execute(s, worker, op->primitive, 4,
                   (struct argument[]){
                       {DNNL_ARG_DIFF_DST, EMO_MD(c->operand_gy), operand(s, worker, 1, gy, c->out)},
                       {DNNL_ARG_WEIGHTS, query(op, dnnl_query_weights_md), weights_of(c, op)},
                       {DNNL_ARG_DIFF_SRC, EMO_MD(c->x), gx},
                       {DNNL_ARG_SCRATCHPAD, query(op, dnnl_query_scratchpad_md),
                        s->workers[worker].scratch}});
}

static int one_backward_weights(void *state, size_t layer, unsigned worker, const void *x,
                                const void *gy, float *gw, float *gb)
{
    struct state *s = state;
    const struct conv *c = &s->convs[layer];
    const struct op *op = &c->op[EMO_PASS_WEIGHTS];
    emo_mdp preferred = query(op, dnnl_query_diff_weights_md);
    float *to = op->reorder != NULL ? s->workers[worker].gradient : gw;
    int failed = execute(s, worker, op->primitive, 5,
                         (struct argument[]){
                             {DNNL_ARG_SRC, EMO_MD(c->operand_x), operand(s, worker, 0, x, c->in)},
                             {DNNL_ARG_DIFF_DST, EMO_MD(c->operand_gy),
                              operand(s, worker, 1, gy, c->out)},
                             {DNNL_ARG_DIFF_WEIGHTS, preferred, to},
                             {DNNL_ARG_DIFF_BIAS, EMO_MD(c->bias), gb},
                             {DNNL_ARG_SCRATCHPAD, query(op, dnnl_query_scratchpad_md),
                              s->workers[worker].scratch}});
    if (!failed && op->reorder != NULL)
        failed = execute(s, worker, op->reorder, 2,
                         (struct argument[]){{DNNL_ARG_FROM, preferred, to},
                                             {DNNL_ARG_TO, EMO_MD(c->master), gw}});
    return failed;
}

const struct emo_backend *emo_backend_onednn(void)
{
    static const struct emo_backend backend = {
        .open = one_open,
        .close = one_close,
        .block = one_block,
        .describe = one_describe,
        .load = one_load,
        .piece = one_piece,
        .forward = one_forward,
        .backward_data = one_backward_data,
        .backward_weights = one_backward_weights,
    };
    return &backend;
}

#endif
