/*
 * The order of records in an epoch: sorted by (64-bit draw of (seed, id,
 * epoch), id), so neither arrival nor shards can change it.
 */
#ifndef EMO_LEARN_EPOCHS_H
#define EMO_LEARN_EPOCHS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Puts into order the indices 0 to n - 1 of ids; without shuffle, as they are. */
int emo_epoch_order(const uint64_t *ids, size_t n, uint64_t seed, uint16_t epoch, bool shuffle,
                    size_t *order, struct emo_error *err);

#endif
