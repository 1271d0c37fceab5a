/* Dense layers over the whole batch: in tiles where these fit, else in vectors. */
#include "net/execute.h"

#include "base/pages.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 64 /* columns of a dense layer, or rows of its weight, in one piece */
#define LITTLE ((size_t)1 << 18) /* multiplications that are not worth a wait for other workers */

static const struct emo_layer *layer_of(const struct emo_net *n)
{
    return &n->plan.graph.layers[n->layer];
}

static float *weights_of(const struct emo_net *n, const struct emo_layer *l)
{
    return n->values + n->at[l->weight];
}

/* The network's own: its step is taken here, and nothing else needs its gradient. */
static bool is_master(const struct emo_net *n, const struct emo_layer *l)
{
    return l->weight < (int)n->plan.masters;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

bool emo_execute_dense_open(struct emo_net *n, enum emo_isa isa)
{
    const struct emo_graph *g = &n->plan.graph;
    struct emo_tiled *t = &n->tiled;
    size_t records = n->chunks * n->chunk, sums = 0, turned = 0, scratch = 0;
    t->packed = calloc(g->count, sizeof *t->packed);
    t->scratch = calloc(n->workers, sizeof *t->scratch);
    bool ok = t->packed != NULL && t->scratch != NULL;
    for (size_t i = g->spatial; ok && i < g->count; i++) {
        const struct emo_layer *l = &g->layers[i];
        const struct emo_dense_tiles *kernel = l->kind == EMO_DENSE && is_master(n, l)
                                                   ? emo_dense_tiles(isa, l) : NULL;
        if (kernel == NULL)
            continue;
        t->kernel = kernel;
        ok = (t->packed[i] = emo_pages(emo_dense_packed(l) * sizeof **t->packed)) != NULL;
        sums = larger(sums, emo_dense_sums(l, records));
        turned = larger(turned, emo_dense_turned(l, records));
        scratch = larger(scratch, emo_dense_scratch(l, records) +
                                      emo_dense_rows(l) * emo_dense_whole(l->oc));
    }
    if (t->kernel == NULL)
        return ok;
    ok = ok && (t->sums = emo_pages(sums * sizeof *t->sums)) != NULL;
    ok = ok && (t->turned = emo_pages(turned * sizeof *t->turned)) != NULL;
    for (unsigned w = 0; ok && w < n->workers; w++)
        ok = (t->scratch[w] = emo_pages(scratch * sizeof **t->scratch)) != NULL;
    return ok;
}

void emo_execute_dense_close(struct emo_net *n)
{
    struct emo_tiled *t = &n->tiled;
    for (size_t i = 0; t->packed != NULL && i < n->plan.graph.count; i++)
        free(t->packed[i]);
    for (unsigned w = 0; t->scratch != NULL && w < n->workers; w++)
        free(t->scratch[w]);
    free(t->packed);
    free(t->scratch);
    free(t->sums);
    free(t->turned);
}

static void run(struct emo_net *n, size_t pieces, void (*piece)(void *, size_t, unsigned))
{
    const struct emo_layer *l = layer_of(n);
    if (n->count * l->c * l->oc > LITTLE)
        emo_threads_run(n->threads, pieces, piece, n);
    else
        for (size_t i = 0; i < pieces; i++)
            piece(n, i, 0);
}

static void columns(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_layer *l = layer_of(n);
    size_t from = piece * BLOCK, to = from + BLOCK < l->oc ? from + BLOCK : l->oc;
    (void)worker;
    n->dense->forward(l, n->count, emo_execute_input(n), weights_of(n, l),
                      n->values + n->at[l->bias], from, to, n->out[n->layer]);
}

static void part(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_tiled *t = &n->tiled;
    t->kernel->forward(layer_of(n), n->count, emo_execute_input(n), t->packed[n->layer], piece,
                       t->sums, t->scratch[worker]);
}

/* Of a layer's rows, with those that fill its last tile. */
struct range {
    size_t from, rows;
};

static size_t ranges(const struct emo_layer *l)
{
    return (l->c + emo_dense_rows(l) - 1) / emo_dense_rows(l);
}

static struct range range_of(const struct emo_layer *l, size_t piece)
{
    struct range r = {piece * emo_dense_rows(l), emo_dense_rows(l)};
    size_t left = emo_dense_whole(l->c) - r.from;
    r.rows = left < r.rows ? left : r.rows;
    return r;
}

static void pack_rows(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_layer *l = layer_of(n);
    struct range r = range_of(l, piece);
    (void)worker;
    n->tiled.kernel->pack(l, weights_of(n, l), r.from, r.rows, n->tiled.packed[n->layer]);
}

void emo_execute_dense_load(struct emo_net *n)
{
    const struct emo_graph *g = &n->plan.graph;
    for (n->layer = g->spatial; n->layer < g->count; n->layer++)
        if (n->tiled.packed[n->layer] != NULL)
            emo_threads_run(n->threads, ranges(layer_of(n)), pack_rows, n);
}

void emo_execute_dense_forward(struct emo_net *n)
{
    const struct emo_layer *l = layer_of(n);
    if (n->tiled.packed[n->layer] == NULL) {
        run(n, (l->oc + BLOCK - 1) / BLOCK, columns);
        return;
    }
    run(n, emo_dense_parts(l), part);
    n->tiled.kernel->add(l, n->count, n->values + n->at[l->bias], n->tiled.sums, n->out[n->layer]);
}

static void rows(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_layer *l = layer_of(n);
    size_t from = piece * BLOCK, to = from + BLOCK < l->c ? from + BLOCK : l->c;
    const float *gy = n->flat[n->from_second];
    size_t at = n->at[l->weight];
    (void)worker;
    n->dense->backward_weights(l, n->count, emo_execute_input(n), gy, from, to, n->gradient + at,
                               n->gradient + n->at[l->bias]);
    n->dense->backward_data(l, n->count, gy, weights_of(n, l), from, to, n->flat[!n->from_second]);
    at += from * l->oc;
    if (is_master(n, l))
        emo_execute_step(n, at, (to - from) * l->oc, n->gradient + at);
}

/* Few rows, from their gradient to what the next batch multiplies with. */
static void tiled_rows(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_layer *l = layer_of(n);
    const struct emo_tiled *t = &n->tiled;
    struct range r = range_of(l, piece);
    size_t wide = emo_dense_whole(l->oc);
    float *w = weights_of(n, l), *gw = t->scratch[worker], *scratch = gw + emo_dense_rows(l) * wide;
    t->kernel->backward_weights(l, n->count, emo_execute_input(n), t->turned, r.from, r.rows, w,
                                gw, scratch);
    t->kernel->backward_data(l, n->count, t->turned, w, r.from, r.rows, n->flat[!n->from_second],
                             scratch);
    for (size_t i = 0; i < r.rows && r.from + i < l->c; i++)
        emo_execute_step(n, n->at[l->weight] + (r.from + i) * l->oc, l->oc, gw + i * wide);
    t->kernel->pack(l, w, r.from, r.rows, t->packed[n->layer]);
}

void emo_execute_dense_backward(struct emo_net *n)
{
    const struct emo_layer *l = layer_of(n);
    if (n->tiled.packed[n->layer] == NULL) {
        run(n, (l->c + BLOCK - 1) / BLOCK, rows);
        return;
    }
    n->tiled.kernel->turn(l, n->count, n->flat[n->from_second], n->tiled.turned,
                          n->gradient + n->at[l->bias]);
    run(n, ranges(l), tiled_rows);
}
