/*
 * Forward in tiles, as first_amx.h describes it.
 */
#include "net/kernels/bf16.h"
#include "net/kernels/first_amx.h"

/* Tiles [two groups of channels][ky][depth][term][group of the two]. */
static void pack(const struct emo_first *f, const float *hwio, float *packed)
{
    struct sizes s = sizes(f);
    size_t oc = f->conv->oc, n = taps(f), kh = f->conv->kernel_h;
    uint16_t *to = (uint16_t *)(void *)packed;
    memset(packed, 0, packed_floats(f) * sizeof *packed);
    for (size_t o = 0; o < oc; o++)
        for (size_t r = 0; r < kh * n; r++) {
            float w = hwio[r * oc + o] * (1.0f / 255.0f);
            uint16_t term[3];
            if (f->bf16)
                emo_bf16_from(&w, 1, term);
            else
                cut(w, s.terms, term);
            size_t j = r % n, depth = (o / PAIR * kh + r / n) * s.depths + j / EMO_TILE_DEPTH;
            for (size_t t = 0; t < s.terms; t++) {
                size_t tile = (depth * s.terms + t) * 2 + o / EMO_TILE % 2;
                size_t pair = j % EMO_TILE_DEPTH / 2 * EMO_TILE + o % EMO_TILE;
                to[(tile * EMO_TILE_NUMBERS + pair) * 2 + j % 2] = term[t];
            }
        }
}

/* 16 columns of two rows of the map, 32 channels: [row][column][channel]. */
static inline void forward_tiles(const struct emo_first *f, const struct sizes *s,
                                 const uint16_t *x, const float *w, float *sums)
{
    size_t stride = s->step * sizeof *x, below = f->conv->stride * s->row, terms = s->terms;
    EMO_TILE_ZERO(0);
    EMO_TILE_ZERO(1);
    EMO_TILE_ZERO(2);
    EMO_TILE_ZERO(3);
    for (size_t ky = 0; ky < f->conv->kernel_h; ky++, x += s->row)
        for (size_t d = 0; d < s->depths; d++) {
            const uint16_t *at = x + d * EMO_TILE_DEPTH;
            EMO_TILE_LOAD(4, at, stride);
            EMO_TILE_LOAD(5, at + below, stride);
            for (size_t t = 0; t < terms; t++, w += 2 * EMO_TILE_NUMBERS) {
                EMO_TILE_LOAD(6, w, 64);
                EMO_TILE_MULTIPLY(0, 4, 6);
                EMO_TILE_LOAD(7, w + EMO_TILE_NUMBERS, 64);
                EMO_TILE_MULTIPLY(1, 4, 7);
                EMO_TILE_MULTIPLY(2, 5, 6);
                EMO_TILE_MULTIPLY(3, 5, 7);
            }
        }
    EMO_TILE_STORE(0, sums, 128);
    EMO_TILE_STORE(1, sums + EMO_TILE, 128);
    EMO_TILE_STORE(2, sums + EMO_TILE * PAIR, 128);
    EMO_TILE_STORE(3, sums + EMO_TILE * PAIR + EMO_TILE, 128);
}

/* Of those sums: n pooled places of 16 channels. y and place lie b apart. */
static inline void pool(const float *sums, size_t n, const float *bias, size_t b, float *y,
                        uint16_t *place)
{
    static const size_t window[4] = {0, 2, 2 * EMO_TILE, 2 * EMO_TILE + 2};
    floats add = *(const loose *)(const void *)bias;
    for (size_t p = 0; p < n; p++, sums += 2 * PAIR, y += b, place += b) {
        const floats *x = (const floats *)(const void *)sums;
        floats most = x[0];
        ints where = {0};
        for (int i = 1; i < 4; i++) {
            ints more = x[window[i]] > most;
            most = (floats)(((ints)x[window[i]] & more) | ((ints)most & ~more));
            where = (i & more) | (where & ~more);
        }
        *(loose *)(void *)y = most + add;
        *(loose_shorts *)(void *)place = __builtin_convertvector(where, shorts);
    }
}

static void forward(const struct emo_first *f, const uint8_t *image, const float *packed,
                    const float *bias, float *y, uint16_t *place, float *scratch)
{
    const struct sizes s = sizes(f);
    size_t plane = (size_t)f->ph * f->pw, b = f->block, rows = (size_t)2 * f->conv->stride;
    size_t weights = f->conv->kernel_h * s.depths * s.terms * 2 * EMO_TILE_NUMBERS;
    float *sums = scratch;
    uint16_t *pixels = (uint16_t *)(void *)(scratch + 4 * EMO_TILE_NUMBERS);
    memset(pixels, 0, band(f) * s.row * sizeof *pixels);
    EMO_TILES_BEGIN();
    for (size_t py = 0; py < f->ph; py++) {
        for (size_t r = 0; r < band(f); r++)
            load_row(f, image, (int64_t)(py * rows + r) - f->conv->top, s.row, pixels + r * s.row);
        for (size_t o = 0; o < f->conv->oc; o += PAIR)
            for (size_t px = 0; px < f->pw; px += EMO_TILE / 2) {
                size_t n = f->pw - px < EMO_TILE / 2 ? f->pw - px : EMO_TILE / 2;
                forward_tiles(f, &s, pixels + 2 * px * s.step, packed + o / PAIR * weights, sums);
                for (size_t h = 0; h < PAIR && o + h < f->conv->oc; h += EMO_TILE) {
                    size_t at = ((o + h) / b * plane + py * f->pw + px) * b + (o + h) % b;
                    pool(sums + h, n, bias + o + h, b, y + at, place + at);
                }
            }
    }
    EMO_TILES_END();
}
