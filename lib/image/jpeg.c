#include "image/jpeg.h"

#include <libexif/exif-data.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

struct failure {
    struct jpeg_error_mgr manager;
    jmp_buf jump;
    char text[JMSG_LENGTH_MAX];
};

static void fail(j_common_ptr c)
{
    struct failure *f = (struct failure *)(void *)c->err;
    c->err->format_message(c, f->text);
    longjmp(f->jump, 1);
}

/* Warnings that mean lost picture data are failures; the others are about untidy files. */
static void warned(j_common_ptr c, int level)
{
    int code = c->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER ||
                      code == JWRN_HUFF_BAD_CODE || code == JWRN_ARITH_BAD_CODE))
        fail(c);
}

static void count_scans(j_common_ptr c)
{
    if (((j_decompress_ptr)c)->input_scan_number > EMO_CAP_SCANS) {
        struct failure *f = (struct failure *)(void *)c->err;
        snprintf(f->text, sizeof f->text, "more than %d scans", EMO_CAP_SCANS);
        longjmp(f->jump, 1);
    }
}

static unsigned orientation(const uint8_t *bytes, size_t n)
{
    unsigned value = 1;
    if (n > UINT32_MAX)
        return value;
    ExifData *data = exif_data_new_from_data(bytes, (unsigned)n);
    ExifEntry *e = data != NULL ? exif_content_get_entry(data->ifd[EXIF_IFD_0],
                                                         EXIF_TAG_ORIENTATION)
                                : NULL;
    if (e != NULL && e->format == EXIF_FORMAT_SHORT && e->size >= 2)
        value = exif_get_short(e->data, exif_data_get_byte_order(data));
    if (data != NULL)
        exif_data_unref(data);
    return value >= 1 && value <= 8 ? value : 1;
}

/* Turns and mirrors p as EXIF's orientation 2 to 8 asks. */
static int orient(struct emo_pixels *p, unsigned how, struct emo_error *err)
{
    uint32_t h = p->height, w = p->width, c = p->channels;
    bool swap = how >= 5;
    size_t n = (size_t)h * w * c;
    uint8_t *out = malloc(n);
    if (out == NULL)
        return emo_error_memory(err, n, "a picture");
    uint32_t oh = swap ? w : h, ow = swap ? h : w;
    for (uint32_t y = 0; y < oh; y++) {
        for (uint32_t x = 0; x < ow; x++) {
            uint32_t sy = swap ? x : y, sx = swap ? y : x;
            if (how == 3 || how == 4)
                sy = h - 1 - y;
            if (how == 2 || how == 3)
                sx = w - 1 - sx;
            if (how == 6 || how == 7)
                sy = h - 1 - x;
            if (how == 7 || how == 8)
                sx = w - 1 - y;
            memcpy(out + ((size_t)y * ow + x) * c, p->bytes + ((size_t)sy * w + sx) * c, c);
        }
    }
    free(p->bytes);
    p->bytes = out;
    p->height = oh;
    p->width = ow;
    if (swap) {
        uint32_t t = p->file_height;
        p->file_height = p->file_width;
        p->file_width = t;
    }
    return EMO_OK;
}

/* Ink to light. Adobe's files store ink inverted. */
static void cmyk_row(const uint8_t *in, uint8_t *out, uint32_t width, bool gray, bool inverted)
{
    for (uint32_t x = 0; x < width; x++, in += 4) {
        unsigned v[3], k = inverted ? in[3] : 255u - in[3];
        for (int i = 0; i < 3; i++)
            v[i] = ((inverted ? in[i] : 255u - in[i]) * k + 127) / 255;
        if (gray) {
            *out++ = (uint8_t)((v[0] * 19595 + v[1] * 38470 + v[2] * 7471 + 32768) >> 16);
        } else {
            for (int i = 0; i < 3; i++)
                *out++ = (uint8_t)v[i];
        }
    }
}

static void choose_scale(j_decompress_ptr c, uint32_t height, uint32_t width)
{
    c->scale_num = 1;
    c->scale_denom = 1;
    /* Either side may become height: orientation is not known here. */
    uint32_t need = 2 * (height > width ? height : width);
    for (unsigned d = 8; d > 1 && need > 0; d /= 2) {
        if (c->image_height / d >= need && c->image_width / d >= need) {
            c->scale_denom = d;
            return;
        }
    }
}

int emo_decode_jpeg(const uint8_t *bytes, size_t n, bool gray, uint32_t height, uint32_t width,
                    struct emo_pixels *p, struct emo_error *err)
{
    struct jpeg_decompress_struct c;
    struct jpeg_progress_mgr progress = {.progress_monitor = count_scans};
    struct failure f;
    /* Changed after setjmp() and needed after longjmp(). */
    uint8_t *volatile row = NULL;
    memset(&c, 0, sizeof c);
    c.err = jpeg_std_error(&f.manager);
    f.manager.error_exit = fail;
    f.manager.emit_message = warned;
    if (setjmp(f.jump) != 0) {
        jpeg_destroy_decompress(&c);
        free(row);
        free(p->bytes);
        p->bytes = NULL;
        return emo_error(err, EMO_INPUT, "damaged JPEG: %s", f.text);
    }
    jpeg_create_decompress(&c);
    c.progress = &progress;
    jpeg_mem_src(&c, bytes, (unsigned long)n);
    (void)jpeg_read_header(&c, TRUE);
    if ((uint64_t)c.image_height * c.image_width > EMO_CAP_PIXELS) {
        int status = emo_error(err, EMO_INPUT, "%ux%u pixels are more than are decoded",
                               c.image_height, c.image_width);
        jpeg_destroy_decompress(&c);
        return status;
    }
    bool ink = c.jpeg_color_space == JCS_CMYK || c.jpeg_color_space == JCS_YCCK;
    c.out_color_space = ink ? JCS_CMYK : gray ? JCS_GRAYSCALE : JCS_RGB;
    /* libjpeg makes gray of YCbCr only. */
    bool from_rgb = gray && c.jpeg_color_space == JCS_RGB;
    if (from_rgb)
        c.out_color_space = JCS_EXT_RGBX;
    choose_scale(&c, height, width);
    c.dct_method = JDCT_ISLOW;
    (void)jpeg_start_decompress(&c);
    p->height = c.output_height;
    p->width = c.output_width;
    p->file_height = c.image_height;
    p->file_width = c.image_width;
    p->channels = gray ? 1 : 3;
    size_t stride = (size_t)p->width * p->channels;
    p->bytes = malloc(stride * p->height);
    row = malloc((size_t)p->width * 4);
    if (p->bytes == NULL || row == NULL) {
        snprintf(f.text, sizeof f.text, "no memory for its pixels");
        longjmp(f.jump, 1);
    }
    while (c.output_scanline < c.output_height) {
        uint8_t *to = p->bytes + stride * c.output_scanline;
        JSAMPROW line = ink || from_rgb ? row : to;
        if (jpeg_read_scanlines(&c, &line, 1) != 1)
            break;
        if (ink)
            cmyk_row(row, to, p->width, gray, c.saw_Adobe_marker);
        for (uint32_t x = 0; from_rgb && x < p->width; x++)
            to[x] = (uint8_t)((row[4 * x] * 19595u + row[4 * x + 1] * 38470u +
                               row[4 * x + 2] * 7471u + 32768) >> 16);
    }
    (void)jpeg_finish_decompress(&c);
    jpeg_destroy_decompress(&c);
    free(row);
    unsigned how = orientation(bytes, n);
    return how > 1 ? orient(p, how, err) : EMO_OK;
}
