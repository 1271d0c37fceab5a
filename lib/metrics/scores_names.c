#include "metrics/scores_names.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const char *name_of(const struct emo_scores *s, size_t i, size_t *n)
{
    size_t start = i > 0 ? s->name_end[i - 1] : 0;
    *n = s->name_end[i] - start;
    return s->names + start;
}

int emo_scores_add_name(struct emo_scores *s, const char *name, size_t n, struct emo_error *err)
{
    if (s->names_room - s->names_length < n + 1) {
        size_t room = 2 * (s->names_room + n + 1);
        char *names = realloc(s->names, room);
        if (names == NULL)
            return emo_error_memory(err, room, "names");
        s->names = names;
        s->names_room = room;
    }
    if (n > 0)
        memcpy(s->names + s->names_length, name, n);
    s->names_length += n;
    s->name_end[s->count - 1] = s->names_length;
    return EMO_OK;
}

/* A row and its name, for sorting. */
struct named_row {
    const char *name;
    size_t length, row;
};

static int by_name(const void *a, const void *b)
{
    const struct named_row *x = a, *y = b;
    int c = emo_compare(x->name, x->length, y->name, y->length);
    return c != 0 ? c : x->row < y->row ? -1 : x->row > y->row;
}

static int check_twins(const struct emo_scores *s, const struct named_row *rows,
                       struct emo_error *err)
{
    for (size_t i = 1; i < s->count; i++) {
        const struct named_row *a = &rows[i - 1], *b = &rows[i];
        char quoted[EMO_QUOTE_SIZE];
        size_t width = s->class_count;
        if (emo_compare(a->name, a->length, b->name, b->length) == 0 &&
            memcmp(s->p + a->row * width, s->p + b->row * width, width * sizeof *s->p) != 0)
            return emo_error(err, EMO_INPUT, "two different scores for %s: names must tell the "
                             "images apart", emo_quote(quoted, sizeof quoted, a->name, a->length));
    }
    return EMO_OK;
}

int emo_scores_order_names(struct emo_scores *s, struct emo_error *err)
{
    size_t room = (s->count + 1) * sizeof(struct named_row);
    struct named_row *rows = malloc(room);
    s->by_name = malloc((s->count + 1) * sizeof *s->by_name);
    if (rows == NULL || s->by_name == NULL) {
        free(rows);
        return emo_error_memory(err, room, "names");
    }
    for (size_t i = 0; i < s->count; i++) {
        rows[i].name = name_of(s, i, &rows[i].length);
        rows[i].row = i;
    }
    if (s->count > 1)
        qsort(rows, s->count, sizeof *rows, by_name);
    for (size_t i = 0; i < s->count; i++)
        s->by_name[i] = rows[i].row;
    int status = check_twins(s, rows, err);
    free(rows);
    return status;
}

size_t emo_scores_find(const struct emo_scores *s, const char *name, size_t n)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2, length, row = s->by_name[middle];
        const char *there = name_of(s, row, &length);
        int order = emo_compare(there, length, name, n);
        if (order == 0)
            return row;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}
