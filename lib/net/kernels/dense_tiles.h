/*
 * Dense layers in tiles (tiles.h), for bf16: x, w and gy of dense.h are rounded to bfloat16, sums and
 * results are float32.
 *
 * Weights are kept packed for forward(): 32 rows by 16 columns are a tile of pairs; tiles lie by part,
 * column and row, rows and columns behind the last being 0. The parts, each of some rows of w, are
 * summed apart, and in their order by add(). gy is turned once for the batch: into pairs of records
 * for the gradient of w, into pairs of columns for that of x. What the latter needs of w is rounded
 * where it is: the step after it reads the same rows.
 *
 * A sum depends on the layer, and on the number of records only where it is over them. Arrays but x,
 * w, y, gy and gx are aligned to 64 bytes.
 */
#ifndef EMO_NET_KERNELS_DENSE_TILES_H
#define EMO_NET_KERNELS_DENSE_TILES_H

#include "net/graph.h"
#include "net/isa.h"

enum {
    EMO_DENSE_LEAST = 512,    /* rows of a part, where there are more parts than one */
    EMO_DENSE_PARTS = 8,      /* the most */
    EMO_DENSE_NEAR = 1 << 15, /* numbers of gw that are worked on at a time */
    EMO_DENSE_MOST = 128,     /* rows of it */
};

struct emo_dense_tiles {
    /* So many rows of w from `from` on, 32 dividing both; those behind the last are part of it. */
    void (*pack)(const struct emo_layer *l, const float *w, size_t from, size_t rows,
                 uint16_t *packed);
    /* The sums of a part. */
    void (*forward)(const struct emo_layer *l, size_t n, const float *x, const uint16_t *packed,
                    size_t part, float *sums, float *scratch);
    /* y: all parts' sums, and the bias. */
    void (*add)(const struct emo_layer *l, size_t n, const float *b, const float *sums, float *y);
    void (*turn)(const struct emo_layer *l, size_t n, const float *gy, uint16_t *turned, float *gb);
    /* As many rows of gw, emo_dense_whole(l->oc) apart; those behind the last are written too. Of w
       nothing is read, but it is asked for: backward_data() and the step read these rows next. */
    void (*backward_weights)(const struct emo_layer *l, size_t n, const float *x,
                             const uint16_t *turned, size_t from, size_t rows, const float *w,
                             float *gw, float *scratch);
    /* As many columns of gx, as far as there are. */
    void (*backward_data)(const struct emo_layer *l, size_t n, const uint16_t *turned, const float *w,
                          size_t from, size_t rows, float *gx, float *scratch);
};

extern const struct emo_dense_tiles emo_dense_amx;

/* For this layer on this machine, or NULL: too little to fill tiles. */
const struct emo_dense_tiles *emo_dense_tiles(enum emo_isa isa, const struct emo_layer *l);

/* In whole tiles of b, or pairs of tiles. */
static inline size_t emo_dense_whole(size_t n)
{
    return (n + 31) / 32 * 32;
}

/* Rows of w that are worked on at a time: so many that they stay in the second cache. */
static inline size_t emo_dense_rows(const struct emo_layer *l)
{
    size_t rows = EMO_DENSE_NEAR / emo_dense_whole(l->oc) / 32 * 32;
    return rows < 32 ? 32 : rows < EMO_DENSE_MOST ? rows : EMO_DENSE_MOST;
}

/* Rows of each part but the last, and parts. */
static inline size_t emo_dense_part(const struct emo_layer *l)
{
    size_t parts = ((size_t)l->c + EMO_DENSE_LEAST - 1) / EMO_DENSE_LEAST;
    parts = parts < EMO_DENSE_PARTS ? parts : EMO_DENSE_PARTS;
    return emo_dense_whole((l->c + parts - 1) / parts);
}
static inline size_t emo_dense_parts(const struct emo_layer *l)
{
    return (l->c + emo_dense_part(l) - 1) / emo_dense_part(l);
}

/* Sizes of the arrays above, in their elements, for n records. */
static inline size_t emo_dense_packed(const struct emo_layer *l)
{
    return emo_dense_whole(l->c) * emo_dense_whole(l->oc);
}
static inline size_t emo_dense_sums(const struct emo_layer *l, size_t n)
{
    return emo_dense_parts(l) * emo_dense_whole(n) * emo_dense_whole(l->oc);
}
static inline size_t emo_dense_turned(const struct emo_layer *l, size_t n)
{
    return (2 * emo_dense_whole(n) + 16) * (emo_dense_whole(l->oc) + 32);
}
/* Of what the functions work in. */
static inline size_t emo_dense_scratch(const struct emo_layer *l, size_t n)
{
    size_t panel = emo_dense_whole(n) * (emo_dense_part(l) + 32) / 2;
    size_t weights = 16 * (emo_dense_whole(n) + 32) + 256;
    size_t data = 16 * (emo_dense_whole(l->oc) + 32) + 512;
    panel = panel > weights ? panel : weights;
    return panel > data ? panel : data;
}

#endif
