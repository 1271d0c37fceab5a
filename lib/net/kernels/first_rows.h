/*
 * Rows of an image, and what a kernel has of them, for the kernels of the first layer in tiles.
 */
#ifndef EMO_NET_KERNELS_FIRST_ROWS_H
#define EMO_NET_KERNELS_FIRST_ROWS_H

#include "net/kernels/first_lanes.h"

#include <string.h>

/* Of row y of the padded image n bytes from byte `at`. */
static void load_part(const struct emo_first *f, const uint8_t *image, int64_t y, size_t at, size_t n,
                      uint8_t *to)
{
    const struct emo_layer *l = f->conv;
    size_t begin = (size_t)l->left * l->c, end = begin + (size_t)l->w * l->c;
    size_t from = at > begin ? at : begin, last = at + n < end ? at + n : end;
    memset(to, 0, n);
    if (y >= 0 && y < l->h && from < last)
        memcpy(to + from - at, image + (size_t)y * f->pitch + from - begin, last - from);
}

/* Rows of pixels, the first under the kernel. */
struct rows {
    const uint8_t *at;
    size_t pitch;
};

/* What some numbers of the kernel, beside each other, have of a row of pixels: where the first of them
   would be under the first window, were all of them there, and those that are. */
struct piece {
    const uint8_t *from;
    uint32_t bits;
};

/* So many numbers of the kernel from k, 32 at most, as pieces; returns how many. */
static inline size_t cut(const struct emo_first *f, struct rows rows, size_t k, size_t numbers,
                         struct piece *to)
{
    size_t n = taps(f), kernel = f->conv->kernel_h * n, pieces = 0;
    size_t end = k + numbers < kernel ? k + numbers : kernel;
    for (size_t r = k / n; r * n < end; r++) {
        size_t first = r * n > k ? r * n : k, last = (r + 1) * n < end ? (r + 1) * n : end;
        uint64_t bits = (((uint64_t)1 << (last - first)) - 1) << (first - k);
        to[pieces++] = (struct piece){.from = rows.at + r * rows.pitch + k - r * n,
                                      .bits = (uint32_t)bits};
    }
    return pieces;
}

#endif
