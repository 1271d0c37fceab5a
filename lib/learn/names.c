#include "learn/names.h"

#include "stream/frame.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct emo_pattern {
    regex_t regex;
    size_t group; /* 1, or 0 where there is none */
};

int emo_pattern_open(struct emo_pattern **pattern, const char *regex, struct emo_error *err)
{
    struct emo_pattern *p = calloc(1, sizeof *p);
    *pattern = NULL;
    if (p == NULL)
        return emo_error_memory(err, sizeof *p, "a pattern");
    int code = regcomp(&p->regex, regex, REG_EXTENDED);
    if (code != 0) {
        char words[200], quoted[EMO_QUOTE_SIZE];
        regerror(code, &p->regex, words, sizeof words);
        free(p);
        return emo_error(err, EMO_USAGE, "%s is no regular expression: %s",
                         emo_quote(quoted, sizeof quoted, regex, strlen(regex)), words);
    }
    p->group = p->regex.re_nsub > 0 ? 1 : 0;
    *pattern = p;
    return EMO_OK;
}

void emo_pattern_close(struct emo_pattern *p)
{
    if (p == NULL)
        return;
    regfree(&p->regex);
    free(p);
}

int emo_pattern_capture(const struct emo_pattern *p, const char *name, size_t n,
                        struct emo_text *out, bool *found, struct emo_error *err)
{
    regmatch_t match[2];
    *found = false;
    out->length = 0;
    emo_text_add(out, name, n); /* regexec() wants a NUL after it */
    if (out->failed)
        return emo_error_memory(err, n, "a name");
    int code = regexec(&p->regex, out->bytes, 2, match, 0);
    if (code == REG_ESPACE)
        return emo_error_memory(err, n, "matching a name");
    const regmatch_t *m = &match[p->group];
    if (code != 0 || m->rm_so < 0)
        return EMO_OK;
    size_t length = (size_t)(m->rm_eo - m->rm_so);
    memmove(out->bytes, out->bytes + m->rm_so, length);
    out->bytes[length] = '\0';
    out->length = length;
    *found = true;
    return EMO_OK;
}

uint8_t emo_split_of_word(const char *word)
{
    static const struct {
        const char *word;
        uint8_t split;
    } words[] = {
        {"train", EMO_TRAIN},      {"training", EMO_TRAIN}, {"valid", EMO_VALID},
        {"validation", EMO_VALID}, {"val", EMO_VALID},      {"dev", EMO_VALID},
        {"test", EMO_TEST},        {"testing", EMO_TEST},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(word, words[i].word) == 0)
            return words[i].split;
    return EMO_SPLIT_NONE;
}

struct pair {
    char *line; /* owns name and group */
    const char *name, *group;
    size_t name_length, group_length;
    size_t row, number; /* in the file; of its group */
};

struct group {
    const struct pair *first; /* in the file */
    size_t place;             /* where its pairs begin, by group */
    size_t size;              /* different names */
};

struct emo_group_file {
    struct pair *pairs; /* by name */
    size_t count, room;
    struct group *groups; /* in the order in which they are first named */
    size_t group_count;
    const char *column; /* of the groups; NULL: names alone */
};

static int by_name(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return emo_compare(x->name, x->name_length, y->name, y->name_length);
}

/* Of pointers to pairs. */
static int by_group(const void *a, const void *b)
{
    const struct pair *x = *(const struct pair *const *)a, *y = *(const struct pair *const *)b;
    int c = emo_compare(x->group, x->group_length, y->group, y->group_length);
    return c != 0 ? c : x->row < y->row ? -1 : x->row > y->row;
}

static int by_first(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return x->first->row < y->first->row ? -1 : x->first->row > y->first->row;
}

/* Field number column of a line, ended and unescaped in place; NULL: the line is too short or an
   escape wrong. */
static char *take_field(char *line, size_t column, size_t *length)
{
    for (; column > 0; column--) {
        line = strchr(line, '\t');
        if (line == NULL)
            return NULL;
        line++;
    }
    *length = strcspn(line, "\t");
    line[*length] = '\0';
    if (!emo_unescape(line, length))
        return NULL;
    line[*length] = '\0';
    return line;
}

static bool find_column(const char *header, const char *name, size_t *column)
{
    size_t n = strlen(name);
    for (*column = 0;; ++*column) {
        size_t length = strcspn(header, "\t");
        if (length == n && memcmp(header, name, n) == 0)
            return true;
        if (header[length] == '\0')
            return false;
        header += length + 1;
    }
}

/* A further pair, with its own copy of line, of n bytes. */
static int add_pair(struct emo_group_file *f, const char *line, size_t n, struct pair **p,
                    struct emo_error *err)
{
    if (f->count == f->room) {
        size_t room = f->room > 0 ? 2 * f->room : 1024;
        struct pair *pairs = realloc(f->pairs, room * sizeof *pairs);
        if (pairs == NULL)
            return emo_error_memory(err, room * sizeof *pairs, "names");
        f->pairs = pairs;
        f->room = room;
    }
    *p = &f->pairs[f->count];
    **p = (struct pair){.line = malloc(n + 1), .group = "", .row = f->count};
    if ((*p)->line == NULL)
        return emo_error_memory(err, n, "names");
    memcpy((*p)->line, line, n);
    (*p)->line[n] = '\0';
    f->count++;
    return EMO_OK;
}

static int add_line(struct emo_group_file *f, const char *line, const size_t column[2],
                    struct emo_error *err)
{
    struct pair *p;
    int status = add_pair(f, line, strlen(line), &p, err);
    if (status != EMO_OK)
        return status;
    /* The later column first: ending a field hides what follows it. */
    size_t later = column[0] > column[1] ? 0 : 1;
    char *field[2];
    size_t length[2];
    for (size_t k = 0; k < 2; k++) {
        size_t which = k == 0 ? later : 1 - later;
        field[which] = take_field(p->line, column[which], &length[which]);
        if (field[which] == NULL || length[which] == 0)
            return emo_error(err, EMO_INPUT, "not a name and a %s with valid escapes", f->column);
    }
    p->name = field[0];
    p->name_length = length[0];
    p->group = field[1];
    p->group_length = length[1];
    return EMO_OK;
}

static int add_name(struct emo_group_file *f, const char *line, size_t n, bool escaped,
                    struct emo_error *err)
{
    struct pair *p;
    if (n == 0)
        return EMO_OK;
    int status = add_pair(f, line, n, &p, err);
    if (status != EMO_OK)
        return status;
    p->name = p->line;
    p->name_length = n;
    if (escaped && (memchr(line, '\0', n) != NULL || !emo_unescape(p->line, &p->name_length)))
        return emo_error(err, EMO_INPUT, "a NUL, or a backslash that begins no escape; -0 takes "
                         "names that are ended by NUL, as they are");
    return EMO_OK;
}

static int read_lines(struct emo_group_file *f, FILE *file, const char *path, struct emo_error *err)
{
    size_t column[2] = {0, 0}, room = 0, number = 0;
    char *line = NULL;
    ssize_t n;
    int status = EMO_OK;
    while (status == EMO_OK && (n = getline(&line, &room, file)) >= 0) {
        if (n > 0 && line[n - 1] == '\n')
            line[--n] = '\0';
        if (n > 0 && line[n - 1] == '\r')
            line[--n] = '\0';
        number++;
        if (strlen(line) != (size_t)n)
            status = emo_error(err, EMO_INPUT, "a NUL byte: no text");
        else if (number > 1)
            status = add_line(f, line, column, err);
        else if (!find_column(line, "name", &column[0]) ||
                 !find_column(line, f->column, &column[1]))
            status = emo_error(err, EMO_INPUT, "the header line has no columns \"name\" and "
                               "\"%s\", separated by a tab", f->column);
    }
    if (status == EMO_OK && !feof(file))
        status = emo_error_errno(err, "%s", path);
    else if (status != EMO_OK)
        emo_error_prefix(err, "%s: line %zu", path, number);
    else if (number == 0)
        status = emo_error(err, EMO_INPUT, "%s: empty; a header line with the columns \"name\" and "
                           "\"%s\" was expected", path, f->column);
    free(line);
    return status;
}

static int read_list(struct emo_group_file *f, FILE *file, const char *path, bool null,
                     struct emo_error *err)
{
    char *line = NULL, end = null ? '\0' : '\n';
    size_t room = 0, number = 0;
    ssize_t n;
    int status = EMO_OK;
    while (status == EMO_OK && (n = getdelim(&line, &room, end, file)) >= 0) {
        if (n > 0 && line[n - 1] == end)
            n--;
        if (!null && n > 0 && line[n - 1] == '\r')
            n--;
        number++;
        status = add_name(f, line, (size_t)n, !null, err);
    }
    if (status == EMO_OK && !feof(file))
        status = emo_error_errno(err, "%s", path);
    else if (status != EMO_OK)
        emo_error_prefix(err, "%s: name %zu", path, number);
    free(line);
    return status;
}

/* Of pairs in order: keeps each name once, where the file has it first. */
static int merge_twins(struct emo_group_file *f, const char *path, struct emo_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++) {
        struct pair *a = kept > 0 ? &f->pairs[kept - 1] : NULL, *b = &f->pairs[i];
        char quoted[EMO_QUOTE_SIZE];
        if (a == NULL || by_name(a, b) != 0) {
            struct pair moved = *b;
            b->line = NULL;
            f->pairs[kept++] = moved;
        } else if (emo_compare(a->group, a->group_length, b->group, b->group_length) != 0) {
            return emo_error(err, EMO_INPUT, "%s: two values of the column %s for %s", path,
                             f->column,
                             emo_quote(quoted, sizeof quoted, a->name, a->name_length));
        } else {
            a->row = a->row < b->row ? a->row : b->row;
            free(b->line);
            b->line = NULL;
        }
    }
    f->count = kept;
    return EMO_OK;
}

static bool same_group(const struct pair *a, const struct pair *b)
{
    return emo_compare(a->group, a->group_length, b->group, b->group_length) == 0;
}

/* Finds the groups, and gives each pair the number of its own. */
static int number_groups(struct emo_group_file *f, struct emo_error *err)
{
    struct pair **order = malloc((f->count + 1) * sizeof *order);
    f->groups = calloc(f->count + 1, sizeof *f->groups);
    if (order == NULL || f->groups == NULL) {
        free(order);
        return emo_error_memory(err, (f->count + 1) * sizeof *f->groups, "the groups");
    }
    for (size_t i = 0; i < f->count; i++)
        order[i] = &f->pairs[i];
    if (f->count > 1)
        qsort(order, f->count, sizeof *order, by_group);
    for (size_t i = 0; i < f->count; i++)
        if (i == 0 || !same_group(order[i - 1], order[i]))
            f->groups[f->group_count++] = (struct group){.first = order[i], .place = i};
    if (f->group_count > 1)
        qsort(f->groups, f->group_count, sizeof *f->groups, by_first);
    for (size_t g = 0; g < f->group_count; g++)
        for (size_t i = f->groups[g].place; i < f->count; i++) {
            struct pair *p = order[i];
            if (!same_group(p, f->groups[g].first))
                break;
            p->number = g;
            f->groups[g].size++;
        }
    free(order);
    return EMO_OK;
}

/* column NULL: a list of names. */
static int open_file(struct emo_group_file **group_file, const char *path, const char *column,
                     bool null, struct emo_error *err)
{
    struct emo_group_file *f = calloc(1, sizeof *f);
    *group_file = NULL;
    if (f == NULL)
        return emo_error_memory(err, sizeof *f, "names");
    f->column = column;
    bool standard = column == NULL && strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "r");
    int status = file == NULL     ? emo_error_errno(err, "%s", path)
                 : column != NULL ? read_lines(f, file, path, err)
                                  : read_list(f, file, standard ? "<stdin>" : path, null, err);
    if (file != NULL && !standard)
        (void)fclose(file);
    if (status == EMO_OK && f->count > 1)
        qsort(f->pairs, f->count, sizeof *f->pairs, by_name);
    if (status == EMO_OK)
        status = merge_twins(f, path, err);
    if (status == EMO_OK)
        status = number_groups(f, err);
    if (status == EMO_OK)
        *group_file = f;
    else
        emo_group_file_close(f);
    return status;
}

int emo_group_file_open(struct emo_group_file **f, const char *path, struct emo_error *err)
{
    return open_file(f, path, "group", false, err);
}

int emo_group_file_open_column(struct emo_group_file **f, const char *path, const char *column,
                               struct emo_error *err)
{
    return open_file(f, path, column, false, err);
}

int emo_group_file_open_list(struct emo_group_file **f, const char *path, bool null,
                             struct emo_error *err)
{
    return open_file(f, path, NULL, null, err);
}

void emo_group_file_close(struct emo_group_file *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->count; i++)
        free(f->pairs[i].line);
    free(f->pairs);
    free(f->groups);
    free(f);
}

size_t emo_group_file_count(const struct emo_group_file *f)
{
    return f->group_count;
}

size_t emo_group_file_size(const struct emo_group_file *f, size_t i)
{
    return f->groups[i].size;
}

const char *emo_group_file_group(const struct emo_group_file *f, size_t i, size_t *length)
{
    *length = f->groups[i].first->group_length;
    return f->groups[i].first->group;
}

static const struct pair *find(const struct emo_group_file *f, const char *name, size_t n)
{
    struct pair key = {.name = name, .name_length = n};
    return f->count > 0 ? bsearch(&key, f->pairs, f->count, sizeof *f->pairs, by_name) : NULL;
}

size_t emo_group_file_number(const struct emo_group_file *f, const char *name, size_t n)
{
    const struct pair *p = find(f, name, n);
    return p != NULL ? p->number : SIZE_MAX;
}

const char *emo_group_file_find(const struct emo_group_file *f, const char *name, size_t n,
                                size_t *length)
{
    const struct pair *p = find(f, name, n);
    *length = p != NULL ? p->group_length : 0;
    return p != NULL ? p->group : NULL;
}

bool emo_group_file_index(const struct emo_group_file *f, const char *name, size_t n, size_t *i)
{
    const struct pair *p = find(f, name, n);
    if (p != NULL)
        *i = (size_t)(p - f->pairs);
    return p != NULL;
}

size_t emo_group_file_names(const struct emo_group_file *f)
{
    return f->count;
}

const char *emo_group_file_at(const struct emo_group_file *f, size_t i, size_t *length)
{
    *length = f->pairs[i].group_length;
    return f->pairs[i].group;
}
