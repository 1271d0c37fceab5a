#include "metrics/scores_text.h"

#include "base/text.h"
#include "metrics/table.h"
#include "stream/frame.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ABSENT SIZE_MAX

/* Where the columns of one table are; of_class: that of each class, NULL with score alone. */
struct columns {
    size_t label, split, seen, score, predicted, name;
    size_t *of_class;
};

/* With score alone the classes are the names met as label or predicted, in the order met. */
struct text_reader {
    struct emo_scores *scores;
    struct emo_table table;
    struct columns columns;
    bool later; /* a table was read before */
    double *row;
    char *met[2];
    size_t met_count;
};

static int at_line(const struct text_reader *t, struct emo_error *err, const char *column,
                   const char *field, const char *what)
{
    char quoted[EMO_QUOTE_SIZE];
    return emo_error(err, EMO_INPUT, "%s: line %" PRIu64 ": %s %s %s", t->table.source->file,
                     t->table.number, column, emo_quote(quoted, sizeof quoted, field,
                                                        strlen(field)), what);
}

struct class_at {
    const char *name;
    size_t column;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct class_at *)a)->name, ((const struct class_at *)b)->name);
}

/* Sets the classes of the first table; a later one must have the same. found is sorted. */
static int agree_on_classes(struct text_reader *t, const struct class_at *found, size_t n,
                            struct emo_error *err)
{
    struct emo_scores *s = t->scores;
    const char *file = t->table.source->file;
    for (size_t k = 0; k < n; k++) {
        if (emo_table_missing(found[k].name))
            return emo_error(err, EMO_INPUT, "%s: a class of this name cannot be told from a "
                             "missing label in text; give the scores as a stream", file);
        if (k > 0 && strcmp(found[k].name, found[k - 1].name) == 0)
            return at_line(t, err, "class", found[k].name, "has two columns");
    }
    if (t->later) {
        bool same = n == s->class_count;
        for (size_t k = 0; same && k < n; k++)
            same = strcmp(found[k].name, s->classes[k]) == 0;
        return same ? EMO_OK : emo_error(err, EMO_INPUT, "%s: its classes are not those of the "
                                         "table before it", file);
    }
    const char **names = calloc(n, sizeof *names);
    if (names == NULL)
        return emo_error_memory(err, n * sizeof *names, "classes");
    for (size_t k = 0; k < n; k++)
        names[k] = found[k].name;
    int status = emo_scores_set_classes(s, names, n, err);
    if (status == EMO_INPUT)
        emo_error_prefix(err, "%s", file);
    free(names);
    return status;
}

/* The columns "p:CLASS" of the header, if there are any. */
static int find_classes(struct text_reader *t, struct emo_error *err)
{
    struct emo_table *table = &t->table;
    struct class_at *found = malloc(table->count * sizeof *found);
    size_t n = 0;
    int status = EMO_OK;
    if (found == NULL)
        return emo_error_memory(err, table->count * sizeof *found, "columns");
    for (size_t i = 0; i < table->count; i++)
        if (strncmp(table->fields[i], "p:", 2) == 0)
            found[n++] = (struct class_at){table->fields[i] + 2, i};
    bool mixed = t->later && (n > 0) != (t->columns.of_class != NULL);
    free(t->columns.of_class);
    t->columns.of_class = NULL;
    if (mixed)
        status = emo_error(err, EMO_INPUT, "%s: its columns are not those of the table before it",
                           table->source->file);
    if (status == EMO_OK && n > 0) {
        qsort(found, n, sizeof *found, by_name);
        status = agree_on_classes(t, found, n, err);
        t->columns.of_class = malloc(n * sizeof *t->columns.of_class);
        if (status == EMO_OK && t->columns.of_class == NULL)
            status = emo_error_memory(err, n * sizeof *found, "columns");
        for (size_t k = 0; status == EMO_OK && k < n; k++)
            t->columns.of_class[k] = found[k].column;
    }
    free(found);
    return status;
}

static int read_header(struct text_reader *t, struct emo_error *err)
{
    static const char *const names[] = {"label", "split", "seen", "score", "predicted", "name"};
    struct columns *c = &t->columns;
    size_t *const at[] = {&c->label, &c->split, &c->seen, &c->score, &c->predicted, &c->name};
    const char *file = t->table.source->file;
    bool got;
    int status = emo_table_next(&t->table, &got, err);
    if (status != EMO_OK)
        return status;
    if (!got)
        return emo_error(err, EMO_INPUT, "%s: empty: a table needs a header line", file);
    for (size_t j = 0; j < sizeof at / sizeof *at; j++) {
        *at[j] = ABSENT;
        for (size_t i = 0; i < t->table.count; i++)
            if (strcmp(t->table.fields[i], names[j]) == 0) {
                if (*at[j] != ABSENT)
                    return at_line(t, err, "column", names[j], "is there twice");
                *at[j] = i;
            }
    }
    status = find_classes(t, err);
    if (status != EMO_OK)
        return status;
    if (c->label == ABSENT || (c->of_class == NULL && c->score == ABSENT))
        return emo_error(err, EMO_INPUT, "%s: neither a scores stream nor a table of scores: its "
                         "first line must name the columns label and p:CLASS... or score, "
                         "separated by tabs", file);
    if (t->scores->named && c->name == ABSENT)
        return emo_error(err, EMO_INPUT, "%s: a column name is needed, to tell which image a score "
                         "is of", file);
    /* Names come with the rows; room for two scores is needed before. */
    static const char *const unnamed[] = {"", ""};
    if (c->of_class == NULL && !t->later)
        status = emo_scores_set_classes(t->scores, unnamed, 2, err);
    if (status == EMO_OK && !t->later) {
        size_t n = t->scores->class_count * sizeof *t->row;
        t->row = malloc(n);
        if (t->row == NULL)
            status = emo_error_memory(err, n, "a row of scores");
    }
    return status;
}

/* A number, or NaN where there is none or it is not finite. */
static int parse_score(const struct text_reader *t, size_t column, double *value,
                       struct emo_error *err)
{
    static const char *const not_finite[] = {"nan", "inf", "infinity"};
    const char *field = t->table.fields[column];
    *value = NAN;
    if (emo_table_missing(field) || emo_parse_real(field, value))
        return EMO_OK;
    *value = NAN;
    for (size_t i = 0; i < 3; i++)
        if (strcasecmp(field + (field[0] == '-' || field[0] == '+'), not_finite[i]) == 0)
            return EMO_OK;
    return at_line(t, err, "score", field, "is not a number");
}

/* The index of a class named in a field, in the order met where only that is known. */
static int parse_class(struct text_reader *t, const char *column, const char *name, int16_t *label,
                       struct emo_error *err)
{
    *label = -1;
    if (emo_table_missing(name))
        return EMO_OK;
    if (t->columns.of_class != NULL) {
        *label = (int16_t)emo_scores_class(t->scores, name);
        return *label >= 0 ? EMO_OK
                           : at_line(t, err, column, name, "is none of the classes that have a "
                                     "column p:CLASS");
    }
    for (size_t k = 0; k < t->met_count; k++)
        if (strcmp(t->met[k], name) == 0)
            *label = (int16_t)k;
    if (*label >= 0)
        return EMO_OK;
    if (t->met_count == 2)
        return at_line(t, err, column, name, "is a third class; more than two need columns "
                       "p:CLASS");
    size_t n = strlen(name) + 1;
    char *copy = malloc(n);
    if (copy == NULL)
        return emo_error_memory(err, n, "a class");
    *label = (int16_t)t->met_count;
    t->met[t->met_count++] = memcpy(copy, name, n);
    return EMO_OK;
}

static int parse_split(const struct text_reader *t, uint8_t *split, struct emo_error *err)
{
    *split = EMO_SPLIT_NONE;
    if (t->columns.split == ABSENT || emo_table_missing(t->table.fields[t->columns.split]))
        return EMO_OK;
    const char *field = t->table.fields[t->columns.split];
    for (uint8_t i = EMO_SPLIT_NONE; i < EMO_SPLITS_COUNT; i++)
        if (strcmp(field, emo_split_name(i)) == 0) {
            *split = i;
            return EMO_OK;
        }
    return at_line(t, err, "split", field, "is none of none, train, valid and test");
}

static int parse_seen(const struct text_reader *t, uint8_t *seen, struct emo_error *err)
{
    *seen = EMO_SEEN_UNKNOWN;
    if (t->columns.seen == ABSENT || emo_table_missing(t->table.fields[t->columns.seen]))
        return EMO_OK;
    const char *field = t->table.fields[t->columns.seen];
    if ((field[0] != '0' && field[0] != '1') || field[1] != '\0')
        return at_line(t, err, "seen", field, "is neither 0 nor 1");
    *seen = field[0] == '1' ? EMO_SEEN : EMO_UNSEEN;
    return EMO_OK;
}

static int read_row(struct text_reader *t, struct emo_error *err)
{
    const struct columns *c = &t->columns;
    struct emo_score score = {0};
    int16_t predicted;
    int status = parse_class(t, "label", t->table.fields[c->label], &score.label, err);
    if (status == EMO_OK && c->of_class == NULL && c->predicted != ABSENT)
        status = parse_class(t, "predicted", t->table.fields[c->predicted], &predicted, err);
    if (status == EMO_OK)
        status = parse_split(t, &score.split, err);
    if (status == EMO_OK)
        status = parse_seen(t, &score.seen, err);
    if (c->of_class == NULL && status == EMO_OK) {
        status = parse_score(t, c->score, &t->row[1], err);
        t->row[0] = 1 - t->row[1];
    }
    for (size_t k = 0; c->of_class != NULL && status == EMO_OK && k < t->scores->class_count; k++)
        status = parse_score(t, c->of_class[k], &t->row[k], err);
    if (status == EMO_OK)
        status = emo_scores_add(t->scores, score, t->row, err);
    if (status == EMO_OK && t->scores->named) {
        const char *name = t->table.fields[c->name];
        status = emo_scores_add_name(t->scores, name, strlen(name), err);
    }
    return status;
}

static int read_table(struct text_reader *t, struct emo_error *err)
{
    bool got = true;
    t->table.number = 0;
    int status = read_header(t, err);
    while (status == EMO_OK && got) {
        status = emo_table_next(&t->table, &got, err);
        if (status == EMO_OK && got)
            status = read_row(t, err);
    }
    t->later = true;
    return status;
}

/* With score alone: the two names met, in byte order. */
static int name_classes(struct text_reader *t, struct emo_error *err)
{
    struct emo_scores *s = t->scores;
    if (t->met_count < 2)
        return emo_error(err, EMO_INPUT, "%s: %s among the labels, and the column score does not "
                         "name the classes; columns p:CLASS do", t->table.source->file,
                         t->met_count == 0 ? "no class" : "one class only");
    bool swap = strcmp(t->met[0], t->met[1]) > 0;
    const char *names[] = {t->met[swap], t->met[!swap]};
    for (size_t i = 0; swap && i < s->count; i++)
        if (s->at[i].label >= 0)
            s->at[i].label = (int16_t)(1 - s->at[i].label);
    return emo_scores_set_classes(s, names, 2, err);
}

int emo_scores_read_text(struct emo_scores *s, struct emo_source *first, const char *const *paths,
                         size_t count, struct emo_error *err)
{
    struct text_reader t = {.scores = s, .table.source = first};
    int status = EMO_OK;
    s->text = true;
    /* What writes such tables writes float32: with the same bounds, text and stream agree. */
    s->epsilon = (double)FLT_EPSILON;
    for (size_t i = 0; status == EMO_OK && i < count; i++) {
        if (i > 0) {
            emo_source_close(first);
            status = emo_source_open(first, paths[i], err);
        }
        if (status == EMO_OK)
            status = read_table(&t, err);
    }
    if (status == EMO_OK && t.columns.of_class == NULL)
        status = name_classes(&t, err);
    emo_source_free(first);
    emo_table_free(&t.table);
    free(t.columns.of_class);
    free(t.row);
    free(t.met[0]);
    free(t.met[1]);
    return status;
}
