/* The layers that work on vectors: each over the whole batch. */
#include "net/execute.h"

#include "base/philox.h"
#include "net/blocks.h"
#include "net/kernels/plain.h"

#include <math.h>
#include <string.h>

#define DROPPED ((size_t)16384) /* units that are dropped in one piece: less is not worth a wait */
#define NEAR ((size_t)256)      /* draws at a time, in blocks */

/* Without a branch, which would as often as not go the other way than the processor expects. */
static inline float kept(float x, uint32_t draw, uint32_t dropped)
{
    uint32_t bits, mask = draw >> 8 < dropped ? 0 : UINT32_MAX;
    memcpy(&bits, &x, sizeof bits);
    bits &= mask;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The draws of units 4 from and on of a record. */
static void draw(const struct emo_net *n, uint16_t purpose, uint64_t id, size_t from, size_t blocks,
                 uint32_t *u)
{
    if (n->draws != NULL)
        n->draws->blocks(n->options.seed, id, n->epoch, purpose, (uint32_t)from, blocks, u);
    else
        for (size_t i = 0; i < blocks; i++)
            emo_philox(n->options.seed, id, n->epoch, purpose, (uint32_t)(from + i), u + 4 * i);
}

/* A draw belongs to a place in HWC order, wherever that lies. */
void emo_execute_drop(const struct emo_net *n, const struct emo_layer *l, size_t first,
                      size_t count, size_t b, const float *x, float *y)
{
    size_t units = emo_layer_out(l), pixels = (size_t)l->oh * l->ow;
    if (!n->dropout || l->rate <= 0) {
        memmove(y, x, count * units * sizeof *y);
        return;
    }
    float keep = (float)(1 / (1 - l->rate));
    /* Of the 2^24 values of emo_uniform, those below the rate. */
    uint32_t dropped = (uint32_t)ceilf((float)l->rate * 0x1p24f), u[4 * NEAR];
    uint16_t purpose = (uint16_t)(EMO_DRAW_DROPOUT + l->number);
    for (size_t r = 0; r < count; r++, x += units, y += units) {
        uint64_t id = first + r < n->count ? n->ids[first + r] : 0;
        for (size_t i = 0; i < units; i += 4 * NEAR) {
            size_t some = units - i < 4 * NEAR ? units - i : 4 * NEAR;
            draw(n, purpose, id, i / 4, (some + 3) / 4, u);
            for (size_t j = 0; j < some; j++) {
                size_t at = emo_blocks_place(i + j, pixels, l->oc, b);
                y[at] = kept(x[at] * keep, u[j], dropped);
            }
        }
    }
}

/* Records in a piece. */
static size_t together(const struct emo_layer *l)
{
    size_t units = emo_layer_out(l);
    return units < DROPPED ? DROPPED / units : 1;
}

static void drop_rows(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_layer *l = &n->plan.graph.layers[n->layer];
    size_t some = together(l), from = piece * some, left = n->count - from;
    size_t at = from * emo_layer_out(l);
    (void)worker;
    emo_execute_drop(n, l, from, left < some ? left : some, l->oc, n->drop_from + at,
                     n->drop_to + at);
}

/* The present layer's dropout of the batch. */
static void drop(struct emo_net *n, const float *x, float *y)
{
    n->drop_from = x;
    n->drop_to = y;
    size_t some = together(&n->plan.graph.layers[n->layer]);
    emo_threads_run(n->threads, (n->count + some - 1) / some, drop_rows, n);
}

/* Flattening leaves all where it is. */
const float *emo_execute_input(const struct emo_net *n)
{
    const struct emo_graph *g = &n->plan.graph;
    size_t i = n->layer;
    while (i > g->spatial && g->layers[i - 1].kind == EMO_FLATTEN)
        i--;
    return i > g->spatial ? n->out[i - 1] : n->features;
}

const float *emo_execute_flat_forward(struct emo_net *n)
{
    const struct emo_graph *g = &n->plan.graph;
    for (size_t i = g->spatial; i < g->count; i++) {
        const struct emo_layer *l = &g->layers[i];
        n->layer = i;
        if (l->kind == EMO_FLATTEN)
            continue;
        if (l->kind == EMO_DENSE)
            emo_execute_dense_forward(n);
        else
            drop(n, emo_execute_input(n), n->out[i]);
        if (i + 1 < g->count)
            emo_f_activate(l->activation, n->count, l->oc, n->out[i]);
    }
    return n->out[g->count - 1];
}

float *emo_execute_flat_backward(struct emo_net *n)
{
    const struct emo_graph *g = &n->plan.graph;
    n->from_second = false;
    for (size_t i = g->count; i-- > g->spatial;) {
        const struct emo_layer *l = &g->layers[i];
        n->layer = i;
        if (i + 1 < g->count)
            emo_f_activate_backward(l->activation, n->count, l->oc, n->out[i],
                                    n->flat[n->from_second]);
        if (l->kind == EMO_DROPOUT)
            drop(n, n->flat[n->from_second], n->flat[n->from_second]);
        if (l->kind != EMO_DENSE)
            continue;
        emo_execute_dense_backward(n);
        n->from_second = !n->from_second;
    }
    return n->flat[n->from_second];
}
