/*
 * Backward in tiles, as first_amx.h describes it.
 */
#include "net/kernels/first_amx.h"

#define LOW(i) i, i + 64
#define LOW8(i)                                                                                    \
    LOW(i), LOW(i + 1), LOW(i + 2), LOW(i + 3), LOW(i + 4), LOW(i + 5), LOW(i + 6), LOW(i + 7)

/* Streams i to i + 15, or those of them that are among the n, at 32 columns from one place and 32
   from another. In each quarter of the vectors 16 windows of 16 bytes are turned by being interleaved
   four times. */
static inline void turn(const uint8_t *const from[2], size_t step, size_t n, size_t length,
                        uint8_t *to)
{
    line x[16], y[16];
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++)
        for (size_t quarter = 0; quarter < 4; quarter++)
            memcpy((char *)&x[i] + 16 * quarter,
                   from[quarter / 2] + (quarter % 2 * 16 + i) * step, 16);
#pragma GCC unroll 4
    for (int stage = 0; stage < 4; stage++) {
#pragma GCC unroll 8
        for (size_t i = 0; i < 8; i++) {
            y[2 * i] = __builtin_shufflevector(x[i], x[i + 8], LOW8(0), LOW8(16), LOW8(32),
                                               LOW8(48));
            y[2 * i + 1] = __builtin_shufflevector(x[i], x[i + 8], LOW8(8), LOW8(24), LOW8(40),
                                                   LOW8(56));
        }
        memcpy(x, y, sizeof x);
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++)
        if (i < n)
            memcpy(to + i * length, &x[i], sizeof x[i]);
}

/* The rows of pixels under n pooled rows from py, as streams. row: room for two, zero beside the
   pixels. */
static void load_streams(const struct emo_first *f, const struct sizes *s, const uint8_t *image,
                         size_t py, size_t n, uint8_t *row, uint8_t *streams)
{
    size_t rows = (size_t)2 * f->conv->stride, all = taps(f);
    size_t here = (n - 1) * rows + (s->narrow ? f->conv->kernel_h : band(f));
    uint8_t *below = row + s->row;
    for (size_t r = 0; r < here; r++, streams += all * s->columns) {
        int64_t y = (int64_t)(py * rows + r) - f->conv->top;
        load_row(f, image, y, s->row, row);
        if (s->narrow)
            load_row(f, image, y + (int64_t)f->conv->stride, s->row, below);
        for (size_t i = 0; i < all; i += 16)
            for (size_t q = 0; q < s->columns; q += EMO_TILE_BYTES) {
                const uint8_t *first = row + q * s->step + i;
                const uint8_t *const from[2] = {first, s->narrow ? below + i
                                                                 : first + PAIR * s->step};
                turn(from, s->step, all - i, s->columns, streams + i * s->columns + q);
            }
    }
}

/* Of n pooled rows: their scales, and their sums added to gb. */
static void measure(const struct emo_first *f, const struct sizes *s, const float *g, size_t n,
                    float *scales, float *gb)
{
    size_t plane = (size_t)f->ph * f->pw, b = f->block;
    for (size_t o = 0; o < f->conv->oc; o += EMO_TILE) {
        const float *from = g + o / b * plane * b + o % b;
        floats sum = *(loose *)(void *)(gb + o);
        ints most = {0};
        for (size_t p = 0; p < n * f->pw; p++, from += b) {
            sum += *(const loose *)(const void *)from;
            keep_larger(&most, from);
        }
        *(loose *)(void *)(gb + o) = sum;
        *(loose *)(void *)(scales + o) = (floats)most / greatest(s->digits);
    }
}

/* A pooled row's gradients as tiles [row of the map][64 columns][group][digit], or in narrow maps
   [group][digit]. */
static inline void unpool(const struct emo_first *f, const struct sizes *s, size_t digits,
                          const float *g, const uint16_t *place, const float *scales, float *tiles)
{
    size_t plane = (size_t)f->ph * f->pw, b = f->block;
    size_t across = s->groups * digits * EMO_TILE_NUMBERS;
    size_t below = s->narrow ? EMO_TILE_NUMBERS / 2 : s->columns / EMO_TILE_BYTES * across;
    for (size_t o = 0; o < f->conv->oc; o += EMO_TILE) {
        size_t at = o / b * plane * b + o % b;
        float *group = tiles + o / EMO_TILE * digits * EMO_TILE_NUMBERS;
        floats by = 1.0f / *(const loose *)(const void *)(scales + o);
        for (size_t p = 0; p < f->pw; p += 2, at += 2 * b) {
            float *to = group + p / PAIR * across + p % PAIR / 2 * EMO_TILE;
            ints x[2] = {{0}}, up[2], low[2] = {{0}};
            for (size_t i = 0; i < 2 && p + i < f->pw; i++) {
                floats whole = *(const loose *)(const void *)(g + at + i * b) * by;
                to_digits(&whole, &x[i]);
                ints which = __builtin_convertvector(
                    *(const loose_shorts *)(const void *)(place + at + i * b), ints);
                up[i] = (which & 1) * 8;
                low[i] = -(which >> 1);
            }
            for (size_t t = 0; t < digits; t++, to += EMO_TILE_NUMBERS) {
                ints first = (x[0] >> 8 * t & 255) << up[0];
                ints second = (x[1] >> 8 * t & 255) << up[1] << 16;
                *(ints *)(void *)to = (first & ~low[0]) | (second & ~low[1]);
                *(ints *)(void *)(to + below) = (first & low[0]) | (second & low[1]);
            }
        }
    }
}

/* What n pooled rows give to the sums of 32 numbers of the kernel and 16 channels: [digit]. */
static inline void backward_tiles(const struct emo_first *f, const struct sizes *s, size_t n,
                                  const uint8_t *x, const float *g, float *sums)
{
    size_t stride = s->columns, next = s->groups * s->digits * EMO_TILE_NUMBERS;
    size_t down = f->conv->stride * taps(f) * s->columns, step = s->narrow ? 2 : 1;
    for (size_t t = 0; t < s->digits; t++, sums += 2 * EMO_TILE_NUMBERS) {
        const uint8_t *row = x;
        const float *b = g + t * EMO_TILE_NUMBERS;
        EMO_TILE_ZERO(0);
        EMO_TILE_ZERO(1);
        for (size_t r = 0; r < 2 * n; r += step, row += step * down)
            for (size_t q = 0; q < s->columns; q += EMO_TILE_BYTES, b += next) {
                EMO_TILE_LOAD(3, b, 64);
                EMO_TILE_LOAD(2, row + q, stride);
                EMO_TILE_MULTIPLY_BYTES(0, 2, 3);
                EMO_TILE_ZERO(2);
                EMO_TILE_LOAD(2, row + q + EMO_TILE * s->columns, stride);
                EMO_TILE_MULTIPLY_BYTES(1, 2, 3);
                EMO_TILE_ZERO(2);
                EMO_TILE_ZERO(3);
            }
        EMO_TILE_STORE(0, sums, 64);
        EMO_TILE_STORE(1, sums + EMO_TILE_NUMBERS, 64);
    }
}

/* Those sums, put together, to 32 rows of the sums of all, `apart` from each other. */
static inline void add_sums(const struct sizes *s, const float *sums, const float *scales,
                            size_t apart, float *to)
{
    floats scale = *(const loose *)(const void *)scales;
    for (size_t k = 0; k < PAIR; k++) {
        floats x;
        put_together(s->digits, sums + k * EMO_TILE, &x);
        *(floats *)(void *)(to + k * apart) += x * scale;
    }
}

static void backward(const struct emo_first *f, size_t n, const uint8_t *const *images,
                     const float *gy, const uint16_t *place, float *gw, float *gb, float *scratch)
{
    const struct sizes s = sizes(f);
    size_t oc = f->conv->oc, plane = (size_t)f->ph * f->pw, lanes = s.groups * EMO_TILE;
    size_t rows = (size_t)2 * f->conv->stride;
    float *tiles = scratch, *all = tiles + s.band * row_tiles(&s) * EMO_TILE_NUMBERS;
    float *sums = all + s.sums * lanes, *scales = sums + 2 * s.digits * EMO_TILE_NUMBERS;
    uint8_t *row = (uint8_t *)(void *)(scales + lanes), *streams = row + 2 * s.row;
    memset(scratch, 0, scratch_floats(f) * sizeof *scratch);
    memset(gb, 0, oc * sizeof *gb);
    EMO_TILES_BEGIN();
    for (size_t r = 0; r < n; r++, gy += plane * oc, place += plane * oc)
        for (size_t py = 0; py < f->ph; py += s.band) {
            size_t here = f->ph - py < s.band ? f->ph - py : s.band;
            load_streams(f, &s, images[r], py, here, row, streams);
            fetch(f, images[r], (int64_t)((py + here - 1) * rows + band(f)) - f->conv->top,
                  s.band * rows);
            measure(f, &s, gy + py * f->pw * f->block, here, scales, gb);
            for (size_t i = 0; i < here; i++) {
                size_t at = (py + i) * f->pw * f->block;
                float *to = tiles + i * row_tiles(&s) * EMO_TILE_NUMBERS;
                if (s.digits == 2)
                    unpool(f, &s, 2, gy + at, place + at, scales, to);
                else
                    unpool(f, &s, 3, gy + at, place + at, scales, to);
            }
            for (size_t k = 0; k < s.sums; k += PAIR)
                for (size_t o = 0; o < lanes; o += EMO_TILE) {
                    backward_tiles(f, &s, here, streams + k * s.columns,
                                   tiles + o / EMO_TILE * s.digits * EMO_TILE_NUMBERS, sums);
                    add_sums(&s, sums, scales + o, lanes, all + k * lanes + o);
                }
        }
    EMO_TILES_END();
    for (size_t k = 0; k < s.kernel; k++)
        for (size_t o = 0; o < oc; o++)
            gw[k * oc + o] = all[k * lanes + o] * (1.0f / 255.0f);
}
