/*
 * Dense layers in tiles: each result is within the rounding of float32 of that in double of rounded
 * operands, and within that of bfloat16 of that of the operands themselves; the last records, rows
 * and columns as all others. A record's result does not depend on those beside it. The tiles are in
 * plain C; where the processor has them, both differ by rounding only.
 */
#ifndef EMO_TILES_EMULATED
#define EMO_TILES_EMULATED
#endif
#define KERNEL emulated
#include "net/kernels/dense_amx.c"

#include "net/kernels/bf16.h"
#include "net/kernels/plain.h"
#include "numbers.h"

enum { X, W, GY, B, Y, GX, GW, GB, ARRAYS };

struct problem {
    struct emo_layer l;
    size_t n, size[ARRAYS];
    float *f[ARRAYS];
    double *exact[ARRAYS], *rounded[ARRAYS], *most[ARRAYS]; /* most: sums of what is positive */
};

static void compute(const struct problem *p, double **a)
{
    const struct emo_layer *l = &p->l;
    emo_d_dense_forward(l, p->n, a[X], a[W], a[B], 0, l->oc, a[Y]);
    emo_d_dense_backward_data(l, p->n, a[GY], a[W], 0, l->c, a[GX]);
    emo_d_dense_backward_weights(l, p->n, a[X], a[GY], 0, l->c, a[GW], a[GB]);
}

static void make(struct problem *p, size_t n, uint32_t in, uint32_t out)
{
    *p = (struct problem){.l = {.kind = EMO_DENSE, .c = in, .oc = out, .h = 1, .w = 1, .oh = 1,
                                .ow = 1}, .n = n};
    size_t size[ARRAYS] = {n * in, (size_t)in * out, n * out, out, n * out, n * in,
                           (size_t)in * out, out};
    memcpy(p->size, size, sizeof size);
    for (int k = 0; k < ARRAYS; k++) {
        p->f[k] = room(size[k], sizeof(float)); /* not a number, until it is */
        p->exact[k] = room(size[k], sizeof(double));
        p->rounded[k] = room(size[k], sizeof(double));
        p->most[k] = room(size[k], sizeof(double));
        for (size_t i = 0; i < size[k] && k <= B; i++) {
            float half;
            p->exact[k][i] = (double)(p->f[k][i] = (float)uniform());
            emo_bf16_round(&p->f[k][i], 1, &half);
            p->rounded[k][i] = k == B ? p->exact[k][i] : (double)half;
            p->most[k][i] = fabs(p->exact[k][i]);
        }
    }
    compute(p, p->exact);
    compute(p, p->rounded);
    compute(p, p->most);
}

static void drop(struct problem *p)
{
    for (int k = 0; k < ARRAYS; k++) {
        free(p->f[k]);
        free(p->exact[k]);
        free(p->rounded[k]);
        free(p->most[k]);
    }
}

/* Buffers that hold no number before. */
struct buffers {
    uint16_t *packed, *turned;
    float *sums, *scratch, *gw;
};

static struct buffers buffers(const struct emo_layer *l, size_t n)
{
    return (struct buffers){room(emo_dense_packed(l), sizeof(uint16_t)),
                            room(emo_dense_turned(l, n), sizeof(uint16_t)),
                            room(emo_dense_sums(l, n), sizeof(float)),
                            room(emo_dense_scratch(l, n), sizeof(float)),
                            room(emo_dense_rows(l) * emo_dense_whole(l->oc), sizeof(float))};
}

static void buffers_free(struct buffers *b)
{
    free(b->packed);
    free(b->turned);
    free(b->sums);
    free(b->scratch);
    free(b->gw);
}

static void forward_of(const struct emo_dense_tiles *k, const struct problem *p, size_t n,
                       const float *x, const struct buffers *b, float *y)
{
    for (size_t part = emo_dense_parts(&p->l); part-- > 0;)
        k->forward(&p->l, n, x, b->packed, part, b->sums, b->scratch);
    k->add(&p->l, n, p->f[B], b->sums, y);
}

static void run(const struct emo_dense_tiles *k, struct problem *p)
{
    const struct emo_layer *l = &p->l;
    struct buffers b = buffers(l, p->n);
    size_t whole = emo_dense_whole(l->c), most = emo_dense_rows(l);
    for (size_t i = 0; i < whole; i += most)
        k->pack(l, p->f[W], i, whole - i < most ? whole - i : most, b.packed);
    forward_of(k, p, p->n, p->f[X], &b, p->f[Y]);
    k->turn(l, p->n, p->f[GY], b.turned, p->f[GB]);
    for (size_t i = 0; i < whole; i += most) {
        size_t rows = whole - i < most ? whole - i : most;
        k->backward_weights(l, p->n, p->f[X], b.turned, i, rows, p->f[W], b.gw, b.scratch);
        k->backward_data(l, p->n, b.turned, p->f[W], i, rows, p->f[GX], b.scratch);
        for (size_t r = 0; r < rows && i + r < l->c; r++)
            memcpy(p->f[GW] + (i + r) * l->oc, b.gw + r * emo_dense_whole(l->oc),
                   l->oc * sizeof(float));
    }
    float *y = room(l->oc, sizeof *y);
    for (size_t r = 0; r < p->n; r++) {
        forward_of(k, p, 1, p->f[X] + r * l->c, &b, y);
        CHECK(memcmp(y, p->f[Y] + r * l->oc, l->oc * sizeof *y) == 0);
    }
    free(y);
    buffers_free(&b);
}

static void compare(const char *name, const struct emo_dense_tiles *k, size_t n, uint32_t in,
                    uint32_t out)
{
    struct problem p;
    make(&p, n, in, out);
    run(k, &p);
    double worst = 0, half = 0;
    for (int a = Y; a < ARRAYS; a++)
        for (size_t i = 0; i < p.size[a]; i++) {
            const double *wanted = a == GB ? p.exact[a] : p.rounded[a]; /* summed as it is */
            worst = fmax(worst, fabs((double)p.f[a][i] - wanted[i]) / p.most[a][i]);
            half = fmax(half, fabs((double)p.f[a][i] - p.exact[a][i]) / p.most[a][i]);
            CHECK(fabs((double)p.f[a][i] - wanted[i]) <= 0x1p-20 * p.most[a][i]);
            CHECK(fabs((double)p.f[a][i] - p.exact[a][i]) <= 0x1.02p-7 * p.most[a][i]);
        }
    printf("%s: %zu x %u x %u: %.1e from rounded operands, %.1e from others\n", name, n, in, out,
           worst, half);
    drop(&p);
}

static void all(const char *name, const struct emo_dense_tiles *k)
{
    compare(name, k, 32, 448, 256);
    compare(name, k, 9, 1100, 48);
    compare(name, k, 25, 133, 70);
    compare(name, k, 70, 97, 33);
    compare(name, k, 1, 32, 16);
    compare(name, k, 16, 5000, 17);
}

int main(void)
{
    enum emo_isa best;
    unsetenv("EMO_ISA");
    all("emulated", &emulated);
    CHECK(emo_isa_choose(&best, &err) == 0);
    const struct emo_layer wide = {.c = 448, .oc = 256}, narrow = {.c = 512, .oc = 1};
    const struct emo_dense_tiles *k = emo_dense_tiles(best, &wide);
    CHECK(emo_dense_tiles(best, &narrow) == NULL);
    if (k != NULL)
        all("tiles", k);
    return 0;
}
