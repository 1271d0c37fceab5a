#include "learn/origins.h"

#include <stdbool.h>
#include <stdlib.h>

void emo_origins_free(struct emo_origins *o)
{
    free(o->at);
    *o = (struct emo_origins){0};
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void emo_origins_settle(struct emo_origins *o)
{
    if (o->count == 0)
        return;
    qsort(o->at, o->count, sizeof *o->at, compare);
    size_t kept = 1;
    for (size_t i = 1; i < o->count; i++)
        if (o->at[i] != o->at[kept - 1])
            o->at[kept++] = o->at[i];
    o->count = kept;
}

int emo_origins_add(struct emo_origins *o, int64_t origin, struct emo_error *err)
{
    bool full = o->count == o->room;
    if (full)
        emo_origins_settle(o);
    /* A set that is still more than half full would have to be settled again too soon. */
    if (full && o->count >= o->room / 2) {
        size_t room = o->room > 0 ? 2 * o->room : 1024;
        int64_t *at = realloc(o->at, room * sizeof *at);
        if (at == NULL)
            return emo_error_memory(err, room * sizeof *at, "the origins of the images");
        o->at = at;
        o->room = room;
    }
    o->at[o->count++] = origin;
    return EMO_OK;
}

size_t emo_origins_common(const struct emo_origins *a, const struct emo_origins *b)
{
    size_t common = 0;
    for (size_t i = 0, k = 0; i < a->count && k < b->count;) {
        if (a->at[i] == b->at[k]) {
            common++;
            i++;
            k++;
        } else if (a->at[i] < b->at[k])
            i++;
        else
            k++;
    }
    return common;
}
