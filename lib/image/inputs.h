/*
 * The files that a person names - archives, directories, single pictures,
 * standard input - as one list of entries, each with its bytes.
 *
 * The list is made first, because the class table is needed before the first
 * record: of a zip by its directory; of an archive that can only be read
 * through (tar, 7z) by unpacking it once to an unlinked file; a pipe is spooled
 * to one. Bytes come afterwards, in the same order.
 *
 * Listed is every file that is a picture by its first bytes, supported or not,
 * or is called .jpg, .jpeg, .png or .webp: what cannot be used is found out,
 * and named, when its bytes are asked for or decoded.
 */
#ifndef EMO_IMAGE_INPUTS_H
#define EMO_IMAGE_INPUTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMO_CAP_FILE (UINT64_C(256) << 20) /* bytes of one picture file */
#define EMO_CAP_ENTRIES (UINT64_C(1) << 24)
#define EMO_CAP_NAME 4096u /* bytes of one name */

/* Names and folders are UTF-8: bytes that are not are read as Latin-1. */
struct emo_entry {
    char *name;         /* path as given, or path within the archive */
    char *folder;       /* name of the folder directly holding it; NULL: none */
    char *path;         /* of a file: to open it by, where that is not name */
    const char *spoilt; /* why it cannot be had, where that is known from listing */
    size_t input;
    uint64_t number;       /* in its archive, from 1 */
    uint64_t offset, size; /* in the spool */
};

struct emo_inputs {
    struct emo_entry *entries;
    size_t count, room;
    uint64_t ignored; /* __MACOSX, hidden, Thumbs.db, other files */
    uint64_t nested;  /* archives within */
    /* To be changed after begin(): bytes of one picture file, EMO_CAP_FILE; bytes that an archive
       unpacks to whatever its size, EMO_CAP_UNPACKED. */
    uint64_t most_file, most_unpacked;
    /* The rest is inputs.c's. */
    struct emo_input *inputs;
    size_t input_count, input_room;
    int spool;
    uint64_t spooled;
    struct emo_archive *open;
    size_t open_input;
};

void emo_inputs_begin(struct emo_inputs *in);
void emo_inputs_close(struct emo_inputs *in);

/*
 * Lists what path ("-": standard input) holds. classed: a single picture's folder is the last one
 * of its path; else it has none. prefixed: an archive's name is put before the names within.
 * EMO_INPUT: neither picture, directory nor archive, or an archive that is damaged as a whole.
 */
int emo_inputs_add(struct emo_inputs *in, const char *path, bool classed, bool prefixed,
                   struct emo_error *err);

/*
 * The bytes of entry i (free() them), to be asked for in rising order. *spoilt true: this entry
 * alone cannot be had (encrypted, damaged, oversized) and err says why, without its name, its
 * status EMO_FAILED where it could not be read; the status is EMO_OK. Any other status ends the run.
 */
int emo_inputs_bytes(struct emo_inputs *in, size_t i, uint8_t **bytes, size_t *n, bool *spoilt,
                     struct emo_error *err);

#endif
