/*
 * Every version of the first layer's kernel against convolution, pooling and their gradients in
 * double: no farther from it than twice the plain float kernels. In bf16, double gets what was
 * rounded before; of kernels that round by themselves, to more than bfloat16, the distance is
 * bounded. The one in tiles is compiled once more, with tiles in plain C, and runs everywhere so;
 * where the processor has them, both differ by rounding only.
 */
#ifndef EMO_TILES_EMULATED
#define EMO_TILES_EMULATED
#endif
#define KERNEL emulated
#include "net/kernels/first_amx.c"

#include "net/kernels/bf16.h"
#include "net/kernels/plain.h"
#include "numbers.h"

enum { IMAGES = 3 };

/* Layers, sizes and data of one case, and what they give in float and in double. */
struct problem {
    struct emo_graph g;
    const struct emo_layer *conv, *pool;
    size_t in, map, out, wn;
    bool bf16;
    uint8_t *pixels;
    float *kernel_w; /* what the kernel gets; w is what it makes of it */
    float *x, *w, *b, *map_f, *y, *gy, *gmap, *gw, *gb;
    double *xd, *wd, *bd, *map_d, *yd, *gyd, *gmap_d, *gwd, *gbd;
    uint16_t *arg;
};

static void make(struct problem *p, const char *text, uint32_t h, uint32_t w, uint32_t c, bool bf16,
                 bool rounded)
{
    p->bf16 = bf16;
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
    p->kernel_w = room(p->wn, sizeof(float));
    for (size_t i = 0; i < p->wn; i++) {
        p->w[i] = p->kernel_w[i] = (float)uniform();
        if (rounded) {
            float small = p->w[i] * (1.0f / 255.0f);
            emo_bf16_round(&small, 1, &small);
            p->w[i] = small * 255;
        }
        p->wd[i] = (double)p->w[i];
    }
    for (size_t i = 0; i < oc; i++)
        p->bd[i] = (double)(p->b[i] = (float)uniform());
    for (size_t i = 0; i < p->out; i++)
        p->gy[i] = (float)uniform();
    if (rounded)
        emo_bf16_round(p->gy, p->out, p->gy);
    for (size_t i = 0; i < p->out; i++)
        p->gyd[i] = (double)p->gy[i];
}

static void drop(struct problem *p)
{
    void *all[] = {p->pixels, p->kernel_w, p->x, p->w, p->b, p->map_f, p->y, p->gy, p->gmap, p->gw,
                   p->gb, p->xd, p->wd, p->bd, p->map_d, p->yd, p->gyd, p->gmap_d, p->gwd, p->gbd,
                   p->arg};
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

/* What a kernel makes of a problem. */
struct answer {
    struct emo_first f;
    size_t out, one; /* numbers of y; of an image */
    size_t places;   /* of an image */
    bool bits;       /* so they are kept */
    float *y, *gw, *gb;
    uint16_t *place;
};

/* p->gy in HWC goes in as it lies in blocks. */
static struct answer run(const struct emo_first_kernel *k, const struct problem *p, size_t block)
{
    size_t oc = p->conv->oc;
    struct answer a = {.f = {.conv = p->conv, .ph = p->pool->oh, .pw = p->pool->ow, .block = block,
                             .pitch = p->conv->w * p->conv->c + 5, .bf16 = p->bf16},
                       .out = p->out, .one = emo_layer_out(p->pool),
                       .y = room(p->out, sizeof(float)), .gw = room(p->wn, sizeof(float)),
                       .gb = room(oc, sizeof(float))};
    a.places = k->places(&a.f);
    a.bits = k == &emulated;
#ifdef __x86_64__
    a.bits = a.bits || k == &emo_first_amx;
#endif
    a.place = room(IMAGES * a.places, sizeof *a.place);
    float *packed = room(k->packed(&a.f), sizeof *packed), *gy = room(p->out, sizeof *gy);
    size_t n = k->scratch(&a.f) * sizeof(float);
    float *scratch = room(n, 1);
    /* Beside what is seen of a row there is more. */
    size_t seen = p->conv->w * p->conv->c, image = p->conv->h * a.f.pitch;
    uint8_t *pixels = room(IMAGES * image, 1);
    const uint8_t *images[IMAGES];
    memset(pixels, 0xff, IMAGES * image);
    memset(scratch, 0xff, n); /* not a number */
    k->pack(&a.f, p->kernel_w, packed);
    for (size_t r = 0; r < IMAGES; r++) {
        for (size_t y = 0; y < p->conv->h; y++)
            memcpy(pixels + r * image + y * a.f.pitch,
                   p->pixels + (r * p->conv->h + y) * seen, seen);
        images[r] = pixels + r * image;
        k->forward(&a.f, images[r], packed, p->b, a.y + r * a.one, a.place + r * a.places, scratch);
        for (size_t i = 0; i < a.one; i++)
            gy[r * a.one + i] = p->gy[r * a.one + hwc(i, a.one / oc, oc, block)];
    }
    k->backward(&a.f, 1, images, gy, a.place, true, false, a.gw, a.gb, scratch);
    k->backward(&a.f, IMAGES - 1, images + 1, gy + a.one, a.place + a.places, false, true, a.gw, a.gb,
                scratch);
    free(packed);
    free(gy);
    free(scratch);
    free(pixels);
    return a;
}

/* Where the largest was under result i: a number of its own, or bits as first_amx.h says. */
static uint16_t place_of(const struct answer *a, size_t i)
{
    const uint16_t *place = a->place + i / a->one * a->places;
    size_t plane = (size_t)a->f.ph * a->f.pw, rest = i % a->one, block = a->f.block;
    if (!a->bits)
        return place[rest];
    size_t channel = rest / (plane * block) * block + rest % block, at = rest / block % plane;
    size_t row = channel / 16 * a->f.ph + at / a->f.pw, column = at % a->f.pw;
    uint32_t bits[2][16];
    memcpy(bits, place + (row * ((a->f.pw + 31) / 32) + column / 32) * 64, sizeof bits);
    return (uint16_t)((bits[0][channel % 16] >> column % 32 & 1) +
                      2 * (bits[1][channel % 16] >> column % 32 & 1));
}

/* Results as bfloat16 are the others rounded, pixel by pixel; of gradients as bfloat16 comes what comes
   of the same numbers. */
static void same_in_halves(const struct emo_first_kernel *k, const struct problem *p,
                           const struct answer *a)
{
    struct emo_first f = a->f;
    size_t oc = p->conv->oc, plane = a->one / oc;
    float *packed = room(k->packed(&f), sizeof *packed), *scratch = room(k->scratch(&f), sizeof(float));
    uint16_t *y = room(a->one, sizeof *y), *place = room(a->places, sizeof *place), rounded;
    f.halves = true;
    f.pitch = p->conv->w * p->conv->c;
    k->pack(&f, p->kernel_w, packed);
    k->forward(&f, p->pixels, packed, p->b, y, place, scratch);
    for (size_t i = 0; i < a->one; i++) {
        emo_bf16_from(&a->y[i], 1, &rounded);
        CHECK(y[hwc(i, plane, oc, f.block)] == rounded);
    }
    float *g = room(a->one, sizeof *g), *gw = room(p->wn, sizeof *gw), *gb = room(oc, sizeof *gb);
    float *gw2 = room(p->wn, sizeof *gw), *gb2 = room(oc, sizeof *gb);
    const uint8_t *images[] = {p->pixels};
    uint16_t *halves = y;
    emo_bf16_from(p->gy, a->one, halves);
    for (size_t i = 0; i < a->one; i++) {
        uint32_t bits = (uint32_t)halves[hwc(i, plane, oc, f.block)] << 16;
        memcpy(&g[i], &bits, sizeof bits);
    }
    k->backward(&f, 1, images, halves, place, true, true, gw, gb, scratch);
    f.halves = false;
    k->backward(&f, 1, images, g, place, true, true, gw2, gb2, scratch);
    CHECK(memcmp(gw, gw2, p->wn * sizeof *gw) == 0 && memcmp(gb, gb2, oc * sizeof *gb) == 0);
    void *all[] = {packed, scratch, y, place, g, gw, gb, gw2, gb2};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void answer_free(struct answer *a)
{
    free(a->y);
    free(a->gw);
    free(a->gb);
    free(a->place);
}

/* The farthest from double, of its norm: forward, backward. */
struct worst {
    double forward, backward;
};

static void compare(const struct emo_first_kernel *k, struct problem *p, size_t block,
                    struct worst *worst)
{
    struct answer a = run(k, p, block);
    size_t oc = p->conv->oc;
    if (k->halves && p->bf16)
        same_in_halves(k, p, &a);
    /* Of numbers rounded to bfloat16 the distance would be 2e-3. */
    double beyond = p->bf16 && !k->rounded ? 3e-5 : 1e-7;
    float *y = room(p->out, sizeof *y);
    uint16_t *ignored = room(p->out, sizeof *ignored);
    for (size_t i = 0; i < p->out; i++) {
        size_t at = i / a.one * a.one + hwc(i % a.one, a.one / oc, oc, block);
        y[at] = a.y[i];
        p->arg[at] = place_of(&a, i);
    }
    emo_f_conv_forward(p->conv, IMAGES, p->x, p->w, p->b, p->map_f);
    emo_d_conv_forward(p->conv, IMAGES, p->xd, p->wd, p->bd, p->map_d);
    emo_f_maxpool_forward(p->pool, IMAGES, p->map_f, p->y, ignored);
    emo_d_maxpool_forward(p->pool, IMAGES, p->map_d, p->yd, ignored);
    double far = distance(y, p->yd, p->out), size = norm(p->yd, p->out);
    CHECK(far <= 2 * distance(p->y, p->yd, p->out) + beyond * size);
    worst->forward = fmax(worst->forward, far / size);
    /* With the kernel's own choice of the largest: equals may differ by rounding. */
    emo_f_maxpool_backward(p->pool, IMAGES, p->gy, p->arg, p->gmap);
    emo_d_maxpool_backward(p->pool, IMAGES, p->gyd, p->arg, p->gmap_d);
    emo_f_conv_backward_weights(p->conv, IMAGES, p->x, p->gmap, p->gw, p->gb);
    emo_d_conv_backward_weights(p->conv, IMAGES, p->xd, p->gmap_d, p->gwd, p->gbd);
    far = distance(a.gw, p->gwd, p->wn);
    size = norm(p->gwd, p->wn);
    CHECK(far <= 2 * distance(p->gw, p->gwd, p->wn) + beyond * size);
    worst->backward = fmax(worst->backward, far / size);
    CHECK(distance(a.gb, p->gbd, oc) <=
          2 * distance(p->gb, p->gbd, oc) + 1e-6 * norm(p->gbd, oc));
    answer_free(&a);
    free(y);
    free(ignored);
}

#ifdef __x86_64__
/* The tiles of the processor and those in plain C. */
static void compare_tiles(const struct problem *p, size_t block)
{
    struct answer a = run(&emo_first_amx, p, block), b = run(&emulated, p, block);
    CHECK(apart(a.y, b.y, a.out) <= 1e-6);
    CHECK(apart(a.gw, b.gw, p->wn) <= 1e-6);
    CHECK(apart(a.gb, b.gb, p->conv->oc) <= 1e-6);
    answer_free(&a);
    answer_free(&b);
}
#endif

/* One that is as good as any other. */
static struct shape draw(void)
{
    uint32_t kernel = any(1, 8), stride = any(1, 5), channels = 16 * any(1, 5);
    struct shape s = {.h = any(kernel + stride, 40), .w = any(kernel + stride, 75), .c = any(1, 4)};
    snprintf(s.text, sizeof s.text, "conv %u %u stride %u %s\nmaxpool 2\nflatten\noutput\n",
             channels, kernel, stride, any(0, 1) ? "same" : "valid");
    return s;
}

static void compare_all(const char *name, const struct emo_first_kernel *k, bool bf16,
                        const struct shape *shapes, size_t n)
{
    struct worst worst = {0};
    for (size_t i = 0; i < n; i++) {
        struct problem p;
        make(&p, shapes[i].text, shapes[i].h, shapes[i].w, shapes[i].c, bf16, bf16 && k->rounded);
        compare(k, &p, k->lanes, &worst);
        compare(k, &p, p.conv->oc, &worst);
#ifdef __x86_64__
        if (k == &emo_first_amx)
            compare_tiles(&p, k->lanes);
#endif
        drop(&p);
    }
    printf("%s%s: from double %.1e forward, %.1e backward\n", name, bf16 ? ", bf16" : "",
           worst.forward, worst.backward);
}

/* A weight or gradient that is no number makes its channel none, and leaves the others: whatever a
   kernel makes of it, training that has gone wrong must show. */
static void no_number(const char *name, const struct emo_first_kernel *k, bool bf16, float what)
{
    struct problem p;
    make(&p, "conv 48 5 same stride 2\nmaxpool 2\nflatten\noutput\n", 22, 31, 3, bf16, false);
    size_t oc = p.conv->oc, bad = 17, one = emo_layer_out(p.pool);
    p.kernel_w[3 * oc + bad] = what;
    for (size_t i = 0; i < p.out; i += one)
        p.gy[i + one / oc / 2 * oc + bad] = what;
    struct answer a = run(k, &p, k->lanes);
    size_t channels = 0;
    for (size_t c = 0; c < oc; c++) {
        size_t results = 0, weights = 0;
        for (size_t i = 0; i < p.out; i++) {
            size_t block = i % one / (one / oc * k->lanes);
            if (block * k->lanes + i % k->lanes == c && !isfinite(a.y[i]))
                results++;
        }
        for (size_t i = c; i < p.wn; i += oc)
            if (!isfinite(a.gw[i]))
                weights++;
        if (c != bad)
            CHECK(results == 0 && weights == 0 && isfinite(a.gb[c]));
        if (results > 0 && weights > 0 && !isfinite(a.gb[c]))
            channels++;
    }
    if (channels != 1)
        fprintf(stderr, "%s, %g: gone\n", name, (double)what);
    CHECK(channels == 1);
    answer_free(&a);
    drop(&p);
}

/* Tiles only where they are allowed and not nearly empty. */
static void choice(void)
{
#ifdef __x86_64__
    static const struct {
        const char *text;
        uint32_t h, w, c;
        bool tiles;
    } cases[] = {
        {"conv 64 7 stride 4\nmaxpool 2\nflatten\noutput\n", 400, 500, 3, true},
        {"conv 32 3 stride 2\nmaxpool 2\nflatten\noutput\n", 96, 96, 1, true},
        {"conv 16 2\nmaxpool 2\nflatten\noutput\n", 400, 500, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct emo_graph g;
        CHECK(emo_graph_make(&g, cases[i].text, cases[i].h, cases[i].w, cases[i].c, 2, &err) == 0);
        struct emo_first f = {.conv = g.layers, .ph = g.layers[1].oh, .pw = g.layers[1].ow};
        CHECK((emo_first_kernel(EMO_ISA_AMX, &f) == &emo_first_amx) == cases[i].tiles);
        CHECK(emo_first_kernel(EMO_ISA_AVX512, &f) == &emo_first_avx512);
        emo_graph_free(&g);
    }
#endif
}

int main(void)
{
    struct shape shapes[20] = {
        {"conv 64 7 stride 4\nmaxpool 2\nflatten\noutput\n", 60, 71, 3},
        {"conv 16 3\nmaxpool 2\nflatten\noutput\n", 13, 12, 1},
        {"conv 48 5 same stride 2\nmaxpool 2\nflatten\noutput\n", 22, 31, 3},
        {"conv 32 4 same\nmaxpool 2\nflatten\noutput\n", 9, 7, 4},
        {"conv 16 1 stride 3\nmaxpool 2\nflatten\noutput\n", 20, 23, 3},
        {"conv 16 11 stride 5\nmaxpool 2\nflatten\noutput\n", 41, 44, 2},
        {"conv 32 3\nmaxpool 2\nflatten\noutput\n", 12, 95, 2},
        {"conv 16 5 stride 2\nmaxpool 2\nflatten\noutput\n", 23, 150, 3},
        {"conv 16 36\nmaxpool 2\nflatten\noutput\n", 38, 50, 4},
        {"conv 16 24 stride 2\nmaxpool 2\nflatten\noutput\n", 27, 60, 2},
        {"conv 32 7 stride 4\nmaxpool 2\nflatten\noutput\n", 31, 260, 3},
        {"conv 16 3 stride 6\nmaxpool 2\nflatten\noutput\n", 31, 101, 3},
    };
    const size_t n = sizeof shapes / sizeof *shapes;
    for (size_t i = 12; i < n; i++)
        shapes[i] = draw();
    const struct {
        const char *name;
        const struct emo_first_kernel *k;
        enum emo_isa isa;
    } kernels[] = {
        {"plain", &emo_first_plain, EMO_ISA_PLAIN},
        {"tiles in plain C", &emulated, EMO_ISA_PLAIN},
#ifdef __x86_64__
        {"avx2", &emo_first_avx2, EMO_ISA_AVX2},
        {"avx512", &emo_first_avx512, EMO_ISA_AVX512},
        {"amx", &emo_first_amx, EMO_ISA_AMX},
#endif
    };
    enum emo_isa best, less;
    unsetenv("EMO_ISA");
    CHECK(emo_isa_choose(&best, &err) == 0);
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        for (int bf16 = 0; bf16 < 2 && kernels[i].isa <= best; bf16++)
            compare_all(kernels[i].name, kernels[i].k, bf16, shapes, n);
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        for (int bf16 = 0; bf16 < 2 && kernels[i].isa <= best; bf16++) {
            no_number(kernels[i].name, kernels[i].k, bf16, NAN);
            no_number(kernels[i].name, kernels[i].k, bf16, INFINITY);
        }
    choice();
    setenv("EMO_ISA", "avx2", 1);
    CHECK(emo_isa_choose(&less, &err) == 0 && less <= EMO_ISA_AVX2 && less <= best);
    setenv("EMO_ISA", "amx", 1);
    CHECK(emo_isa_choose(&less, &err) == 0 && less == best);
    setenv("EMO_ISA", "mmx", 1);
    CHECK(emo_isa_choose(&less, &err) == EMO_USAGE);
    return 0;
}
