#include "net/blocks.h"

#include <string.h>

void emo_blocks_make(const float *hwc, size_t pixels, size_t channels, size_t b, float *blocks)
{
    for (size_t first = 0; first < channels; first += b)
        for (size_t p = 0; p < pixels; p++, blocks += b)
            memcpy(blocks, hwc + p * channels + first, b * sizeof *blocks);
}

void emo_blocks_undo(const float *blocks, size_t pixels, size_t channels, size_t b, float *hwc)
{
    for (size_t first = 0; first < channels; first += b)
        for (size_t p = 0; p < pixels; p++, blocks += b)
            memcpy(hwc + p * channels + first, blocks, b * sizeof *blocks);
}

void emo_blocks_from_image(const uint8_t *hwc, size_t pitch, size_t height, size_t width,
                           size_t channels, size_t b, float *blocks)
{
    const float scale = 1.0f / 255.0f;
    for (size_t first = 0; first < channels; first += b)
        for (size_t y = 0; y < height; y++) {
            const uint8_t *row = hwc + y * pitch + first;
            if (b == channels) {
                for (size_t i = 0; i < width * b; i++)
                    *blocks++ = (float)row[i] * scale;
                continue;
            }
            for (size_t x = 0; x < width; x++, row += channels)
                for (size_t c = 0; c < b; c++)
                    *blocks++ = (float)row[c] * scale;
        }
}
