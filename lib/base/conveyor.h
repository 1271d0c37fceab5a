/*
 * Work on a sequence by several threads, in order at both ends.
 *
 * Items go round in a fixed number of slots, 0 to slots - 1, which the caller
 * owns. The calling thread fills slots in order and drains them in that order;
 * in between, each is worked on by any thread, the caller's included when it
 * has nothing else to do. So what is drained does not depend on the number of
 * threads, and no more than slots items are ever held.
 */
#ifndef EMO_BASE_CONVEYOR_H
#define EMO_BASE_CONVEYOR_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct emo_conveyor {
    /* Puts the next item in; *filled false: there is none, now or later. */
    int (*fill)(void *context, size_t slot, bool *filled, struct emo_error *err);
    /* Touches this slot only, and what does not change. */
    void (*work)(void *context, size_t slot);
    int (*drain)(void *context, size_t slot, struct emo_error *err);
};

/* Ends when the last item is drained, or when fill or drain fails: then with that status, once no
   work is under way; slots may be full. threads, slots: at least 1. */
int emo_conveyor_run(const struct emo_conveyor *c, void *context, unsigned threads, size_t slots,
                     struct emo_error *err);

#endif
