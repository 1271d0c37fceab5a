#include "image/warp_span.h"

#if defined(EMO_WARP_VECTOR)

#include <immintrin.h>
#include <stddef.h>
#include <string.h>

#define TARGET __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline, target("avx2")))

/* Eight pixels: byte offsets of the upper left taps, and weights of the lower and right taps, in
   bits 8 to 15, or 256 in bit 16. */
struct block {
    __m256i top, down, across;
};

/* 16.16, of the last coordinate whose two taps are among n; coordinates are well below 2^31. */
static int32_t last_inside(int32_t n)
{
    return n <= 32768 ? (n - 1) * 65536 - 1 : INT32_MAX;
}

/* Are the four taps of all 8 pixels in the image? */
INLINE bool is_inside(const struct emo_warp_span *s, __m256i u, __m256i v)
{
    __m256i after_u = _mm256_sub_epi32(_mm256_set1_epi32(last_inside(s->height)), u);
    __m256i after_v = _mm256_sub_epi32(_mm256_set1_epi32(last_inside(s->width)), v);
    __m256i signs = _mm256_or_si256(_mm256_or_si256(u, v), _mm256_or_si256(after_u, after_v));
    return _mm256_movemask_ps(_mm256_castsi256_ps(signs)) == 0;
}

INLINE __m256i offsets(const struct emo_warp_span *s, int channels, __m256i i, __m256i j)
{
    return _mm256_add_epi32(_mm256_mullo_epi32(i, _mm256_set1_epi32(s->width * channels)),
                            _mm256_mullo_epi32(j, _mm256_set1_epi32(channels)));
}

/* Inside, the coordinates hold the weights where they are wanted. */
INLINE struct block locate_inside(const struct emo_warp_span *s, int channels, __m256i u, __m256i v)
{
    return (struct block){
        offsets(s, channels, _mm256_srli_epi32(u, 16), _mm256_srli_epi32(v, 16)), u, v};
}

INLINE __m256i clamp(__m256i x, int32_t most)
{
    return _mm256_min_epi32(_mm256_max_epi32(x, _mm256_setzero_si256()), _mm256_set1_epi32(most));
}

/*
 * Clamped to the image, a coordinate is at most that of the last pixel; with the upper tap at most
 * the last but one, the weight of the lower is 0 to 256, and both taps are in the image.
 */
INLINE struct block locate_clamped(const struct emo_warp_span *s, int channels, __m256i u,
                                   __m256i v)
{
    __m256i y = clamp(_mm256_srai_epi32(u, 8), (s->height - 1) * 256);
    __m256i x = clamp(_mm256_srai_epi32(v, 8), (s->width - 1) * 256);
    __m256i i = _mm256_min_epi32(_mm256_srli_epi32(y, 8), _mm256_set1_epi32(s->height - 2));
    __m256i j = _mm256_min_epi32(_mm256_srli_epi32(x, 8), _mm256_set1_epi32(s->width - 2));
    return (struct block){
        .top = offsets(s, channels, i, j),
        .down = _mm256_slli_epi32(_mm256_sub_epi32(y, _mm256_slli_epi32(i, 8)), 8),
        .across = _mm256_slli_epi32(_mm256_sub_epi32(x, _mm256_slli_epi32(j, 8)), 8),
    };
}

/* 8 bytes at each of the offsets in two pairs. Given single offsets, gcc widens them in vectors,
   which takes longer than all the rest. */
INLINE __m256i load_four(const uint8_t *from, uint64_t first, uint64_t second)
{
    int64_t q[4];
    memcpy(&q[0], from + (uint32_t)first, 8);
    memcpy(&q[1], from + (first >> 32), 8);
    memcpy(&q[2], from + (uint32_t)second, 8);
    memcpy(&q[3], from + (second >> 32), 8);
    return _mm256_set_epi64x(q[3], q[2], q[1], q[0]);
}

/* Bytes "low" and "high" of the 32 bits of each pixel of a half, four times; -1 for 0. */
INLINE __m256i fourfold(__m256i x, int low, int high, int half)
{
    int at = 8 * half;
    int16_t a = (int16_t)((low < 0 ? 0x80 : low + at) | (high + at) << 8);
    int16_t b = (int16_t)(a + (low < 0 ? 0x400 : 0x404));
    return _mm256_shuffle_epi8(
        x, _mm256_setr_epi16(a, a, a, a, b, b, b, b, a, a, a, a, b, b, b, b));
}

/* All bits where the weight is 256. */
INLINE __m256i is_whole(__m256i weights, int half)
{
    return _mm256_cmpeq_epi16(fourfold(weights, -1, 2, half), _mm256_set1_epi16(256));
}

/* Of each pixel's 8 bytes, the left tap's channels from byte "at" on, each before the right's. */
INLINE __m256i pair_channels(__m256i bytes, int at, int channels)
{
    uint64_t m = 0;
    for (int c = 0; c < 4; c++)
        m |= (c < channels ? (uint64_t)(at + c) | (uint64_t)(at + channels + c) << 8 : 0x8080u)
             << c * 16;
    int64_t first = (int64_t)m, second = (int64_t)(m + UINT64_C(0x0808080808080808));
    return _mm256_shuffle_epi8(bytes, _mm256_setr_epi64x(first, second, first, second));
}

/*
 * (256 - f) left + f right - 255 * 128, in 16 bits. pmaddubsw takes unsigned by signed bytes, so
 * the weights are 255 - f and f, taps are taken less 128, and left is put back. Where f is 256,
 * which no byte holds, right stands for left, and its f is 0.
 */
INLINE __m256i blend_across(__m256i pairs, __m256i weights, bool inside, __m256i whole)
{
    if (!inside)
        pairs = _mm256_blendv_epi8(pairs, _mm256_srli_epi16(pairs, 8), whole);
    __m256i less = _mm256_xor_si256(pairs, _mm256_set1_epi8(INT8_MIN));
    return _mm256_add_epi16(_mm256_maddubs_epi16(weights, less),
                            _mm256_and_si256(pairs, _mm256_set1_epi16(255)));
}

/*
 * upper + f (lower - upper) / 256, rounded down. The difference is taken modulo 2^16, which makes
 * 256 f too much of it where it is negative. f is in the high byte, so that pmulhuw divides.
 */
INLINE __m256i blend_down(__m256i upper, __m256i lower, __m256i f, bool inside, __m256i whole)
{
    __m256i d = _mm256_sub_epi16(lower, upper);
    __m256i part = _mm256_mulhi_epu16(d, f);
    if (!inside)
        part = _mm256_blendv_epi8(part, d, whole);
    part = _mm256_sub_epi16(part, _mm256_and_si256(_mm256_cmpgt_epi16(upper, lower), f));
    return _mm256_add_epi16(upper, part);
}

/*
 * Half a block is two pixels of each 128 bits: 0, 1, 4, 5 and 2, 3, 6, 7, so that nothing has to
 * cross from one side to the other. Returns four channels of 8 bits in 16, less 128: the sums are
 * less 255 * 128, and 128 that rounds them makes that 2^15.
 */
INLINE __m256i blend_half(const struct emo_warp_span *s, int channels, const struct block *b,
                          const uint64_t top[4], bool inside, int half)
{
    const int skip = 8 - 2 * channels;
    const uint8_t *below = s->from + (ptrdiff_t)s->width * channels - skip;
    __m256i upper = pair_channels(load_four(s->from, top[half], top[2 + half]), 0, channels);
    __m256i lower = pair_channels(load_four(below, top[half], top[2 + half]), skip, channels);
    __m256i across = _mm256_xor_si256(fourfold(b->across, 1, 1, half), _mm256_set1_epi16(255));
    __m256i down = fourfold(b->down, -1, 1, half);
    __m256i right = inside ? across : is_whole(b->across, half);
    __m256i under = inside ? down : is_whole(b->down, half);
    upper = blend_across(upper, across, inside, right);
    lower = blend_across(lower, across, inside, right);
    return _mm256_srli_epi16(blend_down(upper, lower, down, inside, under), 8);
}

INLINE __m256i blend(const struct emo_warp_span *s, int channels, const struct block *b,
                     bool inside)
{
    uint64_t top[4];
    _mm256_storeu_si256((__m256i *)(void *)top, b->top);
    __m256i pixels = _mm256_packus_epi16(blend_half(s, channels, b, top, inside, 0),
                                         blend_half(s, channels, b, top, inside, 1));
    return _mm256_xor_si256(pixels, _mm256_set1_epi8(INT8_MIN));
}

/* Eight pixels of four bytes, packed to their channels; writes exactly 8 * channels. */
INLINE void store_eight(__m256i pixels, int channels, uint8_t *to)
{
    const __m128i one = _mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m128i two = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m128i three = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    if (channels < 4) {
        __m128i bytes = channels == 1 ? one : channels == 2 ? two : three;
        __m256i words = channels == 1   ? _mm256_setr_epi32(0, 4, 0, 0, 0, 0, 0, 0)
                        : channels == 2 ? _mm256_setr_epi32(0, 1, 4, 5, 0, 0, 0, 0)
                                        : _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 0, 0);
        pixels = _mm256_shuffle_epi8(pixels, _mm256_broadcastsi128_si256(bytes));
        pixels = _mm256_permutevar8x32_epi32(pixels, words);
    }
    __m128i low = _mm256_castsi256_si128(pixels), high = _mm256_extracti128_si256(pixels, 1);
    if (channels == 1)
        _mm_storel_epi64((__m128i *)(void *)to, low);
    else
        _mm_storeu_si128((__m128i *)(void *)to, low);
    if (channels == 3)
        _mm_storel_epi64((__m128i *)(void *)(to + 16), high);
    else if (channels == 4)
        _mm_storeu_si128((__m128i *)(void *)(to + 16), high);
}

INLINE __m256i ramp(int32_t first, int32_t step)
{
    const __m256i steps = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_add_epi32(_mm256_set1_epi32(first),
                            _mm256_mullo_epi32(steps, _mm256_set1_epi32(step)));
}

/* The upper row is read from the tap on, the lower row up to the end of its right tap, so that no
   read of 8 bytes leaves the image. */
INLINE void span_of(const struct emo_warp_span *given, int channels, uint32_t pixels, uint8_t *to)
{
    const struct emo_warp_span s = *given; /* which no store to "to" changes */
    __m256i u = ramp(s.row, s.row_step), v = ramp(s.column, s.column_step);
    const __m256i du = _mm256_slli_epi32(_mm256_set1_epi32(s.row_step), 3);
    const __m256i dv = _mm256_slli_epi32(_mm256_set1_epi32(s.column_step), 3);
    uint8_t last[32] = {0};
    for (uint32_t n = pixels; n > 0; n = n > 8 ? n - 8 : 0) {
        struct block b;
        __m256i out;
        if (is_inside(&s, u, v)) {
            b = locate_inside(&s, channels, u, v);
            out = blend(&s, channels, &b, true);
        } else {
            b = locate_clamped(&s, channels, u, v);
            out = blend(&s, channels, &b, false);
        }
        store_eight(out, channels, n >= 8 ? to : last);
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

/* Clamped coordinates are in 24.8, so sides stay below 2^23. Strips are so narrow that what a
   row reads of a turned image is still in the first cache for the next row. */
const struct emo_warp_version emo_warp_avx2 = {pays, 1 << 22, 192, span};

#endif
