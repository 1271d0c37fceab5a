/*
 * A contact sheet: tiles (a small picture with lines of text under it) in
 * blocks with headings, drawn with cairo and pango.
 *
 * Blocks lie side by side, tops aligned; where "across" tiles would not hold
 * the next one, it begins a new line of blocks. The sheet is drawn a band at a
 * time, so that beside the tiles themselves little memory is taken. Text is
 * DejaVu Sans where it is installed and holds the characters, without hinting
 * or subpixels, whatever the desktop's settings: on one machine the same sheet
 * is the same bytes.
 */
#ifndef EMO_IMAGE_SHEET_H
#define EMO_IMAGE_SHEET_H

#include "image/encode.h"

/* A band is a cairo surface, which is at most so wide. */
#define EMO_CAP_SHEET_WIDTH 32767u
#define EMO_CAP_THUMB 4096u

struct emo_tile {
    uint8_t *pixels; /* height x width x channels (1 or 3), no larger than the sheet's thumbs */
    uint32_t height, width, channels;
    char *caption; /* UTF-8, lines separated by LF */
    bool marked;   /* with a frame that is seen at once */
};

struct emo_block {
    const char *heading;                 /* one line of UTF-8 */
    const char *note;                    /* a smaller line under it; NULL: none */
    const struct emo_tile *const *tiles; /* row by row */
    size_t count;
    uint32_t columns; /* at least 1 */
};

struct emo_sheet {
    const struct emo_block *blocks;
    size_t count;
    uint32_t thumb_height, thumb_width;
    uint32_t caption_lines; /* room for so many */
    uint32_t across;        /* 0: all blocks in one line */
};

/* Of the whole picture, margins included; of one tile, gap included. */
void emo_sheet_size(const struct emo_sheet *s, uint64_t *height, uint64_t *width);
void emo_sheet_tile_size(const struct emo_sheet *s, uint32_t *height, uint32_t *width);

/* Draws all rows, 3 channels, of the size above. EMO_FAILED: no font, memory, writing. */
int emo_sheet_draw(const struct emo_sheet *s, struct emo_encoder *e, struct emo_error *err);

#endif
