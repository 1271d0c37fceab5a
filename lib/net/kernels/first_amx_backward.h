/*
 * Backward in tiles, as first_amx.h describes it.
 */
#include "net/kernels/first_amx.h"
#include "net/kernels/halves.h"

/* The rows of pixels under n pooled rows from py, as streams; row is zero beside the pixels. */
static void load_streams(const struct emo_first *f, const struct sizes *s, const uint8_t *image,
                         size_t py, size_t n, uint16_t *row, uint16_t *streams)
{
    size_t rows = (size_t)2 * f->conv->stride, here = (n - 1) * rows + band(f);
    for (size_t r = 0; r < here; r++, streams += s->step * s->length) {
        load_row(f, image, (int64_t)(py * rows + r) - f->conv->top, s->row, row);
        for (size_t j = 0; j < s->step; j += 16)
            for (size_t q = 0; q < s->length; q += 16)
                emo_halves_turn(row + q * s->step + j, s->step,
                                s->step - j < 16 ? s->step - j : 16, s->length,
                                streams + j * s->length + q);
    }
}

/* A pooled row's gradients as tiles [row of the map][16 places][group][term]; adds them to gb. */
static void unpool(const struct emo_first *f, const struct sizes *s, const float *g,
                   const uint16_t *place, float *tiles, float *gb)
{
    size_t plane = (size_t)f->ph * f->pw, b = f->block;
    size_t across = s->groups * s->terms * EMO_TILE_NUMBERS, below = s->columns / PAIR * across;
    for (size_t o = 0; o < f->conv->oc; o += EMO_TILE) {
        size_t at = o / b * plane * b + o % b;
        float *group = tiles + o / EMO_TILE * s->terms * EMO_TILE_NUMBERS;
        floats sum = *(loose *)(void *)(gb + o);
        for (size_t p = 0; p < f->pw; p++, at += b) {
            float *to = group + p / EMO_TILE * across + p % EMO_TILE * EMO_TILE;
            floats x = *(const loose *)(const void *)(g + at);
            unsigneds which = __builtin_convertvector(
                *(const loose_shorts *)(const void *)(place + at), unsigneds);
            unsigneds odd = -(which & 1), lower = -(which >> 1);
            sum += x;
            for (size_t t = 0; t < s->terms; t++, to += EMO_TILE_NUMBERS) {
                unsigneds upper = (unsigneds)x & 0xffff0000;
                unsigneds pair = (upper & odd) | (upper >> 16 & ~odd);
                *(unsigneds *)(void *)to = pair & ~lower;
                *(unsigneds *)(void *)(to + below) = pair & lower;
                x -= (floats)upper;
            }
        }
        *(loose *)(void *)(gb + o) = sum;
    }
}

/* Adds what n pooled rows give to the sums of two groups of channels in 32 streams. */
static inline void backward_tiles(const struct emo_first *f, const struct sizes *s, size_t n,
                                  const uint16_t *x, const float *g, float *sums)
{
    size_t stride = s->length * sizeof *x, terms = s->terms, down = s->groups * EMO_TILE_NUMBERS;
    EMO_TILE_LOAD(0, sums, 64);
    EMO_TILE_LOAD(1, sums + EMO_TILE_NUMBERS, 64);
    EMO_TILE_LOAD(2, sums + down, 64);
    EMO_TILE_LOAD(3, sums + down + EMO_TILE_NUMBERS, 64);
    for (size_t r = 0; r < 2 * n; r++, x += f->conv->stride * s->step * s->length)
        for (size_t q = 0; q < s->columns; q += PAIR, g += down * terms) {
            EMO_TILE_LOAD(4, x + q, stride);
            EMO_TILE_LOAD(5, x + q + EMO_TILE * s->length, stride);
            for (size_t t = 0; t < terms; t++) {
                EMO_TILE_LOAD(6, g + t * EMO_TILE_NUMBERS, 64);
                EMO_TILE_MULTIPLY(0, 4, 6);
                EMO_TILE_LOAD(7, g + (terms + t) * EMO_TILE_NUMBERS, 64);
                EMO_TILE_MULTIPLY(1, 4, 7);
                EMO_TILE_MULTIPLY(2, 5, 6);
                EMO_TILE_MULTIPLY(3, 5, 7);
            }
        }
    EMO_TILE_STORE(0, sums, 64);
    EMO_TILE_STORE(1, sums + EMO_TILE_NUMBERS, 64);
    EMO_TILE_STORE(2, sums + down, 64);
    EMO_TILE_STORE(3, sums + down + EMO_TILE_NUMBERS, 64);
}

static void backward(const struct emo_first *f, size_t n, const uint8_t *const *images,
                     const float *gy, const uint16_t *place, float *gw, float *gb, float *scratch)
{
    const struct sizes s = sizes(f);
    size_t oc = f->conv->oc, plane = (size_t)f->ph * f->pw, down = s.groups * EMO_TILE_NUMBERS;
    float *tiles = scratch, *sums = tiles + s.band_tiles * EMO_TILE_NUMBERS;
    uint16_t *row = (uint16_t *)(void *)(sums + s.sum_tiles * EMO_TILE_NUMBERS);
    uint16_t *streams = row + s.row;
    memset(scratch, 0, scratch_floats(f) * sizeof *scratch);
    memset(gb, 0, oc * sizeof *gb);
    EMO_TILES_BEGIN();
    for (size_t r = 0; r < n; r++, gy += plane * oc, place += plane * oc)
        for (size_t py = 0; py < f->ph; py += s.band) {
            size_t here = f->ph - py < s.band ? f->ph - py : s.band;
            load_streams(f, &s, images[r], py, here, row, streams);
            for (size_t i = 0; i < here; i++) {
                size_t at = (py + i) * f->pw * f->block;
                unpool(f, &s, gy + at, place + at,
                       tiles + i * s.band_tiles / s.band * EMO_TILE_NUMBERS, gb);
            }
            for (size_t k = 0; k < s.shifts; k++)
                for (size_t m = 0; m < s.streams; m += PAIR)
                    for (size_t o = 0; o < s.groups; o += 2)
                        backward_tiles(f, &s, here, streams + m * s.length + k,
                                       tiles + o * s.terms * EMO_TILE_NUMBERS,
                                       sums + (k * s.streams + m) / EMO_TILE * down +
                                           o * EMO_TILE_NUMBERS);
        }
    EMO_TILES_END();
    for (size_t i = 0; i < f->conv->kernel_h * taps(f); i++)
        for (size_t o = 0; o < oc; o++) {
            size_t j = i % taps(f), at = j / s.step * s.streams + i / taps(f) * s.step + j % s.step;
            gw[i * oc + o] = sums[at / EMO_TILE * down + o / EMO_TILE * EMO_TILE_NUMBERS +
                                  at % EMO_TILE * EMO_TILE + o % EMO_TILE] *
                             (1.0f / 255.0f);
        }
}
