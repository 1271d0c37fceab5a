/*
 * What a trainer eats: batches of training images, made ready by a thread while
 * the net computes, and the validation images, kept in a pool.
 *
 * Two kinds of input. An augmented stream (@KEY epochs N) brings its epochs one
 * after the other, 1 to N, each with as many training images; they are trained
 * on as they come and never kept. Any other stream is read to its end, kept in
 * the pool, and repeated, in an order drawn anew for each epoch.
 *
 * A batch never spans epochs. The thread only reads: which images make up a
 * batch does not depend on timing.
 */
#ifndef EMO_LEARN_FEED_H
#define EMO_LEARN_FEED_H

#include "learn/intake.h"

struct emo_feed_options {
    unsigned batch;
    uint16_t epochs;  /* 0: as many as the stream has; else 10 */
    bool endless;     /* a stream that is repeated: until the caller has enough */
    bool shuffle;     /* of a stream that is repeated */
    uint64_t seed;    /* of that shuffle */
    uint64_t memory;  /* bytes of the pool that stay in RAM */
};

struct emo_batch {
    const uint8_t **images;
    int *labels;
    uint64_t *ids;
    int64_t *origins; /* of those images that have one */
    size_t count, origin_count;
    uint16_t epoch;
    bool last; /* of its epoch */
    struct emo_stretch read; /* of an augmented stream: its epoch, up to this batch or, if last, all */
};

/*
 * How far an earlier run got with this input. What it consumed is read again, compared with the
 * trail, and not given. A stream of emo-augment --first-epoch, which lacks the epochs that were
 * finished, is taken where it begins no later than with the next epoch; what is there is compared.
 */
struct emo_feed_place {
    uint16_t epoch;  /* the last batch was of */
    uint64_t images; /* of that epoch, up to that batch */
    bool whole;      /* that was all of the epoch */
    const struct emo_trail *trail;
    uint64_t train, train_sum; /* as counted, once an epoch was finished; else 0 */
};

struct emo_feed;

/*
 * Reads the first record's header, so that the shape is known. EMO_INPUT: there is no record, it
 * is no image, or there are fewer than two classes. The reader must outlive the feed.
 */
int emo_feed_open(struct emo_feed **f, struct emo_reader *reader,
                  const struct emo_feed_options *options, struct emo_error *err);
/* Ends the thread; NULL is fine. */
void emo_feed_close(struct emo_feed *f);

/* Height, width, channels of every image. */
const uint32_t *emo_feed_shape(const struct emo_feed *f);
/* Epochs that will be given; with endless, the most there can be. */
uint16_t emo_feed_epochs(const struct emo_feed *f);
bool emo_feed_augmented(const struct emo_feed *f);

/* Before start(): go on from here. place must outlive the feed; its trail is copied. EMO_INPUT:
   there is no such place. */
int emo_feed_resume(struct emo_feed *f, const struct emo_feed_place *place, struct emo_error *err);

/*
 * Reads what comes before the first batch (of a stream that is repeated: everything, to its
 * verified end) and starts the thread. EMO_INPUT, here or later: also when the input is not that of
 * the run that is resumed.
 */
int emo_feed_start(struct emo_feed *f, struct emo_error *err);

/* What was read by start(): what comes before the first epoch, or everything. */
struct emo_stretch emo_feed_front(const struct emo_feed *f);

/* The next batch, until the next call; NULL after the last, and then the input's end is
   verified. */
int emo_feed_next(struct emo_feed *f, struct emo_batch **batch, struct emo_error *err);

/* From another thread: whoever waits in next() or finish() comes back, now and later, with NULL and
   EMO_OK. The feed must not be closed then: its thread may wait for ever. */
void emo_feed_interrupt(struct emo_feed *f);

/* No more batches are wanted: verifies what is left of the input. */
int emo_feed_finish(struct emo_feed *f, struct emo_error *err);

/* Validation image i is record valid[i] of the pool. */
const struct emo_pool *emo_feed_pool(const struct emo_feed *f);
const size_t *emo_feed_valid(const struct emo_feed *f, size_t *count);

/* What was met so far; train is complete once the first epoch's last batch was given. */
struct emo_intake_counts emo_feed_counts(struct emo_feed *f);
/* After finish(): how many validation images were trained on as well. */
uint64_t emo_feed_valid_seen(const struct emo_feed *f);
/* Training images of each class in the first epoch, as many as there are classes; to be asked
   after its last batch. */
const uint64_t *emo_feed_classes(const struct emo_feed *f);
/* Before start(): images that an earlier training saw count as trained on. */
int emo_feed_also_trained(struct emo_feed *f, const int64_t *origins, size_t count,
                          struct emo_error *err);
/* The sorted, unique origins of all that was given for training so far. */
const struct emo_origins *emo_feed_origins(struct emo_feed *f);
/* After finish(): the same, moved to the caller, who frees. NULL and 0 when there are none. */
int64_t *emo_feed_take_origins(struct emo_feed *f, size_t *count);

#endif
