/*
 * What main() of every program does first and last, and how it speaks.
 *
 *     int main(int argc, char **argv)
 *     {
 *         size_t n;
 *         int early = emo_program_begin(&program, argc, argv, &n);
 *         if (early >= 0)
 *             return early;
 *         struct emo_error err = {0};
 *         int status = run(argv + 1, n, &err);
 *         return emo_program_end(&program, status, &err);
 *     }
 *
 * This is the one module of lib/ that writes to the terminal, and only main()
 * calls it. Messages go to standard error as "emo-x: text".
 */
#ifndef EMO_BASE_PROGRAM_H
#define EMO_BASE_PROGRAM_H

#include "base/error.h"
#include "base/option.h"
#include "base/progress.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

#define EMO_VERSION "1.0.0"

struct emo_program {
    const char *name;     /* "emo-split" */
    const char *operands; /* "[file ...]" */
    const char *purpose;  /* one line, for -h */
    struct emo_option *options;
    size_t count;
    struct emo_common *common;
    void (*details)(struct emo_text *out); /* further lines of --version, or NULL */
};

/* Processors available to this process, at least 1: the default of -j where DESIGN says so. */
int64_t emo_processors(void);

/*
 * Guards descriptors 0-2 (a closed one stays unusable, and no file opened later takes its place),
 * sets LC_CTYPE to C.UTF-8 where there is one, parses the options, answers -h and --version.
 * Returns -1 to go on, with the operands at argv + 1; else the exit status.
 */
int emo_program_begin(const struct emo_program *p, int argc, char **argv, size_t *operands);

/* Prints err when status is not 0 (after EMO_USAGE the usage line too), flushes and closes
   standard output and checks that. Returns the exit status. */
int emo_program_end(const struct emo_program *p, int status, const struct emo_error *err);

/* "emo-x: text" on standard error, whatever -q says. Control bytes are escaped. */
void emo_program_warn(const struct emo_program *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, but silenced by -q: summaries. */
void emo_program_say(const struct emo_program *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Should progress be drawn? --progress, or standard error a terminal and standard output no pipe;
   never with -q. */
bool emo_program_shows_progress(const struct emo_program *p);
/* Begins one that is drawn if it should be: emo_progress_begin(). */
void emo_program_progress(const struct emo_program *p, struct emo_progress *progress,
                          const char *unit, uint64_t total);

#endif
