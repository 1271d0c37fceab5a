/*
 * Resizing, in integers: plain C is the definition, and every vector version
 * gives the same bytes.
 *
 * Separable triangle filter about half-pixel centres: when shrinking, its
 * support is widened by the scale, so that every pixel counts (antialiased);
 * when enlarging it is bilinear. Weights are 14-bit fixed point and sum to 2^14
 * exactly. Rows are combined first, to 1/128 of a level, then columns; both
 * round half up.
 */
#ifndef EMO_IMAGE_RESIZE_H
#define EMO_IMAGE_RESIZE_H

#include "base/error.h"

#include <stdint.h>

enum emo_fit { EMO_STRETCH, EMO_CROP, EMO_PAD };

/*
 * From height x width x channels (1 or 3) to to_height x to_width, into to. Stretch changes the
 * shape; crop keeps it and cuts the middle out; pad keeps it and puts white around.
 */
int emo_resize(const uint8_t *from, uint32_t height, uint32_t width, uint32_t channels,
               enum emo_fit fit, uint8_t *to, uint32_t to_height, uint32_t to_width,
               struct emo_error *err);

/* "stretch", "crop", "pad". */
const char *emo_fit_name(enum emo_fit fit);

#endif
