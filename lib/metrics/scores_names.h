/*
 * The names of scored images; scores.h has the calls that use them.
 */
#ifndef EMO_METRICS_SCORES_NAMES_H
#define EMO_METRICS_SCORES_NAMES_H

#include "metrics/scores.h"

/* After the last row: makes emo_scores_find() work. EMO_INPUT: a name has two rows with different
   scores. */
int emo_scores_order_names(struct emo_scores *s, struct emo_error *err);

#endif
