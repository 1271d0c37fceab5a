/*
 * EXIF orientation: which way up the camera was held.
 *
 * How the picture lies in the file, and what emo_orient() does about it:
 *     1 upright                    5 mirrored along the main diagonal
 *     2 mirrored left to right     6 turned a quarter clockwise
 *     3 turned by half             7 mirrored along the other diagonal
 *     4 mirrored top to bottom     8 turned a quarter anticlockwise
 */
#ifndef EMO_IMAGE_ORIENT_H
#define EMO_IMAGE_ORIENT_H

#include "image/decode.h"

/* The orientation that n bytes of EXIF (with or without "Exif\0\0" before the TIFF header) give;
   1 where they give none. Reads the one tag and no more of the file than it needs. */
unsigned emo_exif_orientation(const uint8_t *bytes, size_t n);

/* Makes p upright: pixels, height and width, file_height and file_width. */
int emo_orient(struct emo_pixels *p, unsigned orientation, struct emo_error *err);

#endif
