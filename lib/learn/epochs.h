/*
 * The order in which an epoch meets its records.
 *
 * A permutation is the sort by (64-bit draw of (seed, id, epoch), id): a function of the set of
 * ids, so neither the order in which the records arrived nor shards can change it.
 */
#ifndef EMO_LEARN_EPOCHS_H
#define EMO_LEARN_EPOCHS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Puts into order[0..n-1] the indices of ids in the order of this epoch (from 1); with shuffle
   false, 0 to n - 1. Equal ids keep their order. EMO_FAILED: no memory. */
int emo_epoch_order(const uint64_t *ids, size_t n, uint64_t seed, uint16_t epoch, bool shuffle,
                    size_t *order, struct emo_error *err);

#endif
