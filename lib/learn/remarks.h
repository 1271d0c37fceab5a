/*
 * What a user should know of the images before believing the figures of a
 * training.
 */
#ifndef EMO_LEARN_REMARKS_H
#define EMO_LEARN_REMARKS_H

#include "learn/feed.h"

/* A line each, given to say; warning: it should be heard even by those who want no summary. To be
   asked after emo_feed_finish(). */
void emo_feed_remarks(struct emo_feed *feed, const struct emo_head *head,
                      void (*say)(bool warning, const char *line));

#endif
