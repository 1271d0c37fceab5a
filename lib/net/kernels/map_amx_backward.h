/*
 * Backward in tiles, as map_amx.h describes it.
 */
#include "net/kernels/map_amx.h"

#define ONE 0x3f80 /* as bfloat16 */

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
