/*
 * Forward, and the gradient of the input (conv_amx_phases.h).
 *
 * The rows of the source, with zeros around it, are numbered on from record to record. Of those
 * that a band of the target and the next one need, halves lie in a ring, [term][row][x][channel]. A
 * tile of a is 32 channels at places of one row, a step apart; of weights, 32 channels by 16 of the
 * target. A row of the target takes the fewest tiles it can, of as many places each; where these do
 * not divide the row tiles overlap. So sums go to the target as they are, or by way of a buffer in the
 * first cache where it is bfloat16.
 *
 * What comes as halves already and has nothing around it is read where it is, as if that were the
 * ring.
 *
 * Each few multiplications leave time for other work: then some places of the source are cut into
 * halves for the next band, and the sums of the tiles before become halves.
 */
#include "net/kernels/conv_amx_phases.h"
#include "net/kernels/conv_amx_results.h"

/* Of the source: pieces, 32 channels of a row, are cut one after the other. */
struct source {
    const void *x;
    uint16_t *ring;
    size_t pieces, last, share;   /* begun; all; places at a time */
    const void *from[2];          /* of the piece, of which so many places are left */
    uint16_t *to;
    size_t pitch, left;           /* bytes */
};

static const float emo_conv_nothing[EMO_TILE];

/* Zeros where a row lies around a record. */
static void begin_piece(const struct pass *p, struct source *s)
{
    size_t deep = p->channels / EMO_TILE_DEPTH, row = s->pieces / deep, y = row % p->rows - p->top;
    size_t k = s->pieces++ % deep * EMO_TILE_DEPTH, b = p->block;
    size_t record = row / p->rows * p->h * p->w * p->channels;
    s->to = s->ring + row % p->ring * p->row + p->left * p->channels + k;
    s->left = p->w;
    if (y >= p->h) {
        s->from[0] = s->from[1] = emo_conv_nothing;
        s->pitch = 0;
    } else if (p->halves) {
        s->from[0] = (const uint16_t *)s->x + record + y * p->w * p->channels + k;
        s->pitch = p->channels * sizeof(uint16_t);
    } else {
        for (size_t h = 0; h < 2; h++, k += EMO_TILE)
            s->from[h] = (const float *)s->x + record + (k / b * p->h + y) * p->w * b + k % b;
        s->pitch = b * sizeof(float);
    }
}

static inline void cut_places(const struct pass *p, struct source *s, size_t n, size_t terms)
{
    for (; n > 0; n--, s->left--, s->to += p->channels) {
        if (s->left == 0 && s->pieces >= s->last)
            return;
        if (s->left == 0)
            begin_piece(p, s);
        if (p->halves) {
            memcpy(s->to, s->from[0], EMO_TILE_DEPTH * sizeof *s->to);
            s->from[0] = (const char *)s->from[0] + s->pitch;
            continue;
        }
        emo_floats v[2] = {*(const emo_loose_floats *)s->from[0],
                           *(const emo_loose_floats *)s->from[1]};
        emo_halves_cut(v, terms, p->apart, s->to);
        for (size_t h = 0; h < 2; h++)
            s->from[h] = (const char *)s->from[h] + s->pitch;
    }
}

/* Bytes of a number of the target. */
static size_t size_of(const struct pass *p)
{
    return p->out_halves ? sizeof(uint16_t) : sizeof(float);
}

/* Tiles that a row of a phase takes, places of each. */
static size_t tiles_across(const struct phase *f)
{
    return up(f->columns, EMO_TILE) / EMO_TILE;
}

static size_t tile_rows(const struct phase *f)
{
    return (f->columns + tiles_across(f) - 1) / tiles_across(f);
}

/* Row of the ring where the first tap of a tile's first place is; the place in the row; where the sums
   go, of the first channel. */
struct place {
    size_t row, column;
    char *y;
};

/* The row of the ring that the next taps are in. */
static inline size_t beside(const struct pass *p, size_t row)
{
    if (p->way > 0)
        return row + 1 < p->ring ? row + 1 : 0;
    return row > 0 ? row - 1 : p->ring - 1;
}

/* Two tiles' places, 16 channels of the target: places are `grid` numbers apart. */
static inline void sum_taps(const struct pass *p, const struct phase *f, const struct place at[2],
                            size_t channel, size_t grid, const float *w, const float *bias,
                            struct source *s, struct results *r, size_t terms)
{
    size_t row[2] = {at[0].row, at[1].row};
    char *y0 = at[0].y + channel, *y1 = at[1].y + channel;
    size_t stride = p->step * p->channels * sizeof *s->ring, channels = p->channels;
    ptrdiff_t right = p->way * (ptrdiff_t)channels;
    if (r->rectified != NULL && channel % EMO_TILE_BYTES == 0) {
        fetch_rectified(r, y0, grid, tile_rows(f));
        fetch_rectified(r, y1, grid, tile_rows(f));
    }
    if (bias == NULL) {
        zero_sums();
    } else {
        EMO_TILE_LOAD(0, bias, 0);
        EMO_TILE_LOAD(1, bias, 0);
    }
    for (size_t y = 0; y < f->tap_rows; y++) {
        const uint16_t *a[2];
        for (int h = 0; h < 2; h++) {
            a[h] = s->ring + row[h] * p->row + at[h].column * channels;
            row[h] = beside(p, row[h]);
        }
        for (size_t x = 0; x < f->tap_columns; x++)
            for (size_t k = 0; k < channels; k += EMO_TILE_DEPTH) {
                ptrdiff_t at_tap = (ptrdiff_t)x * right + (ptrdiff_t)k;
                add_products(terms, a[0] + at_tap, a[1] + at_tap, p->apart, stride, w,
                             EMO_TILE_NUMBERS);
                w += terms * EMO_TILE_NUMBERS;
                if (!(p->halves && p->way > 0))
                    cut_places(p, s, s->share, terms);
                if (y + x + k == 0)
                    put_results(r);
            }
    }
    if (!p->out_halves) {
        EMO_TILE_STORE(0, y0, grid * sizeof(float));
        EMO_TILE_STORE(1, y1, grid * sizeof(float));
        return;
    }
    put_results(r);
    EMO_TILE_STORE(0, r->sums, EMO_TILE_BYTES);
    EMO_TILE_STORE(1, r->sums + EMO_TILE_NUMBERS, EMO_TILE_BYTES);
    r->to[0] = (uint16_t *)(void *)y0;
    r->to[1] = (uint16_t *)(void *)y1;
    r->pitch = grid;
    r->rows = tile_rows(f);
}

static size_t pass_scratch(const struct emo_conv *c, bool back)
{
    const struct pass p = pass_of(c, back);
    return 2 * EMO_TILE_NUMBERS + p.terms * p.apart / 2;
}

/* A band of a phase, from row n of it: first is where the band begins in the source. */
static inline void run_phase(const struct pass *p, const struct phase *f, size_t n, size_t first,
                             const float *w, const float *bias, void *y, struct source *s,
                             struct results *r, size_t terms)
{
    size_t across = tiles_across(f), rows = tile_rows(f), weights = weights_of(p, f);
    size_t tiles = (f->rows - n < BAND ? f->rows - n : BAND) * across;
    size_t b = p->out_halves ? p->out_channels : p->out_block, pixels = p->out_h * p->out_w;
    for (size_t t = 0; t < tiles; t += 2) {
        struct place at[2];
        for (size_t h = 0; h < 2; h++) {
            size_t tile = t + h < tiles ? t + h : t, i = tile / across;
            size_t j = tile % across * rows;
            j = j + rows < f->columns ? j : f->columns - rows;
            at[h].row = (first + f->top + i * p->step) % p->ring;
            at[h].column = f->left + j * p->step;
            size_t pixel = (f->y + (n + i) * f->grid) * p->out_w + f->x + j * f->grid;
            at[h].y = (char *)y + pixel * b * size_of(p);
        }
        for (size_t o = 0; o < p->out_channels; o += EMO_TILE)
            sum_taps(p, f, at, (o / b * b * pixels + o % b) * size_of(p), f->grid * b,
                     w + o / EMO_TILE * weights, bias == NULL ? NULL : bias + o, s, r, terms);
    }
}

/* Registers of sums and of a with so many rows. */
static void begin_tiles(size_t rows)
{
    struct emo_tiles_shape shape = emo_tiles_whole;
    for (int i = 0; i < 3; i++)
        shape.rows[i] = (uint8_t)rows;
    EMO_TILES_BEGIN_SHAPED(&shape);
}

/* Band n of record r. */
static void run_band(const struct emo_conv *c, bool back, const struct pass *p, size_t r, size_t n,
                     const float *w, const float *bias, void *y, struct source *s,
                     struct results *results)
{
    size_t first = r * p->rows + n * BAND * p->step, rows = 0;
    for (size_t i = 0; i < phases_of(c, back); i++) {
        const struct phase f = phase_of(c, p, back, i);
        if (f.rows > n * BAND && f.columns > 0) {
            if (rows != tile_rows(&f)) {
                if (rows > 0)
                    EMO_TILES_END();
                rows = tile_rows(&f);
                begin_tiles(rows);
            }
            if (p->terms == 1)
                run_phase(p, &f, n * BAND, first, w, bias, y, s, results, 1);
            else
                run_phase(p, &f, n * BAND, first, w, bias, y, s, results, 3);
        }
        w += p->out_channels / EMO_TILE * weights_of(p, &f);
    }
    if (rows > 0)
        EMO_TILES_END();
}

/* rectified: back, what the layer's input was, if a ReLU gave it as halves; else NULL. */
static void pass_run(const struct emo_conv *c, bool back, size_t records, const void *x,
                     const float *packed, const float *bias, const uint16_t *rectified, void *y,
                     float *scratch)
{
    struct pass p = pass_of(c, back);
    const struct emo_layer *l = c->layer;
    size_t deep = p.channels / EMO_TILE_DEPTH, target = p.out_h * p.out_w * p.out_channels;
    bool there = p.halves && !back;
    struct results results = {.sums = scratch, .rectified = rectified, .target = y,
                              .relu = !back && l->activation == EMO_RELU};
    struct source s = {.x = x, .ring = (uint16_t *)(void *)(scratch + 2 * EMO_TILE_NUMBERS)};
    if (there) {
        s.ring = (uint16_t *)(uintptr_t)x;
        p.ring = records * p.rows;
    }
    s.share = 1 + p.rows * p.w * PAIR * EMO_TILE / (emo_layer_out(l) / l->oc * l->kernel_h *
                                                l->kernel_w * p.out_channels);
    if (!there && (p.rows > p.h || p.wide > p.w))
        memset(s.ring, 0, p.terms * p.apart * sizeof *s.ring);
    for (size_t r = 0; r < records; r++) {
        char *to = (char *)y + r * target * size_of(&p);
        for (size_t n = 0; n < p.bands; n++) {
            size_t first = n * BAND * p.step, end = first + p.reach;
            if (!there) {
                s.last = (r * p.rows + (end < p.rows ? end : p.rows)) * deep;
                cut_places(&p, &s, SIZE_MAX, p.terms);
                s.last = r * p.rows + first + p.ring;
                s.last = (s.last < records * p.rows ? s.last : records * p.rows) * deep;
            }
            run_band(c, back, &p, r, n, packed, bias, to, &s, &results);
        }
    }
    put_results(&results);
}
