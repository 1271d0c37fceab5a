/*
 * Pooled gradients as digits in tiles, for the backward pass of first_amx.h.
 */
#ifndef EMO_NET_KERNELS_FIRST_AMX_GRADIENTS_H
#define EMO_NET_KERNELS_FIRST_AMX_GRADIENTS_H

#include "net/kernels/first_amx.h"

/* Gradients of 16 channels, place by place. */
struct gradients {
    const float *floats;
    const uint16_t *halves; /* or these */
    size_t pitch;
};

/* Of channels from o, places from `at` on. */
static inline struct gradients gradients_at(const struct emo_first *f, bool halves, const void *g,
                                            size_t at, size_t o)
{
    size_t plane = (size_t)f->ph * f->pw, b = f->block;
    if (halves)
        return (struct gradients){.halves = (const uint16_t *)g + at * f->conv->oc + o,
                                  .pitch = f->conv->oc};
    return (struct gradients){.floats = (const float *)g + (o / b * plane + at) * b + o % b,
                              .pitch = b};
}

static inline void gradients_of(bool halves, const struct gradients *g, size_t place, floats *x)
{
    if (halves)
        emo_halves_widen(g->halves + place * g->pitch, x);
    else
        *x = *(const loose *)(const void *)(g->floats + place * g->pitch);
}

/* Of n pooled rows from py: their scales, and their sums added to gb. */
static inline void measure(const struct emo_first *f, const struct sizes *s, bool halves, const void *g,
                           size_t py, size_t n, float *scales, float *gb)
{
    for (size_t o = 0; o < f->conv->oc; o += EMO_TILE) {
        const struct gradients from = gradients_at(f, halves, g, py * f->pw, o);
        floats sum = *(loose *)(void *)(gb + o);
        ints most = {0};
        for (size_t p = 0; p < n * f->pw; p++) {
            floats x;
            gradients_of(halves, &from, p, &x);
            sum += x;
            emo_digits_larger(&most, (const float *)(const void *)&x);
        }
        *(loose *)(void *)(gb + o) = sum;
        *(loose *)(void *)(scales + o) = (floats)most / emo_digits_greatest(s->digits);
    }
}

/* The digits of up to 32 places' gradients of 16 channels as vectors of a channel's: the lower two of
   16 bits, 32 places together; and the third, if there is one. */
static inline void turn_digits(size_t digits, bool halves, const struct gradients *g, size_t n,
                               const float *scales, uint16_t low[EMO_TILE][PAIR],
                               uint16_t high[EMO_TILE][PAIR])
{
    floats by = 1.0f / *(const loose *)(const void *)scales;
    ints x[EMO_TILE], turned[EMO_TILE];
    for (size_t half = 0; half < (digits == 3 ? 2 : 1); half++) {
        for (size_t i = 0; i < EMO_TILE; i++) {
            ints y[2] = {{0}, {0}};
            size_t p = digits == 3 ? half * EMO_TILE + i : 2 * i;
            for (size_t k = 0; k < (digits == 3 ? 1 : 2); k++)
                if (p + k < n) {
                    floats whole;
                    gradients_of(halves, g, p + k, &whole);
                    whole *= by;
                    emo_digits_of(&whole, &y[k]);
                }
            x[i] = digits == 3 ? y[0] : (y[0] & 0xffff) | y[1] << 16;
        }
        emo_floats_turn((const float *)(const void *)x, EMO_TILE, EMO_TILE,
                        (float *)(void *)turned);
        for (size_t c = 0; c < EMO_TILE; c++) {
            if (digits == 2) {
                memcpy(low[c], &turned[c], sizeof turned[c]);
                continue;
            }
            shorts lower = __builtin_convertvector(turned[c], shorts);
            shorts upper = __builtin_convertvector(turned[c] >> 16, shorts);
            memcpy(low[c] + half * EMO_TILE, &lower, sizeof lower);
            memcpy(high[c] + half * EMO_TILE, &upper, sizeof upper);
        }
    }
}

/* A channel's digits of 32 places, in the lower or the upper byte of each, as a row of tiles: of the
   upper row of the map and of the lower, of each place the left column and the right. */
static inline void put_digits(const uint16_t *digits, bool second, uint32_t right, uint32_t below,
                              uint8_t *upper, uint8_t *lower, size_t bytes)
{
#ifdef __AVX512BW__
    __m512i x = _mm512_loadu_si512(digits), left, all;
    left = second ? _mm512_srli_epi16(x, 8) : _mm512_and_si512(x, _mm512_set1_epi16(255));
    all = second ? _mm512_mask_and_epi32(x, 0xffff, x, _mm512_set1_epi16((short)0xff00))
                 : _mm512_slli_epi16(x, 8);
    all = _mm512_mask_mov_epi16(left, right, all);
    __m512i up = _mm512_maskz_mov_epi16(~below, all), down = _mm512_maskz_mov_epi16(below, all);
    if (bytes == EMO_TILE_BYTES) {
        _mm512_store_si512(upper, up);
        _mm512_store_si512(lower, down);
    } else {
        _mm256_store_si256((__m256i *)(void *)upper, _mm512_castsi512_si256(up));
        _mm256_store_si256((__m256i *)(void *)lower, _mm512_castsi512_si256(down));
    }
#else
    memset(upper, 0, bytes);
    memset(lower, 0, bytes);
    for (size_t p = 0; p < bytes / 2; p++) {
        uint8_t *to = below >> p & 1 ? lower : upper;
        to[2 * p + (right >> p & 1)] = (uint8_t)(second ? digits[p] >> 8 : digits[p]);
    }
#endif
}

/* A pooled row's gradients as tiles [row of the map][64 columns][16 channels][digit], or in narrow
   maps [16 channels][digit]. */
static inline void put_gradients(const struct emo_first *f, const struct sizes *s, bool halves,
                                 size_t digits, const void *g, size_t py, const uint16_t *place,
                                 const float *scales, uint8_t *tiles)
{
    const size_t tile = EMO_TILE * EMO_TILE_BYTES;
    size_t bytes = s->narrow ? PAIR : EMO_TILE_BYTES, next = s->groups * digits * tile;
    size_t down = s->narrow ? PAIR : s->across * next;
    for (size_t px = 0; px < f->pw; px += PAIR, tiles += next)
        for (size_t o = 0; o < f->conv->oc; o += EMO_TILE) {
            uint16_t low[EMO_TILE][PAIR], high[EMO_TILE][PAIR];
            uint32_t bits[2][EMO_TILE];
            memcpy(bits, place + place_at(f, o, py, px), sizeof bits);
            const struct gradients from = gradients_at(f, halves, g, py * f->pw + px, o);
            turn_digits(digits, halves, &from, f->pw - px, scales + o, low, high);
            for (size_t c = 0; c < EMO_TILE; c++) {
                uint8_t *to = tiles + o / EMO_TILE * digits * tile + c * EMO_TILE_BYTES;
                put_digits(low[c], false, bits[0][c], bits[1][c], to, to + down, bytes);
                to += tile;
                put_digits(low[c], true, bits[0][c], bits[1][c], to, to + down, bytes);
                to += tile;
                if (digits == 3)
                    put_digits(high[c], false, bits[0][c], bits[1][c], to, to + down, bytes);
            }
        }
}

#endif
