#include "image/orient.h"

#include <stdlib.h>
#include <string.h>

#define TAG_ORIENTATION 0x0112u
#define TYPE_SHORT 3u
#define IFD_ENTRY 12u

/* n bytes at p as an integer. */
static uint32_t number(const uint8_t *p, unsigned n, bool big)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < n; i++)
        value |= (uint32_t)p[i] << 8 * (big ? n - 1 - i : i);
    return value;
}

unsigned emo_exif_orientation(const uint8_t *bytes, size_t n)
{
    if (n >= 6 && memcmp(bytes, "Exif\0", 6) == 0) {
        bytes += 6;
        n -= 6;
    }
    bool big = n >= 8 && memcmp(bytes, "MM\0*", 4) == 0;
    if (!big && (n < 8 || memcmp(bytes, "II*", 4) != 0))
        return 1;
    size_t at = number(bytes + 4, 4, big);
    if (at > n - 2)
        return 1;
    uint32_t entries = number(bytes + at, 2, big);
    for (at += 2; entries > 0 && n - at >= IFD_ENTRY; entries--, at += IFD_ENTRY)
        if (number(bytes + at, 2, big) == TAG_ORIENTATION &&
            number(bytes + at + 2, 2, big) == TYPE_SHORT) {
            uint32_t value = number(bytes + at + 8, 2, big);
            return value >= 1 && value <= 8 ? value : 1;
        }
    return 1;
}

int emo_orient(struct emo_pixels *p, unsigned orientation, struct emo_error *err)
{
    if (orientation <= 1 || orientation > 8)
        return EMO_OK;
    /* Where the pixel at (y, x) of the result comes from. */
    bool transposed = orientation >= 5;
    bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    size_t height = p->height, width = p->width, channels = p->channels;
    size_t high = transposed ? width : height, wide = transposed ? height : width;
    uint8_t *out = malloc(height * width * channels), *to = out;
    if (out == NULL)
        return emo_error_memory(err, height * width * channels, "a picture");
    for (size_t y = 0; y < high; y++)
        for (size_t x = 0; x < wide; x++, to += channels) {
            size_t row = transposed ? x : y, column = transposed ? y : x;
            row = from_bottom ? height - 1 - row : row;
            column = from_right ? width - 1 - column : column;
            memcpy(to, p->bytes + (row * width + column) * channels, channels);
        }
    free(p->bytes);
    p->bytes = out;
    p->height = (uint32_t)high;
    p->width = (uint32_t)wide;
    if (transposed) {
        uint32_t t = p->file_height;
        p->file_height = p->file_width;
        p->file_width = t;
    }
    return EMO_OK;
}
