/*
 * A training that can go on: a stream of kind 4.
 *
 * HEAD: the classes; @NET, the network text; as @KEY
 *     checkpoint     1, the version of this layout
 *     input          "400x500x3"
 *     input_crc      of the input's HEAD, as it is with all epochs
 *     backend        what computed so far
 *     recorded       the options as the model's provenance will give them
 *     option NAME    the options that the run which goes on takes over
 *     epochs         that there will be
 *     epoch          that the last batch was of, 0 before the first
 *     whole          1: that was its last batch, else 0
 *     epoch_images epoch_right epoch_loss epoch_seconds
 *                    sums over its batches
 *     steps images   in all
 *     train_images train_sum
 *                    of an epoch, once one was finished, else 0 (learn/intake.h)
 *     best_epoch best_value
 *                    0 and 0 where there is none
 * Records, told apart by their metadata `role`:
 *     trail          u64 [n, 2]: records and CRC of each stretch (learn/trail.h)
 *     history        f64 [epochs, 8]: the columns of emo-text(5); absent before the first
 *     origins        i64 [n]: sorted, unique; of what was trained on; absent when n is 0
 *     parameter m v  f32: each parameter under its name, and its moments, with ".m" and ".v" after
 *     best           f32: each parameter as it was in the best epoch, if there is one, ".best"
 *
 * It is written at batch boundaries, and is whole in itself.
 */
#ifndef EMO_LEARN_CHECKPOINT_H
#define EMO_LEARN_CHECKPOINT_H

#include "learn/feed.h"
#include "learn/train.h"
#include "stream/reader.h"

/* Zero-initialise; free with emo_checkpoint_free(). */
struct emo_checkpoint {
    struct emo_head head;
    uint64_t train, train_sum;
    struct emo_origins origins;
    /* Between open() and restore(): */
    struct emo_reader *reader;
    const char *path;
};

void emo_checkpoint_free(struct emo_checkpoint *c);

/* A new one, for a net and the input that it trains on. */
int emo_checkpoint_begin(struct emo_checkpoint *c, struct emo_feed *feed,
                         const struct emo_head *input, const struct emo_net *net,
                         struct emo_error *err);
int emo_checkpoint_set_option(struct emo_checkpoint *c, const char *name, const char *value,
                              struct emo_error *err);

/* Reads the HEAD of the one in a file; path must outlive c, and c stay where it is. EMO_INPUT: it
   is none. */
int emo_checkpoint_open(struct emo_checkpoint *c, const char *path, struct emo_error *err);
/* The value of an option, in out; false: it has none. */
bool emo_checkpoint_option(const struct emo_checkpoint *c, const char *name, struct emo_text *out);
/* The epoch that it goes on with, or the last one where all were trained. */
int emo_checkpoint_next_epoch(const struct emo_checkpoint *c, unsigned *epoch,
                              struct emo_error *err);
/* After open(): is this the input and this the network? EMO_USAGE for another network, EMO_INPUT
   for another input. A backend that is another joins those that are named. */
int emo_checkpoint_check(struct emo_checkpoint *c, struct emo_feed *feed,
                         const struct emo_head *input, const struct emo_net *net,
                         bool *same_backend, struct emo_error *err);
/* Reads the rest, to its verified end, into a net for training and into t, which must be zero. */
int emo_checkpoint_restore(struct emo_checkpoint *c, struct emo_net *net, struct emo_training *t,
                           struct emo_error *err);

/* Writes it, whole or not at all. */
int emo_checkpoint_write(struct emo_checkpoint *c, const char *path, const struct emo_training *t,
                         const struct emo_origins *origins, struct emo_net *net,
                         struct emo_error *err);

#endif
