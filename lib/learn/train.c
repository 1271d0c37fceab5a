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
    struct emo_training *training;
    double started; /* the epoch under way */
    bool unsaved;
};

void emo_training_free(struct emo_training *t)
{
    emo_history_free(&t->history);
    emo_best_free(&t->best);
    emo_trail_free(&t->trail);
    *t = (struct emo_training){0};
}

static bool stopped(const struct run *r)
{
    return r->listener->stop != NULL && r->listener->stop();
}

static bool steps_done(const struct run *r)
{
    return r->options->steps > 0 && r->training->history.steps >= r->options->steps;
}

/* Is there an epoch, or the part of it that the steps allow, to be validated? */
static bool is_pending(const struct run *r)
{
    const struct emo_training *t = r->training;
    return t->history.count < t->epoch && (t->whole || steps_done(r));
}

static bool patience_over(const struct run *r)
{
    const struct emo_training *t = r->training;
    return r->options->patience > 0 &&
           t->history.count >= t->best.epoch + (size_t)r->options->patience;
}

/* Is there something to tell the best epoch by? */
static int check_auc(const struct run *r, const struct emo_score_summary *s, struct emo_error *err)
{
    if (r->options->keep != EMO_KEEP_VAL_AUC || !isnan(s->auc) || s->not_finite > 0)
        return EMO_OK;
    return emo_error(err, EMO_INPUT, "no val_auc to tell the best epoch by: the validation images "
                     "are not of every class; --keep-best val_loss can do with that");
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
                                 r->training->history.steps, r->options->learning_rate);
    return EMO_OK;
}

static int save(struct run *r, struct emo_error *err)
{
    struct emo_training *t = r->training;
    if (!r->unsaved || r->listener->save == NULL)
        return EMO_OK;
    int status = check_parameters(r, err);
    t->seconds = t->history.count < t->epoch ? emo_seconds() - r->started : 0;
    if (status == EMO_OK)
        status = r->listener->save(r->listener->context, err);
    r->unsaved = false;
    return status;
}

/* Validates. *ended false: it was stopped meanwhile. */
static int end_epoch(struct run *r, bool *ended, struct emo_error *err)
{
    struct emo_training *t = r->training;
    double trained = emo_seconds() - r->started, images = (double)t->images;
    size_t count;
    const size_t *valid = emo_feed_valid(r->feed, &count);
    struct emo_score_summary s = {.loss = NAN, .accuracy = NAN, .auc = NAN};
    int status = EMO_OK;
    if (count > 0)
        status = emo_score_pool(r->net, emo_feed_pool(r->feed), valid, count, r->options->batch,
                                r->options->classes, r->listener->stop, &s, err);
    *ended = !stopped(r);
    if (status == EMO_OK && *ended)
        status = check_auc(r, &s, err);
    if (status != EMO_OK || !*ended)
        return status;
    struct emo_epoch e = {
        .number = t->epoch,
        .loss = t->loss / images,
        .accuracy = (double)t->right / images,
        .valid_loss = s.loss,
        .valid_accuracy = s.accuracy,
        .valid_auc = s.auc,
        .seconds = emo_seconds() - r->started,
        .images_per_second = trained > 0 ? images / trained : NAN,
    };
    status = emo_best_consider(&t->best, r->options->keep, &e, r->net, err);
    if (status == EMO_OK)
        status = emo_history_add(&t->history, &e, err);
    if (status == EMO_OK && r->listener->epoch != NULL)
        r->listener->epoch(r->listener->context, &e);
    r->started = emo_seconds();
    return status == EMO_OK ? save(r, err) : status;
}

static int step(struct run *r, const struct emo_batch *b, struct emo_error *err)
{
    struct emo_training *t = r->training;
    struct emo_step_result result;
    int status = emo_net_step(r->net, b->images, b->labels, b->ids, b->epoch, b->count,
                              r->options->learning_rate, &result, err);
    if (status != EMO_OK)
        return status;
    uint64_t number = ++t->history.steps;
    double loss = result.loss / (double)b->count;
    if (!isfinite(loss))
        return emo_error(err, EMO_FAILED, "step %" PRIu64 " (epoch %u): the loss is %s; the "
                         "training diverged, a lower --lr than %g may help", number, b->epoch,
                         isnan(loss) ? "not a number" : "infinite", r->options->learning_rate);
    r->unsaved = true;
    t->whole = b->last;
    t->loss += result.loss;
    t->right += result.right;
    t->images += b->count;
    t->history.images += b->count;
    if (r->listener->step != NULL)
        r->listener->step(r->listener->context, number, loss, t->history.images);
    return emo_feed_augmented(r->feed) ? emo_trail_set(&t->trail, b->epoch, b->read, err) : EMO_OK;
}

/* The next batch, if there is one to come. */
static int next_batch(struct run *r, bool *over, struct emo_error *err)
{
    struct emo_training *t = r->training;
    struct emo_batch *b = NULL;
    int status = EMO_OK;
    if (!steps_done(r) && !patience_over(r))
        status = emo_feed_next(r->feed, &b, err);
    *over = b == NULL;
    /* What was learnt from the input before it failed is good all the same. */
    struct emo_error ignored;
    if (status != EMO_OK)
        (void)save(r, &ignored);
    if (b == NULL)
        return status;
    if (b->epoch != t->epoch) {
        t->epoch = b->epoch;
        t->images = t->right = 0;
        t->loss = 0;
    }
    return step(r, b, err);
}

static int train(struct run *r, struct emo_error *err)
{
    bool over = false, ended;
    int status = EMO_OK;
    while (status == EMO_OK && !over && !stopped(r)) {
        if (!is_pending(r))
            status = next_batch(r, &over, err);
        if (status == EMO_OK && is_pending(r))
            status = end_epoch(r, &ended, err);
    }
    return status == EMO_OK && stopped(r) ? save(r, err) : status;
}

int emo_train(struct emo_feed *feed, struct emo_net *net, const struct emo_train_options *options,
              const struct emo_train_listener *listener, struct emo_training *training,
              struct emo_error *err)
{
    struct run r = {.feed = feed, .net = net, .options = options, .listener = listener,
                    .training = training, .started = emo_seconds() - training->seconds};
    size_t valid;
    emo_feed_valid(feed, &valid);
    if (options->keep != EMO_KEEP_LAST && valid == 0)
        return emo_error(err, EMO_INPUT, "no validation images to tell the best epoch by; "
                         "emo-split sets some apart");
    int status = emo_trail_set(&training->trail, 0, emo_feed_front(feed), err);
    if (status == EMO_OK)
        status = train(&r, err);
    if (status == EMO_OK && !stopped(&r))
        status = emo_feed_finish(feed, err);
    if (status != EMO_OK || stopped(&r))
        return status;
    emo_best_restore(&training->best, net);
    return check_parameters(&r, err);
}
