/*
 * Forward in tiles, as map_amx.h describes it.
 */
#include "net/kernels/map_amx.h"

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
            emo_floats_rectify(&x[h]);
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

/* The rows under row oy of the map: where they are, or copied to `to`, where what is beside pixels is
   zero. */
static struct rows load_rows(const struct emo_first *f, const struct map *m, const uint8_t *image,
                             size_t oy, uint8_t *to)
{
    const struct emo_layer *l = f->conv;
    int64_t y = (int64_t)(oy * l->stride) - l->top;
    if (l->left == 0 && l->right == 0 && y >= 0 && (size_t)y + l->kernel_h <= l->h)
        return (struct rows){.at = image + (size_t)y * f->pitch, .pitch = f->pitch};
    for (size_t r = 0; r < l->kernel_h; r++)
        load_part(f, image, y + (int64_t)r, 0, m->row, to + r * m->row);
    return (struct rows){.at = to, .pitch = m->row};
}

static void forward(const struct emo_first *f, const uint8_t *image, const float *packed,
                    const float *bias, void *y, uint16_t *place, float *scratch)
{
    const struct map m = map_of(f);
    const struct emo_layer *l = f->conv;
    float *sums = scratch;
    uint16_t *a = (uint16_t *)(void *)(sums + 2 * EMO_TILE_NUMBERS);
    uint8_t *padded = (uint8_t *)(a + m.depths * 2 * EMO_TILE_NUMBERS);
    struct results r = {.sums = sums, .oc = l->oc, .relu = l->activation == EMO_RELU};
    (void)place;
    /* Behind a short row's places a has anything. */
    memset(a, 0, m.depths * EMO_TILE_NUMBERS * sizeof(float));
    EMO_TILES_BEGIN();
    for (size_t oy = 0; oy < l->oh; oy++) {
        struct rows rows = load_rows(f, &m, image, oy, padded);
        for (size_t ox = 0; ox < l->ow; ox += EMO_TILE, rows.at += EMO_TILE * m.step) {
            size_t n = l->ow - ox < EMO_TILE ? l->ow - ox : EMO_TILE;
            for (size_t d = 0; d < m.depths; d++) {
                struct piece piece[EMO_TILE_DEPTH];
                size_t pieces = cut(f, rows, d * EMO_TILE_DEPTH, EMO_TILE_DEPTH, piece);
                put_windows(piece, pieces, m.step, n, a + d * 2 * EMO_TILE_NUMBERS);
            }
            forward_places(f, m.depths, n, a, (const uint16_t *)(const void *)packed, bias,
                           (uint16_t *)y + (oy * l->ow + ox) * l->oc, sums, &r);
        }
    }
    EMO_TILES_END();
    put_results(&r);
}
