#if defined(__AMX_BF16__) || defined(__AMXBF16__) || defined(EMO_TILES_EMULATED)

#include "net/kernels/dense_tiles.h"
#include "net/kernels/halves.h"
#include "net/kernels/tiles_pair.h"

enum { DEPTH = EMO_TILE_DEPTH, TILE_HALVES = 2 * EMO_TILE_NUMBERS, LINE = 16 };

/* 16 numbers of n that are there; 0 behind. */
static inline void some(const float *from, size_t n, emo_floats *to)
{
    *to = (emo_floats){0};
    if (n >= 16)
        *to = *(const emo_loose_floats *)(const void *)from;
    else
        memcpy(to, from, n * sizeof *from);
}

/* Row i of so many that are there, columns o to o + 16; 0 where there is nothing. */
static inline void piece(const float *from, size_t rows, size_t columns, size_t i, size_t o,
                         emo_floats *to)
{
    if (i < rows && o < columns)
        some(from + i * columns + o, columns - o, to);
    else
        *to = (emo_floats){0};
}

/* Rows i and i + 1, one number of each a pair. */
static inline void pair_rows(const float *from, size_t rows, size_t columns, size_t i, size_t o,
                             uint16_t *to)
{
    emo_floats x[2];
    piece(from, rows, columns, i, o, x);
    piece(from, rows, columns, i + 1, o, x + 1);
    emo_halves_pair(x, 1, 0, to);
}

/* Columns o to o + wide of row r as halves; 0 where there is nothing. */
static inline void round_some(const float *from, size_t rows, size_t columns, size_t r, size_t o,
                              size_t wide, uint16_t *to)
{
    for (size_t i = 0; i < wide; i += DEPTH) {
        emo_floats x[2];
        emo_halves h;
        piece(from, rows, columns, r, o + i, x);
        piece(from, rows, columns, r, o + i + 16, x + 1);
        emo_halves_nearest(x, &h);
        memcpy(to + i, &h, sizeof h);
    }
}

/* Rows in part p of w, in whole tiles. */
static inline size_t rows_of(const struct emo_layer *l, size_t p)
{
    size_t all = emo_dense_whole(l->c), part = emo_dense_part(l), left = all - p * part;
    return left < part ? left : part;
}

/* The first tile of columns o to o + 16 in part p; those of later rows follow. */
static inline size_t packed_at(const struct emo_layer *l, size_t p, size_t o)
{
    return p * emo_dense_part(l) * emo_dense_whole(l->oc) + o * rows_of(l, p);
}

static void pack(const struct emo_layer *l, const float *w, size_t from, size_t rows,
                 uint16_t *packed)
{
    for (size_t i = from; i < from + rows; i += DEPTH)
        for (size_t o = 0; o < emo_dense_whole(l->oc); o += EMO_TILE) {
            size_t p = i / emo_dense_part(l), row = i - p * emo_dense_part(l);
            uint16_t *to = packed + packed_at(l, p, o) + row * EMO_TILE;
            for (size_t k = i; k < i + DEPTH; k += 2, to += 2 * EMO_TILE)
                pair_rows(w, l->c, l->oc, k, o, to);
        }
}

/* What is not used yet: so many lines from `at` on are asked for with each tile of b. */
struct ahead {
    const float *at;
    size_t lines;
};

static const struct ahead nothing = {NULL, 0};

/* 16 or 32 rows of a by 16 columns; tiles of b lie `step` apart. */
static inline void multiply(size_t depths, size_t rows, const uint16_t *a, size_t pitch,
                            const uint16_t *b, size_t step, struct ahead next, float *sums,
                            size_t row)
{
    zero_sums();
    for (size_t d = 0; d < depths; d++, a += DEPTH, b += step) {
        for (size_t i = 0; i < next.lines; i++, next.at += LINE)
            __builtin_prefetch(next.at, 1, 2);
        EMO_TILE_LOAD(3, b, EMO_TILE_BYTES);
        use_first(a, pitch * sizeof *a);
        EMO_TILE_ZERO(2);
        if (rows > EMO_TILE) {
            use_second(a + EMO_TILE * pitch, pitch * sizeof *a);
            EMO_TILE_ZERO(2);
        }
        EMO_TILE_ZERO(3);
    }
    EMO_TILE_STORE(0, sums, row * sizeof *sums);
    if (rows > EMO_TILE)
        EMO_TILE_STORE(1, sums + EMO_TILE * row, row * sizeof *sums);
}

static void forward(const struct emo_layer *l, size_t n, const float *x, const uint16_t *packed,
                    size_t part, float *sums, float *scratch)
{
    uint16_t *a = (uint16_t *)(void *)scratch;
    size_t from = part * emo_dense_part(l), rows = rows_of(l, part), wide = emo_dense_whole(l->oc);
    size_t pitch = emo_tile_lines(rows);
    for (size_t r = 0; r < n; r++)
        round_some(x, n, l->c, r, from, rows, a + r * pitch);
    memset(a + n * pitch, 0, (emo_dense_whole(n) - n) * pitch * sizeof *a);
    sums += part * emo_dense_whole(n) * wide;
    EMO_TILES_BEGIN();
    for (size_t o = 0; o < wide; o += EMO_TILE)
        for (size_t r = 0; r < n; r += 2 * EMO_TILE)
            multiply(rows / DEPTH, n - r, a + r * pitch, pitch, packed + packed_at(l, part, o),
                     TILE_HALVES, nothing, sums + r * wide + o, wide);
    EMO_TILES_END();
}

static void add(const struct emo_layer *l, size_t n, const float *b, const float *sums, float *y)
{
    size_t wide = emo_dense_whole(l->oc), apart = emo_dense_whole(n) * wide;
    size_t parts = emo_dense_parts(l);
    for (size_t r = 0; r < n; r++)
        for (size_t o = 0; o < l->oc; o += 16) {
            emo_floats sum;
            some(b + o, l->oc - o, &sum);
            for (size_t p = 0; p < parts; p++)
                sum += *(const emo_floats *)(const void *)(sums + p * apart + r * wide + o);
            size_t there = l->oc - o < 16 ? l->oc - o : 16;
            memcpy(y + r * l->oc + o, &sum, there * sizeof *y);
        }
}

/* Where in what is turned the pairs of columns begin: behind those of records. */
static inline size_t columns_at(const struct emo_layer *l, size_t n)
{
    return emo_dense_whole(n) * emo_dense_whole(l->oc);
}

static void turn(const struct emo_layer *l, size_t n, const float *gy, uint16_t *turned, float *gb)
{
    size_t records = emo_dense_whole(n), wide = emo_dense_whole(l->oc), pitch = emo_tile_lines(wide);
    uint16_t *columns = turned + columns_at(l, n), *line = columns + records * wide;
    for (size_t r = 0; r < records; r += DEPTH)
        for (size_t o = 0; o < wide; o += EMO_TILE)
            for (size_t i = r; i < r + DEPTH; i += 2, turned += 2 * EMO_TILE)
                pair_rows(gy, n, l->oc, i, o, turned);
    for (size_t r = 0; r < records; r += EMO_TILE) {
        for (size_t i = 0; i < EMO_TILE; i++)
            round_some(gy, n, l->oc, r + i, 0, wide, line + i * pitch);
        for (size_t o = 0; o < wide; o += DEPTH, columns += TILE_HALVES)
            emo_floats_turn((const float *)(const void *)(line + o), pitch / 2, EMO_TILE,
                            (float *)(void *)columns);
    }
    memset(gb, 0, l->oc * sizeof *gb);
    for (size_t r = 0; r < n; r++)
        for (size_t o = 0; o < l->oc; o++)
            gb[o] += gy[r * l->oc + o];
}

/* While columns o to o + 16 of 32 rows of gw are computed: as much of these rows of w. */
static inline struct ahead rows_ahead(const struct emo_layer *l, const float *w, size_t depths,
                                      size_t from, size_t o)
{
    size_t left = from < l->c ? (l->c - from) * l->oc : 0, at = o * DEPTH;
    if (at + (size_t)EMO_TILE * DEPTH > left)
        return nothing;
    return (struct ahead){w + from * l->oc + at, DEPTH / depths};
}

static void backward_weights(const struct emo_layer *l, size_t n, const float *x,
                             const uint16_t *turned, size_t from, size_t rows, const float *w,
                             float *gw, float *scratch)
{
    size_t records = emo_dense_whole(n), wide = emo_dense_whole(l->oc);
    size_t pitch = emo_tile_lines(records);
    uint16_t *a = (uint16_t *)(void *)scratch, *lines = a + DEPTH * pitch;
    EMO_TILES_BEGIN();
    for (size_t i = 0; i < rows; i += DEPTH, gw += DEPTH * wide) {
        for (size_t r = 0; r < records; r += EMO_TILE) {
            for (size_t k = 0; k < EMO_TILE; k++)
                round_some(x, n, l->c, r + k, from + i, DEPTH, lines + k * DEPTH);
            emo_halves_turn(lines, DEPTH, EMO_TILE, pitch, a + r);
            emo_halves_turn(lines + EMO_TILE, DEPTH, EMO_TILE, pitch, a + EMO_TILE * pitch + r);
        }
        for (size_t o = 0; o < wide; o += EMO_TILE)
            multiply(records / DEPTH, DEPTH, a, pitch, turned + o * DEPTH, wide * DEPTH,
                     rows_ahead(l, w, records / DEPTH, from + i, o), gw + o, wide);
    }
    EMO_TILES_END();
}

/* Sums, rows being columns of gx, to these. */
static inline void put_sums(const struct emo_layer *l, size_t n, const float *sums, size_t r,
                            size_t from, float *gx)
{
    float turned[EMO_TILE_NUMBERS];
    size_t high = n - r < 16 ? n - r : 16, wide = l->c - from < 16 ? l->c - from : 16;
    gx += r * l->c + from;
    if (high == 16 && wide == 16) {
        emo_floats_turn(sums, EMO_TILE, l->c, gx);
        return;
    }
    emo_floats_turn(sums, EMO_TILE, EMO_TILE, turned);
    for (size_t i = 0; i < high; i++)
        memcpy(gx + i * l->c, turned + i * EMO_TILE, wide * sizeof *gx);
}

static void backward_data(const struct emo_layer *l, size_t n, const uint16_t *turned, const float *w,
                          size_t from, size_t rows, float *gx, float *scratch)
{
    size_t wide = emo_dense_whole(l->oc), pitch = emo_tile_lines(wide);
    const uint16_t *b = turned + columns_at(l, n);
    float *sums = scratch;
    uint16_t *a = (uint16_t *)(void *)(sums + 2 * EMO_TILE_NUMBERS);
    EMO_TILES_BEGIN();
    for (size_t i = from; i < from + rows && i < l->c; i += DEPTH) {
        for (size_t k = 0; k < DEPTH; k++)
            round_some(w, l->c, l->oc, i + k, 0, wide, a + k * pitch);
        for (size_t r = 0; r < n; r += EMO_TILE) {
            multiply(wide / DEPTH, DEPTH, a, pitch, b + r * wide, TILE_HALVES, nothing, sums,
                     EMO_TILE);
            put_sums(l, n, sums, r, i, gx);
            if (l->c - i > EMO_TILE)
                put_sums(l, n, sums + EMO_TILE_NUMBERS, r, i + EMO_TILE, gx);
        }
    }
    EMO_TILES_END();
}

#ifndef KERNEL
#define KERNEL emo_dense_amx
#endif

const struct emo_dense_tiles KERNEL = {
    .pack = pack,
    .forward = forward,
    .add = add,
    .turn = turn,
    .backward_weights = backward_weights,
    .backward_data = backward_data,
};
#else
/* An empty translation unit is not C. */
typedef int emo_without_dense_amx;
#endif
