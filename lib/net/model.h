/*
 * A model: a stream of kind 2.
 *
 * HEAD: the classes; @NET, the network text; @KEY input "400x500x3", fit
 * "stretch", backend, and the provenance of what it was trained on.
 * Records, f32: every parameter under its name, metadata `role` "parameter".
 * Last a record `origins`, i64 [n], role "origins": the sorted, unique origins
 * of the images it was trained on (absent when n is 0).
 */
#ifndef EMO_NET_MODEL_H
#define EMO_NET_MODEL_H

#include "net/net.h"
#include "stream/head.h"
#include "stream/writer.h"

/* What a model file says, apart from the parameters. Zero-initialise; free with
   emo_model_free(). */
struct emo_model {
    struct emo_head head; /* classes, @NET, @PG, @KEY */
    char *text;           /* the network text */
    uint32_t height, width, channels;
    int64_t *origins; /* sorted, unique */
    size_t origin_count;
};

void emo_model_free(struct emo_model *m);

/*
 * Reads a model and makes the net: options' text and classes are taken from the file, the rest from
 * options; also the shape, where options' height is 0, else it must be the file's. EMO_INPUT when it
 * is not a whole model, of a network that cannot be, or a parameter is missing, unknown, doubled or
 * misshapen. Nothing is taken for the network before shape and length of the file agree with it.
 */
int emo_model_read(const char *path, const struct emo_net_options *options, struct emo_model *m,
                   struct emo_net **net, struct emo_error *err);
/* The HEAD, shape and origins only; the stream is still verified to its end. */
int emo_model_read_about(const char *path, struct emo_model *m, struct emo_error *err);

/*
 * Writes net's parameters and m->origins; m->head must hold classes and keys. Takes output over,
 * also when it fails. The first byte is written here.
 */
int emo_model_write(struct emo_output *output, const struct emo_model *m, struct emo_net *net,
                    struct emo_error *err);

/* Was this image among those it was trained on? */
bool emo_model_saw(const struct emo_model *m, int64_t origin);

#endif
