#include "image/decode.h"

#include "image/jpeg.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>

static bool starts(const uint8_t *bytes, size_t n, const char *with, size_t length)
{
    return n >= length && memcmp(bytes, with, length) == 0;
}
#define STARTS(with) starts(bytes, n, with, sizeof with - 1)

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

static int too_large(uint64_t height, uint64_t width, struct emo_error *err)
{
    return emo_error(err, EMO_INPUT, "%llux%llu pixels are more than are decoded",
                     (unsigned long long)height, (unsigned long long)width);
}

/* libpng's simplified interface composes alpha over the white that it is given. */
static int decode_png(const uint8_t *bytes, size_t n, bool gray, struct emo_pixels *p,
                      struct emo_error *err)
{
    png_color white = {255, 255, 255};
    png_image image = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_memory(&image, bytes, n))
        return emo_error(err, EMO_INPUT, "damaged PNG: %s", image.message);
    if ((uint64_t)image.height * image.width > EMO_CAP_PIXELS) {
        int status = too_large(image.height, image.width, err);
        png_image_free(&image);
        return status;
    }
    image.format = gray ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    p->height = p->file_height = image.height;
    p->width = p->file_width = image.width;
    p->channels = gray ? 1 : 3;
    p->bytes = malloc(PNG_IMAGE_SIZE(image));
    if (p->bytes == NULL) {
        png_image_free(&image);
        return emo_error_memory(err, PNG_IMAGE_SIZE(image), "a picture");
    }
    if (!png_image_finish_read(&image, &white, p->bytes, 0, NULL))
        return emo_error(err, EMO_INPUT, "damaged PNG: %s", image.message);
    return EMO_OK;
}

static int decode_webp(const uint8_t *bytes, size_t n, bool gray, struct emo_pixels *p,
                       struct emo_error *err)
{
    WebPBitstreamFeatures about;
    if (WebPGetFeatures(bytes, n, &about) != VP8_STATUS_OK || about.width <= 0 ||
        about.height <= 0)
        return emo_error(err, EMO_INPUT, "damaged WebP");
    if (about.has_animation)
        return emo_error(err, EMO_INPUT, "an animated WebP");
    p->height = p->file_height = (uint32_t)about.height;
    p->width = p->file_width = (uint32_t)about.width;
    if ((uint64_t)p->height * p->width > EMO_CAP_PIXELS)
        return too_large(p->height, p->width, err);
    size_t pixels = (size_t)p->height * p->width;
    uint8_t *rgba = malloc(4 * pixels);
    if (rgba == NULL)
        return emo_error_memory(err, 4 * pixels, "a picture");
    if (WebPDecodeRGBAInto(bytes, n, rgba, 4 * pixels, about.width * 4) == NULL) {
        free(rgba);
        return emo_error(err, EMO_INPUT, "damaged WebP");
    }
    p->channels = gray ? 1 : 3;
    /* In place: what is written never passes what is still to be read. */
    for (size_t i = 0; i < pixels; i++) {
        unsigned v[3], a = rgba[4 * i + 3];
        for (size_t c = 0; c < 3; c++)
            v[c] = (rgba[4 * i + c] * a + 255 * (255 - a) + 127) / 255;
        if (gray)
            rgba[i] = (uint8_t)((v[0] * 19595 + v[1] * 38470 + v[2] * 7471 + 32768) >> 16);
        for (size_t c = 0; c < 3 && !gray; c++)
            rgba[3 * i + c] = (uint8_t)v[c];
    }
    p->bytes = rgba;
    return EMO_OK;
}

int emo_decode(const uint8_t *bytes, size_t n, bool gray, uint32_t height, uint32_t width,
               struct emo_pixels *p, struct emo_error *err)
{
    const char *name;
    int status;
    *p = (struct emo_pixels){0};
    switch (emo_picture_kind(bytes, n, &name)) {
    case EMO_JPEG: status = emo_decode_jpeg(bytes, n, gray, height, width, p, err); break;
    case EMO_PNG: status = decode_png(bytes, n, gray, p, err); break;
    case EMO_WEBP: status = decode_webp(bytes, n, gray, p, err); break;
    case EMO_UNSUPPORTED:
        return emo_error(err, EMO_INPUT, "%s pictures are not supported; convert to JPEG, PNG or "
                         "WebP", name);
    default: return emo_error(err, EMO_INPUT, "%s", n == 0 ? "empty" : "not a picture");
    }
    if (status != EMO_OK) {
        free(p->bytes);
        p->bytes = NULL;
    }
    return status;
}
