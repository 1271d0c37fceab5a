#include "metrics/report.h"

#include "stream/frame.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#define COLUMNS 80
#define NAME_MOST 24      /* columns of a class's name in a table */
#define CELL_NAME_MOST 12 /* the same at the head of a matrix's column */
#define MAJORITY_MOST 10  /* the same in its line */
#define CELL_LEAST 5
#define CONFUSIONS 10u

/* Bytes of the first character of s, n >= 1 left, and its columns; a byte that is none is one. */
static size_t character(const char *s, size_t n, int *columns)
{
    wchar_t wide;
    mbstate_t state = {0};
    size_t bytes = mbrtowc(&wide, s, n, &state);
    *columns = 1;
    if (bytes == 0 || bytes > n)
        return 1;
    int w = wcwidth(wide);
    *columns = w >= 0 ? w : 1;
    return bytes;
}

static int columns_of(const char *s, size_t n)
{
    int sum = 0, one;
    for (size_t i = 0; i < n; sum += one)
        i += character(s + i, n - i, &one);
    return sum;
}

static int name_columns(struct emo_text *out, const char *name)
{
    struct emo_text t = {0};
    emo_text_escaped(&t, name, strlen(name));
    out->failed = out->failed || t.failed;
    int columns = t.failed ? 0 : columns_of(t.bytes, t.length);
    emo_text_free(&t);
    return columns;
}

static void pad(struct emo_text *out, int n)
{
    emo_text_printf(out, "%*s", n > 0 ? n : 0, "");
}

/* The name, escaped, in exactly width columns: to the right or left, its end cut where it must. */
static void put_name(struct emo_text *out, const char *name, int width, bool right)
{
    struct emo_text t = {0};
    emo_text_escaped(&t, name, strlen(name));
    if (t.failed || t.length == 0) {
        out->failed = out->failed || t.failed;
        pad(out, width);
        return;
    }
    int used = columns_of(t.bytes, t.length);
    if (used > width) {
        int one;
        size_t at = 0;
        used = 0;
        for (size_t n; n = character(t.bytes + at, t.length - at, &one), used + one <= width - 2;
             used += one)
            at += n;
        t.length = at;
        emo_text_add(&t, "..", 2);
        used += 2;
    }
    if (right)
        pad(out, width - used);
    emo_text_add(out, t.bytes, t.length);
    if (!right)
        pad(out, width - used);
    emo_text_free(&t);
}

static void put_number(struct emo_text *out, int width, int decimals, double x)
{
    if (isnan(x))
        emo_text_printf(out, "%*s", width, "NA");
    else
        emo_text_printf(out, "%*.*f", width, decimals, x);
}

static int longest_name(struct emo_text *out, const struct emo_scores *s)
{
    int most = 0;
    for (size_t k = 0; k < s->class_count; k++) {
        int n = name_columns(out, s->classes[k]);
        most = n > most ? n : most;
    }
    return most;
}

/* Of what the figures are, and what to beware of. */
static void title(struct emo_text *out, const struct emo_report *r, const struct emo_group *g,
                  const struct emo_evaluation *e)
{
    const char *split = g->split == EMO_SPLIT_NONE ? "no split" : emo_split_name(g->split);
    const char *plural = g->count == 1 ? "" : "s";
    if (g->split == EMO_TRAIN && g->seen != EMO_UNSEEN)
        emo_text_printf(out, "%s: %zu image%s: fit, not performance\n", split, g->count, plural);
    else if (g->seen == EMO_SEEN)
        emo_text_printf(out, "%s: %zu of %zu images were in the training set: fit, not performance"
                        "\n", split, g->count, g->of);
    else if (g->seen == EMO_UNSEEN)
        emo_text_printf(out, "%s: %zu image%s, not in the training set\n", split, g->count,
                        plural);
    else
        emo_text_printf(out, "%s: %zu image%s; whether the model was trained on them is not known"
                        "\n", split, g->count, plural);
    if (e->unlabelled > 0 && e->images > 0)
        emo_text_printf(out, "%" PRIu64 " without a label, left out: the figures are of %" PRIu64
                        "\n", e->unlabelled, e->images);
    if (e->images == 0)
        emo_text_printf(out, "No image has a label: there is nothing to compare the scores with."
                        "\n");
    else if (e->not_finite > 0)
        emo_text_printf(out, "%" PRIu64 " of %" PRIu64 " images have a score that is not a number: "
                        "no figure can be given.\n", e->not_finite, e->images);
    else if (e->occurring == 1) {
        emo_text_printf(out, "All are of one class, ");
        emo_text_escaped(out, r->scores->classes[e->majority],
                         strlen(r->scores->classes[e->majority]));
        emo_text_printf(out, ": what needs two is NA.\n");
    }
}

static void matrix_head(struct emo_text *out, const struct emo_scores *s, int cell)
{
    for (size_t k = 0; k < s->class_count; k++) {
        emo_text_printf(out, "  ");
        put_name(out, s->classes[k], cell, true);
    }
}

static void matrix_row(struct emo_text *out, const struct emo_confusion *c, size_t i, int cell,
                       bool normalised)
{
    double support = (double)emo_confusion_class(c, i).support;
    for (size_t j = 0; j < c->classes; j++) {
        uint64_t n = emo_confusion_at(c, i, j);
        if (normalised)
            put_number(out, cell + 2, 2, support > 0 ? (double)n / support : NAN);
        else
            emo_text_printf(out, "%*" PRIu64, cell + 2, n);
    }
}

/* Counts, and shares of the true class, beside each other or one under the other. */
static void matrix_rows(struct emo_text *out, const struct emo_report *r,
                        const struct emo_confusion *c, int label, int cell, bool beside)
{
    const struct emo_scores *s = r->scores;
    for (int part = 0; part < (beside ? 1 : 2); part++) {
        emo_text_printf(out, "%s%-*s", part == 1 ? "\n" : "", label, "true \\ predicted");
        matrix_head(out, s, cell);
        if (beside)
            matrix_head(out, s, cell);
        emo_text_printf(out, "\n");
        for (size_t i = 0; i < c->classes; i++) {
            put_name(out, s->classes[i], label, false);
            matrix_row(out, c, i, cell, part == 1);
            if (beside)
                matrix_row(out, c, i, cell, true);
            emo_text_printf(out, "\n");
        }
    }
}

/* The cells off the diagonal that come after (truth, predicted) of count most, largest first. */
static bool next_confusion(const struct emo_confusion *c, uint64_t *most, size_t *cell)
{
    uint64_t best = 0;
    size_t at = 0;
    for (size_t i = 0; i < c->classes * c->classes; i++) {
        uint64_t n = c->counts[i];
        bool later = n < *most || (n == *most && i > *cell);
        if (i / c->classes != i % c->classes && later && n > best) {
            best = n;
            at = i;
        }
    }
    *most = best;
    *cell = at;
    return best > 0;
}

static void largest_confusions(struct emo_text *out, const struct emo_report *r,
                               const struct emo_confusion *c, int label)
{
    uint64_t n = UINT64_MAX;
    size_t cell = 0;
    emo_text_printf(out, "The largest confusions; --json has the whole matrix\n%*s  %-*s  %9s  %9s"
                    "\n", label, "true", label, "predicted", "images", "share");
    for (unsigned i = 0; i < CONFUSIONS && next_confusion(c, &n, &cell); i++) {
        size_t truth = cell / c->classes;
        put_name(out, r->scores->classes[truth], label, true);
        emo_text_printf(out, "  ");
        put_name(out, r->scores->classes[cell % c->classes], label, false);
        emo_text_printf(out, "  %9" PRIu64 "  %9.2f\n", n,
                        (double)n / (double)emo_confusion_class(c, truth).support);
    }
}

static void matrix(struct emo_text *out, const struct emo_report *r, const struct emo_confusion *c)
{
    int names = longest_name(out, r->scores), classes = (int)c->classes;
    int label = names > NAME_MOST ? NAME_MOST : names;
    int cell = names > CELL_NAME_MOST ? CELL_NAME_MOST : names, least = CELL_LEAST;
    for (size_t i = 0; i < c->classes * c->classes; i++) {
        int digits = snprintf(NULL, 0, "%" PRIu64, c->counts[i]);
        least = digits > least ? digits : least;
    }
    label = label < 16 ? 16 : label;
    cell = cell < least ? least : cell;
    bool beside = label + 2 * classes * (cell + 2) <= COLUMNS;
    int room = (COLUMNS - label) / classes - 2;
    cell = !beside && cell > room ? room : cell;
    if (cell >= least)
        matrix_rows(out, r, c, label, cell, beside);
    else
        largest_confusions(out, r, c, NAME_MOST);
}

/* scikit-learn's classification report. */
static void class_report(struct emo_text *out, const struct emo_report *r,
                         const struct emo_evaluation *e)
{
    int names = longest_name(out, r->scores), width = names > NAME_MOST ? NAME_MOST : names;
    width = width < 12 ? 12 : width;
    emo_text_printf(out, "%*s  %9s %9s %9s %9s\n\n", width, "", "precision", "recall", "f1-score",
                    "support");
    for (size_t k = 0; k < e->confusion.classes; k++) {
        struct emo_class_counts f = emo_confusion_class(&e->confusion, k);
        put_name(out, r->scores->classes[k], width, true);
        put_number(out, 11, 2, f.precision);
        put_number(out, 10, 2, f.recall);
        put_number(out, 10, 2, f.f1);
        emo_text_printf(out, " %9" PRIu64 "\n", f.support);
    }
    emo_text_printf(out, "\n%*s  %9s %9s %9.2f %9" PRIu64 "\n", width, "accuracy", "", "",
                    e->accuracy, e->images);
    for (int i = 0; i < 2; i++) {
        const struct emo_averages *a = i == 0 ? &e->macro : &e->weighted;
        emo_text_printf(out, "%*s  %9.2f %9.2f %9.2f %9" PRIu64 "\n", width,
                        i == 0 ? "macro avg" : "weighted avg", a->precision, a->recall, a->f1,
                        e->images);
    }
}

static void figure(struct emo_text *out, const char *name, double x)
{
    emo_text_printf(out, "%-18s", name);
    put_number(out, 7, 3, x);
}

static void interval(struct emo_text *out, struct emo_interval i, const char *method)
{
    emo_text_printf(out, "  %.3f to %.3f at 95 %% (%s)", i.low, i.high, method);
}

static void accuracies(struct emo_text *out, const struct emo_report *r,
                       const struct emo_evaluation *e)
{
    static const char *const verdicts[] = {"within noise of it", "better", "WORSE"};
    figure(out, "accuracy", e->accuracy);
    interval(out, e->accuracy_interval, "Wilson");
    emo_text_printf(out, "\n");
    figure(out, "majority class", e->majority_accuracy);
    const char *name = r->scores->classes[e->majority];
    int width = name_columns(out, name);
    emo_text_printf(out, "  ");
    put_name(out, name, width > MAJORITY_MOST ? MAJORITY_MOST : width, false);
    if (e->occurring > 1)
        emo_text_printf(out, "; accuracy is %s (p %.2g)", verdicts[e->majority_verdict],
                        e->majority_p);
    emo_text_printf(out, "\n");
}

static void area(struct emo_text *out, const struct emo_evaluation *e, bool two)
{
    const struct emo_ranked *o = &e->overall;
    figure(out, two ? "ROC AUC" : "mean ROC AUC", o->auc);
    if (!two)
        emo_text_printf(out, "  %s", isnan(o->auc) ? "not every class occurs"
                                                   : "one class against the rest, plain mean");
    else if (isnan(o->auc))
        emo_text_printf(out, "  only one class occurs");
    else if (isnan(o->auc_interval.low))
        emo_text_printf(out, "  these scores do not tell how far it can be trusted");
    else {
        interval(out, o->auc_interval, "DeLong");
        emo_text_printf(out, "; %s", o->auc_interval.low > 0.5    ? "above chance, 0.5"
                                     : o->auc_interval.high < 0.5 ? "BELOW chance, 0.5"
                                                                  : "not told from chance, 0.5");
    }
    emo_text_printf(out, "\n");
    figure(out, two ? "average precision" : "mean avg precision", o->average_precision);
}

/* The rest of the figures' lines, average precision's included. */
static void figures(struct emo_text *out, const struct emo_report *r,
                    const struct emo_evaluation *e)
{
    const struct emo_scores *s = r->scores;
    bool two = s->class_count == 2;
    accuracies(out, r, e);
    area(out, e, two);
    if (two && !isnan(e->overall.average_precision)) {
        struct emo_class_counts f = emo_confusion_class(&e->confusion, r->rules.positive);
        emo_text_printf(out, "  %.3f by chance", (double)f.support / (double)e->images);
    }
    emo_text_printf(out, "\n");
    if (s->probabilities) {
        figure(out, "log loss", e->log_loss);
        emo_text_printf(out, "  %.3f from how often each class occurs alone\n", e->base_log_loss);
        figure(out, "Brier score", e->brier);
        emo_text_printf(out, "\n");
        figure(out, "calibration error", e->calibration_error);
        emo_text_printf(out, "  over %u bins%s\n", EMO_BINS,
                        two ? "" : ", of the predicted class's probability");
    } else {
        emo_text_printf(out, "The scores are not probabilities: no log loss, Brier score or "
                        "calibration.\n");
    }
    if (two) {
        const char *name = s->classes[r->rules.positive];
        int width = name_columns(out, name);
        emo_text_printf(out, "Positive is ");
        put_name(out, name, width > NAME_MOST ? NAME_MOST : width, false);
        emo_text_printf(out, ", predicted from %g up.\n", r->rules.threshold);
    }
}

static void one_against_rest(struct emo_text *out, const struct emo_report *r,
                             const struct emo_evaluation *e)
{
    int names = longest_name(out, r->scores), width = names > NAME_MOST ? NAME_MOST : names;
    width = width < 12 ? 12 : width;
    emo_text_printf(out, "\n%*s  %9s %18s %18s\n\n", width, "against rest", "ROC AUC",
                    "95 % (DeLong)", "average precision");
    for (size_t k = 0; k < e->confusion.classes; k++) {
        const struct emo_ranked *o = &e->ranked[k];
        put_name(out, r->scores->classes[k], width, true);
        put_number(out, 11, 3, o->auc);
        if (isnan(o->auc_interval.low))
            emo_text_printf(out, "%19s", "NA");
        else
            emo_text_printf(out, "     %.3f to %.3f", o->auc_interval.low, o->auc_interval.high);
        put_number(out, 19, 3, o->average_precision);
        emo_text_printf(out, "\n");
    }
}

void emo_report_text(struct emo_text *out, const struct emo_report *r, const struct emo_group *g,
                     const struct emo_evaluation *e)
{
    title(out, r, g, e);
    if (e->images == 0 || e->not_finite > 0)
        return;
    emo_text_printf(out, "\n");
    matrix(out, r, &e->confusion);
    emo_text_printf(out, "\n");
    class_report(out, r, e);
    if (r->scores->class_count > 2)
        one_against_rest(out, r, e);
    emo_text_printf(out, "\n");
    figures(out, r, e);
}
