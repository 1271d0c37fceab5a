#include "image/warp_span.h"

#if defined(EMO_WARP_VECTOR)

#include <immintrin.h>
#include <stddef.h>

#define ISA "avx512f,avx512bw,avx512vbmi"
#define TARGET __attribute__((target(ISA)))
#define INLINE static inline __attribute__((always_inline, target(ISA)))

/* For _mm512_ternarylogic_epi32(): (a & b) | c. */
#define AND_OR 0xea

/* The second of each two bytes. */
#define HIGH_BYTES UINT64_C(0xaaaaaaaaaaaaaaaa)

/* What all blocks of a span need. */
struct source {
    const uint8_t *above, *below; /* what the offset of a tap counts from, in the rows of both */
    int32_t height, width;
    __m512i strides; /* bytes from row to row, and from column to column, as pairs for pmaddwd */
};

/* Sixteen pixels: byte offsets of the upper left taps, and weights of the lower and right taps, in
   bits 8 to 15, or 256 in bit 16. */
struct block {
    __m512i top, down, across;
};

/* Are the four taps of all 16 pixels in the image? */
INLINE bool is_inside(const struct source *s, __m512i u, __m512i v)
{
    __m512i u_end = _mm512_set1_epi32((s->height - 1) * 65536);
    __m512i v_end = _mm512_set1_epi32((s->width - 1) * 65536);
    return _mm512_mask_cmplt_epu32_mask(_mm512_cmplt_epu32_mask(u, u_end), v, v_end) == 0xffff;
}

/* Inside, the coordinates hold the weights where they are wanted. */
INLINE struct block locate_inside(const struct source *s, __m512i u, __m512i v)
{
    __m512i taps = _mm512_ternarylogic_epi32(v, _mm512_set1_epi32(-65536), _mm512_srli_epi32(u, 16),
                                             AND_OR);
    return (struct block){_mm512_madd_epi16(taps, s->strides), u, v};
}

INLINE __m512i clamp(__m512i x, int32_t most)
{
    return _mm512_min_epi32(_mm512_max_epi32(x, _mm512_setzero_si512()), _mm512_set1_epi32(most));
}

/*
 * Clamped to the image, a coordinate is at most that of the last pixel; with the upper tap at most
 * the last but one, the weight of the lower is 0 to 256, and both taps are in the image.
 */
INLINE struct block locate_clamped(const struct source *s, __m512i u, __m512i v)
{
    __m512i y = clamp(_mm512_srai_epi32(u, 8), (s->height - 1) * 256);
    __m512i x = clamp(_mm512_srai_epi32(v, 8), (s->width - 1) * 256);
    __m512i i = _mm512_min_epi32(_mm512_srli_epi32(y, 8), _mm512_set1_epi32(s->height - 2));
    __m512i j = _mm512_min_epi32(_mm512_srli_epi32(x, 8), _mm512_set1_epi32(s->width - 2));
    __m512i taps = _mm512_or_si512(i, _mm512_slli_epi32(j, 16));
    return (struct block){
        .top = _mm512_madd_epi16(taps, s->strides),
        .down = _mm512_slli_epi32(_mm512_sub_epi32(y, _mm512_slli_epi32(i, 8)), 8),
        .across = _mm512_slli_epi32(_mm512_sub_epi32(x, _mm512_slli_epi32(j, 8)), 8),
    };
}

/* Byte "at" of the 32 bits of each pixel of a half, eight times. */
INLINE __m512i eightfold(__m512i x, int at, int half)
{
#define TIMES(byte) ((byte) * INT64_C(0x0101010101010101))
    __m512i first = _mm512_setr_epi64(TIMES(0), TIMES(4), TIMES(8), TIMES(12), TIMES(16), TIMES(20),
                                      TIMES(24), TIMES(28));
    __m512i index = _mm512_add_epi8(first, _mm512_set1_epi8((char)(at + 32 * half)));
    return _mm512_permutexvar_epi8(index, x);
}

INLINE __mmask32 is_whole(__m512i weights, int half)
{
    return _mm512_test_epi16_mask(eightfold(weights, 2, half), _mm512_set1_epi16(1));
}

/* Of each pixel's 8 bytes, the left tap's channels from byte "at" on, each before the right's. */
INLINE __m512i pair_channels(__m512i bytes, int at, int channels)
{
    uint64_t m = 0;
    for (int c = 0; c < 4; c++)
        m |= (c < channels ? (uint64_t)(at + c) | (uint64_t)(at + channels + c) << 8 : 0x8080u)
             << c * 16;
    const int64_t next = INT64_C(0x0808080808080808);
    const __m512i pixel = _mm512_setr_epi64(0, next, 0, next, 0, next, 0, next);
    return _mm512_shuffle_epi8(bytes, _mm512_add_epi8(_mm512_set1_epi64((int64_t)m), pixel));
}

/*
 * (256 - f) left + f right + 128, in 16 bits. pmaddubsw takes unsigned by signed bytes, so the
 * weights are 255 - f and f, taps are taken less 128, and left and 255 * 128 + 128 are put back.
 * Where f is 256, which no byte holds, right stands for left, and its f is 0.
 */
INLINE __m512i blend_across(__m512i pairs, __m512i weights, bool inside, __mmask32 whole)
{
    if (!inside)
        pairs = _mm512_mask_srli_epi16(pairs, whole, pairs, 8);
    __m512i less = _mm512_xor_si512(pairs, _mm512_set1_epi8(INT8_MIN));
    __m512i back = _mm512_ternarylogic_epi32(pairs, _mm512_set1_epi16(255),
                                             _mm512_set1_epi16(INT16_MIN), AND_OR);
    return _mm512_add_epi16(_mm512_maddubs_epi16(weights, less), back);
}

/*
 * The result in the high bytes: upper + f (lower - upper) / 256, rounded down, as 128 is in upper.
 * The difference is taken modulo 2^16, which makes 256 f too much of it where it is negative. f is
 * in the high byte, so that pmulhuw divides.
 */
INLINE __m512i blend_down(__m512i upper, __m512i lower, __m512i f, bool inside, __mmask32 whole)
{
    __m512i d = _mm512_sub_epi16(lower, upper);
    __m512i part = inside ? _mm512_mulhi_epu16(d, f) : _mm512_mask_mulhi_epu16(d, ~whole, d, f);
    part = _mm512_mask_sub_epi16(part, _mm512_cmplt_epu16_mask(lower, upper), part, f);
    return _mm512_add_epi16(upper, part);
}

/* Eight of the pixels, with four channels of 16 bits each. */
INLINE __m512i blend_half(const struct source *s, int channels, const struct block *b, bool inside,
                          int half)
{
    __m256i top = half == 0 ? _mm512_castsi512_si256(b->top) : _mm512_extracti64x4_epi64(b->top, 1);
    __m512i above = pair_channels(_mm512_i32gather_epi64(top, s->above, 1), 0, channels);
    __m512i below = pair_channels(_mm512_i32gather_epi64(top, s->below, 1), 8 - 2 * channels,
                                  channels);
    __m512i across = _mm512_xor_si512(eightfold(b->across, 1, half), _mm512_set1_epi16(255));
    __m512i down = _mm512_maskz_mov_epi8(HIGH_BYTES, eightfold(b->down, 1, half));
    __mmask32 right = inside ? 0 : is_whole(b->across, half);
    return blend_down(blend_across(above, across, inside, right),
                      blend_across(below, across, inside, right), down, inside,
                      inside ? 0 : is_whole(b->down, half));
}

/* Where blend() has channel c of pixel p, and by channels what is stored. */
#define AT(p, c) (8 * ((p) % 8) + (p) / 8 + 2 * (c))
#define ONE(p) AT(p, 0)
#define TWO(p) ONE(p), AT(p, 1)
#define THREE(p) TWO(p), AT(p, 2)
#define FOUR(p) THREE(p), AT(p, 3)
#define ALL(x) {x(0), x(1), x(2), x(3), x(4), x(5), x(6), x(7), x(8), x(9), x(10), x(11), x(12),   \
                x(13), x(14), x(15)}
static const uint8_t order[4][64] = {ALL(ONE), ALL(TWO), ALL(THREE), ALL(FOUR)};

INLINE __m512i blend(const struct source *s, int channels, const struct block *b, bool inside)
{
    __m512i low = _mm512_srli_epi16(blend_half(s, channels, b, inside, 0), 8);
    __m512i high = blend_half(s, channels, b, inside, 1);
    return _mm512_permutexvar_epi8(_mm512_loadu_si512(order[channels - 1]),
                                   _mm512_mask_mov_epi8(low, HIGH_BYTES, high));
}

INLINE __m512i ramp(int32_t first, int32_t step)
{
    const __m512i steps = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_add_epi32(_mm512_set1_epi32(first),
                            _mm512_mullo_epi32(steps, _mm512_set1_epi32(step)));
}

/* The upper row is read from the tap on, the lower row up to the end of its right tap, so that no
   read of 8 bytes leaves the image. */
INLINE void span_of(const struct emo_warp_span *span, int channels, uint32_t pixels, uint8_t *to)
{
    const struct source s = {
        .above = span->from,
        .below = span->from + (ptrdiff_t)span->width * channels - (8 - 2 * channels),
        .height = span->height,
        .width = span->width,
        .strides = _mm512_set1_epi32(span->width * channels | channels << 16),
    };
    __m512i u = ramp(span->row, span->row_step), v = ramp(span->column, span->column_step);
    const __m512i du = _mm512_slli_epi32(_mm512_set1_epi32(span->row_step), 4);
    const __m512i dv = _mm512_slli_epi32(_mm512_set1_epi32(span->column_step), 4);
    for (uint32_t n = pixels; n > 0; n = n > 16 ? n - 16 : 0) {
        struct block b;
        __m512i out;
        if (is_inside(&s, u, v)) {
            b = locate_inside(&s, u, v);
            out = blend(&s, channels, &b, true);
        } else {
            b = locate_clamped(&s, u, v);
            out = blend(&s, channels, &b, false);
        }
        _mm512_mask_storeu_epi8(to, UINT64_MAX >> (64 - (n < 16 ? (int)n : 16) * channels), out);
        to += 16 * channels;
        u = _mm512_add_epi32(u, du);
        v = _mm512_add_epi32(v, dv);
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

/* Gathers are slower than single loads on AMD, and on Intel with the microcode against Gather Data
   Sampling; no processor with both VBMI and BF16 needs that. */
static bool pays(void)
{
    return __builtin_cpu_is("intel") && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("avx512bf16");
}

/* Offsets are made of 16-bit rows and columns. */
const struct emo_warp_version emo_warp_avx512 = {pays, INT16_MAX, 512, span};

#endif
