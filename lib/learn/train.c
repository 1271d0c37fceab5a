#include "learn/train.h"

#include "base/progress.h"
#include "learn/score.h"

#include <inttypes.h>
#include <math.h>

struct run {
    struct emo_feed *feed;
    struct emo_net *net;
    const struct emo_train_options *options;
    const struct emo_train_listener *listener;
    struct emo_history *history;
    double started; /* the present epoch */
    double loss;    /* sums over it */
    uint64_t images, right;
};

static int end_epoch(struct run *r, unsigned number, struct emo_error *err)
{
    double trained = emo_seconds() - r->started, images = (double)r->images;
    size_t count;
    const size_t *valid = emo_feed_valid(r->feed, &count);
    struct emo_score_summary s = {.loss = NAN, .accuracy = NAN, .auc = NAN};
    if (count > 0) {
        int status = emo_score_pool(r->net, emo_feed_pool(r->feed), valid, count,
                                    r->options->batch, r->options->classes, &s, err);
        if (status != EMO_OK)
            return status;
    }
    struct emo_epoch e = {
        .number = number,
        .loss = r->loss / images,
        .accuracy = (double)r->right / images,
        .valid_loss = s.loss,
        .valid_accuracy = s.accuracy,
        .valid_auc = s.auc,
        .seconds = emo_seconds() - r->started,
        .images_per_second = trained > 0 ? images / trained : NAN,
    };
    if (r->listener->epoch != NULL)
        r->listener->epoch(r->listener->context, &e);
    r->started = emo_seconds();
    r->loss = 0;
    r->images = r->right = 0;
    return emo_history_add(r->history, &e, err);
}

static int step(struct run *r, const struct emo_batch *b, struct emo_error *err)
{
    struct emo_step_result result;
    int status = emo_net_step(r->net, b->images, b->labels, b->ids, b->epoch, b->count,
                              r->options->learning_rate, &result, err);
    if (status != EMO_OK)
        return status;
    uint64_t number = ++r->history->steps;
    double loss = result.loss / (double)b->count;
    if (!isfinite(loss))
        return emo_error(err, EMO_FAILED, "step %" PRIu64 " (epoch %u): the loss is %s; the "
                         "training diverged, a lower --lr than %g may help", number, b->epoch,
                         isnan(loss) ? "not a number" : "infinite", r->options->learning_rate);
    r->loss += result.loss;
    r->right += result.right;
    r->images += b->count;
    r->history->images += b->count;
    if (r->listener->step != NULL)
        r->listener->step(r->listener->context, number, loss, r->history->images);
    return EMO_OK;
}

/* The last step can still have spoilt what the losses before it did not show. */
static int check_parameters(struct run *r, struct emo_error *err)
{
    size_t count;
    const struct emo_parameter *p = emo_net_parameters(r->net, &count);
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < p[k].count; i++)
            if (!isfinite(p[k].values[i]))
                return emo_error(err, EMO_FAILED, "%s is not finite after %" PRIu64 " steps; the "
                                 "training diverged, a lower --lr than %g may help", p[k].name,
                                 r->history->steps, r->options->learning_rate);
    return EMO_OK;
}

int emo_train(struct emo_feed *feed, struct emo_net *net, const struct emo_train_options *options,
              const struct emo_train_listener *listener, struct emo_history *history,
              struct emo_error *err)
{
    struct run r = {.feed = feed, .net = net, .options = options, .listener = listener,
                    .history = history, .started = emo_seconds()};
    bool enough = false;
    while (!enough) {
        struct emo_batch *b;
        int status = emo_feed_next(feed, &b, err);
        if (status != EMO_OK)
            return status;
        if (b == NULL)
            break;
        status = step(&r, b, err);
        enough = options->steps > 0 && history->steps >= options->steps;
        if (status == EMO_OK && (b->last || enough))
            status = end_epoch(&r, b->epoch, err);
        if (status != EMO_OK)
            return status;
    }
    int status = check_parameters(&r, err);
    return status == EMO_OK ? emo_feed_finish(feed, err) : status;
}
