#include "image/formats.h"
#include "image/orient.h"

#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>

/* The EXIF chunk's orientation: chunks are a name, a little-endian length, and padded to even. */
static unsigned orientation(const uint8_t *bytes, size_t n)
{
    for (size_t at = 12; n - at >= 8;) {
        const uint8_t *p = bytes + at;
        size_t length = p[4] | (size_t)p[5] << 8 | (size_t)p[6] << 16 | (size_t)p[7] << 24;
        at += 8;
        if (length > n - at)
            break;
        if (memcmp(p, "EXIF", 4) == 0)
            return emo_exif_orientation(bytes + at, length);
        at += length;
        at += length % 2 != 0 && at < n;
    }
    return 1;
}

int emo_decode_webp(const struct emo_picture_file *f, struct emo_pixels *p, unsigned *turn,
                    struct emo_error *err)
{
    WebPBitstreamFeatures about;
    if (WebPGetFeatures(f->bytes, f->n, &about) != VP8_STATUS_OK || about.width <= 0 || about.height <= 0)
        return emo_error(err, EMO_INPUT, "damaged WebP");
    if (about.has_animation)
        return emo_error(err, EMO_INPUT, "animated WebP is not supported; convert to JPEG, PNG or "
                         "a still WebP");
    p->height = p->file_height = (uint32_t)about.height;
    p->width = p->file_width = (uint32_t)about.width;
    int status = emo_pixels_allowed(f, p->height, p->width, err);
    if (status != EMO_OK)
        return status;
    size_t size = (size_t)p->height * p->width * 4;
    p->bytes = malloc(size);
    if (p->bytes == NULL)
        return emo_error_memory(err, size, "a picture");
    if (WebPDecodeRGBAInto(f->bytes, f->n, p->bytes, size, about.width * 4) == NULL)
        return emo_error(err, EMO_INPUT, "damaged WebP");
    emo_pixels_over_white(p, f->gray);
    *turn = orientation(f->bytes, f->n);
    return EMO_OK;
}
