/*
 * The arrays of a .npz that say something of every record, as columns that are
 * read row by row from a temporary file.
 */
#ifndef EMO_EXCHANGE_COLUMNS_H
#define EMO_EXCHANGE_COLUMNS_H

#include "base/error.h"
#include "exchange/npy.h"

#include <stdbool.h>

/* metadata keys, twice for those that are absent in places, and the named arrays */
#define EMO_CAP_COLUMNS 600u
#define EMO_COLUMN_NAME 280

struct emo_column {
    char name[EMO_COLUMN_NAME];
    struct emo_npy array;
    uint64_t offset; /* of the first element in the file */
};

/* Zero-initialise but for fd = -1; free with emo_columns_free(). */
struct emo_columns {
    const char *file; /* for messages */
    int fd;
    uint64_t length;
    struct emo_column *at;
    size_t count;
    uint8_t *cell; /* a string as it lies in the file, and after it as UTF-8 */
    size_t room;
};

void emo_columns_free(struct emo_columns *c);

/* Copies the array that in gives, which must end with its last element. EMO_INPUT: damaged, a
   name given twice, or more columns than are possible. */
int emo_columns_add(struct emo_columns *c, const char *name, const struct emo_npy_input *in,
                    struct emo_error *err);
/* NULL: none of that name. */
const struct emo_column *emo_columns_find(const struct emo_columns *c, const char *name);

/* A whole number, 64 bits two's complement; *negative is set where it is below 0. */
int emo_column_integer(struct emo_columns *c, const struct emo_column *column, uint64_t row,
                       uint64_t *bits, bool *negative, struct emo_error *err);
int emo_column_real(struct emo_columns *c, const struct emo_column *column, uint64_t row,
                    double *value, struct emo_error *err);
/* A string without the zeros that fill it up, in UTF-8 (of bytes: as they are), valid until the
   next call. */
int emo_column_text(struct emo_columns *c, const struct emo_column *column, uint64_t row,
                    const char **text, size_t *n, struct emo_error *err);

/* Is it one-dimensional, rows long (EMO_UNKNOWN: of any length), and of one of the kinds, as in
   struct emo_npy? */
int emo_column_check(const struct emo_columns *c, const struct emo_column *column,
                     const char *kinds, uint64_t rows, struct emo_error *err);

#endif
