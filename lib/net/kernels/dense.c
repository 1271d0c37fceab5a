#include "net/kernels/dense.h"

#include "net/kernels/dense_tiles.h"
#include "net/kernels/plain.h"

const struct emo_dense_kernel emo_dense_reference = {
    .forward = emo_f_dense_forward,
    .backward_data = emo_f_dense_backward_data,
    .backward_weights = emo_f_dense_backward_weights,
};

const struct emo_dense_kernel *emo_dense_kernel(enum emo_isa isa)
{
#if defined(__x86_64__)
    if (isa >= EMO_ISA_AVX512)
        return &emo_dense_avx512;
    if (isa >= EMO_ISA_AVX2)
        return &emo_dense_avx2;
#endif
    (void)isa;
    return &emo_dense_plain;
}

const struct emo_dense_tiles *emo_dense_tiles(enum emo_isa isa, const struct emo_layer *l)
{
#if defined(__x86_64__)
    if (isa >= EMO_ISA_AMX && l->c >= 32 && l->oc >= 16)
        return &emo_dense_amx;
#endif
    (void)isa;
    (void)l;
    return NULL;
}
