#include "base/progress.h"

#include <stdio.h>
#include <time.h>

double emo_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void emo_progress_begin(struct emo_progress *p, bool shown, const char *label, const char *unit,
                        uint64_t total)
{
    *p = (struct emo_progress){.shown = shown, .label = label, .unit = unit,
                               .total = total != UINT64_MAX ? total : 0};
    if (shown)
        p->started = emo_seconds();
}

void emo_progress_update(struct emo_progress *p, uint64_t done, const char *note)
{
    if (!p->shown)
        return;
    double now = emo_seconds();
    if (now - p->drawn < 0.1)
        return;
    p->drawn = now;
    p->dirty = true;
    double elapsed = now - p->started, rate = elapsed > 0 ? (double)done / elapsed : 0;
    fprintf(stderr, "\r\033[K%s: %llu", p->label, (unsigned long long)done);
    if (p->total) {
        fprintf(stderr, "/%llu", (unsigned long long)p->total);
        fprintf(stderr, " %s, %.0f/s", p->unit, rate);
        if (rate > 0 && done <= p->total) {
            unsigned long left = (unsigned long)((double)(p->total - done) / rate + 0.5);
            fprintf(stderr, ", %lu:%02lu left", left / 60, left % 60);
        }
    } else
        fprintf(stderr, " %s, %.0f/s", p->unit, rate);
    if (note)
        fprintf(stderr, ", %s", note);
    (void)fflush(stderr);
}

void emo_progress_end(struct emo_progress *p)
{
    if (p->shown && p->dirty) {
        fputs("\r\033[K", stderr);
        (void)fflush(stderr);
    }
    p->shown = false;
}
