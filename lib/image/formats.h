/*
 * The decoders behind decode.h, one a format, and what they share.
 *
 * Each decodes a file into p, as the pixels lie in it, and gives EMO_INPUT with a message where it is
 * damaged; p->bytes is then for the caller to free. *turn is set to the file's EXIF orientation, 1
 * to 8.
 */
#ifndef EMO_IMAGE_FORMATS_H
#define EMO_IMAGE_FORMATS_H

#include "image/decode.h"

/* What emo_decode() was given. */
struct emo_picture_file {
    const uint8_t *bytes;
    size_t n;
    bool gray;
    uint32_t height, width;
    uint64_t most;
};

int emo_decode_jpeg(const struct emo_picture_file *f, struct emo_pixels *p, unsigned *turn,
                    struct emo_error *err);
int emo_decode_png(const struct emo_picture_file *f, struct emo_pixels *p, unsigned *turn,
                   struct emo_error *err);
int emo_decode_webp(const struct emo_picture_file *f, struct emo_pixels *p, unsigned *turn,
                    struct emo_error *err);

/* EMO_INPUT when f may not have so many pixels. */
int emo_pixels_allowed(const struct emo_picture_file *f, uint64_t height, uint64_t width,
                       struct emo_error *err);

/* Lays p->bytes, RGBA not premultiplied, over white, in place: p has 1 or 3 channels after. */
void emo_pixels_over_white(struct emo_pixels *p, bool gray);

/* ITU-R BT.601 luma, as libjpeg computes it; of three equal levels, that level. */
static inline uint8_t emo_luma(unsigned red, unsigned green, unsigned blue)
{
    return (uint8_t)((red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16);
}

#endif
