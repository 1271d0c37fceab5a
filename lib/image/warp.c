#include "image/warp.h"

#include "base/philox.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846
#define ONE 65536.0

static double spread(uint32_t draw, double width)
{
    return width * (2 * (double)emo_uniform(draw) - 1);
}

struct emo_warp emo_warp_draw(const struct emo_augmentation *a, uint64_t seed, uint64_t id,
                              uint16_t epoch, uint32_t height, uint32_t width)
{
    uint32_t u[8];
    emo_philox(seed, id, epoch, EMO_DRAW_WARP, 0, u);
    emo_philox(seed, id, epoch, EMO_DRAW_WARP, 1, u + 4);
    double theta = spread(u[0], a->rotate) * PI / 180, shear = spread(u[3], a->shear) * PI / 180;
    double ty = spread(u[1], a->shift_y) * height, tx = spread(u[2], a->shift_x) * width;
    double zy = 1 + spread(u[4], a->zoom), zx = 1 + spread(u[5], a->zoom);
    double c = cos(theta), s = sin(theta);
    /* R T Sh Z, row by row. */
    double m00 = c * zy, m01 = (-c * sin(shear) - s * cos(shear)) * zx, m02 = c * ty - s * tx;
    double m10 = s * zy, m11 = (-s * sin(shear) + c * cos(shear)) * zx, m12 = s * ty + c * tx;
    double cy = (height - 1) / 2.0, cx = (width - 1) / 2.0;
    m02 += cy - m00 * cy - m01 * cx;
    m12 += cx - m10 * cy - m11 * cx;
    return (struct emo_warp){
        .m = {llrint(m00 * ONE), llrint(m01 * ONE), llrint(m02 * ONE), llrint(m10 * ONE),
              llrint(m11 * ONE), llrint(m12 * ONE)},
        .flip_h = a->flip_h && u[6] >> 31, .flip_v = a->flip_v && u[7] >> 31,
    };
}

/* Index i of n as fill says; -1: the constant. */
static int64_t inside(int64_t i, int64_t n, enum emo_fill fill)
{
    if (i >= 0 && i < n)
        return i;
    if (fill == EMO_NEAREST)
        return i < 0 ? 0 : n - 1;
    if (fill == EMO_CONSTANT)
        return -1;
    int64_t period = fill == EMO_WRAP ? n : 2 * n, r = i % period;
    r = r < 0 ? r + period : r;
    return r < n ? r : period - 1 - r;
}

/* One output pixel, any place. */
static void edge_pixel(const struct emo_augmentation *a, const uint8_t *from, int64_t h, int64_t w,
                       uint32_t channels, int64_t y, int64_t x, uint8_t *to)
{
    if (a->fill == EMO_NEAREST) {
        /* The coordinate itself is clamped, so that no weight is left outside. */
        y = y < 0 ? 0 : y > (h - 1) << 16 ? (h - 1) << 16 : y;
        x = x < 0 ? 0 : x > (w - 1) << 16 ? (w - 1) << 16 : x;
    }
    int64_t y0 = inside(y >> 16, h, a->fill), y1 = inside((y >> 16) + 1, h, a->fill);
    int64_t x0 = inside(x >> 16, w, a->fill), x1 = inside((x >> 16) + 1, w, a->fill);
    uint32_t fy = (uint32_t)(y >> 8) & 255, fx = (uint32_t)(x >> 8) & 255;
    for (uint32_t c = 0; c < channels; c++) {
        uint8_t blank = a->constant[c < 3 ? c : 0];
        uint32_t p00 = y0 < 0 || x0 < 0 ? blank : from[(y0 * w + x0) * channels + c];
        uint32_t p01 = y0 < 0 || x1 < 0 ? blank : from[(y0 * w + x1) * channels + c];
        uint32_t p10 = y1 < 0 || x0 < 0 ? blank : from[(y1 * w + x0) * channels + c];
        uint32_t p11 = y1 < 0 || x1 < 0 ? blank : from[(y1 * w + x1) * channels + c];
        uint32_t top = p00 * (256 - fx) + p01 * fx, bottom = p10 * (256 - fx) + p11 * fx;
        to[c] = (uint8_t)((top * (256 - fy) + bottom * fy + 32768) >> 16);
    }
}

/* The same where all four neighbours are inside. */
static inline void inner_pixel(const uint8_t *from, size_t stride, uint32_t channels, int32_t y,
                               int32_t x, uint8_t *to)
{
    const uint8_t *p = from + (size_t)(y >> 16) * stride + (size_t)(x >> 16) * channels;
    uint32_t fy = (uint32_t)(y >> 8) & 255, fx = (uint32_t)(x >> 8) & 255;
    for (uint32_t c = 0; c < channels; c++) {
        uint32_t top = p[c] * (256 - fx) + p[c + channels] * fx;
        uint32_t bottom = p[stride + c] * (256 - fx) + p[stride + c + channels] * fx;
        to[c] = (uint8_t)((top * (256 - fy) + bottom * fy + 32768) >> 16);
    }
}

/* The columns of a row in which start + step * column lies in [0, limit): narrows *from..*to. */
static void narrow(int64_t start, int64_t step, int64_t limit, int64_t *from, int64_t *to)
{
    if (step < 0) {
        /* limit - 1 - (start + step x) runs the other way through the same range. */
        start = limit - 1 - start;
        step = -step;
    }
    if (step == 0) {
        if (start < 0 || start >= limit)
            *to = *from;
        return;
    }
    int64_t first = start >= 0 ? 0 : (-start + step - 1) / step;
    int64_t end = start >= limit ? 0 : (limit - 1 - start) / step + 1;
    *from = first > *from ? first : *from;
    *to = end < *to ? end : *to;
}

static void warp_row(const struct emo_warp *w, const struct emo_augmentation *a,
                     const uint8_t *from, uint32_t height, uint32_t width, uint32_t channels,
                     uint32_t row, uint8_t *to)
{
    int64_t y = w->m[0] * row + w->m[2], x = w->m[3] * row + w->m[5];
    int64_t first = 0, end = width, column = 0;
    size_t stride = (size_t)width * channels;
    narrow(y, w->m[1], (int64_t)(height - 1) << 16, &first, &end);
    narrow(x, w->m[4], (int64_t)(width - 1) << 16, &first, &end);
    if (first >= end)
        first = end = width;
    for (; column < first; column++)
        edge_pixel(a, from, height, width, channels, y + w->m[1] * column, x + w->m[4] * column,
                   to + (size_t)column * channels);
    /* Inside both coordinates are below 2^31: sizes are below 2^15 here, or else 64 bits do it. */
    if (height <= 32767 && width <= 32767) {
        int32_t dy = (int32_t)w->m[1], dx = (int32_t)w->m[4];
        int32_t iy = column < end ? (int32_t)(y + w->m[1] * column) : 0;
        int32_t ix = column < end ? (int32_t)(x + w->m[4] * column) : 0;
        uint8_t *out = to + (size_t)column * channels;
        int64_t n = end - column;
        column = end;
        if (channels == 3)
            for (; n > 0; n--, iy = (int32_t)((uint32_t)iy + (uint32_t)dy),
                          ix = (int32_t)((uint32_t)ix + (uint32_t)dx), out += 3)
                inner_pixel(from, stride, 3, iy, ix, out);
        else
            for (; n > 0; n--, iy = (int32_t)((uint32_t)iy + (uint32_t)dy),
                          ix = (int32_t)((uint32_t)ix + (uint32_t)dx), out += channels)
                inner_pixel(from, stride, channels, iy, ix, out);
    }
    for (; column < width; column++)
        edge_pixel(a, from, height, width, channels, y + w->m[1] * column, x + w->m[4] * column,
                   to + (size_t)column * channels);
}

static void mirror_row(uint8_t *row, uint32_t width, uint32_t channels)
{
    for (size_t i = 0, j = width - 1; i < j; i++, j--) {
        uint8_t t[4];
        memcpy(t, row + i * channels, channels);
        memcpy(row + i * channels, row + j * channels, channels);
        memcpy(row + j * channels, t, channels);
    }
}

void emo_warp(const struct emo_warp *w, const struct emo_augmentation *a, const uint8_t *from,
              uint32_t height, uint32_t width, uint32_t channels, uint8_t *to)
{
    size_t stride = (size_t)width * channels;
    for (uint32_t row = 0; row < height; row++) {
        uint8_t *out = to + (w->flip_v ? height - 1 - row : row) * stride;
        warp_row(w, a, from, height, width, channels, row, out);
        if (w->flip_h)
            mirror_row(out, width, channels);
    }
}
