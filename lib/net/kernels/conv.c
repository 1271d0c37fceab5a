#include "net/kernels/conv.h"

const struct emo_conv_kernel *emo_conv_kernel(enum emo_isa isa, const struct emo_layer *l)
{
#if defined(__x86_64__)
    /* Tiles are 16 columns wide: three in four must be there. */
    size_t columns = ((size_t)l->ow + 15) / 16 * 16;
    if (isa >= EMO_ISA_AMX && l->c % 32 == 0 && l->oc % 32 == 0 && 4 * (size_t)l->ow >= 3 * columns)
        return &emo_conv_amx;
#endif
    (void)isa;
    (void)l;
    return NULL;
}
