/*
 * Forward in tiles, as first_amx.h describes it.
 */
#include "net/kernels/first_amx_streams.h"

/* Tiles [16 channels][digit][depth], then the channels' scales. */
static void pack(const struct emo_first *f, const float *hwio, float *packed)
{
    struct sizes s = sizes(f);
    size_t oc = f->conv->oc, n = taps(f);
    int8_t *to = (int8_t *)(void *)packed;
    float *scales = packed + packed_tiles(&s) * EMO_TILE_NUMBERS;
    memset(packed, 0, packed_floats(f) * sizeof *packed);
    for (size_t o = 0; o < oc; o += EMO_TILE) {
        ints most = {0};
        for (size_t k = 0; k < s.kernel; k++)
            keep_larger(&most, hwio + k * oc + o);
        floats scale = (floats)most / greatest(s.digits);
        for (size_t k = 0; k < s.kernel; k++) {
            floats whole = *(const loose *)(const void *)(hwio + k * oc + o) / scale;
            ints x;
            to_digits(&whole, &x);
            size_t at = k / n * s.fours * 4 + k % n, depth = at / EMO_TILE_BYTES;
            for (size_t t = 0; t < s.digits; t++, x >>= 8) {
                size_t tile = (o / EMO_TILE * s.digits + t) * s.depths + depth;
                int8_t *byte = to + tile * EMO_TILE * EMO_TILE_BYTES + at % EMO_TILE_BYTES;
                for (size_t i = 0; i < EMO_TILE; i++)
                    byte[i * EMO_TILE_BYTES] = (int8_t)x[i];
            }
        }
        *(loose *)(void *)(scales + o) = scale * (1.0f / 255.0f);
    }
}

/* Where x is larger, bit by bit. */
static inline unsigned where_larger(const floats *x, const floats *than)
{
#ifdef __AVX512F__
    return _mm512_cmp_ps_mask((__m512)*x, (__m512)*than, _CMP_GT_OQ);
#else
    unsigned bits = 0;
    for (unsigned i = 0; i < LANES; i++)
        bits |= (unsigned)((*x)[i] > (*than)[i]) << i;
    return bits;
#endif
}

/* x, and where the bits are y. */
static inline void choose(unsigned bits, const floats *x, const floats *y, floats *to)
{
#ifdef __AVX512F__
    *to = (floats)_mm512_mask_mov_ps((__m512)*x, (__mmask16)bits, (__m512)*y);
#else
    for (unsigned i = 0; i < LANES; i++)
        (*to)[i] = bits >> i & 1 ? (*y)[i] : (*x)[i];
#endif
}

/* Up to 16 pooled places of a row, 16 channels. */
struct block {
    const float *sums; /* of the tiles */
    float *most;       /* of each window: [channel][place] */
    uint16_t *place;   /* where that was, of the first channel */
    size_t n, done;    /* places; channels of which the largest are known */
    const float *scales, *bias;
    void *y;
};

/* Of n channels more the largest of each window, and where it was, the first of equals. */
static inline void pool(size_t digits, struct block *b, size_t n)
{
    const size_t below_at = 2 * EMO_TILE;
    for (; n > 0 && b->done < EMO_TILE; n--, b->done++) {
        const float *sums = b->sums + b->done * EMO_TILE;
        float *most = b->most + b->done * EMO_TILE;
        uint16_t *place = b->place + 2 * b->done;
        floats x[4], upper, lower;
        for (size_t i = 0; i < 4; i++)
            put_together(digits, sums + i * EMO_TILE_NUMBERS, 4 * EMO_TILE_NUMBERS, &x[i]);
        unsigned in_upper = where_larger(&x[1], &x[0]), in_lower = where_larger(&x[3], &x[2]);
        choose(in_upper, &x[0], &x[1], &upper);
        choose(in_lower, &x[2], &x[3], &lower);
        unsigned below = where_larger(&lower, &upper);
        choose(below, &upper, &lower, (floats *)(void *)most);
        place[0] = (uint16_t)((in_lower & below) | (in_upper & ~below));
        place[below_at] = (uint16_t)below;
    }
}

/* The largest to results. */
static inline void put_results(const struct emo_first *f, const struct block *b, float *turned)
{
    const floats scale = *(const loose *)(const void *)b->scales;
    const floats add = *(const loose *)(const void *)b->bias;
    emo_floats_turn(b->most, EMO_TILE, EMO_TILE, turned);
    for (size_t p = 0; p < b->n; p++) {
        emo_floats y = *(const floats *)(const void *)(turned + p * EMO_TILE) * scale + add;
        if (f->halves)
            emo_halves_nearest16(&y, (uint16_t *)b->y + p * f->conv->oc);
        else
            memcpy((float *)b->y + p * f->block, &y, sizeof y);
    }
}

/* Where the results of 16 channels from o go, from place `at` on. */
static inline void *result_at(const struct emo_first *f, void *y, size_t at, size_t o)
{
    size_t plane = (size_t)f->ph * f->pw, b = f->block;
    if (f->halves)
        return (uint16_t *)y + at * f->conv->oc + o;
    return (float *)y + (o / b * plane + at) * b + o % b;
}

/* The sums of a block, [digit][row of the map][left or right][channel][place]; and, while the tiles
   are at work, the pooling of the block before. */
static inline void forward_tiles(const struct emo_first *f, const struct sizes *s, size_t digits,
                                 const uint8_t *left, const uint8_t *right, const float *w,
                                 float *sums, struct block *before, struct ahead *ahead)
{
    size_t down = f->conv->stride * s->fours * s->stream, depth = EMO_TILE * s->stream;
    size_t share = EMO_TILE / (2 * digits * s->depths) + 1;
    for (size_t t = 0; t < digits; t++, w += s->depths * EMO_TILE_NUMBERS)
        for (size_t below = 0; below < 2; below++, sums += 2 * EMO_TILE_NUMBERS) {
            EMO_TILE_ZERO(0);
            EMO_TILE_ZERO(1);
            for (size_t d = 0; d < s->depths; d++) {
                EMO_TILE_LOAD_ONCE(2, w + d * EMO_TILE_NUMBERS, 64);
                EMO_TILE_LOAD(3, left + below * down + d * depth, s->stream);
                EMO_TILE_MULTIPLY_BYTES(0, 2, 3);
                EMO_TILE_ZERO(3);
                EMO_TILE_LOAD(3, right + below * down + d * depth, s->stream);
                EMO_TILE_MULTIPLY_BYTES(1, 2, 3);
                EMO_TILE_ZERO(3);
                EMO_TILE_ZERO(2);
                pool(digits, before, share);
            }
            fetch(ahead, 4);
            EMO_TILE_STORE(0, sums, 64);
            EMO_TILE_STORE(1, sums + EMO_TILE_NUMBERS, 64);
        }
}

/* A pooled row, 16 places at a time; what is before it is pooled, and its last block is left. */
static inline void forward_row(const struct emo_first *f, const struct sizes *s, size_t digits,
                               size_t py, const uint8_t *left, const uint8_t *right,
                               const float *packed, const float *bias, void *y, uint16_t *place,
                               struct block *before, float *turned, struct ahead *ahead)
{
    size_t weights = digits * s->depths * EMO_TILE_NUMBERS, all = 4 * digits * EMO_TILE_NUMBERS;
    const float *scales = packed + packed_tiles(s) * EMO_TILE_NUMBERS;
    for (size_t px = 0; px < f->pw; px += EMO_TILE)
        for (size_t o = 0; o < f->conv->oc; o += EMO_TILE) {
            float *sums = turned + EMO_TILE_NUMBERS;
            if (before->sums == sums)
                sums += all;
            forward_tiles(f, s, digits, left + 4 * px, right + 4 * px,
                          packed + o / EMO_TILE * weights, sums, before, ahead);
            put_results(f, before, turned);
            *before = (struct block){
                .sums = sums, .most = before->most, .scales = scales + o, .bias = bias + o,
                .place = place + place_at(f, o, py, px) + px / EMO_TILE % 2,
                .n = f->pw - px < EMO_TILE ? f->pw - px : EMO_TILE,
                .y = result_at(f, y, py * f->pw + px, o),
            };
        }
}

static void forward(const struct emo_first *f, const uint8_t *image, const float *packed,
                    const float *bias, void *y, uint16_t *place, float *scratch)
{
    const struct sizes s = sizes(f);
    size_t rows = (size_t)2 * f->conv->stride;
    float *most = scratch, *turned = most + EMO_TILE_NUMBERS;
    uint8_t *row = (uint8_t *)(void *)(turned + (1 + 8 * s.digits) * EMO_TILE_NUMBERS);
    uint8_t *left = row + s.row + EMO_TILE_BYTES, *right = left + s.plane;
    /* Nothing comes before the first block. */
    struct block before = {.most = most, .done = EMO_TILE, .scales = bias, .bias = bias};
    memset(row, 0, s.row + EMO_TILE_BYTES + 2 * s.plane);
    memset(most, 0, EMO_TILE_NUMBERS * sizeof *most);
    EMO_TILES_BEGIN();
    for (size_t py = 0; py < f->ph; py++) {
        load_band(f, &s, image, py, row, left, right);
        struct ahead ahead = ahead_of(f, image, (int64_t)(py * rows + band(f)) - f->conv->top, rows);
        if (s.digits == 2)
            forward_row(f, &s, 2, py, left, right, packed, bias, y, place, &before, turned, &ahead);
        else
            forward_row(f, &s, 3, py, left, right, packed, bias, y, place, &before, turned, &ahead);
    }
    EMO_TILES_END();
    pool(s.digits, &before, EMO_TILE);
    put_results(f, &before, turned);
}
