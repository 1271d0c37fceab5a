/*
 * Scores from tables; scores.h says which columns are read.
 */
#ifndef EMO_METRICS_SCORES_TEXT_H
#define EMO_METRICS_SCORES_TEXT_H

#include "metrics/scores.h"
#include "stream/source.h"

/* first: the first of count >= 1 paths, opened; taken over, also when it fails. */
int emo_scores_read_text(struct emo_scores *s, struct emo_source *first, const char *const *paths,
                         size_t count, struct emo_error *err);

#endif
