#include "image/decode.h"

#include "image/formats.h"
#include "image/orient.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool starts(const uint8_t *bytes, size_t n, const char *with, size_t length)
{
    return n >= length && memcmp(bytes, with, length) == 0;
}
#define STARTS(with) starts(bytes, n, with, sizeof(with) - 1)

enum emo_picture emo_picture_kind(const uint8_t *bytes, size_t n, const char **name)
{
    static const struct {
        const char *brand, *name;
    } heif[] = {{"avif", "AVIF"}, {"avis", "AVIF"}, {"heic", "HEIC"}, {"heix", "HEIC"},
                {"hevc", "HEIC"}, {"mif1", "HEIC"}, {"msf1", "HEIC"}};
    const char *ignored;
    if (name == NULL)
        name = &ignored;
    *name = "";
    if (STARTS("\xff\xd8\xff"))
        return EMO_JPEG;
    if (STARTS("\x89PNG\r\n\x1a\n"))
        return EMO_PNG;
    if (STARTS("RIFF") && n >= 12 && memcmp(bytes + 8, "WEBP", 4) == 0)
        return EMO_WEBP;
    if (STARTS("GIF87a") || STARTS("GIF89a"))
        *name = "GIF";
    else if (STARTS("BM") && n >= 10 && memcmp(bytes + 6, "\0\0\0\0", 4) == 0)
        *name = "BMP";
    else if (STARTS("II*\0") || STARTS("MM\0*"))
        *name = "TIFF";
    for (size_t i = 0; i < sizeof heif / sizeof *heif && n >= 12; i++)
        if (memcmp(bytes + 4, "ftyp", 4) == 0 && memcmp(bytes + 8, heif[i].brand, 4) == 0)
            *name = heif[i].name;
    if (**name != '\0')
        return EMO_UNSUPPORTED;
    if (STARTS("PK\3\4") || STARTS("PK\5\6") || STARTS("\x1f\x8b") || STARTS("BZh") ||
        STARTS("\xfd" "7zXZ") || STARTS("7z\xbc\xaf\x27\x1c") || STARTS("Rar!") ||
        STARTS("\x28\xb5\x2f\xfd"))
        return EMO_ARCHIVE;
    return EMO_NOT_PICTURE;
}

int emo_pixels_allowed(const struct emo_picture_file *f, uint64_t height, uint64_t width,
                       struct emo_error *err)
{
    uint64_t most = f->most != 0 ? f->most : EMO_CAP_PIXELS, pixels = height * width;
    if (pixels > most)
        return emo_error(err, EMO_INPUT, "%" PRIu64 "x%" PRIu64 " pixels, height x width: more than "
                         "the %" PRIu64 " that are decoded", height, width, most);
    if (f->most == 0 && pixels > EMO_PIXELS_UNDOUBTED && pixels / EMO_CAP_PIXELS_PER_BYTE > f->n)
        return emo_error(err, EMO_INPUT, "%" PRIu64 "x%" PRIu64 " pixels, height x width, in %zu "
                         "bytes: no photograph is so small", height, width, f->n);
    return EMO_OK;
}

void emo_pixels_over_white(struct emo_pixels *p, bool gray)
{
    size_t pixels = (size_t)p->height * p->width;
    /* In place: what is written never passes what is still to be read. */
    const uint8_t *from = p->bytes;
    uint8_t *to = p->bytes;
    for (size_t i = 0; i < pixels; i++, from += 4) {
        unsigned a = from[3], white = 255 * (255 - a) + 127;
        unsigned red = (from[0] * a + white) / 255, green = (from[1] * a + white) / 255;
        unsigned blue = (from[2] * a + white) / 255;
        if (gray) {
            *to++ = emo_luma(red, green, blue);
        } else {
            *to++ = (uint8_t)red;
            *to++ = (uint8_t)green;
            *to++ = (uint8_t)blue;
        }
    }
    p->channels = gray ? 1 : 3;
}

int emo_decode(const uint8_t *bytes, size_t n, bool gray, uint32_t height, uint32_t width,
               uint64_t most, struct emo_pixels *p, struct emo_error *err)
{
    const struct emo_picture_file f = {.bytes = bytes, .n = n, .gray = gray, .height = height,
                                       .width = width, .most = most};
    const char *name;
    unsigned turn = 1;
    int status;
    *p = (struct emo_pixels){0};
    switch (emo_picture_kind(bytes, n, &name)) {
    case EMO_JPEG: status = emo_decode_jpeg(&f, p, &turn, err); break;
    case EMO_PNG: status = emo_decode_png(&f, p, &turn, err); break;
    case EMO_WEBP: status = emo_decode_webp(&f, p, &turn, err); break;
    case EMO_UNSUPPORTED:
        return emo_error(err, EMO_INPUT, "%s pictures are not supported; convert to JPEG, PNG or "
                         "WebP", name);
    default: return emo_error(err, EMO_INPUT, "%s", n == 0 ? "empty" : "not a picture");
    }
    if (status == EMO_OK)
        status = emo_orient(p, turn, err);
    if (status != EMO_OK) {
        free(p->bytes);
        p->bytes = NULL;
    }
    return status;
}
