#include "stream/head.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_classes(struct emo_head *h)
{
    for (size_t i = 0; i < h->class_count; i++)
        free(h->classes[i]);
    free(h->classes);
    h->classes = NULL;
    h->class_count = 0;
}

void emo_head_free(struct emo_head *h)
{
    free_classes(h);
    emo_text_free(&h->lines);
    *h = (struct emo_head){0};
}

void emo_head_begin(struct emo_head *h, uint16_t kind)
{
    *h = (struct emo_head){.kind = kind, .records_expected = EMO_UNKNOWN, .shards = 1};
}

int emo_head_copy(struct emo_head *to, const struct emo_head *from, struct emo_error *err)
{
    *to = *from;
    if (from->shards > 1) {
        to->shard = 0;
        to->shards = 1;
        to->records_expected = EMO_UNKNOWN;
    }
    to->classes = NULL;
    to->class_count = 0;
    to->lines = (struct emo_text){0};
    int status = emo_head_set_classes(to, (const char *const *)from->classes, from->class_count,
                                      err);
    emo_text_add(&to->lines, from->lines.bytes, from->lines.length);
    if (status == EMO_OK && to->lines.failed)
        status = emo_error_memory(err, from->lines.length, "a stream's head");
    if (status != EMO_OK)
        emo_head_free(to);
    return status;
}

int emo_head_set_classes(struct emo_head *h, const char *const *names, size_t count,
                         struct emo_error *err)
{
    char **classes = NULL;
    if (count > EMO_CAP_CLASSES)
        return emo_error(err, EMO_INPUT, "%zu classes; at most %u are possible", count,
                         EMO_CAP_CLASSES);
    if (count > 0 && (classes = calloc(count, sizeof *classes)) == NULL)
        return emo_error_memory(err, count * sizeof *classes, "class names");
    free_classes(h);
    h->classes = classes;
    for (size_t i = 0; i < count; i++) {
        char quoted[EMO_QUOTE_SIZE];
        if (i > 0 && strcmp(names[i - 1], names[i]) >= 0)
            return emo_error(err, EMO_INPUT, "class %s is not after the one before it in byte order",
                             emo_quote(quoted, sizeof quoted, names[i], strlen(names[i])));
        classes[i] = strdup(names[i]);
        if (classes[i] == NULL)
            return emo_error_memory(err, strlen(names[i]) + 1, "a class name");
        h->class_count++;
    }
    return EMO_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int emo_head_gather_classes(struct emo_head *h, const char **names, size_t count,
                            struct emo_error *err)
{
    size_t unique = 0;
    if (count > 1)
        qsort(names, count, sizeof *names, by_bytes);
    for (size_t i = 0; i < count; i++)
        if (unique == 0 || strcmp(names[unique - 1], names[i]) != 0)
            names[unique++] = names[i];
    return emo_head_set_classes(h, names, unique, err);
}

bool emo_head_same_classes(const struct emo_head *a, const struct emo_head *b)
{
    if (a->class_count != b->class_count)
        return false;
    for (size_t i = 0; i < a->class_count; i++)
        if (strcmp(a->classes[i], b->classes[i]) != 0)
            return false;
    return true;
}

int emo_head_class_index(const struct emo_head *h, const char *name)
{
    for (size_t i = 0; i < h->class_count; i++)
        if (strcmp(h->classes[i], name) == 0)
            return (int)i;
    return -1;
}

/* "@CLASS index name": appends the name to names. */
static int parse_class(char *fields, size_t n, char ***names, size_t *count, struct emo_error *err)
{
    char *tab = memchr(fields, '\t', n), *end = fields + n;
    uint64_t index;
    if (tab == NULL)
        return emo_error(err, EMO_INPUT, "head text: @CLASS without a name");
    char *name = tab + 1;
    size_t length = (size_t)(end - name);
    *tab = '\0';
    if (memchr(name, '\t', length) != NULL || !emo_parse_uint(fields, &index) || index != *count)
        return emo_error(err, EMO_INPUT, "head text: @CLASS lines are not numbered 0, 1, 2, ...");
    if (*count >= EMO_CAP_CLASSES)
        return emo_error(err, EMO_INPUT, "head text: more than %u classes", EMO_CAP_CLASSES);
    if (!emo_unescape(name, &length) || memchr(name, '\0', length) != NULL)
        return emo_error(err, EMO_INPUT, "head text: the name of class %" PRIu64
                         " is not validly escaped", index);
    /* Doubling at powers of two keeps the cost linear. */
    if ((*count & (*count - 1)) == 0) {
        char **more = realloc(*names, (*count > 0 ? 2 * *count : 1) * sizeof **names);
        if (more == NULL)
            return emo_error_memory(err, 2 * *count * sizeof **names, "class names");
        *names = more;
    }
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return emo_error_memory(err, length + 1, "a class name");
    memcpy(copy, name, length);
    copy[length] = '\0';
    (*names)[(*count)++] = copy;
    return EMO_OK;
}

static int parse_lines(struct emo_head *h, char *text, size_t n, char ***names, size_t *count,
                       struct emo_error *err)
{
    for (size_t at = 0; at < n;) {
        char *line = text + at, *end = memchr(line, '\n', n - at);
        if (end == NULL)
            return emo_error(err, EMO_INPUT, "head text: the last line has no end");
        size_t length = (size_t)(end - line);
        at += length + 1;
        if (length == 0 || line[0] != '@' || memchr(line, '\0', length) != NULL)
            return emo_error(err, EMO_INPUT, "head text: a line does not begin with @");
        *end = '\0';
        int status = EMO_OK;
        if (length >= 6 && memcmp(line, "@CLASS", 7) == 0) {
            status = emo_error(err, EMO_INPUT, "head text: @CLASS without a name");
        } else if (length > 6 && memcmp(line, "@CLASS\t", 7) == 0) {
            status = parse_class(line + 7, length - 7, names, count, err);
        } else {
            emo_text_add(&h->lines, line, length);
            emo_text_add(&h->lines, "\n", 1);
        }
        if (status != EMO_OK)
            return status;
    }
    return EMO_OK;
}

int emo_head_parse(struct emo_head *h, const char *text, size_t n, struct emo_error *err)
{
    char **names = NULL, *copy = malloc(n + 1);
    size_t count = 0;
    if (copy == NULL)
        return emo_error_memory(err, n + 1, "a stream's head");
    if (n > 0)
        memcpy(copy, text, n);
    copy[n] = '\0';
    int status = parse_lines(h, copy, n, &names, &count, err);
    if (status == EMO_OK && h->lines.failed)
        status = emo_error_memory(err, n, "a stream's head");
    if (status == EMO_OK)
        status = emo_head_set_classes(h, (const char *const *)names, count, err);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    free(copy);
    return status;
}

int emo_head_format(const struct emo_head *h, struct emo_text *out, struct emo_error *err)
{
    for (size_t i = 0; i < h->class_count; i++) {
        emo_text_printf(out, "@CLASS\t%zu\t", i);
        emo_text_escaped(out, h->classes[i], strlen(h->classes[i]));
        emo_text_add(out, "\n", 1);
    }
    emo_text_add(out, h->lines.bytes, h->lines.length);
    if (out->failed || h->lines.failed)
        return emo_error_memory(err, h->lines.length, "a stream's head");
    size_t cap = h->kind == EMO_MODEL || h->kind == EMO_CHECKPOINT ? EMO_CAP_TEXT_MODEL
                                                                   : EMO_CAP_TEXT;
    if (out->length > cap)
        return emo_error(err, EMO_INPUT, "the stream's head text would be %zu bytes; at most %zu "
                         "are possible", out->length, cap);
    return EMO_OK;
}

int emo_head_frame(const struct emo_head *h, struct emo_head_frame *f, struct emo_text *out,
                   struct emo_error *err)
{
    out->length = 0;
    int status = emo_head_format(h, out, err);
    if (status != EMO_OK)
        return status;
    *f = (struct emo_head_frame){
        .frame_length = EMO_FRAME_SIZE + emo_pad64(out->length),
        .text_length = (uint32_t)out->length,
        .text_crc = emo_crc32(0, out->bytes, out->length),
        .major = EMO_MAJOR,
        .minor = EMO_MINOR,
        .records_expected = h->records_expected,
        .shard = h->shard,
        .shards = h->shards,
        .may = h->may,
        .kind = h->kind,
    };
    memcpy(f->magic, EMO_MAGIC, sizeof f->magic);
    f->header_crc = emo_header_crc(f);
    return EMO_OK;
}

/* The line "@KEY\tNAME\t" at or after *at: its start in *at, value in [*value, *end); false: none.
   prefix is the line's beginning. */
static bool find_line(const struct emo_head *h, const char *prefix, size_t *at, size_t *value,
                      size_t *end)
{
    size_t n = strlen(prefix);
    while (*at < h->lines.length) {
        const char *line = h->lines.bytes + *at;
        const char *newline = memchr(line, '\n', h->lines.length - *at);
        size_t length = (size_t)(newline - line);
        if (length >= n && memcmp(line, prefix, n) == 0) {
            *value = *at + n;
            *end = *at + length;
            return true;
        }
        *at += length + 1;
    }
    return false;
}

/* The same of the line of a key, without memory that could be missing. */
static bool find_key(const struct emo_head *h, const char *name, size_t *at, size_t *value,
                     size_t *end)
{
    size_t n = strlen(name);
    for (*at = 0; find_line(h, "@KEY\t", at, value, end); *at = *end + 1) {
        const char *there = h->lines.bytes + *value;
        if (*end - *value > n && memcmp(there, name, n) == 0 && there[n] == '\t') {
            *value += n + 1;
            return true;
        }
    }
    return false;
}

/* Appends the unescaped bytes of the lines' [from, to). */
static bool add_unescaped(const struct emo_head *h, size_t from, size_t to, struct emo_text *out)
{
    size_t start = out->length, n = to - from;
    emo_text_add(out, h->lines.bytes + from, n);
    if (out->failed || n == 0)
        return !out->failed;
    if (!emo_unescape(out->bytes + start, &n))
        return false;
    out->length = start + n;
    out->bytes[out->length] = '\0';
    return true;
}

bool emo_head_key(const struct emo_head *h, const char *name, struct emo_text *out)
{
    size_t at, value, end;
    out->length = 0;
    if (out->bytes != NULL)
        out->bytes[0] = '\0';
    bool found = find_key(h, name, &at, &value, &end) && add_unescaped(h, value, end, out);
    /* bytes must be a string even when the value is empty. */
    if (found && out->bytes == NULL)
        emo_text_printf(out, "%s", "");
    return found && !out->failed;
}

bool emo_head_key_short(const struct emo_head *h, const char *name, char to[EMO_KEY_SHORT])
{
    size_t at, value, end;
    if (!find_key(h, name, &at, &value, &end) || end - value >= EMO_KEY_SHORT)
        return false;
    memcpy(to, h->lines.bytes + value, end - value);
    to[end - value] = '\0';
    return true;
}

bool emo_head_key_int(const struct emo_head *h, const char *name, int64_t *value)
{
    char text[EMO_KEY_SHORT];
    return emo_head_key_short(h, name, text) && emo_parse_int(text, value);
}

bool emo_head_input(const struct emo_head *h, uint32_t *height, uint32_t *width,
                    uint32_t *channels)
{
    char text[EMO_KEY_SHORT], end;
    return emo_head_key_short(h, "input", text) &&
           sscanf(text, "%5" SCNu32 "x%5" SCNu32 "x%5" SCNu32 "%c", height, width, channels,
                  &end) == 3 &&
           *height > 0 && *width > 0 && *channels > 0;
}

/* Cuts the lines' [from, to) out. */
static void cut(struct emo_head *h, size_t from, size_t to)
{
    memmove(h->lines.bytes + from, h->lines.bytes + to, h->lines.length - to);
    h->lines.length -= to - from;
    h->lines.bytes[h->lines.length] = '\0';
}

int emo_head_set_key(struct emo_head *h, const char *name, const char *value,
                     struct emo_error *err)
{
    struct emo_text line = {0}, lines = {0};
    size_t at, start, end;
    bool found = find_key(h, name, &at, &start, &end);
    emo_text_printf(&line, "@KEY\t%s\t", name);
    emo_text_escaped(&line, value, strlen(value));
    emo_text_add(&line, "\n", 1);
    if (found) {
        emo_text_add(&lines, h->lines.bytes, at);
        emo_text_add(&lines, line.bytes, line.length);
        emo_text_add(&lines, h->lines.bytes + end + 1, h->lines.length - end - 1);
        emo_text_free(&h->lines);
        h->lines = lines;
    } else {
        emo_text_add(&h->lines, line.bytes, line.length);
    }
    bool failed = line.failed || h->lines.failed;
    emo_text_free(&line);
    return failed ? emo_error_memory(err, strlen(value), "a stream's head") : EMO_OK;
}

void emo_head_remove_key(struct emo_head *h, const char *name)
{
    size_t at, value, end;
    if (find_key(h, name, &at, &value, &end))
        cut(h, at, end + 1);
}

bool emo_head_net(const struct emo_head *h, struct emo_text *out)
{
    size_t at = 0, value, end;
    bool found = false;
    while (find_line(h, "@NET\t", &at, &value, &end)) {
        if (!add_unescaped(h, value, end, out))
            return false;
        emo_text_add(out, "\n", 1);
        at = end + 1;
        found = true;
    }
    return found && !out->failed;
}

int emo_head_set_net(struct emo_head *h, const char *text, struct emo_error *err)
{
    size_t at = 0, value, end;
    while (find_line(h, "@NET\t", &at, &value, &end))
        cut(h, at, end + 1);
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        emo_text_add(&h->lines, "@NET\t", 5);
        emo_text_escaped(&h->lines, text, n);
        emo_text_add(&h->lines, "\n", 1);
        text += n + (text[n] == '\n');
    }
    return h->lines.failed ? emo_error_memory(err, strlen(text), "a stream's head") : EMO_OK;
}

int emo_head_add_pg(struct emo_head *h, const char *program, const char *version,
                    const char *options, const uint64_t *seed, struct emo_error *err)
{
    emo_text_printf(&h->lines, "@PG\t%s\t%s\t", program, version);
    emo_text_escaped(&h->lines, options, strlen(options));
    if (seed != NULL)
        emo_text_printf(&h->lines, "\t%" PRIu64 "\n", *seed);
    else
        emo_text_add(&h->lines, "\tNA\n", 4);
    return h->lines.failed ? emo_error_memory(err, strlen(options), "a stream's head") : EMO_OK;
}
