/*
 * The arithmetic of first.h. Included with LANES, the floats of a vector; VECTORS of channels and
 * PAIRS of pooled places (4 * VECTORS * PAIRS sums) at a time going forward; SUMS vectors, or FEW for
 * a small kernel, at a time going backward; and KERNEL, the name of the table.
 */
#include "net/kernels/bf16.h"
#include "net/kernels/first_lanes.h"

#include <string.h>

#define GROUP (VECTORS * LANES) /* channels at a time */
#define CACHE 24576             /* bytes of windows at a time going backward */

/* Floats of one kernel row in whole vectors. */
static size_t tap_vectors(const struct emo_first *f)
{
    return (taps(f) + LANES - 1) / LANES;
}

/* Floats of a whole kernel, row after row, in as many vectors as are summed together. */
static size_t window_floats(const struct emo_first *f)
{
    size_t vectors = (f->conv->kernel_h * taps(f) + LANES - 1) / LANES;
    return round_up(vectors, vectors <= FEW ? FEW : SUMS) * LANES;
}

/* Pooled places whose windows stay in the first cache while all channels go over them. */
static size_t run_length(const struct emo_first *f)
{
    size_t n = CACHE / (4 * window_floats(f) * sizeof(float));
    return n > 0 ? n : 1;
}

/* A row of pixels as floats, padding included, and room for what the last block or vector reads
   beyond what it uses. In lines of 64 bytes it is 12 more than a multiple of 32: the rows of a band
   then fall on different sets of the first cache, which has 64. */
static size_t row_floats(const struct emo_first *f)
{
    const struct emo_layer *l = f->conv;
    size_t places = round_up((size_t)2 * f->pw, 2 * PAIRS);
    size_t need = places * l->stride * l->c + (tap_vectors(f) + 1) * LANES;
    size_t have = ((size_t)l->left + l->w + l->right) * l->c + LANES;
    size_t lines = ((need > have ? need : have) + 15) / 16;
    return (round_up(lines + 20, 32) - 20) * 16;
}

/* A place is a number from 0 to 3, and lies as the result does. */
static size_t places(const struct emo_first *f)
{
    return (size_t)f->ph * f->pw * f->conv->oc;
}

static size_t packed_floats(const struct emo_first *f)
{
    return round_up(f->conv->oc, GROUP) * f->conv->kernel_h * taps(f);
}

/* A band of rows, the windows of a run, the sums. */
static size_t windows_floats(const struct emo_first *f)
{
    return 4 * run_length(f) * window_floats(f) + LANES;
}
static size_t scratch_floats(const struct emo_first *f)
{
    return band(f) * row_floats(f) + windows_floats(f) + f->conv->oc * window_floats(f);
}

/* [group of channels][ky][kx, i][channel of the group]. */
static void pack(const struct emo_first *f, const float *hwio, float *packed)
{
    size_t oc = f->conv->oc, rows = f->conv->kernel_h * taps(f);
    for (size_t g = 0; g < oc; g += GROUP)
        for (size_t r = 0; r < rows; r++)
            for (size_t o = g; o < g + GROUP; o++)
                packed[g * rows + r * GROUP + o - g] = o < oc ? hwio[r * oc + o] * (1.0f / 255.0f)
                                                               : 0;
    if (f->bf16)
        emo_bf16_round(packed, packed_floats(f), packed);
}

/* Row y of the padded image into to. */
static void load_row(const struct emo_first *f, const uint8_t *image, int64_t y, float *restrict to)
{
    const struct emo_layer *l = f->conv;
    size_t n = (size_t)l->w * l->c, left = (size_t)l->left * l->c;
    if (y < 0 || y >= l->h) {
        memset(to, 0, row_floats(f) * sizeof *to);
        return;
    }
    const uint8_t *restrict from = image + (size_t)y * f->pitch;
    for (size_t i = 0; i < n; i++)
        to[left + i] = (float)from[i];
}

/* Makes rows hold what pooled row py looks at; rows that it shares with the one before move. */
static void load_band(const struct emo_first *f, const uint8_t *image, size_t py, float *rows)
{
    size_t n = row_floats(f), all = band(f), step = (size_t)2 * f->conv->stride, shared = 0;
    if (py > 0 && step < all) {
        shared = all - step;
        memmove(rows, rows + step * n, shared * n * sizeof *rows);
    }
    for (size_t r = shared; r < all; r++)
        load_row(f, image, (int64_t)(py * step + r) - f->conv->top, rows + r * n);
}

/* What is beside a row's pixels stays zero. */
static void clear(const struct emo_first *f, float *rows)
{
    memset(rows, 0, band(f) * row_floats(f) * sizeof *rows);
}

struct best {
    floats value;
    ints place;
};

static inline struct best larger(struct best a, floats b, int place)
{
    ints more = b > a.value;
    return (struct best){(floats)(((ints)b & more) | ((ints)a.value & ~more)),
                         (place & more) | (a.place & ~more)};
}

/* PAIRS pooled places of a group of channels; x: where the first window begins. */
static inline void forward_block(const struct emo_first *f, const float *x, const float *w,
                                 struct best best[PAIRS][VECTORS])
{
    size_t row = row_floats(f), n = taps(f), step = (size_t)f->conv->stride * f->conv->c;
    floats s[2][2 * PAIRS][VECTORS] = {{{{0}}}};
    for (size_t ky = 0; ky < f->conv->kernel_h; ky++) {
        const float *x0 = x + ky * row, *x1 = x0 + f->conv->stride * row;
        for (size_t j = 0; j < n; j++, w += GROUP) {
            floats wv[VECTORS];
            _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++)
                wv[v] = *(const floats *)(const void *)(w + v * LANES);
            _Pragma("GCC unroll 8") for (int p = 0; p < 2 * PAIRS; p++) {
                float a = x0[j + (size_t)p * step], b = x1[j + (size_t)p * step];
                _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++) {
                    s[0][p][v] += wv[v] * a;
                    s[1][p][v] += wv[v] * b;
                }
            }
        }
    }
    _Pragma("GCC unroll 8") for (int p = 0; p < PAIRS; p++)
        _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++) {
            struct best b = {s[0][2 * p][v], (ints){0}};
            b = larger(b, s[0][2 * p + 1][v], 1);
            b = larger(b, s[1][2 * p][v], 2);
            best[p][v] = larger(b, s[1][2 * p + 1][v], 3);
        }
}

static void forward(const struct emo_first *f, const uint8_t *image, const float *packed,
                    const float *bias, void *to, uint16_t *place, float *scratch)
{
    float *y = to;
    size_t oc = f->conv->oc, plane = (size_t)f->ph * f->pw, b = f->block;
    size_t step = (size_t)2 * f->conv->stride * f->conv->c;
    size_t weights = f->conv->kernel_h * taps(f) * GROUP;
    clear(f, scratch);
    for (size_t py = 0; py < f->ph; py++) {
        load_band(f, image, py, scratch);
        for (size_t g = 0; g < oc; g += GROUP)
            for (size_t px = 0; px < f->pw; px += PAIRS) {
                struct best best[PAIRS][VECTORS];
                forward_block(f, scratch + px * step, packed + g / GROUP * weights, best);
                for (size_t v = 0; v < VECTORS && g + v * LANES < oc; v++) {
                    size_t o = g + v * LANES;
                    floats add = *(const loose *)(const void *)(bias + o);
                    for (size_t p = 0; p < PAIRS && px + p < f->pw; p++) {
                        size_t at = (o / b * plane + py * f->pw + px + p) * b + o % b;
                        *(loose *)(void *)(y + at) = best[p][v].value + add;
                        *(loose_shorts *)(void *)(place + at) =
                            __builtin_convertvector(best[p][v].place, shorts);
                    }
                }
            }
    }
}

/* The four windows under each of n pooled places, one after the other. Whole vectors are copied:
   what is too much, the next row or window overwrites. */
static void copy_windows(const struct emo_first *f, size_t n, const float *x0, float *to)
{
    size_t kernel = f->conv->kernel_h, n_row = taps(f), wide = tap_vectors(f) * LANES;
    size_t row = row_floats(f), step = (size_t)f->conv->stride * f->conv->c;
    for (size_t p = 0; p < n; p++)
        for (size_t q = 0; q < 4; q++, to += window_floats(f)) {
            const float *x = x0 + (2 * p + q % 2) * step + q / 2 * f->conv->stride * row;
            for (size_t ky = 0; ky < kernel; ky++)
                for (size_t j = 0; j < wide; j += LANES)
                    *(loose *)(void *)(to + ky * n_row + j) =
                        *(const loose *)(const void *)(x + ky * row + j);
        }
}

/* One channel, n pooled places, count vectors of its kernel. */
static inline void backward_run(size_t n, size_t window, size_t block, const int count,
                                const float *x, const float *g, const uint16_t *place, float *to)
{
    floats s[SUMS];
    _Pragma("GCC unroll 16") for (int k = 0; k < count; k++)
        s[k] = *(const floats *)(const void *)(to + k * LANES);
    for (size_t p = 0; p < n; p++, g += block, place += block) {
        const float *from = x + (4 * p + *place) * window;
        float by = *g;
        _Pragma("GCC unroll 16") for (int k = 0; k < count; k++)
            s[k] += *(const floats *)(const void *)(from + k * LANES) * by;
    }
    _Pragma("GCC unroll 16") for (int k = 0; k < count; k++)
        *(floats *)(void *)(to + k * LANES) = s[k];
}

/* A pooled row: every channel's kernel, a run of places at a time. */
static void backward_row(const struct emo_first *f, const float *rows, const float *g,
                         const uint16_t *place, float *windows, float *sums)
{
    size_t oc = f->conv->oc, plane = (size_t)f->ph * f->pw, b = f->block, run = run_length(f);
    size_t step = (size_t)2 * f->conv->stride * f->conv->c, window = window_floats(f);
    for (size_t px = 0; px < f->pw; px += run) {
        size_t n = f->pw - px < run ? f->pw - px : run;
        copy_windows(f, n, rows + px * step, windows);
        for (size_t o = 0; o < oc; o++) {
            size_t at = (o / b * plane + px) * b + o % b;
            float *to = sums + o * window;
            if (window <= FEW * LANES)
                backward_run(n, window, b, FEW, windows, g + at, place + at, to);
            else
                for (size_t k = 0; k < window; k += SUMS * LANES)
                    backward_run(n, window, b, SUMS, windows + k, g + at, place + at, to + k);
        }
    }
}

/* Of one image. */
static void add_bias_gradient(const struct emo_first *f, const float *g, float *gb)
{
    size_t oc = f->conv->oc, plane = (size_t)f->ph * f->pw, b = f->block;
    for (size_t o = 0; o < oc; o += LANES) {
        const float *from = g + o / b * plane * b + o % b;
        floats s = *(const loose *)(const void *)(gb + o);
        for (size_t p = 0; p < plane; p++)
            s += *(const loose *)(const void *)(from + p * b);
        *(loose *)(void *)(gb + o) = s;
    }
}

static void backward(const struct emo_first *f, size_t n, const uint8_t *const *images,
                     const void *gradients, const uint16_t *place, bool first, bool last, float *gw,
                     float *gb, float *scratch)
{
    const float *gy = gradients;
    size_t oc = f->conv->oc, plane = (size_t)f->ph * f->pw, b = f->block;
    size_t window = window_floats(f), weights = f->conv->kernel_h * taps(f);
    float *rows = scratch, *sums = rows + band(f) * row_floats(f), *windows = sums + oc * window;
    if (first) {
        clear(f, rows);
        memset(sums, 0, oc * window * sizeof *sums);
        memset(windows, 0, windows_floats(f) * sizeof *windows);
        memset(gb, 0, oc * sizeof *gb);
    }
    for (size_t r = 0; r < n; r++, gy += plane * oc, place += plane * oc) {
        for (size_t py = 0; py < f->ph; py++) {
            load_band(f, images[r], py, rows);
            backward_row(f, rows, gy + py * f->pw * b, place + py * f->pw * b, windows, sums);
        }
        add_bias_gradient(f, gy, gb);
    }
    for (size_t j = 0; last && j < weights; j++)
        for (size_t o = 0; o < oc; o++)
            gw[j * oc + o] = sums[o * window + j] * (1.0f / 255.0f);
}

const struct emo_first_kernel KERNEL = {
    .lanes = LANES,
    .rounded = true,
    .places = places,
    .packed = packed_floats,
    .scratch = scratch_floats,
    .pack = pack,
    .forward = forward,
    .backward = backward,
};
