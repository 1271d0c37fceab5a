#include "stream/join.h"

#include "stream/take.h"

#include <stdlib.h>
#include <string.h>

/* a's classes become the union of a's and b's. */
static int join_classes(struct emo_head *a, const struct emo_head *b, struct emo_error *err)
{
    size_t n = 0;
    struct emo_head both = {0};
    if (emo_head_same_classes(a, b))
        return EMO_OK;
    const char **names = calloc(a->class_count + b->class_count + 1, sizeof *names);
    if (names == NULL)
        return emo_error_memory(err, (a->class_count + b->class_count) * sizeof *names, "classes");
    for (size_t i = 0; i < a->class_count; i++)
        names[n++] = a->classes[i];
    for (size_t i = 0; i < b->class_count; i++)
        names[n++] = b->classes[i];
    int status = emo_head_gather_classes(&both, names, n, err);
    if (status == EMO_OK)
        status = emo_head_set_classes(a, (const char *const *)both.classes, both.class_count, err);
    emo_head_free(&both);
    free(names);
    return status;
}

/* The next line at *at, which begins as 0, with its LF; *n its length. NULL: there are no more. */
static const char *next_line(const struct emo_text *lines, size_t *at, size_t *n)
{
    if (*at >= lines->length)
        return NULL;
    const char *line = lines->bytes + *at;
    *n = strcspn(line, "\n") + 1;
    *at += *n;
    return line;
}

static bool has_line(const struct emo_text *lines, const char *line, size_t n)
{
    const char *own;
    size_t at = 0, length;
    while ((own = next_line(lines, &at, &length)) != NULL)
        if (length == n && memcmp(own, line, n) == 0)
            return true;
    return false;
}

/* The bytes of a line "@KEY name value" before the value; 0: it is another. */
static size_t key_length(const char *line, size_t n)
{
    if (n < 5 || memcmp(line, "@KEY\t", 5) != 0)
        return 0;
    const char *tab = memchr(line + 5, '\t', n - 5);
    return tab != NULL ? (size_t)(tab + 1 - line) : 0;
}

/* Of the lines, that of the same key as line; NULL: none. */
static const char *same_key(const struct emo_text *lines, const char *line, size_t key, size_t *n)
{
    const char *own;
    size_t at = 0;
    while ((own = next_line(lines, &at, n)) != NULL)
        if (key_length(own, *n) == key && memcmp(own, line, key) == 0)
            return own;
    return NULL;
}

static bool is_key(const char *line, const char *name)
{
    size_t n = strlen(name);
    return memcmp(line + 5, name, n) == 0 && line[5 + n] == '\t';
}

/* A key that must be the same where it is there at all. */
static bool must_agree(const char *line)
{
    return is_key(line, "input") || is_key(line, "epochs");
}

static int disagree(const char *file, const char *a, size_t an, const char *b, size_t bn,
                    size_t key, struct emo_error *err)
{
    char one[EMO_QUOTE_SIZE], other[EMO_QUOTE_SIZE];
    return emo_error(err, EMO_INPUT, "%s: %.*s %s, but %s in what comes before; they cannot be "
                     "one stream", file, (int)(key - 6), a + 5,
                     emo_quote(one, sizeof one, b + key, bn - key - 1),
                     emo_quote(other, sizeof other, a + key, an - key - 1));
}

/* Lines of a that b has, too, or that are no keys; then those of b that a lacks. */
static int join_lines(struct emo_head *a, const struct emo_head *b, const char *file,
                      struct emo_error *err)
{
    struct emo_text out = {0};
    const char *line, *other;
    size_t at = 0, n, m, key;
    int status = EMO_OK;
    while (status == EMO_OK && (line = next_line(&a->lines, &at, &n)) != NULL) {
        key = key_length(line, n);
        other = key > 0 ? same_key(&b->lines, line, key, &m) : NULL;
        bool same = other != NULL && m == n && memcmp(other, line, n) == 0;
        if (other != NULL && !same && must_agree(line))
            status = disagree(file, line, n, other, m, key, err);
        if (key == 0 || same || (other == NULL && must_agree(line)))
            emo_text_add(&out, line, n);
    }
    at = 0;
    while (status == EMO_OK && (line = next_line(&b->lines, &at, &n)) != NULL) {
        key = key_length(line, n);
        if (key == 0 ? !has_line(&a->lines, line, n)
                     : must_agree(line) && same_key(&a->lines, line, key, &m) == NULL)
            emo_text_add(&out, line, n);
    }
    if (status == EMO_OK && out.failed)
        status = emo_error_memory(err, a->lines.length + b->lines.length, "a stream's head");
    if (status != EMO_OK) {
        emo_text_free(&out);
        return status;
    }
    emo_text_free(&a->lines);
    a->lines = out;
    return EMO_OK;
}

static int join_heads(struct emo_head *a, const struct emo_head *b, const char *file,
                      struct emo_error *err)
{
    if (a->kind != b->kind)
        return emo_error(err, EMO_INPUT, "%s: a stream of kind %s after one of kind %s", file,
                         emo_kind_name(b->kind), emo_kind_name(a->kind));
    if (a->kind == EMO_MODEL || a->kind == EMO_CHECKPOINT)
        return emo_error(err, EMO_INPUT, "%s: of kind %s, of which several cannot be one", file,
                         emo_kind_name(b->kind));
    if (a->kind == EMO_SCORES && !emo_head_same_classes(a, b))
        return emo_error(err, EMO_INPUT, "%s: scores of other classes than those before", file);
    if (a->records_expected == EMO_UNKNOWN || b->records_expected == EMO_UNKNOWN ||
        __builtin_add_overflow(a->records_expected, b->records_expected, &a->records_expected))
        a->records_expected = EMO_UNKNOWN;
    int status = join_classes(a, b, err);
    return status == EMO_OK ? join_lines(a, b, file, err) : status;
}

/* The HEAD of one path. What can be opened again is closed. */
static int look(struct emo_source *s, const char *path, struct emo_head *head,
                struct emo_scratch *scratch, struct emo_error *err)
{
    struct emo_head_frame f;
    bool got;
    int status = emo_source_open(s, path, err);
    if (status == EMO_OK)
        status = emo_take_head(s, &f, scratch, head, &got, err);
    if (status != EMO_OK)
        return status;
    if (s->regular && !s->standard) {
        emo_source_free(s);
        *s = (struct emo_source){0};
        return EMO_OK;
    }
    status = emo_source_unread(s, scratch->bytes, (size_t)emo_pad64(f.text_length), err);
    if (status == EMO_OK)
        status = emo_source_unread(s, &f, sizeof f, err);
    if (status != EMO_OK)
        emo_head_free(head);
    return status;
}

int emo_join_open(struct emo_reader **r, const char *const *paths, size_t count, unsigned kinds,
                  struct emo_error *err)
{
    static const char *const standard[] = {"-"};
    struct emo_scratch scratch = {0};
    struct emo_head whole = {0};
    int status = EMO_OK;
    *r = NULL;
    if (count == 0) {
        paths = standard;
        count = 1;
    }
    struct emo_source *sources = calloc(count, sizeof *sources);
    if (sources == NULL)
        return emo_error_memory(err, count * sizeof *sources, "streams");
    for (size_t i = 0; status == EMO_OK && i < count; i++) {
        struct emo_head head;
        status = look(&sources[i], paths[i], &head, &scratch, err);
        if (status != EMO_OK)
            break;
        if (!(kinds & 1u << head.kind))
            status = emo_error(err, EMO_INPUT, "%s: a stream of kind %s cannot be used here",
                               paths[i], emo_kind_name(head.kind));
        else if (i > 0)
            status = join_heads(&whole, &head, paths[i], err);
        if (i > 0 || status != EMO_OK)
            emo_head_free(&head);
        else
            whole = head;
    }
    whole.shard = 0;
    whole.shards = 1;
    if (status == EMO_OK) {
        status = emo_reader_open_joined(r, sources, paths, count, &whole, err);
    } else {
        for (size_t i = 0; i < count; i++)
            emo_source_free(&sources[i]);
        free(sources);
    }
    emo_head_free(&whole);
    free(scratch.bytes);
    return status;
}
