#include "net/kernels/pooled.h"

bool emo_pooled_fits(const struct emo_pooled *f, const struct emo_pooled_kernel *k)
{
    const struct emo_layer *c = f->conv, *p = f->pool;
    return c->kind == EMO_CONV && c->kernel_h == 3 && c->kernel_w == 3 &&
           c->top + c->left + c->bottom + c->right == 0 && c->activation != EMO_SOFTMAX &&
           p->kind == EMO_MAXPOOL && p->kernel_h == 2 && p->kernel_w == 2 && p->stride == 2 &&
           f->in_block % k->lanes == 0;
}

const struct emo_pooled_kernel *emo_pooled_kernel(enum emo_isa isa)
{
#if defined(__x86_64__)
    if (isa >= EMO_ISA_AVX512)
        return &emo_pooled_avx512;
    if (isa >= EMO_ISA_AVX2)
        return &emo_pooled_avx2;
#endif
    (void)isa;
    return &emo_pooled_plain;
}
