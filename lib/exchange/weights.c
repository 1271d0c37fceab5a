#include "exchange/weights.h"

#include "stream/frame.h"

#include <string.h>

int emo_weights_open(struct emo_weights *w, const char *path, struct emo_error *err)
{
    const struct emo_net_options o = {.backend = EMO_BACKEND_REFERENCE, .jobs = 1, .batch = 1};
    int status = emo_model_read(path, &o, &w->model, &w->net, err);
    if (status == EMO_OK)
        status = emo_graph_make(&w->graph, w->model.text, w->model.height, w->model.width,
                                w->model.channels, w->model.head.class_count, err);
    if (status == EMO_OK)
        w->at = emo_net_parameters(w->net, &w->count);
    if (status == EMO_OK && w->count != w->graph.tensor_count)
        status = emo_error(err, EMO_FAILED, "%s: a network with parameters of its own", path);
    return status;
}

void emo_weights_close(struct emo_weights *w)
{
    emo_graph_free(&w->graph);
    emo_net_close(w->net);
    emo_model_free(&w->model);
    *w = (struct emo_weights){0};
}

unsigned emo_layout_dims(const struct emo_graph *g, size_t i, enum emo_layout layout,
                         uint32_t dim[4])
{
    const struct emo_tensor *t = &g->tensors[i];
    const uint32_t *d = t->dim;
    memcpy(dim, d, sizeof t->dim);
    if (layout == EMO_LAYOUT_TORCH && t->order == EMO_HWIO)
        memcpy(dim, (uint32_t[]){d[3], d[2], d[0], d[1]}, sizeof t->dim);
    else if (layout == EMO_LAYOUT_TORCH && t->order == EMO_IO)
        memcpy(dim, (uint32_t[]){d[1], d[0], 0, 0}, sizeof t->dim);
    return t->rank;
}

/* What image the inputs of matrix i are the rows, columns and channels of. */
static void seen_image(const struct emo_graph *g, size_t i, size_t *pixels, size_t *channels)
{
    *pixels = 1;
    *channels = g->tensors[i].dim[0];
    for (size_t k = 0; k < g->count; k++) {
        const struct emo_layer *l = &g->layers[k];
        if (l->kind == EMO_FLATTEN && l->h * l->w > 1) {
            *pixels = (size_t)l->h * l->w;
            *channels = l->c;
        }
        if (l->kind == EMO_DENSE && l->weight == (int)i)
            return;
        if (l->kind == EMO_DENSE) {
            *pixels = 1;
            *channels = g->tensors[i].dim[0];
        }
    }
}

void emo_layout_copy(const struct emo_graph *g, size_t i, enum emo_layout layout, bool back,
                     const float *from, float *to)
{
    const struct emo_tensor *t = &g->tensors[i];
    size_t pixels, channels, outputs, n = 0;
    if (layout == EMO_LAYOUT_KERAS || t->rank < 2) {
        memcpy(to, from, t->count * sizeof *to);
        return;
    }
    if (t->order == EMO_HWIO) {
        pixels = (size_t)t->dim[0] * t->dim[1];
        channels = t->dim[2];
        outputs = t->dim[3];
    } else {
        seen_image(g, i, &pixels, &channels);
        outputs = t->dim[1];
    }
    /* Both kinds are pixel, channel, output here, and output, channel, pixel there. */
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < channels; c++)
            for (size_t o = 0; o < outputs; o++, n++) {
                size_t there = (o * channels + c) * pixels + p;
                if (back)
                    to[n] = from[there];
                else
                    to[there] = from[n];
            }
}
