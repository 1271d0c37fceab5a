/* The JPEG half of decode.h; takes the arguments of emo_decode(). */
#ifndef EMO_IMAGE_JPEG_H
#define EMO_IMAGE_JPEG_H

#include "image/decode.h"

int emo_decode_jpeg(const uint8_t *bytes, size_t n, bool gray, uint32_t height, uint32_t width,
                    struct emo_pixels *p, struct emo_error *err);

#endif
