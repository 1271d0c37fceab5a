/*
 * A random affine warp of an 8-bit image, then a flip.
 *
 * Geometry, as Keras has it: the matrix acts on (row, column), from output to input, about the
 * centre (n - 1) / 2:
 *     M = R(theta) T(ty H, tx W) Sh(s) Z(zy, zx)
 *     R = [[cos, -sin], [sin, cos]]   Sh = [[1, -sin s], [0, cos s]]   zoom > 1 samples wider
 *
 * Everything after M is defined in integers, so that every version gives the same bytes:
 *     u = row[0] r + row[1] c + row[2]     the input row of output (r, c) in 16.16, with 128 added
 *                                          (row[2] holds it) to round to 8 bits of fraction
 *     i = u >> 16, f = u >> 8 & 255        the upper tap and the lower one's weight; columns alike
 *     out = (sum of the four taps' products of weights times values + 32768) >> 16
 * Weights are f / 256 and (256 - f) / 256. Taps outside the image are, by fill: nearest, the edge
 * pixel; reflect, "b a | a b c d | d c"; wrap, "c d | a b c d | a b"; constant, the colour.
 * A flip is folded into the coefficients, which is the same as flipping afterwards.
 */
#ifndef EMO_IMAGE_WARP_H
#define EMO_IMAGE_WARP_H

#include <stdbool.h>
#include <stdint.h>

enum emo_fill { EMO_FILL_NEAREST, EMO_FILL_REFLECT, EMO_FILL_WRAP, EMO_FILL_CONSTANT };

/* What is drawn, uniformly: from -range to range, zoom from 1 - range to 1 + range, flips from
   no and yes. */
struct emo_warp_ranges {
    double rotate;           /* degrees */
    double shift_x, shift_y; /* parts of width and height */
    double shear;            /* degrees */
    double zoom;             /* less than 1; each axis apart */
    bool flip_h, flip_v;
};

/* One geometry: angles in radians, shifts in parts of height and width, zooms as factors. */
struct emo_warp_geometry {
    double theta, shift_y, shift_x, shear, zoom_y, zoom_x;
    bool flip_h, flip_v;
};

struct emo_warp {
    int64_t row[3], column[3]; /* 16.16: times output row, times output column, constant */
    enum emo_fill fill;
    uint8_t colour[4]; /* for constant, by channel */
};

/*
 * The geometry of image id in an epoch, from purpose EMO_DRAW_WARP:
 *     block 0  words 0 theta, 1 shift_y, 2 shift_x, 3 shear
 *     block 1  words 0 zoom_y, 1 zoom_x, 2 flip_h, 3 flip_v (flipped below 1/2)
 */
void emo_warp_draw(const struct emo_warp_ranges *ranges, uint64_t seed, uint64_t id,
                   uint16_t epoch, struct emo_warp_geometry *g);

/* Its coefficients for images of this size; fill nearest, colour 0. */
void emo_warp_make(const struct emo_warp_geometry *g, uint32_t height, uint32_t width,
                   struct emo_warp *warp);

/* Warps height x width x channels (1 to 4) bytes from into to, which do not overlap. */
void emo_warp(const struct emo_warp *warp, const uint8_t *from, uint32_t height, uint32_t width,
              uint32_t channels, uint8_t *to);

/* The definition: what emo_warp() does, on any machine. */
void emo_warp_plain(const struct emo_warp *warp, const uint8_t *from, uint32_t height,
                    uint32_t width, uint32_t channels, uint8_t *to);

#endif
