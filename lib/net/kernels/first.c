#include "net/kernels/first.h"

#include <math.h>

#if defined(__x86_64__)
/* Tiles are of one size, and what does not fill them is multiplied all the same: the time goes with
   1 / forward + 1 / backward, the parts of all products that are asked for. For 7x7 numbers of 3
   channels, stride 4, that is 2.9, and there a prototype took 0.6 of the time of AVX-512, in bfloat16
   a quarter. */
static bool pays(const struct emo_first *f)
{
    const struct emo_layer *l = f->conv;
    double taps = (double)l->kernel_w * l->c, step = (double)l->stride * l->c;
    double columns = 2.0 * f->pw / (ceil(2.0 * f->pw / 32) * 32);
    double channels = l->oc / (ceil(l->oc / 32.0) * 32);
    double forward = taps / (ceil(taps / 32) * 32);
    double backward = l->kernel_h * taps /
                      (ceil(taps / step) * ceil(l->kernel_h * step / 32) * 32);
    return (1 / forward + 1 / backward) / (columns * channels) <= (f->bf16 ? 11.5 : 4.7);
}
#endif

const struct emo_first_kernel *emo_first_kernel(enum emo_isa isa, const struct emo_first *f)
{
#if defined(__x86_64__)
    if (isa >= EMO_ISA_AMX && pays(f))
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
