#include "net/execute.h"

#include "net/blocks.h"
#include "net/kernels/bf16.h"
#include "net/kernels/plain.h"

#include <string.h>

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

/* What the first layer sees of an image. */
static void seen(const struct emo_net *n, size_t *height, size_t *width)
{
    const struct emo_graph *g = &n->plan.graph;
    *height = g->spatial > 0 ? g->layers[0].h : g->height;
    *width = g->spatial > 0 ? g->layers[0].w : g->width;
}

/* That of `count` images from the first as float, 0 to 1; zeros where the batch has no more. */
static void load_images(const struct emo_net *n, size_t first, size_t count, float *to)
{
    size_t channels = n->graph.channels, pitch = n->graph.width * channels, height, width;
    seen(n, &height, &width);
    size_t image = height * width * channels;
    for (size_t i = first; i < first + count; i++, to += image) {
        if (i < n->count)
            emo_blocks_from_image(n->images[i], pitch, height, width, channels,
                                  block(n, n->graph.channels), to);
        else
            memset(to, 0, image * sizeof *to);
    }
}

/* Whose buffers: with fewer pieces or chunks than workers, its own. */
static size_t hand(const struct emo_net *n, size_t piece, unsigned worker)
{
    return n->hands < n->workers ? piece : worker;
}

/* Where a layer's output for this piece begins, in records. */
static size_t kept(const struct emo_net *n, size_t piece, unsigned worker)
{
    return (n->options.training ? piece : hand(n, piece, worker)) * n->piece;
}

/* Images that the batch has among so many from the first. */
static size_t present(const struct emo_net *n, size_t first, size_t count)
{
    size_t left = first < n->count ? n->count - first : 0;
    return left < count ? left : count;
}

/* The shape of what the flat layers begin with; returns its size. */
static size_t features(const struct emo_net *n, size_t *pixels, size_t *channels)
{
    const struct emo_graph *g = &n->plan.graph;
    const struct emo_layer *last = g->spatial > 0 ? &g->layers[g->spatial - 1] : NULL;
    *pixels = last != NULL ? (size_t)last->oh * last->ow : (size_t)g->height * g->width;
    *channels = last != NULL ? last->oc : g->channels;
    return *pixels * *channels;
}

/* ReLU does not change which number is the largest: before a max pooling it may as well come after it,
   on fewer numbers. What is bfloat16 comes out of its layer with ReLU done. */
static bool is_postponed(const struct emo_net *n, size_t i)
{
    const struct emo_layer *l = &n->plan.graph.layers[i];
    return l->kind == EMO_CONV && l->activation == EMO_RELU && i + 1 < n->plan.graph.spatial &&
           l[1].kind == EMO_MAXPOOL;
}

/* What is left to be done with the output of layer i, or with its gradient. */
static enum emo_activation activation_of(const struct emo_net *n, size_t i)
{
    if (n->halves[i + 1] || is_postponed(n, i))
        return EMO_LINEAR;
    if (i > 0 && is_postponed(n, i - 1))
        return EMO_RELU;
    return n->plan.graph.layers[i].activation;
}

/* What layer i made of a record. */
static void *output_of(const struct emo_net *n, size_t i, size_t record)
{
    return (char *)n->out[i] +
           record * emo_layer_out(&n->plan.graph.layers[i]) * emo_execute_size(n, i);
}

/* What the kernel makes of a piece: the output of the last layer that it does. */
static const void *forward_image(struct emo_net *n, size_t piece, unsigned worker)
{
    const struct emo_layer *conv = n->image.conv;
    size_t last = n->begin - 1, out = emo_layer_out(&n->plan.graph.layers[last]);
    size_t at = kept(n, piece, worker), r = 0;
    size_t places = n->kernel->places(&n->image), first = piece * n->piece;
    for (; r < present(n, first, n->piece); r++)
        n->kernel->forward(&n->image, n->images[first + r], n->packed,
                           n->values + n->at[conv->bias], output_of(n, last, at + r),
                           places > 0 ? n->arg[last] + (at + r) * places : NULL,
                           n->input[hand(n, piece, worker)]);
    memset(output_of(n, last, at + r), 0, (n->piece - r) * out * emo_execute_size(n, last));
    if (!n->image.halves)
        emo_f_activate(conv->activation, r * out, 1, output_of(n, last, at));
    return output_of(n, last, at);
}

static void forward_piece(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_graph *g = &n->plan.graph;
    size_t records = kept(n, piece, worker);
    const void *x = n->input[hand(n, piece, worker)];
    if (n->kernel != NULL)
        x = forward_image(n, piece, worker);
    else
        load_images(n, piece * n->piece, n->piece, n->input[hand(n, piece, worker)]);
    for (size_t i = n->begin; i < g->spatial; i++) {
        const struct emo_layer *l = &g->layers[i];
        const struct emo_layer one = in_blocks(n, l);
        size_t out = emo_layer_out(l), planes = n->piece * (l->c / one.c);
        void *y = output_of(n, i, records);
        int failed = 0;
        switch (l->kind) {
        case EMO_CONV: failed = n->backend->forward(n->state, i, worker, x, y); break;
        case EMO_MAXPOOL:
            emo_f_maxpool_forward(&one, planes, x, y, n->arg[i] + records * out);
            break;
        case EMO_AVGPOOL: emo_f_avgpool_forward(&one, planes, x, y); break;
        default:
            emo_execute_drop(n, l, piece * n->piece, n->piece, block(n, l->oc), x, y);
            break;
        }
        if (failed)
            n->failed = 1;
        emo_f_activate(activation_of(n, i), n->piece * (size_t)l->oh * l->ow, l->oc, y);
        x = y;
    }
    size_t pixels, channels, width = features(n, &pixels, &channels);
    for (size_t r = 0; r < n->piece; r++)
        emo_blocks_undo((const float *)x + r * width, pixels, channels, block(n, (uint32_t)channels),
                        n->features + (piece * n->piece + r) * width);
}

static void load_layer(struct emo_net *n, size_t i, unsigned worker)
{
    const struct emo_layer *l = &n->plan.graph.layers[i];
    if (n->pooled_weights != NULL && n->pooled_weights[i] != NULL) {
        const struct emo_pooled f = emo_execute_pooled(n, i);
        n->pooled->pack(&f, n->values + n->at[l->weight], n->pooled_weights[i]);
    }
    if (i == 0 && n->kernel != NULL)
        n->kernel->pack(&n->image, n->values + n->at[l->weight], n->packed);
    else if (l->kind == EMO_CONV &&
             n->backend->load(n->state, i, worker, n->values + n->at[l->weight],
                              n->values + n->at[l->bias]))
        n->failed = 1;
}

static bool is_composed(const struct emo_net *n, size_t i)
{
    return n->plan.graph.layers[i].weight >= (int)n->plan.masters;
}

/* A layer, the last, which are larger, first; with the last piece those that are to be composed. */
static void load_piece(void *context, size_t piece, unsigned worker)
{
    struct emo_net *n = context;
    size_t count = n->plan.graph.spatial, i = count - 1 - piece;
    if (piece < count && !is_composed(n, i))
        load_layer(n, i, worker);
    if (piece < count)
        return;
    emo_plan_compose(&n->plan, n->composing, n->at, n->values, n->fold_scratch);
    for (i = 0; i < count; i++)
        if (is_composed(n, i))
            load_layer(n, i, worker);
}

const float *emo_execute_forward(struct emo_net *n)
{
    if (n->stale)
        emo_threads_run(n->threads, n->plan.graph.spatial + 1, load_piece, n);
    if (n->changed && n->tiled.kernel != NULL)
        emo_execute_dense_load(n);
    n->stale = n->changed = false;
    size_t chunks = (n->count + n->chunk - 1) / n->chunk;
    emo_threads_run(n->threads, chunks * n->chunk / n->piece, forward_piece, n);
    return emo_execute_flat_forward(n);
}

/* n records from the first of a chunk's; gy is their gradient. */
static void backward_image(struct emo_net *n, size_t chunk, unsigned worker, size_t first, size_t count,
                           void *gy)
{
    const struct emo_layer *conv = n->image.conv;
    size_t last = n->begin - 1, out = emo_layer_out(&n->plan.graph.layers[last]);
    size_t at = chunk * n->chunk, all = present(n, at, n->chunk);
    size_t places = n->kernel->places(&n->image);
    at += first;
    if (!n->image.halves) {
        emo_f_activate_backward(conv->activation, count * out, 1, output_of(n, last, at), gy);
        if (n->image.bf16 && n->kernel->rounded)
            emo_bf16_round(gy, count * out, gy);
    }
    n->kernel->backward(&n->image, count, n->images + at, gy,
                        places > 0 ? n->arg[last] + at * places : NULL, first == 0,
                        first + count == all, emo_execute_partial(n, chunk, conv->weight),
                        emo_execute_partial(n, chunk, conv->bias), n->input[hand(n, chunk, worker)]);
}

/* Is the first layer but the kernel's a convolution, whose gradients go on to the kernel record by
   record? */
static bool joined(const struct emo_net *n)
{
    const struct emo_graph *g = &n->plan.graph;
    return n->kernel != NULL && n->begin < g->spatial && g->layers[n->begin].kind == EMO_CONV &&
           n->pooled_weights[n->begin] == NULL;
}

/* Back through convolution i, and if it is joined with the kernel, to the image: what lies between
   then stays in a cache. */
static int backward_conv(struct emo_net *n, size_t chunk, unsigned worker, size_t i, const void *x,
                         const void *gy, void *gx)
{
    const struct emo_layer *l = &n->plan.graph.layers[i];
    bool to_image = i == n->begin && joined(n);
    size_t all = to_image ? present(n, chunk * n->chunk, n->chunk) : n->chunk;
    int failed = 0;
    for (size_t r = 0; gx != NULL && r < all; r += n->piece) {
        const char *from = (const char *)gy + r * emo_layer_out(l) * emo_execute_size(n, i);
        const char *at = (const char *)x + r * emo_layer_in(l) * emo_execute_size(n, i - 1);
        failed |= n->backend->backward_data(n->state, i, worker, at, from, gx);
        if (to_image)
            backward_image(n, chunk, worker, r, all - r < n->piece ? all - r : n->piece, gx);
        else
            gx = (char *)gx + n->piece * emo_layer_in(l) * emo_execute_size(n, i - 1);
    }
    return failed;
}

struct emo_pooled emo_execute_pooled(const struct emo_net *n, size_t i)
{
    const struct emo_layer *conv = &n->plan.graph.layers[i];
    return (struct emo_pooled){.conv = conv, .pool = conv + 1, .in_block = block(n, conv->c),
                               .out_block = block(n, conv->oc)};
}

/* Back through pooling layer i + 1 and convolution i. An activation between them keeps the order of
   numbers, so that it may as well have come after the pooling. */
static void backward_pooled(struct emo_net *n, size_t chunk, unsigned worker, size_t i)
{
    const struct emo_pooled f = emo_execute_pooled(n, i);
    const struct emo_layer *conv = f.conv;
    size_t own = hand(n, chunk, worker), out = emo_layer_out(f.pool), in = emo_layer_in(conv);
    size_t at = chunk * n->chunk;
    float *g = n->grad[i % 2][own];
    memcpy(g, n->grad[(i + 1) % 2][own], n->chunk * out * sizeof *g);
    emo_f_activate_backward(conv->activation, n->chunk * out, 1, n->out[i + 1] + at * out, g);
    n->pooled->weights(&f, n->chunk, n->out[i - 1] + at * in, g, n->arg[i + 1] + at * out,
                       emo_execute_partial(n, chunk, conv->weight),
                       emo_execute_partial(n, chunk, conv->bias), n->pooled_scratch[own]);
    if (i > n->first)
        n->pooled->data(&f, n->chunk, n->pooled_weights[i], g, n->arg[i + 1] + at * out,
                        n->grad[(i + 1) % 2][own]);
}

static void backward_chunk(void *context, size_t chunk, unsigned worker)
{
    struct emo_net *n = context;
    const struct emo_graph *g = &n->plan.graph;
    size_t pixels, channels, width = features(n, &pixels, &channels);
    size_t own = hand(n, chunk, worker), begin = n->begin > n->first ? n->begin : n->first;
    float *g0 = n->grad[(g->spatial - 1) % 2][own];
    const float *from = n->flat[n->from_second] + chunk * n->chunk * width;
    for (size_t r = 0; r < n->chunk; r++)
        emo_blocks_make(from + r * width, pixels, channels, block(n, (uint32_t)channels),
                        g0 + r * width);
    if (n->first == 0 && n->kernel == NULL)
        load_images(n, chunk * n->chunk, n->chunk, n->input[own]);
    for (size_t i = g->spatial; i-- > begin;) {
        if (i > begin && n->pooled_weights[i - 1] != NULL) {
            backward_pooled(n, chunk, worker, --i);
            continue;
        }
        const struct emo_layer *l = &g->layers[i];
        const struct emo_layer one = in_blocks(n, l);
        size_t out = emo_layer_out(l), planes = n->chunk * (l->c / one.c);
        const float *y = output_of(n, i, chunk * n->chunk);
        const void *x = i > 0 ? output_of(n, i - 1, chunk * n->chunk) : n->input[own];
        float *gy = n->grad[i % 2][own];
        float *gx = i > n->first ? n->grad[(i - 1) % 2][own] : NULL;
        int failed = 0;
        emo_f_activate_backward(activation_of(n, i), n->chunk * (size_t)l->oh * l->ow, l->oc, y,
                                gy);
        if (l->kind == EMO_CONV) {
            failed = n->backend->backward_weights(n->state, i, worker, x, gy,
                                                  emo_execute_partial(n, chunk, l->weight),
                                                  emo_execute_partial(n, chunk, l->bias));
            failed |= backward_conv(n, chunk, worker, i, x, gy, gx);
        } else if (l->kind == EMO_MAXPOOL) {
            emo_f_maxpool_backward(&one, planes, gy, n->arg[i] + chunk * n->chunk * out, gx);
        } else if (l->kind == EMO_AVGPOOL) {
            emo_f_avgpool_backward(&one, planes, gy, gx);
        } else {
            emo_execute_drop(n, l, chunk * n->chunk, n->chunk, block(n, l->oc), gy, gx);
        }
        if (failed)
            n->failed = 1;
    }
    if (n->kernel != NULL && !joined(n))
        backward_image(n, chunk, worker, 0, present(n, chunk * n->chunk, n->chunk),
                       n->grad[(n->begin - 1) % 2][own]);
}

void emo_execute_backward(struct emo_net *n)
{
    const struct emo_graph *g = &n->plan.graph;
    size_t chunks = (n->count + n->chunk - 1) / n->chunk;
    float *gradient = emo_execute_flat_backward(n);
    size_t pixels, channels, width = features(n, &pixels, &channels);
    memset(gradient + n->count * width, 0,
           (chunks * n->chunk - n->count) * width * sizeof *gradient);
    if (n->first < g->spatial) {
        emo_threads_run(n->threads, chunks, backward_chunk, n);
        emo_execute_reduce(n);
    }
}
