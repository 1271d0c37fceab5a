#include "learn/epochs.h"

#include "base/philox.h"

#include <stdlib.h>

struct key {
    uint64_t draw, id;
    size_t index;
};

static int compare(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->draw != y->draw)
        return x->draw < y->draw ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

int emo_epoch_order(const uint64_t *ids, size_t n, uint64_t seed, uint16_t epoch, bool shuffle,
                    size_t *order, struct emo_error *err)
{
    struct key *keys = malloc((n > 0 ? n : 1) * sizeof *keys);
    if (keys == NULL)
        return emo_error_memory(err, n * sizeof *keys, "the order of an epoch");
    for (size_t i = 0; i < n; i++)
        keys[i] = (struct key){shuffle ? emo_draw64(seed, ids[i], epoch, EMO_DRAW_SHUFFLE) : 0,
                               shuffle ? ids[i] : i, i};
    qsort(keys, n, sizeof *keys, compare);
    for (size_t i = 0; i < n; i++)
        order[i] = keys[i].index;
    free(keys);
    return EMO_OK;
}
