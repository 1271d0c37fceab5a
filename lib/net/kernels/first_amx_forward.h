/*
 * Forward in tiles, as first_amx.h describes it.
 */
#include "net/kernels/first_amx.h"

/* Tiles [group of channels][digit][depth], then the channels' scales. */
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
            size_t ky = k / n, at = ky % s.rows * n + k % n;
            size_t depth = ky / s.rows * s.parts + at / EMO_TILE_BYTES;
            for (size_t t = 0; t < s.digits; t++, x >>= 8) {
                size_t tile = (o / EMO_TILE * s.digits + t) * s.depths + depth;
                int8_t *row = to + (tile * EMO_TILE + at % EMO_TILE_BYTES / 4) * EMO_TILE_BYTES;
                for (size_t i = 0; i < EMO_TILE; i++)
                    row[4 * i + at % 4] = (int8_t)x[i];
            }
        }
        *(loose *)(void *)(scales + o) = scale * (1.0f / 255.0f);
    }
}

/* Windows' bytes from `rows` rows of pixels: of each the n that `owner` says are its own. */
static inline void gather(const uint8_t *pixels, size_t windows, size_t rows, size_t n,
                          const line *owner, size_t row, size_t step, uint8_t *to)
{
    for (size_t q = 0; q < windows; q++, pixels += step, to += EMO_TILE_BYTES) {
        line x = *(const loose_line *)(const void *)pixels;
        for (size_t r = 1; r < rows; r++) {
            line next = *(const loose_line *)(const void *)(pixels + r * row - r * n);
            line there = (line)(*owner >= (uint8_t)r);
            x = (next & there) | (x & ~there);
        }
        *(line *)(void *)to = x;
    }
}

/* Tiles of so many windows of both rows of the map: [depth][row of the map]. What is behind a row's
   pixels is read. */
static inline void load_windows(const struct emo_first *f, const struct sizes *s, const line *owner,
                                const uint8_t *pixels, size_t across, uint8_t *windows)
{
    const size_t n = taps(f), row = s->row, step = s->step, down = f->conv->stride * row;
    for (size_t ky = 0; ky < f->conv->kernel_h; ky += s->rows)
        for (size_t i = 0; i < n; i += EMO_TILE_BYTES)
            for (size_t below = 0; below < 2; below++, windows += EMO_TILE * EMO_TILE_BYTES) {
                const uint8_t *from = pixels + ky * row + i + below * down;
                size_t left = f->conv->kernel_h - ky;
                gather(from, across, left < s->rows ? left : s->rows, n, owner, row, step, windows);
            }
}

/* Up to 16 columns of two rows of the map, 16 channels: [digit][row][column][channel]. */
static inline void forward_tiles(const struct sizes *s, const uint8_t *windows, const float *w,
                                 float *sums)
{
    for (size_t t = 0; t < s->digits; t++, sums += 2 * EMO_TILE_NUMBERS) {
        const uint8_t *x = windows;
        EMO_TILE_ZERO(0);
        EMO_TILE_ZERO(1);
        for (size_t d = 0; d < s->depths; d++, w += EMO_TILE_NUMBERS) {
            EMO_TILE_LOAD(3, w, 64);
            EMO_TILE_LOAD(2, x, EMO_TILE_BYTES);
            EMO_TILE_MULTIPLY_BYTES(0, 2, 3);
            EMO_TILE_ZERO(2);
            EMO_TILE_LOAD(2, x + EMO_TILE * EMO_TILE_BYTES, EMO_TILE_BYTES);
            EMO_TILE_MULTIPLY_BYTES(1, 2, 3);
            EMO_TILE_ZERO(2);
            EMO_TILE_ZERO(3);
            x += 2 * EMO_TILE * EMO_TILE_BYTES;
        }
        EMO_TILE_STORE(0, sums, 64);
        EMO_TILE_STORE(1, sums + EMO_TILE_NUMBERS, 64);
    }
}

/* Of those sums: n pooled places of 16 channels. y and place lie b apart. */
static inline void pool(size_t digits, const float *sums, size_t n, const float *scales,
                        const float *bias, size_t b, float *y, uint16_t *place)
{
    static const size_t window[4] = {0, EMO_TILE, EMO_TILE_NUMBERS, EMO_TILE_NUMBERS + EMO_TILE};
    const floats add = *(const loose *)(const void *)bias;
    const floats scale = *(const loose *)(const void *)scales;
    for (size_t p = 0; p < n; p++, sums += PAIR, y += b, place += b) {
        floats most, x;
        put_together(digits, sums, &most);
        ints where = {0};
        for (int i = 1; i < 4; i++) {
            put_together(digits, sums + window[i], &x);
            ints more = x > most;
            most = (floats)(((ints)x & more) | ((ints)most & ~more));
            where = (i & more) | (where & ~more);
        }
        *(loose *)(void *)y = most * scale + add;
        *(loose_shorts *)(void *)place = __builtin_convertvector(where, shorts);
    }
}

static void forward(const struct emo_first *f, const uint8_t *image, const float *packed,
                    const float *bias, float *y, uint16_t *place, float *scratch)
{
    const struct sizes s = sizes(f);
    size_t plane = (size_t)f->ph * f->pw, b = f->block, rows = (size_t)2 * f->conv->stride;
    size_t weights = s.digits * s.depths * EMO_TILE_NUMBERS;
    const float *scales = packed + packed_tiles(&s) * EMO_TILE_NUMBERS;
    float *sums = scratch;
    uint8_t *windows = (uint8_t *)(void *)(sums + 2 * s.digits * EMO_TILE_NUMBERS);
    uint8_t *pixels = windows + 2 * s.depths * EMO_TILE * EMO_TILE_BYTES;
    /* A row is cut into equal parts. */
    size_t parts = (f->pw + EMO_TILE / 2 - 1) / (EMO_TILE / 2), part = (f->pw + parts - 1) / parts;
    struct emo_tiles_shape shape = emo_tiles_whole;
    shape.rows[0] = shape.rows[1] = shape.rows[2] = (uint8_t)(2 * part);
    line owner;
    for (size_t i = 0; i < EMO_TILE_BYTES; i++)
        owner[i] = (uint8_t)(i / taps(f));
    memset(pixels, 0, band(f) * s.row);
    EMO_TILES_BEGIN_SHAPED(&shape);
    for (size_t py = 0; py < f->ph; py++) {
        for (size_t r = 0; r < band(f); r++)
            load_row(f, image, (int64_t)(py * rows + r) - f->conv->top, s.row, pixels + r * s.row);
        fetch(f, image, (int64_t)(py * rows + band(f)) - f->conv->top, rows);
        for (size_t px = 0; px < f->pw; px += part) {
            size_t n = f->pw - px < part ? f->pw - px : part;
            load_windows(f, &s, &owner, pixels + 2 * px * s.step, 2 * part, windows);
            for (size_t o = 0; o < f->conv->oc; o += EMO_TILE) {
                size_t at = (o / b * plane + py * f->pw + px) * b + o % b;
                forward_tiles(&s, windows, packed + o / EMO_TILE * weights, sums);
                if (s.digits == 2)
                    pool(2, sums, n, scales + o, bias + o, b, y + at, place + at);
                else
                    pool(3, sums, n, scales + o, bias + o, b, y + at, place + at);
            }
        }
    }
    EMO_TILES_END();
}
