/*
 * The gradient of the weights: for each tap, 32 channels of the output by 16 of the input are two
 * tiles of sums over all places of the output.
 *
 * Tiles take places in pairs: one of the upper half of the output's rows and the one as far down in
 * the lower half. Pairs are numbered on, row after row of `wide` of them, 16 in a depth of tiles;
 * those at the end of a row and behind the last are of nobody and have a gradient of 0. Where that takes
 * fewer tiles, records are stacked, pairs numbered on from one to the next. a is the
 * gradients: channels as rows of pairs. b is the input, pairs as rows of channels, taken apart by
 * the remainders of its row and column by the stride, so that for a tap the pairs are what lies
 * beside each other, from one or another on.
 */
#include "net/kernels/conv_amx_pairs.h"

/* Of 32 numbers in depth: a in two tiles, b in one, terms `apart` and `b_apart`. From one product to
   the next one of the two stays, where it can. What is loaded of b is not kept near: it is not met
   again soon, as rows of a are, by other taps and other tiles of b. */
static inline void add_products(size_t terms, const uint16_t *first, const uint16_t *second,
                                size_t apart, size_t stride, const float *b, size_t b_apart)
{
    if (terms == 3) {
        EMO_TILE_LOAD_ONCE(3, b + 2 * b_apart, 64);
        use_first(first, stride);
        EMO_TILE_ZERO(2);
        use_second(second, stride);
        EMO_TILE_ZERO(3);
        EMO_TILE_LOAD_ONCE(3, b + b_apart, 64);
        EMO_TILE_MULTIPLY(1, 2, 3);
        EMO_TILE_ZERO(2);
        use_second(second + apart, stride);
        EMO_TILE_ZERO(2);
        use_first(first, stride);
        EMO_TILE_ZERO(2);
        use_first(first + apart, stride);
        EMO_TILE_ZERO(3);
        EMO_TILE_LOAD_ONCE(3, b, 64);
        EMO_TILE_MULTIPLY(0, 2, 3);
        EMO_TILE_ZERO(2);
        use_second(second + apart, stride);
        EMO_TILE_ZERO(2);
        use_second(second + 2 * apart, stride);
        EMO_TILE_ZERO(2);
        use_first(first + 2 * apart, stride);
        EMO_TILE_ZERO(2);
    } else {
        EMO_TILE_LOAD_ONCE(3, b, 64);
    }
    use_tiles(2, first, second, stride);
}

/* Of a tap, over so many records or stacks and depths of each: two tiles. */
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
            const float *at = b + phase * (p->records / p->stack) * p->b_record;
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

/* Sums to HWIO. */
static void turn_sums(const struct emo_layer *l, const float *sums, float *gw)
{
    for (size_t k = 0; k < (size_t)l->kernel_h * l->kernel_w * l->c; k += EMO_TILE)
        for (size_t o = 0; o < l->oc; o += EMO_TILE, sums += EMO_TILE_NUMBERS)
            emo_floats_turn(sums, EMO_TILE, l->oc, gw + k * l->oc + o);
}

/* Behind the pairs of n records there is nobody. */
static void clear_behind(const struct emo_conv *c, const struct places *p, size_t n, uint16_t *a)
{
    size_t depth = p->depths * EMO_TILE_DEPTH;
    size_t pairs = 2 * (p->stack > 1 ? n * p->pairs : p->part * p->wide);
    for (size_t i = 0; i < p->terms * c->layer->oc; i++)
        for (size_t r = 0; r < p->records / p->stack; r++)
            memset(a + i * p->channel + r * depth + pairs, 0, (depth - pairs) * sizeof *a);
}

static void backward_weights(const struct emo_conv *c, size_t records, const void *x,
                             const void *gy, float *gw, float *gb, float *scratch)
{
    const struct emo_layer *l = c->layer;
    const struct places p = places_of(c, records);
    size_t weights = (size_t)l->kernel_h * l->kernel_w * l->c * l->oc, n;
    size_t record = emo_layer_in(l) * (c->halves ? sizeof(uint16_t) : sizeof(float));
    size_t gradients = emo_layer_out(l) * (c->out_halves ? sizeof(uint16_t) : sizeof(float));
    float *sums = scratch, *b = sums + weights;
    uint16_t *a = (uint16_t *)(void *)(b + floats_of_b(&p));
    /* Numbers of some kind where tiles read on behind the pairs. */
    size_t used = p.stack * p.pairs * EMO_TILE;
    for (float *plane = b; plane < b + floats_of_b(&p) && used < p.plane; plane += p.plane)
        memset(plane + used, 0, (p.plane - used) * sizeof *plane);
    memset(gb, 0, l->oc * sizeof *gb);
    for (size_t first = 0; first < records; first += n) {
        n = records - first < p.records ? records - first : p.records;
        if (first == 0 || n < p.records)
            clear_behind(c, &p, n, a);
        for (size_t y = 0; y < p.rows; y += p.part) {
            size_t rows = p.rows - y < p.part ? p.rows - y : p.part;
            for (size_t r = 0; r < n; r++) {
                load_input(c, &p, (const char *)x + (first + r) * record, y, r, b);
                load_gradients(c, &p, (const char *)gy + (first + r) * gradients, y, r, a, gb);
            }
            add_records(c, &p, up(n, p.stack) / p.stack, depths_of(&p, n, rows), a, b,
                        first == 0 && y == 0, sums);
        }
    }
    turn_sums(l, sums, gw);
}
