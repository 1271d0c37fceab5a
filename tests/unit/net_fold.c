/*
 * Folding: composed kernels and chained gradients are those of the layers one by one, in double to
 * 1e-9; dense products make the same of them in float; a training with and without it differs by
 * rounding only; the estimate folds what it should.
 */
#include "net/kernels/composed.h"
#include "net/kernels/plain.h"
#include "net/net.h"
#include "numbers.h"

/* Values and gradients of every tensor, and activations of every layer. */
struct run {
    const struct emo_graph *g;
    size_t n;
    double *values[64], *gradients[64], *y[64], *x, *gy;
};

static void forward(struct run *r)
{
    const double *x = r->x;
    for (size_t i = 0; i < r->g->count; i++) {
        const struct emo_layer *l = &r->g->layers[i];
        r->y[i] = randoms(r->n * emo_layer_out(l));
        if (l->kind == EMO_CONV)
            emo_d_conv_forward(l, r->n, x, r->values[l->weight], r->values[l->bias], r->y[i]);
        else if (l->kind == EMO_AVGPOOL)
            emo_d_avgpool_forward(l, r->n, x, r->y[i]);
        else if (l->kind == EMO_DENSE)
            emo_d_dense_forward(l, r->n, x, r->values[l->weight], r->values[l->bias], 0, l->oc,
                                r->y[i]);
        else
            memcpy(r->y[i], x, r->n * emo_layer_out(l) * sizeof *x);
        x = r->y[i];
    }
}

static void backward(struct run *r)
{
    double *gy = r->gy;
    for (size_t i = r->g->count; i-- > 0;) {
        const struct emo_layer *l = &r->g->layers[i];
        const double *x = i > 0 ? r->y[i - 1] : r->x;
        double *gx = randoms(r->n * emo_layer_in(l));
        if (l->kind == EMO_CONV) {
            emo_d_conv_backward_weights(l, r->n, x, gy, r->gradients[l->weight],
                                        r->gradients[l->bias]);
            emo_d_conv_backward_data(l, r->n, gy, r->values[l->weight], gx);
        } else if (l->kind == EMO_AVGPOOL) {
            emo_d_avgpool_backward(l, r->n, gy, gx);
        } else if (l->kind == EMO_DENSE) {
            emo_d_dense_backward_weights(l, r->n, x, gy, 0, l->c, r->gradients[l->weight],
                                         r->gradients[l->bias]);
            emo_d_dense_backward_data(l, r->n, gy, r->values[l->weight], 0, l->c, gx);
        } else {
            memcpy(gx, gy, r->n * emo_layer_in(l) * sizeof *gx);
        }
        free(gy);
        gy = gx;
    }
    free(gy);
}

static void near(const double *a, const double *b, size_t n)
{
    double d = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        d += (a[i] - b[i]) * (a[i] - b[i]);
        norm += b[i] * b[i];
    }
    CHECK(sqrt(d) <= 1e-9 * sqrt(norm));
}

static void finish(struct run *r)
{
    for (size_t t = 0; t < r->g->tensor_count; t++) {
        free(r->values[t]);
        free(r->gradients[t]);
    }
    for (size_t i = 0; i < r->g->count; i++)
        free(r->y[i]);
}

static void compose(const struct emo_plan *p, struct run *f)
{
    for (size_t k = 0; k < p->fold_count; k++) {
        const struct emo_fold *d = &p->folds[k];
        int constant = d->first_bias < 0 ? d->first : d->second_bias < 0 ? d->second : -1;
        if (constant >= 0) {
            const struct emo_tensor *t = &p->graph.tensors[constant];
            size_t c = t->dim[2];
            for (size_t i = 0; i < t->count; i++)
                f->values[constant][i] = i / c % c == i % c ? 1.0 / (t->dim[0] * t->dim[1]) : 0;
        }
        emo_d_compose(d, f->values[d->first], d->first_bias < 0 ? NULL : f->values[d->first_bias],
                      f->values[d->second], d->second_bias < 0 ? NULL : f->values[d->second_bias],
                      f->values[d->whole], f->values[d->whole + 1]);
    }
}

static void chain(const struct emo_plan *p, struct run *f)
{
    for (size_t k = p->fold_count; k-- > 0;) {
        const struct emo_fold *d = &p->folds[k];
        bool a = d->first_bias >= 0, b = d->second_bias >= 0;
        emo_d_chain(d, f->values[d->first], a ? f->values[d->first_bias] : NULL,
                    f->values[d->second], f->gradients[d->whole], f->gradients[d->whole + 1],
                    a ? f->gradients[d->first] : NULL, a ? f->gradients[d->first_bias] : NULL,
                    b ? f->gradients[d->second] : NULL, b ? f->gradients[d->second_bias] : NULL);
    }
}

static float *narrow(const double *from, size_t n)
{
    float *to = malloc(n * sizeof *to);
    CHECK(to != NULL);
    for (size_t i = 0; i < n; i++)
        to[i] = (float)from[i];
    return to;
}

/* A float result is the double one but for rounding. */
static void close_to(const float *a, const double *b, size_t n)
{
    double d = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        d += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        norm += b[i] * b[i];
    }
    CHECK(sqrt(d) <= 1e-6 * sqrt(norm));
}

/* What dense products make of one fold, against double. f has been composed; its gradients of what
   is composed are given. */
static void by_products(const struct emo_fold *d, const struct run *f)
{
    const int tensors[] = {d->first, d->first_bias, d->second, d->second_bias, d->whole,
                           d->whole + 1};
    float *v[6] = {NULL}, *g[6] = {NULL};
    double *want[6] = {NULL};
    size_t n[6] = {0};
    for (int i = 0; i < 6; i++) {
        if (tensors[i] < 0)
            continue;
        n[i] = f->g->tensors[tensors[i]].count;
        v[i] = narrow(f->values[tensors[i]], n[i]);
        g[i] = narrow(f->gradients[tensors[i]], n[i]);
        want[i] = randoms(n[i]);
        memcpy(want[i], f->gradients[tensors[i]], n[i] * sizeof(double));
    }
    bool a = d->first_bias >= 0, b = d->second_bias >= 0;
    emo_d_chain(d, f->values[d->first], a ? f->values[d->first_bias] : NULL, f->values[d->second],
                want[4], want[5], a ? want[0] : NULL, want[1], b ? want[2] : NULL, want[3]);
    enum emo_isa best;
    CHECK(emo_isa_choose(&best, &err) == 0);
    for (int isa = EMO_ISA_PLAIN; isa <= (int)best; isa++) {
        const struct emo_dense_kernel *dense = emo_dense_kernel((enum emo_isa)isa);
        float *scratch = malloc(emo_composed_scratch(d) * sizeof *scratch);
        CHECK(scratch != NULL);
        emo_composed(d, dense, v[0], v[1], v[2], v[3], v[4], v[5], scratch);
        close_to(v[4], f->values[d->whole], n[4]);
        close_to(v[5], f->values[d->whole + 1], n[5]);
        emo_composed_chain(d, dense, v[0], v[1], v[2], g[4], g[5], a ? g[0] : NULL, g[1],
                           b ? g[2] : NULL, g[3], scratch);
        for (int k = 0; k < 4; k++)
            if (tensors[k] >= 0 && (k < 2 ? a : b))
                close_to(g[k], want[k], n[k]);
        free(scratch);
    }
    for (int i = 0; i < 6; i++) {
        free(v[i]);
        free(g[i]);
        free(want[i]);
    }
}

/* The text's network folds as often as said, and computes the same. */
static void equal(const char *text, size_t folds)
{
    struct emo_graph g;
    struct emo_plan p;
    struct run w = {.g = &g, .n = 3}, f = {.n = 3};
    CHECK(emo_graph_make(&g, text, 29, 31, 3, 2, &err) == 0);
    CHECK(emo_plan_make(&p, &g, true, &err) == 0);
    CHECK(p.fold_count == folds && p.graph.count + folds == g.count);
    f.g = &p.graph;
    w.x = f.x = randoms(3 * emo_layer_in(g.layers));
    for (size_t t = 0; t < p.graph.tensor_count; t++) {
        size_t n = p.graph.tensors[t].count;
        f.values[t] = randoms(n);
        f.gradients[t] = randoms(n);
        if (t >= p.masters)
            continue;
        w.values[t] = randoms(n);
        w.gradients[t] = randoms(n);
        memcpy(w.values[t], f.values[t], n * sizeof(double));
    }
    compose(&p, &f);
    forward(&w);
    forward(&f);
    size_t out = 3 * emo_layer_out(&g.layers[g.count - 1]);
    near(f.y[p.graph.count - 1], w.y[g.count - 1], out);
    w.gy = randoms(out);
    f.gy = randoms(out);
    memcpy(f.gy, w.gy, out * sizeof(double));
    backward(&w);
    backward(&f);
    for (size_t k = 0; k < p.fold_count; k++)
        by_products(&p.folds[k], &f);
    chain(&p, &f);
    for (size_t t = 0; t < p.masters; t++)
        near(f.gradients[t], w.gradients[t], g.tensors[t].count);
    free(w.x);
    finish(&w);
    finish(&f);
    emo_plan_free(&p);
    emo_graph_free(&g);
}

static void decisions(void)
{
    static const struct {
        const char *text;
        size_t folds;
    } nets[] = {
        {"baseline", 1},
        {"vgg", 0},
        /* Neither an activation between nor padding of the second may be folded away. */
        {"conv 32 3 relu\nconv 32 3\nflatten\noutput\n", 0},
        {"conv 32 3\nconv 32 3 same\nflatten\noutput\n", 0},
        {"conv 32 3\nmaxpool 2\nconv 32 3\nflatten\noutput\n", 0},
        {"flatten\ndense 64\noutput\n", 1},
        {"globalavgpool\nflatten\ndense 300\ndropout 0.5\ndense 300\noutput\n", 1},
    };
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct emo_graph g;
        struct emo_plan p;
        CHECK(emo_graph_make(&g, nets[i].text, 400, 500, 3, 2, &err) == 0);
        CHECK(emo_plan_make(&p, &g, true, &err) == 0 && p.fold_count == nets[i].folds);
        /* What they work in stays small, however wide a layer is. */
        CHECK(emo_plan_scratch(&p) <= (size_t)1 << 20);
        emo_plan_free(&p);
        CHECK(emo_plan_make(&p, &g, false, &err) == 0 && p.fold_count == 0);
        emo_plan_free(&p);
        emo_graph_free(&g);
    }
}

enum { BATCH = 9, H = 47, W = 55 };

/* Twelve steps; the loss of each, and all parameters after them. */
static float *train(bool fold, double *loss, size_t *total)
{
    struct emo_net_options o = {.text = "baseline", .height = H * 2, .width = W * 2, .channels = 3,
                                .classes = 2, .jobs = 2, .batch = BATCH, .training = true,
                                .no_fold = !fold, .seed = 21};
    static uint8_t pixels[BATCH][H * W * 12];
    const uint8_t *images[BATCH];
    int labels[BATCH];
    uint64_t ids[BATCH];
    struct emo_net *n;
    size_t count, at = 0;
    random_state = 7;
    for (int i = 0; i < BATCH; i++) {
        images[i] = pixels[i];
        labels[i] = i % 2;
        ids[i] = (uint64_t)i;
        for (size_t j = 0; j < sizeof pixels[i]; j++)
            pixels[i][j] = (uint8_t)((uniform() + .5) * (labels[i] ? 255 : 120));
    }
    CHECK(emo_net_open(&n, &o, &err) == 0);
    emo_net_initialise(n);
    for (uint16_t s = 0; s < 12; s++) {
        struct emo_step_result r;
        CHECK(emo_net_step(n, images, labels, ids, s, BATCH, .0001, &r, &err) == 0);
        loss[s] = r.loss / BATCH;
    }
    struct emo_parameter *p = emo_net_parameters(n, &count);
    *total = 0;
    for (size_t i = 0; i < count; i++)
        *total += p[i].count;
    float *all = malloc(*total * sizeof *all);
    CHECK(all != NULL);
    for (size_t i = 0; i < count; at += p[i++].count)
        memcpy(all + at, p[i].values, p[i].count * sizeof *all);
    emo_net_close(n);
    return all;
}

static void training(void)
{
    double with[12], without[12], d = 0, norm = 0;
    size_t n, m;
    float *a = train(true, with, &n), *b = train(false, without, &m);
    CHECK(n == m);
    for (int s = 0; s < 12; s++)
        CHECK(fabs(with[s] - without[s]) <= 1e-4 * without[s]);
    for (size_t i = 0; i < n; i++) {
        d += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        norm += (double)b[i] * (double)b[i];
    }
    CHECK(d > 0 && sqrt(d) <= 1e-3 * sqrt(norm));
    free(a);
    free(b);
}

int main(void)
{
    equal("conv 16 3\nconv 4 3\nflatten\noutput\n", 1);
    equal("conv 16 3 stride 2\nconv 8 3 stride 3\nflatten\noutput\n", 1);
    equal("conv 9 4 same\nconv 3 2 stride 2\nflatten\noutput\n", 1);
    equal("conv 12 3 stride 2 same\nconv 5 3\nflatten\noutput\n", 1);
    equal("conv 8 3\navgpool 2\nflatten\noutput\n", 1);
    equal("avgpool 2 stride 1\nconv 4 2 stride 3\nflatten\noutput\n", 1);
    equal("conv 12 3\nconv 12 3 stride 2\nconv 2 3 stride 2\nflatten\noutput\n", 2);
    equal("flatten\ndense 700\ndense 5\noutput\n", 2);
    puts("folded networks are the unfolded ones, to 1e-9");
    decisions();
    training();
    puts("training folded and unfolded differ by rounding");
    return 0;
}
