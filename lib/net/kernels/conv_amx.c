#if defined(__AMX_BF16__) || defined(__AMXBF16__) || defined(EMO_TILES_EMULATED)

#include "net/kernels/conv_amx_pass.h"
#include "net/kernels/conv_amx_weights.h"

static size_t packed_floats(const struct emo_conv *c)
{
    return pass_packed(c, false) + (c->training ? pass_packed(c, true) : 0);
}

static size_t scratch_floats(const struct emo_conv *c, size_t records)
{
    size_t most = pass_scratch(c, false);
    if (!c->training)
        return most;
    size_t data = pass_scratch(c, true), weights = weights_scratch(c, records);
    most = most > data ? most : data;
    return most > weights ? most : weights;
}

static void pack(const struct emo_conv *c, const float *hwio, float *packed)
{
    pass_pack(c, false, hwio, packed);
    if (c->training)
        pass_pack(c, true, hwio, packed + pass_packed(c, false));
}

static void forward(const struct emo_conv *c, size_t records, const void *x, const float *packed,
                    const float *bias, void *y, float *scratch)
{
    pass_run(c, false, records, x, packed, bias, NULL, y, scratch);
}

static void backward_data(const struct emo_conv *c, size_t records, const void *x, const void *gy,
                          const float *packed, void *gx, float *scratch)
{
    pass_run(c, true, records, gy, packed + pass_packed(c, false), NULL, c->rectified ? x : NULL, gx,
             scratch);
}

#ifndef KERNEL
#define KERNEL emo_conv_amx
#endif

const struct emo_conv_kernel KERNEL = {
    .packed = packed_floats,
    .scratch = scratch_floats,
    .pack = pack,
    .forward = forward,
    .backward_data = backward_data,
    .backward_weights = backward_weights,
};
#else
/* An empty translation unit is not C. */
typedef int emo_without_conv_amx;
#endif
