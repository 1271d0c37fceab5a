/*
 * The training loop: a feed through a net, epoch by epoch, and the history of
 * it.
 */
#ifndef EMO_LEARN_TRAIN_H
#define EMO_LEARN_TRAIN_H

#include "learn/feed.h"
#include "learn/history.h"
#include "net/net.h"

/* Called as things happen; each may be NULL. */
struct emo_train_listener {
    void *context;
    void (*step)(void *context, uint64_t step, double loss, uint64_t images);
    void (*epoch)(void *context, const struct emo_epoch *epoch);
};

struct emo_train_options {
    unsigned batch;
    size_t classes;
    double learning_rate;
    uint64_t steps; /* stop after so many in all; 0: all epochs */
};

/*
 * Trains until the feed is empty, or the steps are done; validates after each epoch, and after the
 * steps if they end within one. Then the feed is finished: EMO_OK means that the input was read to
 * its verified end. EMO_FAILED: also a loss that is not finite.
 */
int emo_train(struct emo_feed *feed, struct emo_net *net, const struct emo_train_options *options,
              const struct emo_train_listener *listener, struct emo_history *history,
              struct emo_error *err);

#endif
