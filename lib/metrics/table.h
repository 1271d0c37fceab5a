/*
 * Tables of tab-separated values with a header line, emo-text(5), a line at a
 * time.
 */
#ifndef EMO_METRICS_TABLE_H
#define EMO_METRICS_TABLE_H

#include "stream/source.h"

/* A longer line is not taken for one of a table. */
#define EMO_CAP_LINE (1u << 20)

/* Zero-initialise but for source, which must be open; free with emo_table_free(). */
struct emo_table {
    struct emo_source *source;
    char *line;
    size_t room;
    char **fields; /* of the present line, NUL-terminated, escapes undone */
    size_t count, fields_room;
    uint64_t number; /* of the present line, from 1 */
};

void emo_table_free(struct emo_table *t);

/*
 * The next line's fields; of a line that ends in CR LF without the CR. *got false: the end of the
 * file. EMO_INPUT: a last line without its newline, a NUL, an escape that is none, a line over the
 * cap; after the first line, another number of fields than it had.
 */
int emo_table_next(struct emo_table *t, bool *got, struct emo_error *err);

/* Is the field missing: NA or nothing? */
bool emo_table_missing(const char *field);

#endif
