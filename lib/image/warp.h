/*
 * Random affine warps and flips of 8-bit images, defined in integers: plain C
 * is the definition.
 *
 * The matrix acts on (row, column), from output to input, about the centre
 * (n - 1) / 2:
 *     M = R(theta) T(ty H, tx W) Sh(s) Z(zy, zx)
 *     R = [[c, -s], [s, c]]      Sh = [[1, -sin s], [0, cos s]]
 * zoom above 1 sees more. Coordinates are 16.16 fixed point; weights are their
 * upper 8 bits of fraction; bilinear, rounded half up. Flips come after.
 */
#ifndef EMO_IMAGE_WARP_H
#define EMO_IMAGE_WARP_H

#include <stdbool.h>
#include <stdint.h>

enum emo_fill { EMO_NEAREST, EMO_REFLECT, EMO_WRAP, EMO_CONSTANT };

struct emo_augmentation {
    double rotate;           /* degrees, each way */
    double shift_y, shift_x; /* of height and width, each way */
    double shear;            /* degrees, each way */
    double zoom;             /* 0.2: 0.8 to 1.2, each axis for itself */
    bool flip_h, flip_v;
    enum emo_fill fill;
    uint8_t constant[3];
};

/* Where output (row, column) comes from: row = (m[0] row + m[1] column + m[2]) / 65536, ... */
struct emo_warp {
    int64_t m[6];
    bool flip_h, flip_v;
};

/* Draws a warp for record id in epoch. Philox EMO_DRAW_WARP; block 0: theta, ty, tx, shear;
   block 1: zy, zx, horizontal flip, vertical flip. */
struct emo_warp emo_warp_draw(const struct emo_augmentation *a, uint64_t seed, uint64_t id,
                              uint16_t epoch, uint32_t height, uint32_t width);

/* channels 1 to 4. from and to may not overlap. */
void emo_warp(const struct emo_warp *w, const struct emo_augmentation *a, const uint8_t *from,
              uint32_t height, uint32_t width, uint32_t channels, uint8_t *to);

#endif
