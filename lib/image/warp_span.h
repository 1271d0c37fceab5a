/*
 * The vector version of the warp, of a run of pixels of one row. Used by warp.c alone.
 */
#ifndef EMO_IMAGE_WARP_SPAN_H
#define EMO_IMAGE_WARP_SPAN_H

#include <stdbool.h>
#include <stdint.h>

/* Coordinates as in warp.h, clamped to the image as fill "nearest" does. */
struct emo_warp_span {
    const uint8_t *from;
    int32_t height, width; /* both at least 2; a row has at least 6 bytes, the image below 2^31 */
    int32_t row, row_step; /* 16.16, of the first pixel and from pixel to pixel; no coordinate of */
    int32_t column, column_step; /* the span, nor of 7 more pixels, leaves int32_t */
};

#if defined(__x86_64__)
#define EMO_WARP_AVX2 1
void emo_warp_span_avx2(const struct emo_warp_span *s, uint32_t channels, uint32_t pixels,
                        uint8_t *to);
#endif

#endif
