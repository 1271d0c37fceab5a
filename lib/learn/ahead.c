#include "learn/ahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct place {
    struct emo_record record;
    uint8_t *payload;
    size_t room;
};

struct emo_ahead {
    struct emo_reader *reader;
    int (*check)(void *, const struct emo_record *, struct emo_error *);
    void *context;
    size_t batch, size; /* size: places of the ring, 2 * batch */
    struct place *ring;
    const struct emo_record **given;
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex;
    pthread_cond_t change;
    /* Under mutex; places taken - held to filled - 1 are in use: */
    uint64_t filled, taken;
    size_t held;
    bool over, stop;
    int status;
    struct emo_error error;
};

static int read_one(struct emo_ahead *a, struct place *p, bool *got, struct emo_error *err)
{
    int status = emo_reader_header(a->reader, &p->record, got, err);
    if (status != EMO_OK || !*got)
        return status;
    status = a->check(a->context, &p->record, err);
    size_t need = (size_t)emo_pad64(p->record.payload_length);
    if (status == EMO_OK && need > p->room) {
        free(p->payload);
        p->payload = aligned_alloc(EMO_FRAME_SIZE, need);
        p->room = p->payload != NULL ? need : 0;
        if (p->payload == NULL)
            status = emo_error_memory(err, need, "an image");
    }
    return status == EMO_OK ? emo_reader_payload(a->reader, &p->record, p->payload, err) : status;
}

static void *read_ahead(void *argument)
{
    struct emo_ahead *a = argument;
    struct emo_error err = {0};
    int status = EMO_OK;
    bool got = true, stop = false;
    while (!stop && got && status == EMO_OK) {
        pthread_mutex_lock(&a->mutex);
        while (!a->stop && a->filled - a->taken + a->held == a->size)
            pthread_cond_wait(&a->change, &a->mutex);
        struct place *p = &a->ring[a->filled % a->size];
        stop = a->stop;
        pthread_mutex_unlock(&a->mutex);
        if (stop)
            break;
        status = read_one(a, p, &got, &err);
        pthread_mutex_lock(&a->mutex);
        if (status == EMO_OK && got) {
            a->filled++;
        } else {
            a->over = true;
            a->status = status;
            a->error = err;
        }
        pthread_cond_broadcast(&a->change);
        pthread_mutex_unlock(&a->mutex);
    }
    return NULL;
}

int emo_ahead_open(struct emo_ahead **out, struct emo_reader *reader, size_t batch,
                   int (*check)(void *, const struct emo_record *, struct emo_error *),
                   void *context, struct emo_error *err)
{
    struct emo_ahead *a = calloc(1, sizeof *a);
    *out = NULL;
    if (a == NULL)
        return emo_error_memory(err, sizeof *a, "reading ahead");
    a->reader = reader;
    a->check = check;
    a->context = context;
    a->batch = batch;
    a->size = 2 * batch;
    a->ring = calloc(a->size, sizeof *a->ring);
    a->given = calloc(batch, sizeof *a->given);
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->change, NULL);
    if (a->ring == NULL || a->given == NULL) {
        emo_ahead_close(a);
        return emo_error_memory(err, 2 * batch * sizeof *a->ring, "reading ahead");
    }
    /* Signals are the caller's business. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int failure = pthread_create(&a->thread, NULL, read_ahead, a);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failure != 0) {
        emo_ahead_close(a);
        return emo_error(err, EMO_FAILED, "cannot start a thread: %s", strerror(failure));
    }
    a->running = true;
    *out = a;
    return EMO_OK;
}

void emo_ahead_close(struct emo_ahead *a)
{
    if (a == NULL)
        return;
    pthread_mutex_lock(&a->mutex);
    a->stop = true;
    pthread_cond_broadcast(&a->change);
    pthread_mutex_unlock(&a->mutex);
    if (a->running)
        pthread_join(a->thread, NULL);
    for (size_t i = 0; a->ring != NULL && i < a->size; i++) {
        emo_record_free(&a->ring[i].record);
        free(a->ring[i].payload);
    }
    pthread_cond_destroy(&a->change);
    pthread_mutex_destroy(&a->mutex);
    free(a->ring);
    free(a->given);
    free(a);
}

int emo_ahead_take(struct emo_ahead *a, const struct emo_record ***records, size_t *count,
                   struct emo_error *err)
{
    int status = EMO_OK;
    pthread_mutex_lock(&a->mutex);
    a->held = 0;
    pthread_cond_broadcast(&a->change);
    while (a->filled == a->taken && !a->over)
        pthread_cond_wait(&a->change, &a->mutex);
    uint64_t n = a->filled - a->taken;
    a->held = n < a->batch ? (size_t)n : a->batch;
    for (size_t i = 0; i < a->held; i++)
        a->given[i] = &a->ring[(a->taken + i) % a->size].record;
    a->taken += a->held;
    if (a->held == 0 && a->status != EMO_OK) {
        status = a->status;
        *err = a->error;
    }
    *records = a->given;
    *count = a->held;
    pthread_mutex_unlock(&a->mutex);
    return status;
}

bool emo_ahead_would_wait(struct emo_ahead *a)
{
    pthread_mutex_lock(&a->mutex);
    bool wait = a->filled == a->taken && !a->over;
    pthread_mutex_unlock(&a->mutex);
    return wait;
}
