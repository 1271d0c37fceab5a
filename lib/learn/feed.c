#include "learn/feed.h"

#include "base/pages.h"
#include "learn/epochs.h"
#include "learn/intake.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 2 /* one is computed on while the other is filled */
#define TOGETHER 8 /* images in one buffer, or what the batch has left */
#define TURN (1 << 20) /* bytes that are read before others have the processor */
#define EPOCHS_DEFAULT 10

struct slot {
    struct emo_batch batch;
    struct emo_pool_view *views; /* of a stream that is repeated */
    uint8_t **buffers;           /* of an augmented one: each for some images */
};

struct emo_feed {
    struct emo_feed_options options;
    struct emo_intake intake;
    const struct emo_feed_place *place; /* to go on from, or NULL */
    struct emo_trail known;             /* place's, which the caller's goes beyond */
    struct emo_stretch front;
    uint64_t valid_seen;

    struct slot slots[SLOTS];
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex;
    pthread_cond_t change;
    /* Under mutex: */
    unsigned long filled, taken; /* slots so far; the one taken last is free at the next call */
    bool held, over, stop, interrupted;
    int status;
    struct emo_error error;
    struct emo_intake_counts told; /* counts as they were with the newest batch */
    size_t read; /* the thread's own: bytes since it last gave way */
};

/* The thread ---------------------------------------------------------------------------------- */

/* A slot to fill, or NULL when no more is wanted. */
static struct slot *acquire(struct emo_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    while (!f->stop && f->filled - f->taken + (f->held ? 1 : 0) == SLOTS)
        pthread_cond_wait(&f->change, &f->mutex);
    struct slot *s = f->stop ? NULL : &f->slots[f->filled % SLOTS];
    pthread_mutex_unlock(&f->mutex);
    return s;
}

static void publish(struct emo_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    f->filled++;
    f->told = f->intake.counts;
    pthread_cond_broadcast(&f->change);
    pthread_mutex_unlock(&f->mutex);
}

static void over(struct emo_feed *f, int status, const struct emo_error *err)
{
    pthread_mutex_lock(&f->mutex);
    f->status = status;
    f->error = *err;
    f->over = true;
    f->told = f->intake.counts;
    pthread_cond_broadcast(&f->change);
    pthread_mutex_unlock(&f->mutex);
}

/* Those who compute wait for each other: whoever of them has no processor holds all up. So reading
   takes one for a short time only. */
static void give_way(struct emo_feed *f)
{
    f->read += (size_t)f->intake.payload_length;
    if (f->read < TURN)
        return;
    f->read = 0;
    (void)sched_yield();
}

/* Where image k of an augmented stream's batch goes, `size` bytes as all; NULL: no memory. */
static uint8_t *image_of(struct slot *s, size_t batch, size_t k, size_t size)
{
    uint8_t **several = &s->buffers[k / TOGETHER];
    size_t left = batch - k / TOGETHER * TOGETHER, n = left < TOGETHER ? left : TOGETHER;
    if (*several == NULL && size <= SIZE_MAX / TOGETHER)
        *several = emo_pages(n * size);
    return *several == NULL ? NULL : *several + k % TOGETHER * size;
}

static int fill_from_stream(struct emo_feed *f, struct slot *s, struct emo_error *err)
{
    struct emo_intake *in = &f->intake;
    struct emo_batch *b = &s->batch;
    int status = EMO_OK;
    b->epoch = in->epoch;
    b->count = b->origin_count = 0;
    while (status == EMO_OK && in->got && in->epoch == b->epoch && b->count < f->options.batch) {
        uint8_t *to = image_of(s, f->options.batch, b->count,
                               (size_t)emo_pad64(in->payload_length));
        if (to == NULL)
            return emo_error_memory(err, (size_t)in->payload_length, "an image of the batch");
        status = emo_intake_take(in, to, err);
        b->images[b->count] = to;
        b->labels[b->count] = in->record.label;
        b->ids[b->count] = in->record.id;
        b->count++;
        give_way(f);
        b->origin_count += emo_metadata_i64(&in->record.metadata, "origin",
                                            &b->origins[b->origin_count]);
        b->read = in->walk.so_far;
        if (status == EMO_OK)
            status = emo_intake_next(in, err);
    }
    b->last = !in->got || in->epoch != b->epoch;
    if (b->last)
        b->read = in->walk.before;
    return status;
}

static void *feed_from_stream(void *argument)
{
    struct emo_feed *f = argument;
    struct emo_error err = {0};
    int status = EMO_OK;
    while (status == EMO_OK && f->intake.got) {
        struct slot *s = acquire(f);
        if (s == NULL)
            break;
        status = fill_from_stream(f, s, &err);
        if (status == EMO_OK)
            publish(f);
    }
    over(f, status, &err);
    return NULL;
}

static int fill_from_pool(struct emo_feed *f, struct slot *s, const size_t *order,
                          struct emo_error *err)
{
    struct emo_batch *b = &s->batch;
    for (size_t k = 0; k < b->count; k++) {
        size_t i = f->intake.train.at[order[k]];
        int status = emo_pool_get(f->intake.pool, i, &s->views[k], err);
        if (status != EMO_OK)
            return status;
        b->images[k] = s->views[k].record.payload;
        b->labels[k] = s->views[k].record.label;
        b->ids[k] = s->views[k].record.id;
        give_way(f);
    }
    return EMO_OK;
}

static int feed_epoch(struct emo_feed *f, uint16_t epoch, size_t at, const uint64_t *ids,
                      size_t *order, bool *stopped, struct emo_error *err)
{
    size_t n = f->intake.train.count;
    int status = emo_epoch_order(ids, n, f->options.seed, epoch, f->options.shuffle, order, err);
    while (status == EMO_OK && at < n) {
        struct slot *s = acquire(f);
        *stopped = s == NULL;
        if (s == NULL)
            break;
        s->batch.epoch = epoch;
        s->batch.count = n - at < f->options.batch ? n - at : f->options.batch;
        status = fill_from_pool(f, s, order + at, err);
        at += s->batch.count;
        s->batch.last = at == n;
        if (status == EMO_OK)
            publish(f);
    }
    return status;
}

static void *feed_from_pool(void *argument)
{
    struct emo_feed *f = argument;
    struct emo_error err = {0};
    size_t n = f->intake.train.count, at = f->place != NULL ? (size_t)f->place->images : 0;
    uint64_t *ids = malloc(n * sizeof *ids);
    size_t *order = malloc(n * sizeof *order);
    int status = EMO_OK;
    bool stopped = false;
    if (ids == NULL || order == NULL)
        status = emo_error_memory(&err, n * sizeof *ids, "the order of an epoch");
    for (size_t i = 0; status == EMO_OK && i < n; i++)
        ids[i] = emo_pool_entry(f->intake.pool, f->intake.train.at[i]).id;
    unsigned e = f->place != NULL && f->place->epoch > 0 ? f->place->epoch : 1;
    for (; status == EMO_OK && !stopped && e <= f->intake.epochs; e++, at = 0)
        status = feed_epoch(f, (uint16_t)e, at, ids, order, &stopped, &err);
    free(ids);
    free(order);
    over(f, status, &err);
    return NULL;
}

/* The caller's side --------------------------------------------------------------------------- */

static int open_slots(struct emo_feed *f, struct emo_error *err)
{
    size_t n = f->options.batch;
    for (int i = 0; i < SLOTS; i++) {
        struct slot *s = &f->slots[i];
        s->batch.images = calloc(n, sizeof *s->batch.images);
        s->batch.labels = calloc(n, sizeof *s->batch.labels);
        s->batch.ids = calloc(n, sizeof *s->batch.ids);
        s->batch.origins = calloc(n, sizeof *s->batch.origins);
        s->views = calloc(n, sizeof *s->views);
        s->buffers = calloc(n, sizeof *s->buffers);
        if (s->batch.images == NULL || s->batch.labels == NULL || s->batch.ids == NULL ||
            s->batch.origins == NULL || s->views == NULL || s->buffers == NULL)
            return emo_error_memory(err, n * sizeof *s->views, "a batch");
    }
    return EMO_OK;
}

int emo_feed_open(struct emo_feed **feed, struct emo_reader *reader,
                  const struct emo_feed_options *options, struct emo_error *err)
{
    struct emo_feed *f = calloc(1, sizeof *f);
    *feed = f;
    if (f == NULL)
        return emo_error_memory(err, sizeof *f, "the images");
    f->options = *options;
    pthread_mutex_init(&f->mutex, NULL);
    pthread_cond_init(&f->change, NULL);
    int status = emo_intake_open(&f->intake, reader, options->epochs, options->memory, err);
    if (status == EMO_OK && f->intake.epochs == 0)
        f->intake.epochs = options->endless ? UINT16_MAX : EPOCHS_DEFAULT;
    if (status == EMO_OK)
        status = open_slots(f, err);
    if (status != EMO_OK) {
        emo_feed_close(f);
        *feed = NULL;
    }
    return status;
}

static void join(struct emo_feed *f)
{
    if (!f->running)
        return;
    pthread_mutex_lock(&f->mutex);
    f->stop = true;
    pthread_cond_broadcast(&f->change);
    pthread_mutex_unlock(&f->mutex);
    pthread_join(f->thread, NULL);
    f->running = false;
}

void emo_feed_close(struct emo_feed *f)
{
    if (f == NULL)
        return;
    join(f);
    for (int i = 0; i < SLOTS; i++) {
        struct slot *s = &f->slots[i];
        for (size_t k = 0; k < f->options.batch; k++) {
            if (s->views != NULL)
                emo_pool_view_free(&s->views[k]);
            if (s->buffers != NULL)
                free(s->buffers[k]);
        }
        free(s->batch.images);
        free(s->batch.labels);
        free(s->batch.ids);
        free(s->batch.origins);
        free(s->views);
        free(s->buffers);
    }
    emo_intake_close(&f->intake);
    emo_trail_free(&f->known);
    pthread_cond_destroy(&f->change);
    pthread_mutex_destroy(&f->mutex);
    free(f);
}

const uint32_t *emo_feed_shape(const struct emo_feed *f)
{
    return f->intake.shape;
}

uint16_t emo_feed_epochs(const struct emo_feed *f)
{
    return f->intake.epochs;
}

bool emo_feed_augmented(const struct emo_feed *f)
{
    return f->intake.augmented;
}

int emo_feed_resume(struct emo_feed *f, const struct emo_feed_place *place, struct emo_error *err)
{
    bool aligned = place->whole || place->images % f->options.batch == 0;
    if (place->epoch > f->intake.epochs || (place->epoch == 0 && place->images > 0) || !aligned ||
        place->trail->count != (f->intake.augmented ? place->epoch + 1u : 1))
        return emo_error(err, EMO_INPUT, "%s: a place in its training that cannot be: epoch %u of "
                         "%u, %" PRIu64 " images of it", emo_reader_file(f->intake.reader),
                         place->epoch, f->intake.epochs, place->images);
    f->place = place;
    f->intake.known_train = place->train;
    f->intake.known_sum = place->train_sum;
    for (size_t i = 0; i < place->trail->count; i++) {
        int status = emo_trail_set(&f->known, i, place->trail->at[i], err);
        if (status != EMO_OK)
            return status;
    }
    f->intake.walk.known = &f->known;
    f->intake.walk.known_whole = place->whole || !f->intake.augmented;
    return EMO_OK;
}

/* Epochs may lack at the beginning if they were finished. */
static int check_first(const struct emo_feed *f, struct emo_error *err)
{
    unsigned next = f->place == NULL ? 1 : f->place->epoch + f->place->whole;
    if (f->intake.first == 1 || f->intake.first <= next)
        return EMO_OK;
    return emo_error(err, EMO_INPUT, "%s: it begins with epoch %u, but %s%u; give emo-augment "
                     "--first-epoch %u", emo_reader_file(f->intake.reader), f->intake.first,
                     f->place == NULL ? "a new training begins with epoch "
                                      : "the checkpoint's training goes on with epoch ",
                     next, next);
}

/* Reads past what was consumed of an augmented stream. */
static int skip(struct emo_feed *f, struct emo_error *err)
{
    struct emo_intake *in = &f->intake;
    const struct emo_feed_place *p = f->place;
    int status = EMO_OK;
    while (status == EMO_OK && in->got &&
           (in->epoch < p->epoch || (in->epoch == p->epoch && in->in_epoch < p->images))) {
        status = emo_intake_take(in, in->scratch, err);
        if (status == EMO_OK)
            status = emo_intake_next(in, err);
    }
    return status;
}

/* A stream without epochs: is the place in it? */
static int check_place(const struct emo_feed *f, struct emo_error *err)
{
    const struct emo_feed_place *p = f->place;
    uint64_t n = f->intake.train.count;
    if (p == NULL || p->epoch == 0 || (p->whole ? p->images == n : p->images < n))
        return EMO_OK;
    return emo_error(err, EMO_INPUT, "%s: the checkpoint's training saw %" PRIu64 " images of an "
                     "epoch that has %" PRIu64, emo_reader_file(f->intake.reader), p->images, n);
}

/* All that comes before the first batch. */
static int read_front(struct emo_feed *f, struct emo_error *err)
{
    int status = check_first(f, err);
    if (status != EMO_OK)
        return status;
    if (!f->intake.augmented) {
        status = emo_intake_all(&f->intake, err);
        f->front = f->intake.walk.before;
        return status == EMO_OK ? check_place(f, err) : status;
    }
    status = emo_intake_next(&f->intake, err);
    f->front = f->intake.walk.before;
    return status == EMO_OK && f->place != NULL ? skip(f, err) : status;
}

int emo_feed_start(struct emo_feed *f, struct emo_error *err)
{
    int status = read_front(f, err);
    if (status != EMO_OK)
        return status;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int failure = pthread_create(&f->thread, NULL,
                                 f->intake.augmented ? feed_from_stream : feed_from_pool, f);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failure != 0)
        return emo_error(err, EMO_FAILED, "cannot start a thread: %s", strerror(failure));
    f->running = true;
    return EMO_OK;
}

struct emo_stretch emo_feed_front(const struct emo_feed *f)
{
    return f->front;
}

void emo_feed_interrupt(struct emo_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    f->interrupted = true;
    pthread_cond_broadcast(&f->change);
    pthread_mutex_unlock(&f->mutex);
}

int emo_feed_next(struct emo_feed *f, struct emo_batch **batch, struct emo_error *err)
{
    int status = EMO_OK;
    pthread_mutex_lock(&f->mutex);
    f->held = false;
    pthread_cond_broadcast(&f->change);
    while (f->filled == f->taken && !f->over && !f->interrupted)
        pthread_cond_wait(&f->change, &f->mutex);
    *batch = NULL;
    if (f->interrupted) {
        status = EMO_OK;
    } else if (f->filled > f->taken) {
        *batch = &f->slots[f->taken++ % SLOTS].batch;
        f->held = true;
    } else if (f->status != EMO_OK) {
        status = f->status;
        *err = f->error;
    }
    pthread_mutex_unlock(&f->mutex);
    for (size_t i = 0; status == EMO_OK && *batch != NULL && i < (*batch)->origin_count; i++)
        status = emo_origins_add(&f->intake.trained, (*batch)->origins[i], err);
    return status;
}

static bool interrupted(struct emo_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    bool it_is = f->interrupted;
    pthread_mutex_unlock(&f->mutex);
    return it_is;
}

int emo_feed_finish(struct emo_feed *f, struct emo_error *err)
{
    struct emo_batch *b = NULL;
    int status = EMO_OK;
    if (f->intake.augmented)
        do
            status = emo_feed_next(f, &b, err);
        while (status == EMO_OK && b != NULL);
    if (interrupted(f))
        return status;
    join(f);
    emo_origins_settle(&f->intake.trained);
    emo_origins_settle(&f->intake.validated);
    f->valid_seen = emo_origins_common(&f->intake.trained, &f->intake.validated);
    return status;
}

const struct emo_pool *emo_feed_pool(const struct emo_feed *f)
{
    return f->intake.pool;
}

const size_t *emo_feed_valid(const struct emo_feed *f, size_t *count)
{
    *count = f->intake.valid.count;
    return f->intake.valid.at;
}

struct emo_intake_counts emo_feed_counts(struct emo_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    struct emo_intake_counts counts = f->told;
    pthread_mutex_unlock(&f->mutex);
    return counts;
}

uint64_t emo_feed_valid_seen(const struct emo_feed *f)
{
    return f->valid_seen;
}

const uint64_t *emo_feed_classes(const struct emo_feed *f)
{
    return f->intake.of_class;
}

int emo_feed_also_trained(struct emo_feed *f, const int64_t *origins, size_t count,
                          struct emo_error *err)
{
    int status = EMO_OK;
    for (size_t i = 0; status == EMO_OK && i < count; i++)
        status = emo_origins_add(&f->intake.trained, origins[i], err);
    return status;
}

const struct emo_origins *emo_feed_origins(struct emo_feed *f)
{
    emo_origins_settle(&f->intake.trained);
    return &f->intake.trained;
}

int64_t *emo_feed_take_origins(struct emo_feed *f, size_t *count)
{
    int64_t *at = f->intake.trained.at;
    *count = f->intake.trained.count;
    f->intake.trained = (struct emo_origins){0};
    return at;
}
