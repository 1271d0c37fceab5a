/*
 * The source of a pass (conv_amx_phases.h) on its way into the ring, [digit][row][place][channel].
 */
#ifndef EMO_NET_KERNELS_CONV_AMX_SOURCE_H
#define EMO_NET_KERNELS_CONV_AMX_SOURCE_H

#include "net/kernels/conv_amx_phases.h"
#include "net/kernels/digits.h"

#define VECTORS ((size_t)EMO_TILE_BYTES / EMO_TILE) /* of floats, that give a row of a tile in digits */

/* Pieces, what a tile has of the channels of a row, are cut one after the other. */
struct source {
    const void *x;
    char *ring;
    size_t pieces, last, share;   /* begun; all; places at a time */
    const void *from[VECTORS];    /* of the piece, of which so many places are left */
    char *to;
    size_t pitch, left;           /* bytes */
    float scales[2];              /* of digits of an even record and an odd one */
    float by;                     /* what the piece is multiplied by */
};

static const float emo_conv_nothing[EMO_TILE];

/* Of a record's digits. */
static float scale_of(const struct pass *p, const float *x)
{
    emo_ints most[2] = {{0}, {0}};
    size_t n = p->h * p->w * p->channels; /* 32 divides it */
    for (size_t i = 0; i < n; i += 2 * EMO_TILE)
        for (size_t k = 0; k < 2; k++)
            emo_digits_larger(&most[k], x + i + k * EMO_TILE);
    emo_digits_larger(&most[0], (const float *)(const void *)&most[1]);
    return emo_digits_largest(&most[0]) / emo_digits_greatest(3);
}

/* Zeros where a row lies around a record. */
static void begin_piece(const struct pass *p, struct source *s)
{
    size_t piece = s->pieces++, row = piece / p->deep, y = row % p->rows - p->top;
    size_t k = piece % p->deep * depth_of(p), b = p->block, r = row / p->rows;
    size_t record = r * p->h * p->w * p->channels, vectors = depth_of(p) / EMO_TILE;
    s->to = s->ring + row % p->ring * p->row + p->left * p->place + piece % p->deep * EMO_TILE_BYTES;
    s->left = p->w;
    if (p->digits && piece == r * p->rows * p->deep) {
        s->scales[r % 2] = scale_of(p, (const float *)s->x + record);
        s->by = 1 / s->scales[r % 2];
    }
    if (y >= p->h) {
        for (size_t h = 0; h < vectors; h++)
            s->from[h] = emo_conv_nothing;
        s->pitch = 0;
    } else if (p->halves) {
        s->from[0] = (const uint16_t *)s->x + record + y * p->w * p->channels + k;
        s->pitch = p->channels * sizeof(uint16_t);
    } else {
        for (size_t h = 0; h < vectors; h++) {
            size_t at = k + h * EMO_TILE < p->channels ? k + h * EMO_TILE : k;
            s->from[h] = (const float *)s->x + record + (at / b * p->h + y) * p->w * b + at % b;
        }
        s->pitch = b * sizeof(float);
    }
}

static inline void cut_place(const struct pass *p, struct source *s, bool digits)
{
    emo_floats v[VECTORS];
    emo_ints whole[VECTORS];
    if (p->halves) {
        memcpy(s->to, s->from[0], EMO_TILE_BYTES);
        s->from[0] = (const char *)s->from[0] + s->pitch;
        return;
    }
    for (size_t h = 0; h < (digits ? VECTORS : 2); h++) {
        v[h] = *(const emo_loose_floats *)s->from[h];
        s->from[h] = (const char *)s->from[h] + s->pitch;
        if (digits) {
            v[h] *= s->by;
            emo_digits_of(&v[h], &whole[h]);
        }
    }
    if (digits)
        emo_digits_spread(whole, p->apart, (uint8_t *)s->to);
    else
        emo_halves_cut(v, 1, 0, (uint16_t *)(void *)s->to);
}

static inline void cut_places(const struct pass *p, struct source *s, size_t n, bool digits)
{
    for (; n > 0; n--, s->left--, s->to += p->place) {
        if (s->left == 0 && s->pieces >= s->last)
            return;
        if (s->left == 0)
            begin_piece(p, s);
        cut_place(p, s, digits);
    }
}

#endif
