/*
 * Tiles in plain C, as tiles.h describes them, for tests: what the processor would refuse, and what
 * it would do but nobody can mean, ends the program with a word.
 */
#ifndef EMO_NET_KERNELS_TILES_EMULATED_H
#define EMO_NET_KERNELS_TILES_EMULATED_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct emo_tiles_state {
    struct emo_tiles_shape shape; /* of palette 0: not begun */
    bool written[8];
    uint8_t bytes[8][16][64];
};

static _Thread_local struct emo_tiles_state emo_tiles;

static inline void emo_tiles_must(bool right, const char *what)
{
    if (right)
        return;
    fprintf(stderr, "tiles: %s\n", what);
    abort();
}

static inline void emo_tiles_begin(const struct emo_tiles_shape *shape)
{
    emo_tiles_must(shape->palette == 1 && shape->start_row == 0, "an unknown palette");
    for (int i = 0; i < 14; i++)
        emo_tiles_must(shape->reserved[i] == 0, "a reserved byte is set");
    for (int i = 0; i < 16; i++) {
        emo_tiles_must(i < 8 || (shape->rows[i] == 0 && shape->row_bytes[i] == 0),
                       "more than 8 registers");
        emo_tiles_must(shape->rows[i] <= 16 && shape->row_bytes[i] <= 64, "too large a register");
        emo_tiles_must((shape->rows[i] == 0) == (shape->row_bytes[i] == 0), "half a register");
    }
    emo_tiles_must(emo_tiles.shape.palette == 0, "begun twice");
    memset(&emo_tiles, 0, sizeof emo_tiles);
    emo_tiles.shape = *shape;
}

static inline void emo_tiles_end(void)
{
    emo_tiles_must(emo_tiles.shape.palette == 1, "ended, and not begun");
    memset(&emo_tiles, 0, sizeof emo_tiles);
}

static inline void emo_tile_there(int t)
{
    emo_tiles_must(emo_tiles.shape.palette == 1, "used, and not begun");
    emo_tiles_must(t >= 0 && t < 8 && emo_tiles.shape.rows[t] > 0, "no such register");
}

static inline void emo_tile_zero(int t)
{
    emo_tile_there(t);
    memset(emo_tiles.bytes[t], 0, sizeof emo_tiles.bytes[t]);
    emo_tiles.written[t] = true;
}

static inline void emo_tile_load(int t, const void *from, size_t stride)
{
    emo_tile_zero(t);
    for (size_t m = 0; m < emo_tiles.shape.rows[t]; m++)
        memcpy(emo_tiles.bytes[t][m], (const char *)from + m * stride,
               emo_tiles.shape.row_bytes[t]);
}

static inline void emo_tile_store(int t, void *to, size_t stride)
{
    emo_tile_there(t);
    emo_tiles_must(emo_tiles.written[t], "stored, and never written");
    for (size_t m = 0; m < emo_tiles.shape.rows[t]; m++)
        memcpy((char *)to + m * stride, emo_tiles.bytes[t][m], emo_tiles.shape.row_bytes[t]);
}

static inline float emo_tile_normal(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= (bits & 0x7f800000) == 0 ? 0x80000000 : 0xffffffff;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The even and the odd bfloat16 of each row, apart. */
static inline void emo_tile_numbers(int t, float even[16][16], float odd[16][16])
{
    for (size_t m = 0; m < emo_tiles.shape.rows[t]; m++)
        for (size_t i = 0; i < emo_tiles.shape.row_bytes[t] / 4u; i++) {
            uint16_t pair[2];
            memcpy(pair, emo_tiles.bytes[t][m] + 4 * i, sizeof pair);
            uint32_t bits[2] = {(uint32_t)pair[0] << 16, (uint32_t)pair[1] << 16};
            memcpy(&even[m][i], bits, sizeof even[m][i]);
            memcpy(&odd[m][i], bits + 1, sizeof odd[m][i]);
            even[m][i] = emo_tile_normal(even[m][i]);
            odd[m][i] = emo_tile_normal(odd[m][i]);
        }
}

/* A double holds the product of two bfloat16, and enough of its sum with a float32 to round
   once. */
static inline float emo_tile_fused(float a, float b, float c)
{
    return emo_tile_normal((float)((double)a * (double)b + (double)c));
}

static inline void emo_tiles_fit(int c, int a, int b)
{
    emo_tile_there(c);
    emo_tile_there(a);
    emo_tile_there(b);
    const struct emo_tiles_shape *s = &emo_tiles.shape;
    emo_tiles_must(c != a && c != b && a != b, "one register twice");
    emo_tiles_must(s->rows[c] == s->rows[a] && s->row_bytes[c] == s->row_bytes[b] &&
                       s->row_bytes[a] == 4 * s->rows[b] && s->row_bytes[c] % 4 == 0,
                   "registers do not fit each other");
    emo_tiles_must(emo_tiles.written[c] && emo_tiles.written[a] && emo_tiles.written[b],
                   "multiplied, and never written");
}

static inline void emo_tile_multiply(int c, int a, int b)
{
    emo_tiles_fit(c, a, b);
    const struct emo_tiles_shape *s = &emo_tiles.shape;
    size_t sums = s->row_bytes[c] / 4;
    float a_even[16][16], a_odd[16][16], b_even[16][16] = {{0}}, b_odd[16][16] = {{0}};
    emo_tile_numbers(a, a_even, a_odd);
    emo_tile_numbers(b, b_even, b_odd);
    for (size_t m = 0; m < s->rows[c]; m++) {
        float even[16] = {0}, odd[16] = {0}, row[16];
        for (size_t k = 0; k < s->rows[b]; k++)
            for (size_t n = 0; n < 16; n++) {
                even[n] = emo_tile_fused(a_even[m][k], b_even[k][n], even[n]);
                odd[n] = emo_tile_fused(a_odd[m][k], b_odd[k][n], odd[n]);
            }
        memcpy(row, emo_tiles.bytes[c][m], sums * sizeof *row);
        for (size_t n = 0; n < sums; n++)
            row[n] = emo_tile_normal(emo_tile_normal(row[n]) + emo_tile_normal(even[n] + odd[n]));
        memcpy(emo_tiles.bytes[c][m], row, sums * sizeof *row);
    }
}

static inline int emo_tile_signed(uint8_t x)
{
    return x < 128 ? x : x - 256;
}

static inline void emo_tile_multiply_bytes(int c, int a, int b, bool b_signed)
{
    emo_tiles_fit(c, a, b);
    const struct emo_tiles_shape *s = &emo_tiles.shape;
    for (size_t m = 0; m < s->rows[c]; m++)
        for (size_t n = 0; n < s->row_bytes[c] / 4u; n++) {
            int32_t sum;
            memcpy(&sum, emo_tiles.bytes[c][m] + 4 * n, sizeof sum);
            int64_t exact = sum;
            for (size_t k = 0; k < s->row_bytes[a]; k++) {
                uint8_t x = emo_tiles.bytes[a][m][k], y = emo_tiles.bytes[b][k / 4][4 * n + k % 4];
                exact += emo_tile_signed(x) * (b_signed ? emo_tile_signed(y) : y);
            }
            emo_tiles_must(exact >= INT32_MIN && exact <= INT32_MAX, "a sum overflows");
            sum = (int32_t)exact;
            memcpy(emo_tiles.bytes[c][m] + 4 * n, &sum, sizeof sum);
        }
}

#define EMO_TILES_BEGIN_SHAPED(shape) emo_tiles_begin(shape)
#define EMO_TILES_END() emo_tiles_end()
#define EMO_TILE_ZERO(c) emo_tile_zero(c)
#define EMO_TILE_LOAD(to, from, stride) emo_tile_load(to, from, stride)
#define EMO_TILE_LOAD_ONCE(to, from, stride) emo_tile_load(to, from, stride)
#define EMO_TILE_STORE(from, to, stride) emo_tile_store(from, to, stride)
#define EMO_TILE_MULTIPLY(c, a, b) emo_tile_multiply(c, a, b)
#define EMO_TILE_MULTIPLY_BYTES(c, a, b) emo_tile_multiply_bytes(c, a, b, false)
#define EMO_TILE_MULTIPLY_SIGNED(c, a, b) emo_tile_multiply_bytes(c, a, b, true)

#endif
