#include "learn/best.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *emo_keep_name(enum emo_keep keep)
{
    static const char *const names[] = {"last", "val_auc", "val_loss"};
    return names[keep];
}

void emo_best_free(struct emo_best *b)
{
    free(b->values);
    *b = (struct emo_best){0};
}

int emo_best_reserve(struct emo_best *b, struct emo_net *net, struct emo_error *err)
{
    size_t n;
    const struct emo_parameter *p = emo_net_parameters(net, &n);
    if (b->values != NULL)
        return EMO_OK;
    for (size_t i = 0; i < n; i++)
        b->count += p[i].count;
    b->values = malloc(b->count * sizeof *b->values);
    return b->values != NULL ? EMO_OK : emo_error_memory(err, b->count * sizeof *b->values,
                                                         "the best parameters");
}

static bool better(const struct emo_best *b, enum emo_keep keep, double value)
{
    if (isnan(value))
        return false;
    if (b->epoch == 0)
        return true;
    return keep == EMO_KEEP_VAL_AUC ? value > b->value : value < b->value;
}

int emo_best_consider(struct emo_best *b, enum emo_keep keep, const struct emo_epoch *e,
                      struct emo_net *net, struct emo_error *err)
{
    double value = keep == EMO_KEEP_VAL_AUC ? e->valid_auc : e->valid_loss;
    if (keep == EMO_KEEP_LAST || !better(b, keep, value))
        return EMO_OK;
    int status = emo_best_reserve(b, net, err);
    if (status != EMO_OK)
        return status;
    size_t n;
    const struct emo_parameter *p = emo_net_parameters(net, &n);
    float *to = b->values;
    for (size_t i = 0; i < n; to += p[i].count, i++)
        memcpy(to, p[i].values, p[i].count * sizeof *to);
    b->epoch = e->number;
    b->value = value;
    return EMO_OK;
}

void emo_best_restore(const struct emo_best *b, struct emo_net *net)
{
    size_t n;
    struct emo_parameter *p = emo_net_parameters(net, &n);
    const float *from = b->values;
    if (b->epoch == 0)
        return;
    for (size_t i = 0; i < n; from += p[i].count, i++)
        memcpy(p[i].values, from, p[i].count * sizeof *from);
    emo_net_parameters_changed(net);
}
