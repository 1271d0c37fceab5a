#include "learn/resume.h"

#include "base/interrupt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

void emo_resume_free(struct emo_resume *r)
{
    emo_checkpoint_free(&r->checkpoint);
    for (size_t i = 0; r->values != NULL && i < r->count; i++)
        emo_text_free(&r->values[i]);
    free(r->values);
    r->values = NULL;
    emo_text_free(&r->recorded);
    emo_text_free(&r->backend);
}

static int take_over(struct emo_resume *r, struct emo_error *err)
{
    int status = EMO_OK;
    r->values = calloc(r->count, sizeof *r->values);
    if (r->values == NULL)
        return emo_error_memory(err, r->count * sizeof *r->values, "options");
    for (size_t i = 0; i < r->count; i++) {
        struct emo_option *o = &r->options[i];
        if (!r->is_kept(o))
            continue;
        if (!emo_checkpoint_option(&r->checkpoint, o->name, &r->values[i]))
            return r->values[i].failed
                       ? emo_error_memory(err, r->values[i].length, "options")
                       : emo_error(err, EMO_INPUT, "%s: it does not say its --%s", r->path, o->name);
        status = emo_option_restore(o, r->values[i].bytes, err);
        if (status != EMO_OK)
            return emo_error_prefix(err, "%s", r->path);
    }
    if (!emo_head_key(&r->checkpoint.head, "recorded", &r->recorded))
        status = r->recorded.failed
                     ? emo_error_memory(err, r->recorded.length, "options")
                     : emo_error(err, EMO_INPUT, "%s: it does not say its options", r->path);
    return status;
}

/* Is there a checkpoint? One that cannot be looked at is not to be begun anew. */
static int look(const char *path, bool *there, struct emo_error *err)
{
    *there = access(path, F_OK) == 0;
    return *there || errno == ENOENT ? EMO_OK : emo_error_errno(err, "%s", path);
}

int emo_resume_open(struct emo_resume *r, bool go_on, struct emo_error *err)
{
    emo_options_recorded(r->options, r->count, &r->recorded);
    emo_text_add(&r->recorded, "", 0);
    if (r->recorded.failed)
        return emo_error_memory(err, 1, "options");
    if (r->path == NULL || !go_on)
        return EMO_OK;
    int status = look(r->path, &r->resumed, err);
    if (status != EMO_OK || !r->resumed)
        return status;
    status = emo_checkpoint_open(&r->checkpoint, r->path, err);
    return status == EMO_OK ? take_over(r, err) : status;
}

int emo_resume_text(const struct emo_resume *r, char **text, struct emo_error *err)
{
    struct emo_text t = {0};
    bool there = emo_head_net(&r->checkpoint.head, &t);
    *text = t.bytes;
    return there    ? EMO_OK
         : t.failed ? emo_error_memory(err, t.length, "network text")
                    : emo_error(err, EMO_INPUT, "%s: it has no network", r->path);
}

static int begin(struct emo_resume *r, struct emo_feed *feed, const struct emo_head *input,
                 const struct emo_net *net, struct emo_error *err)
{
    struct emo_checkpoint *c = &r->checkpoint;
    struct emo_text value = {0};
    int status = emo_checkpoint_begin(c, feed, input, net, err);
    if (status == EMO_OK)
        status = emo_head_set_key(&c->head, "recorded", r->recorded.bytes, err);
    for (size_t i = 0; status == EMO_OK && i < r->count; i++) {
        if (!r->is_kept(&r->options[i]))
            continue;
        value.length = 0;
        emo_text_add(&value, "", 0);
        emo_option_value(&r->options[i], &value);
        status = value.failed
                     ? emo_error_memory(err, value.length, "options")
                     : emo_checkpoint_set_option(c, r->options[i].name, value.bytes, err);
    }
    emo_text_free(&value);
    return status;
}

static int restore(struct emo_resume *r, struct emo_feed *feed, const struct emo_head *input,
                   struct emo_net *net, struct emo_training *t, emo_say *say,
                   struct emo_error *err)
{
    struct emo_checkpoint *c = &r->checkpoint;
    bool same = true;
    int status = emo_checkpoint_check(c, feed, input, net, &same, err);
    if (status == EMO_OK && !emo_head_key(&c->head, "backend", &r->backend) && r->backend.failed)
        status = emo_error_memory(err, r->backend.length, "a name");
    if (status == EMO_OK && !same)
        emo_remark(say, true, "%s was computed by another backend than %s: the model will not be "
                   "that of one run", r->path, emo_net_backend(net));
    if (status == EMO_OK)
        status = emo_checkpoint_restore(c, net, t, err);
    if (status == EMO_OK)
        status = emo_feed_also_trained(feed, c->origins.at, c->origins.count, err);
    if (status != EMO_OK)
        return status;
    emo_remark(say, false, "%s: going on from step %" PRIu64 ", epoch %u", r->path,
               t->history.steps, t->epoch);
    r->saved = t->history.steps;
    r->place = (struct emo_feed_place){.epoch = t->epoch, .images = t->images, .whole = t->whole,
                                       .trail = &t->trail, .train = c->train,
                                       .train_sum = c->train_sum};
    return emo_feed_resume(feed, &r->place, err);
}

int emo_resume_begin(struct emo_resume *r, struct emo_feed *feed, const struct emo_head *input,
                     struct emo_net *net, struct emo_training *t, emo_say *say,
                     struct emo_error *err)
{
    if (r->resumed)
        return restore(r, feed, input, net, t, say, err);
    return r->path != NULL ? begin(r, feed, input, net, err) : EMO_OK;
}

int emo_resume_save(struct emo_resume *r, struct emo_feed *feed, const struct emo_training *t,
                    struct emo_net *net, struct emo_error *err)
{
    struct emo_checkpoint *c = &r->checkpoint;
    struct emo_intake_counts n = emo_feed_counts(feed);
    if (c->train == 0 && (t->epoch > 1 || t->whole)) {
        c->train = n.train;
        c->train_sum = n.train_sum;
    }
    emo_interrupts_lock();
    int status = emo_checkpoint_write(c, r->path, t, emo_feed_origins(feed), net, err);
    if (status == EMO_OK)
        r->saved = t->history.steps;
    emo_interrupts_unlock();
    return status;
}

const char *emo_resume_backend(struct emo_resume *r, const struct emo_net *net)
{
    return r->resumed && r->backend.length > 0 ? r->backend.bytes : emo_net_backend(net);
}

int emo_resume_next_epoch(const char *path, unsigned *epoch, struct emo_error *err)
{
    struct emo_checkpoint c = {0};
    *epoch = 1;
    bool there;
    int status = look(path, &there, err);
    if (status != EMO_OK || !there)
        return status;
    status = emo_checkpoint_open(&c, path, err);
    if (status == EMO_OK)
        status = emo_checkpoint_next_epoch(&c, epoch, err);
    emo_checkpoint_free(&c);
    return status;
}
