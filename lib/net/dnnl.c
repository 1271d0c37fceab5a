#ifdef HAVE_ONEDNN
#include "net/dnnl.h"

#if DNNL_VERSION_MAJOR >= 3

static const dnnl_dims_t dense = {0};

dnnl_status_t emo_md_make(emo_md *m, int rank, const dnnl_dims_t dims, dnnl_data_type_t type,
                          dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_create_with_tag(m, rank, dims, type, tag);
}

void emo_md_free(emo_md *m)
{
    if (*m != NULL)
        dnnl_memory_desc_destroy(*m);
    *m = NULL;
}

dnnl_status_t emo_conv_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, enum emo_conv_pass pass,
                          const struct emo_conv_desc *d, dnnl_primitive_desc_t hint,
                          const_dnnl_primitive_attr_t attr)
{
    if (pass == EMO_PASS_FORWARD)
        return dnnl_convolution_forward_primitive_desc_create(
            pd, engine, dnnl_forward_training, dnnl_convolution_direct, d->x, d->w, d->b, d->y,
            d->stride, dense, d->before, d->after, attr);
    if (pass == EMO_PASS_DATA)
        return dnnl_convolution_backward_data_primitive_desc_create(
            pd, engine, dnnl_convolution_direct, d->x, d->w, d->y, d->stride, dense, d->before,
            d->after, hint, attr);
    return dnnl_convolution_backward_weights_primitive_desc_create(
        pd, engine, dnnl_convolution_direct, d->x, d->w, d->b, d->y, d->stride, dense, d->before,
        d->after, hint, attr);
}

#else

dnnl_status_t emo_md_make(emo_md *m, int rank, const dnnl_dims_t dims, dnnl_data_type_t type,
                          dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_init_by_tag(m, rank, dims, type, tag);
}

void emo_md_free(emo_md *m)
{
    (void)m;
}

dnnl_status_t emo_conv_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, enum emo_conv_pass pass,
                          const struct emo_conv_desc *d, dnnl_primitive_desc_t hint,
                          const_dnnl_primitive_attr_t attr)
{
    dnnl_convolution_desc_t c;
    dnnl_status_t s;
    if (pass == EMO_PASS_FORWARD)
        s = dnnl_convolution_forward_desc_init(&c, dnnl_forward_training, dnnl_convolution_direct,
                                               d->x, d->w, d->b, d->y, d->stride, d->before,
                                               d->after);
    else if (pass == EMO_PASS_DATA)
        s = dnnl_convolution_backward_data_desc_init(&c, dnnl_convolution_direct, d->x, d->w, d->y,
                                                     d->stride, d->before, d->after);
    else
        s = dnnl_convolution_backward_weights_desc_init(&c, dnnl_convolution_direct, d->x, d->w,
                                                        d->b, d->y, d->stride, d->before, d->after);
    return s != dnnl_success ? s : dnnl_primitive_desc_create(pd, &c, attr, engine, hint);
}

#endif
#else
/* An empty translation unit is not C. */
typedef int emo_without_onednn;
#endif
