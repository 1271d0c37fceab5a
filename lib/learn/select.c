#include "learn/select.h"

#include "base/philox.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A held record that steps 1 and 2 left. */
struct candidate {
    uint64_t key;
    size_t held;
};

struct emo_selector {
    const struct emo_selection *rule;
    size_t class_count;
    bool *classes;      /* wanted, by label; NULL: all */
    uint64_t *of_class; /* taken so far, by label; the last is unlabelled */
    bool *met;          /* by index in the list */
    struct emo_text name;
    bool defers;
    uint64_t place, left; /* of the next record that step 2 left, step 3 left */
    size_t held;
    struct candidate *candidates;
    size_t count, room;
    uint64_t *least; /* a heap of the sample's draws so far, the greatest first */
    size_t least_count, least_room;
};

static bool from_end(const struct emo_range *r)
{
    return r->given && (r->from < 0 || (!r->open && r->to < 0));
}

bool emo_parse_range(const char *s, struct emo_range *range)
{
    const char *colon = strchr(s, ':');
    char from[24] = "0";
    if (colon == NULL || (size_t)(colon - s) >= sizeof from)
        return false;
    if (colon > s) {
        memcpy(from, s, (size_t)(colon - s));
        from[colon - s] = '\0';
    }
    range->given = true;
    range->open = colon[1] == '\0';
    return emo_parse_int(from, &range->from) &&
           (range->open || emo_parse_int(colon + 1, &range->to));
}

void emo_selector_close(struct emo_selector *s)
{
    if (s == NULL)
        return;
    emo_text_free(&s->name);
    free(s->classes);
    free(s->of_class);
    free(s->met);
    free(s->candidates);
    free(s->least);
    free(s);
}

static int want_classes(struct emo_selector *s, const struct emo_head *head, struct emo_error *err)
{
    const struct emo_strings *names = &s->rule->classes;
    char quoted[EMO_QUOTE_SIZE];
    s->class_count = head->class_count;
    s->of_class = calloc(head->class_count + 1, sizeof *s->of_class);
    s->classes = names->count > 0 ? calloc(head->class_count + 1, sizeof *s->classes) : NULL;
    if (s->of_class == NULL || (names->count > 0 && s->classes == NULL))
        return emo_error_memory(err, head->class_count * sizeof *s->of_class, "classes");
    for (size_t i = 0; i < names->count; i++) {
        int k = emo_head_class_index(head, names->at[i]);
        if (k < 0)
            return emo_error(err, EMO_USAGE, "--class: no class is called %s",
                             emo_quote(quoted, sizeof quoted, names->at[i], strlen(names->at[i])));
        s->classes[k] = true;
    }
    return EMO_OK;
}

int emo_selection_check(const struct emo_selection *selection, struct emo_error *err)
{
    if (selection->invert && selection->shard.n > 0)
        return emo_error(err, EMO_USAGE, "--shard and --invert exclude each other: what is not in "
                         "one shard is several");
    return EMO_OK;
}

int emo_selector_open(struct emo_selector **selector, const struct emo_selection *rule,
                      const struct emo_head *head, struct emo_error *err)
{
    struct emo_selector *s = calloc(1, sizeof *s);
    *selector = NULL;
    if (s == NULL)
        return emo_error_memory(err, sizeof *s, "a selection");
    s->rule = rule;
    s->defers = rule->sample >= 0 || from_end(&rule->range);
    int status = want_classes(s, head, err);
    size_t names = rule->list != NULL ? emo_group_file_names(rule->list) : 0;
    s->met = calloc(names + 1, sizeof *s->met);
    if (status == EMO_OK && s->met == NULL)
        status = emo_error_memory(err, names, "names");
    if (status == EMO_OK)
        *selector = s;
    else
        emo_selector_close(s);
    return status;
}

static bool matches_pattern(struct emo_selector *s, const char *name, size_t n)
{
    const struct emo_strings *patterns = &s->rule->patterns;
    s->name.length = 0;
    emo_text_add(&s->name, name, n); /* fnmatch() wants a NUL after it */
    for (size_t i = 0; i < patterns->count && !s->name.failed; i++)
        if (fnmatch(patterns->at[i], s->name.bytes, 0) == 0)
            return true;
    return false;
}

/* Step 1. */
static bool matches(struct emo_selector *s, const struct emo_record *r)
{
    const struct emo_selection *rule = s->rule;
    size_t n, i;
    const char *name = emo_record_name(r, &n);
    /* Met is met, whatever else speaks against the record. */
    bool listed = rule->list == NULL || emo_group_file_index(rule->list, name, n, &i);
    if (rule->list != NULL && listed)
        s->met[i] = true;
    return listed && (rule->splits == 0 || rule->splits & 1u << r->split) &&
           (s->classes == NULL || (r->label >= 0 && s->classes[r->label])) &&
           (rule->patterns.count == 0 || matches_pattern(s, name, n));
}

/* Step 2. */
static bool within_limit(struct emo_selector *s, const struct emo_record *r)
{
    uint64_t *taken = &s->of_class[r->label < 0 ? s->class_count : (size_t)r->label];
    if (s->rule->limit >= 0 && *taken >= (uint64_t)s->rule->limit)
        return false;
    ++*taken;
    return true;
}

/* Step 3, where it counts from the beginning only. */
static bool within_range(const struct emo_range *r, uint64_t place)
{
    return !r->given || (place >= (uint64_t)r->from && (r->open || place < (uint64_t)r->to));
}

/* Step 5. */
static bool in_shard(struct emo_selector *s)
{
    return s->rule->shard.n == 0 || s->left++ % s->rule->shard.n == s->rule->shard.i - 1;
}

/* Can a record of this draw still be one of the sample? Then it takes the place of the greatest. */
static int may_be_sampled(struct emo_selector *s, uint64_t key, bool *may, struct emo_error *err)
{
    size_t n = (size_t)s->rule->sample, i;
    if (s->least_count < n && s->least_count == s->least_room) {
        size_t room = s->least_room > 0 ? 2 * s->least_room : 1024;
        uint64_t *more = realloc(s->least, room * sizeof *more);
        if (more == NULL)
            return emo_error_memory(err, room * sizeof *more, "a sample");
        s->least = more;
        s->least_room = room;
    }
    uint64_t *heap = s->least;
    *may = s->least_count < n || (n > 0 && key <= heap[0]);
    if (!*may)
        return EMO_OK;
    if (s->least_count < n) {
        for (i = s->least_count++; i > 0 && heap[(i - 1) / 2] < key; i = (i - 1) / 2)
            heap[i] = heap[(i - 1) / 2];
        heap[i] = key;
        return EMO_OK;
    }
    for (i = 0;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < n && heap[child + 1] > heap[child])
            child++;
        if (child >= n || heap[child] <= key)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = key;
    return EMO_OK;
}

static int hold(struct emo_selector *s, bool candidate, uint64_t key, struct emo_error *err)
{
    if (candidate && s->count == s->room) {
        size_t room = s->room > 0 ? 2 * s->room : 1024;
        struct candidate *more = realloc(s->candidates, room * sizeof *more);
        if (more == NULL)
            return emo_error_memory(err, room * sizeof *more, "a selection");
        s->candidates = more;
        s->room = room;
    }
    if (candidate)
        s->candidates[s->count++] = (struct candidate){.key = key, .held = s->held};
    s->held++;
    return EMO_OK;
}

int emo_selector_next(struct emo_selector *s, const struct emo_record *r,
                      enum emo_selected *selected, struct emo_error *err)
{
    const struct emo_selection *rule = s->rule;
    bool early = !from_end(&rule->range), wanted = matches(s, r) && within_limit(s, r);
    uint64_t key = 0;
    int status = EMO_OK;
    if (s->name.failed)
        return emo_error_memory(err, s->name.length, "a name");
    if (wanted && early)
        wanted = within_range(&rule->range, s->place++);
    if (!s->defers) {
        wanted = wanted && in_shard(s);
        *selected = wanted != rule->invert ? EMO_SELECT : EMO_LEAVE;
        return EMO_OK;
    }
    if (wanted && rule->sample >= 0) {
        key = emo_draw64(rule->seed, r->id, r->epoch, EMO_DRAW_SAMPLE);
        if (early)
            status = may_be_sampled(s, key, &wanted, err);
    }
    *selected = wanted || rule->invert ? EMO_HOLD : EMO_LEAVE;
    return status == EMO_OK && *selected == EMO_HOLD ? hold(s, wanted, key, err) : status;
}

/* A place from either end as one from the beginning, within 0..n. */
static size_t place_of(int64_t place, size_t n)
{
    if (place < 0)
        return (uint64_t)-(place + 1) >= n ? 0 : n - 1 - (size_t)-(place + 1);
    return (uint64_t)place > n ? n : (size_t)place;
}

static int by_key(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->held < y->held ? -1 : x->held > y->held;
}

static int by_place(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->held < y->held ? -1 : x->held > y->held;
}

void emo_selector_settle(struct emo_selector *s, bool *wanted)
{
    const struct emo_selection *rule = s->rule;
    struct candidate *c = s->candidates;
    size_t from = 0, to = s->count;
    if (from_end(&rule->range)) {
        from = place_of(rule->range.from, s->count);
        to = rule->range.open ? s->count : place_of(rule->range.to, s->count);
    }
    if (to < from)
        to = from;
    if (rule->sample >= 0 && to > from) {
        qsort(c + from, to - from, sizeof *c, by_key);
        if ((uint64_t)rule->sample < to - from)
            to = from + (size_t)rule->sample;
        qsort(c + from, to - from, sizeof *c, by_place);
    }
    for (size_t i = 0; i < s->held; i++)
        wanted[i] = rule->invert;
    for (size_t i = from; i < to; i++)
        if (in_shard(s))
            wanted[c[i].held] = !rule->invert;
}

size_t emo_selector_unmet(const struct emo_selector *s)
{
    size_t n = 0, names = s->rule->list != NULL ? emo_group_file_names(s->rule->list) : 0;
    for (size_t i = 0; i < names; i++)
        n += !s->met[i];
    return n;
}
