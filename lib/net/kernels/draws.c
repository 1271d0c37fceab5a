#include "net/kernels/draws.h"

const struct emo_draws_kernel *emo_draws_kernel(enum emo_isa isa)
{
#if defined(__x86_64__)
    if (isa >= EMO_ISA_AVX512)
        return &emo_draws_avx512;
    if (isa >= EMO_ISA_AVX2)
        return &emo_draws_avx2;
#endif
    (void)isa;
    return &emo_draws_plain;
}
