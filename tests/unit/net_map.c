/*
 * The first layer without pooling in tiles, against the convolution and its gradients in double of
 * what was rounded before: results within their own rounding to bfloat16, gradients no farther than
 * twice the plain float kernels. The tiles are in plain C; where the processor has them, both give
 * the same but for rounding.
 */
#ifndef EMO_TILES_EMULATED
#define EMO_TILES_EMULATED
#endif
#define KERNEL emulated
#include "net/kernels/map_amx.c"

#include "net/kernels/bf16.h"
#include "net/kernels/plain.h"
#include "numbers.h"

enum { IMAGES = 3 };

/* A layer, and numbers for it, rounded as they are multiplied. */
struct problem {
    struct emo_graph g;
    const struct emo_layer *l;
    size_t in, out, wn;
    uint8_t *pixels;
    float *given, *x, *w, *b, *gy;
    uint16_t *halves; /* gy */
};

static void make(struct problem *p, const char *text, uint32_t h, uint32_t w, uint32_t c)
{
    CHECK(emo_graph_make(&p->g, text, h, w, c, 2, &err) == 0);
    p->l = p->g.layers;
    p->in = IMAGES * emo_layer_in(p->l);
    p->out = IMAGES * emo_layer_out(p->l);
    p->wn = p->g.tensors[0].count;
    p->pixels = room(p->in, 1);
    p->halves = room(p->out, sizeof *p->halves);
    float **all[] = {&p->given, &p->x, &p->w, &p->b, &p->gy};
    const size_t n[] = {p->wn, p->in, p->wn, p->l->oc, p->out};
    for (size_t i = 0; i < 5; i++)
        *all[i] = room(n[i], sizeof(float));
    for (size_t i = 0; i < p->in; i++) {
        p->pixels[i] = (uint8_t)((uniform() + .5) * 256);
        p->x[i] = (float)p->pixels[i] * (1.0f / 255.0f);
    }
    for (size_t i = 0; i < p->wn; i++) {
        p->given[i] = (float)uniform();
        float small = p->given[i] * (1.0f / 255.0f);
        emo_bf16_round(&small, 1, &small);
        p->w[i] = small * 255;
    }
    for (size_t i = 0; i < p->l->oc; i++)
        p->b[i] = (float)uniform();
    for (size_t i = 0; i < p->out; i++)
        p->gy[i] = (float)uniform();
    emo_bf16_from(p->gy, p->out, p->halves);
    emo_bf16_round(p->gy, p->out, p->gy);
}

static void drop(struct problem *p)
{
    void *all[] = {p->pixels, p->halves, p->given, p->x, p->w, p->b, p->gy};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    emo_graph_free(&p->g);
}

/* What a kernel makes of a problem. */
struct answer {
    float *y, *gw, *gb;
};

static struct answer run(const struct emo_first_kernel *k, const struct problem *p)
{
    const struct emo_layer *l = p->l;
    size_t seen = (size_t)l->w * l->c, one = emo_layer_out(l), oc = l->oc;
    struct emo_first f = {.conv = l, .ph = l->oh, .pw = l->ow, .pitch = seen + 5, .block = 16,
                          .halves = true, .bf16 = true};
    struct answer a = {room(p->out, sizeof(float)), room(p->wn, sizeof(float)),
                       room(oc, sizeof(float))};
    float *packed = room(k->packed(&f), sizeof *packed), *scratch = room(k->scratch(&f), sizeof(float));
    uint16_t *y = room(one, sizeof *y);
    uint8_t *pixels = room(IMAGES * l->h * f.pitch, 1);
    const uint8_t *images[IMAGES];
    CHECK(k->halves && k->places(&f) == 0);
    k->pack(&f, p->given, packed);
    for (size_t r = 0; r < IMAGES; r++) {
        /* Beside what is seen of a row there is more. */
        for (size_t h = 0; h < l->h; h++)
            memcpy(pixels + (r * l->h + h) * f.pitch, p->pixels + (r * l->h + h) * seen, seen);
        images[r] = pixels + r * l->h * f.pitch;
        k->forward(&f, images[r], packed, p->b, y, NULL, scratch);
        for (size_t i = 0; i < one; i++)
            a.y[r * one + i] = number_of(y[i]);
    }
    k->backward(&f, 1, images, p->halves, NULL, true, false, a.gw, a.gb, scratch);
    k->backward(&f, IMAGES - 1, images + 1, p->halves + one, NULL, false, true, a.gw, a.gb, scratch);
    void *all[] = {packed, scratch, y, pixels};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    return a;
}

static void answer_free(struct answer *a)
{
    free(a->y);
    free(a->gw);
    free(a->gb);
}

static double *doubles(const float *x, size_t n)
{
    double *d = room(n, sizeof *d);
    for (size_t i = 0; i < n; i++)
        d[i] = (double)x[i];
    return d;
}

static void compare(const struct emo_first_kernel *k, const struct problem *p, double worst[2])
{
    size_t oc = p->l->oc;
    struct answer a = run(k, p);
    double *x = doubles(p->x, p->in), *w = doubles(p->w, p->wn), *b = doubles(p->b, oc);
    double *gy = doubles(p->gy, p->out), *y = room(p->out, sizeof *y), *gw = room(p->wn, sizeof *gw);
    double *gb = room(oc, sizeof *gb);
    float *fw = room(p->wn, sizeof *fw), *fb = room(oc, sizeof *fb);
    for (size_t i = 0; i < p->in; i++)
        x[i] = p->pixels[i] / 255.0;
    emo_d_conv_forward(p->l, IMAGES, x, w, b, y);
    emo_d_conv_backward_weights(p->l, IMAGES, x, gy, gw, gb);
    emo_f_conv_backward_weights(p->l, IMAGES, p->x, p->gy, fw, fb);
    double size = norm(y, p->out) / sqrt((double)p->out);
    for (size_t i = 0; i < p->out; i++) {
        double is = p->l->activation == EMO_RELU ? fmax(y[i], 0) : y[i];
        CHECK(fabs((double)a.y[i] - is) <= fabs(is) / 256 + 1e-5 * size);
    }
    CHECK(distance(a.gw, gw, p->wn) <= 2 * distance(fw, gw, p->wn) + 1e-7 * norm(gw, p->wn));
    CHECK(distance(a.gb, gb, oc) <= 2 * distance(fb, gb, oc) + 1e-6 * norm(gb, oc));
    worst[0] = fmax(worst[0], distance(a.gw, gw, p->wn) / norm(gw, p->wn));
    worst[1] = fmax(worst[1], distance(a.gb, gb, oc) / norm(gb, oc));
    answer_free(&a);
    void *all[] = {x, w, b, gy, y, gw, gb, fw, fb};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

#ifdef __x86_64__
/* The tiles of the processor and those in plain C. */
static void compare_tiles(const struct problem *p)
{
    struct answer a = run(&emo_map_amx, p), b = run(&emulated, p);
    CHECK(apart(a.y, b.y, p->out) <= 1e-4); /* a few are rounded the other way */
    CHECK(apart(a.gw, b.gw, p->wn) <= 1e-6);
    CHECK(apart(a.gb, b.gb, p->l->oc) <= 1e-6);
    answer_free(&a);
    answer_free(&b);
}
#endif

static struct shape draw(void)
{
    uint32_t kernel = any(1, 8), stride = any(1, 5), channels = 32 * any(1, 3);
    struct shape s = {.h = any(kernel, 20), .w = any(kernel, 160), .c = any(1, 4)};
    snprintf(s.text, sizeof s.text, "conv %u %u stride %u %s %s\nflatten\noutput\n", channels, kernel,
             stride, any(0, 1) ? "same" : "valid", any(0, 1) ? "relu" : "");
    return s;
}

/* A gradient that is no number makes its channel none, and leaves the others. */
static void no_number(const struct emo_first_kernel *k, uint16_t what)
{
    struct problem p;
    make(&p, "conv 32 5 same stride 2\nflatten\noutput\n", 11, 31, 3);
    size_t oc = p.l->oc, bad = 17;
    p.halves[7 * oc + bad] = what;
    struct answer a = run(k, &p);
    for (size_t c = 0; c < oc; c++) {
        size_t none = 0;
        for (size_t i = c; i < p.wn; i += oc)
            if (!isfinite(a.gw[i]))
                none++;
        CHECK((none > 0) == (c == bad) && isfinite(a.gb[c]) == (c != bad));
    }
    answer_free(&a);
    drop(&p);
}

static void choice(void)
{
#ifdef __x86_64__
    struct emo_layer l = {.kind = EMO_CONV, .c = 3, .oc = 64, .oh = 30, .ow = 30, .kernel_h = 3,
                          .kernel_w = 3};
    struct emo_first f = {.conv = &l, .bf16 = true};
    CHECK(emo_map_kernel(EMO_ISA_AMX, &f) == &emo_map_amx);
    CHECK(emo_map_kernel(EMO_ISA_AVX512, &f) == NULL);
    l.oc = 48;
    CHECK(emo_map_kernel(EMO_ISA_AMX, &f) == NULL);
    l.oc = 64;
    f.bf16 = false;
    CHECK(emo_map_kernel(EMO_ISA_AMX, &f) == NULL);
#endif
}

int main(void)
{
    struct shape shapes[16] = {
        {"conv 64 3 stride 2 relu\nflatten\noutput\n", 21, 75, 3},
        {"conv 32 3 same\nflatten\noutput\n", 13, 12, 1},
        {"conv 96 5 same stride 2 relu\nflatten\noutput\n", 12, 131, 3},
        {"conv 32 7 stride 4\nflatten\noutput\n", 15, 260, 3},
        {"conv 32 12 stride 5 relu\nflatten\noutput\n", 33, 60, 4},
        {"conv 32 3 stride 7 same\nflatten\noutput\n", 33, 60, 3},
        {"conv 32 1\nflatten\noutput\n", 1, 1, 1},
        {"conv 32 4 stride 2\nflatten\noutput\n", 4, 270, 2},
    };
    const size_t n = sizeof shapes / sizeof *shapes;
    for (size_t i = 8; i < n; i++)
        shapes[i] = draw();
    const struct {
        const char *name;
        const struct emo_first_kernel *k;
        enum emo_isa isa;
    } kernels[] = {
        {"tiles in plain C", &emulated, EMO_ISA_PLAIN},
#ifdef __x86_64__
        {"amx", &emo_map_amx, EMO_ISA_AMX},
#endif
    };
    enum emo_isa best;
    unsetenv("EMO_ISA");
    CHECK(emo_isa_choose(&best, &err) == 0);
    choice();
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels && kernels[i].isa <= best; i++) {
        double worst[2] = {0};
        for (size_t j = 0; j < n; j++) {
            struct problem p;
            make(&p, shapes[j].text, shapes[j].h, shapes[j].w, shapes[j].c);
            compare(kernels[i].k, &p, worst);
#ifdef __x86_64__
            if (kernels[i].k == &emo_map_amx)
                compare_tiles(&p);
#endif
            drop(&p);
        }
        no_number(kernels[i].k, 0x7fc0);
        no_number(kernels[i].k, 0x7f80);
        printf("%s: from double %.1e weights, %.1e their sums\n", kernels[i].name, worst[0], worst[1]);
    }
    return 0;
}
