/*
 * Sums of a pass (conv_amx_phases.h) over halves: two tiles of places at a time.
 */
#ifndef EMO_NET_KERNELS_CONV_AMX_HALVES_H
#define EMO_NET_KERNELS_CONV_AMX_HALVES_H

#include "net/kernels/conv_amx_results.h"
#include "net/kernels/conv_amx_source.h"

/* Of 16 channels of the target: places are `grid` numbers apart. */
static inline void sum_halves(const struct pass *p, const struct phase *f, const struct place at[2],
                              size_t channel, size_t grid, const float *w, const float *bias,
                              struct source *s, struct results *r)
{
    size_t row[2] = {at[0].row, at[1].row}, stride = p->step * p->place;
    char *y0 = at[0].y + channel, *y1 = at[1].y + channel;
    ptrdiff_t right = p->way * (ptrdiff_t)p->place;
    if (r->rectified != NULL && channel % EMO_TILE_BYTES == 0) {
        fetch_rectified(r, y0, grid, tile_rows(f));
        fetch_rectified(r, y1, grid, tile_rows(f));
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
                add_products(1, (const uint16_t *)(const void *)(a[0] + at_tap),
                             (const uint16_t *)(const void *)(a[1] + at_tap), 0, stride, w, 0);
                if (!(p->halves && p->way > 0))
                    cut_places(p, s, s->share, false);
                if (y + x + k == 0)
                    put_results(r);
            }
    }
    if (!p->out_halves) {
        EMO_TILE_STORE(0, y0, grid * sizeof(float));
        EMO_TILE_STORE(1, y1, grid * sizeof(float));
        return;
    }
    put_results(r);
    EMO_TILE_STORE(0, r->sums, EMO_TILE_BYTES);
    EMO_TILE_STORE(1, r->sums + EMO_TILE_NUMBERS, EMO_TILE_BYTES);
    r->to[0] = (uint16_t *)(void *)y0;
    r->to[1] = (uint16_t *)(void *)y1;
    r->pitch = grid;
    r->rows = tile_rows(f);
}

#endif
