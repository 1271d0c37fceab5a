/*
 * An output folder that appears whole or not at all, with files in it and in
 * folders of one level.
 *
 * It is filled as ".NAME.emo-XXXXXX" beside where it shall be, locked, and
 * renamed by emo_folder_commit(); what a killed run left for the same NAME is
 * removed when one is opened. Names within are made safe: no name leads out of
 * the folder, hides a file or stands for two.
 */
#ifndef EMO_BASE_FOLDER_H
#define EMO_BASE_FOLDER_H

#include "base/error.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

struct emo_folder;

/* The folder that holds path, slashes at its end or not; free() it. NULL: no memory. */
char *emo_folder_parent(const char *path);

/* path must not be there, or be an empty folder. *f is freed by commit or discard. */
int emo_folder_open(struct emo_folder **f, const char *path, struct emo_error *err);

/* Appends a file name made of n bytes: / \ : * ? " < > | % control bytes, a dot or dash in front,
   and bytes that are not UTF-8 become %XX; at most 200 bytes of it; never empty. */
void emo_folder_safe(struct emo_text *out, const char *name, size_t n);

/* Makes the folder `name`, which is safe; where it is there already, `name` with "-" and number
   appended. The name it got is put into name. */
int emo_folder_make(struct emo_folder *f, struct emo_text *name, size_t number,
                    struct emo_error *err);
/* Creates the file `name`, which is safe, with suffix (".png") in the folder `within` (NULL: none).
   Where that is there already, "-" and id, and then a number, come before the suffix. *fd is for
   the caller to close; path becomes what it will be called, for messages. */
int emo_folder_create(struct emo_folder *f, const char *within, const char *name, uint64_t id,
                      const char *suffix, struct emo_text *path, int *fd, struct emo_error *err);

/* Everything was written: make it appear. Frees f, also when it fails. */
int emo_folder_commit(struct emo_folder *f, struct emo_error *err);
/* Removes what was written. NULL is fine. */
void emo_folder_discard(struct emo_folder *f);

#endif
