#include "metrics/report.h"

#include "stream/frame.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const seen_words[] = {"false", "true", "null"};

static void add_number(struct emo_text *out, const char *key, double value)
{
    emo_text_printf(out, ",\"%s\":", key);
    emo_text_json_number(out, value);
}

/* name NULL: null. */
static void add_name(struct emo_text *out, const char *key, const char *name)
{
    emo_text_printf(out, ",\"%s\":", key);
    emo_text_json(out, name, name != NULL ? strlen(name) : 0);
}

static void add_interval(struct emo_text *out, const char *key, struct emo_interval i)
{
    emo_text_printf(out, ",\"%s_low\":", key);
    emo_text_json_number(out, i.low);
    emo_text_printf(out, ",\"%s_high\":", key);
    emo_text_json_number(out, i.high);
}

static void add_ranked(struct emo_text *out, const struct emo_ranked *r)
{
    add_number(out, "auc", r->auc);
    add_interval(out, "auc", r->auc_interval);
    add_number(out, "average_precision", r->average_precision);
}

/* Counts, or each divided by its row's sum. */
static void add_matrix(struct emo_text *out, const char *key, const struct emo_confusion *c,
                       bool normalised)
{
    emo_text_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < c->classes; i++) {
        double support = (double)emo_confusion_class(c, i).support;
        emo_text_printf(out, "%s[", i > 0 ? "," : "");
        for (size_t j = 0; j < c->classes; j++) {
            uint64_t n = emo_confusion_at(c, i, j);
            emo_text_printf(out, "%s", j > 0 ? "," : "");
            if (normalised)
                emo_text_json_number(out, support > 0 ? (double)n / support : NAN);
            else
                emo_text_printf(out, "%" PRIu64, n);
        }
        emo_text_printf(out, "]");
    }
    emo_text_printf(out, "]");
}

static void add_classes(struct emo_text *out, const struct emo_report *r,
                        const struct emo_evaluation *e)
{
    emo_text_printf(out, ",\"per_class\":[");
    for (size_t k = 0; k < e->confusion.classes; k++) {
        struct emo_class_counts f = emo_confusion_class(&e->confusion, k);
        const char *name = r->scores->classes[k];
        emo_text_printf(out, "%s{\"class\":", k > 0 ? "," : "");
        emo_text_json(out, name, strlen(name));
        emo_text_printf(out, ",\"support\":%" PRIu64 ",\"predicted\":%" PRIu64, f.support,
                        f.predicted);
        add_number(out, "precision", f.precision);
        add_number(out, "recall", f.recall);
        add_number(out, "f1", f.f1);
        add_ranked(out, &e->ranked[k]);
        emo_text_printf(out, "}");
    }
    emo_text_printf(out, "]");
}

static void add_averages(struct emo_text *out, const char *key, const struct emo_averages *a,
                         double auc, double average_precision)
{
    emo_text_printf(out, ",\"%s\":{\"precision\":", key);
    emo_text_json_number(out, a->precision);
    add_number(out, "recall", a->recall);
    add_number(out, "f1", a->f1);
    add_number(out, "auc", auc);
    add_number(out, "average_precision", average_precision);
    emo_text_printf(out, "}");
}

static void add_calibration(struct emo_text *out, const struct emo_evaluation *e)
{
    add_number(out, "calibration_error", e->calibration_error);
    emo_text_printf(out, ",\"calibration\":[");
    for (size_t i = 0; i < EMO_BINS; i++) {
        const struct emo_bin *b = &e->calibration.bins[i];
        double n = (double)b->count;
        emo_text_printf(out, "%s{\"bin\":%zu,\"images\":%" PRIu64, i > 0 ? "," : "", i, b->count);
        add_number(out, "mean_probability", n > 0 ? b->sum / n : NAN);
        add_number(out, "share", n > 0 ? (double)b->hits / n : NAN);
        emo_text_printf(out, "}");
    }
    emo_text_printf(out, "]");
}

/* What was counted, of what, by which rule. */
static void add_group(struct emo_text *out, const struct emo_report *r, const struct emo_group *g,
                      const struct emo_evaluation *e)
{
    const struct emo_scores *s = r->scores;
    bool two = s->class_count == 2;
    emo_text_printf(out, "\"split\":\"%s\",\"seen\":%s,\"images\":%" PRIu64
                    ",\"unlabelled\":%" PRIu64 ",\"not_finite\":%" PRIu64,
                    emo_split_name(g->split), seen_words[g->seen], e->images, e->unlabelled,
                    e->not_finite);
    emo_text_printf(out, ",\"completeness_checked\":%s,\"probabilities\":%s,\"classes\":[",
                    s->text ? "false" : "true", s->probabilities ? "true" : "false");
    for (size_t k = 0; k < s->class_count; k++) {
        emo_text_printf(out, "%s", k > 0 ? "," : "");
        emo_text_json(out, s->classes[k], strlen(s->classes[k]));
    }
    emo_text_printf(out, "]");
    add_name(out, "positive", two ? s->classes[r->rules.positive] : NULL);
    add_number(out, "threshold", two ? r->rules.threshold : NAN);
}

static void add_accuracy(struct emo_text *out, const struct emo_evaluation *e,
                         const char *majority)
{
    static const char *const verdicts[] = {"within noise", "better", "worse"};
    add_number(out, "accuracy", e->accuracy);
    add_interval(out, "accuracy", e->accuracy_interval);
    add_name(out, "majority_class", majority);
    add_number(out, "majority_accuracy", e->majority_accuracy);
    add_number(out, "majority_p", e->majority_p);
    add_name(out, "majority_verdict", majority != NULL ? verdicts[e->majority_verdict] : NULL);
}

void emo_report_json(struct emo_text *out, const struct emo_report *r, const struct emo_group *g,
                     const struct emo_evaluation *e)
{
    bool known = e->images > 0 && e->not_finite == 0;
    emo_text_printf(out, "{");
    add_group(out, r, g, e);
    if (known) {
        add_matrix(out, "confusion", &e->confusion, false);
        add_matrix(out, "confusion_normalised", &e->confusion, true);
        add_classes(out, r, e);
    } else {
        emo_text_printf(out, ",\"confusion\":null,\"confusion_normalised\":null,"
                        "\"per_class\":null");
    }
    add_accuracy(out, e, known ? r->scores->classes[e->majority] : NULL);
    add_ranked(out, &e->overall);
    double precisions = r->scores->class_count != 2
                            ? e->overall.average_precision
                            : (e->ranked[0].average_precision + e->ranked[1].average_precision) / 2;
    add_averages(out, "macro", &e->macro, e->overall.auc, precisions);
    add_averages(out, "weighted", &e->weighted, e->weighted_auc, e->weighted_average_precision);
    add_number(out, "log_loss", e->log_loss);
    add_number(out, "base_log_loss", e->base_log_loss);
    add_number(out, "brier", e->brier);
    add_calibration(out, e);
    emo_text_printf(out, "}\n");
}
