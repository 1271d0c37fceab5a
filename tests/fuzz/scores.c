/* Scores as text and as a stream, and every figure and report made of them. */
#include "support/target.h"

#include "metrics/report.h"

#include <stdlib.h>
#include <string.h>

/* Figures of more take long, and are made in the same way. */
#define MOST_CLASSES 16u

static void report(const struct emo_scores *s, const struct emo_group *g)
{
    struct emo_error err = {0};
    const struct emo_report r = {.scores = s, .rules = {.threshold = 0.5, .positive = 1}};
    struct emo_evaluation e;
    struct emo_text out = {0};
    if (emo_evaluate(&e, s, g, &r.rules, &err) != EMO_OK) {
        FUZZ_PROMISE(err.status == EMO_INPUT);
        return;
    }
    FUZZ_PROMISE(e.images + e.unlabelled == g->count);
    FUZZ_PROMISE(!(e.accuracy < 0) && !(e.accuracy > 1));
    FUZZ_PROMISE(!(e.overall.auc < 0) && !(e.overall.auc > 1));
    emo_report_text(&out, &r, g, &e);
    emo_report_json(&out, &r, g, &e);
    for (int kind = EMO_CURVE_ROC; kind <= EMO_CURVE_PR; kind++) {
        emo_report_curve_header(&out, (enum emo_curve_kind)kind);
        FUZZ_PROMISE(emo_report_curve(&out, (enum emo_curve_kind)kind, &r, g, &e, &err) == EMO_OK);
    }
    FUZZ_PROMISE(!out.failed && emo_is_utf8(out.bytes, 0));
    emo_text_free(&out);
    emo_evaluation_free(&e);
}

static void read_scores(const char *const *paths, size_t count)
{
    struct emo_error err = {0};
    struct emo_scores s;
    struct emo_groups groups;
    int status = emo_scores_read(&s, paths, count, &err);
    FUZZ_PROMISE(status == EMO_OK || (status == EMO_INPUT && err.text[0] != '\0'));
    if (status == EMO_OK && s.class_count <= MOST_CLASSES) {
        FUZZ_PROMISE(emo_groups_make(&groups, &s, ~0u, &err) == EMO_OK);
        for (size_t i = 0; i < groups.count; i++)
            report(&s, &groups.at[i]);
        emo_groups_free(&groups);
    }
    emo_scores_free(&s);
}

/* A row is found by every name; of several with the same, any. */
static void read_named(const char *path)
{
    struct emo_error err = {0};
    struct emo_scores s;
    int status = emo_scores_read_named(&s, &path, 1, &err);
    FUZZ_PROMISE(status == EMO_OK || (status == EMO_INPUT && err.text[0] != '\0'));
    for (size_t i = 0, start = 0; status == EMO_OK && i < s.count; start = s.name_end[i++]) {
        size_t n = s.name_end[i] - start, at = emo_scores_find(&s, s.names + start, n);
        FUZZ_PROMISE(at < s.count);
        size_t from = at > 0 ? s.name_end[at - 1] : 0;
        FUZZ_PROMISE(s.name_end[at] - from == n &&
                     (n == 0 || memcmp(s.names + from, s.names + start, n) == 0));
    }
    emo_scores_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    FUZZ_PROMISE(copy != NULL);
    memcpy(copy, bytes, n);
    fuzz_repair(copy, n, FUZZ_ALL);
    const char *path = fuzz_file(copy, n), *const paths[] = {path, path};
    read_scores(paths, 1);
    read_scores(paths, 2);
    read_named(path);
    free(copy);
    return 0;
}
