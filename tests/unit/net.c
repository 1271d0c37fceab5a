/*
 * Networks: shapes and counts; analytic against numeric gradients in double; every backend against
 * the plain one; the same bytes for every number of jobs.
 */
#include "net/backend.h"
#include "net/blocks.h"
#include "net/graph.h"
#include "net/initialise.h"
#include "net/kernels/adam.h"
#include "net/kernels/plain.h"
#include "net/loss.h"
#include "net/net.h"
#include "net/tiled.h"
#include "numbers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct emo_error err;

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #x, err.text);                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static void shapes(void)
{
    struct emo_graph g;
    CHECK(emo_graph_make(&g, "baseline", 400, 500, 3, 2, &err) == 0);
    CHECK(g.parameters == 1539393 && g.layers[0].oh == 199 && g.layers[0].ow == 249);
    CHECK(g.layers[5].oh == 5 && g.layers[5].ow == 7 && g.layers[6].oc == 4480);
    emo_graph_free(&g);
    static const char *const bad[][2] = {
        {"conv 8 3\noutput\n", "flatten"},
        {"conv 8 99\nflatten\noutput\n", "does not fit"},
        {"convolve 8 3\n", "unknown layer"},
        {"conv 0 3\n", "from 1 to"},
        {"conv 8 3 stride\n", "missing"},
        {"conv 8 3 leaky\n", "not understood"},
        {"flatten\ndropout 1\noutput\n", "rate"},
        {"flatten\ndense 3\n", "last layer"},
        {"flatten\nconv 8 1\noutput\n", "vector"},
        {"flatten\ndense 16777216 relu\ndense 16777216\noutput\n", "too many parameters"},
        {"input 8x8x3\nflatten\noutput\n", "but the images are"},
        {"", "last layer"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(emo_graph_make(&g, bad[i][0], 20, 30, 3, 2, &err) == EMO_USAGE);
        CHECK(strstr(err.text, bad[i][1]) != NULL);
    }
    puts("shapes, counts and errors");
}

/* The sum of y * r as a function of x, w, b; r stands for the gradient that comes from above. */
struct probe {
    const struct emo_layer *l;
    size_t n;
    double *x, *w, *b, *y, *r;
    uint16_t *arg;
};

static double value(struct probe *p)
{
    const struct emo_layer *l = p->l;
    size_t rows = p->n * l->oh * l->ow;
    double s = 0;
    switch (l->kind) {
    case EMO_CONV: emo_d_conv_forward(l, p->n, p->x, p->w, p->b, p->y); break;
    case EMO_MAXPOOL: emo_d_maxpool_forward(l, p->n, p->x, p->y, p->arg); break;
    case EMO_AVGPOOL: emo_d_avgpool_forward(l, p->n, p->x, p->y); break;
    default: emo_d_dense_forward(l, p->n, p->x, p->w, p->b, 0, l->oc, p->y); break;
    }
    emo_d_activate(l->activation, rows, l->oc, p->y);
    for (size_t i = 0; i < rows * l->oc; i++)
        s += p->y[i] * p->r[i];
    return s;
}

static void compare(struct probe *p, double *at, size_t n, const double *gradient)
{
    for (size_t i = 0; i < n; i += 1 + n / 97) {
        double kept = at[i], h = 1e-5;
        at[i] = kept + h;
        double up = value(p);
        at[i] = kept - h;
        double numeric = (up - value(p)) / (2 * h);
        at[i] = kept;
        CHECK(fabs(numeric - gradient[i]) <= 1e-6 * (1 + fabs(numeric)));
    }
}

static void gradients(const char *text, size_t layer)
{
    struct emo_graph g;
    CHECK(emo_graph_make(&g, text, 9, 11, 3, 5, &err) == 0);
    const struct emo_layer *l = &g.layers[layer];
    size_t n = 2, in = n * emo_layer_in(l), out = n * emo_layer_out(l);
    size_t wn = l->weight < 0 ? 0 : g.tensors[l->weight].count, bn = l->weight < 0 ? 0 : l->oc;
    struct probe p = {l, n, randoms(in), randoms(wn), randoms(bn), randoms(out), randoms(out),
                      calloc(out, sizeof(uint16_t))};
    double *gx = randoms(in), *gw = randoms(wn), *gb = randoms(bn), *gy = randoms(out);
    (void)value(&p);
    memcpy(gy, p.r, out * sizeof *gy);
    emo_d_activate_backward(l->activation, n * l->oh * l->ow, l->oc, p.y, gy);
    switch (l->kind) {
    case EMO_CONV:
        emo_d_conv_backward_data(l, n, gy, p.w, gx);
        emo_d_conv_backward_weights(l, n, p.x, gy, gw, gb);
        break;
    case EMO_MAXPOOL: emo_d_maxpool_backward(l, n, gy, p.arg, gx); break;
    case EMO_AVGPOOL: emo_d_avgpool_backward(l, n, gy, gx); break;
    default:
        emo_d_dense_backward_data(l, n, gy, p.w, 0, l->c, gx);
        emo_d_dense_backward_weights(l, n, p.x, gy, 0, l->c, gw, gb);
        break;
    }
    compare(&p, p.x, in, gx);
    compare(&p, p.w, wn, gw);
    compare(&p, p.b, bn, gb);
    double *all[] = {p.x, p.w, p.b, p.y, p.r, gx, gw, gb, gy};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(p.arg);
    emo_graph_free(&g);
}

static void loss_gradient(void)
{
    for (size_t outputs = 1; outputs < 5; outputs += 3) {
        float z[4] = {.3f, -1.2f, 2.f, .1f}, g[4], ignored[4];
        size_t right = 0;
        (void)emo_cross_entropy(z, outputs, 1, 1, g, &right);
        for (size_t i = 0; i < outputs; i++) {
            float kept = z[i], h = 1e-2f;
            z[i] = kept + h;
            double up = emo_cross_entropy(z, outputs, 1, 1, ignored, &right);
            z[i] = kept - h;
            double down = emo_cross_entropy(z, outputs, 1, 1, ignored, &right);
            z[i] = kept;
            CHECK(fabs((up - down) / .02 - (double)g[i]) < 1e-4);
        }
    }
}

/* As near to a step in double as a few roundings leave it, for any number of values and any size of
   gradient; no farther than those reach; NaN is not lost. */
static void adam_version(emo_adam_step *step, size_t n)
{
    enum { MOST = 40 };
    static const float sizes[] = {0, 1e-30f, 1e-22f, 1e-12f, 1e-7f, 1e-4f, 1, 1e4f, 1e18f};
    float g[MOST], m[MOST], v[MOST], p[MOST];
    double rate = emo_adam_rate(.001, 3);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        double md[MOST], vd[MOST], moved[MOST];
        for (size_t i = 0; i < MOST; i++) {
            g[i] = (float)uniform() * sizes[k];
            m[i] = (float)uniform() * sizes[k];
            v[i] = i % 7 == 0 ? 0 : (float)(uniform() + .5) * sizes[k] * sizes[k];
            p[i] = 0;
            md[i] = i < n ? .9 * (double)m[i] + .1 * (double)g[i] : (double)m[i];
            vd[i] = i < n ? .999 * (double)v[i] + .001 * (double)g[i] * (double)g[i] : (double)v[i];
            moved[i] = i < n ? rate * md[i] / (sqrt(vd[i]) + 1e-7) : 0;
        }
        step(n, rate, g, m, v, p);
        for (size_t i = 0; i < MOST; i++) {
            double most = 1e-6 * (double)sizes[k] + 1e-44;
            CHECK(fabs((double)m[i] - md[i]) <= most);
            CHECK(fabs((double)v[i] - vd[i]) <= 1e-6 * vd[i] + 1e-44);
            CHECK(fabs((double)p[i] + moved[i]) <=
                  1e-6 * fabs(moved[i]) + rate * most / (sqrt(vd[i]) + 1e-7) + 1e-44);
        }
    }
    g[0] = NAN;
    step(n, rate, g, m, v, p);
    CHECK(isnan(m[0]) && isnan(v[0]) && isnan(p[0]));
}

static void adam(void)
{
    float p = 1, m = 0, v = 0, g = .5f;
    emo_adam_plain(1, emo_adam_rate(.001, 1), &g, &m, &v, &p);
    /* The first step is the learning rate, whatever the gradient. */
    CHECK(fabs((double)p - .999) < 1e-6);
    CHECK(fabs((double)m - .05) < 1e-7 && fabs((double)v - .00025) < 1e-9);
    enum emo_isa best;
    CHECK(emo_isa_choose(&best, &err) == 0);
    for (int isa = 0; isa <= (int)best; isa++)
        for (size_t n = 1; n < 40; n++)
            adam_version(emo_adam((enum emo_isa)isa), n);
}

static float *floats(size_t n)
{
    size_t bytes = (n * sizeof(float) + 127) / 64 * 64;
    float *p = aligned_alloc(64, bytes);
    CHECK(p != NULL);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)uniform();
    return p;
}

/* Norm-wise distance of a from the double b, and of the plain float c from it. */
static void close_enough(const float *a, const float *c, const double *b, size_t n)
{
    double da = 0, dc = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        da += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        dc += ((double)c[i] - b[i]) * ((double)c[i] - b[i]);
        norm += b[i] * b[i];
    }
    /* At most twice the plain float kernel's error, or an ulp where that has none. */
    CHECK(sqrt(da) <= 2 * sqrt(dc) + 1e-7 * sqrt(norm));
}

static double *widen(const float *p, size_t n)
{
    double *d = randoms(n);
    for (size_t i = 0; i < n; i++)
        d[i] = (double)p[i];
    return d;
}

/* A chunk of c channels into the backend's blocks, or back. */
static float *convert(const struct emo_backend *b, void *s, float *from, size_t size, uint32_t c,
                      bool back)
{
    float *to = floats(EMO_CHUNK_LEAST * size);
    for (size_t r = 0; r < EMO_CHUNK_LEAST; r++)
        (back ? emo_blocks_undo : emo_blocks_make)(from + r * size, size / c, c, b->block(s, c),
                                                   to + r * size);
    free(from);
    return to;
}

static void backend(const struct emo_backend *b, const char *text, uint32_t h, uint32_t w,
                    uint32_t ch)
{
    struct emo_graph g;
    void *s;
    CHECK(emo_graph_make(&g, text, h, w, ch, 2, &err) == 0);
    struct emo_backend_options o = {.graph = &g, .chunk = EMO_CHUNK_LEAST, .workers = 1,
                                    .training = true};
    CHECK(emo_isa_choose(&o.isa, &err) == 0 && b->open(&s, &o, &err) == 0);
    for (size_t i = 0; i < g.spatial; i++) {
        const struct emo_layer *l = &g.layers[i];
        if (l->kind != EMO_CONV)
            continue;
        size_t n = EMO_CHUNK_LEAST, in = n * emo_layer_in(l), out = n * emo_layer_out(l);
        size_t wn = g.tensors[l->weight].count, bn = l->oc;
        float *x = floats(in), *wt = floats(wn), *bs = floats(bn), *y = floats(out);
        float *gy = floats(out), *gx = floats(in), *gw = floats(wn), *gb = floats(bn);
        float *fy = floats(out), *fx = floats(in), *fw = floats(wn), *fb = floats(bn);
        double *dx = widen(x, in), *dw = widen(wt, wn), *db = widen(bs, bn), *dgy = widen(gy, out);
        double *dy = randoms(out), *dgx = randoms(in), *dgw = randoms(wn), *dgb = randoms(bn);
        emo_f_conv_forward(l, n, x, wt, bs, fy);
        emo_f_conv_backward_data(l, n, gy, wt, fx);
        emo_f_conv_backward_weights(l, n, x, gy, fw, fb);
        x = convert(b, s, x, in / n, l->c, false);
        gy = convert(b, s, gy, out / n, l->oc, false);
        CHECK(b->load(s, i, 0, wt, bs) == 0 && b->forward(s, i, 0, x, y) == 0);
        CHECK(i == 0 || b->backward_data(s, i, 0, x, gy, gx) == 0);
        CHECK(b->backward_weights(s, i, 0, x, gy, gw, gb) == 0);
        y = convert(b, s, y, out / n, l->oc, true);
        gx = convert(b, s, gx, in / n, l->c, true);
        emo_d_conv_forward(l, n, dx, dw, db, dy);
        emo_d_conv_backward_data(l, n, dgy, dw, dgx);
        emo_d_conv_backward_weights(l, n, dx, dgy, dgw, dgb);
        close_enough(y, fy, dy, out);
        if (i > 0)
            close_enough(gx, fx, dgx, in);
        close_enough(gw, fw, dgw, wn);
        close_enough(gb, fb, dgb, bn);
        void *all[] = {x, wt, bs, y, gy, gx, gw, gb, fy, fx, fw, fb, dx, dw, db, dgy, dy, dgx, dgw,
                       dgb};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            free(all[k]);
    }
    b->close(s);
    emo_graph_free(&g);
}

/* Three steps, the last on a batch of 25, and a prediction: all parameters and probabilities. */
static float *train(const char *text, enum emo_backend_choice choice, unsigned jobs, size_t *total,
                    double *loss)
{
    enum { BATCH = 32, H = 95, W = 111 };
    struct emo_net_options o = {.text = text, .height = H, .width = W, .channels = 3, .classes = 2,
                                .backend = choice, .jobs = jobs, .batch = BATCH, .training = true,
                                .seed = 21};
    static uint8_t pixels[BATCH][H * W * 3];
    const uint8_t *images[BATCH];
    int labels[BATCH];
    uint64_t ids[BATCH];
    struct emo_net *n;
    struct emo_step_result r;
    size_t count, at = 0;
    random_state = 7;
    for (int i = 0; i < BATCH; i++) {
        images[i] = pixels[i];
        labels[i] = i % 2;
        ids[i] = (uint64_t)i * 3;
        for (size_t j = 0; j < sizeof pixels[i]; j++)
            pixels[i][j] = (uint8_t)((uniform() + .5) * (labels[i] ? 255 : 120));
    }
    CHECK(emo_net_open(&n, &o, &err) == 0);
    emo_net_initialise(n);
    for (uint16_t step = 0; step < 3; step++) {
        size_t size = step == 2 ? 25 : BATCH;
        CHECK(emo_net_step(n, images, labels, ids, step, size, .001, &r, &err) == 0);
        loss[step] = r.loss / (double)size;
    }
    struct emo_parameter *p = emo_net_parameters(n, &count);
    *total = 2 * BATCH;
    for (size_t i = 0; i < count; i++)
        *total += p[i].count;
    float *all = floats(*total);
    CHECK(emo_net_predict(n, images, 25, all, &err) == 0);
    for (at = 50, *total = 50; count-- > 0; p++) {
        memcpy(all + at, p->values, p->count * sizeof *all);
        at += p->count;
        *total = at;
    }
    emo_net_close(n);
    return all;
}

static void jobs(enum emo_backend_choice choice, const char *text)
{
    double loss[3], other[3];
    size_t n, m;
    float *one = train(text, choice, 1, &n, loss);
    CHECK(loss[0] > .3 && loss[0] < 3);
    /* 11: more than there are chunks. The plain kernels are slow: one other number of jobs will do
       for them. */
    static const unsigned all[] = {3, 2, 4, 11};
    for (size_t j = 0; j < (choice == EMO_BACKEND_REFERENCE ? 1 : 4); j++) {
        float *more = train(text, choice, all[j], &m, other);
        CHECK(m == n && memcmp(one, more, n * sizeof *one) == 0);
        CHECK(memcmp(loss, other, sizeof loss) == 0);
        free(more);
    }
    if (choice != EMO_BACKEND_REFERENCE) {
        float *plain = train(text, EMO_BACKEND_REFERENCE, 2, &m, other);
        for (int i = 0; i < 3; i++)
            CHECK(fabs(loss[i] - other[i]) < 1e-3 * loss[i]);
        free(plain);
    }
    free(one);
}

int main(void)
{
    static const char *const layers[] = {"conv 4 3", "conv 5 3 stride 2 relu", "conv 4 4 same",
                                         "conv 3 2 stride 3 same sigmoid", "conv 4 3 softmax",
                                         "maxpool 2", "maxpool 3 stride 2", "avgpool 2",
                                         "avgpool 3 stride 1", "globalavgpool"};
    shapes();
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        char text[100];
        snprintf(text, sizeof text, "%s\nflatten\noutput\n", layers[i]);
        gradients(text, 0);
    }
    gradients("flatten\ndense 7 relu\noutput\n", 1);
    gradients("flatten\ndense 7 sigmoid\noutput\n", 1);
    gradients("flatten\ndense 7 softmax\noutput\n", 1);
    loss_gradient();
    adam();
    puts("analytic gradients are the numeric ones; Adam");
    const struct emo_backend *onednn = emo_backend_onednn();
    if (onednn != NULL) {
        backend(onednn, "baseline", 95, 111, 3);
        backend(emo_backend_tiled(), "baseline", 95, 111, 3);
        backend(emo_backend_tiled(), "conv 32 3\nconv 64 3 same stride 2\nflatten\noutput\n", 31,
                34, 3);
        backend(onednn, "vgg", 95, 95, 1);
        backend(onednn, "conv 5 3 same\nconv 7 2 stride 3\nconv 16 5 same stride 2\nconv 9 1\n"
                        "flatten\noutput\n", 23, 17, 3);
        puts("oneDNN is as near to double as the plain kernels");
        jobs(EMO_BACKEND_ONEDNN, "baseline");
        jobs(EMO_BACKEND_ONEDNN, "vgg");
    }
    jobs(EMO_BACKEND_REFERENCE, "baseline");
    puts("1, 2, 3, 4 and 11 jobs give the same bytes");
    return 0;
}
