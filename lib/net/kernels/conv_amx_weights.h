/*
 * The gradient of the weights: for each tap, 32 channels of the input by 32 of the output are 2 x 2
 * tiles of sums over all places of the output.
 *
 * Places are numbered on, row after row of `wide` of them and record after record, 32 in a depth of
 * tiles; some at the end of a row, and rows at the end of a record, are of nobody and have a
 * gradient of 0. a is the input: channels as rows of places. It is taken apart by the remainders of
 * its row and column by the stride, so that for a tap the places are what lies beside each other,
 * from one number on. b is pairs of places' gradients.
 */
#include "net/kernels/conv_amx.h"

#define WORKED_ON (1280 << 10) /* bytes of the second cache */

struct places {
    size_t terms;
    size_t wide, plane;           /* of a row; of a record */
    size_t phase_rows, phase_columns;
    size_t records;               /* at a time */
    size_t channel, a_apart;      /* halves of an input channel; of a term */
    size_t depths;                /* tiles of 32 places */
    size_t row;                   /* halves of a row of the input */
};

static struct places places_of(const struct emo_conv *c, size_t records)
{
    const struct emo_layer *l = c->layer;
    struct places p = {.terms = terms_of(c)};
    size_t below = (l->kernel_h - 1) / l->stride, right = (l->kernel_w - 1) / l->stride;
    p.wide = up(l->ow + right, EMO_TILE);
    p.plane = (l->oh + below) * p.wide;
    p.phase_rows = l->stride < l->kernel_h ? l->stride : l->kernel_h;
    p.phase_columns = l->stride < l->kernel_w ? l->stride : l->kernel_w;
    size_t phases = p.phase_rows * p.phase_columns;
    size_t bytes = p.terms * p.plane * (phases * l->c + l->oc) * sizeof(uint16_t);
    p.records = bytes < WORKED_ON ? WORKED_ON / bytes : 1;
    p.records = p.records < records ? p.records : records;
    p.depths = up(p.records * p.plane, EMO_TILE_DEPTH) / EMO_TILE_DEPTH;
    p.channel = emo_tile_lines(phases * p.records * p.plane + EMO_TILE_DEPTH + below * p.wide +
                               right);
    p.a_apart = p.channel * l->c;
    p.row = p.wide * l->stride * l->c;
    return p;
}

static size_t weights_scratch(const struct emo_conv *c, size_t records)
{
    const struct places p = places_of(c, records);
    return p.terms * (p.depths * c->layer->oc * EMO_TILE + (p.a_apart + p.row) / 2 + EMO_TILE);
}

/* Row y of the padded input as halves [term][x][channel], zero beyond it. */
static void load_input_row(const struct emo_conv *c, const struct places *p, const float *x,
                           size_t y, uint16_t *row)
{
    const struct emo_layer *l = c->layer;
    memset(row, 0, p->terms * p->row * sizeof *row);
    if (y < l->top || y - l->top >= l->h)
        return;
    size_t places = p->row / l->c, n = places > l->left ? places - l->left : 0;
    n = n < l->w ? n : l->w;
    for (size_t k = 0; k < l->c; k += EMO_TILE_DEPTH)
        for (size_t i = 0; i < n; i++) {
            emo_floats v[2];
            load_channels(x, (size_t)l->h * l->w, (y - l->top) * l->w + i, c->in_block, k, v);
            emo_halves_cut(v, p->terms, p->row, row + (l->left + i) * l->c + k);
        }
}

/* Record r of those worked on, to a. */
static void load_input(const struct emo_conv *c, const struct places *p, const float *x, size_t r,
                       uint16_t *row, uint16_t *a)
{
    const struct emo_layer *l = c->layer;
    size_t s = l->stride, rows = p->plane / p->wide;
    for (size_t y = 0; y < rows * s; y++) {
        if (y % s >= p->phase_rows)
            continue;
        load_input_row(c, p, x, y, row);
        for (size_t px = 0; px < p->phase_columns; px++) {
            size_t phase = (y % s * p->phase_columns + px) * p->records + r;
            uint16_t *to = a + phase * p->plane + y / s * p->wide;
            for (size_t t = 0; t < p->terms; t++)
                for (size_t k = 0; k < l->c; k += EMO_TILE)
                    for (size_t q = 0; q < p->wide; q += EMO_TILE)
                        emo_halves_turn(row + t * p->row + (q * s + px) * l->c + k, s * l->c,
                                        EMO_TILE, p->channel,
                                        to + t * p->a_apart + k * p->channel + q);
        }
    }
}

/* Record r of those worked on, to b: tiles [depth][32 channels][term][16 of them]. */
static void load_gradients(const struct emo_conv *c, const struct places *p, const float *gy,
                           size_t r, float *b)
{
    const struct emo_layer *l = c->layer;
    size_t pixels = (size_t)l->oh * l->ow, block = c->out_block;
    for (size_t o = 0; o < l->oc; o += EMO_TILE) {
        const float *from = gy + o / block * pixels * block + o % block;
        for (size_t y = 0; y < l->oh; y++)
            for (size_t x = 0; x < l->ow; x += 2) {
                const float *at = from + (y * l->ow + x) * block;
                size_t place = r * p->plane + y * p->wide + x;
                size_t tile = (place / EMO_TILE_DEPTH * l->oc / PAIR + o / PAIR) * p->terms * 2 +
                              o / EMO_TILE % 2;
                emo_floats v[2] = {*(const emo_loose_floats *)(const void *)at, {0}};
                if (x + 1 < l->ow)
                    v[1] = *(const emo_loose_floats *)(const void *)(at + block);
                float *to = b + tile * EMO_TILE_NUMBERS + place % EMO_TILE_DEPTH / 2 * EMO_TILE;
                emo_halves_pair(v, p->terms, 2 * B_TILES, (uint16_t *)(void *)to);
            }
    }
}

/* No gradient where nobody is, and numbers of some kind where tiles read on behind a channel. */
static void clear(const struct emo_conv *c, const struct places *p, float *b, uint16_t *a)
{
    size_t used = p->phase_rows * p->phase_columns * p->records * p->plane;
    memset(b, 0, p->depths * c->layer->oc * EMO_TILE * p->terms * sizeof *b);
    for (size_t i = 0; i < p->terms * c->layer->c; i++)
        memset(a + i * p->channel + used, 0, (p->channel - used) * sizeof *a);
}

/* Of a tap: 32 rows of gw by 32 columns. */
static inline void add_to_weights(const struct places *p, const uint16_t *a, const float *b,
                                  size_t oc, float *gw)
{
    size_t stride = p->channel * sizeof *a, apart = p->a_apart, terms = p->terms;
    size_t line = oc * sizeof *gw, next = oc / PAIR * terms * B_TILES;
    const uint16_t *second = a + EMO_TILE * p->channel;
    EMO_TILE_LOAD(0, gw, line);
    EMO_TILE_LOAD(1, gw + EMO_TILE, line);
    EMO_TILE_LOAD(2, gw + EMO_TILE * oc, line);
    EMO_TILE_LOAD(3, gw + EMO_TILE * oc + EMO_TILE, line);
    for (size_t d = 0; d < p->depths; d++, b += next)
        add_products(terms, a + d * EMO_TILE_DEPTH, second + d * EMO_TILE_DEPTH, apart, stride, b);
    EMO_TILE_STORE(0, gw, line);
    EMO_TILE_STORE(1, gw + EMO_TILE, line);
    EMO_TILE_STORE(2, gw + EMO_TILE * oc, line);
    EMO_TILE_STORE(3, gw + EMO_TILE * oc + EMO_TILE, line);
}

/* The sum of all gradients of each channel. */
static void sum_gradients(const struct emo_conv *c, size_t records, const float *gy, float *gb)
{
    size_t pixels = (size_t)c->layer->oh * c->layer->ow, b = c->out_block, oc = c->layer->oc;
    for (size_t o = 0; o < oc; o += EMO_TILE) {
        emo_floats sum = {0};
        for (size_t r = 0; r < records; r++)
            for (size_t i = 0; i < pixels; i++)
                sum += *(const emo_loose_floats *)(const void *)(
                    gy + r * pixels * oc + (o / b * pixels + i) * b + o % b);
        *(emo_loose_floats *)(void *)(gb + o) = sum;
    }
}

static void backward_weights(const struct emo_conv *c, size_t records, const float *x,
                             const float *gy, float *gw, float *gb, float *scratch)
{
    const struct emo_layer *l = c->layer;
    const struct places p = places_of(c, records);
    size_t gradients = p.depths * l->oc * EMO_TILE * p.terms, s = l->stride;
    float *b = scratch;
    uint16_t *a = (uint16_t *)(void *)(b + gradients), *row = a + p.terms * p.a_apart;
    memset(gw, 0, (size_t)l->kernel_h * l->kernel_w * l->c * l->oc * sizeof *gw);
    clear(c, &p, b, a);
    sum_gradients(c, records, gy, gb);
    EMO_TILES_BEGIN();
    for (size_t first = 0; first < records; first += p.records) {
        size_t n = records - first < p.records ? records - first : p.records;
        if (n < p.records) /* what these do not replace counts nothing */
            clear(c, &p, b, a);
        for (size_t r = 0; r < n; r++) {
            load_input(c, &p, x + (first + r) * emo_layer_in(l), r, row, a);
            load_gradients(c, &p, gy + (first + r) * emo_layer_out(l), r, b);
        }
        for (size_t k = 0; k < l->c; k += PAIR)
            for (size_t tap = 0; tap < (size_t)l->kernel_h * l->kernel_w; tap++) {
                size_t ky = tap / l->kernel_w, kx = tap % l->kernel_w;
                size_t phase = (ky % s * p.phase_columns + kx % s) * p.records;
                const uint16_t *at = a + k * p.channel + phase * p.plane + ky / s * p.wide + kx / s;
                for (size_t o = 0; o < l->oc; o += PAIR)
                    add_to_weights(&p, at, b + o / PAIR * p.terms * B_TILES, l->oc,
                                   gw + (tap * l->c + k) * l->oc + o);
            }
    }
    EMO_TILES_END();
}
