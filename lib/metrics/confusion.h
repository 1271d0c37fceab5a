/*
 * The confusion matrix and what is counted from it.
 *
 * Row i, column j: how many of true class i were predicted as class j. With tp,
 * fp, fn of a class: precision tp / (tp + fp), recall tp / (tp + fn), F1
 * 2tp / (2tp + fp + fn). Where a denominator is 0 the figure is NaN; averages
 * take it as 0, as scikit-learn does by default, and are over the classes that
 * occur, as true or as predicted.
 */
#ifndef EMO_METRICS_CONFUSION_H
#define EMO_METRICS_CONFUSION_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* So that the matrix stays under 128 MiB. */
#define EMO_CAP_CONFUSION 4096u

/* Free with emo_confusion_free(). */
struct emo_confusion {
    size_t classes;
    uint64_t *counts; /* classes * classes, by true class first */
};

/* All zero. EMO_INPUT: more than EMO_CAP_CONFUSION classes. */
int emo_confusion_make(struct emo_confusion *c, size_t classes, struct emo_error *err);
void emo_confusion_free(struct emo_confusion *c);

static inline uint64_t emo_confusion_at(const struct emo_confusion *c, size_t truth,
                                        size_t predicted)
{
    return c->counts[truth * c->classes + predicted];
}
static inline void emo_confusion_add(struct emo_confusion *c, size_t truth, size_t predicted)
{
    c->counts[truth * c->classes + predicted]++;
}

uint64_t emo_confusion_total(const struct emo_confusion *c);
/* The sum of the diagonal: accuracy is right / total. */
uint64_t emo_confusion_right(const struct emo_confusion *c);
/* The class with most true members; the lowest of several. */
size_t emo_confusion_majority(const struct emo_confusion *c);

struct emo_class_counts {
    uint64_t support, predicted, right; /* true members, predicted members, both */
    double precision, recall, f1;
};
struct emo_class_counts emo_confusion_class(const struct emo_confusion *c, size_t k);

struct emo_averages {
    double precision, recall, f1;
};
/* The plain mean over the classes that occur. NaN: none does. */
struct emo_averages emo_confusion_macro(const struct emo_confusion *c);
/* The mean weighted by support. */
struct emo_averages emo_confusion_weighted(const struct emo_confusion *c);

#endif
