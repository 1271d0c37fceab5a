#include "image/warp.h"

#include "base/philox.h"
#include "image/warp_span.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

/* The tap that fill constant takes from the colour. */
#define OUTSIDE (-1)

static double spread(uint32_t draw, double range)
{
    return (2 * (double)emo_uniform(draw) - 1) * range;
}

void emo_warp_draw(const struct emo_warp_ranges *ranges, uint64_t seed, uint64_t id,
                   uint16_t epoch, struct emo_warp_geometry *g)
{
    uint32_t a[4], b[4];
    emo_philox(seed, id, epoch, EMO_DRAW_WARP, 0, a);
    emo_philox(seed, id, epoch, EMO_DRAW_WARP, 1, b);
    *g = (struct emo_warp_geometry){
        .theta = spread(a[0], ranges->rotate) * PI / 180,
        .shift_y = spread(a[1], ranges->shift_y),
        .shift_x = spread(a[2], ranges->shift_x),
        .shear = spread(a[3], ranges->shear) * PI / 180,
        .zoom_y = 1 + spread(b[0], ranges->zoom),
        .zoom_x = 1 + spread(b[1], ranges->zoom),
        .flip_h = ranges->flip_h && emo_uniform(b[2]) < 0.5f,
        .flip_v = ranges->flip_v && emo_uniform(b[3]) < 0.5f,
    };
}

static int64_t fixed(double x)
{
    return (int64_t)floor(x * 65536 + 0.5);
}

void emo_warp_make(const struct emo_warp_geometry *g, uint32_t height, uint32_t width,
                   struct emo_warp *warp)
{
    double c = cos(g->theta), s = sin(g->theta);
    double dy = g->shift_y * height, dx = g->shift_x * width;
    double mid_y = ((double)height - 1) / 2, mid_x = ((double)width - 1) / 2;
    /* R Sh Z; T's shift, turned by R, is what stands in the third column. */
    double m[2][2] = {
        {c * g->zoom_y, (-c * sin(g->shear) - s * cos(g->shear)) * g->zoom_x},
        {s * g->zoom_y, (-s * sin(g->shear) + c * cos(g->shear)) * g->zoom_x},
    };
    double shift[2] = {c * dy - s * dx + mid_y, s * dy + c * dx + mid_x};
    *warp = (struct emo_warp){.fill = EMO_FILL_NEAREST};
    for (int k = 0; k < 2; k++) {
        int64_t *to = k == 0 ? warp->row : warp->column;
        to[0] = fixed(m[k][0]);
        to[1] = fixed(m[k][1]);
        to[2] = fixed(shift[k] - m[k][0] * mid_y - m[k][1] * mid_x) + 128;
        if (g->flip_v) {
            to[2] += to[0] * (int64_t)(height - 1);
            to[0] = -to[0];
        }
        if (g->flip_h) {
            to[2] += to[1] * (int64_t)(width - 1);
            to[1] = -to[1];
        }
    }
}

/* Where the tap at i of n pixels is taken. Shifting a negative number right rounds down here, as
   gcc and clang define it. */
static int64_t tap(int64_t i, int64_t n, enum emo_fill fill)
{
    if (i >= 0 && i < n)
        return i;
    switch (fill) {
    case EMO_FILL_NEAREST: return i < 0 ? 0 : n - 1;
    case EMO_FILL_REFLECT:
        i %= 2 * n;
        if (i < 0)
            i += 2 * n;
        return i < n ? i : 2 * n - 1 - i;
    case EMO_FILL_WRAP:
        i %= n;
        return i < 0 ? i + n : i;
    case EMO_FILL_CONSTANT: break;
    }
    return OUTSIDE;
}

/* Output pixels from to until of row r. */
static void plain_run(const struct emo_warp *w, const uint8_t *from, uint32_t height,
                      uint32_t width, uint32_t channels, uint32_t r, uint32_t first, uint32_t until,
                      uint8_t *to)
{
    for (uint32_t c = first; c < until; c++, to += channels) {
        int64_t u = w->row[0] * r + w->row[1] * c + w->row[2];
        int64_t v = w->column[0] * r + w->column[1] * c + w->column[2];
        uint32_t fy = u >> 8 & 255, fx = v >> 8 & 255;
        const uint8_t *taps[4];
        uint32_t weights[4] = {(256 - fy) * (256 - fx), (256 - fy) * fx, fy * (256 - fx), fy * fx};
        for (int k = 0; k < 4; k++) {
            int64_t i = tap((u >> 16) + (k >> 1), height, w->fill);
            int64_t j = tap((v >> 16) + (k & 1), width, w->fill);
            taps[k] = i == OUTSIDE || j == OUTSIDE ? w->colour
                                                   : from + (size_t)(i * width + j) * channels;
        }
        for (uint32_t k = 0; k < channels; k++) {
            uint32_t sum = taps[0][k] * weights[0] + taps[1][k] * weights[1] +
                           taps[2][k] * weights[2] + taps[3][k] * weights[3];
            to[k] = (uint8_t)((sum + 32768) >> 16);
        }
    }
}

void emo_warp_plain(const struct emo_warp *warp, const uint8_t *from, uint32_t height,
                    uint32_t width, uint32_t channels, uint8_t *to)
{
    for (uint32_t r = 0; r < height; r++)
        plain_run(warp, from, height, width, channels, r, 0, width,
                  to + (size_t)r * width * channels);
}

#if defined(EMO_WARP_VECTOR)

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* Narrows first..until to the c where 0 <= start + step c <= last. */
static void narrow(int64_t start, int64_t step, int64_t last, int64_t *first, int64_t *until)
{
    int64_t low = 0, high = *until;
    if (step == 0) {
        if (start < 0 || start > last)
            high = 0;
    } else if (step > 0) {
        low = -floor_divide(start, step);
        high = floor_divide(last - start, step) + 1;
    } else {
        low = -floor_divide(last - start, -step);
        high = floor_divide(start, -step) + 1;
    }
    *first = low > *first ? low : *first;
    *until = high < *until ? high : *until;
}

/* Does the coordinate stay well within 32 bits at the corners of the image and 16 pixels around? */
static bool fits(const int64_t k[3], uint32_t height, uint32_t width)
{
    const int64_t most = INT64_C(1) << 30;
    for (int corner = 0; corner < 4; corner++) {
        int64_t r = corner & 1 ? (int64_t)height + 16 : -16;
        int64_t c = corner & 2 ? (int64_t)width + 16 : -16;
        int64_t u = k[0] * r + k[1] * c + k[2];
        if (u < -most || u > most)
            return false;
    }
    return k[1] > -most && k[1] < most;
}

static bool can(const struct emo_warp_version *version, const struct emo_warp *w, uint32_t height,
                uint32_t width, uint32_t channels)
{
    return height <= version->most && width * (uint64_t)channels <= version->most && height >= 2 &&
           width >= 2 && width * (uint64_t)channels >= 6 &&
           (uint64_t)height * width * channels < (UINT64_C(1) << 31) &&
           fits(w->row, height, width) && fits(w->column, height, width);
}

/* Output pixels begin until end of row r. */
static void vector_run(const struct emo_warp_version *version, const struct emo_warp *w,
                       const uint8_t *from, uint32_t height, uint32_t width, uint32_t channels,
                       uint32_t r, uint32_t begin, uint32_t end, uint8_t *to)
{
    int64_t u = w->row[0] * r + w->row[2], v = w->column[0] * r + w->column[2];
    int64_t first = begin, until = end;
    if (w->fill != EMO_FILL_NEAREST) {
        /* Up to and with the last pixel, whose other tap has weight 0. */
        narrow(u, w->row[1], ((int64_t)height - 1) * 65536 + 255, &first, &until);
        narrow(v, w->column[1], ((int64_t)width - 1) * 65536 + 255, &first, &until);
        if (first >= until) {
            plain_run(w, from, height, width, channels, r, begin, end, to);
            return;
        }
    }
    struct emo_warp_span span = {
        .from = from,
        .height = (int32_t)height,
        .width = (int32_t)width,
        .row = (int32_t)(u + w->row[1] * first),
        .row_step = (int32_t)w->row[1],
        .column = (int32_t)(v + w->column[1] * first),
        .column_step = (int32_t)w->column[1],
    };
    uint32_t a = (uint32_t)first, b = (uint32_t)until;
    plain_run(w, from, height, width, channels, r, begin, a, to);
    version->span(&span, channels, b - a, to + (size_t)(a - begin) * channels);
    plain_run(w, from, height, width, channels, r, b, end, to + (size_t)(b - begin) * channels);
}

bool emo_warp_by(const struct emo_warp_version *version, const struct emo_warp *warp,
                 const uint8_t *from, uint32_t height, uint32_t width, uint32_t channels,
                 uint8_t *to)
{
    if (!can(version, warp, height, width, channels))
        return false;
    /* In order, memory is several times as fast as across the rows. */
    for (size_t i = 0, n = (size_t)height * width * channels; i < n; i += 64)
        __builtin_prefetch(from + i, 0, 2);
    for (uint32_t c = 0; c < width; c += version->strip) {
        uint32_t end = width - c < version->strip ? width : c + version->strip;
        for (uint32_t r = 0; r < height; r++)
            vector_run(version, warp, from, height, width, channels, r, c, end,
                       to + ((size_t)r * width + c) * channels);
    }
    return true;
}

#endif

void emo_warp(const struct emo_warp *warp, const uint8_t *from, uint32_t height, uint32_t width,
              uint32_t channels, uint8_t *to)
{
#if defined(EMO_WARP_VECTOR)
    static const struct emo_warp_version *const versions[] = {&emo_warp_avx512, &emo_warp_avx2};
    for (int k = 0; k < 2; k++)
        if (versions[k]->pays() &&
            emo_warp_by(versions[k], warp, from, height, width, channels, to))
            return;
#endif
    emo_warp_plain(warp, from, height, width, channels, to);
}
