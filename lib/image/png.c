#include "image/formats.h"
#include "image/orient.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source {
    const uint8_t *bytes;
    size_t n, at;
};

struct failure {
    jmp_buf jump;
    char text[128];
};

static void fail(png_structp png, png_const_charp text)
{
    struct failure *f = png_get_error_ptr(png);
    snprintf(f->text, sizeof f->text, "%s", text);
    longjmp(f->jump, 1);
}

static void ignore(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void take(png_structp png, png_bytep to, size_t n)
{
    struct source *s = png_get_io_ptr(png);
    if (n > s->n - s->at)
        png_error(png, "the file ends too early");
    memcpy(to, s->bytes + s->at, n);
    s->at += n;
}

/* Texts and profiles are of no use here, and each may unpack to megabytes. */
static void skip_chunks(png_structp png)
{
#ifdef PNG_SET_UNKNOWN_CHUNKS_SUPPORTED
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_AS_DEFAULT, (png_const_bytep) "eXIf", 1);
#else
    (void)png;
#endif
}

/* Everything to 8-bit RGBA. */
static void set_transformations(png_structp png)
{
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
}

int emo_decode_png(const struct emo_picture_file *file, struct emo_pixels *p, unsigned *turn,
                   struct emo_error *err)
{
    struct source source = {.bytes = file->bytes, .n = file->n};
    struct failure f;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &f, fail, ignore);
    png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
    if (info == NULL) {
        png_destroy_read_struct(&png, NULL, NULL);
        return emo_error(err, EMO_FAILED, "out of memory");
    }
    if (setjmp(f.jump) != 0) {
        png_destroy_read_struct(&png, &info, NULL);
        return emo_error(err, EMO_INPUT, "damaged PNG: %s", f.text);
    }
    png_set_read_fn(png, &source, take);
    skip_chunks(png);
    png_read_info(png, info);
    p->height = p->file_height = png_get_image_height(png, info);
    p->width = p->file_width = png_get_image_width(png, info);
    int status = emo_pixels_allowed(file, p->height, p->width, err);
    size_t stride = (size_t)p->width * 4;
    if (status == EMO_OK) {
        p->bytes = malloc(stride * p->height);
        if (p->bytes == NULL)
            status = emo_error_memory(err, stride * p->height, "a picture");
    }
    if (status != EMO_OK) {
        png_destroy_read_struct(&png, &info, NULL);
        return status;
    }
    set_transformations(png);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < p->height; y++)
            png_read_row(png, p->bytes + y * stride, NULL);
    png_read_end(png, info);
#ifdef PNG_eXIf_SUPPORTED
    png_bytep exif;
    png_uint_32 length;
    if (png_get_eXIf_1(png, info, &length, &exif) != 0)
        *turn = emo_exif_orientation(exif, length);
#else
    (void)turn;
#endif
    png_destroy_read_struct(&png, &info, NULL);
    emo_pixels_over_white(p, file->gray);
    return EMO_OK;
}
