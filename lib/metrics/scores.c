#include "metrics/scores.h"

#include "base/text.h"
#include "metrics/confusion.h"
#include "metrics/scores_names.h"
#include "metrics/scores_text.h"
#include "stream/reader.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 256u
#define SUM_TOLERANCE 1e-3

static void free_classes(struct emo_scores *s)
{
    for (size_t k = 0; k < s->class_count; k++)
        free(s->classes[k]);
    free(s->classes);
    s->classes = NULL;
    s->class_count = 0;
}

void emo_scores_free(struct emo_scores *s)
{
    free_classes(s);
    free(s->at);
    free(s->p);
    free(s->names);
    free(s->name_end);
    free(s->by_name);
    *s = (struct emo_scores){0};
}

int emo_scores_set_classes(struct emo_scores *s, const char *const *names, size_t count,
                           struct emo_error *err)
{
    free_classes(s);
    if (count < 2 || count > EMO_CAP_CONFUSION)
        return emo_error(err, EMO_INPUT, "scores of %zu class%s; metrics need 2 to %u classes",
                         count, count == 1 ? "" : "es", EMO_CAP_CONFUSION);
    s->classes = calloc(count, sizeof *s->classes);
    if (s->classes == NULL)
        return emo_error_memory(err, count * sizeof *s->classes, "classes");
    for (; s->class_count < count; s->class_count++) {
        size_t n = strlen(names[s->class_count]) + 1;
        char *copy = malloc(n);
        if (copy == NULL)
            return emo_error_memory(err, n, "a class");
        s->classes[s->class_count] = memcpy(copy, names[s->class_count], n);
    }
    return EMO_OK;
}

int emo_scores_class(const struct emo_scores *s, const char *name)
{
    size_t low = 0, high = s->class_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(s->classes[middle], name);
        if (order == 0)
            return (int)middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static int grow(struct emo_scores *s, struct emo_error *err)
{
    size_t room = s->room > 0 ? 2 * s->room : FIRST_ROOM;
    size_t row = s->class_count * sizeof *s->p;
    if (room > SIZE_MAX / 4 / (row + sizeof *s->at))
        return emo_error(err, EMO_FAILED, "too many scores for this machine's memory");
    struct emo_score *at = realloc(s->at, room * sizeof *at);
    if (at == NULL)
        return emo_error_memory(err, room * sizeof *at, "scores");
    s->at = at;
    double *p = realloc(s->p, room * row);
    if (p == NULL)
        return emo_error_memory(err, room * row, "scores");
    s->p = p;
    if (s->named) {
        size_t *end = realloc(s->name_end, room * sizeof *end);
        if (end == NULL)
            return emo_error_memory(err, room * sizeof *end, "names");
        s->name_end = end;
    }
    s->room = room;
    return EMO_OK;
}

static bool is_probability(const double *row, size_t n)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++) {
        if (!isfinite(row[k]))
            return true; /* told apart elsewhere */
        if (row[k] < 0 || row[k] > 1)
            return false;
        sum += row[k];
    }
    return fabs(sum - 1) <= SUM_TOLERANCE;
}

int emo_scores_add(struct emo_scores *s, struct emo_score score, const double *row,
                   struct emo_error *err)
{
    if (s->count == s->room) {
        int status = grow(s, err);
        if (status != EMO_OK)
            return status;
    }
    s->at[s->count] = score;
    memcpy(s->p + s->count * s->class_count, row, s->class_count * sizeof *row);
    s->probabilities = s->probabilities && is_probability(row, s->class_count);
    s->count++;
    return EMO_OK;
}

bool emo_scores_finite(const struct emo_scores *s, size_t i)
{
    for (size_t k = 0; k < s->class_count; k++)
        if (!isfinite(s->p[i * s->class_count + k]))
            return false;
    return true;
}

static int add_record(struct emo_scores *s, const struct emo_record *r, double *row,
                      struct emo_error *err)
{
    bool single = r->dtype == EMO_F32;
    if ((!single && r->dtype != EMO_F64) || r->rank != 1 || r->dim[0] != s->class_count) {
        char where[EMO_WHERE_SIZE], dims[48];
        return emo_error(err, EMO_INPUT, "%s: %s of type %s, but a score for each of %zu classes "
                         "is needed, as f32 or f64", emo_record_where(r, where, sizeof where),
                         emo_record_dims(r, dims, sizeof dims), emo_dtype_name(r->dtype),
                         s->class_count);
    }
    for (size_t k = 0; k < s->class_count; k++)
        row[k] = single ? (double)((const float *)r->payload)[k] : ((const double *)r->payload)[k];
    if (single)
        s->epsilon = (double)FLT_EPSILON;
    int64_t seen;
    struct emo_score score = {.label = r->label, .split = r->split, .seen = EMO_SEEN_UNKNOWN};
    if (emo_metadata_i64(&r->metadata, "seen", &seen))
        score.seen = seen != 0 ? EMO_SEEN : EMO_UNSEEN;
    int status = emo_scores_add(s, score, row, err);
    if (status == EMO_OK && s->named) {
        size_t n;
        const char *name = emo_record_name(r, &n);
        status = emo_scores_add_name(s, name, n, err);
    }
    return status;
}

static int read_stream(struct emo_scores *s, struct emo_source *first, const char *const *paths,
                       size_t count, struct emo_error *err)
{
    struct emo_reader *reader;
    struct emo_record record = {0};
    double *row = NULL;
    bool got = true;
    int status = emo_reader_open_peeked(&reader, first, paths, count, 1u << EMO_SCORES, err);
    if (status != EMO_OK)
        return status;
    const struct emo_head *head = emo_reader_head(reader);
    s->epsilon = DBL_EPSILON;
    status = emo_scores_set_classes(s, (const char *const *)head->classes, head->class_count, err);
    if (status != EMO_OK)
        emo_error_prefix(err, "%s", emo_reader_file(reader));
    else if ((row = malloc(s->class_count * sizeof *row)) == NULL)
        status = emo_error_memory(err, s->class_count * sizeof *row, "a row of scores");
    while (status == EMO_OK && got) {
        status = emo_reader_next(reader, &record, &got, err);
        if (status == EMO_OK && got)
            status = add_record(s, &record, row, err);
    }
    free(row);
    emo_record_free(&record);
    emo_reader_close(reader);
    return status;
}

static int read_either(struct emo_scores *s, const char *const *paths, size_t count,
                       struct emo_error *err)
{
    static const char *const standard[] = {"-"};
    if (count == 0) {
        paths = standard;
        count = 1;
    }
    struct emo_source first = {0};
    uint8_t byte = 0;
    bool got = false;
    int status = emo_source_open(&first, paths[0], err);
    if (status == EMO_OK)
        status = emo_source_peek(&first, &byte, &got, err);
    /* An empty input is left to the stream's reader, which says that it is none. */
    if (status == EMO_OK && got && byte != (uint8_t)EMO_MAGIC[0])
        return emo_scores_read_text(s, &first, paths, count, err);
    if (status == EMO_OK)
        return read_stream(s, &first, paths, count, err);
    emo_source_free(&first);
    return status;
}

int emo_scores_read(struct emo_scores *s, const char *const *paths, size_t count,
                    struct emo_error *err)
{
    *s = (struct emo_scores){.probabilities = true};
    return read_either(s, paths, count, err);
}

int emo_scores_read_named(struct emo_scores *s, const char *const *paths, size_t count,
                          struct emo_error *err)
{
    *s = (struct emo_scores){.probabilities = true, .named = true};
    int status = read_either(s, paths, count, err);
    return status == EMO_OK ? emo_scores_order_names(s, err) : status;
}

int emo_scores_rank(const struct emo_scores *s, const size_t *rows, size_t n, size_t k,
                    size_t positive, struct emo_ranking *r, struct emo_error *err)
{
    size_t used = 0;
    double *scores = malloc((n + 1) * sizeof *scores);
    uint8_t *hits = malloc(n + 1);
    *r = (struct emo_ranking){0};
    int status = scores != NULL && hits != NULL
                     ? EMO_OK
                     : emo_error_memory(err, n * sizeof *scores, "scores");
    for (size_t i = 0; status == EMO_OK && i < n; i++) {
        const double *p = s->p + rows[i] * s->class_count;
        if (s->at[rows[i]].label < 0 || !emo_scores_finite(s, rows[i]))
            continue;
        if (s->class_count == 2)
            scores[used] = k == positive ? p[positive] : -p[positive];
        else
            scores[used] = p[k];
        hits[used++] = (size_t)s->at[rows[i]].label == k;
    }
    if (status == EMO_OK)
        status = emo_rank(r, scores, hits, used, err);
    free(scores);
    free(hits);
    return status;
}
