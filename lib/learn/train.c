#include "learn/train.h"

#include "base/progress.h"
#include "learn/epochs.h"
#include "metrics/curve.h"
#include "stream/pool.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct trainer {
    const struct emo_train_options *o;
    struct emo_reader *reader;
    struct emo_net *net;
    struct emo_model *m;
    struct emo_train_summary *summary;
    struct emo_pool *train, *valid;
    size_t image, classes, batch;
    bool *class_seen;

    uint8_t *pixels; /* of one batch */
    const uint8_t **images;
    int *labels;
    uint64_t *ids;
    size_t count;
    struct emo_pool_view *views; /* one a place in the batch */

    size_t origin_room;
    uint16_t epoch, epochs;
    double loss, started;
    size_t right;
    uint64_t trained, first_epoch;
};

static void trainer_free(struct trainer *t)
{
    emo_pool_close(t->train);
    emo_pool_close(t->valid);
    for (size_t i = 0; t->views != NULL && i < t->batch; i++)
        emo_pool_view_free(&t->views[i]);
    free(t->views);
    free(t->pixels);
    free(t->images);
    free(t->labels);
    free(t->ids);
    free(t->class_seen);
}

/* Makes the network, once the first image has shown the shape. */
static int begin(struct trainer *t, const struct emo_record *r, struct emo_error *err)
{
    struct emo_net_options o = t->o->net;
    const struct emo_head *head = emo_reader_head(t->reader);
    char where[EMO_WHERE_SIZE];
    o.height = r->dim[0];
    o.width = r->dim[1];
    o.channels = r->dim[2];
    o.classes = head->class_count;
    o.training = true;
    t->image = (size_t)r->payload_length;
    t->classes = head->class_count;
    t->batch = o.batch;
    t->pixels = malloc(t->batch * t->image);
    t->images = calloc(t->batch, sizeof *t->images);
    t->labels = calloc(t->batch, sizeof *t->labels);
    t->ids = calloc(t->batch, sizeof *t->ids);
    t->views = calloc(t->batch, sizeof *t->views);
    t->class_seen = calloc(t->classes, sizeof *t->class_seen);
    if (t->pixels == NULL || t->images == NULL || t->labels == NULL || t->ids == NULL ||
        t->views == NULL || t->class_seen == NULL)
        return emo_error_memory(err, t->batch * t->image, "a batch");
    if (t->classes < 2)
        return emo_error(err, EMO_INPUT, "%s: %zu class%s; at least 2 are needed to train",
                         emo_reader_file(t->reader), t->classes, t->classes == 1 ? "" : "es");
    if (t->o->init == NULL) {
        int status = emo_net_open(&t->net, &o, err);
        if (status == EMO_OK)
            emo_net_initialise(t->net);
        return status;
    }
    struct emo_model from;
    int status = emo_model_read(t->o->init, &o, &from, &t->net, err);
    if (status != EMO_OK)
        return status;
    if (from.height != o.height || from.width != o.width || from.channels != o.channels ||
        !emo_head_same_classes(&from.head, head))
        status = emo_error(err, EMO_INPUT, "%s: the images are not of the size and classes that "
                           "%s was made for", emo_record_where(r, where, sizeof where), t->o->init);
    emo_model_free(&from);
    return status;
}

static int check_image(struct trainer *t, const struct emo_record *r, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE], dims[48], first[48];
    emo_record_where(r, where, sizeof where);
    if (r->dtype != EMO_U8 || r->rank != 3 || r->order != EMO_HWC)
        return emo_error(err, EMO_INPUT, "%s: not an image of 8-bit pixels", where);
    if (t->net == NULL) {
        t->m->height = r->dim[0];
        t->m->width = r->dim[1];
        t->m->channels = r->dim[2];
        return begin(t, r, err);
    }
    struct emo_record shape = {.rank = 3, .dim = {t->m->height, t->m->width, t->m->channels}};
    if (memcmp(shape.dim, r->dim, sizeof shape.dim) != 0)
        return emo_error(err, EMO_INPUT, "%s: %s, but the images before it are %s; make all of one "
                         "size with emo-unzip -s", where, emo_record_dims(r, dims, sizeof dims),
                         emo_record_dims(&shape, first, sizeof first));
    return EMO_OK;
}

static int note_origin(struct trainer *t, const struct emo_record *r, struct emo_error *err)
{
    int64_t origin;
    struct emo_model *m = t->m;
    t->class_seen[r->label] = true;
    if (!emo_metadata_i64(&r->metadata, "origin", &origin))
        return EMO_OK;
    if (m->origin_count == t->origin_room) {
        size_t room = t->origin_room > 0 ? 2 * t->origin_room : 4096;
        int64_t *more = realloc(m->origins, room * sizeof *more);
        if (more == NULL)
            return emo_error_memory(err, room * sizeof *more, "origins");
        m->origins = more;
        t->origin_room = room;
    }
    m->origins[m->origin_count++] = origin;
    return EMO_OK;
}

static int compare_origins(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void unique_origins(struct emo_model *m)
{
    size_t n = 0;
    if (m->origin_count > 1)
        qsort(m->origins, m->origin_count, sizeof *m->origins, compare_origins);
    for (size_t i = 0; i < m->origin_count; i++)
        if (n == 0 || m->origins[n - 1] != m->origins[i])
            m->origins[n++] = m->origins[i];
    m->origin_count = n;
}

/* Trains on what the batch holds and empties it. */
static int step(struct trainer *t, struct emo_error *err)
{
    struct emo_step_result r;
    size_t n = t->count;
    t->count = 0;
    if (n == 0 || (t->o->steps > 0 && t->summary->steps >= (uint64_t)t->o->steps))
        return EMO_OK;
    int status = emo_net_step(t->net, t->images, t->labels, t->ids, t->epoch, n,
                              t->o->learning_rate, &r, err);
    if (status != EMO_OK)
        return status;
    t->summary->steps++;
    if (!isfinite(r.loss))
        return emo_error(err, EMO_FAILED, "the loss is no longer finite at step %" PRIu64
                         "; a lower --lr may help", t->summary->steps);
    t->loss += r.loss;
    t->right += r.right;
    t->trained += n;
    if (t->o->on_step != NULL)
        t->o->on_step(t->o->context, t->summary->steps, r.loss / (double)n, t->trained);
    return EMO_OK;
}

/* Macro one-vs-rest; for two classes that of class 1. p: n rows of K. */
static int area(const struct trainer *t, const float *p, const int *labels, size_t n, double *auc,
                struct emo_error *err)
{
    double *scores = malloc(n * sizeof *scores), sum = 0;
    uint8_t *positive = malloc(n);
    size_t first = t->classes == 2 ? 1 : 0;
    int status = scores != NULL && positive != NULL
                     ? EMO_OK
                     : emo_error_memory(err, n * sizeof *scores, "validation");
    for (size_t k = first; status == EMO_OK && k < t->classes; k++) {
        double one = NAN;
        for (size_t i = 0; i < n; i++) {
            scores[i] = (double)p[i * t->classes + k];
            positive[i] = labels[i] == (int)k;
        }
        status = emo_auc(scores, positive, n, &one, err);
        sum += one;
    }
    *auc = sum / (double)(t->classes - first);
    free(scores);
    free(positive);
    return status;
}

static int validate(struct trainer *t, struct emo_epoch_result *r, struct emo_error *err)
{
    size_t n = emo_pool_count(t->valid), right = 0, k = t->classes;
    double loss = 0;
    int status = EMO_OK;
    r->valid_loss = r->valid_accuracy = r->auc = NAN;
    if (n == 0)
        return EMO_OK;
    float *p = malloc(n * k * sizeof *p);
    int *labels = malloc(n * sizeof *labels);
    if (p == NULL || labels == NULL)
        status = emo_error_memory(err, n * k * sizeof *p, "validation");
    for (size_t i = 0; status == EMO_OK && i < n; i += t->batch) {
        size_t m = n - i < t->batch ? n - i : t->batch;
        for (size_t j = 0; status == EMO_OK && j < m; j++) {
            status = emo_pool_get(t->valid, i + j, &t->views[j], err);
            t->images[j] = t->views[j].record.payload;
            labels[i + j] = t->views[j].record.label;
        }
        if (status == EMO_OK)
            status = emo_net_predict(t->net, t->images, m, p + i * k, err);
    }
    for (size_t i = 0; status == EMO_OK && i < n; i++) {
        const float *row = p + i * k;
        size_t best = 0;
        for (size_t c = 1; c < k; c++)
            best = k == 2 ? row[1] >= .5f : row[c] > row[best] ? c : best;
        right += (int)best == labels[i];
        loss -= log(fmax((double)row[labels[i]], 1e-38));
    }
    if (status == EMO_OK) {
        r->valid_loss = loss / (double)n;
        r->valid_accuracy = (double)right / (double)n;
        status = area(t, p, labels, n, &r->auc, err);
    }
    free(p);
    free(labels);
    return status;
}

static int end_epoch(struct trainer *t, struct emo_error *err)
{
    struct emo_epoch_result r = {.epoch = t->epoch, .epochs = t->epochs};
    int status = step(t, err);
    if (status != EMO_OK || t->trained == 0)
        return status;
    double trained_for = emo_seconds() - t->started;
    status = validate(t, &r, err);
    r.loss = t->loss / (double)t->trained;
    r.accuracy = (double)t->right / (double)t->trained;
    r.seconds = emo_seconds() - t->started;
    r.rate = (double)t->trained / trained_for;
    t->summary->epochs = t->epoch;
    if (status == EMO_OK && t->o->on_epoch != NULL)
        t->o->on_epoch(t->o->context, &r);
    t->loss = 0;
    t->right = 0;
    t->trained = 0;
    t->started = emo_seconds();
    return status;
}

static int add(struct trainer *t, const uint8_t *image, const struct emo_record *r,
               struct emo_error *err)
{
    t->images[t->count] = image;
    t->labels[t->count] = r->label;
    t->ids[t->count] = r->id;
    return ++t->count == t->batch ? step(t, err) : EMO_OK;
}

/* A train record of a stream that brings its epochs: its payload is still to be read. */
static int take_now(struct trainer *t, struct emo_record *r, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE];
    uint8_t *to = t->pixels + t->count * t->image;
    int status = emo_reader_payload(t->reader, r, to, err);
    if (status != EMO_OK)
        return status;
    if (r->epoch != t->epoch) {
        uint64_t expected = t->first_epoch;
        if (t->epoch == 0)
            t->started = emo_seconds();
        if (r->epoch != t->epoch + 1 || r->epoch > t->epochs ||
            (t->epoch > 1 && t->summary->train != expected * t->epoch))
            return emo_error(err, EMO_INPUT, "%s: of epoch %u after epoch %u of %u; an augmented "
                             "stream has to be whole and in order",
                             emo_record_where(r, where, sizeof where), r->epoch, t->epoch,
                             t->epochs);
        if (t->epoch == 1)
            t->first_epoch = t->summary->train;
        if (t->count > 0) {
            /* The batch ends with the epoch: this image moves to the front of the next. */
            status = end_epoch(t, err);
            memcpy(t->pixels, to, t->image);
            to = t->pixels;
        } else if (t->epoch > 0) {
            status = end_epoch(t, err);
        }
        t->epoch = r->epoch;
    }
    t->summary->train++;
    if (status == EMO_OK && t->epoch == 1)
        status = note_origin(t, r, err);
    return status == EMO_OK ? add(t, to, r, err) : status;
}

static int take_record(struct trainer *t, struct emo_record *r, bool streamed, uint8_t **spare,
                       struct emo_error *err)
{
    char where[EMO_WHERE_SIZE];
    int status = check_image(t, r, err);
    if (status != EMO_OK)
        return status;
    bool labelled = r->label >= 0, valid = r->split == EMO_VALID, test = r->split == EMO_TEST;
    if (streamed && labelled && !valid && !test)
        return take_now(t, r, err);
    if (*spare == NULL && (*spare = malloc(t->image)) == NULL)
        return emo_error_memory(err, t->image, "an image");
    status = emo_reader_payload(t->reader, r, *spare, err);
    if (status != EMO_OK)
        return status;
    if (!labelled || test) {
        *(labelled ? &t->summary->test : &t->summary->unlabelled) += 1;
        return EMO_OK;
    }
    if (valid && streamed && t->epoch > 0)
        return emo_error(err, EMO_INPUT, "%s: a validation record after train records; in an "
                         "augmented stream they come first",
                         emo_record_where(r, where, sizeof where));
    *(valid ? &t->summary->valid : &t->summary->train) += 1;
    status = emo_pool_add(valid ? t->valid : t->train, r, err);
    return status == EMO_OK && !valid ? note_origin(t, r, err) : status;
}

/* Repeats what the pool holds. */
static int run_epochs(struct trainer *t, struct emo_error *err)
{
    size_t n = emo_pool_count(t->train);
    uint64_t *ids = malloc((n + 1) * sizeof *ids);
    size_t *order = malloc((n + 1) * sizeof *order);
    int status = ids != NULL && order != NULL
                     ? EMO_OK
                     : emo_error_memory(err, n * sizeof *ids, "the order of an epoch");
    for (size_t i = 0; status == EMO_OK && i < n; i++)
        ids[i] = emo_pool_entry(t->train, i).id;
    t->started = emo_seconds();
    for (t->epoch = 1; status == EMO_OK && t->epoch <= t->epochs; t->epoch++) {
        if (t->o->steps > 0 && t->summary->steps >= (uint64_t)t->o->steps)
            break;
        status = emo_epoch_order(ids, n, t->o->net.seed, t->epoch, t->o->shuffle, order, err);
        for (size_t i = 0; status == EMO_OK && i < n; i++) {
            struct emo_pool_view *v = &t->views[t->count];
            status = emo_pool_get(t->train, order[i], v, err);
            if (status == EMO_OK)
                status = add(t, v->record.payload, &v->record, err);
        }
        if (status == EMO_OK)
            status = end_epoch(t, err);
        if (t->epoch == UINT16_MAX)
            break;
    }
    free(ids);
    free(order);
    return status;
}

static int classes_of(const struct trainer *t, size_t *seen, struct emo_error *err)
{
    *seen = 0;
    for (size_t i = 0; t->class_seen != NULL && i < t->classes; i++)
        *seen += t->class_seen[i];
    if (t->summary->train == 0)
        return emo_error(err, EMO_INPUT, "%s: no labelled train record", emo_reader_file(t->reader));
    if (*seen < 2)
        return emo_error(err, EMO_INPUT, "%s: the train records are all of one class",
                         emo_reader_file(t->reader));
    return EMO_OK;
}

static int run(struct trainer *t, struct emo_error *err)
{
    struct emo_record r = {0};
    uint8_t *spare = NULL;
    int64_t said = 0;
    size_t seen;
    bool got = true, streamed = emo_head_key_int(emo_reader_head(t->reader), "epochs", &said);
    if (streamed && t->o->epochs > 0 && t->o->epochs != said)
        return emo_error(err, EMO_USAGE, "-e %" PRId64 ", but the stream is augmented for %" PRId64
                         " epochs; leave -e out", t->o->epochs, said);
    if (streamed && (said < 1 || said > UINT16_MAX))
        return emo_error(err, EMO_INPUT, "%s: a number of epochs that makes no sense",
                         emo_reader_file(t->reader));
    t->epochs = (uint16_t)(streamed ? said : t->o->epochs > 0 ? t->o->epochs : 10);
    int status = emo_pool_open(&t->train, t->o->memory, err);
    if (status == EMO_OK)
        status = emo_pool_open(&t->valid, t->o->memory, err);
    while (status == EMO_OK) {
        status = emo_reader_header(t->reader, &r, &got, err);
        if (status != EMO_OK || !got)
            break;
        status = take_record(t, &r, streamed, &spare, err);
    }
    if (status == EMO_OK)
        status = classes_of(t, &seen, err);
    if (status == EMO_OK && streamed &&
        (t->epoch != t->epochs ||
         (t->epoch > 1 && t->summary->train != t->first_epoch * t->epochs)))
        status = emo_error(err, EMO_INPUT, "%s: ends in epoch %u of %u", emo_reader_file(t->reader),
                           t->epoch, t->epochs);
    if (status == EMO_OK)
        status = streamed ? end_epoch(t, err) : run_epochs(t, err);
    if (status == EMO_OK && streamed)
        t->summary->train /= t->epochs;
    unique_origins(t->m);
    emo_record_free(&r);
    free(spare);
    return status;
}

int emo_train(struct emo_reader *reader, const struct emo_train_options *options,
              struct emo_net **net, struct emo_model *m, struct emo_train_summary *summary,
              struct emo_error *err)
{
    struct trainer t = {.o = options, .reader = reader, .m = m, .summary = summary};
    *summary = (struct emo_train_summary){0};
    int status = run(&t, err);
    trainer_free(&t);
    if (status != EMO_OK) {
        emo_net_close(t.net);
        t.net = NULL;
    }
    *net = t.net;
    return status;
}
