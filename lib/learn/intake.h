/*
 * Which records of a stream a trainer takes, and for what.
 *
 * Every record must be an image of the first one's shape. Split train and none
 * is for training, valid for validation; test records and those without a label
 * are counted and left out.
 */
#ifndef EMO_LEARN_INTAKE_H
#define EMO_LEARN_INTAKE_H

#include "learn/origins.h"
#include "learn/trail.h"
#include "stream/pool.h"
#include "stream/reader.h"

/* What was met so far. */
struct emo_intake_counts {
    uint64_t train; /* images of the first epoch */
    uint64_t train_sum; /* which they are: the sum of a hash of (id, label, metadata) of each */
    uint64_t train_of_none; /* of these, how many had split none */
    uint64_t valid, test, unlabelled;
    uint64_t without_origin; /* of train: emo-predict cannot tell that they were seen */
};

struct emo_indices {
    size_t *at, count, room;
};

/* Zero-initialise, then open; close at any time. */
struct emo_intake {
    struct emo_reader *reader;
    bool augmented;  /* the stream has epochs, 1 to epochs */
    uint16_t epochs; /* 0: of a stream without epochs, for the caller to choose */
    uint16_t first;  /* the first that is there: 1, but for emo-augment --first-epoch */
    size_t classes;
    uint32_t shape[3];
    uint64_t payload_length;

    struct emo_record record; /* while got: header read, payload pending */
    bool got;
    uint8_t *scratch; /* a payload on its way to the pool, or to nowhere */
    uint16_t epoch;   /* of an augmented stream: that of record */
    uint64_t in_epoch, in_sum; /* of it, as train and train_sum of the counts */
    struct emo_walk walk;
    uint64_t known_train, known_sum; /* what the first epoch's must be, where that is known; else 0 */

    struct emo_pool *pool;
    struct emo_indices valid, train; /* records of the pool */
    struct emo_origins trained; /* of a stream without epochs; else the caller's to fill */
    struct emo_origins validated;
    uint64_t *of_class; /* training images of each class in the first epoch */
    struct emo_intake_counts counts;
};

/*
 * Reads the first record's header. epochs: what the user wants, 0: no wish; EMO_INPUT when the
 * stream has another number, no record, no image or fewer than two classes. memory: the pool's.
 */
int emo_intake_open(struct emo_intake *in, struct emo_reader *reader, uint16_t epochs,
                    uint64_t memory, struct emo_error *err);
void emo_intake_close(struct emo_intake *in);

/* A stream without epochs: keeps all of it, to its verified end. */
int emo_intake_all(struct emo_intake *in, struct emo_error *err);

/*
 * An augmented stream: moves on to the next training record, keeping the validation records before
 * the first. in->got false: the verified end, and every epoch was there, as large as the first.
 */
int emo_intake_next(struct emo_intake *in, struct emo_error *err);
/* Takes that record, its payload into to (payload_length bytes); record, and what was walked, stay
   until next(). */
int emo_intake_take(struct emo_intake *in, void *to, struct emo_error *err);

#endif
