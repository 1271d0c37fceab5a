#include "net/fold.h"

#include "net/kernels/composed.h"
#include "net/kernels/plain.h"
#include "stream/frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 32.0          /* of the estimate */
#define COMPOSITION 4.0     /* times slower than a layer's multiplications */
#define WORTH 0.8           /* of the cost apart, at most */
#define MAX_COMPOSED (UINT64_C(1) << 26)
#define MAX_SCRATCH ((size_t)1 << 20) /* floats */

void emo_plan_free(struct emo_plan *p)
{
    free(p->graph.layers);
    free(p->graph.tensors);
    free(p->folds);
    *p = (struct emo_plan){0};
}

static bool linear(const struct emo_layer *l)
{
    return l->kind == EMO_CONV || l->kind == EMO_AVGPOOL || l->kind == EMO_DENSE;
}

/* Multiplications for an image in a step; the first layer has no gradient to give back. */
static double cost(const struct emo_layer *l, bool first)
{
    double one = (double)emo_layer_out(l) * l->kernel_h * l->kernel_w;
    return (first ? 2 : 3) * (l->kind == EMO_AVGPOOL ? one : one * l->c);
}

static struct emo_layer together(const struct emo_layer *a, const struct emo_layer *b)
{
    struct emo_layer l = *b;
    l.kind = a->kind == EMO_DENSE ? EMO_DENSE : EMO_CONV;
    l.h = a->h;
    l.w = a->w;
    l.c = a->c;
    l.kernel_h = a->kernel_h + (b->kernel_h - 1) * a->stride;
    l.kernel_w = a->kernel_w + (b->kernel_w - 1) * a->stride;
    l.stride = a->stride * b->stride;
    l.top = a->top;
    l.left = a->left;
    l.bottom = a->bottom;
    l.right = a->right;
    return l;
}

/* What of the cost apart is left; 1 and more: the two cannot, or need not, be one. */
static double ratio(const struct emo_plan *p, size_t i)
{
    const struct emo_layer *a = &p->graph.layers[i], *b = a + 1;
    if (!linear(a) || !linear(b) || a->activation != EMO_LINEAR || a->flat != b->flat ||
        (a->kind == EMO_AVGPOOL && b->kind == EMO_AVGPOOL) ||
        b->top + b->left + b->bottom + b->right > 0)
        return 1;
    struct emo_layer c = together(a, b);
    double composed = (double)a->kernel_h * a->kernel_w * a->c * a->oc * b->oc * b->kernel_h *
                      b->kernel_w;
    if ((double)c.kernel_h * c.kernel_w * c.c * c.oc > (double)MAX_COMPOSED ||
        c.kernel_h > c.h + c.top + c.bottom || c.kernel_w > c.w + c.left + c.right)
        return 1;
    return (cost(&c, i == 0) + COMPOSITION * 3 * composed / BATCH) /
           (cost(a, i == 0) + cost(b, false));
}

/* Adds a weight and its bias after it. */
static int add_tensors(struct emo_plan *p, const uint32_t *hwio, bool dense, const char *name,
                       int *index, struct emo_error *err)
{
    struct emo_graph *g = &p->graph;
    struct emo_tensor *more = realloc(g->tensors, (g->tensor_count + 2) * sizeof *more);
    if (more == NULL)
        return emo_error_memory(err, (g->tensor_count + 2) * sizeof *more, "the network");
    g->tensors = more;
    *index = (int)g->tensor_count;
    struct emo_tensor w = {.order = dense ? EMO_IO : EMO_HWIO, .rank = dense ? 2 : 4};
    memcpy(w.dim, dense ? hwio + 2 : hwio, w.rank * sizeof *hwio);
    w.count = (size_t)hwio[0] * hwio[1] * hwio[2] * hwio[3];
    struct emo_tensor b = {.rank = 1, .dim = {hwio[3]}, .count = hwio[3]};
    snprintf(w.name, sizeof w.name, "%.20s.weight", name);
    snprintf(b.name, sizeof b.name, "%.20s.bias", name);
    more[g->tensor_count++] = w;
    more[g->tensor_count++] = b;
    return EMO_OK;
}

/* The weight of a layer; average pooling gets a constant one. */
static int factor(struct emo_plan *p, struct emo_layer *l, struct emo_error *err)
{
    const uint32_t hwio[] = {l->kernel_h, l->kernel_w, l->c, l->c};
    return l->kind == EMO_AVGPOOL ? add_tensors(p, hwio, false, l->name, &l->weight, err) : EMO_OK;
}

static int merge(struct emo_plan *p, size_t i, struct emo_error *err)
{
    struct emo_layer *a = &p->graph.layers[i], *b = a + 1, c = together(a, b);
    struct emo_fold *more = realloc(p->folds, (p->fold_count + 1) * sizeof *more);
    const uint32_t hwio[] = {c.kernel_h, c.kernel_w, c.c, c.oc};
    if (more == NULL)
        return emo_error_memory(err, (p->fold_count + 1) * sizeof *more, "the network");
    p->folds = more;
    int status = factor(p, a, err);
    if (status == EMO_OK)
        status = factor(p, b, err);
    if (status == EMO_OK)
        status = add_tensors(p, hwio, c.kind == EMO_DENSE, c.name, &c.weight, err);
    if (status != EMO_OK)
        return status;
    c.bias = c.weight + 1;
    struct emo_fold f = {
        .first = a->weight, .first_bias = a->bias, .second = b->weight, .second_bias = b->bias,
        .whole = c.weight, .ah = a->kernel_h, .aw = a->kernel_w, .bh = b->kernel_h,
        .bw = b->kernel_w, .stride = a->stride, .in = a->c, .between = a->oc, .out = b->oc,
    };
    memcpy(f.names[0], a->name, sizeof f.names[0]);
    memcpy(f.names[1], b->name, sizeof f.names[1]);
    p->folds[p->fold_count++] = f;
    p->graph.count--;
    p->graph.spatial -= !c.flat;
    *a = c;
    memmove(b, b + 1, (p->graph.count - i - 1) * sizeof *b);
    return EMO_OK;
}

int emo_plan_make(struct emo_plan *p, const struct emo_graph *g, bool fold, struct emo_error *err)
{
    *p = (struct emo_plan){.graph = *g, .masters = g->tensor_count};
    p->graph.text = (struct emo_text){0};
    p->graph.layers = malloc((g->count + 1) * sizeof *g->layers);
    p->graph.tensors = malloc((g->tensor_count + 1) * sizeof *g->tensors);
    if (p->graph.layers == NULL || p->graph.tensors == NULL)
        return emo_error_memory(err, g->count * sizeof *g->layers, "the network");
    memcpy(p->graph.layers, g->layers, g->count * sizeof *g->layers);
    memcpy(p->graph.tensors, g->tensors, g->tensor_count * sizeof *g->tensors);
    while (fold) {
        size_t best = 0;
        double least = 1;
        for (size_t i = 0; i + 1 < p->graph.count; i++) {
            double r = ratio(p, i);
            if (r < least) {
                least = r;
                best = i;
            }
        }
        if (least > WORTH)
            break;
        int status = merge(p, best, err);
        if (status != EMO_OK)
            return status;
    }
    return EMO_OK;
}

void emo_plan_constants(const struct emo_plan *p, const size_t *at, float *values)
{
    for (size_t k = 0; k < p->fold_count; k++) {
        const struct emo_fold *f = &p->folds[k];
        bool pool = f->first_bias < 0;
        if (!pool && f->second_bias >= 0)
            continue;
        const struct emo_tensor *t = &p->graph.tensors[pool ? f->first : f->second];
        float *w = values + at[pool ? f->first : f->second];
        size_t window = (size_t)t->dim[0] * t->dim[1], c = t->dim[2];
        memset(w, 0, t->count * sizeof *w);
        for (size_t i = 0; i < window; i++)
            for (size_t j = 0; j < c; j++)
                w[(i * c + j) * c + j] = 1.0f / (float)window;
    }
}

/* Products of a wide dense layer would take as much memory as its weights. */
static bool by_products(const struct emo_fold *f, const struct emo_dense_kernel *dense)
{
    return dense != NULL && emo_composed_scratch(f) <= MAX_SCRATCH;
}

size_t emo_plan_scratch(const struct emo_plan *p)
{
    size_t most = 0;
    for (size_t k = 0; k < p->fold_count; k++) {
        size_t n = emo_composed_scratch(&p->folds[k]);
        most = n > most && n <= MAX_SCRATCH ? n : most;
    }
    return most;
}

/* Of a bias; NULL where there is none. */
static const float *given(const float *values, const size_t *at, int tensor)
{
    return tensor < 0 ? NULL : values + at[tensor];
}

void emo_plan_compose(const struct emo_plan *p, const struct emo_dense_kernel *dense,
                      const size_t *at, float *values, float *scratch)
{
    for (size_t k = 0; k < p->fold_count; k++) {
        const struct emo_fold *f = &p->folds[k];
        const float *a = values + at[f->first], *a_bias = given(values, at, f->first_bias);
        const float *b = values + at[f->second], *b_bias = given(values, at, f->second_bias);
        float *w = values + at[f->whole], *bias = values + at[f->whole + 1];
        if (by_products(f, dense))
            emo_composed(f, dense, a, a_bias, b, b_bias, w, bias, scratch);
        else
            emo_f_compose(f, a, a_bias, b, b_bias, w, bias);
    }
}

void emo_plan_chain(const struct emo_plan *p, const struct emo_dense_kernel *dense,
                    const size_t *at, const float *values, float *gradients, float *scratch)
{
    for (size_t k = p->fold_count; k-- > 0;) {
        const struct emo_fold *f = &p->folds[k];
        const float *a = values + at[f->first], *a_bias = given(values, at, f->first_bias);
        const float *b = values + at[f->second];
        const float *gw = gradients + at[f->whole], *gbias = gradients + at[f->whole + 1];
        float *ga = a_bias == NULL ? NULL : gradients + at[f->first];
        float *ga_bias = a_bias == NULL ? NULL : gradients + at[f->first_bias];
        float *gb = f->second_bias < 0 ? NULL : gradients + at[f->second];
        float *gb_bias = f->second_bias < 0 ? NULL : gradients + at[f->second_bias];
        if (by_products(f, dense))
            emo_composed_chain(f, dense, a, a_bias, b, gw, gbias, ga, ga_bias, gb, gb_bias, scratch);
        else
            emo_f_chain(f, a, a_bias, b, gw, gbias, ga, ga_bias, gb, gb_bias);
    }
}

void emo_plan_describe(const struct emo_plan *p, struct emo_text *out)
{
    for (size_t k = 0; k < p->fold_count; k++) {
        const struct emo_fold *f = &p->folds[k];
        const struct emo_tensor *t = &p->graph.tensors[f->whole];
        emo_text_printf(out, "%s and %s are computed as one ", f->names[0], f->names[1]);
        if (t->order == EMO_IO)
            emo_text_printf(out, "dense layer\n");
        else
            emo_text_printf(out, "convolution of %" PRIu32 "x%" PRIu32 "\n", t->dim[0], t->dim[1]);
    }
}
