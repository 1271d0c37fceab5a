/*
 * Dense layers: every version is as near to double as the plain one, and a row's result does not
 * depend on how many rows, or on which columns, are asked for at once.
 */
#include "check.h"
#include "net/kernels/dense.h"
#include "net/kernels/plain.h"

#include <math.h>

static uint64_t state = 1;
static void *randoms(size_t n, double **wide)
{
    float *p = malloc((n + 1) * sizeof *p);
    *wide = malloc((n + 1) * sizeof **wide);
    CHECK(p != NULL && *wide != NULL);
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        (*wide)[i] = (double)(p[i] = (float)(state >> 40) / 16777216.0f - .5f);
    }
    return p;
}

static void near(const float *a, const float *plain, const double *b, size_t n)
{
    double da = 0, dp = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        da += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        dp += ((double)plain[i] - b[i]) * ((double)plain[i] - b[i]);
        norm += b[i] * b[i];
    }
    CHECK(norm > 0 && sqrt(da) <= 2 * sqrt(dp) + 1e-7 * sqrt(norm));
}

static void compare(const struct emo_dense_kernel *k, size_t n, uint32_t in, uint32_t out)
{
    struct emo_layer l = {.kind = EMO_DENSE, .c = in, .oc = out, .h = 1, .w = 1, .oh = 1, .ow = 1};
    double *d[9];
    size_t sizes[9] = {n * in, (size_t)in * out, out, n * out, n * out, n * in, (size_t)in * out,
                       out, (size_t)in * out};
    float *f[9], *g[9];
    for (int i = 0; i < 9; i++) {
        double *spare;
        f[i] = randoms(sizes[i], &d[i]);
        g[i] = randoms(sizes[i], &spare);
        free(spare);
    }
    enum { X, W, B, GY, Y, GX, GW, GB };
    /* In pieces, as the executor asks for them. */
    for (size_t from = 0; from < out; from += 64)
        k->forward(&l, n, f[X], f[W], f[B], from, from + 64 < out ? from + 64 : out, f[Y]);
    for (size_t from = 0; from < in; from += 64) {
        size_t to = from + 64 < in ? from + 64 : in;
        k->backward_data(&l, n, f[GY], f[W], from, to, f[GX]);
        k->backward_weights(&l, n, f[X], f[GY], from, to, f[GW], f[GB]);
    }
    emo_f_dense_forward(&l, n, f[X], f[W], f[B], 0, out, g[Y]);
    emo_f_dense_backward_data(&l, n, f[GY], f[W], 0, in, g[GX]);
    emo_f_dense_backward_weights(&l, n, f[X], f[GY], 0, in, g[GW], g[GB]);
    emo_d_dense_forward(&l, n, d[X], d[W], d[B], 0, out, d[Y]);
    emo_d_dense_backward_data(&l, n, d[GY], d[W], 0, in, d[GX]);
    emo_d_dense_backward_weights(&l, n, d[X], d[GY], 0, in, d[GW], d[GB]);
    for (int i = Y; i <= GB; i++)
        near(f[i], g[i], d[i], sizes[i]);
    for (size_t r = 0; r < n; r++) {
        k->forward(&l, 1, f[X] + r * in, f[W], f[B], 0, out, g[Y]);
        CHECK(memcmp(g[Y], f[Y] + r * out, out * sizeof(float)) == 0);
    }
    for (int i = 0; i < 9; i++) {
        free(f[i]);
        free(g[i]);
        free(d[i]);
    }
}

int main(void)
{
    enum emo_isa best;
    unsetenv("EMO_ISA");
    CHECK(emo_isa_choose(&best, &err) == 0);
    for (int isa = 0; isa <= (int)best; isa++) {
        const struct emo_dense_kernel *k = emo_dense_kernel((enum emo_isa)isa);
        compare(k, 32, 448, 256);
        compare(k, 25, 133, 70);
        compare(k, 1, 7, 1);
        compare(k, 6, 64, 3);
        printf("%s: as near to double as the plain arithmetic\n",
               emo_isa_name((enum emo_isa)isa));
    }
    return 0;
}
