/*
 * Another program, run without a shell: what it reads on standard input is
 * given, what it writes on standard output is taken whole.
 */
#ifndef EMO_BASE_CHILD_H
#define EMO_BASE_CHILD_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * A program is started before this one gives up the right to start any (sandbox.h), and told what
 * to do later.
 */
struct emo_child {
    const char *name;
    pid_t pid;
    int ends[3]; /* ours, of its standard input, output and error; -1: closed */
};

/* Starts argv[0], found in PATH. EMO_FAILED: it cannot be started; *missing is whether there is no
   such program. */
int emo_child_start(struct emo_child *c, const char *const *argv, bool *missing,
                    struct emo_error *err);

/*
 * Gives it n bytes of input, adds what it writes to *out, at most limit bytes, and waits for its
 * end. EMO_FAILED: it failed or was killed (the message holds the first of what it said on standard
 * error), it wrote too much, or for a minute neither read nor wrote; then it is given up.
 */
int emo_child_finish(struct emo_child *c, const char *input, size_t n, struct emo_text *out,
                     size_t limit, struct emo_error *err);

/* It is not needed after all, and is given up. Nothing where it was not started or is finished. */
void emo_child_abandon(struct emo_child *c);

#endif
