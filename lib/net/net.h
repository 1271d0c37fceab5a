/*
 * A network that can be trained and asked.
 *
 * Made from network text (emo-net(5)), an input shape and a number of classes;
 * holds the parameters (float32, HWIO and IO, whatever the backend keeps) and
 * Adam's moments. Images go in as uint8 HWC; the division by 255 is in here.
 *
 * Two classes: one logit and a sigmoid; more: K logits and softmax. The loss is
 * cross-entropy from logits, stable form, in double over the batch.
 *
 * The same calls with the same seed give the same bytes for every number of
 * jobs.
 */
#ifndef EMO_NET_NET_H
#define EMO_NET_NET_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum emo_backend_choice { EMO_BACKEND_BEST, EMO_BACKEND_REFERENCE, EMO_BACKEND_ONEDNN };
enum emo_precision { EMO_PRECISION_FP32, EMO_PRECISION_BF16 };

struct emo_net_options {
    const char *text;           /* network text, or a built-in name: "baseline", "vgg" */
    uint32_t height, width, channels;
    size_t classes;             /* at least 2 */
    enum emo_backend_choice backend;
    enum emo_precision precision;
    unsigned jobs;
    unsigned batch;             /* the most images of one call of step() or predict() */
    bool training;              /* false: predict() only; no gradients, no moments are kept */
    bool no_dropout;
    bool no_fold;               /* compute each layer by itself (fold.h) */
    uint64_t seed;              /* initialisation and dropout */
};

struct emo_parameter {
    const char *name;           /* "conv1.weight", "dense2.bias" */
    uint8_t order;              /* enum emo_order */
    uint8_t rank;
    uint32_t dim[4];
    size_t count;               /* elements */
    bool trainable;
    float *values;
    float *m, *v;               /* Adam's moments, as many; NULL unless training */
};

struct emo_net;

/* EMO_USAGE: the text is wrong or does not fit the input; the message has the line, the layer and
   the shapes. Parameters are of any value until initialised or set; their moments are zero. */
int emo_net_open(struct emo_net **n, const struct emo_net_options *options, struct emo_error *err);
void emo_net_close(struct emo_net *n);

/* In the order of the layers, weight before bias. values, m and v may be written; then call
   emo_net_parameters_changed(). After step() call emo_net_parameters() anew: it brings them up to
   date. */
struct emo_parameter *emo_net_parameters(struct emo_net *n, size_t *count);
void emo_net_parameters_changed(struct emo_net *n);
/* Adam's steps so far. With the parameters and their moments that is all that a training carries
   from step to step: a net that is given another's goes on as that one would. */
uint64_t emo_net_steps(const struct emo_net *n);
void emo_net_set_steps(struct emo_net *n, uint64_t steps);
/* As FACTS: Glorot uniform for convolutions and output, He normal for other dense layers. */
void emo_net_initialise(struct emo_net *n);

/* Probabilities, count rows of K ({1 - p, p} for two classes). */
int emo_net_predict(struct emo_net *n, const uint8_t *const *images, size_t count,
                    float *probabilities, struct emo_error *err);

/* What one step saw: before the update, dropout on. */
struct emo_step_result {
    double loss; /* sum over the images, not the mean */
    size_t right;
};
/* One Adam step on the mean loss of a batch. labels 0 to K - 1; ids and epoch key the dropout. */
int emo_net_step(struct emo_net *n, const uint8_t *const *images, const int *labels,
                 const uint64_t *ids, uint16_t epoch, size_t count, double learning_rate,
                 struct emo_step_result *result, struct emo_error *err);

/* The network text with comments and blanks removed, one layer a line; for a built-in its
   expansion. Owned by n. */
const char *emo_net_text(const struct emo_net *n);
/* "onednn 2.6.3 avx512 fp32", "reference fp32"; "bf16 as fp32" where the processor has no products of
   bfloat16. Owned by n. */
const char *emo_net_backend(const struct emo_net *n);
/* What whoever asked for bf16 should know, when it brings no speed here; else NULL. */
const char *emo_net_remark(const struct emo_net *n);
/* The table of emo-train --summary: a line a layer with output shape and parameters, the total,
   and which layers are computed as one. */
void emo_net_summary(const struct emo_net *n, struct emo_text *out);
/* "onednn 2.6.3", or "without onednn": for --version. */
void emo_net_build(struct emo_text *out);

/* A built-in network's text, or NULL. */
const char *emo_net_builtin(const char *name);

#endif
