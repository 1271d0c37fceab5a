/*
 * How many records a stream has of each class and split, and that as text:
 * emo-text(5).
 *
 * A line a class, in the order of the head, and one of the unlabelled where
 * there are any. Lines are ended by the caller, as those of stream/listing.h.
 */
#ifndef EMO_STREAM_COUNTS_H
#define EMO_STREAM_COUNTS_H

#include "stream/head.h"
#include "stream/record.h"

/* Zero-initialise; free with emo_counts_free(). */
struct emo_counts {
    const struct emo_head *head;
    uint64_t (*of)[EMO_SPLITS_COUNT]; /* each class, then the unlabelled */
};

/* Begins anew at none. head must outlive the use of what follows. */
int emo_counts_begin(struct emo_counts *c, const struct emo_head *head, struct emo_error *err);
void emo_counts_free(struct emo_counts *c);

void emo_counts_add(struct emo_counts *c, const struct emo_record *r);

size_t emo_counts_lines(const struct emo_counts *c);
/* class none train valid test all */
void emo_counts_columns(struct emo_text *out);
void emo_counts_row(struct emo_text *out, const struct emo_counts *c, size_t line);
void emo_counts_object(struct emo_text *out, const struct emo_counts *c, size_t line);

#endif
