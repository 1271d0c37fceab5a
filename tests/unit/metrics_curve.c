/* Ranking, AUC, average precision and curves: by hand, and against counting every pair. */
#include "check.h"

#include "base/philox.h"
#include "metrics/curve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NEAR(a, b) (fabs((a) - (b)) <= 1e-14)

static double auc(const double *s, const uint8_t *y, size_t n)
{
    double a;
    CHECK(emo_auc(s, y, n, &a, &err) == EMO_OK);
    return a;
}

static void by_hand(void)
{
    /* The example of scikit-learn's documentation. */
    const double s[] = {0.1, 0.4, 0.35, 0.8};
    const uint8_t y[] = {0, 0, 1, 1};
    const struct emo_point roc[] = {
        {0, 0, INFINITY}, {0, .5, .8}, {.5, .5, .4}, {.5, 1, .35}, {1, 1, .1}};
    const struct emo_point pr[] = {
        {1, .5, .1}, {1, 2 / 3., .35}, {.5, .5, .4}, {.5, 1, .8}, {0, 1, NAN}};
    struct emo_ranking r;
    struct emo_curve c;
    CHECK(emo_rank(&r, s, y, 4, &err) == EMO_OK);
    CHECK(emo_ranking_auc(&r) == .75);
    CHECK(NEAR(emo_ranking_average_precision(&r), .5 * 1 + .5 * 2 / 3));
    CHECK(emo_curve_roc(&c, &r, &err) == EMO_OK && c.count == 5);
    for (size_t i = 0; i < 5; i++)
        CHECK(c.points[i].x == roc[i].x && c.points[i].y == roc[i].y &&
              c.points[i].threshold == roc[i].threshold);
    emo_curve_free(&c);
    CHECK(emo_curve_pr(&c, &r, &err) == EMO_OK && c.count == 5);
    for (size_t i = 0; i < 5; i++)
        CHECK(NEAR(c.points[i].x, pr[i].x) && NEAR(c.points[i].y, pr[i].y) &&
              (c.points[i].threshold == pr[i].threshold || i == 4));
    CHECK(isnan(c.points[4].threshold));
    emo_curve_free(&c);
    emo_ranking_free(&r);
    puts("ok the documented example");
}

static void collinear_points_go(void)
{
    const double s[] = {9, 8, 7, 6, 5, 4, 4, -0.0, 0.0};
    const uint8_t y[] = {1, 1, 1, 0, 0, 1, 0, 1, 0};
    const double thresholds[] = {INFINITY, 9, 7, 5, 0};
    struct emo_ranking r;
    struct emo_curve c;
    CHECK(emo_rank(&r, s, y, 9, &err) == EMO_OK && r.count == 7);
    CHECK(emo_curve_roc(&c, &r, &err) == EMO_OK && c.count == 5);
    for (size_t i = 0; i < 5; i++)
        CHECK(c.points[i].threshold == thresholds[i]);
    emo_curve_free(&c);
    emo_ranking_free(&r);
    puts("ok points in line are dropped, ties are one step");
}

static void edges(void)
{
    const double s[] = {.2, .3, .3}, bad[] = {.2, NAN, .1};
    const uint8_t ones[] = {1, 1, 1}, zeros[] = {0, 0, 0}, both[] = {1, 0, 0};
    struct emo_ranking r;
    struct emo_curve c;
    CHECK(isnan(auc(s, ones, 3)) && isnan(auc(s, zeros, 3)) && isnan(auc(s, ones, 0)));
    CHECK(isnan(auc(bad, both, 3)) && isnan(auc(bad + 1, both, 2)));
    CHECK(emo_rank(&r, bad + 1, both, 2, &err) == EMO_INPUT && r.steps == NULL);
    SAID("score 1 ");
    /* As many as are possible, of which the first is refused; and one more. */
    CHECK(emo_rank(&r, bad + 1, both, UINT32_MAX, &err) == EMO_INPUT);
    CHECK(emo_rank(&r, bad + 1, both, (size_t)UINT32_MAX + 1, &err) == EMO_FAILED);
    const uint8_t one[] = {1, 0};
    CHECK(emo_rank(&r, s, one, 2, &err) == EMO_OK);
    CHECK(emo_curve_roc(&c, &r, &err) == EMO_OK && c.count == 3);
    emo_curve_free(&c);
    emo_ranking_free(&r);
    /* What lies behind the last is not looked at. */
    CHECK(emo_rank(&r, bad, both, 1, &err) == EMO_OK && r.count == 1);
    emo_ranking_free(&r);
    CHECK(r.steps == NULL && r.count == 0 && r.positives == 0);
    CHECK(auc(s, both, 3) == 0);
    CHECK(emo_rank(&r, bad, both, 3, &err) == EMO_INPUT && r.steps == NULL);
    CHECK(emo_rank(&r, s, zeros, 3, &err) == EMO_OK);
    CHECK(isnan(emo_ranking_average_precision(&r)));
    CHECK(emo_curve_roc(&c, &r, &err) == EMO_OK && c.count == 0 && c.points == NULL);
    CHECK(emo_curve_pr(&c, &r, &err) == EMO_OK && c.count == 0);
    emo_curve_free(&c);
    CHECK(c.points == NULL && c.count == 0);
    emo_ranking_free(&r);
    CHECK(emo_rank(&r, s, zeros, 0, &err) == EMO_OK && r.count == 0);
    emo_ranking_free(&r);
    puts("ok one class, no scores, not a number");
}

/* Draws with many ties, against every pair counted one by one. */
static void every_pair(void)
{
    enum { N = 97 };
    for (uint32_t round = 0; round < 100; round++) {
        double s[N], won = 0, pairs = 0;
        uint8_t y[N];
        for (uint32_t i = 0; i < N; i++) {
            uint32_t d[4];
            emo_philox(5, i, 0, EMO_DRAW_SAMPLE, round, d);
            y[i] = d[0] % 3 == 0;
            s[i] = (double)(d[1] % (2 + round)) / 8;
        }
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < N; j++)
                if (y[i] && !y[j]) {
                    pairs++;
                    won += s[i] > s[j] ? 1 : s[i] == s[j] ? .5 : 0;
                }
        CHECK(NEAR(auc(s, y, N), won / pairs));
    }
    puts("ok AUC equals the count of pairs, 100 sets with ties");
}

int main(void)
{
    by_hand();
    collinear_points_go();
    edges();
    every_pair();
    return 0;
}
