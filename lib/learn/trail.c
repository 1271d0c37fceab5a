#include "learn/trail.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void emo_stretch_add(struct emo_stretch *s, const struct emo_record *r)
{
    uint8_t bytes[12];
    memcpy(bytes, &r->header_crc, 4);
    memcpy(bytes + 4, &r->id, 8);
    s->crc = emo_crc32(s->crc, bytes, sizeof bytes);
    s->records++;
}

void emo_trail_free(struct emo_trail *t)
{
    free(t->at);
    *t = (struct emo_trail){0};
}

int emo_trail_set(struct emo_trail *t, size_t i, struct emo_stretch s, struct emo_error *err)
{
    if (i == t->room) {
        size_t room = t->room > 0 ? 2 * t->room : 16;
        struct emo_stretch *at = realloc(t->at, room * sizeof *at);
        if (at == NULL)
            return emo_error_memory(err, room * sizeof *at, "what was read");
        t->at = at;
        t->room = room;
    }
    t->at[i] = s;
    if (i == t->count)
        t->count++;
    return EMO_OK;
}

static int another(const struct emo_walk *w, const char *file, struct emo_error *err)
{
    char place[32] = "";
    if (w->number > 0)
        snprintf(place, sizeof place, " of epoch %zu", w->number);
    return emo_error(err, EMO_INPUT, "%s: not the images that the checkpoint's training saw: the "
                     "first %" PRIu64 " records%s are not those; give it the same input, or remove "
                     "the checkpoint to begin anew", file, w->so_far.records, place);
}

/* What is known of the stretch it is on, or NULL. */
static const struct emo_stretch *known(const struct emo_walk *w)
{
    return w->known != NULL && w->number < w->known->count ? &w->known->at[w->number] : NULL;
}

int emo_walk_end(struct emo_walk *w, const char *file, struct emo_error *err)
{
    const struct emo_stretch *k = known(w);
    w->before = w->so_far;
    return k != NULL && w->so_far.records < k->records ? another(w, file, err) : EMO_OK;
}

int emo_walk_step(struct emo_walk *w, size_t number, const struct emo_record *r, const char *file,
                  struct emo_error *err)
{
    if (number != w->number) {
        int status = emo_walk_end(w, file, err);
        if (status != EMO_OK)
            return status;
        w->number = number;
        w->so_far = (struct emo_stretch){0};
    }
    emo_stretch_add(&w->so_far, r);
    const struct emo_stretch *k = known(w);
    if (k == NULL)
        return EMO_OK;
    bool part = w->number + 1 == w->known->count && !w->known_whole;
    if ((w->so_far.records == k->records && w->so_far.crc != k->crc) ||
        (w->so_far.records > k->records && !part))
        return another(w, file, err);
    return EMO_OK;
}
