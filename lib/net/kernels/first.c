#include "net/kernels/first.h"

#if defined(__x86_64__)
/* What does not fill a tile is multiplied all the same: kernels of fewer numbers than 3x3 are
   quicker with AVX-512. Beyond the most, sums of products would not fit int32. */
static bool for_tiles(const struct emo_first *f)
{
    const struct emo_layer *l = f->conv;
    size_t kernel = (size_t)l->kernel_h * l->kernel_w * l->c, most = (size_t)1 << 16;
    return kernel >= 9 && kernel <= most && f->pw <= most;
}
#endif

const struct emo_first_kernel *emo_first_kernel(enum emo_isa isa, const struct emo_first *f)
{
#if defined(__x86_64__)
    if (isa >= EMO_ISA_AMX && for_tiles(f))
        return &emo_first_amx;
    if (isa >= EMO_ISA_AVX512)
        return &emo_first_avx512;
    if (isa >= EMO_ISA_AVX2)
        return &emo_first_avx2;
#endif
    (void)isa;
    (void)f;
    return &emo_first_plain;
}

const struct emo_first_kernel *emo_map_kernel(enum emo_isa isa, const struct emo_first *f)
{
#if defined(__x86_64__)
    const struct emo_layer *l = f->conv;
    size_t kernel = (size_t)l->kernel_h * l->kernel_w * l->c, most = (size_t)1 << 16;
    if (isa >= EMO_ISA_AMX && f->bf16 && l->oc % 32 == 0 && kernel >= 9 && kernel <= most &&
        l->ow <= most)
        return &emo_map_amx;
#endif
    (void)isa;
    (void)f;
    return NULL;
}
