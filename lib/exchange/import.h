/*
 * One way in: what each foreign format that becomes a stream offers.
 */
#ifndef EMO_EXCHANGE_IMPORT_H
#define EMO_EXCHANGE_IMPORT_H

#include "stream/head.h"
#include "stream/record.h"

#include <stdbool.h>

struct emo_import {
    /* "-": standard input; count is at least 1. several: more than one path is taken. head gets
       kind, classes, lines and, where it is known, the number of records. Both are for the caller
       to close and free, also when it fails. */
    int (*open)(void **state, const char *const *paths, size_t count, struct emo_head *head,
                struct emo_error *err);
    /* The next record, its payload borrowed until the next call; *got false: the end, and all is
       as the file announced. EMO_INPUT: damaged. */
    int (*next)(void *state, struct emo_record *record, bool *got, struct emo_error *err);
    /* NULL is fine. */
    void (*close)(void *state);
    bool several;
};

#endif
