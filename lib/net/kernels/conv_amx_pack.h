/*
 * The weights of a pass (conv_amx_phases.h) as tiles: [phase][16 of the target's channels][tap][32 or
 * 64 of the source's][digit]. Before those of digits are the scales, which are the target's channels'.
 */
#ifndef EMO_NET_KERNELS_CONV_AMX_PACK_H
#define EMO_NET_KERNELS_CONV_AMX_PACK_H

#include "net/kernels/conv_amx_phases.h"
#include "net/kernels/digits.h"

/* As bfloat16: 32 channels of the source from k by 16 of the target from o; back, the target's are the
   rows of w. */
static void pack_halves(const float *w, size_t oc, bool back, size_t k, size_t o, uint16_t *to)
{
    for (size_t i = 0; i < EMO_TILE; i++) {
        const float *row = back ? w + (o + i) * oc + k : w + (k + 2 * i) * oc + o;
        const float *next = back ? row + EMO_TILE : row + oc;
        emo_floats x[2] = {*(const emo_loose_floats *)(const void *)row,
                           *(const emo_loose_floats *)(const void *)next};
        if (!back) {
            emo_halves_pair(x, 1, 0, to + 2 * i * EMO_TILE);
            continue;
        }
        uint16_t halves[EMO_TILE_DEPTH];
        emo_halves_cut(x, 1, 0, halves);
        for (size_t j = 0; j < EMO_TILE; j++)
            memcpy(to + 2 * (j * EMO_TILE + i), halves + 2 * j, 2 * sizeof *halves);
    }
}

/* Digits of 16 weights; of none, 0. */
static inline void weights_at(const float *w, const emo_floats *by, bool there, emo_ints *to)
{
    emo_floats x = {0};
    if (there)
        x = *(const emo_loose_floats *)(const void *)w * *by;
    emo_digits_of(&x, to);
}

/* As digits, 64 channels of the source, in the order that emo_digits_spread() gives them. */
static void pack_forward(const float *w, const struct emo_layer *l, size_t k, size_t o,
                         const float *scales, uint8_t *to)
{
    const emo_floats by = 1 / *(const emo_loose_floats *)(const void *)(scales + o);
    for (size_t i = 0; i < EMO_TILE; i++) {
        size_t first = k + i % 4 * EMO_TILE + i / 4 * 4;
        emo_bits four[4];
        for (size_t j = 0; j < 4; j++) {
            emo_ints x;
            weights_at(w + (first + j) * l->oc + o, &by, first < l->c, &x);
            four[j] = (emo_bits)x;
        }
        for (unsigned t = 0; t < 24; t += 8) {
            emo_bits x = (four[0] >> t & 255) | (four[1] >> t & 255) << 8 |
                         (four[2] >> t & 255) << 16 | four[3] >> t << 24;
            memcpy(to + t / 8 * EMO_TILE * EMO_TILE_BYTES + i * EMO_TILE_BYTES, &x, sizeof x);
        }
    }
}

static void pack_back(const float *w, const struct emo_layer *l, size_t k, size_t o,
                      const float *scales, uint8_t *to)
{
    const size_t tile = EMO_TILE * EMO_TILE_BYTES;
    emo_bits digits[3 * EMO_TILE];
    for (size_t i = 0; i < EMO_TILE; i++) {
        const emo_floats by = 1 / (scales[o + i] + (emo_floats){0});
        emo_ints x[4];
        for (size_t j = 0; j < 4; j++)
            weights_at(w + (o + i) * l->oc + k + j * EMO_TILE, &by, k + j * EMO_TILE < l->oc,
                       &x[j]);
        emo_digits_spread(x, tile, (uint8_t *)&digits[i]);
    }
    for (size_t t = 0; t < 3; t++)
        emo_floats_turn((const float *)(const void *)&digits[t * EMO_TILE], EMO_TILE, EMO_TILE,
                        (float *)(void *)(to + t * tile));
}

/* The scales of the target's channels. */
static void measure_weights(const struct emo_layer *l, bool back, const float *hwio, float *scales)
{
    size_t taps = (size_t)l->kernel_h * l->kernel_w;
    for (size_t o = 0; o < l->oc && !back; o += EMO_TILE) {
        emo_ints most = {0};
        for (size_t k = 0; k < taps * l->c; k++)
            emo_digits_larger(&most, hwio + k * l->oc + o);
        emo_floats scale = (emo_floats)most / emo_digits_greatest(3);
        memcpy(scales + o, &scale, sizeof scale);
    }
    for (size_t k = 0; k < l->c && back; k++) {
        emo_ints most = {0};
        for (size_t tap = 0; tap < taps; tap++)
            for (size_t o = 0; o < l->oc; o += EMO_TILE)
                emo_digits_larger(&most, hwio + (tap * l->c + k) * l->oc + o);
        scales[k] = emo_digits_largest(&most) / emo_digits_greatest(3);
    }
}

/* Floats that pass_pack() writes. */
static size_t pass_packed(const struct emo_conv *c, bool back)
{
    const struct pass p = pass_of(c, back);
    size_t n = p.digits ? p.out_channels : 0;
    for (size_t i = 0; i < phases_of(c, back); i++) {
        const struct phase f = phase_of(c, &p, back, i);
        n += p.out_channels / EMO_TILE * weights_of(&p, &f);
    }
    return n;
}

static void pass_pack(const struct emo_conv *c, bool back, const float *hwio, float *to)
{
    const struct emo_layer *l = c->layer;
    const struct pass p = pass_of(c, back);
    const float *scales = to;
    if (p.digits) {
        measure_weights(l, back, hwio, to);
        to += p.out_channels;
    }
    for (size_t i = 0; i < phases_of(c, back); i++) {
        const struct phase f = phase_of(c, &p, back, i);
        size_t ky = i / l->stride, kx = i % l->stride;
        for (size_t o = 0; o < p.out_channels; o += EMO_TILE)
            for (size_t t = 0; t < f.tap_rows * f.tap_columns; t++) {
                size_t y = ky + t / f.tap_columns * (back ? l->stride : 1);
                size_t x = kx + t % f.tap_columns * (back ? l->stride : 1);
                const float *w = hwio + (y * l->kernel_w + x) * l->c * l->oc;
                for (size_t k = 0; k < p.channels; k += depth_of(&p)) {
                    if (!p.digits)
                        pack_halves(w, l->oc, back, k, o, (uint16_t *)(void *)to);
                    else if (back)
                        pack_back(w, l, k, o, scales, (uint8_t *)to);
                    else
                        pack_forward(w, l, k, o, scales, (uint8_t *)to);
                    to += (p.digits ? 3 : 1) * EMO_TILE_NUMBERS;
                }
            }
    }
}

#endif
