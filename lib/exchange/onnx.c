#include "exchange/onnx.h"

#include "exchange/protobuf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FLOAT = 1, UINT8 = 2 }; /* TensorProto.DataType */
enum { ATTRIBUTE_INT = 2, ATTRIBUTE_INTS = 7 };

/* The graph while it is made. */
struct onnx {
    struct emo_text graph; /* GraphProto, but for the parameters */
    struct emo_text node;  /* NodeProto begun: its attributes */
    char value[64];        /* the value that the next node takes */
    unsigned count;
    bool channels_first;
};

/* Attributes of the node to come. */
static void attribute_int(struct onnx *o, const char *name, int64_t v)
{
    struct emo_text a = {0};
    emo_protobuf_string(&a, 1, name);
    emo_protobuf_int(&a, 3, (uint64_t)v);
    emo_protobuf_int(&a, 20, ATTRIBUTE_INT);
    emo_protobuf_message(&o->node, 5, &a);
    emo_text_free(&a);
}

static void attribute_ints(struct onnx *o, const char *name, unsigned n, ...)
{
    struct emo_text a = {0};
    va_list args;
    va_start(args, n);
    emo_protobuf_string(&a, 1, name);
    for (unsigned i = 0; i < n; i++)
        emo_protobuf_int(&a, 8, va_arg(args, uint32_t));
    emo_protobuf_int(&a, 20, ATTRIBUTE_INTS);
    emo_protobuf_message(&o->node, 5, &a);
    emo_text_free(&a);
    va_end(args);
}

/* A node of the present value and up to two others (NULL: none), which makes result (NULL: a name by
   number), the next present value. */
static void node(struct onnx *o, const char *type, const char *second, const char *third,
                 const char *result)
{
    char name[64];
    snprintf(name, sizeof name, "%s%u", type, ++o->count);
    emo_protobuf_string(&o->node, 1, o->value);
    if (second != NULL)
        emo_protobuf_string(&o->node, 1, second);
    if (third != NULL)
        emo_protobuf_string(&o->node, 1, third);
    emo_protobuf_string(&o->node, 2, result != NULL ? result : name);
    emo_protobuf_string(&o->node, 3, name);
    emo_protobuf_string(&o->node, 4, type);
    emo_protobuf_message(&o->graph, 1, &o->node);
    snprintf(o->value, sizeof o->value, "%s", result != NULL ? result : name);
}

/* Images are NHWC; what slides a window wants NCHW. */
static void channels_first(struct onnx *o)
{
    if (!o->channels_first) {
        attribute_ints(o, "perm", 4, 0u, 3u, 1u, 2u);
        node(o, "Transpose", NULL, NULL, NULL);
    }
    o->channels_first = true;
}

/* To one vector an image, by row, column, channel. */
static void flatten(struct onnx *o, const struct emo_layer *l)
{
    if (o->channels_first && l->h * l->w > 1) {
        attribute_ints(o, "perm", 4, 0u, 2u, 3u, 1u);
        node(o, "Transpose", NULL, NULL, NULL);
    }
    attribute_int(o, "axis", 1);
    node(o, "Flatten", NULL, NULL, NULL);
    o->channels_first = false;
}

static void window(struct onnx *o, const struct emo_layer *l)
{
    attribute_ints(o, "kernel_shape", 2, l->kernel_h, l->kernel_w);
    attribute_ints(o, "strides", 2, l->stride, l->stride);
}

static void activate(struct onnx *o, enum emo_activation a)
{
    if (a == EMO_RELU)
        node(o, "Relu", NULL, NULL, NULL);
    else if (a == EMO_SIGMOID)
        node(o, "Sigmoid", NULL, NULL, NULL);
    else if (a == EMO_SOFTMAX) {
        attribute_int(o, "axis", 1); /* the channels, or the units */
        node(o, "Softmax", NULL, NULL, NULL);
    }
}

/* *vector: the present value is one, [batch, n]. */
static void put_layer(struct onnx *o, const struct emo_graph *g, const struct emo_layer *l,
                      bool *vector)
{
    const char *weight = l->weight >= 0 ? g->tensors[l->weight].name : NULL;
    const char *bias = l->bias >= 0 ? g->tensors[l->bias].name : NULL;
    switch (l->kind) {
    case EMO_CONV:
        channels_first(o);
        window(o, l);
        attribute_ints(o, "pads", 4, l->top, l->left, l->bottom, l->right);
        node(o, "Conv", weight, bias, NULL);
        break;
    case EMO_MAXPOOL:
        channels_first(o);
        window(o, l);
        node(o, "MaxPool", NULL, NULL, NULL);
        break;
    case EMO_AVGPOOL:
        channels_first(o);
        if (l->kernel_h == l->h && l->kernel_w == l->w) {
            node(o, "GlobalAveragePool", NULL, NULL, NULL);
        } else {
            window(o, l);
            node(o, "AveragePool", NULL, NULL, NULL);
        }
        break;
    case EMO_FLATTEN:
    case EMO_DENSE:
        if (!*vector)
            flatten(o, l);
        *vector = true;
        if (l->kind == EMO_DENSE)
            node(o, "Gemm", weight, bias, NULL);
        break;
    case EMO_DROPOUT: return;
    }
    activate(o, l->activation);
}

/* TensorProto of a float constant. */
static void put_scalar(struct onnx *o, const char *name, float v)
{
    struct emo_text t = {0};
    char bytes[sizeof v];
    memcpy(bytes, &v, sizeof v);
    emo_protobuf_int(&t, 2, FLOAT);
    emo_protobuf_string(&t, 8, name);
    emo_protobuf_length(&t, 9, sizeof v);
    emo_text_add(&t, bytes, sizeof v);
    emo_protobuf_message(&o->graph, 5, &t);
    emo_text_free(&t);
}

/* ValueInfoProto: the batch may be of any size. */
static void put_value(struct onnx *o, unsigned field, const char *name, unsigned type, unsigned rank,
                      const uint64_t *dim)
{
    struct emo_text part = {0}, shape = {0}, tensor = {0}, value = {0};
    emo_protobuf_string(&part, 2, "batch");
    emo_protobuf_message(&shape, 1, &part);
    for (unsigned i = 0; i < rank; i++) {
        emo_protobuf_int(&part, 1, dim[i]);
        emo_protobuf_message(&shape, 1, &part);
    }
    emo_protobuf_int(&tensor, 1, type);
    emo_protobuf_message(&tensor, 2, &shape);
    emo_protobuf_message(&part, 1, &tensor);
    emo_protobuf_string(&value, 1, name);
    emo_protobuf_message(&value, 2, &part);
    emo_protobuf_message(&o->graph, field, &value);
    emo_text_free(&part);
    emo_text_free(&shape);
    emo_text_free(&tensor);
    emo_text_free(&value);
}

static void put_graph(struct onnx *o, const struct emo_weights *w)
{
    const struct emo_graph *g = &w->graph;
    uint64_t image[] = {g->height, g->width, g->channels}, classes = g->classes;
    bool vector = false;
    snprintf(o->value, sizeof o->value, "images");
    attribute_int(o, "to", FLOAT);
    node(o, "Cast", NULL, NULL, NULL);
    node(o, "Mul", "scale", NULL, NULL);
    for (size_t i = 0; i < g->count; i++)
        put_layer(o, g, &g->layers[i], &vector);
    if (g->outputs == 1) { /* p of class 1 becomes 1 - p, p */
        char p[64];
        snprintf(p, sizeof p, "%s", o->value);
        node(o, "Neg", NULL, NULL, NULL);
        node(o, "Add", "one", NULL, NULL);
        attribute_int(o, "axis", 1);
        node(o, "Concat", p, NULL, "probabilities");
    } else {
        node(o, "Identity", NULL, NULL, "probabilities");
    }
    emo_protobuf_string(&o->graph, 2, "emo");
    put_scalar(o, "scale", 1.0f / 255.0f);
    if (g->outputs == 1)
        put_scalar(o, "one", 1);
    put_value(o, 11, "images", UINT8, 3, image);
    put_value(o, 12, "probabilities", FLOAT, 1, &classes);
}

/* TensorProto of parameter i up to its values. ONNX has PyTorch's kernels, but Gemm takes our
   matrices. */
static enum emo_layout begin_tensor(const struct emo_weights *w, size_t i, struct emo_text *out)
{
    enum emo_layout layout = w->at[i].rank == 4 ? EMO_LAYOUT_TORCH : EMO_LAYOUT_KERAS;
    uint32_t dim[4];
    unsigned rank = emo_layout_dims(&w->graph, i, layout, dim);
    out->length = 0;
    for (unsigned d = 0; d < rank; d++)
        emo_protobuf_int(out, 1, dim[d]);
    emo_protobuf_int(out, 2, FLOAT);
    emo_protobuf_string(out, 8, w->at[i].name);
    emo_protobuf_length(out, 9, w->at[i].count * sizeof(float));
    return layout;
}

static void put_property(struct emo_text *out, const char *key, const char *value)
{
    struct emo_text p = {0};
    emo_protobuf_string(&p, 1, key);
    emo_protobuf_string(&p, 2, value);
    emo_protobuf_message(out, 14, &p);
    emo_text_free(&p);
}

/* ModelProto behind the graph: opset and metadata_props. */
static void put_properties(const struct emo_model *m, struct emo_text *out)
{
    struct emo_text text = {0};
    emo_protobuf_string(&text, 1, "");
    emo_protobuf_int(&text, 2, 13);
    emo_protobuf_message(out, 8, &text);
    for (size_t i = 0; i < m->head.class_count; i++) {
        emo_text_printf(&text, i > 0 ? "," : "[");
        emo_text_json(&text, m->head.classes[i], strlen(m->head.classes[i]));
    }
    emo_text_printf(&text, "]");
    put_property(out, "classes", text.bytes != NULL ? text.bytes : "");
    put_property(out, "net", m->text);
    if (emo_head_key(&m->head, "input", &text))
        put_property(out, "input", text.bytes);
    if (emo_head_key(&m->head, "fit", &text) && emo_is_utf8(text.bytes, text.length))
        put_property(out, "fit", text.bytes);
    out->failed = out->failed || text.failed;
    emo_text_free(&text);
}

static int put_parameters(const struct emo_weights *w, int fd, const char *name,
                          struct emo_error *err)
{
    struct emo_text begin = {0}, field = {0};
    int status = EMO_OK;
    for (size_t i = 0; status == EMO_OK && i < w->count; i++) {
        size_t n = w->at[i].count * sizeof(float);
        float *values = malloc(n);
        enum emo_layout layout = begin_tensor(w, i, &begin);
        field.length = 0;
        emo_protobuf_length(&field, 5, begin.length + n);
        if (values == NULL || begin.failed || field.failed)
            status = emo_error_memory(err, n, "a tensor");
        else
            emo_layout_copy(&w->graph, i, layout, false, w->at[i].values, values);
        if (status == EMO_OK &&
            (emo_write(fd, field.bytes, field.length) != 0 ||
             emo_write(fd, begin.bytes, begin.length) != 0 || emo_write(fd, values, n) != 0))
            status = emo_error_errno(err, "%s", name);
        free(values);
    }
    emo_text_free(&begin);
    emo_text_free(&field);
    return status;
}

int emo_onnx_write(const struct emo_weights *w, struct emo_output *output, struct emo_error *err)
{
    struct onnx o = {.count = 0};
    struct emo_text model = {0}, behind = {0}, scratch = {0};
    int fd = emo_output_fd(output), status = EMO_OK;
    put_graph(&o, w);
    put_properties(&w->model, &behind);
    uint64_t length = o.graph.length;
    for (size_t i = 0; i < w->count; i++) {
        (void)begin_tensor(w, i, &scratch);
        uint64_t n = scratch.length + w->at[i].count * sizeof(float);
        scratch.length = 0;
        emo_protobuf_length(&scratch, 5, n);
        length += scratch.length + n;
    }
    emo_protobuf_int(&model, 1, 7); /* ir_version */
    emo_protobuf_string(&model, 2, "emo-convert");
    emo_protobuf_length(&model, 7, length);
    emo_text_add(&model, o.graph.bytes, o.graph.length);
    if (length + model.length + behind.length > EMO_CAP_ONNX)
        status = emo_error(err, EMO_INPUT, "a model of %" PRIu64 " bytes; ONNX holds at most 2 GiB",
                           length);
    else if (model.failed || behind.failed || o.graph.failed || o.node.failed || scratch.failed)
        status = emo_error_memory(err, model.length, "a graph");
    else if (emo_write(fd, model.bytes, model.length) != 0)
        status = emo_error_errno(err, "%s", emo_output_name(output));
    if (status == EMO_OK)
        status = put_parameters(w, fd, emo_output_name(output), err);
    if (status == EMO_OK && emo_write(fd, behind.bytes, behind.length) != 0)
        status = emo_error_errno(err, "%s", emo_output_name(output));
    emo_text_free(&o.graph);
    emo_text_free(&o.node);
    emo_text_free(&model);
    emo_text_free(&behind);
    emo_text_free(&scratch);
    return status;
}
