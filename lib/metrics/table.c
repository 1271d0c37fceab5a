#include "metrics/table.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void emo_table_free(struct emo_table *t)
{
    free(t->line);
    free(t->fields);
    *t = (struct emo_table){0};
}

static int wrong(const struct emo_table *t, struct emo_error *err, const char *what)
{
    return emo_error(err, EMO_INPUT, "%s: line %" PRIu64 ": %s", t->source->file, t->number, what);
}

/* One line without its newline into t->line; *n its length. */
static int read_line(struct emo_table *t, size_t *n, bool *got, struct emo_error *err)
{
    *n = 0;
    for (;;) {
        size_t one;
        if (*n + 2 > t->room) {
            size_t room = t->room < 256 ? 256 : 2 * t->room;
            char *line = realloc(t->line, room);
            if (line == NULL)
                return emo_error_memory(err, room, "a line");
            t->line = line;
            t->room = room;
        }
        int status = emo_source_take(t->source, t->line + *n, 1, &one, err);
        if (status != EMO_OK)
            return status;
        *got = one == 1;
        if (!*got)
            return *n == 0 ? EMO_OK
                           : wrong(t, err, "cut short here: its last line has no newline");
        if (t->line[*n] == '\n')
            break;
        if (t->line[*n] == '\0')
            return wrong(t, err, "a NUL: this is neither a scores stream nor a table");
        if (++*n > EMO_CAP_LINE)
            return wrong(t, err, "longer than a mebibyte: this is not a table");
    }
    if (*n > 0 && t->line[*n - 1] == '\r')
        --*n;
    t->line[*n] = '\0';
    return EMO_OK;
}

static int add_field(struct emo_table *t, char *field, size_t n, struct emo_error *err)
{
    if (t->count == t->fields_room) {
        size_t room = t->fields_room < 16 ? 16 : 2 * t->fields_room;
        char **fields = realloc(t->fields, room * sizeof *fields);
        if (fields == NULL)
            return emo_error_memory(err, room * sizeof *fields, "fields");
        t->fields = fields;
        t->fields_room = room;
    }
    if (!emo_unescape(field, &n) || memchr(field, '\0', n) != NULL)
        return wrong(t, err, "a backslash that begins no escape; \\\\ stands for one");
    field[n] = '\0';
    t->fields[t->count++] = field;
    return EMO_OK;
}

int emo_table_next(struct emo_table *t, bool *got, struct emo_error *err)
{
    size_t n, columns = t->count;
    t->number++;
    int status = read_line(t, &n, got, err);
    if (status != EMO_OK || !*got)
        return status;
    t->count = 0;
    for (char *at = t->line, *end = t->line + n; status == EMO_OK;) {
        char *tab = memchr(at, '\t', (size_t)(end - at));
        size_t length = (size_t)((tab != NULL ? tab : end) - at);
        status = add_field(t, at, length, err);
        if (tab == NULL)
            break;
        at = tab + 1;
    }
    if (status == EMO_OK && t->number > 1 && t->count != columns)
        return emo_error(err, EMO_INPUT, "%s: line %" PRIu64 ": %zu fields, but the header has %zu",
                         t->source->file, t->number, t->count, columns);
    return status;
}

bool emo_table_missing(const char *field)
{
    return field[0] == '\0' || strcmp(field, "NA") == 0;
}
