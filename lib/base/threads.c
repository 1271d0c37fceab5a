#include "base/threads.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct worker {
    struct emo_threads *team;
    unsigned number;
    pthread_t thread;
};

struct emo_threads {
    unsigned count;
    struct worker *workers; /* 1 to count - 1 have a thread */
    unsigned started;
    pthread_mutex_t mutex;
    pthread_cond_t wake, done;
    /* Under mutex: */
    unsigned long job; /* number of the present one */
    unsigned busy;     /* threads that have not finished it */
    bool stop;
    /* Of the present job: */
    atomic_size_t next;
    size_t pieces;
    void (*piece)(void *, size_t, unsigned);
    void *context;
};

static void work(struct emo_threads *t, unsigned worker)
{
    for (size_t i; (i = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed)) < t->pieces;)
        t->piece(t->context, i, worker);
}

static void *serve(void *argument)
{
    struct worker *w = argument;
    struct emo_threads *t = w->team;
    unsigned long seen = 0;
    pthread_mutex_lock(&t->mutex);
    while (true) {
        while (!t->stop && t->job == seen)
            pthread_cond_wait(&t->wake, &t->mutex);
        if (t->stop)
            break;
        seen = t->job;
        pthread_mutex_unlock(&t->mutex);
        work(t, w->number);
        pthread_mutex_lock(&t->mutex);
        if (--t->busy == 0)
            pthread_cond_signal(&t->done);
    }
    pthread_mutex_unlock(&t->mutex);
    return NULL;
}

int emo_threads_open(struct emo_threads **out, unsigned n, struct emo_error *err)
{
    struct emo_threads *t = calloc(1, sizeof *t);
    struct worker *workers = calloc(n, sizeof *workers);
    if (!t || !workers) {
        free(t);
        free(workers);
        return emo_error_memory(err, n * sizeof *workers, "threads");
    }
    t->count = n;
    t->workers = workers;
    t->started = 1;
    pthread_mutex_init(&t->mutex, NULL);
    pthread_cond_init(&t->wake, NULL);
    pthread_cond_init(&t->done, NULL);
    /* Signals are the caller's business. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int failure = 0;
    for (unsigned i = 1; i < n && !failure; i++) {
        workers[i] = (struct worker){.team = t, .number = i};
        failure = pthread_create(&workers[i].thread, NULL, serve, &workers[i]);
        if (!failure)
            t->started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failure) {
        emo_threads_close(t);
        return emo_error(err, EMO_FAILED, "cannot start %u threads: %s", n, strerror(failure));
    }
    *out = t;
    return EMO_OK;
}

void emo_threads_close(struct emo_threads *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->mutex);
    t->stop = true;
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->mutex);
    for (unsigned i = 1; i < t->started; i++)
        pthread_join(t->workers[i].thread, NULL);
    pthread_cond_destroy(&t->wake);
    pthread_cond_destroy(&t->done);
    pthread_mutex_destroy(&t->mutex);
    free(t->workers);
    free(t);
}

unsigned emo_threads_count(const struct emo_threads *t)
{
    return t->count;
}

void emo_threads_run(struct emo_threads *t, size_t pieces,
                     void (*piece)(void *context, size_t i, unsigned worker), void *context)
{
    if (t->count == 1 || pieces < 2) {
        for (size_t i = 0; i < pieces; i++)
            piece(context, i, 0);
        return;
    }
    pthread_mutex_lock(&t->mutex);
    t->pieces = pieces;
    t->piece = piece;
    t->context = context;
    atomic_store_explicit(&t->next, 0, memory_order_relaxed);
    t->busy = t->count - 1;
    t->job++;
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->mutex);
    work(t, 0);
    pthread_mutex_lock(&t->mutex);
    while (t->busy)
        pthread_cond_wait(&t->done, &t->mutex);
    pthread_mutex_unlock(&t->mutex);
}
