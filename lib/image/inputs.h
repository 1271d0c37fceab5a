/*
 * The files that a person names - archives, directories, single pictures,
 * standard input - as one list of entries, each with its bytes.
 *
 * The list is made first, because the class table is needed before the first
 * record: of a zip by its directory; of an archive that can only be read
 * through (tar, 7z, ...) by unpacking it once to an unlinked file; standard
 * input is spooled to one. Bytes come afterwards, in the same order.
 */
#ifndef EMO_IMAGE_INPUTS_H
#define EMO_IMAGE_INPUTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMO_CAP_ENTRY (UINT64_C(256) << 20) /* bytes of one picture file */
#define EMO_CAP_ENTRIES (UINT64_C(1) << 24)

struct emo_entry {
    char *name;   /* path as given, or path within the archive */
    char *folder; /* of the folder directly holding it; NULL: none */
    /* The rest is inputs.c's. */
    size_t input;
    uint64_t index, offset, size;
};

struct emo_inputs {
    struct emo_entry *entries; /* what may be a picture: supported or not, damaged or not */
    size_t count, room;
    uint64_t ignored; /* __MACOSX, hidden, Thumbs.db, other files */
    uint64_t nested;  /* archives within */
    /* The rest is inputs.c's. */
    struct emo_input *inputs;
    size_t input_count;
    int spool;
    uint64_t spooled;
    struct archive *open;
    size_t open_input;
    uint64_t open_index, budget;
};

/* Lists all of count paths ("-": standard input). EMO_INPUT: one is not readable as a picture,
   directory or archive, or an archive is damaged as a whole. */
int emo_inputs_open(struct emo_inputs *in, const char *const *paths, size_t count,
                    struct emo_error *err);
void emo_inputs_close(struct emo_inputs *in);

/*
 * The bytes of entry i (free() them), to be asked for in rising order. *spoilt true: this entry
 * alone cannot be had (encrypted, damaged, oversized) and err says why, without its name; the
 * status is EMO_OK. Any other status ends the run.
 */
int emo_inputs_bytes(struct emo_inputs *in, size_t i, uint8_t **bytes, size_t *n, bool *spoilt,
                     struct emo_error *err);

#endif
