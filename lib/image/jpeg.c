#include "image/formats.h"
#include "image/orient.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

/* What libjpeg may take for the coefficients of a progressive picture: 6 bytes a pixel. */
#define MEMORY (1L << 30)

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
                      code == JWRN_HUFF_BAD_CODE || code == JWRN_ARITH_BAD_CODE ||
                      code == JWRN_MUST_RESYNC))
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

/* Of the first APP1 that is EXIF; the others hold XMP. */
static unsigned orientation(const struct jpeg_decompress_struct *c)
{
    for (jpeg_saved_marker_ptr m = c->marker_list; m != NULL; m = m->next)
        if (m->data_length >= 6 && memcmp(m->data, "Exif\0", 6) == 0)
            return emo_exif_orientation(m->data, m->data_length);
    return 1;
}

/* Ink to light. Adobe's files store ink inverted. */
static void cmyk_row(const uint8_t *in, uint8_t *out, uint32_t width, bool gray, bool inverted)
{
    for (uint32_t x = 0; x < width; x++, in += 4) {
        unsigned v[3], k = inverted ? in[3] : 255u - in[3];
        for (int i = 0; i < 3; i++)
            v[i] = ((inverted ? in[i] : 255u - in[i]) * k + 127) / 255;
        if (gray) {
            *out++ = emo_luma(v[0], v[1], v[2]);
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
    /* Powers of two are what libjpeg has vector code for. Either side may become height: orientation is not known here. */
    uint32_t need = 2 * (height > width ? height : width);
    for (unsigned d = 8; d > 1 && need > 0; d /= 2) {
        if (c->image_height / d >= need && c->image_width / d >= need) {
            c->scale_denom = d;
            return;
        }
    }
}

/* What libjpeg is asked for: inks and RGB that are to become gray are converted here. */
static void choose_output(j_decompress_ptr c, bool gray, uint32_t height, uint32_t width)
{
    bool ink = c->jpeg_color_space == JCS_CMYK || c->jpeg_color_space == JCS_YCCK;
    bool luma = gray && c->jpeg_color_space != JCS_RGB;
    c->out_color_space = ink ? JCS_CMYK : luma ? JCS_GRAYSCALE : JCS_RGB;
    c->dct_method = JDCT_ISLOW;
    choose_scale(c, height, width);
}

/* All rows into p->bytes; row has room for one of libjpeg's. */
static void read_rows(j_decompress_ptr c, struct emo_pixels *p, bool gray, uint8_t *row)
{
    bool ink = c->out_color_space == JCS_CMYK, from_rgb = gray && c->out_color_space == JCS_RGB;
    size_t stride = (size_t)p->width * p->channels;
    while (c->output_scanline < c->output_height) {
        uint8_t *to = p->bytes + stride * c->output_scanline;
        JSAMPROW line = ink || from_rgb ? row : to;
        (void)jpeg_read_scanlines(c, &line, 1);
        if (ink)
            cmyk_row(row, to, p->width, gray, c->saw_Adobe_marker);
        for (size_t x = 0; from_rgb && x < p->width; x++)
            to[x] = emo_luma(row[3 * x], row[3 * x + 1], row[3 * x + 2]);
    }
}

int emo_decode_jpeg(const struct emo_picture_file *file, struct emo_pixels *p, unsigned *turn,
                    struct emo_error *err)
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
        return emo_error(err, EMO_INPUT, "damaged JPEG: %s", f.text);
    }
    jpeg_create_decompress(&c);
    c.progress = &progress;
    c.mem->max_memory_to_use = MEMORY;
    jpeg_mem_src(&c, file->bytes, (unsigned long)file->n);
    jpeg_save_markers(&c, JPEG_APP0 + 1, 0xffff);
    (void)jpeg_read_header(&c, TRUE);
    int status = emo_pixels_allowed(file, c.image_height, c.image_width, err);
    if (status == EMO_OK) {
        *turn = orientation(&c);
        choose_output(&c, file->gray, file->height, file->width);
        (void)jpeg_start_decompress(&c);
        p->height = c.output_height;
        p->width = c.output_width;
        p->file_height = c.image_height;
        p->file_width = c.image_width;
        p->channels = file->gray ? 1 : 3;
        p->bytes = malloc((size_t)p->height * p->width * p->channels);
        row = malloc((size_t)p->width * 4);
        if (p->bytes == NULL || row == NULL)
            status = emo_error_memory(err, (size_t)p->height * p->width * p->channels,
                                      "a picture");
    }
    if (status == EMO_OK) {
        read_rows(&c, p, file->gray, row);
        (void)jpeg_finish_decompress(&c);
    }
    jpeg_destroy_decompress(&c);
    free(row);
    return status;
}
