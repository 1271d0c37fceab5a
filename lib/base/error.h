/*
 * What went wrong, as a value.
 *
 * A library function that can fail returns an int: EMO_OK (0) or one of the
 * statuses below, and then has put one line of text in the struct emo_error
 * that it was given. The statuses are the exit statuses of the programs, so
 * main() returns what it got. The text names the file or record, says what was
 * wrong and what to do; it holds no program name and no newline.
 *
 * Bytes from outside (names, class names) are put in a message only through
 * emo_quote() of text.h.
 */
#ifndef EMO_BASE_ERROR_H
#define EMO_BASE_ERROR_H

#include <stddef.h>

enum {
    EMO_OK = 0,
    EMO_FAILED = 1, /* I/O, memory, threads */
    EMO_USAGE = 2,  /* command line or network text */
    EMO_INPUT = 3,  /* input truncated, corrupt, aborted upstream, of another kind, not fitting */
};

#define EMO_ERROR_TEXT 2048

struct emo_error {
    int status;
    char text[EMO_ERROR_TEXT];
};

/* Sets status and text (truncated to fit). Returns status. */
int emo_error(struct emo_error *e, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": " and strerror(errno) after it; status EMO_FAILED. */
int emo_error_errno(struct emo_error *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "out of memory: BYTES bytes for WHAT"; returns EMO_FAILED. */
int emo_error_memory(struct emo_error *e, size_t bytes, const char *what);

/* Puts "PREFIX: " before the text that is there. Returns the status that is there. */
int emo_error_prefix(struct emo_error *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
