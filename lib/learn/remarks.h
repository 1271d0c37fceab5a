/*
 * What a user should know of the images before believing the figures of a
 * training; and how lib/learn, which prints nothing, speaks.
 */
#ifndef EMO_LEARN_REMARKS_H
#define EMO_LEARN_REMARKS_H

#include "learn/feed.h"

/* Is given lines to print. warning: to be heard even by those who want no summary. */
typedef void emo_say(bool warning, const char *line);

/* One line, given to say. */
void emo_remark(emo_say *say, bool warning, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Of the images, a line each. To be asked after emo_feed_finish(). */
void emo_feed_remarks(struct emo_feed *feed, const struct emo_head *head, emo_say *say);

#endif
