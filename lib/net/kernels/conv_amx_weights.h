/*
 * The gradient of the weights: for each tap, 32 channels of the output by 16 of the input are two
 * tiles of sums over all places of the output.
 *
 * Tiles take places in pairs: one of the upper half of the output's rows and the one as far down in
 * the lower half. Pairs are numbered on, row after row of `wide` of them, 16 in a depth of tiles;
 * those at the end of a row and behind the last are of nobody and have a gradient of 0. a is the
 * gradients: channels as rows of pairs. b is the input, pairs as rows of channels, taken apart by
 * the remainders of its row and column by the stride, so that for a tap the pairs are what lies
 * beside each other, from one or another on.
 */
#include "net/kernels/conv_amx.h"

#define WORKED_ON (640 << 10) /* bytes of the second cache, beside what comes and goes */

struct places {
    size_t terms;
    size_t rows, wide;            /* of pairs; `below` and `right` more of the input */
    size_t below, right;
    size_t phase_rows, phase_columns;
    size_t records, part;         /* at a time; rows of each */
    size_t depths;                /* of a part: tiles of 16 pairs */
    size_t channel, a_apart;      /* halves of a channel of a; of a term */
    size_t plane, b_record;       /* floats of 16 channels of b; of a phase and record */
    size_t line;                  /* halves of a row of gradients */
};

static struct places places_of(const struct emo_conv *c, size_t records)
{
    const struct emo_layer *l = c->layer;
    struct places p = {.terms = terms_of(c), .rows = ((size_t)l->oh + 1) / 2};
    p.below = (l->kernel_h - 1) / l->stride;
    p.right = (l->kernel_w - 1) / l->stride;
    p.wide = l->ow + p.right;
    p.phase_rows = l->stride < l->kernel_h ? l->stride : l->kernel_h;
    p.phase_columns = l->stride < l->kernel_w ? l->stride : l->kernel_w;
    size_t row = (p.phase_rows * p.phase_columns * l->c + l->oc) * p.wide * p.terms * 4; /* bytes */
    size_t parts = (p.rows * row + WORKED_ON - 1) / WORKED_ON;
    p.part = (p.rows + parts - 1) / parts;
    size_t most = parts > 1 ? 1 : WORKED_ON / (p.rows * row), times = (records + most - 1) / most;
    p.records = (records + times - 1) / times;
    p.depths = up(p.part * p.wide, EMO_TILE) / EMO_TILE;
    p.plane = (p.depths * EMO_TILE + p.below * p.wide + p.right) * EMO_TILE;
    p.b_record = p.plane * p.terms * l->c / EMO_TILE;
    p.channel = emo_tile_lines(p.records * p.depths * EMO_TILE_DEPTH + EMO_TILE);
    p.a_apart = p.channel * l->oc;
    p.line = up(2 * p.wide, EMO_TILE) * l->oc;
    return p;
}

static size_t floats_of_b(const struct places *p)
{
    return p->phase_rows * p->phase_columns * p->records * p->b_record;
}

static size_t weights_scratch(const struct emo_conv *c, size_t records)
{
    const struct places p = places_of(c, records);
    const struct emo_layer *l = c->layer;
    return (size_t)l->kernel_h * l->kernel_w * l->c * l->oc + floats_of_b(&p) +
           p.terms * (p.a_apart + p.line) / 2;
}

/* 32 channels from k of row j of a phase's pairs, from x; rows and columns around it are zeros. */
static inline void pair_row(const struct emo_conv *c, const struct places *p, const float *x,
                            size_t top, size_t left, size_t j, size_t k, size_t terms, float *to)
{
    static const float nothing[EMO_TILE];
    const struct emo_layer *l = c->layer;
    size_t s = l->stride, block = c->in_block, pixels = (size_t)l->h * l->w;
    for (size_t h = 0; h < PAIR; h += EMO_TILE, to += p->plane * terms) {
        const float *from = channels_at(x, pixels, block, k + h), *rows[2] = {NULL, NULL};
        for (size_t i = 0; i < 2; i++) {
            size_t y = (j + i * p->rows) * s + top - l->top;
            rows[i] = y < l->h ? from + y * l->w * block : NULL;
        }
        for (size_t i = 0; i < p->wide; i++) {
            size_t at = i * s + left - l->left;
            emo_floats v[2];
            for (size_t n = 0; n < 2; n++)
                v[n] = *(const emo_loose_floats *)(const void *)(
                    rows[n] != NULL && at < l->w ? rows[n] + at * block : nothing);
            emo_halves_pair(v, terms, 2 * p->plane, (uint16_t *)(void *)(to + i * EMO_TILE));
        }
    }
}

/* The same where x is halves, pixel by pixel. */
static inline void pair_halves(const struct emo_conv *c, const struct places *p, const uint16_t *x,
                               size_t top, size_t left, size_t j, size_t k, float *to)
{
    static const uint16_t nothing[PAIR];
    const struct emo_layer *l = c->layer;
    const uint16_t *rows[2];
    for (size_t i = 0; i < 2; i++) {
        size_t y = (j + i * p->rows) * l->stride + top;
        rows[i] = y < l->h ? x + y * l->w * l->c + k : NULL;
    }
    for (size_t i = 0; i < p->wide; i++, to += EMO_TILE) {
        size_t at = i * l->stride + left;
        const uint16_t *from[2];
        for (size_t n = 0; n < 2; n++)
            from[n] = rows[n] != NULL && at < l->w ? rows[n] + at * l->c : nothing;
        emo_halves_interleave(from[0], from[1], (uint16_t *)(void *)to,
                              (uint16_t *)(void *)(to + p->plane));
    }
}

/* A record from row y as b: [phase][record][16 channels][term][pair][channel]. */
static void load_input(const struct emo_conv *c, const struct places *p, const void *x, size_t y,
                       size_t r, float *b)
{
    const struct emo_layer *l = c->layer;
    for (size_t phase = 0; phase < p->phase_rows * p->phase_columns; phase++) {
        size_t top = phase / p->phase_columns, left = phase % p->phase_columns;
        float *to = b + (phase * p->records + r) * p->b_record;
        for (size_t k = 0; k < l->c; k += PAIR, to += 2 * p->terms * p->plane)
            for (size_t j = 0; j < p->part + p->below; j++) {
                float *row = to + j * p->wide * EMO_TILE;
                if (c->halves)
                    pair_halves(c, p, x, top, left, y + j, k, row);
                else if (p->terms == 1)
                    pair_row(c, p, x, top, left, y + j, k, 1, row);
                else
                    pair_row(c, p, x, top, left, y + j, k, 3, row);
            }
    }
}

/* Row y of pairs as halves [term][pair][one of the two][channel]; there are zeros behind it. */
static void load_line(const struct emo_conv *c, const struct places *p, const float *gy, size_t y,
                      uint16_t *line)
{
    const struct emo_layer *l = c->layer;
    size_t block = c->out_block, pixels = (size_t)l->oh * l->ow;
    for (size_t h = 0; h < 2; h++)
        for (size_t o = 0; o < l->oc; o += PAIR) {
            size_t below = y + h * p->rows, row = below * l->ow * block;
            bool there = y < p->rows && below < l->oh;
            const float *first = there ? channels_at(gy, pixels, block, o) + row : NULL;
            const float *second = there ? channels_at(gy, pixels, block, o + EMO_TILE) + row : NULL;
            for (size_t i = 0; i < l->ow; i++) {
                emo_floats v[2] = {{0}, {0}};
                if (there) {
                    v[0] = *(const emo_loose_floats *)(const void *)(first + i * block);
                    v[1] = *(const emo_loose_floats *)(const void *)(second + i * block);
                }
                emo_halves_cut(v, p->terms, p->line, line + (2 * i + h) * l->oc + o);
            }
        }
}

/* A record from row y as a: [term][channel][record][pair][one of the two]. What a row puts behind
   its end the next one replaces, or it is 0. */
static void load_gradients(const struct emo_conv *c, const struct places *p, const float *gy,
                           size_t y, size_t r, uint16_t *line, uint16_t *a)
{
    size_t oc = c->layer->oc;
    for (size_t j = 0; j < p->part; j++) {
        load_line(c, p, gy, y + j, line);
        uint16_t *to = a + r * p->depths * EMO_TILE_DEPTH + 2 * j * p->wide;
        for (size_t t = 0; t < p->terms; t++)
            for (size_t o = 0; o < oc; o += EMO_TILE)
                for (size_t q = 0; q < 2 * p->wide; q += EMO_TILE)
                    emo_halves_turn(line + t * p->line + q * oc + o, oc, EMO_TILE, p->channel,
                                    to + t * p->a_apart + o * p->channel + q);
    }
}

/* Of a tap, over so many records and depths of each: two tiles. */
static inline void add_to_weights(const struct places *p, size_t records, size_t depths,
                                  const uint16_t *a, const float *b, bool first, float *sums,
                                  size_t terms)
{
    size_t stride = p->channel * sizeof *a, second = EMO_TILE * p->channel;
    if (first) {
        zero_sums();
    } else {
        EMO_TILE_LOAD(0, sums, 64);
        EMO_TILE_LOAD(1, sums + EMO_TILE_NUMBERS, 64);
    }
    for (size_t r = 0; r < records; r++, a += p->depths * EMO_TILE_DEPTH, b += p->b_record)
        for (size_t d = 0; d < depths; d++) {
            const uint16_t *at = a + d * EMO_TILE_DEPTH;
            add_products(terms, at, at + second, p->a_apart, stride, b + d * EMO_TILE_NUMBERS,
                         p->plane);
        }
    EMO_TILE_STORE(0, sums, 64);
    EMO_TILE_STORE(1, sums + EMO_TILE_NUMBERS, 64);
}

/* For all taps: sums [tap][16 channels of the input][32 of the output]. What stays in the first cache
   is a; b comes from the second. */
static void add_records(const struct emo_conv *c, const struct places *p, size_t n, size_t depths,
                        const uint16_t *a, const float *b, bool first, float *sums)
{
    const struct emo_layer *l = c->layer;
    size_t s = l->stride;
    EMO_TILES_BEGIN();
    for (size_t o = 0; o < l->oc; o += PAIR)
        for (size_t tap = 0; tap < (size_t)l->kernel_h * l->kernel_w; tap++) {
            size_t ky = tap / l->kernel_w, kx = tap % l->kernel_w;
            size_t phase = ky % s * p->phase_columns + kx % s;
            const float *at = b + phase * p->records * p->b_record;
            float *to = sums + (tap * l->c * l->oc / PAIR + o / PAIR * EMO_TILE) * PAIR;
            at += (ky / s * p->wide + kx / s) * EMO_TILE;
            for (size_t k = 0; k < l->c; k += EMO_TILE, at += p->terms * p->plane) {
                if (p->terms == 1)
                    add_to_weights(p, n, depths, a + o * p->channel, at, first, to, 1);
                else
                    add_to_weights(p, n, depths, a + o * p->channel, at, first, to, 3);
                to += l->oc * EMO_TILE;
            }
        }
    EMO_TILES_END();
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

/* Sums to HWIO. */
static void turn_sums(const struct emo_layer *l, const float *sums, float *gw)
{
    for (size_t k = 0; k < (size_t)l->kernel_h * l->kernel_w * l->c; k += EMO_TILE)
        for (size_t o = 0; o < l->oc; o += EMO_TILE, sums += EMO_TILE_NUMBERS)
            emo_floats_turn(sums, EMO_TILE, l->oc, gw + k * l->oc + o);
}

static void backward_weights(const struct emo_conv *c, size_t records, const void *x,
                             const float *gy, float *gw, float *gb, float *scratch)
{
    const struct emo_layer *l = c->layer;
    const struct places p = places_of(c, records);
    size_t weights = (size_t)l->kernel_h * l->kernel_w * l->c * l->oc, n;
    size_t record = emo_layer_in(l) * (c->halves ? sizeof(uint16_t) : sizeof(float));
    float *sums = scratch, *b = sums + weights;
    uint16_t *a = (uint16_t *)(void *)(b + floats_of_b(&p)), *line = a + p.terms * p.a_apart;
    /* Behind the pairs there is nobody. */
    size_t pairs = 2 * p.part * p.wide, depth = p.depths * EMO_TILE_DEPTH;
    memset(line, 0, p.terms * p.line * sizeof *line);
    for (size_t i = 0; i < p.terms * l->oc; i++)
        for (size_t r = 0; r < p.records; r++)
            memset(a + i * p.channel + r * depth + pairs, 0, (depth - pairs) * sizeof *a);
    /* Numbers of some kind where tiles read on behind the pairs. */
    size_t used = (p.part + p.below) * p.wide * EMO_TILE;
    for (float *plane = b; plane < b + floats_of_b(&p) && used < p.plane; plane += p.plane)
        memset(plane + used, 0, (p.plane - used) * sizeof *plane);
    sum_gradients(c, records, gy, gb);
    for (size_t first = 0; first < records; first += n) {
        n = records - first < p.records ? records - first : p.records;
        for (size_t y = 0; y < p.rows; y += p.part) {
            size_t rows = p.rows - y < p.part ? p.rows - y : p.part;
            for (size_t r = 0; r < n; r++) {
                load_input(c, &p, (const char *)x + (first + r) * record, y, r, b);
                load_gradients(c, &p, gy + (first + r) * emo_layer_out(l), y, r, line, a);
            }
            add_records(c, &p, n, up(rows * p.wide, EMO_TILE) / EMO_TILE, a, b,
                        first == 0 && y == 0, sums);
        }
    }
    turn_sums(l, sums, gw);
}
