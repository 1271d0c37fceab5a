/*
 * Picture files to pixels: JPEG (gray, YCbCr, RGB, CMYK, YCCK, progressive),
 * PNG (every kind, alpha over white) and WebP (alpha over white), told apart by
 * their first bytes. EXIF orientation is applied. Colour profiles and gamma are
 * not: levels are taken as they are in the file, as is usual for training.
 */
#ifndef EMO_IMAGE_DECODE_H
#define EMO_IMAGE_DECODE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Refused before memory is taken for them: pictures of more than EMO_CAP_PIXELS; of more than
 * EMO_PIXELS_UNDOUBTED where that is over EMO_CAP_PIXELS_PER_BYTE of the file (a blank JPEG has some
 * 60, and no photograph comes near); JPEGs of more scans.
 */
#define EMO_CAP_PIXELS (UINT64_C(1) << 27)
#define EMO_PIXELS_UNDOUBTED (UINT64_C(1) << 24)
#define EMO_CAP_PIXELS_PER_BYTE 200u
#define EMO_CAP_SCANS 100

enum emo_picture {
    EMO_NOT_PICTURE,
    EMO_JPEG,
    EMO_PNG,
    EMO_WEBP,
    EMO_UNSUPPORTED, /* a picture, but GIF, BMP, HEIC, AVIF or TIFF */
    EMO_ARCHIVE,     /* zip, gzip, 7z, ... by its first bytes */
};

/* From the first bytes (16 are enough). *name: "GIF", ... when not NULL. */
enum emo_picture emo_picture_kind(const uint8_t *bytes, size_t n, const char **name);

struct emo_pixels {
    uint32_t height, width, channels; /* 1 or 3, row-major HWC */
    uint32_t file_height, file_width; /* as in the file, before scaling; orientation applied */
    uint8_t *bytes;                   /* free() */
};

/*
 * Decodes n bytes to gray or RGB. A JPEG much larger than height x width is decoded at 1/2, 1/4 or
 * 1/8, but never to less than twice that in either direction; 0 x 0: always whole. most: the pixels
 * that are decoded however small the file is; 0: as above. EMO_INPUT with a message (no name in it)
 * for pictures that cannot be decoded; p->bytes is then NULL.
 */
int emo_decode(const uint8_t *bytes, size_t n, bool gray, uint32_t height, uint32_t width,
               uint64_t most, struct emo_pixels *p, struct emo_error *err);

#endif
