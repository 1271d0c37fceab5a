/*
 * Several streams as one, though their classes differ.
 */
#ifndef EMO_STREAM_JOIN_H
#define EMO_STREAM_JOIN_H

#include "stream/reader.h"

/*
 * Reads the HEAD of each of count paths ("-": standard input; none: standard input alone) before
 * any record, and opens a reader of all of them, in order, whose HEAD has
 *     the sorted union of their classes;
 *     the @KEYs that all have alike, and input and epochs, which must not differ, of any;
 *     the other lines, @PG above all, of all of them, each once;
 *     the sum of the expected records.
 * Labels are mapped by name. Regular files are closed in between, so there may be many.
 *
 * EMO_INPUT: kinds differ, or keys; scores whose classes differ (their payloads go by them);
 * several models or checkpoints. paths must outlive the reader.
 */
int emo_join_open(struct emo_reader **r, const char *const *paths, size_t count, unsigned kinds,
                  struct emo_error *err);

#endif
