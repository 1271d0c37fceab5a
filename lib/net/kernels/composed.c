#include "net/kernels/composed.h"

#include <string.h>

/* Rows of A; numbers of C that one row of places of A meets, and that lie together. */
static size_t rows_of(const struct emo_fold *f)
{
    return (size_t)f->ah * f->aw * f->in;
}

static size_t run_of(const struct emo_fold *f)
{
    return (size_t)f->aw * f->in * f->out;
}

/* Where in C the run of row ay begins, for place k of B. */
static size_t meeting(const struct emo_fold *f, size_t k, size_t ay)
{
    size_t width = f->aw + ((size_t)f->bw - 1) * f->stride;
    size_t y = k / f->bw * f->stride + ay, x = k % f->bw * f->stride;
    return (y * width + x) * f->in * f->out;
}

static struct emo_layer dense_of(const struct emo_fold *f)
{
    return (struct emo_layer){.c = f->between, .oc = f->out};
}

static void add(size_t n, const float *restrict from, float *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

size_t emo_composed_scratch(const struct emo_fold *f)
{
    return rows_of(f) * ((size_t)f->between + f->out) + f->between + f->out;
}

void emo_composed(const struct emo_fold *f, const struct emo_dense_kernel *dense, const float *a,
                  const float *a_bias, const float *b, const float *b_bias, float *w, float *bias,
                  float *scratch)
{
    const struct emo_layer l = dense_of(f);
    size_t out = f->out, run = run_of(f), height = f->ah + ((size_t)f->bh - 1) * f->stride;
    size_t width = f->aw + ((size_t)f->bw - 1) * f->stride;
    float *y = scratch, *zero = y + rows_of(f) * out;
    memset(zero, 0, out * sizeof *zero);
    memset(w, 0, height * width * f->in * out * sizeof *w);
    memcpy(bias, b_bias != NULL ? b_bias : zero, out * sizeof *bias);
    for (size_t k = 0; k < (size_t)f->bh * f->bw; k++, b += (size_t)f->between * out) {
        dense->forward(&l, rows_of(f), a, b, zero, 0, out, y);
        for (size_t ay = 0; ay < f->ah; ay++)
            add(run, y + ay * run, w + meeting(f, k, ay));
        if (a_bias != NULL) {
            dense->forward(&l, 1, a_bias, b, zero, 0, out, y);
            add(out, y, bias);
        }
    }
}

void emo_composed_chain(const struct emo_fold *f, const struct emo_dense_kernel *dense,
                        const float *a, const float *a_bias, const float *b, const float *gw,
                        const float *gbias, float *ga, float *ga_bias, float *gb, float *gb_bias,
                        float *scratch)
{
    const struct emo_layer l = dense_of(f);
    size_t between = f->between, out = f->out, run = run_of(f), rows = rows_of(f);
    float *met = scratch, *part = met + rows * out, *sums = part + rows * between;
    if (ga != NULL)
        memset(ga, 0, rows * between * sizeof *ga);
    if (ga_bias != NULL)
        memset(ga_bias, 0, between * sizeof *ga_bias);
    if (gb_bias != NULL)
        memcpy(gb_bias, gbias, out * sizeof *gb_bias);
    for (size_t k = 0; k < (size_t)f->bh * f->bw; k++, b += between * out) {
        for (size_t ay = 0; ay < f->ah; ay++)
            memcpy(met + ay * run, gw + meeting(f, k, ay), run * sizeof *met);
        if (ga != NULL) {
            dense->backward_data(&l, rows, met, b, 0, between, part);
            add(rows * between, part, ga);
        }
        if (ga_bias != NULL) {
            dense->backward_data(&l, 1, gbias, b, 0, between, part);
            add(between, part, ga_bias);
        }
        if (gb == NULL)
            continue;
        dense->backward_weights(&l, rows, a, met, 0, between, gb, sums);
        for (size_t m = 0; a_bias != NULL && m < between; m++)
            for (size_t o = 0; o < out; o++)
                gb[m * out + o] += a_bias[m] * gbias[o];
        gb += between * out;
    }
}
