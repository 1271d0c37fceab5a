/*
 * SIGINT, SIGTERM and SIGHUP as ordinary events, for a program that has
 * something to clear away, or to bring home, before it ends.
 *
 * The signals are blocked in every thread, and one thread waits for them: so one
 * is heard wherever the others are, in a read that may never return, for
 * example. What is done then is the program's.
 */
#ifndef EMO_BASE_INTERRUPT_H
#define EMO_BASE_INTERRUPT_H

#include "base/error.h"

#include <stdbool.h>

/* Both are called on the waiting thread, with the lock held. */
struct emo_interrupts {
    /* With the first signal. True: the program will see emo_interrupted() and end by itself, soon;
       a second signal then ends it at once. NULL: false. */
    bool (*first)(void);
    /* Ends the program, for this signal: does not return. */
    void (*leave)(int number);
};

/* To be called before any other thread is started. A signal that is ignored on entry (nohup) stays
   ignored. */
int emo_interrupts_begin(const struct emo_interrupts *how, struct emo_error *err);

/* The signal that came first, or 0. */
int emo_interrupted(void);

/* Between these two no signal ends the program: it waits. */
void emo_interrupts_lock(void);
void emo_interrupts_unlock(void);

/* From here on a signal changes nothing. */
void emo_interrupts_end(void);

#endif
