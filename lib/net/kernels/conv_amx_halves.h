/*
 * Sums of a pass (conv_amx_phases.h) over halves: two tiles of places at a time.
 */
#ifndef EMO_NET_KERNELS_CONV_AMX_HALVES_H
#define EMO_NET_KERNELS_CONV_AMX_HALVES_H

#include "net/kernels/conv_amx_results.h"
#include "net/kernels/conv_amx_source.h"

/* Of 16 channels of the target, from `channel` bytes on, one tile or two. */
static inline void sum_halves(const struct pass *p, const struct phase *f, const struct part *part,
                              const struct place at[2], size_t tiles, size_t channel, const float *w,
                              const float *bias, struct source *s, struct results *r)
{
    size_t row[2] = {at[0].row, at[1].row}, stride = p->step * p->place;
    char *y0 = at[0].y + channel, *y1 = at[1].y + channel;
    ptrdiff_t right = p->way * (ptrdiff_t)p->place;
    if (r->rectified != NULL && channel % EMO_TILE_BYTES == 0) {
        fetch_rectified(r, part, y0);
        fetch_rectified(r, part, y1);
    }
    if (bias == NULL) {
        zero_sums();
    } else {
        EMO_TILE_LOAD(0, bias, 0);
        EMO_TILE_LOAD(1, bias, 0);
    }
    for (size_t y = 0; y < f->tap_rows; y++) {
        const char *a[2];
        for (int h = 0; h < 2; h++) {
            a[h] = s->ring + row[h] * p->row + at[h].column * p->place;
            row[h] = beside(p, row[h]);
        }
        for (size_t x = 0; x < f->tap_columns; x++)
            for (size_t k = 0; k < p->place; k += EMO_TILE_BYTES, w += EMO_TILE_NUMBERS) {
                ptrdiff_t at_tap = (ptrdiff_t)x * right + (ptrdiff_t)k;
                EMO_TILE_LOAD_ONCE(3, w, EMO_TILE_BYTES);
                use_tiles(tiles, a[0] + at_tap, a[1] + at_tap, stride);
                if (!(p->halves && p->way > 0))
                    cut_places(p, s, s->share, false);
                if (y + x + k == 0)
                    put_results(r);
            }
    }
    if (r->floats && part->rows == 1) {
        EMO_TILE_STORE(0, y0, part->pitch * sizeof(float));
        if (tiles == 2)
            EMO_TILE_STORE(1, y1, part->pitch * sizeof(float));
        return;
    }
    put_results(r);
    EMO_TILE_STORE(0, r->sums, EMO_TILE_BYTES);
    EMO_TILE_STORE(1, r->sums + EMO_TILE_NUMBERS, EMO_TILE_BYTES);
    r->to[0] = y0;
    r->to[1] = y1;
    r->tiles = tiles;
    r->part = *part;
}

#endif
