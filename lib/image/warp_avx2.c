#include "image/warp_span.h"

#if defined(EMO_WARP_VECTOR)

#include <immintrin.h>
#include <stddef.h>
#include <string.h>

#define TARGET __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline, target("avx2")))

/* Eight pixels' taps and weights. */
struct eight {
    int32_t top[8]; /* byte offset of the upper left tap */
    __m256i across; /* weight of the right taps, in both halves of each 32 bits */
    __m256i down;   /* 256 - f and f of the rows, as pairs for pmaddwd */
};

INLINE __m256i clamp(__m256i x, int32_t most)
{
    return _mm256_min_epi32(_mm256_max_epi32(x, _mm256_setzero_si256()), _mm256_set1_epi32(most));
}

/*
 * Clamped to the image, a coordinate is at most that of the last pixel; with the upper tap at most
 * the last but one, the weight of the lower is 0 to 256, and both taps are in the image.
 */
INLINE void locate(const struct emo_warp_span *s, int32_t channels, __m256i u, __m256i v,
                   struct eight *e)
{
    __m256i y = clamp(_mm256_srai_epi32(u, 8), (s->height - 1) * 256);
    __m256i x = clamp(_mm256_srai_epi32(v, 8), (s->width - 1) * 256);
    __m256i i = _mm256_min_epi32(_mm256_srli_epi32(y, 8), _mm256_set1_epi32(s->height - 2));
    __m256i j = _mm256_min_epi32(_mm256_srli_epi32(x, 8), _mm256_set1_epi32(s->width - 2));
    __m256i fy = _mm256_sub_epi32(y, _mm256_slli_epi32(i, 8));
    __m256i fx = _mm256_sub_epi32(x, _mm256_slli_epi32(j, 8));
    __m256i pixel = _mm256_add_epi32(_mm256_mullo_epi32(i, _mm256_set1_epi32(s->width)), j);
    __m256i offset = _mm256_mullo_epi32(pixel, _mm256_set1_epi32(channels));
    _mm256_storeu_si256((__m256i *)(void *)e->top, offset);
    e->across = _mm256_or_si256(fx, _mm256_slli_epi32(fx, 16));
    e->down = _mm256_or_si256(_mm256_slli_epi32(fy, 16),
                              _mm256_sub_epi32(_mm256_set1_epi32(256), fy));
}

/* 8 bytes at each of four offsets. */
INLINE __m256i load_four(const uint8_t *from, const int32_t offset[4])
{
    int64_t q[4];
    for (int k = 0; k < 4; k++)
        memcpy(&q[k], from + offset[k], 8);
    return _mm256_set_epi64x(q[3], q[2], q[1], q[0]);
}

/* Of each pixel's 8 bytes the channels that begin at byte "at", as four 16-bit numbers. */
INLINE __m256i spread_channels(__m256i bytes, int at, int channels)
{
    const char none = -1;
    char m[16];
    for (int p = 0; p < 2; p++)
        for (int c = 0; c < 4; c++) {
            m[p * 8 + c * 2] = c < channels ? (char)(p * 8 + at + c) : none;
            m[p * 8 + c * 2 + 1] = none;
        }
    __m128i mask = _mm_setr_epi8(m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10],
                                 m[11], m[12], m[13], m[14], m[15]);
    return _mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(mask));
}

/* left * 256 + f * (right - left): at most 65280, so modulo 2^16 it is exact. */
INLINE __m256i blend_across(__m256i bytes, int at, int channels, __m256i f)
{
    __m256i left = spread_channels(bytes, at, channels);
    __m256i right = spread_channels(bytes, at + channels, channels);
    return _mm256_add_epi16(_mm256_slli_epi16(left, 8),
                            _mm256_mullo_epi16(f, _mm256_sub_epi16(right, left)));
}

/*
 * Pixels "half" * 4 to + 3, four bytes each. The upper row is read from the tap on, the lower row
 * up to the end of its right tap, so that no read leaves the image. pmaddwd is signed: rows are
 * taken less 32768, and as the weights sum to 256, 2^23 is put back.
 */
INLINE __m128i blend_four(const struct emo_warp_span *s, int channels, const struct eight *e,
                          int half)
{
    const int32_t *top = e->top + 4 * half;
    const int skip = 8 - 2 * channels;
    const __m256i sign = _mm256_set1_epi16(INT16_MIN);
    __m256i fx = _mm256_permutevar8x32_epi32(
        e->across, half == 0 ? _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3)
                             : _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7));
    __m256i even = _mm256_permutevar8x32_epi32(
        e->down, half == 0 ? _mm256_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2)
                           : _mm256_setr_epi32(4, 4, 4, 4, 6, 6, 6, 6));
    __m256i odd = _mm256_permutevar8x32_epi32(
        e->down, half == 0 ? _mm256_setr_epi32(1, 1, 1, 1, 3, 3, 3, 3)
                           : _mm256_setr_epi32(5, 5, 5, 5, 7, 7, 7, 7));
    const uint8_t *below = s->from + (ptrdiff_t)s->width * channels - skip;
    __m256i upper = blend_across(load_four(s->from, top), 0, channels, fx);
    __m256i lower = blend_across(load_four(below, top), skip, channels, fx);
    upper = _mm256_xor_si256(upper, sign);
    lower = _mm256_xor_si256(lower, sign);
    const __m256i back = _mm256_set1_epi32((1 << 23) + 32768);
    __m256i a = _mm256_madd_epi16(_mm256_unpacklo_epi16(upper, lower), even);
    __m256i b = _mm256_madd_epi16(_mm256_unpackhi_epi16(upper, lower), odd);
    a = _mm256_srli_epi32(_mm256_add_epi32(a, back), 16);
    b = _mm256_srli_epi32(_mm256_add_epi32(b, back), 16);
    __m256i words = _mm256_packs_epi32(a, b);
    __m256i bytes = _mm256_packus_epi16(words, words);
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(bytes, 0x08));
}

/* Four pixels of four bytes, packed to their channels, into to; writes exactly 4 * channels. */
INLINE void store_four(__m128i pixels, int channels, uint8_t *to)
{
    if (channels == 4) {
        _mm_storeu_si128((__m128i *)(void *)to, pixels);
        return;
    }
    const __m128i one = _mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m128i two = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m128i three = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    uint8_t packed[16];
    __m128i shuffled = _mm_shuffle_epi8(pixels, channels == 1 ? one : channels == 2 ? two : three);
    _mm_storeu_si128((__m128i *)(void *)packed, shuffled);
    memcpy(to, packed, 4 * (size_t)channels);
}

INLINE void span_of(const struct emo_warp_span *s, int channels, uint32_t pixels, uint8_t *to)
{
    const __m256i steps = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i u = _mm256_add_epi32(_mm256_set1_epi32(s->row),
                                 _mm256_mullo_epi32(steps, _mm256_set1_epi32(s->row_step)));
    __m256i v = _mm256_add_epi32(_mm256_set1_epi32(s->column),
                                 _mm256_mullo_epi32(steps, _mm256_set1_epi32(s->column_step)));
    const __m256i du = _mm256_slli_epi32(_mm256_set1_epi32(s->row_step), 3);
    const __m256i dv = _mm256_slli_epi32(_mm256_set1_epi32(s->column_step), 3);
    struct eight e;
    uint8_t last[32] = {0};
    for (uint32_t n = pixels; n > 0; n = n > 8 ? n - 8 : 0) {
        uint8_t *out = n >= 8 ? to : last;
        locate(s, channels, u, v, &e);
        store_four(blend_four(s, channels, &e, 0), channels, out);
        store_four(blend_four(s, channels, &e, 1), channels, out + 4 * channels);
        if (n < 8)
            memcpy(to, last, (size_t)n * (size_t)channels);
        to += 8 * channels;
        u = _mm256_add_epi32(u, du);
        v = _mm256_add_epi32(v, dv);
    }
}

TARGET static void span(const struct emo_warp_span *s, uint32_t channels, uint32_t pixels,
                        uint8_t *to)
{
    switch (channels) {
    case 1: span_of(s, 1, pixels, to); break;
    case 2: span_of(s, 2, pixels, to); break;
    case 3: span_of(s, 3, pixels, to); break;
    default: span_of(s, 4, pixels, to); break;
    }
}

static bool pays(void)
{
    return __builtin_cpu_supports("avx2");
}

/* Strips so narrow that what a row reads of a turned image is still in the first cache for the next
   row. */
const struct emo_warp_version emo_warp_avx2 = {pays, UINT32_MAX, 96, span};

#endif
