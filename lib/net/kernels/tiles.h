/*
 * Tiles: the few operations of AMX that the kernels use.
 *
 * There are eight registers, 0 to 7, of 16 rows of 64 bytes: 16 x 64 bytes, 16 x 32 bfloat16 or
 * 16 x 16 float32 or int32. EMO_TILE_MULTIPLY takes a: 16 rows of 32 numbers, and b: 16 rows of 16
 * pairs, where pair n of row k is what numbers 2k and 2k + 1 of each row of a are multiplied by for
 * sum n:
 *
 *     c[m][n] += sum over k of  a[m][2k] * b[k][n][0]  +  sum over k of  a[m][2k+1] * b[k][n][1]
 *
 * the two sums apart, in float32, each product added without rounding before; then both together,
 * then to c. Numbers below the smallest normal one count as 0, and are 0 as results.
 *
 * EMO_TILE_MULTIPLY_BYTES takes a: 16 rows of 64 bytes with sign, and b: 16 rows of 16 fours of
 * bytes without one, and adds to int32, exactly, four products where the other adds two. It takes the
 * same time. EMO_TILE_MULTIPLY_SIGNED is the same where those of b have signs, too.
 *
 * A processor keeps more of them than the eight, to begin operations before the last have ended: each
 * that is loaded or multiplied into takes a new one until then, one that is zeroed takes none. When
 * another thread shares the core few are left. Measured so, by operation: 38 cycles with all eight
 * in use, 20 with six, 13 with four, where one multiplication takes 16 in any case; with no other
 * thread, 16 and no more. So kernels use four, or five where a tile takes three sums, and zero them
 * when they are done with them: 2 x 1 tiles of sums, whose a and b are loaded more often, are twice as
 * quick as 2 x 2.
 *
 * Registers are named by literals. They belong to nobody: a function that uses them begins, ends
 * and calls nothing in between that may use them as well. Only where emo_isa says EMO_ISA_AMX.
 *
 * With EMO_TILES_EMULATED the same is done in plain C, and wrong use ends the program: defined by a
 * test, or for all of it, CFLAGS='-O2 -DEMO_TILES_EMULATED', where a machine with AVX-512 and its
 * bfloat16 is then taken for one with tiles.
 */
#ifndef EMO_NET_KERNELS_TILES_H
#define EMO_NET_KERNELS_TILES_H

#include <stddef.h>
#include <stdint.h>

#define EMO_TILE 16                            /* rows; sums, or pairs, of a row */
#define EMO_TILE_DEPTH 32                      /* bfloat16 of a row */
#define EMO_TILE_BYTES 64                      /* of a row */
#define EMO_TILE_NUMBERS (EMO_TILE * EMO_TILE) /* float32, or pairs, of a register */

/* So many bfloat16 and more, an odd number of lines of 64 bytes: rows of a tile that lie so far
   apart fall on different sets of the cache. */
static inline size_t emo_tile_lines(size_t numbers)
{
    return ((numbers + 31) / 32 | 1) * 32;
}

struct emo_tiles_shape {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

static const struct emo_tiles_shape emo_tiles_whole = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

#ifdef EMO_TILES_EMULATED
#include "net/kernels/tiles_emulated.h"
#else
#include <immintrin.h>

#define EMO_TILES_BEGIN_SHAPED(shape) _tile_loadconfig(shape)
#define EMO_TILES_END() _tile_release()
#define EMO_TILE_ZERO(c) _tile_zero(c)
/* Rows lie stride bytes apart, anywhere. GCC is not told that a load reads memory: what was written
   before must be there. */
#define EMO_TILE_LOAD(to, from, stride)                                                            \
    do {                                                                                           \
        __asm__ volatile("" ::: "memory");                                                         \
        _tile_loadd(to, from, stride);                                                             \
    } while (0)
/* The same of what is better not kept in the first cache. */
#define EMO_TILE_LOAD_ONCE(to, from, stride)                                                       \
    do {                                                                                           \
        __asm__ volatile("" ::: "memory");                                                         \
        _tile_stream_loadd(to, from, stride);                                                      \
    } while (0)
#define EMO_TILE_STORE(from, to, stride) _tile_stored(from, to, stride)
#define EMO_TILE_MULTIPLY(c, a, b) _tile_dpbf16ps(c, a, b)
#define EMO_TILE_MULTIPLY_BYTES(c, a, b) _tile_dpbsud(c, a, b)
#define EMO_TILE_MULTIPLY_SIGNED(c, a, b) _tile_dpbssd(c, a, b)
#endif
#define EMO_TILES_BEGIN() EMO_TILES_BEGIN_SHAPED(&emo_tiles_whole)

#endif
