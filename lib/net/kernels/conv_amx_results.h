/*
 * Sums of a convolution's tiles over halves, on their way to the target.
 */
#ifndef EMO_NET_KERNELS_CONV_AMX_RESULTS_H
#define EMO_NET_KERNELS_CONV_AMX_RESULTS_H

#include "net/kernels/conv_amx_phases.h"

/* Sums of so many tiles that are on the way to the target. */
struct results {
    float *sums;
    char *to[2];
    size_t tiles;
    struct part part;
    bool floats;                  /* that is what becomes of them; else bfloat16 */
    bool relu;                    /* goes over them first */
    /* Where not NULL: what a ReLU gave, at the place of each number of the target from `target` on,
       which is the gradient of that; it becomes the gradient of what the ReLU got. */
    const uint16_t *rectified, *target;
};

/* A row of n places. */
static inline void put_row(const struct results *r, const emo_floats *from, size_t n, uint16_t *to,
                           bool relu, bool masked)
{
    const size_t pitch = r->part.pitch;
    const uint16_t *y = masked ? r->rectified + (to - r->target) : NULL;
    for (size_t i = 0; i < n; i++, to += pitch) {
        emo_floats x = from[i];
        if (relu)
            emo_floats_rectify(&x);
        emo_halves_nearest16(&x, to);
        if (masked)
            emo_halves_mask16(y + i * pitch, to);
    }
}

static inline void put_floats(const struct results *r, const emo_floats *from, size_t n, float *to)
{
    for (size_t i = 0; i < n; i++, to += r->part.pitch)
        *(emo_loose_floats *)(void *)to = from[i];
}

static inline void put_results(struct results *r)
{
    for (size_t tile = 0; tile < r->tiles; tile++)
        for (size_t i = 0; i < r->part.rows; i++) {
            const emo_floats *from = (const emo_floats *)(const void *)r->sums +
                                     tile * EMO_TILE + i * r->part.apart;
            size_t n = r->part.columns, line = i * r->part.line;
            void *to = r->to[tile] + line * (r->floats ? sizeof(float) : sizeof(uint16_t));
            if (r->floats)
                put_floats(r, from, n, to);
            else if (r->rectified != NULL)
                put_row(r, from, n, to, false, true);
            else if (r->relu)
                put_row(r, from, n, to, true, false);
            else
                put_row(r, from, n, to, false, false);
        }
    r->tiles = 0;
}

/* Asks for what masks the places from `to` on. */
static inline void fetch_rectified(const struct results *r, const struct part *part, const char *to)
{
    const uint16_t *y = r->rectified + ((const uint16_t *)(const void *)to - r->target);
    for (size_t i = 0; i < part->rows; i++)
        for (size_t k = 0; k < part->columns; k++)
            __builtin_prefetch(y + i * part->line + k * part->pitch, 0, 3);
    /* GCC leaves out the call of a function that does nothing but fetch. */
    __asm__ volatile("");
}

#endif
