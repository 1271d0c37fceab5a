#include "image/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BITS 14
#define HALF (1 << (BITS - 1))

/* The taps of one direction: output i is the sum over j < count of weight[i * taps + j] times
   input first[i] + j. */
struct taps {
    uint32_t *first;
    uint32_t taps;
    int32_t *weight;
};

static void taps_free(struct taps *t)
{
    free(t->first);
    free(t->weight);
}

/* Output i of to covers [start + i*length/to, start + (i+1)*length/to) of from inputs. */
static int taps_make(struct taps *t, uint32_t from, double start, double length, uint32_t to,
                     struct emo_error *err)
{
    double scale = length / to, support = scale > 1 ? scale : 1;
    uint32_t room = (uint32_t)ceil(2 * support) + 2;
    t->taps = room < from ? room : from;
    t->first = malloc(to * sizeof *t->first);
    t->weight = calloc((size_t)to * t->taps, sizeof *t->weight);
    if (t->first == NULL || t->weight == NULL)
        return emo_error_memory(err, (size_t)to * t->taps * sizeof *t->weight, "resizing");
    for (uint32_t i = 0; i < to; i++) {
        double centre = start + (i + .5) * scale - .5, sum = 0;
        double low = floor(centre - support) + 1;
        uint32_t first = low < 0 ? 0 : (uint32_t)low;
        if (first > from - t->taps)
            first = from - t->taps;
        int32_t *w = t->weight + (size_t)i * t->taps, total = 0;
        uint32_t best = 0;
        for (int pass = 0; pass < 2; pass++) {
            for (uint32_t j = 0; j < t->taps; j++) {
                double v = 1 - fabs(first + j - centre) / support;
                v = v > 0 ? v : 0;
                if (pass == 0)
                    sum += v;
                else
                    total += w[j] = (int32_t)lrint(v / sum * (1 << BITS));
                best = pass == 1 && w[j] > w[best] ? j : best;
            }
            /* A centre outside the picture: the nearest pixel. */
            if (pass == 0 && sum <= 0) {
                w[centre < first ? 0 : t->taps - 1] = 1 << BITS;
                total = 1 << BITS;
                break;
            }
        }
        w[best] += (1 << BITS) - total;
        t->first[i] = first;
    }
    return EMO_OK;
}

static void rows(const struct taps *t, uint32_t y, const uint8_t *from, size_t stride,
                 int32_t *restrict sum, uint8_t *restrict out)
{
    for (size_t x = 0; x < stride; x++)
        sum[x] = HALF;
    for (uint32_t j = 0; j < t->taps; j++) {
        int32_t w = t->weight[(size_t)y * t->taps + j];
        const uint8_t *restrict row = from + (t->first[y] + j) * stride;
        for (size_t x = 0; w != 0 && x < stride; x++)
            sum[x] += w * row[x];
    }
    for (size_t x = 0; x < stride; x++)
        out[x] = (uint8_t)(sum[x] >> BITS);
}

static void columns(const struct taps *t, const uint8_t *row, uint32_t channels, uint32_t width,
                    uint8_t *out)
{
    for (uint32_t x = 0; x < width; x++) {
        const int32_t *w = t->weight + (size_t)x * t->taps;
        const uint8_t *p = row + (size_t)t->first[x] * channels;
        int32_t s[3] = {HALF, HALF, HALF};
        if (channels == 3) {
            for (uint32_t j = 0; j < t->taps; j++, p += 3)
                for (int c = 0; c < 3; c++)
                    s[c] += w[j] * p[c];
        } else {
            for (uint32_t j = 0; j < t->taps; j++)
                s[0] += w[j] * p[j];
        }
        for (uint32_t c = 0; c < channels; c++)
            *out++ = (uint8_t)(s[c] >> BITS);
    }
}

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
    size_t stride = (size_t)width * channels;
    uint8_t *row = malloc(stride);
    int32_t *sum = malloc(stride * sizeof *sum);
    int status = row != NULL && sum != NULL ? EMO_OK : emo_error_memory(err, stride, "resizing");
    if (status == EMO_OK)
        status = taps_make(&vertical, height, top, tall, oh, err);
    if (status == EMO_OK)
        status = taps_make(&horizontal, width, left, wide, ow, err);
    for (uint32_t y = 0; status == EMO_OK && y < oh; y++) {
        rows(&vertical, y, from, stride, sum, row);
        columns(&horizontal, row, channels, ow,
                to + ((size_t)(oy + y) * to_width + ox) * channels);
    }
    taps_free(&vertical);
    taps_free(&horizontal);
    free(row);
    free(sum);
    return status;
}

const char *emo_fit_name(enum emo_fit fit)
{
    static const char *const names[] = {"stretch", "crop", "pad"};
    return names[fit];
}
