/*
 * An evaluation as text for people, as an object of JSON, and curves as tables:
 * emo-text(5).
 */
#ifndef EMO_METRICS_REPORT_H
#define EMO_METRICS_REPORT_H

#include "base/text.h"
#include "metrics/evaluate.h"

/* What the reports have in common. */
struct emo_report {
    const struct emo_scores *scores;
    struct emo_rules rules;
};

/* In 80 columns where the classes allow it. The locale's LC_CTYPE must be set for the width of
   names. */
void emo_report_text(struct emo_text *out, const struct emo_report *r, const struct emo_group *g,
                     const struct emo_evaluation *e);

/* One line. */
void emo_report_json(struct emo_text *out, const struct emo_report *r, const struct emo_group *g,
                     const struct emo_evaluation *e);

enum emo_curve_kind { EMO_CURVE_ROC, EMO_CURVE_PR };

void emo_report_curve_header(struct emo_text *out, enum emo_curve_kind kind);
/* The lines of one group: two classes, the positive one's curve; more, each class's. None where
   there is no AUC either. */
int emo_report_curve(struct emo_text *out, enum emo_curve_kind kind, const struct emo_report *r,
                     const struct emo_group *g, const struct emo_evaluation *e,
                     struct emo_error *err);

#endif
