#include "image/duplicates.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is kept of an image beside its hashes. */
struct image {
    uint64_t id;
    size_t name, name_length; /* in names */
    int16_t label;
    uint8_t split;
};

/* Of two or more. */
struct group {
    size_t first, size; /* its lowest image; how many */
    size_t at;          /* of its members in members */
    unsigned closest;   /* what contradicts, in bits; else any two */
    bool contradiction, leak;
    unsigned splits;
    int16_t label;
};

struct emo_duplicates {
    const struct emo_head *head;
    struct emo_similar *similar;
    struct image *images;
    size_t count, room;
    struct emo_text names;
    struct group *groups;
    size_t group_count, grouped; /* grouped: images in groups */
    size_t *members;             /* groups' images, in order; then those that are alone */
};

int emo_duplicates_open(struct emo_duplicates **duplicates, const struct emo_similar_rule *rule,
                        const struct emo_head *head, struct emo_error *err)
{
    struct emo_duplicates *d = calloc(1, sizeof *d);
    *duplicates = d;
    if (d == NULL)
        return emo_error_memory(err, sizeof *d, "near-duplicates");
    d->head = head;
    return emo_similar_open(&d->similar, rule, err);
}

void emo_duplicates_close(struct emo_duplicates *d)
{
    if (d == NULL)
        return;
    emo_similar_close(d->similar);
    emo_text_free(&d->names);
    free(d->images);
    free(d->groups);
    free(d->members);
    free(d);
}

int emo_look(struct emo_look *look, const struct emo_record *r, struct emo_error *err)
{
    uint64_t of_bytes[3] = {emo_xxh3(r->payload, (size_t)r->payload_length),
                            (uint64_t)r->dim[0] << 32 | r->dim[1], r->dim[2]};
    look->bytes = emo_xxh3(of_bytes, sizeof of_bytes);
    return emo_phash(r->payload, r->dim[0], r->dim[1], r->dim[2], &look->hash, err);
}

int emo_duplicates_add(struct emo_duplicates *d, const struct emo_record *r,
                       const struct emo_look *look, struct emo_error *err)
{
    size_t n;
    const char *name = emo_record_name(r, &n);
    if (d->count == d->room) {
        size_t room = d->room > 0 ? 2 * d->room : 1024;
        struct image *images = realloc(d->images, room * sizeof *images);
        if (images == NULL)
            return emo_error_memory(err, room * sizeof *images, "images");
        d->images = images;
        d->room = room;
    }
    d->images[d->count++] = (struct image){.id = r->id, .name = d->names.length, .name_length = n,
                                           .label = r->label, .split = r->split};
    emo_text_add(&d->names, name, n);
    if (d->names.failed)
        return emo_error_memory(err, d->names.length, "names");
    return emo_similar_add(d->similar, &look->hash, look->bytes, r->label, err);
}

/* Grouping ------------------------------------------------------------------------------------ */

static void add_member(struct group *g, const struct emo_duplicates *d, size_t i)
{
    const struct image *m = &d->images[i];
    bool labelled = g->size > 0 && g->label >= 0;
    g->contradiction = g->contradiction || (labelled && m->label >= 0 && m->label != g->label);
    if (!labelled)
        g->label = m->label;
    if (m->split != EMO_SPLIT_NONE)
        g->splits |= 1u << m->split;
    g->leak = (g->splits & (g->splits - 1)) != 0;
    g->size++;
}

/* The closer two contradicting images are, the earlier. */
static void measure(struct group *g, const struct emo_duplicates *d, size_t i)
{
    unsigned near = g->contradiction ? emo_similar_contradicting(d->similar, i)
                                     : emo_similar_nearest(d->similar, i);
    g->closest = near < g->closest ? near : g->closest;
}

static int by_weight(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->contradiction != y->contradiction)
        return x->contradiction ? -1 : 1;
    if (x->leak != y->leak)
        return x->leak ? -1 : 1;
    if (x->closest != y->closest)
        return x->closest < y->closest ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Fills d->groups and d->members; of_image has room for a number for each image. */
static void make_groups(struct emo_duplicates *d, size_t *of_image)
{
    for (size_t i = 0; i < d->count; i++) {
        size_t first = emo_similar_group(d->similar, i);
        if (first == i && emo_similar_nearest(d->similar, i) == EMO_APART)
            continue;
        if (first == i) {
            of_image[i] = d->group_count;
            d->groups[d->group_count++] = (struct group){.first = i, .closest = EMO_APART};
        }
        add_member(&d->groups[of_image[first]], d, i);
    }
    for (size_t i = 0; i < d->count; i++)
        if (emo_similar_nearest(d->similar, i) != EMO_APART)
            measure(&d->groups[of_image[emo_similar_group(d->similar, i)]], d, i);
    if (d->group_count > 1)
        qsort(d->groups, d->group_count, sizeof *d->groups, by_weight);
    size_t at = 0;
    for (size_t g = 0; g < d->group_count; g++) {
        of_image[d->groups[g].first] = at;
        d->groups[g].at = at;
        at += d->groups[g].size;
    }
    d->grouped = at;
    for (size_t i = 0; i < d->count; i++) {
        bool alone = emo_similar_nearest(d->similar, i) == EMO_APART;
        d->members[alone ? at++ : of_image[emo_similar_group(d->similar, i)]++] = i;
    }
}

int emo_duplicates_find(struct emo_duplicates *d, struct emo_threads *team, struct emo_error *err)
{
    size_t *of_image = malloc((d->count + 1) * sizeof *of_image);
    d->groups = calloc(d->count / 2 + 1, sizeof *d->groups);
    d->members = malloc((d->count + 1) * sizeof *d->members);
    int status = EMO_OK;
    if (of_image == NULL || d->groups == NULL || d->members == NULL)
        status = emo_error_memory(err, (d->count + 1) * sizeof *d->groups, "groups");
    if (status == EMO_OK)
        status = emo_similar_find(d->similar, team, err);
    if (status == EMO_OK)
        make_groups(d, of_image);
    free(of_image);
    return status;
}

struct emo_duplicates_counts emo_duplicates_counts(const struct emo_duplicates *d)
{
    struct emo_duplicates_counts n = {
        .images = d->count, .groups = d->group_count, .grouped = d->grouped};
    for (size_t g = 0; g < d->group_count; g++) {
        n.contradictions += d->groups[g].contradiction;
        n.leaks += d->groups[g].leak;
    }
    for (size_t i = 0; i < d->count; i++)
        n.flat += emo_similar_flat(d->similar, i);
    return n;
}

/* Reporting ----------------------------------------------------------------------------------- */

static const char *class_of(const struct emo_duplicates *d, const struct image *m, size_t *n)
{
    const char *name = m->label < 0 ? NULL : d->head->classes[m->label];
    *n = name != NULL ? strlen(name) : 0;
    return name;
}

static const char *name_of(const struct emo_duplicates *d, const struct image *m)
{
    return m->name_length > 0 ? d->names.bytes + m->name : NULL;
}

void emo_duplicates_columns(struct emo_text *out)
{
    emo_text_printf(out, "group\timages\tcontradiction\tleak\tid\tname\tsplit\tclass\t"
                    "distance\tphash\tdhash\n");
}

static void put_row(const struct emo_duplicates *d, size_t g, size_t i, struct emo_text *out)
{
    const struct group *group = &d->groups[g];
    const struct image *m = &d->images[i];
    size_t n;
    const char *class = class_of(d, m, &n);
    emo_text_printf(out, "%zu\t%zu\t%d\t%d\t%" PRIu64, g + 1, group->size, group->contradiction,
                    group->leak, m->id);
    emo_text_field(out, name_of(d, m), m->name_length);
    emo_text_printf(out, "\t%s", emo_split_name(m->split));
    emo_text_field(out, class, n);
    emo_text_printf(out, "\t%u\t%016" PRIx64 "\t%016" PRIx64 "\n",
                    emo_similar_nearest(d->similar, i), emo_similar_phash(d->similar, i),
                    emo_similar_dhash(d->similar, i));
}

void emo_duplicates_rows(const struct emo_duplicates *d, size_t g, struct emo_text *out)
{
    const struct group *group = &d->groups[g];
    for (size_t k = 0; k < group->size; k++)
        put_row(d, g, d->members[group->at + k], out);
}

void emo_duplicates_object(const struct emo_duplicates *d, size_t g, struct emo_text *out)
{
    const struct group *group = &d->groups[g];
    emo_text_printf(out, "{\"group\":%zu,\"images\":%zu,\"contradiction\":%s,\"leak\":%s,"
                    "\"records\":[", g + 1, group->size, group->contradiction ? "true" : "false",
                    group->leak ? "true" : "false");
    for (size_t k = 0; k < group->size; k++) {
        size_t i = d->members[group->at + k], n;
        const struct image *m = &d->images[i];
        const char *class = class_of(d, m, &n);
        emo_text_printf(out, "%s{\"id\":%" PRIu64 ",\"name\":", k > 0 ? "," : "", m->id);
        emo_text_json(out, name_of(d, m), m->name_length);
        emo_text_printf(out, ",\"split\":\"%s\",\"class\":", emo_split_name(m->split));
        emo_text_json(out, class, n);
        emo_text_printf(out, ",\"distance\":%u,\"phash\":\"%016" PRIx64 "\",\"dhash\":\"%016" PRIx64
                        "\"}", emo_similar_nearest(d->similar, i),
                        emo_similar_phash(d->similar, i), emo_similar_dhash(d->similar, i));
    }
    emo_text_printf(out, "]}\n");
}

/* By name --------------------------------------------------------------------------------------- */

/* The number, from 1, of the group of the image that is member k. */
static size_t group_number(const struct emo_duplicates *d, size_t k)
{
    if (k >= d->grouped)
        return d->group_count + 1 + k - d->grouped;
    size_t low = 0, high = d->group_count - 1; /* the last group that begins at k or before */
    while (low < high) {
        size_t middle = high - (high - low) / 2;
        if (d->groups[middle].at <= k)
            low = middle;
        else
            high = middle - 1;
    }
    return low + 1;
}

void emo_duplicates_names_columns(struct emo_text *out)
{
    emo_text_printf(out, "name\tgroup\n");
}

void emo_duplicates_names_row(const struct emo_duplicates *d, size_t k, struct emo_text *out)
{
    const struct image *m = &d->images[d->members[k]];
    emo_text_escaped(out, name_of(d, m), m->name_length);
    emo_text_printf(out, "\t%zu\n", group_number(d, k));
}

/* An image and the number of its group, for finding names that stand for two. */
struct named {
    const char *name;
    size_t length, group;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    return emo_compare(x->name, x->length, y->name, y->length);
}

int emo_duplicates_check_names(const struct emo_duplicates *d, struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE];
    struct named *all = calloc(d->count + 1, sizeof *all);
    int status = EMO_OK;
    if (all == NULL)
        return emo_error_memory(err, d->count * sizeof *all, "groups");
    for (size_t k = 0; k < d->count; k++) {
        const struct image *m = &d->images[d->members[k]];
        const char *name = name_of(d, m);
        all[k] = (struct named){name != NULL ? name : "", m->name_length, group_number(d, k)};
    }
    if (d->count > 1)
        qsort(all, d->count, sizeof *all, by_name);
    for (size_t i = 0; i < d->count && status == EMO_OK; i++) {
        if (all[i].length == 0)
            status = emo_error(err, EMO_INPUT, "an image has no name to be known by");
        else if (i > 0 && by_name(&all[i - 1], &all[i]) == 0 && all[i - 1].group != all[i].group)
            status = emo_error(err, EMO_INPUT, "two images of different groups are named %s",
                               emo_quote(quoted, sizeof quoted, all[i].name, all[i].length));
    }
    free(all);
    return status;
}
