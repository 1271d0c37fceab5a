#include "net/kernels/conv.h"

const struct emo_conv_kernel *emo_conv_kernel(enum emo_isa isa, const struct emo_layer *l,
                                                    bool bf16)
{
#if defined(__x86_64__)
    /* The largest sum of digits is of three products, each 2^14 at most, and an int32. Where a row has one
       place tiles are all but empty. */
    size_t summed = (size_t)l->kernel_h * l->kernel_w * (l->c > l->oc ? l->c : l->oc);
    if (isa >= EMO_ISA_AMX && l->c % 32 == 0 && l->oc % 32 == 0 && l->ow >= 2 &&
        (bf16 || summed <= 40000))
        return &emo_conv_amx;
#endif
    (void)isa;
    (void)l;
    (void)bf16;
    return NULL;
}

bool emo_conv_takes_halves(const struct emo_conv_kernel *k, const struct emo_layer *l, bool bf16)
{
    return k != NULL && bf16 && l->top + l->bottom + l->left + l->right == 0;
}
