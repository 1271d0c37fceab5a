/*
 * Portable any-maps, both ways: PGM (P5) for one channel, PPM (P6) for three,
 * one behind the other, which is how netpbm's tools and ffmpeg's image2pipe
 * pass sequences of pictures.
 *
 * What comes in may have levels up to 65535, and is brought to 0 to 255. All
 * pictures must have the size and channels of the first. They get names by
 * number, "00000001.ppm", and no label.
 *
 * The format has no end: a sequence that is cut between two pictures looks
 * whole.
 */
#ifndef EMO_EXCHANGE_PNM_H
#define EMO_EXCHANGE_PNM_H

#include "base/text.h"
#include "exchange/import.h"

/* Bytes of one header: its comments may be of any length. */
#define EMO_CAP_PNM_HEADER 4096u

/* Appends the picture. EMO_INPUT: not an image of 1 or 3 channels. */
int emo_pnm_format(const struct emo_record *image, struct emo_text *out, struct emo_error *err);

extern const struct emo_import emo_import_pnm;

#endif
