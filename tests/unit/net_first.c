/*
 * Every version of the first layer's kernel against convolution, pooling and their gradients in
 * double: no farther from it than twice the plain float kernels.
 */
#include "check.h"
#include "net/kernels/first.h"
#include "net/kernels/plain.h"

#include <math.h>

enum { IMAGES = 3 };

static uint64_t state = 1;
static double uniform(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 33) / 2147483648.0 - .5;
}

static void *room(size_t n, size_t size)
{
    void *p = aligned_alloc(64, (n * size + 127) / 64 * 64);
    CHECK(p != NULL);
    memset(p, 0, (n * size + 127) / 64 * 64);
    return p;
}

static double distance(const float *a, const double *b, size_t n)
{
    double d = 0;
    for (size_t i = 0; i < n; i++)
        d += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sqrt(d);
}

static double norm(const double *b, size_t n)
{
    double d = 0;
    for (size_t i = 0; i < n; i++)
        d += b[i] * b[i];
    return sqrt(d);
}

/* Layers, sizes and data of one case, and what they give in float and in double. */
struct problem {
    struct emo_graph g;
    const struct emo_layer *conv, *pool;
    size_t in, map, out, wn;
    uint8_t *pixels;
    float *x, *w, *b, *map_f, *y, *gy, *gmap, *gw, *gb;
    double *xd, *wd, *bd, *map_d, *yd, *gyd, *gmap_d, *gwd, *gbd;
    uint16_t *arg;
};

static void make(struct problem *p, const char *text, uint32_t h, uint32_t w, uint32_t c)
{
    CHECK(emo_graph_make(&p->g, text, h, w, c, 2, &err) == 0);
    p->conv = &p->g.layers[0];
    p->pool = &p->g.layers[1];
    p->in = IMAGES * emo_layer_in(p->conv);
    p->map = IMAGES * emo_layer_out(p->conv);
    p->out = IMAGES * emo_layer_out(p->pool);
    p->wn = p->g.tensors[0].count;
    size_t oc = p->conv->oc;
    p->pixels = room(p->in, 1);
    float **f[] = {&p->x, &p->w, &p->b, &p->map_f, &p->y, &p->gy, &p->gmap, &p->gw, &p->gb};
    double **d[] = {&p->xd, &p->wd, &p->bd, &p->map_d, &p->yd, &p->gyd, &p->gmap_d, &p->gwd,
                    &p->gbd};
    size_t n[] = {p->in, p->wn, oc, p->map, p->out, p->out, p->map, p->wn, oc};
    for (size_t i = 0; i < 9; i++) {
        *f[i] = room(n[i], sizeof(float));
        *d[i] = room(n[i], sizeof(double));
    }
    p->arg = room(p->out, sizeof *p->arg);
    for (size_t i = 0; i < p->in; i++) {
        p->pixels[i] = (uint8_t)((uniform() + .5) * 256);
        p->x[i] = (float)p->pixels[i] * (1.0f / 255.0f);
        p->xd[i] = p->pixels[i] / 255.0;
    }
    for (size_t i = 0; i < p->wn; i++)
        p->wd[i] = (double)(p->w[i] = (float)uniform());
    for (size_t i = 0; i < oc; i++)
        p->bd[i] = (double)(p->b[i] = (float)uniform());
    for (size_t i = 0; i < p->out; i++)
        p->gyd[i] = (double)(p->gy[i] = (float)uniform());
}

static void drop(struct problem *p)
{
    void *all[] = {p->pixels, p->x, p->w, p->b, p->map_f, p->y, p->gy, p->gmap, p->gw, p->gb, p->xd,
                   p->wd, p->bd, p->map_d, p->yd, p->gyd, p->gmap_d, p->gwd, p->gbd, p->arg};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    emo_graph_free(&p->g);
}

/* HWC order of element i of an image whose channels lie in blocks. */
static size_t hwc(size_t i, size_t plane, size_t oc, size_t block)
{
    size_t b = i / (plane * block), rest = i % (plane * block);
    return rest / block * oc + b * block + rest % block;
}

static void compare(const struct emo_first_kernel *k, struct problem *p, size_t block)
{
    struct emo_first f = {.conv = p->conv, .ph = p->pool->oh, .pw = p->pool->ow, .block = block};
    size_t oc = p->conv->oc, plane = (size_t)f.ph * f.pw, one = plane * oc;
    float *packed = room(k->packed(&f), sizeof *packed), *y = room(p->out, sizeof *y);
    float *scratch = room(k->scratch(&f), sizeof *scratch), *gy = room(p->out, sizeof *gy);
    float *gw = room(p->wn, sizeof *gw), *gb = room(oc, sizeof *gb), *back = room(p->out, sizeof *y);
    uint16_t *place = room(p->out, sizeof *place);
    const uint8_t *images[IMAGES];
    k->pack(&f, p->w, packed);
    for (size_t r = 0; r < IMAGES; r++) {
        images[r] = p->pixels + r * emo_layer_in(p->conv);
        k->forward(&f, images[r], packed, p->b, y + r * one, place + r * one, scratch);
        for (size_t i = 0; i < one; i++) {
            size_t at = r * one + hwc(i, plane, oc, block);
            back[at] = y[r * one + i];
            p->arg[at] = place[r * one + i];
            gy[r * one + i] = p->gy[at];
        }
    }
    emo_f_conv_forward(p->conv, IMAGES, p->x, p->w, p->b, p->map_f);
    emo_d_conv_forward(p->conv, IMAGES, p->xd, p->wd, p->bd, p->map_d);
    uint16_t *ignored = room(p->out, sizeof *ignored);
    emo_f_maxpool_forward(p->pool, IMAGES, p->map_f, p->y, ignored);
    emo_d_maxpool_forward(p->pool, IMAGES, p->map_d, p->yd, ignored);
    free(ignored);
    CHECK(distance(back, p->yd, p->out) <=
          2 * distance(p->y, p->yd, p->out) + 1e-7 * norm(p->yd, p->out));
    /* With the kernel's own choice of the largest: equals may differ by rounding. */
    k->backward(&f, IMAGES, images, gy, place, gw, gb, scratch);
    emo_f_maxpool_backward(p->pool, IMAGES, p->gy, p->arg, p->gmap);
    emo_d_maxpool_backward(p->pool, IMAGES, p->gyd, p->arg, p->gmap_d);
    emo_f_conv_backward_weights(p->conv, IMAGES, p->x, p->gmap, p->gw, p->gb);
    emo_d_conv_backward_weights(p->conv, IMAGES, p->xd, p->gmap_d, p->gwd, p->gbd);
    CHECK(distance(gw, p->gwd, p->wn) <=
          2 * distance(p->gw, p->gwd, p->wn) + 1e-7 * norm(p->gwd, p->wn));
    CHECK(distance(gb, p->gbd, oc) <= 2 * distance(p->gb, p->gbd, oc) + 1e-6 * norm(p->gbd, oc));
    void *all[] = {packed, y, scratch, gy, gw, gb, back, place};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

int main(void)
{
    static const struct {
        const char *text;
        uint32_t h, w, c;
    } cases[] = {
        {"conv 64 7 stride 4\nmaxpool 2\nflatten\noutput\n", 60, 71, 3},
        {"conv 16 3\nmaxpool 2\nflatten\noutput\n", 13, 12, 1},
        {"conv 48 5 same stride 2\nmaxpool 2\nflatten\noutput\n", 22, 31, 3},
        {"conv 32 4 same\nmaxpool 2\nflatten\noutput\n", 9, 7, 4},
        {"conv 16 1 stride 3\nmaxpool 2\nflatten\noutput\n", 20, 23, 3},
        {"conv 16 11 stride 5\nmaxpool 2\nflatten\noutput\n", 41, 44, 2},
    };
    enum emo_isa best;
    unsetenv("EMO_ISA");
    CHECK(emo_isa_choose(&best, &err) == 0);
    for (int isa = 0; isa <= (int)best; isa++) {
        const struct emo_first_kernel *k = emo_first_kernel((enum emo_isa)isa);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct problem p;
            make(&p, cases[i].text, cases[i].h, cases[i].w, cases[i].c);
            compare(k, &p, k->lanes);
            compare(k, &p, p.conv->oc);
            drop(&p);
        }
        printf("%s: as near to double as the plain kernels\n", emo_isa_name((enum emo_isa)isa));
    }
    setenv("EMO_ISA", "avx2", 1);
    enum emo_isa less;
    CHECK(emo_isa_choose(&less, &err) == 0 && less <= EMO_ISA_AVX2 && less <= best);
    setenv("EMO_ISA", "amx", 1);
    CHECK(emo_isa_choose(&less, &err) == 0 && less == best);
    setenv("EMO_ISA", "mmx", 1);
    CHECK(emo_isa_choose(&less, &err) == EMO_USAGE);
    return 0;
}
