#include "learn/setup.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_text(const char *path, struct emo_text *t, struct emo_error *err)
{
    char bytes[4096], quoted[EMO_QUOTE_SIZE];
    ssize_t n = 0;
    emo_quote(quoted, sizeof quoted, path, strlen(path));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
        return emo_error_errno(err, "network %s", quoted);
    if (fd < 0)
        return emo_error(err, EMO_USAGE, "network %s: %s (built in are baseline and vgg)", quoted,
                         strerror(errno));
    while (t->length <= EMO_CAP_TEXT && (n = emo_read(fd, bytes, sizeof bytes)) > 0)
        emo_text_add(t, bytes, (size_t)n);
    int saved = errno;
    close(fd);
    errno = saved;
    if (n < 0)
        return emo_error_errno(err, "network %s", quoted);
    if (t->failed)
        return emo_error_memory(err, t->length, "network text");
    if (t->length > EMO_CAP_TEXT || t->length == 0 || memchr(t->bytes, '\0', t->length) != NULL)
        return emo_error(err, EMO_USAGE, "network %s: not network text", quoted);
    return EMO_OK;
}

int emo_setup_text(const char *name, char **text, struct emo_error *err)
{
    struct emo_text t = {0};
    int status = EMO_OK;
    if (emo_net_builtin(name) == NULL)
        status = read_text(name, &t, err);
    else
        emo_text_add(&t, name, strlen(name));
    if (status == EMO_OK && t.failed)
        status = emo_error_memory(err, t.length, "network text");
    if (status != EMO_OK)
        emo_text_free(&t);
    *text = t.bytes;
    return status;
}

int emo_setup_blame(int status, const char *name, struct emo_error *err)
{
    bool file = status == EMO_USAGE && name != NULL && emo_net_builtin(name) == NULL;
    return file ? emo_error_prefix(err, "%s", name) : status;
}

int emo_setup_describe(const char *name, const struct emo_net_options *options, bool as_text,
                       struct emo_text *out, struct emo_error *err)
{
    struct emo_net_options o = *options;
    struct emo_net *net = NULL;
    char *text;
    int status = emo_setup_text(name, &text, err);
    if (status != EMO_OK)
        return status;
    o.text = text;
    status = emo_setup_blame(emo_net_open(&net, &o, err), name, err);
    if (status == EMO_OK && as_text)
        emo_text_printf(out, "%s", emo_net_text(net));
    else if (status == EMO_OK)
        emo_net_summary(net, out);
    if (out->failed)
        status = emo_error_memory(err, out->length, "a summary");
    emo_net_close(net);
    free(text);
    return status;
}

/* Does the model fit these images? Their shape was looked at when it was read. */
static int check_init(const struct emo_model *m, const struct emo_head *head, const char *path,
                      struct emo_error *err)
{
    if (!emo_head_same_classes(&m->head, head))
        return emo_error(err, EMO_INPUT, "%s: its classes are not those of the images", path);
    return EMO_OK;
}

static int copy_parameters(struct emo_net *to, struct emo_net *from, const char *path,
                           struct emo_error *err)
{
    size_t count, other;
    if (strcmp(emo_net_text(to), emo_net_text(from)) != 0)
        return emo_error(err, EMO_INPUT, "%s: its network is another; leave -n away to go on "
                         "with the model's", path);
    struct emo_parameter *p = emo_net_parameters(to, &count);
    const struct emo_parameter *q = emo_net_parameters(from, &other);
    for (size_t i = 0; i < count && i < other; i++)
        memcpy(p[i].values, q[i].values, p[i].count * sizeof *p[i].values);
    emo_net_parameters_changed(to);
    return EMO_OK;
}

int emo_setup_net(struct emo_net **net, const struct emo_net_options *options,
                  const struct emo_head *head, const char *init, int64_t **origins,
                  size_t *origin_count, struct emo_error *err)
{
    struct emo_net_options o = *options;
    struct emo_model m = {0};
    struct emo_net *from = NULL;
    int status = EMO_OK;
    *net = NULL;
    *origins = NULL;
    *origin_count = 0;
    if (init != NULL) {
        struct emo_net_options reading = o;
        reading.text = NULL;
        reading.training = false;
        reading.batch = 1;
        status = emo_model_read(init, &reading, &m, &from, err);
        if (status == EMO_OK)
            status = check_init(&m, head, init, err);
        if (o.text == NULL)
            o.text = m.text;
    }
    if (status == EMO_OK)
        status = emo_net_open(net, &o, err);
    if (status == EMO_OK && init != NULL)
        status = copy_parameters(*net, from, init, err);
    if (status == EMO_OK) {
        *origins = m.origins;
        *origin_count = m.origin_count;
        m.origins = NULL;
        m.origin_count = 0;
    }
    emo_net_close(from);
    emo_model_free(&m);
    return status;
}

static int set_number(struct emo_head *h, const char *name, uint64_t value, struct emo_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return emo_head_set_key(h, name, text, err);
}

int emo_setup_model(struct emo_model *m, const struct emo_setup_story *s,
                    const struct emo_net *net, struct emo_error *err)
{
    char text[64];
    struct emo_head *h = &m->head;
    m->height = s->shape[0];
    m->width = s->shape[1];
    m->channels = s->shape[2];
    m->text = strdup(emo_net_text(net));
    if (m->text == NULL)
        return emo_error_memory(err, strlen(emo_net_text(net)), "network text");
    int status = emo_head_copy(h, s->input, err);
    h->kind = EMO_MODEL;
    h->records_expected = EMO_UNKNOWN;
    h->shard = 0;
    h->shards = 1;
    /* That some epochs were not made a second time says nothing of the model. */
    emo_head_remove_key(h, "first_epoch");
    if (status == EMO_OK)
        status = emo_head_set_net(h, m->text, err);
    snprintf(text, sizeof text, "%ux%ux%u", s->shape[0], s->shape[1], s->shape[2]);
    if (status == EMO_OK)
        status = emo_head_set_key(h, "input", text, err);
    if (status == EMO_OK)
        status = emo_head_set_key(h, "backend", s->backend, err);
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"epochs", s->epochs}, {"steps", s->steps}, {"batch", s->batch}, {"seed", s->seed},
        {"train_images", s->train}, {"valid_images", s->valid},
    };
    for (size_t i = 0; status == EMO_OK && i < sizeof numbers / sizeof numbers[0]; i++)
        status = set_number(h, numbers[i].name, numbers[i].value, err);
    snprintf(text, sizeof text, "%.17g", s->learning_rate);
    if (status == EMO_OK)
        status = emo_head_set_key(h, "learning_rate", text, err);
    if (status == EMO_OK)
        status = emo_head_set_key(h, "start", s->initialised ? "a model" : "seed", err);
    if (status != EMO_OK || s->keep == EMO_KEEP_LAST)
        return status;
    status = set_number(h, "best_epoch", s->best->epoch, err);
    snprintf(text, sizeof text, "%s %.17g", emo_keep_name(s->keep), s->best->value);
    return status == EMO_OK ? emo_head_set_key(h, "best_by", text, err) : status;
}
