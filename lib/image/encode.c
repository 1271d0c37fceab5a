#include "image/encode.h"

#include "base/file.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define BUFFER 65536u
#define QUALITY 90

/* Both libraries end a failed call by a jump; what happened is left in error or text. */
struct emo_encoder {
    int fd;
    const char *name;
    enum emo_picture kind;
    uint8_t *buffer;
    size_t filled; /* PNG; libjpeg counts for itself */
    int error;     /* errno of a failed write, or 0 */
    char text[JMSG_LENGTH_MAX];
    jmp_buf jump;
    png_structp png;
    png_infop info;
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr manager;
    struct jpeg_destination_mgr destination;
    bool jpeg_made;
};

static bool put_bytes(struct emo_encoder *e, const void *bytes, size_t n)
{
    errno = 0;
    if (emo_write(e->fd, bytes, n) == 0)
        return true;
    e->error = errno;
    return false;
}

static int failed(const struct emo_encoder *e, struct emo_error *err)
{
    if (e->error != 0) {
        errno = e->error;
        return emo_error_errno(err, "%s", e->name);
    }
    return emo_error(err, EMO_FAILED, "%s: %s", e->name, e->text);
}

static void png_failed(png_structp png, png_const_charp text)
{
    struct emo_encoder *e = png_get_error_ptr(png);
    snprintf(e->text, sizeof e->text, "%s", text);
    longjmp(e->jump, 1);
}

static void png_warned(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void png_flush_buffer(png_structp png)
{
    struct emo_encoder *e = png_get_io_ptr(png);
    size_t n = e->filled;
    e->filled = 0;
    if (!put_bytes(e, e->buffer, n))
        png_error(png, "write error");
}

static void png_put(png_structp png, png_bytep bytes, size_t n)
{
    struct emo_encoder *e = png_get_io_ptr(png);
    while (n > 0) {
        size_t part = BUFFER - e->filled < n ? BUFFER - e->filled : n;
        memcpy(e->buffer + e->filled, bytes, part);
        e->filled += part;
        bytes += part;
        n -= part;
        if (e->filled == BUFFER)
            png_flush_buffer(png);
    }
}

static int png_begin(struct emo_encoder *e, uint32_t height, uint32_t width, uint32_t channels,
                     struct emo_error *err)
{
    e->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, e, png_failed, png_warned);
    e->info = e->png != NULL ? png_create_info_struct(e->png) : NULL;
    if (e->info == NULL)
        return emo_error_memory(err, BUFFER, "a PNG");
    if (setjmp(e->jump) != 0)
        return failed(e, err);
    png_set_write_fn(e->png, e, png_put, png_flush_buffer);
    png_set_IHDR(e->png, e->info, width, height, 8,
                 channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_filter(e->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_UP);
    png_write_info(e->png, e->info);
    return EMO_OK;
}

static struct emo_encoder *of_jpeg(j_common_ptr c)
{
    return c->client_data;
}

static void jpeg_failed(j_common_ptr c)
{
    struct emo_encoder *e = of_jpeg(c);
    c->err->format_message(c, e->text);
    longjmp(e->jump, 1);
}

static void jpeg_warned(j_common_ptr c, int level)
{
    (void)c;
    (void)level;
}

static void jpeg_buffer_begin(j_compress_ptr c)
{
    struct emo_encoder *e = of_jpeg((j_common_ptr)c);
    e->destination.next_output_byte = e->buffer;
    e->destination.free_in_buffer = BUFFER;
}

static boolean jpeg_buffer_full(j_compress_ptr c)
{
    struct emo_encoder *e = of_jpeg((j_common_ptr)c);
    if (!put_bytes(e, e->buffer, BUFFER))
        longjmp(e->jump, 1);
    jpeg_buffer_begin(c);
    return TRUE;
}

static void jpeg_buffer_end(j_compress_ptr c)
{
    struct emo_encoder *e = of_jpeg((j_common_ptr)c);
    if (!put_bytes(e, e->buffer, BUFFER - e->destination.free_in_buffer))
        longjmp(e->jump, 1);
}

static int jpeg_begin(struct emo_encoder *e, uint32_t height, uint32_t width, uint32_t channels,
                      struct emo_error *err)
{
    e->jpeg.err = jpeg_std_error(&e->manager);
    e->manager.error_exit = jpeg_failed;
    e->manager.emit_message = jpeg_warned;
    e->jpeg.client_data = e;
    if (setjmp(e->jump) != 0)
        return failed(e, err);
    jpeg_create_compress(&e->jpeg);
    e->jpeg_made = true;
    e->destination = (struct jpeg_destination_mgr){.init_destination = jpeg_buffer_begin,
                                                   .empty_output_buffer = jpeg_buffer_full,
                                                   .term_destination = jpeg_buffer_end};
    e->jpeg.dest = &e->destination;
    e->jpeg.image_height = height;
    e->jpeg.image_width = width;
    e->jpeg.input_components = (int)channels;
    e->jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&e->jpeg);
    jpeg_set_quality(&e->jpeg, QUALITY, TRUE);
    e->jpeg.dct_method = JDCT_ISLOW;
    jpeg_start_compress(&e->jpeg, TRUE);
    return EMO_OK;
}

int emo_encoder_open(struct emo_encoder **encoder, int fd, const char *name, enum emo_picture kind,
                     uint32_t height, uint32_t width, uint32_t channels, struct emo_error *err)
{
    uint32_t most = kind == EMO_JPEG ? EMO_CAP_JPEG_SIDE : EMO_CAP_PNG_SIDE;
    *encoder = NULL;
    if (height == 0 || width == 0 || height > most || width > most)
        return emo_error(err, EMO_USAGE, "%s: %u x %u pixels (width x height); a %s holds up to %u "
                         "each way", name, width, height, kind == EMO_JPEG ? "JPEG" : "PNG", most);
    struct emo_encoder *e = calloc(1, sizeof *e);
    if (e == NULL)
        return emo_error_memory(err, sizeof *e, "a picture");
    e->fd = fd;
    e->name = name;
    e->kind = kind;
    e->buffer = malloc(BUFFER);
    int status = e->buffer == NULL ? emo_error_memory(err, BUFFER, "a picture")
                 : kind == EMO_JPEG ? jpeg_begin(e, height, width, channels, err)
                                    : png_begin(e, height, width, channels, err);
    if (status == EMO_OK)
        *encoder = e;
    else
        emo_encoder_close(e);
    return status;
}

int emo_encoder_row(struct emo_encoder *e, const uint8_t *row, struct emo_error *err)
{
    if (setjmp(e->jump) != 0)
        return failed(e, err);
    if (e->kind == EMO_JPEG) {
        JSAMPROW rows[] = {(JSAMPROW)(uintptr_t)row}; /* libjpeg does not write to it */
        jpeg_write_scanlines(&e->jpeg, rows, 1);
    } else
        png_write_row(e->png, row);
    return EMO_OK;
}

int emo_encoder_finish(struct emo_encoder *e, struct emo_error *err)
{
    if (setjmp(e->jump) != 0)
        return failed(e, err);
    if (e->kind == EMO_JPEG)
        jpeg_finish_compress(&e->jpeg);
    else {
        png_write_end(e->png, e->info);
        png_flush_buffer(e->png);
    }
    return EMO_OK;
}

void emo_encoder_close(struct emo_encoder *e)
{
    if (e == NULL)
        return;
    if (e->png != NULL)
        png_destroy_write_struct(&e->png, &e->info);
    if (e->jpeg_made)
        jpeg_destroy_compress(&e->jpeg);
    free(e->buffer);
    free(e);
}
