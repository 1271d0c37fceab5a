#include "learn/history.h"

#include <math.h>
#include <stdlib.h>

void emo_history_free(struct emo_history *h)
{
    free(h->at);
    *h = (struct emo_history){0};
}

int emo_history_add(struct emo_history *h, const struct emo_epoch *e, struct emo_error *err)
{
    if (h->count == h->room) {
        size_t room = h->room > 0 ? 2 * h->room : 16;
        struct emo_epoch *at = realloc(h->at, room * sizeof *at);
        if (at == NULL)
            return emo_error_memory(err, room * sizeof *at, "the history");
        h->at = at;
        h->room = room;
    }
    h->at[h->count++] = *e;
    return EMO_OK;
}

static void number(struct emo_text *out, double x, char after)
{
    if (isfinite(x))
        emo_text_printf(out, "%.9g%c", x, after);
    else
        emo_text_printf(out, "NA%c", after);
}

void emo_history_tsv(struct emo_text *out, const struct emo_history *h)
{
    emo_text_printf(out, "epoch\tloss\tacc\tval_loss\tval_acc\tval_auc\tseconds"
                         "\timages_per_second\n");
    for (size_t i = 0; i < h->count; i++) {
        const struct emo_epoch *e = &h->at[i];
        emo_text_printf(out, "%u\t", e->number);
        number(out, e->loss, '\t');
        number(out, e->accuracy, '\t');
        number(out, e->valid_loss, '\t');
        number(out, e->valid_accuracy, '\t');
        number(out, e->valid_auc, '\t');
        number(out, e->seconds, '\t');
        number(out, e->images_per_second, '\n');
    }
}

static void figure(struct emo_text *out, const char *name, double x)
{
    if (isfinite(x))
        emo_text_printf(out, "  %s %.4f", name, x);
    else
        emo_text_printf(out, "  %s NA", name);
}

void emo_epoch_line(struct emo_text *out, const struct emo_epoch *e, unsigned of)
{
    emo_text_printf(out, "epoch %u", e->number);
    if (of > 0)
        emo_text_printf(out, "/%u", of);
    figure(out, "loss", e->loss);
    figure(out, "acc", e->accuracy);
    figure(out, "val_loss", e->valid_loss);
    figure(out, "val_acc", e->valid_accuracy);
    figure(out, "val_auc", e->valid_auc);
    emo_text_printf(out, "  %.1f s  %.1f images/s", e->seconds, e->images_per_second);
}
