/*
 * The training loop: a feed through a net, epoch by epoch, and the history of
 * it.
 */
#ifndef EMO_LEARN_TRAIN_H
#define EMO_LEARN_TRAIN_H

#include "learn/best.h"
#include "learn/feed.h"
#include "learn/history.h"
#include "net/net.h"

/*
 * What a training carries from batch to batch, beside the net. Zero-initialise; free with
 * emo_training_free(). Together with the net's parameters, moments and steps, and the place in the
 * input, it is all that matters: a training that is given it goes on as the other would have.
 */
struct emo_training {
    struct emo_history history; /* of the epochs that were validated; steps and images in all */
    /* The epoch that the last batch was of: 0 before the first. Validated when it is in the
       history. */
    uint16_t epoch;
    bool whole;             /* that was its last batch */
    uint64_t images, right; /* sums over its batches */
    double loss;
    double seconds; /* that it took before this run */
    struct emo_best best;
    struct emo_trail trail; /* of the input, as far as that batch */
};

void emo_training_free(struct emo_training *t);

/* Called as things happen; each may be NULL. */
struct emo_train_listener {
    void *context;
    void (*step)(void *context, uint64_t step, double loss, uint64_t images);
    void (*epoch)(void *context, const struct emo_epoch *epoch);
    /* Asked after each batch, in training and validation: should it stop here? Once true, always
       true. Whoever makes it true while the feed may be waited for calls emo_feed_interrupt(). */
    bool (*stop)(void);
    /* After each epoch; and when it ends with something that was not saved, because of stop() or
       because the input failed. What it returns, other than EMO_OK, ends the training. */
    int (*save)(void *context, struct emo_error *err);
};

struct emo_train_options {
    unsigned batch;
    size_t classes;
    double learning_rate;
    uint64_t steps; /* stop after so many in all; 0: all epochs */
    enum emo_keep keep;
    unsigned patience; /* stop after so many epochs without a better one; 0: never */
};

/*
 * Trains until the feed is empty, the steps are done or the patience is over; validates after each
 * epoch, and after the steps if they end within one. Then the feed is finished, and EMO_OK means
 * that the input was read to its verified end; the net has the parameters to keep. EMO_FAILED: also
 * a loss that is not finite.
 *
 * EMO_OK too when listener->stop() said so; then nothing of that holds.
 */
int emo_train(struct emo_feed *feed, struct emo_net *net, const struct emo_train_options *options,
              const struct emo_train_listener *listener, struct emo_training *training,
              struct emo_error *err);

#endif
