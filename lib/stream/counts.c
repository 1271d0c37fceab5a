#include "stream/counts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int emo_counts_begin(struct emo_counts *c, const struct emo_head *head, struct emo_error *err)
{
    emo_counts_free(c);
    c->head = head;
    c->of = calloc(head->class_count + 1, sizeof *c->of);
    if (c->of == NULL)
        return emo_error_memory(err, head->class_count * sizeof *c->of, "counts");
    return EMO_OK;
}

void emo_counts_free(struct emo_counts *c)
{
    free(c->of);
    c->of = NULL;
}

void emo_counts_add(struct emo_counts *c, const struct emo_record *r)
{
    c->of[r->label < 0 ? c->head->class_count : (size_t)r->label][r->split]++;
}

static uint64_t sum(const struct emo_counts *c, size_t line)
{
    uint64_t all = 0;
    for (size_t s = 0; s < EMO_SPLITS_COUNT; s++)
        all += c->of[line][s];
    return all;
}

/* NULL: the unlabelled. */
static const char *class_name(const struct emo_counts *c, size_t line)
{
    return line < c->head->class_count ? c->head->classes[line] : NULL;
}

size_t emo_counts_lines(const struct emo_counts *c)
{
    return c->head->class_count + (sum(c, c->head->class_count) > 0);
}

void emo_counts_columns(struct emo_text *out)
{
    emo_text_printf(out, "class\tnone\ttrain\tvalid\ttest\tall");
}

void emo_counts_row(struct emo_text *out, const struct emo_counts *c, size_t line)
{
    const char *class = class_name(c, line);
    if (class != NULL)
        emo_text_escaped(out, class, strlen(class));
    else
        emo_text_printf(out, "NA");
    for (size_t s = 0; s < EMO_SPLITS_COUNT; s++)
        emo_text_printf(out, "\t%" PRIu64, c->of[line][s]);
    emo_text_printf(out, "\t%" PRIu64, sum(c, line));
}

void emo_counts_object(struct emo_text *out, const struct emo_counts *c, size_t line)
{
    const char *class = class_name(c, line);
    emo_text_printf(out, "{\"class\":");
    emo_text_json(out, class, class != NULL ? strlen(class) : 0);
    for (uint8_t s = 0; s < EMO_SPLITS_COUNT; s++)
        emo_text_printf(out, ",\"%s\":%" PRIu64, emo_split_name(s), c->of[line][s]);
    emo_text_printf(out, ",\"all\":%" PRIu64, sum(c, line));
}
