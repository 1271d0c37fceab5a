/*
 * Rows of an image for the kernels of the first layer in tiles.
 */
#ifndef EMO_NET_KERNELS_FIRST_ROWS_H
#define EMO_NET_KERNELS_FIRST_ROWS_H

#include "net/kernels/first.h"

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

#endif
