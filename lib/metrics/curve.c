#include "metrics/curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Bottom-up merge sort: stable, as the definition of the curves wants. */
int emo_sort_scored(struct emo_scored *s, size_t n, struct emo_error *err)
{
    if (n < 2)
        return EMO_OK;
    struct emo_scored *spare = malloc(n * sizeof *spare), *from = s, *to = spare;
    if (spare == NULL)
        return emo_error_memory(err, n * sizeof *spare, "sorting scores");
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t start = 0; start < n; start += 2 * width) {
            size_t middle = start + width < n ? start + width : n;
            size_t end = middle + width < n ? middle + width : n, a = start, b = middle;
            for (size_t i = start; i < end; i++)
                to[i] = b >= end || (a < middle && from[a].score >= from[b].score) ? from[a++]
                                                                                   : from[b++];
        }
        struct emo_scored *t = from;
        from = to;
        to = t;
    }
    if (from != s)
        memcpy(s, from, n * sizeof *s);
    free(spare);
    return EMO_OK;
}

static size_t positives(const struct emo_scored *s, size_t n)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        m += s[i].positive;
    return m;
}

/* The end of the run of equal scores at i, and the positives in it. */
static size_t run_end(const struct emo_scored *s, size_t n, size_t i, size_t *in_run)
{
    size_t end = i;
    *in_run = 0;
    for (; end < n && s[end].score == s[i].score; end++)
        *in_run += s[end].positive;
    return end;
}

double emo_auc(const struct emo_scored *s, size_t n)
{
    size_t m = positives(s, n), run, above = 0;
    double sum = 0;
    if (m == 0 || m == n)
        return NAN;
    for (size_t i = 0, end; i < n; i = end) {
        end = run_end(s, n, i, &run);
        /* Each negative of the run lies below `above` positives, and ties with the run's. */
        sum += (double)(end - i - run) * ((double)above + .5 * (double)run);
        above += run;
    }
    return sum / ((double)m * (double)(n - m));
}

double emo_average_precision(const struct emo_scored *s, size_t n)
{
    size_t m = positives(s, n), run, right = 0;
    double sum = 0;
    if (m == 0)
        return NAN;
    for (size_t i = 0, end; i < n; i = end) {
        end = run_end(s, n, i, &run);
        right += run;
        sum += (double)run / (double)m * ((double)right / (double)end);
    }
    return sum;
}

double emo_delong_variance(const struct emo_scored *s, size_t n)
{
    size_t m = positives(s, n), q = n - m, run, above = 0, over = 0;
    double auc = emo_auc(s, n), v01 = 0, v10 = 0;
    if (m < 2 || q < 2)
        return NAN;
    for (size_t i = 0, end; i < n; i = end) {
        end = run_end(s, n, i, &run);
        size_t others = end - i - run;
        /* The part of negatives below each positive of the run, and of positives above each
           negative of it: the mid-rank formula's components. */
        double below = ((double)(q - over - others) + .5 * (double)others) / (double)q;
        double higher = ((double)above + .5 * (double)run) / (double)m;
        v01 += (double)run * (below - auc) * (below - auc);
        v10 += (double)others * (higher - auc) * (higher - auc);
        above += run;
        over += others;
    }
    return v01 / (double)(m - 1) / (double)m + v10 / (double)(q - 1) / (double)q;
}

int emo_roc(const struct emo_scored *s, size_t n, struct emo_point **points, size_t *count,
            struct emo_error *err)
{
    size_t m = positives(s, n), q = n - m, run, right = 0, k = 0;
    struct emo_point *p = malloc((n + 1) * sizeof *p);
    *points = p;
    if (p == NULL)
        return emo_error_memory(err, (n + 1) * sizeof *p, "a curve");
    p[k++] = (struct emo_point){.threshold = INFINITY};
    for (size_t i = 0, end; i < n; i = end) {
        end = run_end(s, n, i, &run);
        right += run;
        p[k++] = (struct emo_point){s[i].score, (double)(end - right), (double)right};
    }
    /* A point between two others on one line is dropped: the steps before and after are equal in
       counts. The first and last stay, and (0, 0) is not part of this. */
    size_t kept = k > 1 ? 2 : 1;
    struct emo_point before = k > 1 ? p[1] : p[0];
    for (size_t i = 2; i < k; i++) {
        struct emo_point here = p[i];
        bool corner = i + 1 == k || p[i + 1].x - here.x != here.x - before.x ||
                      p[i + 1].y - here.y != here.y - before.y;
        before = here;
        if (corner)
            p[kept++] = here;
    }
    for (size_t i = 0; i < kept; i++) {
        p[i].x /= (double)q;
        p[i].y /= (double)m;
    }
    *count = kept;
    return EMO_OK;
}

int emo_precision_recall(const struct emo_scored *s, size_t n, struct emo_point **points,
                         size_t *count, struct emo_error *err)
{
    size_t m = positives(s, n), run, right = 0, k = 0;
    struct emo_point *p = malloc((n + 1) * sizeof *p);
    *points = p;
    if (p == NULL)
        return emo_error_memory(err, (n + 1) * sizeof *p, "a curve");
    for (size_t i = 0, end; i < n; i = end) {
        end = run_end(s, n, i, &run);
        right += run;
        p[k++] = (struct emo_point){s[i].score, (double)right / (double)m,
                                    (double)right / (double)end};
    }
    for (size_t i = 0; i < k / 2; i++) {
        struct emo_point t = p[i];
        p[i] = p[k - 1 - i];
        p[k - 1 - i] = t;
    }
    p[k++] = (struct emo_point){INFINITY, 0, 1};
    *count = k;
    return EMO_OK;
}
