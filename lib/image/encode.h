/*
 * Pixels to a picture file, a row at a time: PNG (8 bits, gray or RGB) and JPEG
 * (quality 90, baseline). No time, no text: the same pixels make the same bytes.
 */
#ifndef EMO_IMAGE_ENCODE_H
#define EMO_IMAGE_ENCODE_H

#include "image/decode.h"

/* Larger pictures are refused, by emo_encoder_open(). */
#define EMO_CAP_PNG_SIDE 1000000u
#define EMO_CAP_JPEG_SIDE 65500u

struct emo_encoder;

/*
 * Begins a picture of this kind (EMO_PNG or EMO_JPEG) on fd; name is for messages and must outlive
 * the encoder. channels: 1 or 3. EMO_USAGE: the kind cannot hold this size; EMO_FAILED: writing,
 * memory.
 */
int emo_encoder_open(struct emo_encoder **e, int fd, const char *name, enum emo_picture kind,
                     uint32_t height, uint32_t width, uint32_t channels, struct emo_error *err);
/* The next row, of width * channels bytes. */
int emo_encoder_row(struct emo_encoder *e, const uint8_t *row, struct emo_error *err);
/* After the last row. */
int emo_encoder_finish(struct emo_encoder *e, struct emo_error *err);
/* At any time; NULL is fine. */
void emo_encoder_close(struct emo_encoder *e);

#endif
