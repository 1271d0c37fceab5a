/*
 * Pictures of figures, as programs for gnuplot.
 *
 * A program holds its data and needs no file; it draws on standard output. All
 * text in it is quoted so that gnuplot interprets nothing.
 */
#ifndef EMO_METRICS_PLOT_H
#define EMO_METRICS_PLOT_H

#include "base/text.h"
#include "metrics/evaluate.h"
#include "metrics/learning_curve.h"

enum emo_plot_kind {
    EMO_PLOT_HISTORY,
    EMO_PLOT_CONFUSION,
    EMO_PLOT_ROC,
    EMO_PLOT_PR,
    EMO_PLOT_SCORES,
    EMO_PLOT_CALIBRATION,
};
enum emo_plot_format { EMO_PLOT_SVG, EMO_PLOT_PNG, EMO_PLOT_PDF };

/* More lines than these cannot be told apart. */
#define EMO_CAP_PLOT_LINES 24u
/* More classes are no picture that could be read. */
#define EMO_CAP_PLOT_CLASSES 64u

/* The scored images of one group of one file. */
struct emo_plot_series {
    const char *file; /* NULL: the only one, which needs no name */
    const struct emo_scores *scores;
    const struct emo_group *group;
    struct emo_rules rules;
    struct emo_evaluation evaluation;
};

/* A picture of scores. title NULL: none. */
struct emo_plot {
    enum emo_plot_kind kind; /* all but EMO_PLOT_HISTORY */
    enum emo_plot_format format;
    const char *title;
    const struct emo_plot_series *series;
    size_t count;
};

/* Adds the program to *out. EMO_INPUT: this cannot be drawn of these scores, or not so many lines
   in one picture. */
int emo_plot_scores(struct emo_text *out, const struct emo_plot *plot, struct emo_error *err);

/* Loss, accuracy and AUC by epoch. */
struct emo_plot_run {
    const char *file; /* NULL: the only one */
    struct emo_learning_curve history;
};
int emo_plot_history(struct emo_text *out, enum emo_plot_format format, const char *title,
                     const struct emo_plot_run *runs, size_t count, struct emo_error *err);

#endif
