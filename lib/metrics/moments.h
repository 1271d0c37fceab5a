/*
 * Least, greatest, mean and standard deviation of the numbers of tensors: of
 * one, of each channel, of a whole stream.
 *
 * Each tensor is read twice, for the mean and for the squares of what differs
 * from it; parts are joined by the formula of Chan, Golub and LeVeque (1983).
 * So numbers that are all the same have a deviation of exactly 0. The deviation
 * is the population's, with n below.
 */
#ifndef EMO_METRICS_MOMENTS_H
#define EMO_METRICS_MOMENTS_H

#include "base/text.h"
#include "stream/record.h"

/* Zero-initialise. */
struct emo_moments {
    uint64_t count;      /* finite numbers, to which the rest belongs */
    uint64_t not_finite; /* infinite, or none */
    double least, greatest, mean;
    double squares; /* sum of (x - mean)^2 */
};

void emo_moments_join(struct emo_moments *m, const struct emo_moments *other);
/* NaN without numbers. */
double emo_moments_deviation(const struct emo_moments *m);

/* More channels than this are not told apart. */
#define EMO_CHANNELS_MOST 1024u

/* Of a stream, but for tensors of i32, i64 and u64, which count, name or seed something.
   Zero-initialise. channels 0: no record yet, or they do not all have the same number
   of channels (HWC), or have none. */
struct emo_stream_moments {
    struct emo_moments all, channel[EMO_CHANNELS_MOST];
    uint32_t channels;
    bool mixed;
};

/* Joins a record, whose payload must be there, and puts its own moments into *own. */
void emo_stream_moments_add(struct emo_stream_moments *s, const struct emo_record *r,
                            struct emo_moments *own);

/* As text, emo-text(5), ended by the caller as in listing.h. r NULL: of the whole stream; channel
   -1: of all of them. */
void emo_moments_columns(struct emo_text *out);
void emo_moments_row(struct emo_text *out, const struct emo_record *r, int channel,
                     const struct emo_moments *m);
void emo_moments_object(struct emo_text *out, const struct emo_record *r, int channel,
                        const struct emo_moments *m);

#endif
