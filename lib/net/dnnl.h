/*
 * The places where oneDNN's C API differs between 2.6 and 3.x: memory
 * descriptors (structs, then handles) and how convolutions are described.
 */
#ifndef EMO_NET_DNNL_H
#define EMO_NET_DNNL_H

#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_version.h>

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t emo_md;        /* owned */
typedef const_dnnl_memory_desc_t emo_mdp; /* borrowed */
#define EMO_MD(m) (m)
#else
typedef dnnl_memory_desc_t emo_md;
typedef const dnnl_memory_desc_t *emo_mdp;
#define EMO_MD(m) (&(m))
#endif

enum emo_conv_pass { EMO_PASS_FORWARD, EMO_PASS_DATA, EMO_PASS_WEIGHTS };

/* What a convolution is, in oneDNN's terms. */
struct emo_conv_desc {
    emo_mdp x, w, b, y; /* of gradients where the pass has them */
    dnnl_dims_t stride, before, after;
};

dnnl_status_t emo_md_make(emo_md *m, int rank, const dnnl_dims_t dims, dnnl_data_type_t type,
                          dnnl_format_tag_t tag);
void emo_md_free(emo_md *m);
/* hint: the forward pass's descriptor, NULL for it itself. */
dnnl_status_t emo_conv_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, enum emo_conv_pass pass,
                          const struct emo_conv_desc *d, dnnl_primitive_desc_t hint,
                          const_dnnl_primitive_attr_t attr);

#endif
