/*
 * Trains a network on a stream of images.
 *
 * A stream that says `@KEY epochs N` brings its epochs itself: train records
 * are used as they come, a batch never spans epochs, and validation records
 * come before them. Any other stream is kept in a pool and repeated, reshuffled.
 * Validation records are kept and scored after each epoch; those of split none
 * count as train; test and unlabelled ones are counted and left alone.
 */
#ifndef EMO_LEARN_TRAIN_H
#define EMO_LEARN_TRAIN_H

#include "net/model.h"
#include "stream/reader.h"

struct emo_epoch_result {
    uint16_t epoch, epochs;
    double loss, accuracy;                   /* over batches as they were trained */
    double valid_loss, valid_accuracy, auc;  /* NaN: no validation, or one class only */
    double seconds, rate;                    /* rate: images trained a second */
};

struct emo_train_options {
    struct emo_net_options net; /* text, backend, jobs, batch, seed, no_dropout; the rest is set */
    const char *init;           /* a model to start from, or NULL */
    double learning_rate;
    int64_t epochs;             /* 0: the stream's, or 10 */
    int64_t steps;              /* 0: no limit */
    bool shuffle;
    uint64_t memory;            /* of the pool, bytes */
    /* Called after each epoch and each step; may be NULL. */
    void (*on_epoch)(void *context, const struct emo_epoch_result *r);
    void (*on_step)(void *context, uint64_t step, double loss, uint64_t images);
    void *context;
};

struct emo_train_summary {
    uint64_t train, valid, test, unlabelled;
    uint16_t epochs; /* run */
    uint64_t steps;
};

/*
 * Reads the stream to its clean end and trains. *net is the trained network, m->origins, shape and
 * text are set (its head is the caller's to fill). EMO_INPUT: no trainable record, one class only,
 * images of different shapes, epochs that are not whole.
 */
int emo_train(struct emo_reader *reader, const struct emo_train_options *options,
              struct emo_net **net, struct emo_model *m, struct emo_train_summary *summary,
              struct emo_error *err);

#endif
