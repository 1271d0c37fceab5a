#include "net/kernels/first.h"

const struct emo_first_kernel *emo_first_kernel(enum emo_isa isa)
{
#if defined(__x86_64__)
    if (isa >= EMO_ISA_AVX512)
        return &emo_first_avx512;
    if (isa >= EMO_ISA_AVX2)
        return &emo_first_avx2;
#endif
    (void)isa;
    return &emo_first_plain;
}
