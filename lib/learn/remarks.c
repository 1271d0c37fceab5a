#include "learn/remarks.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void emo_remark(emo_say *say, bool warning, const char *format, ...)
{
    char line[EMO_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    say(warning, line);
}

void emo_feed_remarks(struct emo_feed *feed, const struct emo_head *head, emo_say *say)
{
    struct emo_intake_counts n = emo_feed_counts(feed);
    const uint64_t *of_class = emo_feed_classes(feed);
    uint64_t seen = emo_feed_valid_seen(feed);
    char quoted[EMO_QUOTE_SIZE];
    emo_remark(say, false, "%" PRIu64 " images to train on, %" PRIu64 " to validate with", n.train,
               n.valid);
    if (n.train_of_none > 0)
        emo_remark(say, false, "%" PRIu64 " of the training images have no split (emo-split "
                   "gives one)", n.train_of_none);
    if (n.test > 0)
        emo_remark(say, false, "%" PRIu64 " test images left out", n.test);
    if (n.unlabelled > 0)
        emo_remark(say, false, "%" PRIu64 " images without a label left out", n.unlabelled);
    for (size_t k = 0; k < head->class_count; k++)
        if (of_class[k] == 0)
            emo_remark(say, true, "no training image is of the class %s",
                       emo_quote(quoted, sizeof quoted, head->classes[k],
                                 strlen(head->classes[k])));
    if (n.without_origin > 0)
        emo_remark(say, true, "%" PRIu64 " training images have no origin: emo-predict will not "
                   "know them again", n.without_origin);
    if (seen > 0)
        emo_remark(say, true, "%" PRIu64 " validation images were trained on as well: the "
                   "validation figures flatter", seen);
}
