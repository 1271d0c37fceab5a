/* The arrays that hold parameters, their gradients and moments; sums of gradients, and steps. */
#include "net/execute.h"

#include "base/pages.h"

#include <stdlib.h>
#include <string.h>

#define TOGETHER 16 /* floats of a line: each tensor begins one */
#define RANGE 16384 /* parameters in one piece */
#define NEAR 512    /* of those, at a time */

/* Tensors by what is done with them, in the order in which they lie. */
enum kind {
    FACTOR,           /* the network's, composed with others before it is used */
    DENSE,            /* the network's, a dense layer's weight as computed */
    MASTER,           /* the network's */
    MASTER_PARTIAL,   /* the network's, and a convolution's as computed */
    COMPOSED_PARTIAL, /* a convolution's as computed */
    COMPOSED,
    KINDS
};

static size_t lines(size_t floats)
{
    return (floats + TOGETHER - 1) / TOGETHER * TOGETHER;
}

static bool is_factor(const struct emo_plan *p, int tensor)
{
    bool factor = false;
    for (size_t k = 0; k < p->fold_count; k++) {
        const struct emo_fold *f = &p->folds[k];
        factor |= tensor == f->first || tensor == f->first_bias || tensor == f->second ||
                  tensor == f->second_bias;
    }
    return factor;
}

static enum kind kind_of(const struct emo_net *n, int tensor)
{
    const struct emo_graph *g = &n->plan.graph;
    bool master = (size_t)tensor < n->plan.masters, partial = false, dense = false;
    for (size_t i = 0; i < g->count; i++)
        if (tensor == g->layers[i].weight || tensor == g->layers[i].bias) {
            partial = i < g->spatial;
            dense = i >= g->spatial && tensor == g->layers[i].weight;
        }
    if (!master)
        return partial ? COMPOSED_PARTIAL : COMPOSED;
    if (is_factor(&n->plan, tensor))
        return FACTOR;
    return partial ? MASTER_PARTIAL : dense ? DENSE : MASTER;
}

static void lay_out(struct emo_net *n)
{
    size_t ends[KINDS];
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < n->plan.graph.tensor_count; i++)
            if ((int)kind_of(n, (int)i) == kind) {
                n->at[i] = n->total;
                n->total += lines(n->plan.graph.tensors[i].count);
            }
        ends[kind] = n->total;
    }
    n->factors = ends[FACTOR];
    n->dense_end = ends[DENSE];
    n->masters = ends[MASTER_PARTIAL];
    n->part_at = ends[MASTER];
    n->part_total = ends[COMPOSED_PARTIAL] - ends[MASTER];
}

/* What lies between the tensors, so many floats from `from` on: it takes part in sums and steps, and
   stays 0. */
static void clear_ends(const struct emo_net *n, size_t from, size_t floats, float *array)
{
    const struct emo_tensor *t = n->plan.graph.tensors;
    for (size_t i = 0; i < n->plan.graph.tensor_count; i++)
        if (n->at[i] >= from && n->at[i] - from < floats)
            memset(array + n->at[i] - from + t[i].count, 0,
                   (lines(t[i].count) - t[i].count) * sizeof *array);
}

/* The first use of memory takes longer than its clearing; here all workers share it. */
static void clear_moments(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    size_t from = piece * RANGE, left = n->masters - from, some = left < RANGE ? left : RANGE;
    (void)worker;
    memset(n->m + from, 0, some * sizeof *n->m);
    memset(n->v + from, 0, some * sizeof *n->v);
}

static float *room(size_t floats)
{
    return emo_pages(floats * sizeof(float));
}

/* The network's tensors as its caller sees them. */
static void describe(struct emo_net *n)
{
    for (size_t i = 0; i < n->plan.masters; i++) {
        const struct emo_tensor *t = &n->graph.tensors[i];
        n->parameters[i] = (struct emo_parameter){.name = t->name, .order = t->order,
                                                  .rank = t->rank, .count = t->count,
                                                  .trainable = true, .values = n->values + n->at[i]};
        memcpy(n->parameters[i].dim, t->dim, sizeof t->dim);
        if (n->options.training) {
            n->parameters[i].m = n->m + n->at[i];
            n->parameters[i].v = n->v + n->at[i];
        }
    }
}

int emo_execute_parameters(struct emo_net *n, struct emo_error *err)
{
    size_t count = n->plan.graph.tensor_count, rows = n->chunks - 1;
    bool training = n->options.training;
    n->parameters = calloc(n->plan.masters, sizeof *n->parameters);
    n->at = calloc(count, sizeof *n->at);
    if (n->parameters == NULL || n->at == NULL)
        return emo_error_memory(err, count * sizeof *n->at, "parameters");
    lay_out(n);
    n->values = room(n->total);
    n->fold_scratch = room(emo_plan_scratch(&n->plan));
    if (training) {
        n->gradient = room(n->total);
        n->m = room(n->masters);
        n->v = room(n->masters);
        n->partial = room(n->part_total * rows);
    }
    if (n->values == NULL || n->fold_scratch == NULL ||
        (training &&
         (n->gradient == NULL || n->m == NULL || n->v == NULL || n->partial == NULL)))
        return emo_error_memory(err, n->total * sizeof *n->values, "parameters");
    clear_ends(n, 0, n->total, n->values);
    if (training) {
        clear_ends(n, 0, n->total, n->gradient);
        for (size_t row = 0; row < rows; row++)
            clear_ends(n, n->part_at, n->part_total, n->partial + row * n->part_total);
        emo_threads_run(n->threads, (n->masters + RANGE - 1) / RANGE, clear_moments, n);
    }
    emo_plan_constants(&n->plan, n->at, n->values);
    describe(n);
    return EMO_OK;
}

/* A chunk's gradients of all convolutions. */
static float *row_of(const struct emo_net *n, size_t chunk)
{
    return chunk == 0 ? n->gradient + n->part_at : n->partial + (chunk - 1) * n->part_total;
}

float *emo_execute_partial(const struct emo_net *n, size_t chunk, int tensor)
{
    return row_of(n, chunk) + (n->at[tensor] - n->part_at);
}

/* to[i] += from[i], and so on up to n. */
static void add(size_t n, const float *restrict from, float *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

/* The sum of the chunks' gradients, by a binary tree over the chunk's index, of some numbers of a
   row. */
static void reduce(const struct emo_net *n, size_t from, size_t some)
{
    size_t chunks = (n->count + n->chunk - 1) / n->chunk;
    for (size_t step = 1; step < chunks; step *= 2)
        for (size_t c = 0; c + step < chunks; c += 2 * step)
            add(some, row_of(n, c + step) + from, row_of(n, c) + from);
}

static void reduce_range(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    size_t to = n->part_at + n->part_total, from = n->masters + piece * RANGE;
    (void)worker;
    if (to - from > RANGE)
        to = from + RANGE;
    for (; from < to; from += NEAR)
        reduce(n, from - n->part_at, to - from < NEAR ? to - from : NEAR);
}

void emo_execute_reduce(struct emo_net *n)
{
    size_t composed = n->part_at + n->part_total - n->masters;
    emo_threads_run(n->threads, (composed + RANGE - 1) / RANGE, reduce_range, n);
}

void emo_execute_step(const struct emo_net *n, size_t from, size_t some, const float *gradient)
{
    n->adam(some, n->rate, gradient, n->m + from, n->v + from, n->values + from);
}

static void update_factors(void *context, size_t piece, unsigned worker)
{
    const struct emo_net *n = context;
    size_t from = piece * RANGE, left = n->factors - from;
    (void)worker;
    emo_execute_step(n, from, left < RANGE ? left : RANGE, n->gradient + from);
}

/* The first piece is the factors' gradients, which nothing else here needs; then other masters: of so
   few numbers at a time that their gradients are summed and used in the first cache. */
static void update_range(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    (void)worker;
    if (piece == 0) {
        emo_plan_chain(&n->plan, n->composing, n->at, n->values, n->gradient, n->fold_scratch);
        return;
    }
    size_t from = n->dense_end + (piece - 1) * RANGE;
    size_t to = n->masters - from < RANGE ? n->masters : from + RANGE;
    for (; from < to; from += NEAR) {
        size_t end = to - from < NEAR ? to : from + NEAR;
        size_t summed = from > n->part_at ? from : n->part_at;
        if (summed < end)
            reduce(n, summed - n->part_at, end - summed);
        emo_execute_step(n, from, end - from, n->gradient + from);
    }
}

void emo_execute_update(struct emo_net *n)
{
    size_t rest = n->masters - n->dense_end;
    emo_threads_run(n->threads, 1 + (rest + RANGE - 1) / RANGE, update_range, n);
    emo_threads_run(n->threads, (n->factors + RANGE - 1) / RANGE, update_factors, n);
    n->stale = true;
}
