/*
 * Sums of a convolution's tiles on their way to a target of bfloat16.
 */
#ifndef EMO_NET_KERNELS_CONV_AMX_RESULTS_H
#define EMO_NET_KERNELS_CONV_AMX_RESULTS_H

#include "net/kernels/halves.h"
#include "net/kernels/tiles.h"

/* Sums of two tiles that are on the way to the target as bfloat16, or none. */
struct results {
    float *sums;
    uint16_t *to[2];
    size_t pitch, rows;
    bool relu;                    /* goes over them first */
    /* Where not NULL: what a ReLU gave, at the place of each number of the target from `target` on,
       which is the gradient of that; it becomes the gradient of what the ReLU got. */
    const uint16_t *rectified, *target;
};

static inline void put_rows(const struct results *r, size_t tile, bool relu, bool masked)
{
    const size_t rows = r->rows, pitch = r->pitch;
    const emo_floats *from = (const emo_floats *)(const void *)r->sums + tile * EMO_TILE;
    uint16_t *to = r->to[tile];
    const uint16_t *y = masked ? r->rectified + (to - r->target) : NULL;
    for (size_t i = 0; i < rows; i++, to += pitch) {
        emo_floats x = from[i];
        if (relu)
            emo_floats_rectify(&x);
        emo_halves_nearest16(&x, to);
        if (masked)
            emo_halves_mask16(y + i * pitch, to);
    }
}

static inline void put_results(struct results *r)
{
    for (size_t tile = 0; tile < 2 && r->rows > 0; tile++)
        if (r->rectified != NULL)
            put_rows(r, tile, false, true);
        else if (r->relu)
            put_rows(r, tile, true, false);
        else
            put_rows(r, tile, false, false);
    r->rows = 0;
}

/* Asks for what masks n rows of the target from `to` on. */
static inline void fetch_rectified(const struct results *r, const char *to, size_t pitch, size_t n)
{
    const uint16_t *y = r->rectified + ((const uint16_t *)(const void *)to - r->target);
    for (size_t i = 0; i < n; i++)
        __builtin_prefetch(y + i * pitch, 0, 3);
    /* GCC leaves out the call of a function that does nothing but fetch. */
    __asm__ volatile("");
}

#endif
