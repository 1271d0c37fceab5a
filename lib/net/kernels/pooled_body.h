/*
 * The arithmetic of pooled.h. Included with LANES, the floats of a vector, and KERNEL, the name of
 * the table.
 */
#include "net/kernels/pooled.h"

#include <string.h>

typedef float floats __attribute__((vector_size(4 * LANES)));
/* The same where a vector may lie anywhere. */
typedef float loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define TAPS 9
#define RUN 16 /* pooled places at a time: their pixels, LANES channels of them, are 20 kB */

/* Where the parts of a record lie, in floats. */
struct steps {
    size_t pixel, row, plane; /* of x: a block of channels is a plane */
    size_t window[4];         /* from the first window under a place to the others */
    size_t across, down;      /* from place to place */
    size_t in, out;           /* a record */
};

static struct steps steps(const struct emo_pooled *f)
{
    const struct emo_layer *l = f->conv;
    struct steps s = {.pixel = f->in_block, .row = l->w * f->in_block};
    s.plane = l->h * s.row;
    s.window[1] = l->stride * s.pixel;
    s.window[2] = l->stride * s.row;
    s.window[3] = s.window[1] + s.window[2];
    s.across = 2 * s.window[1];
    s.down = 2 * s.window[2];
    s.in = emo_layer_in(l);
    s.out = emo_layer_out(f->pool);
    return s;
}

/* Where vector i of the channels of a record begins. */
static size_t group(const struct emo_pooled *f, const struct steps *s, size_t i)
{
    return i * LANES / f->in_block * s->plane + i * LANES % f->in_block;
}

/* Weights, kept as [vector of channels i][o][ky, kx][i of the vector], to or from HWIO; 16 o at a
   time, so that what is read across stays in the first cache. */
static void turn(const struct emo_pooled *f, bool pack, const float *from, float *to)
{
    size_t c = f->conv->c, oc = f->conv->oc;
    for (size_t iv = 0; iv < c; iv += LANES)
        for (size_t first = 0; first < oc; first += 16)
            for (size_t tap = 0; tap < TAPS; tap++)
                for (size_t i = 0; i < LANES; i++)
                    for (size_t o = first; o < oc && o < first + 16; o++) {
                        size_t hwio = (tap * c + iv + i) * oc + o;
                        size_t packed = ((iv / LANES * oc + o) * TAPS + tap) * LANES + i;
                        to[pack ? packed : hwio] = from[pack ? hwio : packed];
                    }
}

/* Nine vectors of x, or of gx: three in each of three rows. */
#define EACH_TAP(k) _Pragma("GCC unroll 9") for (size_t k = 0; k < TAPS; k++)
#define TAP(s, k) ((k) / 3 * (s)->row + (k) % 3 * (s)->pixel)

/* Of the same n places in each of so many records. */
static inline void weights_run(const struct steps *s, size_t records, size_t n, size_t b,
                               const float *x, const float *g, const uint16_t *place, float *to)
{
    floats sum[TAPS];
    EACH_TAP(k) sum[k] = *(const floats *)(const void *)(to + k * LANES);
    for (size_t r = 0; r < records; r++, x += s->in, g += s->out, place += s->out)
        for (size_t p = 0; p < n; p++) {
            const float *from = x + p * s->across + s->window[place[p * b]];
            float by = g[p * b];
            EACH_TAP(k) sum[k] += *(const loose *)(const void *)(from + TAP(s, k)) * by;
        }
    EACH_TAP(k) *(floats *)(void *)(to + k * LANES) = sum[k];
}

static inline void data_run(const struct steps *s, size_t n, size_t b, const float *w,
                            const float *g, const uint16_t *place, float *gx)
{
    floats by[TAPS];
    EACH_TAP(k) by[k] = *(const floats *)(const void *)(w + k * LANES);
    for (size_t p = 0; p < n; p++, gx += s->across, g += b, place += b) {
        float *to = gx + s->window[*place];
        float one = *g;
        EACH_TAP(k) *(loose *)(void *)(to + TAP(s, k)) += by[k] * one;
    }
}

static void weights(const struct emo_pooled *f, size_t n, const float *x, const float *g,
                    const uint16_t *place, float *gw, float *gb, float *scratch)
{
    const struct steps s = steps(f);
    size_t c = f->conv->c, oc = f->conv->oc, b = f->out_block;
    size_t ph = f->pool->oh, pw = f->pool->ow, plane = ph * pw;
    memset(scratch, 0, TAPS * c * oc * sizeof *scratch);
    memset(gb, 0, oc * sizeof *gb);
    /* Where a record is a single run, sums are loaded and stored for all records at once. */
    size_t all = ph == 1 && pw <= RUN ? n : 1;
    for (size_t r = 0; r < n; r += all, x += all * s.in, g += all * s.out, place += all * s.out) {
        for (size_t py = 0; py < ph; py++)
            for (size_t px = 0; px < pw; px += RUN)
                for (size_t i = 0; i < c / LANES; i++) {
                    const float *from = x + group(f, &s, i) + py * s.down + px * s.across;
                    size_t run = pw - px < RUN ? pw - px : RUN;
                    float *to = scratch + i * oc * TAPS * LANES;
                    for (size_t o = 0; o < oc; o++, to += TAPS * LANES) {
                        size_t at = (o / b * plane + py * pw + px) * b + o % b;
                        weights_run(&s, all, run, b, from, g + at, place + at, to);
                    }
                }
        for (size_t i = 0; i < all; i++)
            for (size_t first = 0; first < oc; first += b)
                for (size_t p = 0; p < plane; p++)
                    for (size_t o = 0; o < b; o++)
                        gb[first + o] += g[i * s.out + first * plane + p * b + o];
    }
    turn(f, false, scratch, gw);
}

static void data(const struct emo_pooled *f, size_t n, const float *packed, const float *g,
                 const uint16_t *place, float *gx)
{
    const struct steps s = steps(f);
    size_t c = f->conv->c, oc = f->conv->oc, b = f->out_block;
    size_t ph = f->pool->oh, pw = f->pool->ow, plane = ph * pw;
    memset(gx, 0, n * s.in * sizeof *gx);
    for (size_t r = 0; r < n; r++, gx += s.in, g += s.out, place += s.out)
        for (size_t py = 0; py < ph; py++)
            for (size_t px = 0; px < pw; px += RUN)
                for (size_t i = 0; i < c / LANES; i++) {
                    float *to = gx + group(f, &s, i) + py * s.down + px * s.across;
                    size_t run = pw - px < RUN ? pw - px : RUN;
                    const float *w = packed + i * oc * TAPS * LANES;
                    for (size_t o = 0; o < oc; o++, w += TAPS * LANES) {
                        size_t at = (o / b * plane + py * pw + px) * b + o % b;
                        data_run(&s, run, b, w, g + at, place + at, to);
                    }
                }
}

static void pack(const struct emo_pooled *f, const float *hwio, float *packed)
{
    turn(f, true, hwio, packed);
}

const struct emo_pooled_kernel KERNEL = {
    .lanes = LANES,
    .pack = pack,
    .weights = weights,
    .data = data,
};
