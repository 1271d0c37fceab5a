/*
 * The arithmetic of first.h in tiles of bytes (tiles.h).
 *
 * Pixels are bytes. A weight or a gradient is three digits (digits.h), with a scale that is the
 * channel's. A sum of products of pixels and one digit is exact; the sums of the three digits are put
 * together as float32. In bf16 there are two digits.
 *
 * In both directions a is digits of 16 channels, and b pixels.
 *
 * Forward, the sums are 16 channels by 16 columns of the map, every other one: under 16 pooled places
 * there are four such tiles. Under columns so far apart, what 4 numbers of a kernel's row meet lies
 * `pitch` bytes apart in a row of pixels. Put beside each other that is a stream,
 *
 *     stream[k][p] = 4 bytes from row[(2 p + column) * step + 4 k]      column 0 or 1
 *
 * of step = stride * c. The streams of consecutive rows follow each other, of 16 places each: any 16 of
 * them are a tile. So an image is taken in strips of 16 pooled places, from top to bottom: what is
 * worked on stays in the first cache.
 *
 * Backward, the sums are 16 channels by 16 numbers of the kernel, over 64 columns of the map at a
 * time, or 32 of both rows of the map under a pooled row where these are narrow. a is digits of pooled
 * gradients: of the two columns under a pooled place one has a digit and one 0, or both have 0 where
 * the largest was in the other row. b is what four windows beside each other have at each of the
 * numbers.
 *
 * What a tile has beyond a window, a kernel, or a row of the map is any bytes: they meet zeros, or
 * sums that nobody looks at.
 *
 * Where the largest of a window was is kept as bits: of each pooled row, 32 places of it and 16
 * channels, 16 numbers of 32 bits that say, of each channel, at which places it was in the right
 * column, and 16 for the lower row. They lie [16 channels][pooled row][32 places][2][channel].
 *
 * This is what both directions need; first_amx_forward.h and first_amx_backward.h are the two, with
 * first_amx_streams.h and first_amx_results.h, and first_amx_gradients.h.
 */
#ifndef EMO_NET_KERNELS_FIRST_AMX_H
#define EMO_NET_KERNELS_FIRST_AMX_H

#define LANES 16
#include "net/kernels/digits.h"
#include "net/kernels/first_lanes.h"
#include "net/kernels/first_rows.h"
#include "net/kernels/tiles.h"

#include <string.h>

#define NEAR_BYTES (16 << 10) /* of the first cache, for pixels going backward */
#define PAIR ((size_t)2 * EMO_TILE)
#define MOST_DIGITS 3

struct sizes {
    size_t digits;
    size_t step;    /* bytes from one window of a row to the next */
    size_t kernel;  /* numbers of a channel's */
    size_t groups;  /* of 16 channels */
    size_t row;     /* bytes of a padded row of pixels */
    /* Forward: */
    size_t fours;   /* of a kernel's row, the last filled up */
    size_t depths;  /* tiles for all of a kernel's */
    size_t part;    /* bytes of a row that are read for 16 pooled places */
    size_t plane;   /* of the streams of all left columns, or right ones */
    /* Backward: */
    bool narrow;    /* 64 columns are 32 of both rows of the map under a pooled row */
    size_t across;  /* tiles for a row of the map, or for two narrow ones */
    size_t tiles;   /* of 16 numbers of the kernel; an even number */
    size_t band;    /* pooled rows at a time */
};

/* Of so many pooled rows, the tiles' 64 columns that they take backward. */
static size_t columns_of(const struct sizes *s, size_t rows)
{
    return rows * (s->narrow ? 1 : 2) * s->across;
}

static struct sizes sizes(const struct emo_first *f)
{
    const struct emo_layer *l = f->conv;
    struct sizes s = {.digits = f->bf16 ? 2 : MOST_DIGITS, .step = (size_t)l->stride * l->c};
    s.kernel = l->kernel_h * taps(f);
    s.groups = round_up(l->oc, EMO_TILE) / EMO_TILE;
    s.fours = (taps(f) + 3) / 4;
    s.depths = round_up(l->kernel_h * s.fours, EMO_TILE) / EMO_TILE;
    s.part = round_up((PAIR - 1) * s.step + 4 * s.fours, 2 * EMO_TILE_BYTES);
    s.plane = (l->stride * s.fours + s.depths * EMO_TILE) * EMO_TILE_BYTES;
    s.narrow = 2 * (size_t)f->pw <= PAIR;
    s.across = s.narrow ? 1 : round_up((size_t)2 * f->pw, EMO_TILE_BYTES) / EMO_TILE_BYTES;
    s.tiles = round_up(s.kernel, PAIR) / EMO_TILE;
    size_t have = ((size_t)l->left + l->w + l->right) * l->c;
    size_t back = round_up((size_t)2 * f->pw, EMO_TILE_BYTES) * s.step + taps(f);
    size_t strips = ((size_t)f->pw - 1) / EMO_TILE * PAIR * s.step + s.part;
    s.row = have > back ? have : back;
    s.row = round_up(s.row > strips ? s.row : strips, EMO_TILE_BYTES) + 2 * EMO_TILE_BYTES;
    s.band = NEAR_BYTES / (columns_of(&s, 1) * 2 * EMO_TILE_NUMBERS * sizeof(float));
    s.band = s.band < 1 ? 1 : s.band < f->ph ? s.band : f->ph;
    return s;
}

/* Of an image, numbers of 16 bits. */
static size_t places(const struct emo_first *f)
{
    return round_up(f->conv->oc, EMO_TILE) / EMO_TILE * f->ph * (round_up(f->pw, PAIR) / PAIR) *
           (2 * EMO_TILE * 2);
}

/* Those of 16 channels from o, of pooled row py, of the 32 places from px. */
static size_t place_at(const struct emo_first *f, size_t o, size_t py, size_t px)
{
    return ((o / EMO_TILE * f->ph + py) * (round_up(f->pw, PAIR) / PAIR) + px / PAIR) *
           (2 * EMO_TILE * 2);
}

/* Tiles of digits; after them the scales. */
static size_t packed_tiles(const struct sizes *s)
{
    return s->groups * s->depths * s->digits;
}

static size_t packed_floats(const struct emo_first *f)
{
    struct sizes s = sizes(f);
    return packed_tiles(&s) * EMO_TILE_NUMBERS + s.groups * EMO_TILE;
}

static size_t scratch_floats(const struct emo_first *f)
{
    struct sizes s = sizes(f);
    size_t rows = (s.band - 1) * 2 * f->conv->stride + band(f);
    size_t forward = (4 * s.digits + 2) * EMO_TILE_NUMBERS + (4 * s.plane + s.part) / 4;
    size_t tiles = s.digits * 2 + s.tiles * s.groups +
                   columns_of(&s, s.band) * (s.groups * s.digits + 2);
    size_t backward = tiles * EMO_TILE_NUMBERS + s.groups * EMO_TILE + PAIR + rows * s.row / 4;
    return forward > backward ? forward : backward;
}

/* May n rows from y be read where they are, as padded rows? Behind a row's pixels are then the next
   ones'. */
static bool in_place(const struct emo_first *f, const struct sizes *s, int64_t y, size_t n)
{
    const struct emo_layer *l = f->conv;
    return l->left == 0 && l->right == 0 && y >= 0 && (size_t)y + n <= l->h &&
           (l->h - (size_t)y - n) * f->pitch + (size_t)l->w * l->c >= s->row;
}

/* What is fetched from memory while something else is done, some lines at a time. */
struct ahead {
    const uint8_t *next, *end;
};

/* n rows of an image from y. */
static struct ahead ahead_of(const struct emo_first *f, const uint8_t *image, int64_t y, size_t n)
{
    size_t from = y > 0 ? (size_t)y : 0, h = f->conv->h;
    from = from < h ? from : h;
    n = n < h - from ? n : h - from;
    return (struct ahead){.next = image + from * f->pitch, .end = image + (from + n) * f->pitch};
}

static inline void fetch(struct ahead *a, size_t lines)
{
    for (; lines > 0 && a->next < a->end; lines--, a->next += EMO_TILE_BYTES)
        __builtin_prefetch(a->next, 0, 2);
}

#endif
