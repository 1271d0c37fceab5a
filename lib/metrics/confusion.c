#include "metrics/confusion.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

int emo_confusion_make(struct emo_confusion *c, size_t classes, struct emo_error *err)
{
    *c = (struct emo_confusion){0};
    if (classes == 0 || classes > EMO_CAP_CONFUSION)
        return emo_error(err, EMO_INPUT, "%zu classes; a confusion matrix takes 1 to %u", classes,
                         EMO_CAP_CONFUSION);
    c->counts = calloc(classes * classes, sizeof *c->counts);
    if (c->counts == NULL)
        return emo_error_memory(err, classes * classes * sizeof *c->counts, "a confusion matrix");
    c->classes = classes;
    return EMO_OK;
}

void emo_confusion_free(struct emo_confusion *c)
{
    free(c->counts);
    *c = (struct emo_confusion){0};
}

uint64_t emo_confusion_total(const struct emo_confusion *c)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < c->classes * c->classes; i++)
        sum += c->counts[i];
    return sum;
}

uint64_t emo_confusion_right(const struct emo_confusion *c)
{
    uint64_t sum = 0;
    for (size_t k = 0; k < c->classes; k++)
        sum += emo_confusion_at(c, k, k);
    return sum;
}

static uint64_t support(const struct emo_confusion *c, size_t k)
{
    uint64_t sum = 0;
    for (size_t j = 0; j < c->classes; j++)
        sum += emo_confusion_at(c, k, j);
    return sum;
}

size_t emo_confusion_majority(const struct emo_confusion *c)
{
    size_t best = 0;
    uint64_t most = 0;
    for (size_t k = 0; k < c->classes; k++) {
        uint64_t n = support(c, k);
        if (n > most) {
            most = n;
            best = k;
        }
    }
    return best;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : NAN;
}

struct emo_class_counts emo_confusion_class(const struct emo_confusion *c, size_t k)
{
    struct emo_class_counts f = {.support = support(c, k), .right = emo_confusion_at(c, k, k)};
    for (size_t i = 0; i < c->classes; i++)
        f.predicted += emo_confusion_at(c, i, k);
    f.precision = share(f.right, f.predicted);
    f.recall = share(f.right, f.support);
    f.f1 = share(2 * f.right, f.support + f.predicted);
    return f;
}

static double or_zero(double x)
{
    return isnan(x) ? 0 : x;
}

static struct emo_averages average(const struct emo_confusion *c, bool by_support)
{
    struct emo_averages sum = {0};
    double weights = 0;
    for (size_t k = 0; k < c->classes; k++) {
        struct emo_class_counts f = emo_confusion_class(c, k);
        if (f.support == 0 && f.predicted == 0)
            continue;
        double weight = by_support ? (double)f.support : 1;
        sum.precision += weight * or_zero(f.precision);
        sum.recall += weight * or_zero(f.recall);
        sum.f1 += weight * or_zero(f.f1);
        weights += weight;
    }
    if (weights == 0)
        return (struct emo_averages){NAN, NAN, NAN};
    return (struct emo_averages){sum.precision / weights, sum.recall / weights, sum.f1 / weights};
}

struct emo_averages emo_confusion_macro(const struct emo_confusion *c)
{
    return average(c, false);
}

struct emo_averages emo_confusion_weighted(const struct emo_confusion *c)
{
    return average(c, true);
}
