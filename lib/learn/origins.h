/*
 * A set of origins: which image files were seen, as hashes of their bytes.
 */
#ifndef EMO_LEARN_ORIGINS_H
#define EMO_LEARN_ORIGINS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Zero-initialise. Adding the same ones over and over, epoch after epoch, takes no more memory:
   doubles are removed before the array grows. */
struct emo_origins {
    int64_t *at;
    size_t count, room;
};

void emo_origins_free(struct emo_origins *o);
int emo_origins_add(struct emo_origins *o, int64_t origin, struct emo_error *err);
/* Sorts and removes doubles. */
void emo_origins_settle(struct emo_origins *o);
/* How many are in both; both settled. */
size_t emo_origins_common(const struct emo_origins *a, const struct emo_origins *b);

#endif
