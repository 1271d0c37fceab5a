/*
 * Everything that is reported of one group of scored images: those of a split
 * that were, or were not, in the model's training set.
 */
#ifndef EMO_METRICS_EVALUATE_H
#define EMO_METRICS_EVALUATE_H

#include "metrics/calibration.h"
#include "metrics/confusion.h"
#include "metrics/interval.h"
#include "metrics/scores.h"

/* Rows of scores, by number. Free with emo_groups_free(). */
struct emo_group {
    uint8_t split, seen;
    size_t *rows;
    size_t count;
    size_t of; /* all of its split, seen or not */
};
struct emo_groups {
    struct emo_group *at;
    size_t count;
};

/* The groups that are not empty, of the splits in the mask (bit 1 << split), by split, then
   unseen, seen, unknown. */
int emo_groups_make(struct emo_groups *g, const struct emo_scores *s, unsigned splits,
                    struct emo_error *err);
void emo_groups_free(struct emo_groups *g);

struct emo_ranked {
    double auc, average_precision;
    struct emo_interval auc_interval; /* DeLong's, emo_auc_interval() */
};

enum emo_verdict { EMO_WITHIN_NOISE, EMO_BETTER, EMO_WORSE };

/*
 * Figures of the labelled images of a group. NaN: cannot be said, as everywhere where not all
 * scores are finite or there is no labelled image. Free with emo_evaluation_free().
 */
struct emo_evaluation {
    uint64_t images;     /* labelled */
    uint64_t unlabelled; /* left out */
    uint64_t not_finite; /* labelled, with a score that is no finite number */
    size_t occurring;    /* classes with at least one image */

    struct emo_confusion confusion;
    struct emo_averages macro, weighted;

    double accuracy;
    struct emo_interval accuracy_interval; /* Wilson's */
    size_t majority;                       /* class */
    double majority_accuracy, majority_p;  /* p: emo_sign_test() of accuracy against it */
    enum emo_verdict majority_verdict;     /* at p < 0.05 */

    /* Of each class against the rest; NaN where the class has no image, or all. */
    struct emo_ranked *ranked;
    /* Two classes: the positive one's. More: the means over the classes, without an interval; NaN
       unless every class has images. */
    struct emo_ranked overall;
    double weighted_auc, weighted_average_precision; /* means weighted by support */

    /* NaN where scores are not probabilities. */
    double log_loss, base_log_loss, brier, calibration_error;
    /* Two classes: of the positive one's probability. More: of the predicted one's. */
    struct emo_calibration calibration;
};

struct emo_rules {
    double threshold; /* two classes: positive from here up */
    size_t positive;  /* two classes: which one it is */
};

/* As the options --positive (NULL: the last class) and --threshold ask; both are for two classes.
   EMO_USAGE: there are more, or none is called that. */
int emo_rules_make(struct emo_rules *rules, const struct emo_scores *s, const char *positive,
                   bool threshold_given, double threshold, struct emo_error *err);

/* Two classes: the positive one from the threshold up. More: the lowest of the greatest. */
size_t emo_rules_predict(const struct emo_rules *rules, const double *p, size_t classes);

int emo_evaluate(struct emo_evaluation *e, const struct emo_scores *s, const struct emo_group *g,
                 const struct emo_rules *rules, struct emo_error *err);
void emo_evaluation_free(struct emo_evaluation *e);

#endif
