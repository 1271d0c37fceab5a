#if defined(__AMX_BF16__) || defined(__AMXBF16__) || defined(EMO_TILES_EMULATED)

#include "net/kernels/map_amx_backward.h"
#include "net/kernels/map_amx_forward.h"

#ifndef KERNEL
#define KERNEL emo_map_amx
#endif

const struct emo_first_kernel KERNEL = {
    .halves = true,
    .lanes = LANES,
    .rounded = true,
    .places = places,
    .packed = packed_floats,
    .scratch = scratch_floats,
    .pack = pack,
    .forward = forward,
    .backward = backward,
};
#else
/* An empty translation unit is not C. */
typedef int emo_without_map_amx;
#endif
