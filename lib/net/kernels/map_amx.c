/*
 * The first layer where no pooling follows, in tiles of bfloat16 (tiles.h): what first.h says of
 * emo_map_amx.
 *
 * Pixels are whole numbers up to 255, which bfloat16 has exactly; the division by 255 is in the
 * weights forward, and comes last backward. The numbers of a kernel, row by row, are filled up with
 * zeros to depths of 32.
 *
 * Forward, a is the windows of 16 places beside each other, a row each: its bytes lie in pieces, one
 * for each row of the kernel. b is the weights, pairs of a kernel's numbers as rows of 16 channels.
 *
 *     y[p, o] = relu(bias[o] + sum over k of  window[p][k] * (w[k, o] / 255))
 *
 * Backward, the sums are 16 numbers of the kernel by 16 channels, over all places, 32 in a depth.
 * b is gradients, two places beside each other as a row of pairs. a is pixels: numbers of the kernel
 * as rows of 32 places. Under places beside each other the same number of the kernel is `step`
 * bytes further in a row of pixels; so each row is taken apart by the remainders of the place of its
 * bytes by step, and then rows of a are what lies beside each other,
 *
 *     stream[j][p] = row[p * step + j],    window[p][ky, t] = stream of row ky [t % step][p + t / step]
 *
 * One number more than the kernel has, always 1, gives the sum of the gradients.
 */
#if defined(__AMX_BF16__) || defined(__AMXBF16__) || defined(EMO_TILES_EMULATED)

#define LANES 16
#include "net/kernels/first_lanes.h"
#include "net/kernels/first_rows.h"
#include "net/kernels/halves.h"
#include "net/kernels/tiles_pair.h"

#define PAIR ((size_t)2 * EMO_TILE)
#define DEPTHS 4     /* of places going backward, at a time: what is worked on stays in the first cache */
#define ONE 0x3f80   /* as bfloat16 */

struct map {
    size_t step;    /* bytes from one window of a row to the next */
    size_t kernel;  /* numbers of a channel's */
    size_t depths;  /* forward, of them */
    size_t numbers; /* backward, rows of tiles: of them, and 1 */
    size_t row;     /* bytes of a padded row, with 32 before it */
    size_t stream;  /* places of one */
};

static struct map map_of(const struct emo_first *f)
{
    const struct emo_layer *l = f->conv;
    struct map m = {.step = (size_t)l->stride * l->c, .kernel = l->kernel_h * taps(f)};
    m.depths = round_up(m.kernel, EMO_TILE_DEPTH) / EMO_TILE_DEPTH;
    m.numbers = round_up(m.kernel + 1, PAIR);
    m.stream = round_up(round_up(l->ow, EMO_TILE_DEPTH) + (taps(f) - 1) / m.step, EMO_TILE_DEPTH);
    size_t have = ((size_t)l->left + l->w + l->right) * l->c, streams = m.stream * m.step;
    m.row = round_up(have > streams ? have : streams, EMO_TILE_BYTES) + 2 * EMO_TILE_BYTES;
    return m;
}

static size_t places(const struct emo_first *f)
{
    (void)f;
    return 0;
}

static size_t packed_floats(const struct emo_first *f)
{
    const struct map m = map_of(f);
    return m.depths * EMO_TILE * f->conv->oc;
}

static size_t scratch_floats(const struct emo_first *f)
{
    const struct map m = map_of(f);
    size_t rows = f->conv->kernel_h;
    size_t forward = 2 * EMO_TILE_NUMBERS + m.depths * EMO_TILE_NUMBERS + rows * m.row / 4;
    size_t backward = m.numbers * f->conv->oc + m.numbers * DEPTHS * EMO_TILE +
                      f->conv->oc * DEPTHS * EMO_TILE + rows * m.step * m.stream / 2 + m.row / 4;
    return forward > backward ? forward : backward;
}

/* Tiles [16 channels][depth]. */
static void pack(const struct emo_first *f, const float *hwio, float *packed)
{
    const struct map m = map_of(f);
    size_t oc = f->conv->oc;
    uint16_t *to = (uint16_t *)(void *)packed;
    for (size_t o = 0; o < oc; o += EMO_TILE)
        for (size_t k = 0; k < m.depths * EMO_TILE_DEPTH; k += 2, to += PAIR) {
            emo_floats x[2] = {{0}, {0}};
            for (size_t i = 0; i < 2 && k + i < m.kernel; i++)
                x[i] = *(const emo_loose_floats *)(const void *)(hwio + (k + i) * oc + o) *
                       (1.0f / 255.0f);
            emo_halves_pair(x, 1, 0, to);
        }
}

/* What 32 numbers of a kernel are of a row of pixels: where the first of the 32 would be in it under
   the row's first window, were all of them there, and those that are. */
struct piece {
    const uint8_t *from;
    uint32_t bits;
};

/* Numbers k to k + 31; returns how many pieces they are. Padded row r lies in rows[r % kernel_h]. */
static size_t cut(const struct emo_first *f, const struct map *m, const uint8_t *rows, size_t first,
                  size_t k, struct piece *to)
{
    size_t n = taps(f), pieces = 0, end = k + EMO_TILE_DEPTH;
    end = end < m->kernel ? end : m->kernel;
    for (size_t r = k / n; r * n < end; r++) {
        size_t from = r * n > k ? r * n : k, last = (r + 1) * n < end ? (r + 1) * n : end;
        const uint8_t *row = rows + (first + r) % f->conv->kernel_h * m->row + PAIR;
        to[pieces++] = (struct piece){.from = row + k - r * n,
                                      .bits = (uint32_t)(((uint64_t)1 << (last - from)) - 1)
                                              << (from - k)};
    }
    return pieces;
}

/* 32 bytes as bfloat16. */
static inline void widen(const uint8_t *bytes, uint16_t *to)
{
    emo_floats x[2];
    emo_halves h;
    for (size_t i = 0; i < 2; i++, bytes += EMO_TILE) {
#ifdef __AVX512F__
        __m128i row = _mm_loadu_si128((const __m128i *)(const void *)bytes);
        x[i] = (emo_floats)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(row));
#else
        for (size_t k = 0; k < EMO_TILE; k++)
            x[i][k] = (float)bytes[k];
#endif
    }
    emo_halves_nearest(x, &h);
    memcpy(to, &h, sizeof h);
}

/* Under so many windows: rows of a. */
static inline void put_windows(const struct piece *piece, size_t pieces, size_t step, size_t rows,
                               uint16_t *to)
{
    for (size_t p = 0; p < rows; p++, to += EMO_TILE_DEPTH) {
        uint8_t bytes[EMO_TILE_DEPTH] = {0};
#ifdef __AVX512BW__
        __m256i x = _mm256_setzero_si256();
        for (size_t i = 0; i < pieces; i++)
            x = _mm256_mask_loadu_epi8(x, piece[i].bits, piece[i].from + p * step);
        _mm256_storeu_si256((__m256i *)(void *)bytes, x);
#else
        for (size_t i = 0; i < pieces; i++)
            for (size_t k = 0; k < EMO_TILE_DEPTH; k++)
                if (piece[i].bits >> k & 1)
                    bytes[k] = piece[i].from[p * step + k];
#endif
        widen(bytes, to);
    }
}

/* Sums of 16 places by 32 channels, on their way to y; rows is 0 when there are none. */
struct results {
    const float *sums;
    uint16_t *y;
    size_t rows, oc;
    bool relu;
};

static inline void put_results(const struct results *r)
{
    const emo_floats *from = (const emo_floats *)(const void *)r->sums;
    for (size_t i = 0; i < r->rows; i++) {
        emo_floats x[2] = {from[i], from[EMO_TILE + i]};
        for (size_t h = 0; h < 2 && r->relu; h++)
            x[h] = (emo_floats)((emo_bits)x[h] & (emo_bits)(x[h] > 0));
        emo_halves_nearest(x, (emo_halves *)(void *)(r->y + i * r->oc));
    }
}

/* Of so many places the results, from a: tiles [depth]. */
static inline void forward_places(const struct emo_first *f, size_t depths, size_t n, const uint16_t *a,
                                  const uint16_t *w, const float *bias, uint16_t *y, float *sums,
                                  struct results *r)
{
    size_t weights = depths * 2 * EMO_TILE_NUMBERS, oc = f->conv->oc;
    for (size_t o = 0; o < oc; o += PAIR, w += 2 * weights) {
        EMO_TILE_LOAD(0, bias + o, 0);
        EMO_TILE_LOAD(1, bias + o + EMO_TILE, 0);
        for (size_t d = 0; d < depths; d++) {
            EMO_TILE_LOAD(2, a + d * 2 * EMO_TILE_NUMBERS, EMO_TILE_BYTES);
            EMO_TILE_LOAD(3, w + d * 2 * EMO_TILE_NUMBERS, EMO_TILE_BYTES);
            EMO_TILE_MULTIPLY(0, 2, 3);
            EMO_TILE_ZERO(3);
            EMO_TILE_LOAD(3, w + weights + d * 2 * EMO_TILE_NUMBERS, EMO_TILE_BYTES);
            EMO_TILE_MULTIPLY(1, 2, 3);
            EMO_TILE_ZERO(3);
            EMO_TILE_ZERO(2);
        }
        put_results(r);
        EMO_TILE_STORE(0, sums, EMO_TILE_BYTES);
        EMO_TILE_STORE(1, sums + EMO_TILE_NUMBERS, EMO_TILE_BYTES);
        r->y = y + o;
        r->rows = n;
    }
}

/* Copies the padded rows that are not there yet, of those from first on under a row of windows. */
static void load_rows(const struct emo_first *f, const struct map *m, const uint8_t *image, size_t first,
                      size_t *next, uint8_t *rows)
{
    const size_t high = f->conv->kernel_h;
    for (size_t r = *next > first ? *next : first; r < first + high; r++)
        load_part(f, image, (int64_t)r - f->conv->top, 0, m->row - PAIR, rows + r % high * m->row + PAIR);
    *next = first + high;
}

static void forward(const struct emo_first *f, const uint8_t *image, const float *packed,
                    const float *bias, void *y, uint16_t *place, float *scratch)
{
    const struct map m = map_of(f);
    const struct emo_layer *l = f->conv;
    float *sums = scratch;
    uint16_t *a = (uint16_t *)(void *)(sums + 2 * EMO_TILE_NUMBERS);
    uint8_t *rows = (uint8_t *)(a + m.depths * 2 * EMO_TILE_NUMBERS);
    struct results r = {.sums = sums, .oc = l->oc, .relu = l->activation == EMO_RELU};
    size_t next = 0;
    (void)place;
    /* Behind a short row's places a has anything. */
    memset(a, 0, m.depths * EMO_TILE_NUMBERS * sizeof(float));
    EMO_TILES_BEGIN();
    for (size_t oy = 0; oy < l->oh; oy++) {
        load_rows(f, &m, image, oy * l->stride, &next, rows);
        for (size_t ox = 0; ox < l->ow; ox += EMO_TILE) {
            size_t n = l->ow - ox < EMO_TILE ? l->ow - ox : EMO_TILE;
            for (size_t d = 0; d < m.depths; d++) {
                struct piece piece[EMO_TILE_DEPTH];
                size_t pieces = cut(f, &m, rows, oy * l->stride, d * EMO_TILE_DEPTH, piece);
                for (size_t i = 0; i < pieces; i++)
                    piece[i].from += ox * m.step;
                put_windows(piece, pieces, m.step, n, a + d * 2 * EMO_TILE_NUMBERS);
            }
            forward_places(f, m.depths, n, a, (const uint16_t *)(const void *)packed, bias,
                           (uint16_t *)y + (oy * l->ow + ox) * l->oc, sums, &r);
        }
    }
    EMO_TILES_END();
    put_results(&r);
}

/* Byte j of 32 windows of a row, so many of which are in a vector: the others follow. order: where byte
   0 of each is in its vector. */
static inline void gather(const uint8_t *row, size_t step, size_t j, size_t windows,
                          const uint8_t order[EMO_TILE_DEPTH], uint8_t *to)
{
#ifdef __AVX512VBMI__
    if (windows >= 4) {
        __m512i at = _mm512_castsi256_si512(_mm256_loadu_si256((const void *)order));
        __m512i all = _mm512_setzero_si512();
        at = _mm512_add_epi8(at, _mm512_set1_epi8((char)j));
        for (size_t i = 0; i < EMO_TILE_DEPTH; i += windows)
            all = _mm512_mask_permutexvar_epi8(all, (((uint64_t)1 << windows) - 1) << i, at,
                                               _mm512_loadu_si512(row + i * step));
        _mm256_storeu_si256((void *)to, _mm512_castsi512_si256(all));
        return;
    }
#endif
    (void)windows;
    (void)order;
    for (size_t i = 0; i < EMO_TILE_DEPTH; i++)
        to[i] = row[i * step + j];
}

/* A padded row as streams. */
static void take_apart(const struct map *m, const uint8_t *row, uint16_t *streams)
{
    uint8_t order[EMO_TILE_DEPTH];
    size_t windows = EMO_TILE_DEPTH;
    while (windows * m->step > EMO_TILE_BYTES)
        windows /= 2;
    for (size_t i = 0; i < EMO_TILE_DEPTH; i++)
        order[i] = (uint8_t)(windows > 0 ? i % windows * m->step : 0);
    for (size_t p = 0; p < m->stream; p += EMO_TILE_DEPTH, row += EMO_TILE_DEPTH * m->step)
        for (size_t j = 0; j < m->step; j++) {
            uint8_t bytes[EMO_TILE_DEPTH];
            gather(row, m->step, j, windows, order, bytes);
            widen(bytes, streams + j * m->stream + p);
        }
}

/* Places from ox in row oy as a, [number of the kernel][depth]. */
static void put_pixels(const struct emo_first *f, const struct map *m, const uint16_t *streams,
                       size_t oy, size_t ox, size_t depths, uint16_t *a)
{
    size_t n = taps(f), high = f->conv->kernel_h, one = m->step * m->stream;
    for (size_t ky = 0, k = 0; ky < high; ky++) {
        const uint16_t *row = streams + (oy * f->conv->stride + ky) % high * one + ox;
        for (size_t t = 0; t < n; t++, k++) {
            const uint16_t *from = row + t % m->step * m->stream + t / m->step;
            uint16_t *to = a + k * DEPTHS * EMO_TILE_DEPTH;
            for (size_t d = 0; d < depths * EMO_TILE_DEPTH; d += EMO_TILE_DEPTH)
                memcpy(to + d, from + d, EMO_TILE_BYTES);
        }
    }
}

/* So many places' gradients as b, tiles [16 channels][depth]; behind them are zeros. */
static void put_gradients(const struct emo_first *f, const uint16_t *g, size_t n, uint16_t *b)
{
    static const uint16_t nothing[PAIR];
    size_t oc = f->conv->oc, pairs = round_up(n, EMO_TILE_DEPTH) / 2, next = DEPTHS * 2 * EMO_TILE_NUMBERS;
    for (size_t i = 0; i < pairs; i++, b += PAIR)
        for (size_t o = 0; o < oc; o += PAIR) {
            const uint16_t *first = 2 * i < n ? g + 2 * i * oc + o : nothing;
            const uint16_t *second = 2 * i + 1 < n ? g + (2 * i + 1) * oc + o : nothing;
            uint16_t *to = b + o / EMO_TILE * next;
            emo_halves_interleave(first, second, to, to + next);
        }
}

/* Adds products over so many depths to sums [16 channels][number of the kernel]. */
static void add_products(const struct emo_first *f, const struct map *m, size_t depths,
                         const uint16_t *a, const uint16_t *b, float *sums)
{
    const size_t row = DEPTHS * EMO_TILE_DEPTH;
    for (size_t o = 0; o < f->conv->oc; o += EMO_TILE, b += DEPTHS * 2 * EMO_TILE_NUMBERS)
        for (size_t k = 0; k < m->numbers; k += PAIR, sums += 2 * EMO_TILE_NUMBERS) {
            const uint16_t *first = a + k * row, *second = first + EMO_TILE * row;
            EMO_TILE_LOAD(0, sums, EMO_TILE_BYTES);
            EMO_TILE_LOAD(1, sums + EMO_TILE_NUMBERS, EMO_TILE_BYTES);
            for (size_t d = 0; d < depths; d++) {
                EMO_TILE_LOAD(3, b + d * 2 * EMO_TILE_NUMBERS, EMO_TILE_BYTES);
                use_first(first + d * EMO_TILE_DEPTH, row * sizeof *a);
                EMO_TILE_ZERO(2);
                use_second(second + d * EMO_TILE_DEPTH, row * sizeof *a);
                EMO_TILE_ZERO(2);
                EMO_TILE_ZERO(3);
            }
            EMO_TILE_STORE(0, sums, EMO_TILE_BYTES);
            EMO_TILE_STORE(1, sums + EMO_TILE_NUMBERS, EMO_TILE_BYTES);
        }
}

static void backward(const struct emo_first *f, size_t n, const uint8_t *const *images,
                     const void *gy, const uint16_t *place, bool first, bool last, float *gw,
                     float *gb, float *scratch)
{
    const struct map m = map_of(f);
    const struct emo_layer *l = f->conv;
    const uint16_t *g = gy;
    size_t oc = l->oc, high = l->kernel_h;
    float *sums = scratch;
    uint16_t *a = (uint16_t *)(void *)(sums + m.numbers * oc);
    uint16_t *b = a + m.numbers * DEPTHS * EMO_TILE_DEPTH;
    uint16_t *streams = b + oc * DEPTHS * EMO_TILE_DEPTH;
    uint8_t *row = (uint8_t *)(streams + high * m.step * m.stream);
    (void)place;
    if (first) {
        memset(sums, 0, m.numbers * oc * sizeof *sums);
        memset(a, 0, m.numbers * DEPTHS * EMO_TILE_BYTES);
        for (size_t i = 0; i < DEPTHS * EMO_TILE_DEPTH; i++)
            a[m.kernel * DEPTHS * EMO_TILE_DEPTH + i] = ONE;
    }
    EMO_TILES_BEGIN();
    for (size_t r = 0; r < n; r++)
        for (size_t oy = 0, next = 0; oy < l->oh; oy++) {
            size_t under = oy * l->stride;
            for (size_t y = next > under ? next : under; y < under + high; y++) {
                load_part(f, images[r], (int64_t)y - l->top, 0, m.row, row);
                take_apart(&m, row, streams + y % high * m.step * m.stream);
            }
            next = under + high;
            for (size_t ox = 0; ox < l->ow; ox += DEPTHS * EMO_TILE_DEPTH) {
                size_t some = l->ow - ox, depths;
                some = some < DEPTHS * EMO_TILE_DEPTH ? some : DEPTHS * EMO_TILE_DEPTH;
                depths = round_up(some, EMO_TILE_DEPTH) / EMO_TILE_DEPTH;
                put_pixels(f, &m, streams, oy, ox, depths, a);
                put_gradients(f, g, some, b);
                add_products(f, &m, depths, a, b, sums);
                g += some * oc;
            }
        }
    EMO_TILES_END();
    for (size_t o = 0; last && o < oc; o++) {
        const float *from = sums + o / EMO_TILE * m.numbers * EMO_TILE + o % EMO_TILE;
        for (size_t k = 0; k < m.kernel; k++)
            gw[k * oc + o] = from[k * EMO_TILE] * (1.0f / 255.0f);
        gb[o] = from[m.kernel * EMO_TILE];
    }
}

#ifndef KERNEL
#define KERNEL emo_map_amx
#endif

const struct emo_first_kernel KERNEL = {
    .halves = true,
    .lanes = LANES,
    .rounded = true,
    .places = places,
    .packed = packed_floats,
    .scratch = scratch_floats,
    .pack = pack,
    .forward = forward,
    .backward = backward,
};
#else
/* An empty translation unit is not C. */
typedef int emo_without_map_amx;
#endif
