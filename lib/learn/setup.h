/*
 * The net that a training begins with, and what the model says of how it came
 * about.
 */
#ifndef EMO_LEARN_SETUP_H
#define EMO_LEARN_SETUP_H

#include "learn/best.h"
#include "net/model.h"

/*
 * The text that -n means: a built-in's name as it is, else the text in the file of that name, for
 * the caller to free. EMO_USAGE when there is neither.
 */
int emo_setup_text(const char *name, char **text, struct emo_error *err);
/* Names the file of a network text that is wrong (EMO_USAGE); returns status. */
int emo_setup_blame(int status, const char *name, struct emo_error *err);

/* For people: the text of the network name, or its layers, for o's shape and classes. */
int emo_setup_describe(const char *name, const struct emo_net_options *o, bool as_text,
                       struct emo_text *out, struct emo_error *err);

/*
 * A net for training: o's text (NULL: that of the model init), its parameters those of init, or
 * (NULL: none) still to be initialised or set. init must be of the same text, shape and classes,
 * else EMO_INPUT. The model's origins are given in *origins, for the caller to free.
 */
int emo_setup_net(struct emo_net **net, const struct emo_net_options *o,
                  const struct emo_head *head, const char *init, int64_t **origins,
                  size_t *origin_count, struct emo_error *err);

/* What a training was, for the model's HEAD. */
struct emo_setup_story {
    const struct emo_head *input; /* of the images: classes, provenance and keys are taken over */
    uint32_t shape[3];
    unsigned epochs;
    uint64_t steps, train, valid, seed;
    unsigned batch;
    double learning_rate;
    bool initialised; /* from another model */
    enum emo_keep keep;
    const struct emo_best *best; /* whose parameters these are, unless the last are kept */
    const char *backend; /* what computed */
};
/* Fills in head and text; adds no @PG. m is freed with emo_model_free(), also when this fails. */
int emo_setup_model(struct emo_model *m, const struct emo_setup_story *story,
                    const struct emo_net *net, struct emo_error *err);

#endif
