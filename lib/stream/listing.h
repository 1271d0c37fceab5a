/*
 * Heads and records as text: emo-text(5).
 *
 * A table's lines and an object are begun here and ended by the caller, who may add more: after
 * emo_list_row() fields, each with a TAB before it, and LF; after emo_list_object() members, each
 * with a comma before it, and a brace and LF.
 */
#ifndef EMO_STREAM_LISTING_H
#define EMO_STREAM_LISTING_H

#include "stream/head.h"
#include "stream/record.h"

/* id split epoch class dtype shape name */
void emo_list_columns(struct emo_text *out);
void emo_list_row(struct emo_text *out, const struct emo_head *head, const struct emo_record *r);
/* The same, the order of the dimensions and all metadata. */
void emo_list_object(struct emo_text *out, const struct emo_head *head,
                     const struct emo_record *r);

/* Kind, expected records, shard, and the lines of the HEAD text, whole. */
void emo_list_head(struct emo_text *out, const struct emo_head *head);
void emo_list_head_object(struct emo_text *out, const struct emo_head *head);

/* Element i of the payload: of floating point as many digits as tell its type's values apart; what
   is no finite number as emo_text_number() has it, in JSON as null. */
void emo_list_value(struct emo_text *out, const struct emo_record *r, size_t i, bool json);

#endif
