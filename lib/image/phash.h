/*
 * Perceptual hashes: 64 bits that stay nearly the same when a picture is
 * resized, recompressed, or made a little lighter or darker.
 *
 * phash   32x32 gray, its discrete cosine transform (DCT-II), the 8x8 lowest
 *         frequencies: a bit is set where the coefficient is above the median
 *         of all but the first, which is the mean level. What a picture is like
 *         as a whole. (Zauner, "Implementation and Benchmarking of Perceptual
 *         Image Hash Functions", 2010; the median as pHash and imagehash.)
 * dhash   8x9 gray: a bit is set where a pixel is lighter than the one to its
 *         left. How levels run from place to place.
 *
 * Bits go row by row, the first into the highest. Both are made in integers,
 * after emo_resize(), so that a picture has the same hashes everywhere.
 */
#ifndef EMO_IMAGE_PHASH_H
#define EMO_IMAGE_PHASH_H

#include "base/error.h"

#include <stdint.h>

/* gray: the picture at 16x16, to confirm with what the hashes only suggest. */
#define EMO_PHASH_SIDE 16u
#define EMO_PHASH_GRAY (EMO_PHASH_SIDE * EMO_PHASH_SIDE)

struct emo_phash {
    uint64_t phash, dhash;
    uint8_t gray[EMO_PHASH_GRAY];
};

/* Of a picture of 1 or 3 channels. EMO_FAILED: memory. */
int emo_phash(const uint8_t *pixels, uint32_t height, uint32_t width, uint32_t channels,
              struct emo_phash *hash, struct emo_error *err);

#endif
