#include "image/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define WEIGHT_BITS 14
#define LEVEL_BITS 7 /* of a level, between rows and columns: 255 << 7 is an int16_t */
#define ROW_SHIFT (WEIGHT_BITS - LEVEL_BITS)
#define COLUMN_SHIFT (WEIGHT_BITS + LEVEL_BITS)
#define HALF(shift) (1 << ((shift) - 1))

/*
 * One direction: output i is the sum over j < taps of weight[i * taps + j] times input
 * first[i] + j. taps is even, so that pairs can be taken; a tap that would lie past the last input
 * has weight 0.
 */
struct taps {
    uint32_t *first;
    uint32_t taps;
    int16_t *weight;
};

static void taps_free(struct taps *t)
{
    free(t->first);
    free(t->weight);
}

/* The triangle about centre, over the inputs from first on; cumulative rounding makes the weights
   sum to 1 exactly, however many there are. */
static void weigh(int16_t *weight, uint32_t first, uint32_t count, double centre, double support)
{
    double sum = 0, so_far = 0;
    int32_t given = 0;
    for (uint32_t j = 0; j < count; j++)
        sum += fmax(0, 1 - fabs(first + j - centre) / support);
    if (sum <= 0) { /* a centre outside the picture: its nearest pixel */
        weight[centre < first ? 0 : count - 1] = 1 << WEIGHT_BITS;
        return;
    }
    for (uint32_t j = 0; j < count; j++) {
        so_far += fmax(0, 1 - fabs(first + j - centre) / support);
        int32_t upto = (int32_t)lrint(so_far / sum * (1 << WEIGHT_BITS));
        weight[j] = (int16_t)(upto - given);
        given = upto;
    }
}

/* Output i of to covers [start + i*length/to, start + (i+1)*length/to) of from inputs. */
static int taps_make(struct taps *t, uint32_t from, double start, double length, uint32_t to,
                     struct emo_error *err)
{
    double scale = length / to, support = scale > 1 ? scale : 1;
    uint32_t most = (uint32_t)ceil(2 * support), count = most < from ? most : from;
    t->taps = count + count % 2;
    size_t weights = (size_t)to * t->taps;
    t->first = malloc(to * sizeof *t->first);
    t->weight = calloc(weights, sizeof *t->weight);
    if (t->first == NULL || t->weight == NULL)
        return emo_error_memory(err, weights * sizeof *t->weight, "resizing");
    for (uint32_t i = 0; i < to; i++) {
        double centre = start + (i + .5) * scale - .5, low = floor(centre - support) + 1;
        uint32_t first = low < 0 ? 0 : (uint32_t)low;
        if (first > from - count)
            first = from - count;
        weigh(t->weight + (size_t)i * t->taps, first, count, centre, support);
        t->first[i] = first;
    }
    return EMO_OK;
}

/* Row y of the output, before its columns are combined, from column x on. */
static void rows_plain(const struct taps *t, uint32_t y, const uint8_t *from, size_t stride,
                       size_t x, int16_t *out)
{
    const int16_t *weight = t->weight + (size_t)y * t->taps;
    const uint8_t *top = from + t->first[y] * stride;
    for (; x < stride; x++) {
        int32_t sum = HALF(ROW_SHIFT);
        for (uint32_t j = 0; j < t->taps; j++)
            if (weight[j] != 0)
                sum += weight[j] * top[j * stride + x];
        out[x] = (int16_t)(sum >> ROW_SHIFT);
    }
}

/* Columns x to end - 1 of one output row. */
static void columns_plain(const struct taps *t, const int16_t *row, uint32_t channels, uint32_t x,
                          uint32_t end, uint8_t *out)
{
    for (; x < end; x++) {
        const int16_t *weight = t->weight + (size_t)x * t->taps;
        const int16_t *p = row + (size_t)t->first[x] * channels;
        for (uint32_t c = 0; c < channels; c++) {
            int32_t sum = HALF(COLUMN_SHIFT);
            for (uint32_t j = 0; j < t->taps; j++)
                sum += weight[j] * p[j * channels + c];
            out[(size_t)x * channels + c] = (uint8_t)(sum >> COLUMN_SHIFT);
        }
    }
}

#ifdef __SSE2__
/* Two neighbouring weights, four times over. */
static __m128i weight_pair(const int16_t *weight)
{
    int32_t both;
    memcpy(&both, weight, sizeof both);
    return _mm_set1_epi32(both);
}

static void rows(const struct taps *t, uint32_t y, const uint8_t *from, size_t stride,
                 int16_t *out)
{
    const int16_t *weight = t->weight + (size_t)y * t->taps;
    const uint8_t *top = from + t->first[y] * stride;
    const __m128i zero = _mm_setzero_si128(), half = _mm_set1_epi32(HALF(ROW_SHIFT));
    size_t x = 0;
    for (; x + 16 <= stride; x += 16) {
        __m128i sum[4] = {half, half, half, half};
        for (uint32_t j = 0; j < t->taps; j += 2) {
            const uint8_t *p = top + j * stride + x, *q = weight[j + 1] != 0 ? p + stride : p;
            __m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
            __m128i b = _mm_loadu_si128((const __m128i *)(const void *)q);
            __m128i low = _mm_unpacklo_epi8(a, b), high = _mm_unpackhi_epi8(a, b);
            __m128i w = weight_pair(weight + j);
            sum[0] = _mm_add_epi32(sum[0], _mm_madd_epi16(_mm_unpacklo_epi8(low, zero), w));
            sum[1] = _mm_add_epi32(sum[1], _mm_madd_epi16(_mm_unpackhi_epi8(low, zero), w));
            sum[2] = _mm_add_epi32(sum[2], _mm_madd_epi16(_mm_unpacklo_epi8(high, zero), w));
            sum[3] = _mm_add_epi32(sum[3], _mm_madd_epi16(_mm_unpackhi_epi8(high, zero), w));
        }
        for (int i = 0; i < 4; i++)
            sum[i] = _mm_srai_epi32(sum[i], ROW_SHIFT);
        _mm_storeu_si128((__m128i *)(void *)(out + x), _mm_packs_epi32(sum[0], sum[1]));
        _mm_storeu_si128((__m128i *)(void *)(out + x + 8), _mm_packs_epi32(sum[2], sum[3]));
    }
    rows_plain(t, y, from, stride, x, out);
}

/* Three channels go through four lanes, so the last pixel, where a fourth byte has no room, is
   left to plain C; row has room behind it for what is read too far. */
static void columns(const struct taps *t, const int16_t *row, uint32_t channels, uint32_t width,
                    uint8_t *out)
{
    uint32_t x = 0;
    for (; channels == 3 && x + 1 < width; x++) {
        const int16_t *weight = t->weight + (size_t)x * t->taps;
        const int16_t *p = row + (size_t)t->first[x] * 3;
        __m128i sum = _mm_set1_epi32(HALF(COLUMN_SHIFT));
        for (uint32_t j = 0; j < t->taps; j += 2, p += 6) {
            __m128i two = _mm_loadu_si128((const __m128i *)(const void *)p);
            __m128i pairs = _mm_unpacklo_epi16(two, _mm_srli_si128(two, 6));
            sum = _mm_add_epi32(sum, _mm_madd_epi16(pairs, weight_pair(weight + j)));
        }
        sum = _mm_packs_epi32(_mm_srai_epi32(sum, COLUMN_SHIFT), sum);
        int32_t four = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
        memcpy(out + (size_t)x * 3, &four, sizeof four);
    }
    columns_plain(t, row, channels, x, width, out);
}
#else
static void rows(const struct taps *t, uint32_t y, const uint8_t *from, size_t stride,
                 int16_t *out)
{
    rows_plain(t, y, from, stride, 0, out);
}

static void columns(const struct taps *t, const int16_t *row, uint32_t channels, uint32_t width,
                    uint8_t *out)
{
    columns_plain(t, row, channels, 0, width, out);
}
#endif

int emo_resize(const uint8_t *from, uint32_t height, uint32_t width, uint32_t channels,
               enum emo_fit fit, uint8_t *to, uint32_t to_height, uint32_t to_width,
               struct emo_error *err)
{
    double ys = (double)height / to_height, xs = (double)width / to_width;
    double top = 0, left = 0, tall = height, wide = width;
    uint32_t oh = to_height, ow = to_width, oy = 0, ox = 0;
    if (fit == EMO_CROP) {
        double s = ys < xs ? ys : xs;
        tall = to_height * s;
        wide = to_width * s;
        top = (height - tall) / 2;
        left = (width - wide) / 2;
    } else if (fit == EMO_PAD) {
        double s = ys > xs ? ys : xs;
        oh = (uint32_t)lrint(height / s);
        ow = (uint32_t)lrint(width / s);
        oh = oh < 1 ? 1 : oh > to_height ? to_height : oh;
        ow = ow < 1 ? 1 : ow > to_width ? to_width : ow;
        oy = (to_height - oh) / 2;
        ox = (to_width - ow) / 2;
        memset(to, 255, (size_t)to_height * to_width * channels);
    }
    struct taps vertical = {0}, horizontal = {0};
    /* The last pair of taps may reach one pixel past the row, and vectors a little further. */
    size_t stride = (size_t)width * channels, room = stride + 16;
    int16_t *row = calloc(room, sizeof *row);
    int status = row != NULL ? EMO_OK : emo_error_memory(err, room * sizeof *row, "resizing");
    if (status == EMO_OK)
        status = taps_make(&vertical, height, top, tall, oh, err);
    if (status == EMO_OK)
        status = taps_make(&horizontal, width, left, wide, ow, err);
    for (uint32_t y = 0; status == EMO_OK && y < oh; y++) {
        rows(&vertical, y, from, stride, row);
        columns(&horizontal, row, channels, ow,
                to + ((size_t)(oy + y) * to_width + ox) * channels);
    }
    taps_free(&vertical);
    taps_free(&horizontal);
    free(row);
    return status;
}

const char *emo_fit_name(enum emo_fit fit)
{
    static const char *const names[] = {"stretch", "crop", "pad"};
    return names[fit];
}
