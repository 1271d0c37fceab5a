#include "net/trim.h"

#include <inttypes.h>

/* Lessens *in to what a layer of out outputs looks at, and *after to the padding that it still
   needs. */
static void trim(uint32_t out, uint32_t kernel, uint32_t stride, uint32_t before, uint32_t *in,
                 uint32_t *after)
{
    uint64_t end = (uint64_t)(out - 1) * stride + kernel; /* counted from the padding before */
    if (end < (uint64_t)*in + before) {
        *in = end > before ? (uint32_t)(end - before) : 1;
        *after = 0;
    } else {
        *after = (uint32_t)(end - before - *in);
    }
}

void emo_trim(struct emo_graph *g)
{
    for (size_t i = g->spatial; i-- > 0;) {
        struct emo_layer *l = &g->layers[i];
        if (l->kind == EMO_DROPOUT) {
            l->h = l->oh;
            l->w = l->ow;
        } else {
            trim(l->oh, l->kernel_h, l->stride, l->top, &l->h, &l->bottom);
            trim(l->ow, l->kernel_w, l->stride, l->left, &l->w, &l->right);
        }
        if (i > 0) {
            l[-1].oh = l->h;
            l[-1].ow = l->w;
        }
    }
}

void emo_trim_describe(const struct emo_graph *whole, const struct emo_graph *g,
                       struct emo_text *out)
{
    const char *before = "computed as far as the last layer reaches: ";
    for (size_t i = 0; i < g->spatial; i++) {
        const struct emo_layer *l = &g->layers[i], *written = &whole->layers[l->number];
        if (l->oh == written->oh && l->ow == written->ow)
            continue;
        emo_text_printf(out, "%s%s %" PRIu32 "x%" PRIu32, before, l->name, l->oh, l->ow);
        before = ", ";
    }
    if (*before == ',')
        emo_text_printf(out, "\n");
}
