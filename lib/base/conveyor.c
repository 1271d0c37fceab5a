#include "base/conveyor.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct belt {
    const struct emo_conveyor *steps;
    void *context;
    size_t slots;
    pthread_mutex_t mutex;
    pthread_cond_t waiting, done;
    /* Under mutex. Items are numbered from 0; item i is in slot i % slots.
       drained <= claimed <= filled <= drained + slots. */
    uint64_t filled, claimed, drained;
    bool *worked; /* of each slot */
    bool ended;   /* nothing more to fill */
    bool stop;
};

/* With the mutex held: works on one item that nobody has taken. */
static void work_on_one(struct belt *b)
{
    size_t slot = b->claimed++ % b->slots;
    pthread_mutex_unlock(&b->mutex);
    b->steps->work(b->context, slot);
    pthread_mutex_lock(&b->mutex);
    b->worked[slot] = true;
    pthread_cond_signal(&b->done);
}

static void *serve(void *argument)
{
    struct belt *b = argument;
    pthread_mutex_lock(&b->mutex);
    while (!b->stop) {
        if (b->claimed < b->filled)
            work_on_one(b);
        else
            pthread_cond_wait(&b->waiting, &b->mutex);
    }
    pthread_mutex_unlock(&b->mutex);
    return NULL;
}

static int fill_one(struct belt *b, struct emo_error *err)
{
    size_t slot = b->filled % b->slots;
    bool filled = false;
    b->worked[slot] = false; /* nobody looks at a slot that is not filled */
    pthread_mutex_unlock(&b->mutex);
    int status = b->steps->fill(b->context, slot, &filled, err);
    pthread_mutex_lock(&b->mutex);
    if (status == EMO_OK && filled) {
        b->filled++;
        pthread_cond_signal(&b->waiting);
    }
    b->ended = !filled;
    return status;
}

static int drain_one(struct belt *b, struct emo_error *err)
{
    size_t slot = b->drained % b->slots;
    pthread_mutex_unlock(&b->mutex);
    int status = b->steps->drain(b->context, slot, err);
    pthread_mutex_lock(&b->mutex);
    b->drained++;
    return status;
}

/* The calling thread's part, with the mutex held. */
static int run(struct belt *b, struct emo_error *err)
{
    int status = EMO_OK;
    while (status == EMO_OK && !(b->ended && b->drained == b->filled)) {
        if (b->drained < b->claimed && b->worked[b->drained % b->slots])
            status = drain_one(b, err);
        else if (!b->ended && b->filled - b->drained < b->slots)
            status = fill_one(b, err);
        else if (b->claimed < b->filled)
            work_on_one(b);
        else
            pthread_cond_wait(&b->done, &b->mutex);
    }
    return status;
}

int emo_conveyor_run(const struct emo_conveyor *c, void *context, unsigned threads, size_t slots,
                     struct emo_error *err)
{
    struct belt b = {.steps = c, .context = context, .slots = slots};
    pthread_t *others = calloc(threads, sizeof *others);
    b.worked = calloc(slots, sizeof *b.worked);
    if (others == NULL || b.worked == NULL) {
        free(others);
        free(b.worked);
        return emo_error_memory(err, threads * sizeof *others + slots, "threads");
    }
    pthread_mutex_init(&b.mutex, NULL);
    pthread_cond_init(&b.waiting, NULL);
    pthread_cond_init(&b.done, NULL);
    /* Signals are the caller's business. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    unsigned started = 1;
    int failure = 0, status = EMO_OK;
    while (started < threads && failure == 0) {
        failure = pthread_create(&others[started], NULL, serve, &b);
        started += failure == 0;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_mutex_lock(&b.mutex);
    if (failure != 0)
        status = emo_error(err, EMO_FAILED, "cannot start %u threads: %s", threads,
                           strerror(failure));
    else
        status = run(&b, err);
    b.stop = true;
    pthread_cond_broadcast(&b.waiting);
    pthread_mutex_unlock(&b.mutex);
    for (unsigned i = 1; i < started; i++)
        pthread_join(others[i], NULL);
    pthread_cond_destroy(&b.waiting);
    pthread_cond_destroy(&b.done);
    pthread_mutex_destroy(&b.mutex);
    free(b.worked);
    free(others);
    return status;
}
