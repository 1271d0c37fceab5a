/* Intervals and the sign test: DeLong against every pair, the others against known values. */
#include "check.h"

#include "base/philox.h"
#include "metrics/calibration.h"
#include "metrics/confusion.h"
#include "metrics/interval.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool near(double got, double want, double tolerance)
{
    return fabs(got - want) <= tolerance;
}

#define N 60

/* The sample variance of each case's share of pairs won, over the cases; by comparing each with
   each. */
static double brute_variance(const double *s, const uint8_t *y, uint8_t which)
{
    double share[N], mean = 0, sum = 0;
    size_t cases = 0;
    for (size_t i = 0; i < N; i++) {
        double won = 0, pairs = 0;
        if (y[i] != which)
            continue;
        for (size_t j = 0; j < N; j++)
            if (y[j] != which) {
                double high = which ? s[i] : s[j], low = which ? s[j] : s[i];
                pairs++;
                won += high > low ? 1 : high == low ? .5 : 0;
            }
        share[cases++] = won / pairs;
        mean += won / pairs;
    }
    mean /= (double)cases;
    for (size_t i = 0; i < cases; i++)
        sum += (share[i] - mean) * (share[i] - mean);
    return sum / (double)(cases - 1) / (double)cases;
}

static void delong_by_brute_force(void)
{
    for (uint32_t round = 0; round < 200; round++) {
        double s[N];
        uint8_t y[N];
        struct emo_ranking r;
        for (uint32_t i = 0; i < N; i++) {
            uint32_t d[4];
            emo_philox(9, i, 0, EMO_DRAW_SAMPLE, round, d);
            y[i] = i < 2 ? 1 : i < 4 ? 0 : d[0] % (2 + round % 7) == 0;
            s[i] = (double)(d[1] % (1 + round)) + (double)y[i] * (double)(round % 5);
        }
        CHECK(emo_rank(&r, s, y, N, &err) == EMO_OK);
        double want = brute_variance(s, y, 1) + brute_variance(s, y, 0);
        CHECK(near(emo_delong_variance(&r), want, 1e-15));
        emo_ranking_free(&r);
    }
    puts("ok DeLong's variance equals that of all pairs, 200 sets");
}

/* At a million scores the variance keeps its digits: two values, whose shares are known. */
static void delong_at_size(void)
{
    enum { HALF = 500000 };
    struct emo_step steps[] = {{1, HALF / 2, HALF / 4}, {0, HALF, HALF}};
    struct emo_ranking r = {steps, 2, HALF, HALF};
    /* Positives win .875 or .375 of their pairs, negatives lose .25 or .75. */
    double v = .0625, w = .1875 * .25, n = HALF;
    CHECK(emo_ranking_auc(&r) == .625);
    CHECK(near(emo_delong_variance(&r) / ((v + w) / (n - 1)), 1, 1e-14));
    puts("ok a million scores");
}

static void guards(void)
{
    struct emo_step one[] = {{1, 1, 0}, {0, 1, 5}}, perfect[] = {{1, 5, 0}, {0, 5, 5}};
    struct emo_step tied[] = {{0, 5, 5}};
    struct emo_ranking r = {one, 2, 1, 5};
    CHECK(isnan(emo_delong_variance(&r)) && isnan(emo_auc_interval(1, NAN).low));
    r = (struct emo_ranking){perfect, 2, 5, 5};
    CHECK(emo_delong_variance(&r) == 0 && isnan(emo_auc_interval(1, 0).high));
    r = (struct emo_ranking){tied, 1, 5, 5};
    CHECK(emo_ranking_auc(&r) == .5 && isnan(emo_auc_interval(.5, emo_delong_variance(&r)).low));
    struct emo_interval i = emo_auc_interval(.99, .01);
    CHECK(i.low > 0 && i.low < .99 && i.high > .99 && i.high < 1);
    for (int auc = 0; auc < 2; auc++) {
        i = emo_auc_interval(auc, .01);
        CHECK(isnan(i.low) && isnan(i.high));
    }
    puts("ok one positive, perfect, all tied, close to 1");
}

static void known_values(void)
{
    /* The article's 180 of 325; and 8 of 10; SciPy's binomtest().proportion_ci("wilson"). */
    struct emo_interval i = emo_wilson(180, 325);
    CHECK(near(i.low, .4994865621656, 1e-12) && near(i.high, .6069477059632, 1e-12));
    i = emo_wilson(8, 10);
    CHECK(near(i.low, .4901624715366, 1e-12) && near(i.high, .9433178485456, 1e-12));
    CHECK(emo_wilson(0, 9).low == 0 && emo_wilson(9, 9).high == 1 && isnan(emo_wilson(0, 0).low));
    /* 2 (1 + 10) / 2^10; 2 (1 + 10 + 45) / 2^10. */
    CHECK(near(emo_sign_test(9, 1), 22 / 1024., 1e-14));
    CHECK(near(emo_sign_test(2, 8), 112 / 1024., 1e-14) && emo_sign_test(1, 2) == 1);
    CHECK(emo_wilson(1, 9).low > 0 && emo_wilson(8, 9).high < 1);
    CHECK(near(emo_sign_test(0, 5), 2 / 32., 1e-15) && emo_sign_test(7, 7) == 1);
    CHECK(emo_sign_test(0, 0) == 1 && near(emo_sign_test(3, 2), 1, 1e-14));
    /* As even as can be: 1, and no more for all the rounding. */
    for (uint64_t n = 0; n < 1000; n++)
        CHECK(emo_sign_test(n, n + 1) <= 1 && near(emo_sign_test(n, n + 1), 1, 1e-11));
    /* SciPy's binomtest(50500, 100000). */
    CHECK(near(emo_sign_test(50500, 49500) / 0.0015823598788515165, 1, 1e-9));
    CHECK(emo_sign_test(1000000, 0) == 0);
    /* logit .75 +- z .05 / (.75 .25), and back. */
    i = emo_auc_interval(.75, .0025);
    CHECK(near(i.low, 0.640136173840674, 1e-13) && near(i.high, 0.834970114467168, 1e-13));
    /* Two of each, in turn: 1 and 1/2 of the others are beaten, so 1/8 / 2 from either side. */
    struct emo_step turns[] = {{4, 1, 0}, {3, 1, 1}, {2, 2, 1}, {1, 2, 2}};
    struct emo_ranking r = {turns, 4, 2, 2};
    CHECK(near(emo_delong_variance(&r), .125, 1e-15));
    puts("ok Wilson, the sign test, DeLong's interval");
}

static void probabilities(void)
{
    struct emo_calibration c = {0};
    CHECK(isnan(emo_calibration_error(&c)));
    emo_calibration_add(&c, .25, 0);
    CHECK(emo_calibration_error(&c) == .25);
    c = (struct emo_calibration){0};
    emo_calibration_add(&c, 1, 1);
    emo_calibration_add(&c, 0.95, 0);
    emo_calibration_add(&c, 0, 0);
    emo_calibration_add(&c, 0.1, 1);
    CHECK(c.bins[14].count == 2 && c.bins[0].count == 1 && c.bins[1].hits == 1);
    CHECK(near(emo_calibration_error(&c), (.95 + .9) / 4, 1e-15));
    /* The last two bins: 13/15 belongs to the upper one of 12 and 13. */
    emo_calibration_add(&c, .92, 1);
    emo_calibration_add(&c, 13 / 15., 1);
    CHECK(c.bins[13].count == 2 && c.bins[14].count == 2);
    CHECK(near(emo_log_loss_of(0, DBL_EPSILON), 52 * log(2), 1e-13));
    CHECK(near(emo_log_loss_of(1, (double)FLT_EPSILON), (double)FLT_EPSILON, 1e-13));
    CHECK(near(emo_brier_of((const double[]){.3, .7}, 2, 0), .49, 1e-15));
    CHECK(near(emo_brier_of((const double[]){.2, .3, .5}, 3, 1), .04 + .49 + .25, 1e-15));
    CHECK(near(emo_entropy((const uint64_t[]){5, 0, 5}, 3), log(2), 1e-15));
    CHECK(near(emo_entropy((const uint64_t[]){1, 1}, 2), log(2), 1e-15));
    CHECK(emo_entropy((const uint64_t[]){1, 0}, 2) == 0);
    puts("ok calibration, log loss, Brier, entropy");
}

static void confusion(void)
{
    struct emo_confusion c;
    CHECK(emo_confusion_make(&c, 0, &err) == EMO_INPUT);
    CHECK(emo_confusion_make(&c, EMO_CAP_CONFUSION + 1, &err) == EMO_INPUT && c.counts == NULL);
    CHECK(c.classes == 0);
    CHECK(emo_confusion_make(&c, EMO_CAP_CONFUSION, &err) == EMO_OK);
    emo_confusion_free(&c);
    CHECK(c.classes == 0 && c.counts == NULL);
    CHECK(emo_confusion_make(&c, 3, &err) == EMO_OK);
    CHECK(isnan(emo_confusion_macro(&c).f1) && isnan(emo_confusion_weighted(&c).recall));
    CHECK(emo_confusion_majority(&c) == 0);
    /* A single case is a majority, and all the weight there is. */
    emo_confusion_add(&c, 1, 1);
    CHECK(emo_confusion_majority(&c) == 1);
    CHECK(emo_confusion_macro(&c).f1 == 1 && emo_confusion_weighted(&c).f1 == 1);
    emo_confusion_add(&c, 1, 0);
    emo_confusion_add(&c, 1, 0);
    CHECK(emo_confusion_total(&c) == 3 && emo_confusion_right(&c) == 1);
    CHECK(emo_confusion_majority(&c) == 1);
    struct emo_class_counts f = emo_confusion_class(&c, 0), g = emo_confusion_class(&c, 2);
    CHECK(f.support == 0 && f.predicted == 2 && f.precision == 0 && isnan(f.recall) && f.f1 == 0);
    CHECK(isnan(g.precision) && isnan(g.recall) && isnan(g.f1));
    /* Class 2 does not occur, and is in no average. */
    CHECK(near(emo_confusion_macro(&c).recall, 1 / 6., 1e-15));
    CHECK(near(emo_confusion_weighted(&c).precision, 1, 1e-15));
    for (int i = 0; i < 4; i++)
        emo_confusion_add(&c, 0, 2);
    CHECK(emo_confusion_majority(&c) == 0);
    /* The lowest of several, however few they are. */
    emo_confusion_add(&c, 1, 1);
    CHECK(emo_confusion_majority(&c) == 0);
    emo_confusion_free(&c);
    puts("ok confusion matrix");
}

int main(void)
{
    delong_by_brute_force();
    delong_at_size();
    guards();
    known_values();
    probabilities();
    confusion();
    return 0;
}
