/*
 * Channels in blocks: how activations lie in memory.
 *
 * A record of H x W x C numbers is kept as [C / b][H][W][b], where b divides C. With b = C it is
 * plain HWC, with b = 1 planes. A backend says which b it wants. To whatever works on each channel
 * by itself, such a record is C / b records of H x W x b.
 */
#ifndef EMO_NET_BLOCKS_H
#define EMO_NET_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

/* One record of pixels x channels. from and to must not overlap. */
void emo_blocks_make(const float *hwc, size_t pixels, size_t channels, size_t b, float *blocks);
void emo_blocks_undo(const float *blocks, size_t pixels, size_t channels, size_t b, float *hwc);
/* The same of the upper left part of an image of bytes, whose rows lie pitch apart, as numbers from 0
   to 1. */
void emo_blocks_from_image(const uint8_t *hwc, size_t pitch, size_t height, size_t width,
                           size_t channels, size_t b, float *blocks);

/* Where number i of HWC order lies. */
static inline size_t emo_blocks_place(size_t i, size_t pixels, size_t channels, size_t b)
{
    if (b == channels)
        return i;
    size_t channel = i % channels;
    return (channel / b * pixels + i / channels) * b + channel % b;
}

#endif
