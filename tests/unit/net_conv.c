/*
 * Convolutions in tiles against those in double: no farther from them than twice the plain float
 * kernels; in bf16, than twice the same with operands rounded before. The tiles are in plain C;
 * where the processor has them, both differ by rounding only.
 */
#ifndef EMO_TILES_EMULATED
#define EMO_TILES_EMULATED
#endif
#define KERNEL emulated
#include "net/kernels/conv_amx.c"

#include "net/blocks.h"
#include "net/kernels/bf16.h"
#include "net/kernels/plain.h"
#include "numbers.h"

static size_t records = 3;

/* Numbers, the same rounded where they are so multiplied, and in double. */
struct array {
    size_t n;
    float *given, *f;
    double *d;
};

static struct array draw(size_t n, bool bf16)
{
    struct array a = {n, room(n, sizeof(float)), room(n, sizeof(float)), room(n, sizeof(double))};
    for (size_t i = 0; i < n; i++)
        a.given[i] = (float)uniform();
    memcpy(a.f, a.given, n * sizeof *a.f);
    if (bf16)
        emo_bf16_round(a.given, n, a.f);
    for (size_t i = 0; i < n; i++)
        a.d[i] = (double)a.f[i];
    return a;
}

static void array_free(struct array *a)
{
    free(a->given);
    free(a->f);
    free(a->d);
}

/* Of the norm of b. */
static double far_from(const float *a, const double *b, size_t n)
{
    double most = norm(b, n);
    return most > 0 ? distance(a, b, n) / most : distance(a, b, n);
}

/* What a kernel makes of a layer: y, gx, gw, gb, with channels in blocks and in HWC. */
struct answer {
    float *at[4];
    size_t n[4];
};

static void run(const struct emo_conv_kernel *k, const struct emo_conv *c, const struct array *x,
                const struct array *w, const struct array *bias, const struct array *gy,
                struct answer *a)
{
    const struct emo_layer *l = c->layer;
    size_t in = emo_layer_in(l), out = emo_layer_out(l), n = k->scratch(c, records);
    size_t pixels = (size_t)l->h * l->w, places = (size_t)l->oh * l->ow;
    float *packed = room(k->packed(c), sizeof *packed), *scratch = room(n, sizeof *scratch);
    float *xb = room(x->n, sizeof *xb), *gyb = room(gy->n, sizeof *gyb);
    float *yb = room(gy->n, sizeof *yb), *gxb = room(x->n, sizeof *gxb);
    *a = (struct answer){.n = {gy->n, x->n, w->n, bias->n}};
    for (int i = 0; i < 4; i++)
        a->at[i] = room(a->n[i], sizeof(float));
    for (size_t r = 0; r < records; r++) {
        emo_blocks_make(x->given + r * in, pixels, l->c, c->in_block, xb + r * in);
        emo_blocks_make(gy->given + r * out, places, l->oc, c->out_block, gyb + r * out);
    }
    memset(scratch, 0xff, n * sizeof *scratch); /* not a number */
    memset(yb, 0xff, gy->n * sizeof *yb);
    memset(gxb, 0xff, x->n * sizeof *gxb);
    k->pack(c, w->given, packed);
    k->backward_weights(c, records, xb, gyb, a->at[2], a->at[3], scratch);
    k->forward(c, records, xb, packed, bias->given, yb, scratch);
    k->backward_data(c, records, NULL, gyb, packed, gxb, scratch);
    for (size_t r = 0; r < records; r++) {
        emo_blocks_undo(yb + r * out, places, l->oc, c->out_block, a->at[0] + r * out);
        emo_blocks_undo(gxb + r * in, pixels, l->c, c->in_block, a->at[1] + r * in);
    }
    void *all[] = {packed, scratch, xb, gyb, yb, gxb};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* Are these the numbers rounded, or 0 where `over` is not NULL and not positive? */
static bool rounded(const uint16_t *halves, const float *numbers, const float *over, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        emo_bf16_from(&numbers[i], 1, &half);
        if (halves[i] != (over == NULL || over[i] > 0 ? half : 0))
            return false;
    }
    return true;
}

/* Halves given as such are what it makes of the numbers, and what it gives as halves is the numbers
   rounded. out: the output and its gradient are halves, too. relu: one gave the input, and with out
   one is done with the output. */
static void same_of_halves(const struct emo_conv_kernel *k, const struct emo_conv *c, bool out,
                           bool relu, const struct array *x, const struct array *w, const struct array *bias,
                           const struct array *gy, const struct answer *a)
{
    struct emo_layer layer = *c->layer;
    const struct emo_layer *l = &layer;
    struct emo_conv given = *c;
    given.layer = l;
    given.halves = true;
    given.out_halves = out;
    given.rectified = relu;
    layer.activation = relu && out ? EMO_RELU : EMO_LINEAR;
    size_t one = emo_layer_out(l), places = (size_t)l->oh * l->ow, n = k->scratch(&given, records);
    float *packed = room(k->packed(&given), sizeof *packed), *scratch = room(n, sizeof *scratch);
    float *gyb = room(gy->n, sizeof *gyb), *yb = room(gy->n, sizeof *yb);
    float *y = room(gy->n, sizeof *y), *gw = room(w->n, sizeof *gw), *gb = room(l->oc, sizeof *gb);
    uint16_t *halves = room(x->n + 32, sizeof *halves), *gx = room(x->n, sizeof *gx);
    emo_bf16_from(x->given, x->n, halves);
    for (size_t r = 0; r < records && !out; r++)
        emo_blocks_make(gy->given + r * one, places, l->oc, c->out_block, gyb + r * one);
    if (out)
        emo_bf16_from(gy->given, gy->n, (uint16_t *)(void *)gyb);
    memset(scratch, 0xff, n * sizeof *scratch);
    memset(gx, 0xff, x->n * sizeof *gx);
    k->pack(&given, w->given, packed);
    k->backward_weights(&given, records, halves, gyb, gw, gb, scratch);
    k->forward(&given, records, halves, packed, bias->given, yb, scratch);
    k->backward_data(&given, records, relu ? halves : NULL, gyb, packed, gx, scratch);
    for (size_t r = 0; r < records && !out; r++)
        emo_blocks_undo(yb + r * one, places, l->oc, c->out_block, y + r * one);
    if (out)
        CHECK(rounded((const uint16_t *)(const void *)yb, a->at[0], relu ? a->at[0] : NULL, gy->n));
    else
        CHECK(memcmp(y, a->at[0], gy->n * sizeof *y) == 0);
    CHECK(rounded(gx, a->at[1], relu ? x->given : NULL, x->n));
    CHECK(memcmp(gw, a->at[2], w->n * sizeof *gw) == 0);
    /* The sum of gradients is of what came. */
    double *sums = room(l->oc, sizeof *sums), all_of = 0;
    memset(sums, 0, l->oc * sizeof *sums);
    for (size_t i = 0; i < gy->n; i++) {
        sums[i % l->oc] += gy->d[i];
        all_of += fabs(gy->d[i]);
    }
    for (size_t o = 0; o < l->oc; o++)
        CHECK(out ? fabs((double)gb[o] - sums[o]) <= 1e-6 * all_of : gb[o] == a->at[3][o]);
    void *all[] = {packed, scratch, gyb, yb, y, gw, gb, halves, gx, sums};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static struct shape draw_shape(uint32_t widest)
{
    uint32_t kernel = any(1, 5), stride = any(1, 4), channels = 32 * any(1, 3);
    struct shape s = {.h = any(kernel, 12), .w = any(kernel, widest), .c = 32 * any(1, 3)};
    snprintf(s.text, sizeof s.text, "conv %u %u stride %u %s\nflatten\noutput\n", channels, kernel,
             stride, any(0, 1) ? "same" : "valid");
    return s;
}

static void compare(const char *name, const struct emo_conv_kernel *k, const struct shape *shape,
                    bool bf16, bool blocks, double worst[4])
{
    struct emo_graph g;
    CHECK(emo_graph_make(&g, shape->text, shape->h, shape->w, shape->c, 2, &err) == 0);
    const struct emo_layer *l = g.layers;
    const struct emo_conv c = {.layer = l, .in_block = blocks ? 16 : l->c,
                               .out_block = blocks ? 16 : l->oc, .bf16 = bf16, .training = true};
    struct array x = draw(records * emo_layer_in(l), bf16), w = draw(g.tensors[0].count, bf16);
    struct array bias = draw(l->oc, false), gy = draw(records * emo_layer_out(l), bf16);
    struct answer a, plain = {.n = {gy.n, x.n, w.n, bias.n}};
    double *d[4];
    run(k, &c, &x, &w, &bias, &gy, &a);
    for (int i = 0; i < 4 && emo_conv_takes_halves(k, l, bf16); i++)
        same_of_halves(k, &c, i % 2 != 0, i / 2 != 0, &x, &w, &bias, &gy, &a);
    for (int i = 0; i < 4; i++) {
        plain.at[i] = room(plain.n[i], sizeof(float));
        d[i] = room(plain.n[i], sizeof(double));
    }
    emo_f_conv_forward(l, records, x.f, w.f, bias.f, plain.at[0]);
    emo_d_conv_forward(l, records, x.d, w.d, bias.d, d[0]);
    emo_f_conv_backward_data(l, records, gy.f, w.f, plain.at[1]);
    emo_d_conv_backward_data(l, records, gy.d, w.d, d[1]);
    emo_f_conv_backward_weights(l, records, x.f, gy.f, plain.at[2], plain.at[3]);
    emo_d_conv_backward_weights(l, records, x.d, gy.d, d[2], d[3]);
    /* The sum of gradients is of what came, not of what is multiplied. */
    memset(d[3], 0, l->oc * sizeof *d[3]);
    for (size_t i = 0; i < gy.n; i++)
        d[3][i % l->oc] += (double)gy.given[i];
    for (int i = 0; i < 4; i++) {
        double far = far_from(a.at[i], d[i], a.n[i]), most = far_from(plain.at[i], d[i], a.n[i]);
        if (!(far <= 2 * most + 1e-7))
            printf("%s, %ux%ux%u, %s: %d is %g from double, not %g\n", name, shape->h, shape->w,
                   shape->c, shape->text, i, far, most);
        CHECK(far <= 2 * most + 1e-7);
        worst[i] = fmax(worst[i], far);
    }
#ifdef __x86_64__
    if (k == &emo_conv_amx) {
        struct answer other;
        run(&emulated, &c, &x, &w, &bias, &gy, &other);
        for (int i = 0; i < 4; i++) {
            CHECK(apart(a.at[i], other.at[i], a.n[i]) <= 1e-6);
            free(other.at[i]);
        }
    }
#endif
    for (int i = 0; i < 4; i++) {
        free(a.at[i]);
        free(plain.at[i]);
        free(d[i]);
    }
    array_free(&x);
    array_free(&w);
    array_free(&bias);
    array_free(&gy);
    emo_graph_free(&g);
}

/* Three halves are the number, and what is none stays none. */
static void cutting(void)
{
    uint16_t halves[3][32], pairs[3][32];
    for (int i = 0; i < 1000; i++) {
        float x[32];
        for (int k = 0; k < 32; k++)
            x[k] = (float)ldexp(uniform(), (int)(uniform() * 160));
        x[3] = 0;
        x[21] = i % 2 == 0 ? NAN : INFINITY;
        emo_floats v[2];
        memcpy(v, x, sizeof v);
        emo_halves_cut(v, 3, 32, halves[0]);
        emo_halves_pair(v, 3, 32, pairs[0]);
        for (int k = 0; k < 32; k++) {
            float sum = number_of(halves[2][k]) + number_of(halves[1][k]) + number_of(halves[0][k]);
            uint16_t nearest;
            emo_bf16_from(x + k, 1, &nearest);
            CHECK(halves[0][k] == nearest);
            CHECK(isfinite(x[k]) ? memcmp(&sum, x + k, sizeof sum) == 0 : !isfinite(sum));
            for (int t = 0; t < 3; t++)
                CHECK(pairs[t][2 * (k % 16) + k / 16] == halves[t][k]);
        }
    }
}

/* Three digits are the number but for half of the least, where they belong; of what is none there are
   none. */
static void spreading(void)
{
    for (int i = 0; i < 1000; i++) {
        float x[64], most = emo_digits_greatest(3);
        emo_ints whole[4];
        uint8_t digits[3][64];
        for (int k = 0; k < 64; k++)
            x[k] = (float)uniform() * most;
        x[7] = most;
        x[29] = -most;
        x[i % 64] = i % 2 == 0 ? NAN : INFINITY;
        for (int v = 0; v < 4; v++) {
            emo_floats f;
            memcpy(&f, x + 16 * v, sizeof f);
            emo_digits_of(&f, &whole[v]);
        }
        emo_digits_spread(whole, 64, digits[0]);
        for (int b = 0; b < 64; b++) {
            int k = b / 4 % 4 * 16 + b / 16 * 4 + b % 4;
            double sum = 0;
            for (int t = 2; t >= 0; t--)
                sum = 256 * sum + (double)emo_tile_signed(digits[t][b]);
            CHECK(isfinite(x[k]) ? fabs(sum - (double)x[k]) <= 0.5 : sum == 0);
        }
    }
}

/* A number that is none makes all of its record so, going forward and back; of the other records
   nothing changes. */
static void strange(const struct emo_conv_kernel *k, float number)
{
    struct emo_graph g;
    CHECK(emo_graph_make(&g, "conv 64 3 stride 2\nflatten\noutput\n", 9, 33, 32, 2, &err) == 0);
    const struct emo_layer *l = g.layers;
    const struct emo_conv c = {.layer = l, .in_block = 16, .out_block = 16, .training = true};
    struct array x = draw(records * emo_layer_in(l), false), w = draw(g.tensors[0].count, false);
    struct array bias = draw(l->oc, false), gy = draw(records * emo_layer_out(l), false);
    struct answer before, after;
    run(k, &c, &x, &w, &bias, &gy, &before);
    x.given[emo_layer_in(l) + 77] = number;
    gy.given[emo_layer_out(l) + 5] = number;
    run(k, &c, &x, &w, &bias, &gy, &after);
    for (int i = 0; i < 2; i++) {
        size_t one = after.n[i] / records;
        for (size_t j = 0; j < after.n[i]; j++)
            CHECK(j / one == 1 ? !isfinite(after.at[i][j]) : after.at[i][j] == before.at[i][j]);
    }
    for (int i = 0; i < 4; i++) {
        free(before.at[i]);
        free(after.at[i]);
    }
    array_free(&x);
    array_free(&w);
    array_free(&bias);
    array_free(&gy);
    emo_graph_free(&g);
}

/* Tiles only where they are allowed, and not all but empty. */
static void choice(void)
{
#ifdef __x86_64__
    static const struct {
        uint32_t c, oc, ow;
        bool fp32, bf16;
    } cases[] = {{64, 128, 30, true, true}, {128, 128, 2, true, true},  {64, 64, 1, false, false},
                 {3, 64, 30, false, false}, {64, 48, 30, false, false}, {4608, 32, 30, false, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct emo_layer l = {.kind = EMO_CONV, .c = cases[i].c, .oc = cases[i].oc,
                              .kernel_h = 3, .kernel_w = 3, .ow = cases[i].ow};
        CHECK((emo_conv_kernel(EMO_ISA_AMX, &l, false) == &emo_conv_amx) == cases[i].fp32);
        CHECK((emo_conv_kernel(EMO_ISA_AMX, &l, true) == &emo_conv_amx) == cases[i].bf16);
        CHECK(emo_conv_kernel(EMO_ISA_AVX512, &l, true) == NULL);
    }
#endif
}

int main(void)
{
    struct shape shapes[14] = {
        {"conv 128 3 stride 2\nflatten\noutput\n", 7, 62, 64},
        {"conv 32 3 same\nflatten\noutput\n", 5, 17, 32},
        {"conv 64 1 stride 3\nflatten\noutput\n", 8, 9, 32},
        {"conv 32 5 same stride 2\nflatten\noutput\n", 9, 33, 64},
        {"conv 128 3 stride 2\nflatten\noutput\n", 5, 5, 128},
        {"conv 64 3 stride 2\nflatten\noutput\n", 11, 11, 64},
        {"conv 32 3 same\nflatten\noutput\n", 7, 3, 64},
        {"conv 32 2\nflatten\noutput\n", 9, 4, 32},
    };
    const size_t n = sizeof shapes / sizeof *shapes;
    for (size_t i = 8; i < n; i++)
        shapes[i] = draw_shape(i % 2 == 0 ? 10 : 40);
    const struct {
        const char *name;
        const struct emo_conv_kernel *k;
        enum emo_isa isa;
    } kernels[] = {
        {"tiles in plain C", &emulated, EMO_ISA_PLAIN},
#ifdef __x86_64__
        {"amx", &emo_conv_amx, EMO_ISA_AMX},
#endif
    };
    enum emo_isa best;
    choice();
    cutting();
    spreading();
    unsetenv("EMO_ISA");
    CHECK(emo_isa_choose(&best, &err) == 0);
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels && kernels[i].isa <= best; i++) {
        strange(kernels[i].k, NAN);
        strange(kernels[i].k, -INFINITY);
    }
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        for (int bf16 = 0; bf16 < 2 && kernels[i].isa <= best; bf16++) {
            double worst[4] = {0};
            for (size_t j = 0; j < n; j++) {
                records = j == 5 ? 11 : 3; /* in float32, 6 and then 5 at a time */
                compare(kernels[i].name, kernels[i].k, &shapes[j], bf16, j % 2 == 0, worst);
            }
            printf("%s%s: from double %.1e forward, %.1e data, %.1e weights\n", kernels[i].name,
                   bf16 ? ", bf16" : "", worst[0], worst[1], worst[2]);
        }
    return 0;
}
