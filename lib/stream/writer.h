/*
 * Writes one segment.
 *
 * END(complete) is written by emo_writer_finish() only: call it after the
 * program's own input was read to its clean end. In every other case call
 * emo_writer_abort(), so that the far end learns what happened.
 */
#ifndef EMO_STREAM_WRITER_H
#define EMO_STREAM_WRITER_H

#include "base/file.h"
#include "stream/head.h"
#include "stream/record.h"

struct emo_writer;

/* Takes output over (also when it fails) and writes HEAD (buffered). */
int emo_writer_open(struct emo_writer **w, struct emo_output *output, const struct emo_head *head,
                    struct emo_error *err);
/* emo_output_open() with binary set, then emo_writer_open(). */
int emo_writer_create(struct emo_writer **w, const char *path, const struct emo_head *head,
                      struct emo_error *err);

/* Writes the record; computes data_crc unless it is known. */
int emo_writer_record(struct emo_writer *w, const struct emo_record *record,
                      struct emo_error *err);

/* Sends what is buffered. */
int emo_writer_flush(struct emo_writer *w, struct emo_error *err);

uint64_t emo_writer_count(const struct emo_writer *w);

/* END(complete), flush, and the file appears. Frees w, also when it fails. */
int emo_writer_finish(struct emo_writer *w, struct emo_error *err);

/*
 * END(aborted, reason) where the output is a pipe or device; a file never appears. reason: what
 * went wrong here, with the program's name ("emo-split: ..."), or emo_reader_reason() unchanged.
 * Frees w; NULL is fine. Errors are ignored: there already is one.
 */
void emo_writer_abort(struct emo_writer *w, const char *reason);

/* The usual way out of a filter: finish when status is EMO_OK; else abort with the reader's
   reason (reader may be NULL), or else "program: err->text". Returns the status, which finish may
   change. Frees w. */
struct emo_reader;
int emo_writer_close(struct emo_writer *w, const struct emo_reader *reader, const char *program,
                     int status, struct emo_error *err);

#endif
