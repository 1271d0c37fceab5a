/* Stored cases, whose figures scikit-learn computed; and what cannot be said, which must be NaN. */
#include "check.h"

#include "metrics/evaluate.h"
#include "stream/frame.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-12

struct stored {
    const char *name;
    size_t count, classes, roc_count, pr_count;
    const int16_t *labels;
    const double *p;
    const uint64_t *confusion;
    const double *per_class; /* precision, recall, F1, AUC, average precision of each */
    const double *averages;  /* precision, recall, F1, macro then weighted */
    const double *totals;    /* accuracy, log loss, Brier score */
    const double *roc, *pr;  /* of class 1: x, y, threshold */
};

static const struct stored cases[] = {
#include "../data/metrics/cases.inc"
};

static const char *const names[] = {"a", "b", "c", "d"};

static bool near(double got, double want)
{
    return got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= TOLERANCE;
}

static void load(struct emo_scores *s, struct emo_groups *g, const struct stored *c)
{
    *s = (struct emo_scores){.probabilities = true, .epsilon = DBL_EPSILON};
    CHECK(emo_scores_set_classes(s, names, c->classes, &err) == EMO_OK);
    for (size_t i = 0; i < c->count; i++)
        CHECK(emo_scores_add(s, (struct emo_score){c->labels[i], EMO_VALID, EMO_UNSEEN},
                             c->p + i * c->classes, &err) == EMO_OK);
    CHECK(emo_groups_make(g, s, ~0u, &err) == EMO_OK && g->count == 1);
}

static void check_figures(const struct stored *c, const struct emo_evaluation *e)
{
    CHECK(e->images == c->count && e->unlabelled == 0 && e->not_finite == 0);
    CHECK(memcmp(e->confusion.counts, c->confusion,
                 c->classes * c->classes * sizeof *c->confusion) == 0);
    for (size_t k = 0; k < c->classes; k++) {
        const double *want = c->per_class + 5 * k;
        struct emo_class_counts f = emo_confusion_class(&e->confusion, k);
        CHECK(f.predicted == 0 ? isnan(f.precision) && want[0] == 0
                               : near(f.precision, want[0]));
        CHECK(near(f.recall, want[1]) && near(f.f1, want[2]));
        CHECK(near(e->ranked[k].auc, want[3]));
        CHECK(near(e->ranked[k].average_precision, want[4]));
    }
    const double *a = c->averages;
    CHECK(near(e->macro.precision, a[0]) && near(e->macro.recall, a[1]) && near(e->macro.f1, a[2]));
    CHECK(near(e->weighted.precision, a[3]) && near(e->weighted.recall, a[4]) &&
          near(e->weighted.f1, a[5]));
    CHECK(near(e->accuracy, c->totals[0]));
    CHECK(near(e->log_loss, c->totals[1]));
    CHECK(near(e->brier, c->totals[2]));
    CHECK(e->accuracy_interval.low <= e->accuracy && e->accuracy <= e->accuracy_interval.high);
}

static void check_points(const struct emo_curve *got, const double *want, size_t count)
{
    CHECK(got->count == count);
    for (size_t i = 0; i < count; i++)
        CHECK(near(got->points[i].x, want[3 * i]) && near(got->points[i].y, want[3 * i + 1]) &&
              near(got->points[i].threshold, want[3 * i + 2]));
}

static void stored_cases(void)
{
    const struct emo_rules rules = {.threshold = 0.5, .positive = 1};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct stored *c = &cases[i];
        struct emo_scores s;
        struct emo_groups g;
        struct emo_evaluation e;
        struct emo_ranking r;
        struct emo_curve curve;
        load(&s, &g, c);
        CHECK(emo_evaluate(&e, &s, &g.at[0], &rules, &err) == EMO_OK);
        check_figures(c, &e);
        CHECK(emo_scores_rank(&s, g.at[0].rows, g.at[0].count, 1, 1, &r, &err) == EMO_OK);
        CHECK(emo_curve_roc(&curve, &r, &err) == EMO_OK);
        check_points(&curve, c->roc, c->roc_count);
        emo_curve_free(&curve);
        CHECK(emo_curve_pr(&curve, &r, &err) == EMO_OK);
        check_points(&curve, c->pr, c->pr_count);
        emo_curve_free(&curve);
        emo_ranking_free(&r);
        emo_evaluation_free(&e);
        emo_groups_free(&g);
        emo_scores_free(&s);
        printf("ok %s\n", c->name);
    }
}

static void evaluate(struct emo_evaluation *e, const int16_t *labels, const double *p, size_t n)
{
    const struct emo_rules rules = {.threshold = 0.5, .positive = 1};
    const struct stored c = {.count = n, .classes = 2, .labels = labels, .p = p};
    struct emo_scores s;
    struct emo_groups g;
    load(&s, &g, &c);
    CHECK(emo_evaluate(e, &s, &g.at[0], &rules, &err) == EMO_OK);
    emo_groups_free(&g);
    emo_scores_free(&s);
}

static void what_cannot_be_said(void)
{
    struct emo_evaluation e;
    const double p[] = {.4, .6, .7, .3, .1, .9}, nan_score[] = {.4, .6, NAN, .3, .1, .9};
    const double votes[] = {-3, 4, 2, 1, 0, 7};
    evaluate(&e, (const int16_t[]){-1, -1, -1}, p, 3);
    CHECK(e.images == 0 && e.unlabelled == 3 && isnan(e.accuracy) && isnan(e.overall.auc));
    CHECK(isnan(e.log_loss) && isnan(e.macro.f1) && isnan(e.calibration_error));
    emo_evaluation_free(&e);
    evaluate(&e, (const int16_t[]){0, 1, -1}, nan_score, 3);
    CHECK(e.images == 2 && e.not_finite == 1 && isnan(e.accuracy) && isnan(e.overall.auc));
    CHECK(isnan(e.brier) && isnan(e.majority_accuracy) && isnan(e.accuracy_interval.low));
    emo_evaluation_free(&e);
    evaluate(&e, (const int16_t[]){1, 1, 1}, p, 3);
    CHECK(e.occurring == 1 && near(e.accuracy, 2 / 3.) && e.majority_accuracy == 1);
    CHECK(isnan(e.overall.auc) && isnan(e.overall.average_precision) && !isnan(e.log_loss));
    emo_evaluation_free(&e);
    evaluate(&e, (const int16_t[]){1, 0, 1}, votes, 3);
    CHECK(e.overall.auc == 1 && isnan(e.overall.auc_interval.low));
    CHECK(isnan(e.log_loss) && isnan(e.brier) && isnan(e.calibration_error));
    emo_evaluation_free(&e);
    puts("ok no labels, no numbers, one class, no probabilities");
}

static void groups_and_positive(void)
{
    struct emo_scores s = {.probabilities = true, .epsilon = DBL_EPSILON};
    struct emo_groups g;
    struct emo_evaluation e;
    const uint8_t splits[] = {EMO_VALID, EMO_TRAIN, EMO_VALID, EMO_TRAIN, EMO_VALID};
    const uint8_t seen[] = {EMO_UNSEEN, EMO_SEEN, EMO_SEEN, EMO_SEEN, EMO_UNSEEN};
    const struct emo_rules first = {.threshold = 0.4, .positive = 0};
    CHECK(emo_scores_set_classes(&s, names, 2, &err) == EMO_OK);
    for (size_t i = 0; i < 5; i++) {
        const double row[] = {.4, .6};
        CHECK(emo_scores_add(&s, (struct emo_score){(int16_t)(i % 2), splits[i], seen[i]}, row,
                             &err) == EMO_OK);
    }
    CHECK(emo_groups_make(&g, &s, ~0u, &err) == EMO_OK && g.count == 3);
    CHECK(g.at[0].split == EMO_TRAIN && g.at[0].count == 2 && g.at[0].of == 2);
    CHECK(g.at[1].split == EMO_VALID && g.at[1].seen == EMO_UNSEEN && g.at[1].count == 2);
    CHECK(g.at[2].seen == EMO_SEEN && g.at[2].count == 1 && g.at[2].of == 3);
    CHECK(g.at[1].rows[0] == 0 && g.at[1].rows[1] == 4);
    CHECK(emo_evaluate(&e, &s, &g.at[1], &first, &err) == EMO_OK);
    CHECK(e.accuracy == 1); /* both are of class 0, which .4 is enough for */
    emo_evaluation_free(&e);
    emo_groups_free(&g);
    CHECK(emo_groups_make(&g, &s, 1u << EMO_TEST, &err) == EMO_OK && g.count == 0);
    emo_groups_free(&g);
    CHECK(emo_scores_set_classes(&s, names, 1, &err) == EMO_INPUT);
    emo_scores_free(&s);
    puts("ok groups, another positive class, too few classes");
}

int main(void)
{
    stored_cases();
    what_cannot_be_said();
    groups_and_positive();
    return 0;
}
