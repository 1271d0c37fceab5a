/*
 * Trimming: the last layer's output and every parameter's gradient are those of the whole network,
 * in double; and what is left is what the last layer reaches, not a row more.
 */
#include "net/kernels/plain.h"
#include "net/trim.h"
#include "numbers.h"

/* The spatial layers of a graph on one image; weights and the last gradient are the same in all. */
struct run {
    const struct emo_graph *g;
    double *const *values, *gradients[16], *y[16];
    uint16_t *arg[16];
};

static void pass(struct run *r, const double *image, const double *last)
{
    const double *x = image;
    size_t n = r->g->spatial;
    for (size_t i = 0; i < n; i++) {
        const struct emo_layer *l = &r->g->layers[i];
        r->y[i] = randoms(emo_layer_out(l));
        r->arg[i] = calloc(emo_layer_out(l), sizeof *r->arg[i]);
        CHECK(r->arg[i] != NULL);
        if (l->kind == EMO_CONV)
            emo_d_conv_forward(l, 1, x, r->values[l->weight], r->values[l->bias], r->y[i]);
        else if (l->kind == EMO_MAXPOOL)
            emo_d_maxpool_forward(l, 1, x, r->y[i], r->arg[i]);
        else if (l->kind == EMO_AVGPOOL)
            emo_d_avgpool_forward(l, 1, x, r->y[i]);
        else
            memcpy(r->y[i], x, emo_layer_out(l) * sizeof *x);
        emo_d_activate(l->activation, (size_t)l->oh * l->ow, l->oc, r->y[i]);
        x = r->y[i];
    }
    double *gy = randoms(emo_layer_out(&r->g->layers[n - 1]));
    memcpy(gy, last, emo_layer_out(&r->g->layers[n - 1]) * sizeof *gy);
    for (size_t i = n; i-- > 0;) {
        const struct emo_layer *l = &r->g->layers[i];
        double *gx = randoms(emo_layer_in(l));
        emo_d_activate_backward(l->activation, (size_t)l->oh * l->ow, l->oc, r->y[i], gy);
        if (l->kind == EMO_CONV) {
            r->gradients[l->weight] = randoms(r->g->tensors[l->weight].count);
            r->gradients[l->bias] = randoms(r->g->tensors[l->bias].count);
            emo_d_conv_backward_weights(l, 1, i > 0 ? r->y[i - 1] : image, gy,
                                        r->gradients[l->weight], r->gradients[l->bias]);
            emo_d_conv_backward_data(l, 1, gy, r->values[l->weight], gx);
        } else if (l->kind == EMO_MAXPOOL) {
            emo_d_maxpool_backward(l, 1, gy, r->arg[i], gx);
        } else if (l->kind == EMO_AVGPOOL) {
            emo_d_avgpool_backward(l, 1, gy, gx);
        } else {
            memcpy(gx, gy, emo_layer_in(l) * sizeof *gx);
        }
        free(gy);
        gy = gx;
    }
    free(gy);
}

static void finish(struct run *r)
{
    for (size_t i = 0; i < r->g->spatial; i++) {
        const struct emo_layer *l = &r->g->layers[i];
        free(r->y[i]);
        free(r->arg[i]);
        if (l->kind == EMO_CONV) {
            free(r->gradients[l->weight]);
            free(r->gradients[l->bias]);
        }
    }
}

static void same(const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        CHECK(fabs(a[i] - b[i]) <= 1e-12 * (1 + fabs(b[i])));
}

/* height and width: what is needed of the image. */
static void check(const char *text, uint32_t h, uint32_t w, uint32_t height, uint32_t width)
{
    struct emo_graph whole, less;
    CHECK(emo_graph_make(&whole, text, h, w, 3, 2, &err) == 0);
    CHECK(emo_graph_make(&less, text, h, w, 3, 2, &err) == 0);
    emo_trim(&less);
    if (less.layers[0].h != height || less.layers[0].w != width)
        printf("%ux%u of %ux%u, not %ux%u: %s", less.layers[0].h, less.layers[0].w, h, w, height,
               width, text);
    CHECK(less.layers[0].h == height && less.layers[0].w == width);
    CHECK(less.height == h && less.width == w);
    for (size_t i = 1; i < less.spatial; i++)
        CHECK(less.layers[i].h == less.layers[i - 1].oh && less.layers[i].w == less.layers[i - 1].ow);
    double *values[16] = {0}, *image = randoms((size_t)h * w * 3);
    double *seen = randoms((size_t)height * width * 3);
    for (size_t y = 0; y < height; y++)
        memcpy(seen + y * width * 3, image + y * w * 3, width * 3 * sizeof *seen);
    for (size_t t = 0; t < whole.tensor_count; t++)
        values[t] = randoms(whole.tensors[t].count);
    const struct emo_layer *last = &whole.layers[whole.spatial - 1];
    double *gradient = randoms(emo_layer_out(last));
    struct run a = {.g = &whole, .values = values}, b = {.g = &less, .values = values};
    pass(&a, image, gradient);
    pass(&b, seen, gradient);
    CHECK(emo_layer_out(last) == emo_layer_out(&less.layers[less.spatial - 1]));
    same(b.y[less.spatial - 1], a.y[whole.spatial - 1], emo_layer_out(last));
    for (size_t i = 0; i < whole.spatial; i++) {
        const struct emo_layer *l = &whole.layers[i];
        for (int t = l->weight; t >= 0 && t <= l->bias; t++)
            same(b.gradients[t], a.gradients[t], whole.tensors[t].count);
    }
    finish(&a);
    finish(&b);
    for (size_t t = 0; t < whole.tensor_count; t++)
        free(values[t]);
    free(image);
    free(seen);
    free(gradient);
    emo_graph_free(&whole);
    emo_graph_free(&less);
}

int main(void)
{
    struct emo_graph g;
    CHECK(emo_graph_make(&g, "baseline", 400, 500, 3, 2, &err) == 0);
    emo_trim(&g);
    CHECK(g.layers[0].h == 347 && g.layers[0].w == 475);
    emo_graph_free(&g);
    /* Nothing is left over; a row and two columns are. */
    check("conv 4 3 stride 2\nmaxpool 2\nflatten\noutput\n", 13, 17, 13, 17);
    check("conv 4 3 stride 2\nmaxpool 2\nflatten\noutput\n", 14, 19, 13, 17);
    check("conv 4 3 stride 2 relu\nconv 5 3 stride 2 sigmoid\nmaxpool 2\nconv 3 2\nflatten\noutput\n",
          32, 39, 27, 35);
    check("conv 4 3 relu\navgpool 3 stride 4\nconv 4 2 stride 2 relu\nflatten\noutput\n", 20, 27, 17,
          25);
    /* Padding is needed while the last rows are. */
    check("conv 4 5 same stride 3 relu\nmaxpool 2\nflatten\noutput\n", 20, 16, 19, 16);
    check("conv 4 3 same\nconv 4 3 same\nflatten\noutput\n", 9, 7, 9, 7);
    /* Windows that leave pixels out between them. */
    check("maxpool 1 stride 3\nconv 2 1 stride 2\nflatten\noutput\n", 12, 13, 7, 13);
    check("conv 4 3\ndropout 0.5\nglobalavgpool\nflatten\noutput\n", 8, 9, 8, 9);
    return 0;
}
