#include "metrics/evaluate.h"

#include "base/text.h"
#include "stream/frame.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEEN_KINDS 3u
#define SIGNIFICANT 0.05

static const struct emo_ranked unknown = {NAN, NAN, {NAN, NAN}};

int emo_groups_make(struct emo_groups *g, const struct emo_scores *s, unsigned splits,
                    struct emo_error *err)
{
    size_t counts[EMO_SPLITS_COUNT * SEEN_KINDS] = {0};
    g->count = 0;
    g->at = calloc(EMO_SPLITS_COUNT * SEEN_KINDS, sizeof *g->at);
    if (g->at == NULL)
        return emo_error_memory(err, EMO_SPLITS_COUNT * SEEN_KINDS * sizeof *g->at, "groups");
    for (size_t i = 0; i < s->count; i++)
        counts[s->at[i].split * SEEN_KINDS + s->at[i].seen]++;
    for (unsigned i = 0; i < EMO_SPLITS_COUNT * SEEN_KINDS; i++) {
        uint8_t split = (uint8_t)(i / SEEN_KINDS), seen = (uint8_t)(i % SEEN_KINDS);
        if (counts[i] == 0 || !(splits & 1u << split))
            continue;
        struct emo_group *group = &g->at[g->count++];
        *group = (struct emo_group){.split = split, .seen = seen};
        group->rows = malloc(counts[i] * sizeof *group->rows);
        if (group->rows == NULL)
            return emo_error_memory(err, counts[i] * sizeof *group->rows, "a group");
        for (size_t row = 0; row < s->count; row++)
            if (s->at[row].split == split && s->at[row].seen == seen)
                group->rows[group->count++] = row;
        for (unsigned j = 0; j < SEEN_KINDS; j++)
            group->of += counts[split * SEEN_KINDS + j];
    }
    return EMO_OK;
}

void emo_groups_free(struct emo_groups *g)
{
    for (size_t i = 0; i < g->count; i++)
        free(g->at[i].rows);
    free(g->at);
    *g = (struct emo_groups){0};
}

void emo_evaluation_free(struct emo_evaluation *e)
{
    emo_confusion_free(&e->confusion);
    free(e->ranked);
    *e = (struct emo_evaluation){0};
}

int emo_rules_make(struct emo_rules *rules, const struct emo_scores *s, const char *positive,
                   bool threshold_given, double threshold, struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE];
    *rules = (struct emo_rules){.threshold = threshold, .positive = 1};
    if (s->class_count > 2 && (positive != NULL || threshold_given))
        return emo_error(err, EMO_USAGE, "--%s is for two classes, but there are %zu",
                         positive != NULL ? "positive" : "threshold", s->class_count);
    if (positive == NULL)
        return EMO_OK;
    int k = emo_scores_class(s, positive);
    if (k < 0) {
        char one[EMO_QUOTE_SIZE], other[EMO_QUOTE_SIZE];
        return emo_error(err, EMO_USAGE, "--positive: no class is called %s; there are %s and %s",
                         emo_quote(quoted, sizeof quoted, positive, strlen(positive)),
                         emo_quote(one, sizeof one, s->classes[0], strlen(s->classes[0])),
                         emo_quote(other, sizeof other, s->classes[1], strlen(s->classes[1])));
    }
    rules->positive = (size_t)k;
    return EMO_OK;
}

size_t emo_rules_predict(const struct emo_rules *rules, const double *p, size_t classes)
{
    if (classes == 2)
        return p[rules->positive] >= rules->threshold ? rules->positive : 1 - rules->positive;
    size_t best = 0;
    for (size_t k = 1; k < classes; k++)
        if (p[k] > p[best])
            best = k;
    return best;
}

/* Counts and sums over the labelled rows; where one of them is not finite, counts alone hold. */
static void take_rows(struct emo_evaluation *e, const struct emo_scores *s,
                      const struct emo_group *g, const struct emo_rules *rules)
{
    size_t classes = s->class_count;
    e->log_loss = e->brier = 0;
    for (size_t i = 0; i < g->count; i++) {
        const double *p = s->p + g->rows[i] * classes;
        int label = s->at[g->rows[i]].label;
        if (label < 0) {
            e->unlabelled++;
            continue;
        }
        e->images++;
        if (!emo_scores_finite(s, g->rows[i])) {
            e->not_finite++;
            continue;
        }
        size_t truth = (size_t)label, predicted = emo_rules_predict(rules, p, classes);
        emo_confusion_add(&e->confusion, truth, predicted);
        if (!s->probabilities)
            continue;
        e->log_loss += emo_log_loss_of(p[truth], s->epsilon);
        e->brier += emo_brier_of(p, classes, truth);
        size_t told = classes == 2 ? rules->positive : predicted;
        emo_calibration_add(&e->calibration, p[told], told == truth);
    }
}

static void forget_probabilities(struct emo_evaluation *e)
{
    e->log_loss = e->base_log_loss = e->brier = e->calibration_error = NAN;
    e->calibration = (struct emo_calibration){0};
}

static int probabilities(struct emo_evaluation *e, struct emo_error *err)
{
    size_t classes = e->confusion.classes;
    uint64_t *support = malloc(classes * sizeof *support);
    if (support == NULL)
        return emo_error_memory(err, classes * sizeof *support, "counts");
    for (size_t k = 0; k < classes; k++)
        support[k] = emo_confusion_class(&e->confusion, k).support;
    e->log_loss /= (double)e->images;
    e->brier /= (double)e->images;
    e->base_log_loss = emo_entropy(support, classes);
    e->calibration_error = emo_calibration_error(&e->calibration);
    free(support);
    return EMO_OK;
}

static void accuracy(struct emo_evaluation *e)
{
    const struct emo_confusion *c = &e->confusion;
    uint64_t right = emo_confusion_right(c), n = emo_confusion_total(c);
    e->accuracy = (double)right / (double)n;
    e->accuracy_interval = emo_wilson(right, n);
    e->majority = emo_confusion_majority(c);
    struct emo_class_counts most = emo_confusion_class(c, e->majority);
    e->majority_accuracy = (double)most.support / (double)n;
    /* Where only one of the two is right: of another class and recognised; of it and missed. */
    uint64_t wins = right - most.right, losses = most.support - most.right;
    e->majority_p = emo_sign_test(wins, losses);
    if (e->majority_p < SIGNIFICANT)
        e->majority_verdict = wins > losses ? EMO_BETTER : EMO_WORSE;
}

static int rank_classes(struct emo_evaluation *e, const struct emo_scores *s,
                        const struct emo_group *g, size_t positive, struct emo_error *err)
{
    struct emo_ranked sum = {0};
    for (size_t k = 0; k < s->class_count; k++) {
        struct emo_ranking r;
        int status = emo_scores_rank(s, g->rows, g->count, k, positive, &r, err);
        if (status != EMO_OK)
            return status;
        double support = (double)r.positives;
        if (r.positives > 0 && r.negatives > 0) {
            double auc = emo_ranking_auc(&r), precision = emo_ranking_average_precision(&r);
            e->ranked[k] = (struct emo_ranked){
                auc, precision, emo_auc_interval(auc, emo_delong_variance(&r))};
        }
        emo_ranking_free(&r);
        sum.auc += e->ranked[k].auc;
        sum.average_precision += e->ranked[k].average_precision;
        /* A class without images has no weight, whatever its figure. */
        if (support > 0) {
            e->weighted_auc += support * e->ranked[k].auc;
            e->weighted_average_precision += support * e->ranked[k].average_precision;
        }
    }
    double classes = (double)s->class_count;
    e->weighted_auc /= (double)e->images;
    e->weighted_average_precision /= (double)e->images;
    e->overall = (struct emo_ranked){sum.auc / classes, sum.average_precision / classes,
                                     unknown.auc_interval};
    if (s->class_count == 2)
        e->overall = e->ranked[positive];
    return EMO_OK;
}

int emo_evaluate(struct emo_evaluation *e, const struct emo_scores *s, const struct emo_group *g,
                 const struct emo_rules *rules, struct emo_error *err)
{
    *e = (struct emo_evaluation){.accuracy = NAN, .majority_accuracy = NAN, .majority_p = NAN,
                                 .accuracy_interval = {NAN, NAN}, .overall = unknown};
    int status = emo_confusion_make(&e->confusion, s->class_count, err);
    if (status != EMO_OK)
        return status;
    e->ranked = malloc(s->class_count * sizeof *e->ranked);
    if (e->ranked == NULL)
        return emo_error_memory(err, s->class_count * sizeof *e->ranked, "figures");
    for (size_t k = 0; k < s->class_count; k++)
        e->ranked[k] = unknown;
    take_rows(e, s, g, rules);
    for (size_t k = 0; k < s->class_count; k++)
        e->occurring += emo_confusion_class(&e->confusion, k).support > 0;
    if (e->images == 0 || e->not_finite > 0) {
        forget_probabilities(e);
        e->macro = e->weighted = (struct emo_averages){NAN, NAN, NAN};
        e->weighted_auc = e->weighted_average_precision = NAN;
        return EMO_OK;
    }
    e->macro = emo_confusion_macro(&e->confusion);
    e->weighted = emo_confusion_weighted(&e->confusion);
    accuracy(e);
    if (s->probabilities)
        status = probabilities(e, err);
    else
        forget_probabilities(e);
    if (status == EMO_OK)
        status = rank_classes(e, s, g, rules->positive, err);
    return status;
}
