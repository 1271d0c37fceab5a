#include "base/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

static struct {
    struct emo_interrupts how;
    sigset_t set;
    pthread_mutex_t mutex;
    bool ended;
    atomic_int number;
} state = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void hear(int number)
{
    bool first = atomic_load(&state.number) == 0;
    if (first)
        atomic_store(&state.number, number);
    if (!first || state.how.first == NULL || !state.how.first())
        state.how.leave(number);
}

static void *wait_for_signals(void *unused)
{
    (void)unused;
    for (;;) {
        int number;
        if (sigwait(&state.set, &number) != 0)
            return NULL;
        pthread_mutex_lock(&state.mutex);
        if (!state.ended)
            hear(number);
        pthread_mutex_unlock(&state.mutex);
    }
}

int emo_interrupts_begin(const struct emo_interrupts *how, struct emo_error *err)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    pthread_t thread;
    state.how = *how;
    sigemptyset(&state.set);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction now;
        if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(&state.set, numbers[i]);
    }
    pthread_sigmask(SIG_BLOCK, &state.set, NULL);
    int failure = pthread_create(&thread, NULL, wait_for_signals, NULL);
    if (failure != 0)
        return emo_error(err, EMO_FAILED, "cannot start a thread: %s", strerror(failure));
    pthread_detach(thread);
    return EMO_OK;
}

int emo_interrupted(void)
{
    return atomic_load(&state.number);
}

void emo_interrupts_lock(void)
{
    pthread_mutex_lock(&state.mutex);
}

void emo_interrupts_unlock(void)
{
    pthread_mutex_unlock(&state.mutex);
}

void emo_interrupts_end(void)
{
    emo_interrupts_lock();
    state.ended = true;
    emo_interrupts_unlock();
}
