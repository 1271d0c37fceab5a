#include "learn/relabel.h"

#include "stream/frame.h"

#include <stdlib.h>
#include <string.h>

struct emo_relabeller {
    const struct emo_group_file *table;
    int16_t *of_class; /* the new label of each old one */
    int16_t *of_name;  /* of each name of the table */
    bool *met;         /* by index in the table */
    bool *mapped;      /* by old class */
    const char **old;  /* the old names, as mapped; the head's or a map's */
    size_t old_count;
};

void emo_relabeller_close(struct emo_relabeller *r)
{
    if (r == NULL)
        return;
    free(r->of_class);
    free(r->of_name);
    free(r->met);
    free(r->mapped);
    free(r->old);
    free(r);
}

/* r->old becomes what the maps make of the head's classes. */
static int apply_maps(struct emo_relabeller *r, const struct emo_strings *maps,
                      const struct emo_head *head, struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE];
    for (size_t i = 0; i < maps->count; i++) {
        const char *map = maps->at[i], *equals = strchr(map, '=');
        size_t n = equals != NULL ? (size_t)(equals - map) : 0, k = 0;
        if (n == 0 || equals[1] == '\0')
            return emo_error(err, EMO_USAGE, "--map: %s is not A=B",
                             emo_quote(quoted, sizeof quoted, map, strlen(map)));
        while (k < head->class_count &&
               (strlen(head->classes[k]) != n || memcmp(head->classes[k], map, n) != 0))
            k++;
        if (k == head->class_count || r->mapped[k])
            return emo_error(err, EMO_USAGE, "--map: %s %s",
                             k == head->class_count ? "no class is called" : "twice for",
                             emo_quote(quoted, sizeof quoted, map, n));
        r->old[k] = equals + 1;
        r->mapped[k] = true;
    }
    return EMO_OK;
}

static bool is_none(const char *class)
{
    return strcmp(class, "NA") == 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The label of a class, -1 when there is none. */
static int16_t find(const struct emo_head *head, const char *name)
{
    char *const *at = head->class_count > 0 ? bsearch(&name, head->classes, head->class_count,
                                                      sizeof *head->classes, by_bytes)
                                            : NULL;
    return at != NULL ? (int16_t)(at - head->classes) : -1;
}

static int new_classes(const struct emo_relabeller *r, struct emo_head *result,
                       struct emo_error *err)
{
    size_t names = r->table != NULL ? emo_group_file_names(r->table) : 0, n = r->old_count;
    const char **all = calloc(n + names + 1, sizeof *all);
    if (all == NULL)
        return emo_error_memory(err, (n + names) * sizeof *all, "classes");
    memcpy(all, r->old, n * sizeof *all);
    for (size_t i = 0; i < names; i++) {
        size_t length;
        const char *class = emo_group_file_at(r->table, i, &length);
        if (strlen(class) != length) {
            free(all);
            return emo_error(err, EMO_INPUT, "--labels: a class with a NUL");
        }
        if (!is_none(class))
            all[n++] = class;
    }
    int status = emo_head_gather_classes(result, all, n, err);
    free(all);
    return status;
}

static int number_classes(struct emo_relabeller *r, struct emo_head *head, struct emo_error *err)
{
    size_t names = r->table != NULL ? emo_group_file_names(r->table) : 0, length;
    struct emo_head result = {0};
    int status = new_classes(r, &result, err);
    if (status == EMO_OK && head->kind != EMO_IMAGES && !emo_head_same_classes(&result, head))
        status = emo_error(err, EMO_INPUT, "the classes of %s cannot change: what is in the stream "
                           "goes by them", emo_kind_name(head->kind));
    for (size_t k = 0; status == EMO_OK && k < r->old_count; k++)
        r->of_class[k] = find(&result, r->old[k]);
    for (size_t i = 0; status == EMO_OK && i < names; i++)
        r->of_name[i] = find(&result, emo_group_file_at(r->table, i, &length));
    /* The old names are not looked at again. */
    if (status == EMO_OK)
        status = emo_head_set_classes(head, (const char *const *)result.classes,
                                      result.class_count, err);
    emo_head_free(&result);
    return status;
}

int emo_relabeller_open(struct emo_relabeller **relabeller, const struct emo_strings *maps,
                        const struct emo_group_file *table, struct emo_head *head,
                        struct emo_error *err)
{
    struct emo_relabeller *r = calloc(1, sizeof *r);
    size_t n = head->class_count, names = table != NULL ? emo_group_file_names(table) : 0;
    *relabeller = NULL;
    if (r == NULL)
        return emo_error_memory(err, sizeof *r, "labels");
    r->table = table;
    r->old_count = n;
    r->old = calloc(n + 1, sizeof *r->old);
    r->of_class = calloc(n + 1, sizeof *r->of_class);
    r->of_name = calloc(names + 1, sizeof *r->of_name);
    r->met = calloc(names + 1, sizeof *r->met);
    r->mapped = calloc(n + 1, sizeof *r->mapped);
    int status = EMO_OK;
    if (r->old == NULL || r->of_class == NULL || r->of_name == NULL || r->met == NULL ||
        r->mapped == NULL)
        status = emo_error_memory(err, (n + names) * sizeof *r->of_name, "labels");
    for (size_t k = 0; status == EMO_OK && k < n; k++)
        r->old[k] = head->classes[k];
    if (status == EMO_OK)
        status = apply_maps(r, maps, head, err);
    if (status == EMO_OK)
        status = number_classes(r, head, err);
    if (status == EMO_OK)
        *relabeller = r;
    else
        emo_relabeller_close(r);
    return status;
}

bool emo_relabel(struct emo_relabeller *r, struct emo_record *record)
{
    size_t n, i;
    int16_t old = record->label;
    const char *name = emo_record_name(record, &n);
    bool changed = old >= 0 && r->mapped[old];
    if (old >= 0)
        record->label = r->of_class[old];
    if (r->table != NULL && emo_group_file_index(r->table, name, n, &i)) {
        r->met[i] = true;
        changed = record->label != r->of_name[i];
        record->label = r->of_name[i];
    }
    return changed;
}

size_t emo_relabeller_unmet(const struct emo_relabeller *r)
{
    size_t n = 0, names = r->table != NULL ? emo_group_file_names(r->table) : 0;
    for (size_t i = 0; i < names; i++)
        n += !r->met[i];
    return n;
}
