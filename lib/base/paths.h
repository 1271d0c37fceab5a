/*
 * Paths from the command line and from a file that lists more of them.
 */
#ifndef EMO_BASE_PATHS_H
#define EMO_BASE_PATHS_H

#include "base/error.h"
#include "base/option.h"

/* Copies; zero-initialise the list, and free it at the end. */
int emo_paths_add(struct emo_strings *paths, const char *path, struct emo_error *err);
/* Adds those in a file ("-": standard input), one a line, empty lines left out; null: each ended
   by a NUL. */
int emo_paths_read(struct emo_strings *paths, const char *list, bool null, struct emo_error *err);
void emo_paths_free(struct emo_strings *paths);

#endif
