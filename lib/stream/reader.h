/*
 * Reads tensor streams: files, or standard input, each of one or more segments,
 * as one.
 *
 * The end is clean only right after END(complete) of the last segment of the
 * last file. Anything else - end of file between records or in one, END
 * (aborted), a wrong count, length or CRC, a foreign frame - is EMO_INPUT, with
 * file, record number, name and byte offset in the message.
 *
 * Segments after the first must have its kind and its classes. Their ids are
 * raised past the highest so far; shards of one set keep theirs, and all of a
 * set must be there before the end.
 */
#ifndef EMO_STREAM_READER_H
#define EMO_STREAM_READER_H

#include "stream/head.h"
#include "stream/record.h"
#include "stream/source.h"

struct emo_reader;

/*
 * Opens the first of count paths ("-": standard input; count 0: standard input alone) and reads
 * its HEAD. kinds: bit 1 << kind of each kind taken; another is EMO_INPUT ("a model, not
 * images"). A terminal is refused (EMO_USAGE). paths must outlive the reader.
 */
int emo_reader_open(struct emo_reader **r, const char *const *paths, size_t count, unsigned kinds,
                    struct emo_error *err);
/* The same where the first of count >= 1 paths has been opened and peeked into already: takes
   first over, also when it fails. */
int emo_reader_open_peeked(struct emo_reader **r, struct emo_source *first,
                           const char *const *paths, size_t count, unsigned kinds,
                           struct emo_error *err);
/*
 * Joins streams whose classes differ: head is that of the whole, with every class that a segment
 * may have; labels are mapped by name. sources has one for each of count >= 1 paths; what is opened
 * of it already is taken for the path's file, and all are taken over, also on failure. For
 * emo_join_open().
 */
int emo_reader_open_joined(struct emo_reader **r, struct emo_source *sources,
                           const char *const *paths, size_t count, const struct emo_head *head,
                           struct emo_error *err);
/* NULL is fine. */
void emo_reader_close(struct emo_reader *r);

/* Caps other than the usual; call before the record that needs it. 0 keeps one. */
void emo_reader_caps(struct emo_reader *r, uint64_t payload, uint32_t metadata);

/* The first segment's HEAD; valid until close. */
const struct emo_head *emo_reader_head(const struct emo_reader *r);
/* For messages: the file being read, "<stdin>" for standard input. */
const char *emo_reader_file(const struct emo_reader *r);

/*
 * The next record, with payload in the reader's buffer (64-byte aligned) until the next call.
 * *got false: the clean end.
 */
int emo_reader_next(struct emo_reader *r, struct emo_record *record, bool *got,
                    struct emo_error *err);

/*
 * In two steps, to receive the payload elsewhere. After header() with *got true, payload() must be
 * called once, with room for record->payload_length bytes; it checks the CRC and sets
 * record->payload.
 */
int emo_reader_header(struct emo_reader *r, struct emo_record *record, bool *got,
                      struct emo_error *err);
int emo_reader_payload(struct emo_reader *r, struct emo_record *record, void *to,
                       struct emo_error *err);

/* Instead of payload(), where nobody wants it: checks it and keeps nothing of it, in little memory
   whatever its length. */
int emo_reader_check(struct emo_reader *r, const struct emo_record *record, struct emo_error *err);
/* The same without a check in a regular file: *skipped true. Truncation still shows, for no END
   follows. */
int emo_reader_skip(struct emo_reader *r, const struct emo_record *record, bool *skipped,
                    struct emo_error *err);

/* Takes a shard for a stream of its own: the end is clean though others of its set are missing.
   Call before the first record. */
void emo_reader_lone(struct emo_reader *r);

/* Would the next read have to wait for upstream? Then flush what you have. */
bool emo_reader_would_block(struct emo_reader *r);

/* Records so far, and the sum over all input of payload bytes: for progress and summaries. */
uint64_t emo_reader_count(const struct emo_reader *r);

/* What upstream said in END(aborted), unescaped, to be passed on unchanged; NULL when it did
   not. */
const char *emo_reader_reason(const struct emo_reader *r);

#endif
