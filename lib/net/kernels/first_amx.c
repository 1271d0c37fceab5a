#if defined(__AMX_INT8__) || defined(__AMXINT8__) || defined(EMO_TILES_EMULATED)

#include "net/kernels/first_amx_backward.h"
#include "net/kernels/first_amx_forward.h"

#ifndef KERNEL
#define KERNEL emo_first_amx
#endif

const struct emo_first_kernel KERNEL = {
    .halves = true,
    .lanes = LANES,
    .places = places,
    .packed = packed_floats,
    .scratch = scratch_floats,
    .pack = pack,
    .forward = forward,
    .backward = backward,
};
#else
/* An empty translation unit is not C. */
typedef int emo_without_amx;
#endif
