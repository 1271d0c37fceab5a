#include "metrics/curve.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct scored {
    double score;
    uint64_t positive;
};

static int descending(const void *a, const void *b)
{
    double x = ((const struct scored *)a)->score, y = ((const struct scored *)b)->score;
    return (x < y) - (x > y);
}

/* Counts equal scores together; in must be sorted. */
static void count_steps(struct emo_ranking *r, const struct scored *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        r->positives += in[i].positive;
        r->negatives += 1 - in[i].positive;
        bool last = i + 1 == n || in[i + 1].score < in[i].score;
        if (last)
            r->steps[r->count++] = (struct emo_step){in[i].score, r->positives, r->negatives};
    }
}

int emo_rank(struct emo_ranking *r, const double *scores, const uint8_t *positive, size_t n,
             struct emo_error *err)
{
    *r = (struct emo_ranking){0};
    /* So that 2 * positives * negatives, the count of pairs in halves, stays in 64 bits. */
    if (n > UINT32_MAX)
        return emo_error(err, EMO_FAILED, "more than %lu scores", (unsigned long)UINT32_MAX);
    if (n == 0)
        return EMO_OK;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(scores[i]))
            return emo_error(err, EMO_INPUT, "score %zu is not a finite number", i + 1);
    struct scored *sorted = malloc(n * sizeof *sorted);
    r->steps = malloc(n * sizeof *r->steps);
    if (sorted == NULL || r->steps == NULL) {
        free(sorted);
        emo_ranking_free(r);
        return emo_error_memory(err, n * sizeof *r->steps, "a ranking");
    }
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct scored){scores[i], positive[i] != 0};
    qsort(sorted, n, sizeof *sorted, descending);
    count_steps(r, sorted, n);
    free(sorted);
    return EMO_OK;
}

void emo_ranking_free(struct emo_ranking *r)
{
    free(r->steps);
    *r = (struct emo_ranking){0};
}

double emo_ranking_auc(const struct emo_ranking *r)
{
    if (r->positives == 0 || r->negatives == 0)
        return NAN;
    uint64_t halves = 0, tp = 0, fp = 0; /* twice the pairs won, a tie being half a win */
    for (size_t i = 0; i < r->count; i++) {
        halves += (r->steps[i].fp - fp) * (tp + r->steps[i].tp);
        tp = r->steps[i].tp;
        fp = r->steps[i].fp;
    }
    return (double)halves / (double)(2 * r->positives * r->negatives);
}

double emo_ranking_average_precision(const struct emo_ranking *r)
{
    if (r->positives == 0)
        return NAN;
    double sum = 0;
    uint64_t tp = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct emo_step *s = &r->steps[i];
        sum += (double)(s->tp - tp) * ((double)s->tp / (double)(s->tp + s->fp));
        tp = s->tp;
    }
    return sum / (double)r->positives;
}

int emo_auc(const double *scores, const uint8_t *positive, size_t n, double *auc,
            struct emo_error *err)
{
    struct emo_ranking r;
    *auc = NAN;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(scores[i]))
            return EMO_OK;
    int status = emo_rank(&r, scores, positive, n, err);
    if (status == EMO_OK)
        *auc = emo_ranking_auc(&r);
    emo_ranking_free(&r);
    return status;
}

void emo_curve_free(struct emo_curve *c)
{
    free(c->points);
    *c = (struct emo_curve){0};
}

static int make_points(struct emo_curve *c, size_t n, struct emo_error *err)
{
    *c = (struct emo_curve){.points = malloc(n * sizeof *c->points)};
    return c->points != NULL ? EMO_OK : emo_error_memory(err, n * sizeof *c->points, "a curve");
}

/* Is step i in line with its neighbours, as far away from the one as from the other? */
static bool collinear(const struct emo_step *s, size_t i)
{
    return s[i].fp - s[i - 1].fp == s[i + 1].fp - s[i].fp &&
           s[i].tp - s[i - 1].tp == s[i + 1].tp - s[i].tp;
}

int emo_curve_roc(struct emo_curve *c, const struct emo_ranking *r, struct emo_error *err)
{
    *c = (struct emo_curve){0};
    if (r->positives == 0 || r->negatives == 0)
        return EMO_OK;
    int status = make_points(c, r->count + 1, err);
    if (status != EMO_OK)
        return status;
    c->points[c->count++] = (struct emo_point){0, 0, INFINITY};
    for (size_t i = 0; i < r->count; i++) {
        const struct emo_step *s = &r->steps[i];
        if (i > 0 && i + 1 < r->count && collinear(r->steps, i))
            continue;
        c->points[c->count++] = (struct emo_point){(double)s->fp / (double)r->negatives,
                                                   (double)s->tp / (double)r->positives,
                                                   s->threshold};
    }
    return EMO_OK;
}

int emo_curve_pr(struct emo_curve *c, const struct emo_ranking *r, struct emo_error *err)
{
    *c = (struct emo_curve){0};
    if (r->positives == 0)
        return EMO_OK;
    int status = make_points(c, r->count + 1, err);
    if (status != EMO_OK)
        return status;
    for (size_t i = r->count; i-- > 0;) {
        const struct emo_step *s = &r->steps[i];
        c->points[c->count++] = (struct emo_point){(double)s->tp / (double)r->positives,
                                                   (double)s->tp / (double)(s->tp + s->fp),
                                                   s->threshold};
    }
    c->points[c->count++] = (struct emo_point){0, 1, NAN};
    return EMO_OK;
}
