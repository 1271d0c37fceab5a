/*
 * EXIF orientation: which way up the camera was held.
 *
 * What emo_orient() does to the picture as it lies in the file:
 *     1 nothing                    5 mirrors it along the main diagonal
 *     2 mirrors it left to right   6 turns it a quarter clockwise
 *     3 turns it by half           7 mirrors it along the other diagonal
 *     4 mirrors it top to bottom   8 turns it a quarter anticlockwise
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
