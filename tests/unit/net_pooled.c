/*
 * Every version of the gradients through a pooled convolution against the plain ones, layer by
 * layer, in double: no farther from them than twice the plain float kernels.
 */
#include "net/blocks.h"
#include "net/kernels/plain.h"
#include "net/kernels/pooled.h"
#include "numbers.h"

enum { RECORDS = 3 };

/* The same random numbers as float and as double. */
struct pair {
    size_t n;
    float *f;
    double *d;
};

static struct pair pair(size_t n)
{
    struct pair p = {.n = n, .f = room(n, sizeof(float)), .d = room(n, sizeof(double))};
    for (size_t i = 0; i < n; i++)
        p.d[i] = (double)(p.f[i] = (float)uniform());
    return p;
}

static void drop(struct pair *p)
{
    free(p->f);
    free(p->d);
}

/* a: what a kernel makes; p: what the plain ones make, in float and double. */
static void near(const float *a, const struct pair *p)
{
    double most = norm(p->d, p->n);
    CHECK(most > 0);
    CHECK(distance(a, p->d, p->n) <= 2 * distance(p->f, p->d, p->n) + 1e-7 * most);
}

static float *in_blocks(const struct pair *p, size_t pixels, size_t channels, size_t block)
{
    float *to = room(p->n, sizeof *to);
    for (size_t r = 0; r < RECORDS; r++)
        emo_blocks_make(p->f + r * pixels * channels, pixels, channels, block,
                        to + r * pixels * channels);
    return to;
}

static void compare(const struct emo_pooled_kernel *k, const struct emo_layer *conv,
                    const struct emo_layer *pool, size_t in_block, size_t out_block)
{
    const struct emo_pooled f = {.conv = conv, .pool = pool, .in_block = in_block,
                                 .out_block = out_block};
    CHECK(emo_pooled_fits(&f, k));
    size_t in = emo_layer_in(conv), map = emo_layer_out(conv), out = emo_layer_out(pool);
    size_t pixels = (size_t)conv->h * conv->w, plane = (size_t)pool->oh * pool->ow;
    struct pair x = pair(RECORDS * in), w = pair((size_t)9 * conv->c * conv->oc);
    struct pair g = pair(RECORDS * out), between = pair(RECORDS * map);
    struct pair gw = pair(w.n), gb = pair(conv->oc), gx = pair(x.n);
    uint16_t *place = room(g.n, sizeof *place), *placed = room(g.n, sizeof *placed);
    for (size_t i = 0; i < g.n; i++)
        place[i] = (uint16_t)((uniform() + .5) * 4);
    emo_f_maxpool_backward(pool, RECORDS, g.f, place, between.f);
    emo_d_maxpool_backward(pool, RECORDS, g.d, place, between.d);
    emo_f_conv_backward_weights(conv, RECORDS, x.f, between.f, gw.f, gb.f);
    emo_d_conv_backward_weights(conv, RECORDS, x.d, between.d, gw.d, gb.d);
    emo_f_conv_backward_data(conv, RECORDS, between.f, w.f, gx.f);
    emo_d_conv_backward_data(conv, RECORDS, between.d, w.d, gx.d);

    float *xb = in_blocks(&x, pixels, conv->c, in_block);
    float *gyb = in_blocks(&g, plane, conv->oc, out_block);
    for (size_t i = 0; i < g.n; i++)
        placed[i / out * out + emo_blocks_place(i % out, plane, conv->oc, out_block)] = place[i];
    float *packed = room(w.n, sizeof *packed), *scratch = room(w.n, sizeof *scratch);
    float *weights = room(w.n, sizeof *weights), *bias = room(gb.n, sizeof *bias);
    float *data = room(x.n, sizeof *data), *hwc = room(x.n, sizeof *hwc);
    k->pack(&f, w.f, packed);
    k->weights(&f, RECORDS, xb, gyb, placed, weights, bias, scratch);
    k->data(&f, RECORDS, packed, gyb, placed, data);
    for (size_t r = 0; r < RECORDS; r++)
        emo_blocks_undo(data + r * in, pixels, conv->c, in_block, hwc + r * in);
    near(weights, &gw);
    near(bias, &gb);
    near(hwc, &gx);
    void *all[] = {place, placed, xb, gyb, packed, scratch, weights, bias, data, hwc};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    struct pair *pairs[] = {&x, &w, &g, &between, &gw, &gb, &gx};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        drop(pairs[i]);
}

int main(void)
{
    static const struct {
        const char *text;
        uint32_t h, w;
        size_t c, oc;
    } cases[] = {
        {"conv 16 1\nconv 32 3 stride 2 relu\nmaxpool 2\nflatten\noutput\n", 31, 75, 16, 32},
        {"conv 48 1\nconv 16 3 relu\nmaxpool 2\nflatten\noutput\n", 9, 38, 48, 16},
        {"conv 16 1\nconv 16 3 stride 3\nmaxpool 2\nflatten\noutput\n", 14, 16, 16, 16},
        {"conv 32 1\nconv 20 3\nmaxpool 2\nflatten\noutput\n", 4, 5, 32, 20},
    };
    enum emo_isa best;
    unsetenv("EMO_ISA");
    CHECK(emo_isa_choose(&best, &err) == 0);
    for (int isa = 0; isa <= (int)best; isa++) {
        const struct emo_pooled_kernel *k = emo_pooled_kernel((enum emo_isa)isa);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct emo_graph g;
            CHECK(emo_graph_make(&g, cases[i].text, cases[i].h, cases[i].w, 3, 2, &err) == 0);
            compare(k, &g.layers[1], &g.layers[2], cases[i].c, cases[i].oc);
            if (cases[i].oc % 16 == 0)
                compare(k, &g.layers[1], &g.layers[2], 16, 16);
            emo_graph_free(&g);
        }
    }
    /* What it is not for. */
    static const char *const others[] = {
        "conv 16 1\nconv 16 5\nmaxpool 2\nflatten\noutput\n",
        "conv 16 1\nconv 16 3 same\nmaxpool 2\nflatten\noutput\n",
        "conv 16 1\nconv 16 3\nmaxpool 3\nflatten\noutput\n",
        "conv 16 1\nconv 16 3\nmaxpool 2 stride 1\nflatten\noutput\n",
        "conv 16 1\nconv 16 3\navgpool 2\nflatten\noutput\n",
        "conv 18 1\nconv 16 3\nmaxpool 2\nflatten\noutput\n",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct emo_graph g;
        CHECK(emo_graph_make(&g, others[i], 20, 20, 3, 2, &err) == 0);
        const struct emo_pooled f = {.conv = &g.layers[1], .pool = &g.layers[2],
                                     .in_block = g.layers[1].c, .out_block = g.layers[1].oc};
        CHECK(!emo_pooled_fits(&f, &emo_pooled_plain));
        emo_graph_free(&g);
    }
    return 0;
}
