/*
 * One line on standard error that is drawn over itself: what is done, of how
 * many, the rate, the time left, and a note.
 */
#ifndef EMO_BASE_PROGRESS_H
#define EMO_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct emo_progress {
    bool shown;
    const char *label; /* "emo-train" */
    const char *unit;  /* "images" */
    uint64_t total;    /* 0: unknown */
    double started, drawn;
    bool dirty;
};

/* shown false: every call below does nothing. total 0 or UINT64_MAX: unknown. */
void emo_progress_begin(struct emo_progress *p, bool shown, const char *label, const char *unit,
                        uint64_t total);
/* At most ten times a second. note may be NULL. */
void emo_progress_update(struct emo_progress *p, uint64_t done, const char *note);
/* Clears the line. */
void emo_progress_end(struct emo_progress *p);

/* Seconds of the monotonic clock. */
double emo_seconds(void);

#endif
