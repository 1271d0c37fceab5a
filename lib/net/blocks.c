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

void emo_blocks_from_image(const uint8_t *hwc, size_t pixels, size_t channels, size_t b,
                           float *blocks)
{
    const float scale = 1.0f / 255.0f;
    if (b == channels) {
        for (size_t i = 0; i < pixels * channels; i++)
            blocks[i] = (float)hwc[i] * scale;
        return;
    }
    for (size_t first = 0; first < channels; first += b)
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < b; c++)
                *blocks++ = (float)hwc[p * channels + first + c] * scale;
}
