#include "metrics/learning_curve.h"

#include "base/text.h"
#include "metrics/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 6u
static const char *const names[COLUMNS] = {"epoch",    "loss",    "acc",
                                           "val_loss", "val_acc", "val_auc"};

void emo_learning_curve_free(struct emo_learning_curve *h)
{
    free(h->at);
    *h = (struct emo_learning_curve){0};
}

/* at[j]: which column is names[j]; table->count: none. */
static int find_columns(const struct emo_table *table, size_t at[COLUMNS], struct emo_error *err)
{
    size_t found = 0;
    for (size_t j = 0; j < COLUMNS; j++) {
        at[j] = table->count;
        for (size_t i = 0; i < table->count && at[j] == table->count; i++)
            if (strcmp(table->fields[i], names[j]) == 0)
                at[j] = i;
        found += at[j] < table->count;
    }
    if (at[0] == table->count || found < 2)
        return emo_error(err, EMO_INPUT, "%s: no history of a training: its first line must name "
                         "the columns epoch and loss, acc, val_loss, val_acc or val_auc, "
                         "separated by tabs", table->source->file);
    return EMO_OK;
}

static int read_number(const struct emo_table *table, size_t column, const char *name,
                       double *value, struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE];
    *value = NAN;
    if (column == table->count)
        return EMO_OK;
    const char *field = table->fields[column];
    if (emo_table_missing(field) || strcmp(field, "inf") == 0 || strcmp(field, "-inf") == 0 ||
        emo_parse_real(field, value))
        return EMO_OK;
    return emo_error(err, EMO_INPUT, "%s: line %" PRIu64 ": %s %s is not a number",
                     table->source->file, table->number, name,
                     emo_quote(quoted, sizeof quoted, field, strlen(field)));
}

static int add_epoch(struct emo_learning_curve *h, size_t *room, const struct emo_table *table,
                     const size_t at[COLUMNS], struct emo_error *err)
{
    if (h->count == *room) {
        size_t more = *room > 0 ? 2 * *room : 64;
        struct emo_curve_epoch *grown = realloc(h->at, more * sizeof *grown);
        if (grown == NULL)
            return emo_error_memory(err, more * sizeof *grown, "a history");
        h->at = grown;
        *room = more;
    }
    struct emo_curve_epoch *e = &h->at[h->count++];
    double *const to[COLUMNS] = {&e->epoch,    &e->loss,    &e->acc,
                                 &e->val_loss, &e->val_acc, &e->val_auc};
    int status = EMO_OK;
    for (size_t j = 0; status == EMO_OK && j < COLUMNS; j++)
        status = read_number(table, at[j], names[j], to[j], err);
    if (status == EMO_OK && isnan(e->epoch))
        status = emo_error(err, EMO_INPUT, "%s: line %" PRIu64 ": no epoch", table->source->file,
                           table->number);
    return status;
}

int emo_learning_curve_read(struct emo_learning_curve *h, const char *path, struct emo_error *err)
{
    struct emo_source source = {0};
    struct emo_table table = {.source = &source};
    size_t at[COLUMNS], room = 0;
    bool got = false;
    *h = (struct emo_learning_curve){0};
    int status = emo_source_open(&source, path, err);
    if (status == EMO_OK)
        status = emo_table_next(&table, &got, err);
    if (status == EMO_OK && !got)
        status = emo_error(err, EMO_INPUT, "%s: empty: a table needs a header line", source.file);
    if (status == EMO_OK)
        status = find_columns(&table, at, err);
    while (status == EMO_OK && got) {
        status = emo_table_next(&table, &got, err);
        if (status == EMO_OK && got)
            status = add_epoch(h, &room, &table, at, err);
    }
    if (status == EMO_OK && h->count == 0)
        status = emo_error(err, EMO_INPUT, "%s: a history without an epoch", source.file);
    emo_table_free(&table);
    emo_source_free(&source);
    if (status != EMO_OK)
        emo_learning_curve_free(h);
    return status;
}
