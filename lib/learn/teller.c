#include "learn/teller.h"

#include <inttypes.h>
#include <stdio.h>

static void label_progress(struct emo_teller *t, unsigned epoch)
{
    snprintf(t->label, sizeof t->label, "emo-train: epoch %u", epoch);
}

void emo_teller_begin(struct emo_teller *t)
{
    const struct emo_training *now = t->training;
    bool within = now->history.count < now->epoch;
    t->before = now->history.images - (within ? now->images : 0);
    label_progress(t, (unsigned)now->history.count + 1);
}

void emo_teller_end(struct emo_teller *t)
{
    emo_progress_end(&t->progress);
}

void emo_teller_step(void *teller, uint64_t step, double loss, uint64_t images)
{
    struct emo_teller *t = teller;
    if (t->steps)
        emo_remark(t->say, false, "step %" PRIu64 " loss %.9g", step, loss);
    if (!t->shown)
        return;
    if (!t->progress.shown)
        emo_progress_begin(&t->progress, true, t->label, "images", emo_feed_counts(t->feed).train);
    char note[48];
    snprintf(note, sizeof note, "loss %.4f", loss);
    emo_progress_update(&t->progress, images - t->before, note);
}

void emo_teller_epoch(void *teller, const struct emo_epoch *e)
{
    struct emo_teller *t = teller;
    struct emo_text line = {0};
    unsigned of = emo_feed_epochs(t->feed);
    emo_progress_end(&t->progress);
    t->before = t->training->history.images;
    label_progress(t, e->number + 1);
    emo_epoch_line(&line, e, of == UINT16_MAX ? 0 : of);
    if (t->training->best.epoch == e->number)
        emo_text_printf(&line, "  best");
    if (!line.failed)
        t->say(false, line.bytes);
    emo_text_free(&line);
}

void emo_teller_best(const struct emo_teller *t, enum emo_keep keep)
{
    const struct emo_best *best = &t->training->best;
    if (keep != EMO_KEEP_LAST)
        emo_remark(t->say, false, "the model is that of epoch %u of %zu, by %s %.9g", best->epoch,
                   t->training->history.count, emo_keep_name(keep), best->value);
}
