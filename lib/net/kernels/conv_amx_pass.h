/*
 * Forward, and the gradient of the input (conv_amx_phases.h).
 *
 * The rows of the source, with zeros around it, are numbered on from record to record. Of those
 * that a band of the target and the next one need, halves or digits lie in a ring
 * (conv_amx_source.h). A tile of a is channels at places of one row, a step apart; of weights, as
 * many channels by 16 of the target. A row of the target takes the fewest tiles it can, of as many
 * places each; where rows are short, a tile takes several; where these do not divide the row, or the
 * rows, tiles overlap. So sums go to the target as they are, or by way of a buffer in the first cache
 * where they become bfloat16, come from digits or are of several rows.
 *
 * What comes as halves already and has nothing around it is read where it is, as if that were the
 * ring.
 *
 * Each few multiplications leave time for other work: then some places of the source are cut for the
 * next band, and the sums of the tiles before go to the target.
 */
#include "net/kernels/conv_amx_digits.h"
#include "net/kernels/conv_amx_halves.h"
#include "net/kernels/conv_amx_pack.h"

#define SUMS ((size_t)3 * EMO_TILE_NUMBERS) /* at most, that wait */

static size_t pass_scratch(const struct emo_conv *c, bool back)
{
    const struct pass p = pass_of(c, back);
    return SUMS + (p.digits ? 3 : 1) * p.apart / sizeof(float);
}

/* What a pass works with: for digits totals and scales of the weights, else results. */
struct work {
    struct source source;
    struct results results;
    struct totals totals;
    const float *weights, *scales, *bias; /* bias: or NULL */
};

/* Tile t of a band, from row n of a phase; in the source the record begins at `first`. */
static inline struct place place_of(const struct pass *p, const struct phase *f,
                                    const struct part *part, size_t n, size_t first, size_t t, void *y)
{
    size_t across = tiles_across(f), i = n + t / across * part->rows;
    size_t j = t % across * part->columns;
    i = i + part->rows < f->rows ? i : f->rows - part->rows;
    j = j + part->columns < f->columns ? j : f->columns - part->columns;
    size_t at = (f->y * p->out_w + f->x) * (part->pitch / f->grid) + i * part->line + j * part->pitch;
    return (struct place){.row = (first + f->top + i * p->step) % p->ring,
                          .column = f->left + j * p->step,
                          .y = (char *)y + at * size_of(p)};
}

/* A band of a phase, from row n of it, whose weights are w; in the source the record begins at
   `first`. */
static inline void run_phase(const struct pass *p, const struct phase *f, const struct part *part,
                             size_t n, size_t first, const float *w, void *y, struct work *work,
                             bool digits)
{
    size_t weights = weights_of(p, f), rows = f->rows - n < p->band ? f->rows - n : p->band;
    size_t tiles = (rows + part->rows - 1) / part->rows * tiles_across(f);
    size_t b = p->out_halves ? p->out_channels : p->out_block, pixels = p->out_h * p->out_w;
    float scale = work->source.scales[first / p->rows % 2] * 65536;
    for (size_t t = 0; t < tiles; t += digits ? 1 : 2) {
        size_t two = t + 1 < tiles ? t + 1 : t;
        const struct place at[2] = {place_of(p, f, part, n, first, t, y),
                                    place_of(p, f, part, n, first, two, y)};
        for (size_t o = 0; o < p->out_channels; o += EMO_TILE) {
            size_t channel = (o / b * b * pixels + o % b) * size_of(p);
            const float *of = w + o / EMO_TILE * weights;
            const float *bias = work->bias == NULL ? NULL : work->bias + o;
            if (digits)
                sum_digits(p, f, part, at, channel, of, work->scales + o, bias, scale, &work->source,
                           &work->totals);
            else
                sum_halves(p, f, part, at, 1 + two - t, channel, of, bias, &work->source,
                           &work->results);
        }
    }
}

/* Registers of sums and of a with so many rows; the last one that is used is b. */
static void begin_tiles(const struct pass *p, size_t rows)
{
    struct emo_tiles_shape shape = emo_tiles_whole;
    for (int i = 0; i < (p->digits ? 4 : 3); i++)
        shape.rows[i] = (uint8_t)rows;
    EMO_TILES_BEGIN_SHAPED(&shape);
}

/* Band n of record r. */
static void run_band(const struct emo_conv *c, bool back, const struct pass *p, size_t r, size_t n,
                     void *y, struct work *work)
{
    size_t rows = 0;
    const float *w = work->weights;
    for (size_t i = 0; i < phases_of(c, back); i++) {
        const struct phase f = phase_of(c, p, back, i);
        if (f.rows > n * p->band && f.columns > 0) {
            const struct part part = part_of(p, &f);
            if (rows != tile_rows(&part)) {
                if (rows > 0)
                    EMO_TILES_END();
                rows = tile_rows(&part);
                begin_tiles(p, rows);
            }
            if (p->digits)
                run_phase(p, &f, &part, n * p->band, r * p->rows, w, y, work, true);
            else
                run_phase(p, &f, &part, n * p->band, r * p->rows, w, y, work, false);
        }
        w += p->out_channels / EMO_TILE * weights_of(p, &f);
    }
    if (rows > 0)
        EMO_TILES_END();
}

/* Pieces of the source that are to be there when band n of record r is done: those of the next band, but
   not of a record behind the next. */
static size_t pieces_by(const struct pass *p, size_t records, size_t r, size_t n)
{
    size_t last = r * p->rows + n * p->band * p->step + p->ring;
    size_t next = r + 2 < records ? r + 2 : records;
    return (last < next * p->rows ? last : next * p->rows) * p->deep;
}

/* rectified: back, what the layer's input was, if a ReLU gave it as halves; else NULL. */
static void pass_run(const struct emo_conv *c, bool back, size_t records, const void *x,
                     const float *packed, const float *bias, const uint16_t *rectified, void *y,
                     float *scratch)
{
    struct pass p = pass_of(c, back);
    const struct emo_layer *l = c->layer;
    size_t target = p.out_h * p.out_w * p.out_channels, tiles = p.digits ? 1 : 2;
    bool there = p.halves && !back;
    struct work work = {
        .source = {.x = x, .ring = (char *)(scratch + SUMS)},
        .results = {.sums = scratch, .rectified = rectified, .target = y, .floats = !p.out_halves,
                    .relu = !back && l->activation == EMO_RELU},
        .totals = {.sums = scratch, .scales = packed},
        .weights = packed + (p.digits ? p.out_channels : 0),
        .scales = packed,
        .bias = bias,
    };
    struct source *s = &work.source;
    if (there) {
        s->ring = (char *)(uintptr_t)x;
        p.ring = records * p.rows;
    }
    s->share = 1 + p.rows * p.w * tiles * EMO_TILE * EMO_TILE / (emo_layer_out(l) / l->oc * l->kernel_h *
                                                           l->kernel_w * p.out_channels);
    if (!there && (p.rows > p.h || p.wide > p.w))
        memset(s->ring, 0, (p.digits ? 3 : 1) * p.apart);
    for (size_t r = 0; r < records; r++) {
        char *to = (char *)y + r * target * size_of(&p);
        for (size_t n = 0; n < p.bands; n++) {
            size_t end = n * p.band * p.step + p.reach;
            if (!there) {
                s->last = (r * p.rows + (end < p.rows ? end : p.rows)) * p.deep;
                cut_places(&p, s, SIZE_MAX, p.digits);
                s->last = pieces_by(&p, records, r, n);
            }
            run_band(c, back, &p, r, n, to, &work);
        }
    }
    if (p.digits)
        put_totals(&work.totals);
    else
        put_results(&work.results);
}
