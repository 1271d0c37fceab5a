/*
 * Completion scripts for shells, from a program's option table.
 *
 * Every program answers "--completion SHELL", alone on its command line and not
 * on its -h page, with such a script; the build asks for it and installs it.
 */
#ifndef EMO_BASE_COMPLETION_H
#define EMO_BASE_COMPLETION_H

#include "base/option.h"

#include <stdbool.h>

/* shell: bash, zsh or fish; false: it is none of them. */
bool emo_completion(struct emo_text *out, const char *shell, const char *program,
                    const struct emo_option *table, size_t count);

#endif
