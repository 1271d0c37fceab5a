/*
 * Forward, and the gradient of the input, which is the same arithmetic: every number of the target
 * is a sum over taps of the kernel and channels of the source.
 *
 * The source lies as halves [term][y][x][channel] with zeros around it. A tile of a is 32 channels
 * at 16 places of the source, a step apart, of weights 32 channels by 16 of the target. Forward all
 * of the target has the same taps, and the step is the stride. Backward there are stride x stride
 * phases: places whose distance from the padded corner has the same remainders, which meet the same
 * taps; the step is 1, and taps go up and left.
 */
#include "net/kernels/conv_amx.h"

/* Where source and target lie. */
struct pass {
    size_t channels, rows, wide;  /* of the source, what is around it included */
    size_t top, left;             /* of what is there in it */
    size_t h, w, block;           /* of what is there */
    size_t out_channels, out_h, out_w, out_block;
    size_t terms, apart;          /* of the source, in halves */
    size_t step;                  /* from one place of the target to the next */
};

/* Part of the target, `grid` apart from y, x; taps from the source's place `first`. */
struct phase {
    size_t y, x, grid, rows, columns;
    size_t tap_rows, tap_columns;
    ptrdiff_t first, down, right;
};

static struct pass pass_of(const struct emo_conv *c, bool back)
{
    const struct emo_layer *l = c->layer;
    struct pass p = {.terms = terms_of(c)};
    if (!back) {
        p.channels = l->c;
        p.rows = (size_t)l->top + l->h + l->bottom;
        p.wide = (size_t)l->left + l->w + l->right;
        p.top = l->top;
        p.left = l->left;
        p.h = l->h;
        p.w = l->w;
        p.block = c->in_block;
        p.out_channels = l->oc;
        p.out_h = l->oh;
        p.out_w = l->ow;
        p.out_block = c->out_block;
        p.step = l->stride;
    } else {
        size_t last_row = ((size_t)l->top + l->h - 1) / l->stride;
        size_t last_column = ((size_t)l->left + l->w - 1) / l->stride;
        p.channels = l->oc;
        p.top = (l->kernel_h - 1) / l->stride;
        p.left = (l->kernel_w - 1) / l->stride;
        p.rows = p.top + (last_row < l->oh ? l->oh : last_row + 1);
        p.wide = p.left + (last_column < l->ow ? l->ow : last_column + 1);
        p.h = l->oh;
        p.w = l->ow;
        p.block = c->out_block;
        p.out_channels = l->c;
        p.out_h = l->h;
        p.out_w = l->w;
        p.out_block = c->in_block;
        p.step = 1;
    }
    /* The last tile of a row reads on, at the end behind all. */
    p.apart = emo_tile_lines((p.rows * p.wide + EMO_TILE * p.step + p.wide) * p.channels);
    return p;
}

static struct phase phase_of(const struct emo_conv *c, const struct pass *p, bool back, size_t i)
{
    const struct emo_layer *l = c->layer;
    ptrdiff_t pixel = (ptrdiff_t)p->channels, row = (ptrdiff_t)(p->wide * p->channels);
    if (!back)
        return (struct phase){.grid = 1, .rows = l->oh, .columns = l->ow, .tap_rows = l->kernel_h,
                              .tap_columns = l->kernel_w, .down = row, .right = pixel};
    size_t s = l->stride, ky = i / s, kx = i % s;
    struct phase f = {.grid = s, .down = -row, .right = -pixel};
    f.y = (ky + s - l->top % s) % s;
    f.x = (kx + s - l->left % s) % s;
    f.rows = (l->h + s - 1 - f.y) / s;
    f.columns = (l->w + s - 1 - f.x) / s;
    f.tap_rows = (l->kernel_h + s - 1 - ky) / s;
    f.tap_columns = (l->kernel_w + s - 1 - kx) / s;
    f.first = row * (ptrdiff_t)(p->top + (f.y + l->top) / s) +
              pixel * (ptrdiff_t)(p->left + (f.x + l->left) / s);
    return f;
}

static size_t phases_of(const struct emo_conv *c, bool back)
{
    return back ? (size_t)c->layer->stride * c->layer->stride : 1;
}

/* Of weights, for two tiles of the target's channels. */
static size_t weights_of(const struct pass *p, const struct phase *f)
{
    return f->tap_rows * f->tap_columns * p->channels / EMO_TILE_DEPTH * p->terms * B_TILES;
}

/* Weights of 32 channels of the source from k by 32 of the target from o; back, the target's are
   the rows. */
static void pack_tiles(const float *w, size_t oc, bool back, size_t k, size_t o, size_t terms,
                       float *tiles)
{
    uint16_t *to = (uint16_t *)(void *)tiles;
    for (size_t h = 0; h < 2; h++, o += EMO_TILE, to += 2 * EMO_TILE_NUMBERS)
        for (size_t i = 0; i < EMO_TILE; i++) {
            const float *row = back ? w + (o + i) * oc + k : w + (k + 2 * i) * oc + o;
            const float *next = back ? row + EMO_TILE : row + oc;
            emo_floats x[2] = {*(const emo_loose_floats *)(const void *)row,
                               *(const emo_loose_floats *)(const void *)next};
            if (!back) {
                emo_halves_pair(x, terms, 2 * B_TILES, to + 2 * i * EMO_TILE);
                continue;
            }
            uint16_t halves[3 * EMO_TILE_DEPTH];
            emo_halves_cut(x, terms, EMO_TILE_DEPTH, halves);
            for (size_t t = 0; t < terms; t++)
                for (size_t j = 0; j < EMO_TILE; j++)
                    memcpy(to + 2 * (t * B_TILES + j * EMO_TILE + i),
                           halves + t * EMO_TILE_DEPTH + 2 * j, 2 * sizeof *halves);
        }
}

/* Tiles [phase][two of the target's channels][tap][32 of the source's][term][one of the two]. */
static float *pass_pack(const struct emo_conv *c, bool back, const float *hwio, float *to)
{
    const struct emo_layer *l = c->layer;
    const struct pass p = pass_of(c, back);
    for (size_t i = 0; i < phases_of(c, back); i++) {
        const struct phase f = phase_of(c, &p, back, i);
        size_t ky = i / l->stride, kx = i % l->stride;
        for (size_t o = 0; o < p.out_channels; o += PAIR)
            for (size_t t = 0; t < f.tap_rows * f.tap_columns; t++) {
                size_t y = ky + t / f.tap_columns * (back ? l->stride : 1);
                size_t x = kx + t % f.tap_columns * (back ? l->stride : 1);
                const float *w = hwio + (y * l->kernel_w + x) * l->c * l->oc;
                for (size_t k = 0; k < p.channels; k += EMO_TILE_DEPTH, to += p.terms * B_TILES)
                    pack_tiles(w, l->oc, back, k, o, p.terms, to);
            }
    }
    return to;
}

/* A record into the middle of the source. */
static void load_source(const struct pass *p, const float *x, uint16_t *source)
{
    for (size_t k = 0; k < p->channels; k += EMO_TILE_DEPTH)
        for (size_t y = 0; y < p->h; y++)
            for (size_t i = 0; i < p->w; i++) {
                emo_floats v[2];
                load_channels(x, p->h * p->w, y * p->w + i, p->block, k, v);
                size_t at = ((p->top + y) * p->wide + p->left + i) * p->channels + k;
                emo_halves_cut(v, p->terms, p->apart, source + at);
            }
}

/* Two tiles' places of the source, 32 channels of the target: sums [tile][place][channel]. */
static inline void sum_taps(const struct pass *p, const struct phase *f, const uint16_t *first,
                            const uint16_t *second, const float *w, float *sums)
{
    size_t stride = p->step * p->channels * sizeof *first, terms = p->terms, apart = p->apart;
    size_t channels = p->channels;
    zero_sums();
    for (size_t y = 0; y < f->tap_rows; y++)
        for (size_t x = 0; x < f->tap_columns; x++) {
            ptrdiff_t tap = (ptrdiff_t)y * f->down + (ptrdiff_t)x * f->right;
            for (size_t k = 0; k < channels; k += EMO_TILE_DEPTH, w += terms * B_TILES)
                add_products(terms, first + tap + k, second + tap + k, apart, stride, w);
        }
    EMO_TILE_STORE(0, sums, 128);
    EMO_TILE_STORE(1, sums + EMO_TILE, 128);
    EMO_TILE_STORE(2, sums + EMO_TILE * PAIR, 128);
    EMO_TILE_STORE(3, sums + EMO_TILE * PAIR + EMO_TILE, 128);
}

/* A tile's places in row i of a phase, from column j, and 32 channels from o. */
static inline void put(const struct pass *p, const struct phase *f, size_t i, size_t j, size_t o,
                       const float *sums, const float *bias, float *y)
{
    for (size_t h = 0; h < PAIR; h += EMO_TILE) {
        size_t c = o + h, b = p->out_block;
        size_t pixel = (f->y + i * f->grid) * p->out_w + f->x + j * f->grid;
        float *to = y + (c / b * p->out_h * p->out_w + pixel) * b + c % b;
        emo_floats add = {0};
        if (bias != NULL)
            add = *(const emo_loose_floats *)(const void *)(bias + c);
        for (size_t n = 0; n < EMO_TILE && j + n < f->columns; n++, to += f->grid * b) {
            emo_floats s;
            memcpy(&s, sums + n * PAIR + h, sizeof s);
            *(emo_loose_floats *)(void *)to = s + add;
        }
    }
}

static size_t pass_scratch(const struct emo_conv *c, bool back)
{
    const struct pass p = pass_of(c, back);
    return 2 * EMO_TILE * PAIR + p.terms * p.apart / 2;
}

static void pass_run(const struct emo_conv *c, bool back, size_t records, const float *x,
                     const float *packed, const float *bias, float *y, float *scratch)
{
    const struct pass p = pass_of(c, back);
    float *sums = scratch;
    uint16_t *source = (uint16_t *)(void *)(scratch + 2 * EMO_TILE * PAIR);
    if (p.rows > p.h || p.wide > p.w)
        memset(source, 0, p.terms * p.apart * sizeof *source);
    EMO_TILES_BEGIN();
    for (size_t r = 0; r < records; r++) {
        const float *w = packed;
        load_source(&p, x, source);
        for (size_t i = 0; i < phases_of(c, back); i++) {
            const struct phase f = phase_of(c, &p, back, i);
            size_t across = (f.columns + EMO_TILE - 1) / EMO_TILE, tiles = f.rows * across;
            size_t weights = weights_of(&p, &f), row = p.step * p.wide * p.channels;
            const uint16_t *from = source + f.first;
            for (size_t t = 0; t < tiles; t += 2) {
                size_t t2 = t + 1 < tiles ? t + 1 : t;
                size_t column = t % across * EMO_TILE, column2 = t2 % across * EMO_TILE;
                const uint16_t *a = from + t / across * row + column * p.step * p.channels;
                const uint16_t *a2 = from + t2 / across * row + column2 * p.step * p.channels;
                for (size_t o = 0; o < p.out_channels; o += PAIR) {
                    sum_taps(&p, &f, a, a2, w + o / PAIR * weights, sums);
                    put(&p, &f, t / across, column, o, sums, bias, y);
                    if (t2 != t)
                        put(&p, &f, t2 / across, column2, o, sums + EMO_TILE * PAIR, bias, y);
                }
            }
            w += p.out_channels / PAIR * weights;
        }
        x += p.h * p.w * p.channels;
        y += p.out_h * p.out_w * p.out_channels;
    }
    EMO_TILES_END();
}
