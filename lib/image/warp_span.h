/*
 * The vector versions of the warp, which do a run of pixels of one row. Used by warp.c and its test
 * alone.
 */
#ifndef EMO_IMAGE_WARP_SPAN_H
#define EMO_IMAGE_WARP_SPAN_H

#include "image/warp.h"

#include <stdbool.h>
#include <stdint.h>

/* Coordinates as in warp.h, clamped to the image as fill "nearest" does. */
struct emo_warp_span {
    const uint8_t *from;
    int32_t height, width; /* both at least 2; a row has at least 6 bytes, the image below 2^31 */
    int32_t row, row_step; /* 16.16, of the first pixel and from pixel to pixel; no coordinate of */
    int32_t column, column_step; /* the span, nor of 15 more pixels, leaves int32_t */
};

struct emo_warp_version {
    bool (*pays)(void); /* does this processor have what it takes, and fast enough? */
    uint32_t most;      /* bytes in a row, and rows */
    uint32_t strip;     /* output columns that are best done before the next ones */
    void (*span)(const struct emo_warp_span *s, uint32_t channels, uint32_t pixels, uint8_t *to);
};

#if defined(__x86_64__)
#define EMO_WARP_VECTOR 1
extern const struct emo_warp_version emo_warp_avx2, emo_warp_avx512;

/* emo_warp() by a version that pays here; false, and nothing done, for images and coefficients that
   are beyond it. */
bool emo_warp_by(const struct emo_warp_version *version, const struct emo_warp *warp,
                 const uint8_t *from, uint32_t height, uint32_t width, uint32_t channels,
                 uint8_t *to);
#endif

#endif
