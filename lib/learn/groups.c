#include "learn/groups.h"

#include "base/hash.h"
#include "base/philox.h"
#include "base/text.h"
#include "stream/frame.h"

#include <stdlib.h>
#include <string.h>

/* More places than this (folds times classes) are refused: 128 MiB of counts. */
#define PLACES_MOST ((size_t)1 << 24)

struct group {
    uint64_t hash;
    size_t name, length; /* in names */
    uint8_t split;
};

struct member {
    size_t group;
    uint32_t class;
    bool counted; /* had no split of its own */
};

struct emo_groups {
    size_t class_count; /* with the unlabelled */
    struct group *groups;
    size_t group_count, group_room;
    struct member *members;
    size_t member_count, member_room;
    struct emo_text names;
    size_t *table; /* open addressing: index of a group + 1, 0 free */
    size_t table_size;
};

int emo_groups_open(struct emo_groups **groups, size_t class_count, struct emo_error *err)
{
    struct emo_groups *g = calloc(1, sizeof *g);
    *groups = g;
    if (g == NULL)
        return emo_error_memory(err, sizeof *g, "groups");
    g->class_count = class_count + 1;
    return EMO_OK;
}

void emo_groups_close(struct emo_groups *g)
{
    if (g == NULL)
        return;
    free(g->groups);
    free(g->members);
    free(g->table);
    emo_text_free(&g->names);
    free(g);
}

size_t emo_groups_count(const struct emo_groups *g)
{
    return g->group_count;
}

/* The place of this name in the table: its own, or the free one where it belongs. */
static size_t *find(const struct emo_groups *g, uint64_t hash, const char *name, size_t n)
{
    for (size_t at = hash % g->table_size;; at = at + 1 == g->table_size ? 0 : at + 1) {
        if (g->table[at] == 0)
            return &g->table[at];
        const struct group *k = &g->groups[g->table[at] - 1];
        if (k->hash == hash && k->length == n && memcmp(g->names.bytes + k->name, name, n) == 0)
            return &g->table[at];
    }
}

static int grow_table(struct emo_groups *g, struct emo_error *err)
{
    size_t size = g->table_size > 0 ? 2 * g->table_size : 1024, *old = g->table;
    size_t *table = calloc(size, sizeof *table);
    if (table == NULL)
        return emo_error_memory(err, size * sizeof *table, "groups");
    g->table = table;
    g->table_size = size;
    for (size_t i = 0; i < g->group_count; i++) {
        const struct group *k = &g->groups[i];
        *find(g, k->hash, g->names.bytes + k->name, k->length) = i + 1;
    }
    free(old);
    return EMO_OK;
}

/* The array with room for one more than count; NULL, and the array as it was, without memory. */
static void *grow_array(void *array, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return array;
    size_t more = *room > 0 ? 2 * *room : 1024;
    void *bigger = realloc(array, more * size);
    if (bigger != NULL)
        *room = more;
    return bigger;
}

static int intern(struct emo_groups *g, const char *name, size_t n, size_t *index,
                  struct emo_error *err)
{
    int status = 2 * g->group_count >= g->table_size ? grow_table(g, err) : EMO_OK;
    if (status != EMO_OK)
        return status;
    void *groups = grow_array(g->groups, &g->group_room, g->group_count, sizeof *g->groups);
    if (groups == NULL)
        return emo_error_memory(err, g->group_room * sizeof *g->groups, "groups");
    g->groups = groups;
    uint64_t hash = emo_xxh3(name, n);
    size_t *place = find(g, hash, name, n);
    if (*place == 0) {
        g->groups[g->group_count] = (struct group){hash, g->names.length, n, EMO_SPLIT_NONE};
        emo_text_add(&g->names, name, n);
        if (g->names.failed)
            return emo_error_memory(err, g->names.length + n, "the groups' names");
        *place = ++g->group_count;
    }
    *index = *place - 1;
    return EMO_OK;
}

int emo_groups_add(struct emo_groups *g, const char *name, size_t n, int16_t label, uint8_t split,
                   struct emo_error *err)
{
    size_t index = 0;
    int status = intern(g, name, n, &index, err);
    if (status != EMO_OK)
        return status;
    void *members = grow_array(g->members, &g->member_room, g->member_count, sizeof *g->members);
    if (members == NULL)
        return emo_error_memory(err, g->member_room * sizeof *g->members, "groups");
    g->members = members;
    struct group *k = &g->groups[index];
    if (split != EMO_SPLIT_NONE && k->split != EMO_SPLIT_NONE && k->split != split) {
        char quoted[EMO_QUOTE_SIZE];
        return emo_error(err, EMO_INPUT, "the records of group %s come with two splits, %s and %s; "
                         "--again draws all anew", emo_quote(quoted, sizeof quoted, name, n),
                         emo_split_name(k->split), emo_split_name(split));
    }
    if (split != EMO_SPLIT_NONE)
        k->split = split;
    g->members[g->member_count++] = (struct member){
        index, label < 0 ? (uint32_t)g->class_count - 1 : (uint32_t)label, split == EMO_SPLIT_NONE};
    return EMO_OK;
}

/* The splits, or folds, that groups are placed in. */
struct places {
    size_t count, classes;
    double *ratio;  /* of each place */
    double *totals; /* of each class */
    double *there;  /* [place][class] */
};

/* A group's counts, of its own classes only. */
struct crowd {
    uint32_t *classes;
    size_t count;
    double *of_class;
};

static double fall(const struct places *p, size_t place, const struct crowd *c)
{
    double sum = 0;
    for (size_t i = 0; i < c->count; i++) {
        uint32_t k = c->classes[i];
        double target = p->ratio[place] * p->totals[k], n = c->of_class[k];
        double deficit = target - p->there[place * p->classes + k];
        sum += n * (2 * deficit - n) / target;
    }
    return sum;
}

static size_t best_place(const struct places *p, const struct crowd *c)
{
    size_t best = p->count;
    double most = 0;
    for (size_t place = 0; place < p->count; place++) {
        if (p->ratio[place] <= 0)
            continue;
        double here = fall(p, place, c);
        if (best == p->count || here > most) {
            best = place;
            most = here;
        }
    }
    return best;
}

struct turn {
    bool drawn; /* has no split yet: comes after those that have */
    uint64_t draw;
    size_t group;
};

static int by_draw(const void *a, const void *b)
{
    const struct turn *x = a, *y = b;
    if (x->drawn != y->drawn)
        return x->drawn ? 1 : -1;
    if (x->draw != y->draw)
        return x->draw < y->draw ? -1 : 1;
    return x->group < y->group ? -1 : x->group > y->group;
}

/* The members of group i are sorted[starts[i]] to sorted[starts[i + 1] - 1]. */
static void sort_members(const struct emo_groups *g, size_t *starts, size_t *sorted)
{
    for (size_t i = 0; i < g->member_count; i++)
        starts[g->members[i].group + 1]++;
    for (size_t i = 0; i < g->group_count; i++)
        starts[i + 1] += starts[i];
    for (size_t i = g->member_count; i-- > 0;)
        sorted[--starts[g->members[i].group + 1]] = i;
    /* Each start was moved from one place too far right to where it belongs. */
    for (size_t i = 0; i < g->group_count; i++)
        starts[i] = starts[i + 1];
    starts[g->group_count] = g->member_count;
}

/* The split of a place: fold I of K validates. */
static uint8_t split_of(const struct emo_split_rule *rule, size_t place)
{
    if (rule->fold.n > 0)
        return place + 1 == rule->fold.i ? EMO_VALID : EMO_TRAIN;
    return (uint8_t)(EMO_TRAIN + place);
}

static void place_all(struct emo_groups *g, const struct emo_split_rule *rule, struct places *p,
                      const struct turn *turns, const size_t *starts, const size_t *sorted,
                      struct crowd *c)
{
    for (size_t t = 0; t < g->group_count; t++) {
        size_t i = turns[t].group;
        struct group *k = &g->groups[i];
        c->count = 0;
        for (size_t m = starts[i]; m < starts[i + 1]; m++) {
            const struct member *one = &g->members[sorted[m]];
            if (!one->counted)
                continue;
            if (c->of_class[one->class] <= 0)
                c->classes[c->count++] = one->class;
            c->of_class[one->class]++;
        }
        /* With folds a split that was there says no fold, so it counts nowhere. */
        bool given = k->split != EMO_SPLIT_NONE;
        size_t place = !given ? best_place(p, c) : (size_t)k->split - EMO_TRAIN;
        for (size_t m = 0; m < c->count; m++) {
            uint32_t class = c->classes[m];
            if (!given || rule->fold.n == 0)
                p->there[place * p->classes + class] += c->of_class[class];
            c->of_class[class] = 0;
        }
        if (!given)
            k->split = split_of(rule, place);
    }
}

static void set_ratios(struct places *p, const struct emo_split_rule *rule)
{
    for (size_t i = 0; i < p->count; i++)
        p->ratio[i] = 1 / (double)p->count;
    if (rule->fold.n > 0)
        return;
    p->ratio[1] = (double)rule->valid.p / (double)rule->valid.q;
    p->ratio[2] = (double)rule->test.p / (double)rule->test.q;
    /* Exactly, so that no rounding leaves train a shred where valid and test are all. */
    uint64_t held = rule->valid.p * rule->test.q + rule->test.p * rule->valid.q;
    uint64_t all = rule->valid.q * rule->test.q;
    p->ratio[0] = (double)(all - held) / (double)all;
}

int emo_groups_place(struct emo_groups *g, const struct emo_split_rule *rule,
                     struct emo_error *err)
{
    int status = emo_split_rule_check(rule, err);
    if (status != EMO_OK)
        return status;
    struct places p = {.count = rule->fold.n > 0 ? rule->fold.n : 3, .classes = g->class_count};
    if (p.count > PLACES_MOST / p.classes)
        return emo_error(err, EMO_USAGE, "--fold: too many folds for %zu classes with groups",
                         g->class_count - 1);
    struct crowd c = {.classes = calloc(p.classes, sizeof *c.classes),
                      .of_class = calloc(p.classes, sizeof *c.of_class)};
    p.ratio = calloc(p.count, sizeof *p.ratio);
    p.totals = calloc(p.classes, sizeof *p.totals);
    p.there = calloc(p.count * p.classes, sizeof *p.there);
    struct turn *turns = calloc(g->group_count + 1, sizeof *turns);
    size_t *starts = calloc(g->group_count + 2, sizeof *starts);
    size_t *sorted = calloc(g->member_count + 1, sizeof *sorted);
    if (c.classes == NULL || c.of_class == NULL || p.ratio == NULL || p.totals == NULL ||
        p.there == NULL || turns == NULL || starts == NULL || sorted == NULL) {
        status = emo_error_memory(err, g->member_count * sizeof *sorted, "the groups' places");
    } else {
        set_ratios(&p, rule);
        for (size_t i = 0; i < g->member_count; i++)
            p.totals[g->members[i].class] += g->members[i].counted;
        /* Those that have a split are placed first: the others make up for them. */
        for (size_t i = 0; i < g->group_count; i++) {
            uint64_t draw = emo_draw64(rule->seed, g->groups[i].hash, 0, EMO_DRAW_GROUP);
            turns[i] = (struct turn){g->groups[i].split == EMO_SPLIT_NONE, draw, i};
        }
        qsort(turns, g->group_count, sizeof *turns, by_draw);
        sort_members(g, starts, sorted);
        place_all(g, rule, &p, turns, starts, sorted, &c);
    }
    free(c.classes);
    free(c.of_class);
    free(p.ratio);
    free(p.totals);
    free(p.there);
    free(turns);
    free(starts);
    free(sorted);
    return status;
}

uint8_t emo_groups_split(const struct emo_groups *g, size_t i)
{
    return g->groups[g->members[i].group].split;
}
