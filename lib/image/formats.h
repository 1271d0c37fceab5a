/*
 * The decoders behind decode.h, one a format, and what they share.
 *
 * Each decodes n bytes into p, as they lie in the file, and gives EMO_INPUT with a message for a
 * damaged file; p->bytes is then for the caller to free. *turn is set to the file's EXIF
 * orientation, 1 to 8.
 */
#ifndef EMO_IMAGE_FORMATS_H
#define EMO_IMAGE_FORMATS_H

#include "image/decode.h"

/* gray, height, width: as for emo_decode(). */
int emo_decode_jpeg(const uint8_t *bytes, size_t n, bool gray, uint32_t height, uint32_t width,
                    struct emo_pixels *p, unsigned *turn, struct emo_error *err);
int emo_decode_png(const uint8_t *bytes, size_t n, bool gray, struct emo_pixels *p, unsigned *turn,
                   struct emo_error *err);
int emo_decode_webp(const uint8_t *bytes, size_t n, bool gray, struct emo_pixels *p,
                    unsigned *turn, struct emo_error *err);

/* EMO_INPUT when a picture of this size is over EMO_CAP_PIXELS. */
int emo_pixels_allowed(uint64_t height, uint64_t width, struct emo_error *err);

/* Lays p->bytes, RGBA not premultiplied, over white, in place: p has 1 or 3 channels after. */
void emo_pixels_over_white(struct emo_pixels *p, bool gray);

/* ITU-R BT.601 luma, as libjpeg computes it; of three equal levels, that level. */
static inline uint8_t emo_luma(unsigned red, unsigned green, unsigned blue)
{
    return (uint8_t)((red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16);
}

#endif
