#include "image/sheet.h"

#include <pango/pangocairo.h>
#include <stdlib.h>
#include <string.h>

/* In pixels. */
#define MARGIN 16u
#define GAP 8u        /* between tiles */
#define BLOCK_GAP 24u /* between blocks, also from line to line */
#define HEADING 26u
#define HEADING_SIZE 15
#define NOTE 16u /* more, where a block has a note */
#define CAPTION 14u /* a line of one */
#define CAPTION_SIZE 11
#define FRAME 3.0
#define FONT "DejaVu Sans"

/* Blocks first to first + count - 1, side by side. */
struct line {
    size_t first, count;
    uint64_t width;
    uint64_t rows;
    uint32_t heading; /* rows of pixels */
};

struct drawing {
    const struct emo_sheet *sheet;
    struct emo_encoder *encoder;
    uint32_t width;
    cairo_surface_t *surface; /* the band, as high as a row of tiles */
    cairo_t *cairo;
    PangoFontMap *fonts;
    PangoContext *context;
    PangoLayout *layout;
    PangoFontDescription *heading, *caption;
    bool misdrawn; /* a text, for want of its font */
    uint8_t *row; /* RGB */
};

void emo_sheet_tile_size(const struct emo_sheet *s, uint32_t *height, uint32_t *width)
{
    *height = s->thumb_height + s->caption_lines * CAPTION + GAP;
    *width = s->thumb_width + GAP;
}

static uint64_t block_width(const struct emo_sheet *s, const struct emo_block *b)
{
    return b->columns * (uint64_t)(s->thumb_width + GAP) - GAP;
}

/* The line of blocks that begins with block number first. */
static struct line next_line(const struct emo_sheet *s, size_t first)
{
    struct line l = {.first = first, .heading = HEADING};
    uint64_t tiles = 0;
    for (size_t i = first; i < s->count; i++) {
        const struct emo_block *b = &s->blocks[i];
        uint64_t rows = (b->count + b->columns - 1) / b->columns;
        tiles += b->columns;
        if (i > first && s->across > 0 && tiles > s->across)
            break;
        l.count++;
        l.width += block_width(s, b) + (i > first ? BLOCK_GAP : 0);
        if (rows > l.rows)
            l.rows = rows;
        if (b->note != NULL)
            l.heading = HEADING + NOTE;
    }
    return l;
}

void emo_sheet_size(const struct emo_sheet *s, uint64_t *height, uint64_t *width)
{
    uint32_t tile_height, tile_width;
    emo_sheet_tile_size(s, &tile_height, &tile_width);
    *height = 2 * MARGIN;
    *width = 0;
    for (size_t i = 0; i < s->count;) {
        struct line l = next_line(s, i);
        *height += l.heading + l.rows * tile_height + (i > 0 ? BLOCK_GAP : 0);
        if (l.width > *width)
            *width = l.width;
        i += l.count;
    }
    *width += 2 * MARGIN;
}

static PangoFontDescription *font(int size, PangoWeight weight)
{
    PangoFontDescription *d = pango_font_description_new();
    pango_font_description_set_family(d, FONT);
    pango_font_description_set_weight(d, weight);
    pango_font_description_set_absolute_size(d, size * PANGO_SCALE);
    return d;
}

static int prepare(struct drawing *d, uint32_t height, struct emo_error *err)
{
    d->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)d->width, (int)height);
    d->cairo = cairo_create(d->surface);
    if (cairo_status(d->cairo) != CAIRO_STATUS_SUCCESS)
        return emo_error(err, EMO_FAILED, "a band of the sheet, %u x %u: %s", d->width, height,
                         cairo_status_to_string(cairo_status(d->cairo)));
    d->row = malloc((size_t)d->width * 3);
    if (d->row == NULL)
        return emo_error_memory(err, (size_t)d->width * 3, "a row of the sheet");
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    d->fonts = pango_cairo_font_map_new();
    d->context = pango_font_map_create_context(d->fonts);
    pango_cairo_update_context(d->cairo, d->context);
    pango_cairo_context_set_font_options(d->context, options);
    cairo_font_options_destroy(options);
    d->layout = pango_layout_new(d->context);
    pango_layout_set_ellipsize(d->layout, PANGO_ELLIPSIZE_MIDDLE);
    pango_layout_set_single_paragraph_mode(d->layout, TRUE);
    d->heading = font(HEADING_SIZE, PANGO_WEIGHT_BOLD);
    d->caption = font(CAPTION_SIZE, PANGO_WEIGHT_NORMAL);
    PangoFont *found = pango_context_load_font(d->context, d->caption);
    if (found == NULL)
        return emo_error(err, EMO_FAILED, "no font is installed; the package fonts-dejavu-core "
                         "has one");
    g_object_unref(found);
    return EMO_OK;
}

/* Pango draws boxes, or nothing, where a font cannot be loaded, and goes on. */
static bool fonts_are_whole(PangoLayout *layout)
{
    bool whole = true;
    PangoLayoutIter *i = pango_layout_get_iter(layout);
    do {
        const PangoLayoutRun *run = pango_layout_iter_get_run_readonly(i);
        PangoFont *used = run != NULL ? run->item->analysis.font : NULL;
        if (used == NULL)
            continue;
        cairo_scaled_font_t *scaled = pango_cairo_font_get_scaled_font(PANGO_CAIRO_FONT(used));
        whole = whole && scaled != NULL && cairo_scaled_font_status(scaled) == CAIRO_STATUS_SUCCESS;
    } while (pango_layout_iter_next_run(i));
    pango_layout_iter_free(i);
    return whole;
}

static void put_text(struct drawing *d, const PangoFontDescription *f, double x, double y,
                     uint64_t width, const char *text, size_t n)
{
    pango_layout_set_font_description(d->layout, f);
    pango_layout_set_width(d->layout, (int)width * PANGO_SCALE);
    pango_layout_set_text(d->layout, text, (int)n);
    cairo_move_to(d->cairo, x, y);
    pango_cairo_show_layout(d->cairo, d->layout);
    d->misdrawn = d->misdrawn || !fonts_are_whole(d->layout);
}

static void clear(struct drawing *d)
{
    cairo_set_source_rgb(d->cairo, 1, 1, 1);
    cairo_paint(d->cairo);
    cairo_set_source_rgb(d->cairo, 0.1, 0.1, 0.1);
}

/* The first rows of the band go to the encoder. */
static int put_band(struct drawing *d, uint32_t rows, struct emo_error *err)
{
    cairo_surface_flush(d->surface);
    if (cairo_status(d->cairo) != CAIRO_STATUS_SUCCESS)
        return emo_error(err, EMO_FAILED, "drawing the sheet: %s",
                         cairo_status_to_string(cairo_status(d->cairo)));
    if (d->misdrawn)
        return emo_error(err, EMO_FAILED, "drawing the sheet: a font could not be loaded");
    const uint8_t *bytes = cairo_image_surface_get_data(d->surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(d->surface);
    int status = EMO_OK;
    for (uint32_t y = 0; y < rows && status == EMO_OK; y++) {
        for (uint32_t x = 0; x < d->width; x++) {
            uint32_t p;
            memcpy(&p, bytes + y * stride + x * sizeof p, sizeof p);
            d->row[3 * x] = (uint8_t)(p >> 16);
            d->row[3 * x + 1] = (uint8_t)(p >> 8);
            d->row[3 * x + 2] = (uint8_t)p;
        }
        status = emo_encoder_row(d->encoder, d->row, err);
    }
    return status;
}

static int put_blank(struct drawing *d, uint32_t rows, struct emo_error *err)
{
    clear(d);
    return put_band(d, rows, err);
}

/* In the middle of the thumb's width, at its foot, so that captions follow their pictures. */
static void put_pixels(struct drawing *d, const struct emo_tile *t, uint32_t left, uint32_t top)
{
    uint8_t *bytes = cairo_image_surface_get_data(d->surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(d->surface);
    const uint8_t *from = t->pixels;
    for (uint32_t y = 0; y < t->height; y++)
        for (uint32_t x = 0; x < t->width; x++, from += t->channels) {
            bool gray = t->channels == 1;
            uint32_t p = (uint32_t)from[0] << 16 | (uint32_t)from[gray ? 0 : 1] << 8 |
                         from[gray ? 0 : 2];
            memcpy(bytes + (top + y) * stride + (left + x) * sizeof p, &p, sizeof p);
        }
}

static void place(const struct emo_sheet *s, const struct emo_tile *t, uint32_t *left,
                  uint32_t *top)
{
    *left += (s->thumb_width - t->width) / 2;
    *top += s->thumb_height - t->height;
}

static void put_frame(struct drawing *d, const struct emo_tile *t, uint32_t left, uint32_t top)
{
    cairo_set_source_rgb(d->cairo, 0.8, 0.1, 0.1);
    cairo_set_line_width(d->cairo, FRAME);
    cairo_rectangle(d->cairo, left + FRAME / 2, top + FRAME / 2, t->width - FRAME,
                    t->height - FRAME);
    cairo_stroke(d->cairo);
    cairo_set_source_rgb(d->cairo, 0.1, 0.1, 0.1);
}

static void put_caption(struct drawing *d, const struct emo_tile *t, uint32_t left)
{
    const char *text = t->caption;
    double y = d->sheet->thumb_height + 1;
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        put_text(d, d->caption, left, y, d->sheet->thumb_width, text, n);
        y += CAPTION;
        text += n + (text[n] == '\n');
    }
}

/* Calls put for each tile of this row of the line's blocks, with its left edge. */
static void each_tile(struct drawing *d, const struct line *l, uint64_t row,
                      void (*put)(struct drawing *, const struct emo_tile *, uint32_t left))
{
    uint32_t left = MARGIN;
    for (size_t i = l->first; i < l->first + l->count; i++) {
        const struct emo_block *b = &d->sheet->blocks[i];
        for (uint32_t k = 0; k < b->columns && row * b->columns + k < b->count; k++)
            put(d, b->tiles[row * b->columns + k], left + k * (d->sheet->thumb_width + GAP));
        left += (uint32_t)block_width(d->sheet, b) + BLOCK_GAP;
    }
}

static void tile_pixels(struct drawing *d, const struct emo_tile *t, uint32_t left)
{
    uint32_t top = 0;
    place(d->sheet, t, &left, &top);
    put_pixels(d, t, left, top);
}

static void tile_rest(struct drawing *d, const struct emo_tile *t, uint32_t left)
{
    uint32_t x = left, top = 0;
    put_caption(d, t, left);
    place(d->sheet, t, &x, &top);
    if (t->marked)
        put_frame(d, t, x, top);
}

static int put_headings(struct drawing *d, const struct line *l, struct emo_error *err)
{
    uint32_t left = MARGIN;
    clear(d);
    for (size_t i = l->first; i < l->first + l->count; i++) {
        const struct emo_block *b = &d->sheet->blocks[i];
        uint64_t width = block_width(d->sheet, b);
        put_text(d, d->heading, left, 2, width, b->heading, strlen(b->heading));
        if (b->note != NULL)
            put_text(d, d->caption, left, HEADING - 3, width, b->note, strlen(b->note));
        left += (uint32_t)width + BLOCK_GAP;
    }
    return put_band(d, l->heading, err);
}

static int put_line(struct drawing *d, const struct line *l, struct emo_error *err)
{
    uint32_t height, width;
    emo_sheet_tile_size(d->sheet, &height, &width);
    int status = put_headings(d, l, err);
    for (uint64_t row = 0; row < l->rows && status == EMO_OK; row++) {
        clear(d);
        cairo_surface_flush(d->surface);
        each_tile(d, l, row, tile_pixels);
        cairo_surface_mark_dirty(d->surface);
        each_tile(d, l, row, tile_rest);
        status = put_band(d, height, err);
    }
    return status;
}

static void finish(struct drawing *d)
{
    free(d->row);
    if (d->heading != NULL)
        pango_font_description_free(d->heading);
    if (d->caption != NULL)
        pango_font_description_free(d->caption);
    if (d->layout != NULL)
        g_object_unref(d->layout);
    if (d->context != NULL)
        g_object_unref(d->context);
    if (d->fonts != NULL)
        g_object_unref(d->fonts);
    cairo_destroy(d->cairo);
    cairo_surface_destroy(d->surface);
}

int emo_sheet_draw(const struct emo_sheet *s, struct emo_encoder *e, struct emo_error *err)
{
    uint64_t height, width;
    uint32_t tile_height, tile_width, band = HEADING + NOTE;
    struct drawing d = {.sheet = s, .encoder = e};
    emo_sheet_size(s, &height, &width);
    emo_sheet_tile_size(s, &tile_height, &tile_width);
    if (tile_height > band)
        band = tile_height;
    if (width > EMO_CAP_SHEET_WIDTH)
        return emo_error(err, EMO_USAGE, "a sheet of %llu pixels across; at most %u can be drawn",
                         (unsigned long long)width, EMO_CAP_SHEET_WIDTH);
    d.width = (uint32_t)width;
    int status = prepare(&d, band, err);
    if (status == EMO_OK)
        status = put_blank(&d, MARGIN, err);
    for (size_t i = 0; i < s->count && status == EMO_OK;) {
        struct line l = next_line(s, i);
        if (i > 0)
            status = put_blank(&d, BLOCK_GAP, err);
        if (status == EMO_OK)
            status = put_line(&d, &l, err);
        i += l.count;
    }
    if (status == EMO_OK)
        status = put_blank(&d, MARGIN, err);
    finish(&d);
    return status;
}
