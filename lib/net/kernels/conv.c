#include "net/kernels/conv.h"

const struct emo_conv_kernel *emo_conv_kernel(enum emo_isa isa, const struct emo_layer *l,
                                                    bool bf16)
{
#if defined(__x86_64__)
    /* Tiles are 16 columns wide. To be quicker than AVX-512 three in four must be there where six
       products make one, and a few in bfloat16. */
    size_t columns = ((size_t)l->ow + 15) / 16 * 16;
    /* The largest sum of digits is of three products, each 2^14 at most, and an int32. */
    size_t summed = (size_t)l->kernel_h * l->kernel_w * (l->c > l->oc ? l->c : l->oc);
    if (isa >= EMO_ISA_AMX && l->c % 32 == 0 && l->oc % 32 == 0 && (bf16 || summed <= 40000) &&
        (bf16 ? l->ow >= 2 : 4 * (size_t)l->ow >= 3 * columns))
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
