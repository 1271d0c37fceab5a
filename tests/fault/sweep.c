/*
 * Runs a command again and again in the present directory, each time with another of its calls
 * failing, and checks what came of it:
 *
 *     status 0   the result is, byte for byte, that of the run without a fault; or the command said
 *                of something that it was skipped
 *     else       the result is as it was before, or else new and said to be whole; standard error
 *                begins with the program's name; the status is 1. A library of others that meets a
 *                fault may also end the process in its own way.
 *     always     it ends within 60 s; the temporary folder is empty; what our code allocated is
 *                freed, where the process ended by itself
 *
 * usage: sweep [-p] [-s STRIDE] [-m MOST] [-k KILLS] INJECT.so RESULT COMMAND...
 * -p: the command is a pipeline of sh; its last program may end with 3, as the one before it failed.
 * -s: every STRIDEth call. -m: of one kind by others' libraries, at most about MOST calls.
 * -k: instead of faults, kills each of the pipeline's programs so often, at random moments while it
 * runs; what is left beside the result must be gone after one more run.
 * The last lines count the faults of each kind, ours + others', or the kills.
 */
#define _GNU_SOURCE
#include "fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES "sweep.messages"
#define SPOOL "sweep.spool"
#define PATIENCE 60

static const char *const names[] = FAULT_NAMES;
static struct shared *shared;
static const char *result, *preload, *program;
static char **command;
static struct bytes {
    char *at;
    size_t n;
} wanted;
static long total[FAULTS][2], full, storms, leaks_without;
static int failures;
static bool pipeline;

static void must(bool done, const char *what)
{
    if (!done) {
        perror(what);
        exit(2);
    }
}

static struct bytes contents(const char *path)
{
    struct bytes b = {.at = NULL};
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return b;
    must(fstat(fd, &st) == 0, path);
    b.at = malloc((size_t)st.st_size + 1);
    must(b.at != NULL, "memory");
    ssize_t n = read(fd, b.at, (size_t)st.st_size);
    must(n == st.st_size, path);
    b.n = (size_t)n;
    b.at[n] = '\0';
    close(fd);
    return b;
}

/* The number of names in a folder; those of temporary files are removed when asked. */
static int population(const char *path, bool clean)
{
    int n = 0;
    DIR *d = opendir(path);
    must(d != NULL, path);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        n++;
        if (clean && strstr(e->d_name, ".emo-") != NULL)
            unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
    return n;
}

/* Kills the program of that name, after so many microseconds; did it run? */
static bool slay(const char *name, long after)
{
    nanosleep(&(struct timespec){.tv_sec = after / 1000000, .tv_nsec = after % 1000000 * 1000}, NULL);
    for (int i = 0; i < shared->started && i < STAGES; i++)
        if (strcmp(shared->stage[i].name, name) == 0)
            return shared->stage[i].pid > 0 && kill(shared->stage[i].pid, SIGKILL) == 0;
    return false;
}

/* stage: the program that is killed after so many microseconds; NULL: none. */
static int run(int shared_fd, const char *stage, long after, bool *killed)
{
    int status;
    for (int k = 0; k < FAULTS; k++)
        shared->calls[k][OURS] = shared->calls[k][OTHERS] = 0;
    shared->injected = shared->written = shared->blocks = 0;
    shared->ended = 0;
    shared->started = 0;
    FILE *old = fopen(result, "w");
    must(old != NULL && fputs("old\n", old) >= 0 && fclose(old) == 0, result);
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", shared_fd);
        setenv("FAULT", number, 1);
        setenv("LD_PRELOAD", preload, 1);
        setenv("TMPDIR", SPOOL, 1);
        int in = open("/dev/null", O_RDONLY), out = open("/dev/null", O_WRONLY);
        int messages = open(MESSAGES, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(in, 0);
        dup2(out, 1);
        dup2(messages, 2);
        alarm(PATIENCE);
        execvp(command[0], command);
        _exit(127);
    }
    if (stage != NULL)
        *killed = slay(stage, after);
    must(waitpid(child, &status, 0) == child, "wait");
    return status;
}

static void blame(const char *fault, int status, const char *why)
{
    struct bytes said = contents(MESSAGES);
    printf("%s: %s: %s (status %d, signal %d)\n%s", program, fault, why,
           WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
           said.at);
    free(said.at);
    failures++;
}

/* crashes: may a library of others have ended the process? */
static void check(const char *fault, int status, bool crashes, int files)
{
    struct bytes said = contents(MESSAGES), got = contents(result);
    bool same = got.n == wanted.n && memcmp(got.at, wanted.at, got.n) == 0;
    bool kept = got.n == 4 && memcmp(got.at, "old\n", 4) == 0;
    bool named = strncmp(said.at, "emo-", 4) == 0 || (pipeline && strstr(said.at, "\nemo-") != NULL);
    int most = pipeline ? 3 : 1;
    bool hangs = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    if (hangs || (WIFSIGNALED(status) && !crashes)) {
        blame(fault, status, hangs ? "hangs" : "crashes");
    } else if (WIFSIGNALED(status) || (crashes && WEXITSTATUS(status) != 0 && !named)) {
        /* Libraries that end the process: libarchive and libgomp with exit(), C++ with abort(). */
        if (!kept)
            blame(fault, status, "ended by a library, and leaves a result");
        population(".", true); /* what it left, the next run removes */
    } else if (WEXITSTATUS(status) == 0 && !same && strstr(said.at, "; skipped") == NULL) {
        blame(fault, status, "success that is none");
    } else if (WEXITSTATUS(status) != 0 && !kept && !(same && strstr(said.at, "is whole"))) {
        blame(fault, status, "failed, but left a result");
    } else if (WEXITSTATUS(status) != 0 && !named) {
        blame(fault, status, "no message");
    } else if (WEXITSTATUS(status) > most && !crashes) {
        blame(fault, status, "a status that this is none for");
    } else if (!pipeline && shared->ended && shared->blocks > leaks_without) {
        blame(fault, status, "leaks");
    }
    if (population(".", true) != files || population(SPOOL, false) != 2)
        blame(fault, status, "leaves files behind");
    free(said.at);
    free(got.at);
}

/* Every call of one kind by one side. */
static void sweep(int fd, enum fault kind, int who, long calls, long stride, long most, int files)
{
    long step = stride;
    char fault[64];
    if (who == OTHERS && calls / step > most)
        step = calls / most;
    for (long i = 1 + (step > 1 ? ((int)kind * 7 + who) % step : 0); i <= calls; i += step) {
        shared->mode = ONCE;
        shared->kind = kind;
        shared->who = who;
        shared->at = i;
        snprintf(fault, sizeof fault, "%s %ld of %ld, %s", names[kind], i, calls,
                 who == OURS ? "ours" : "others'");
        int status = run(fd, NULL, 0, NULL);
        total[kind][who] += shared->injected;
        check(fault, status, who == OTHERS, files);
    }
}

/* Of one program of the pipeline, every kill; then a run that is left alone. */
static void kill_stage(int fd, const char *name, long kills, long lasts, int files)
{
    char fault[200];
    long hits = 0, tries = 0, left = 0;
    unsigned state = 1;
    shared->mode = COUNT;
    while (hits < kills && tries++ < 8 * kills) {
        bool killed = false;
        state = state * 1103515245u + 12345u;
        long after = (long)((double)(state >> 8) / (1 << 24) * (double)lasts);
        int status = run(fd, name, after, &killed);
        struct bytes got = contents(result);
        bool same = got.n == wanted.n && memcmp(got.at, wanted.at, got.n) == 0;
        bool kept = got.n == 4 && memcmp(got.at, "old\n", 4) == 0;
        hits += killed;
        left += population(".", false) > files;
        snprintf(fault, sizeof fault, "%s killed after %ld us", name, after);
        if (!same && !kept)
            blame(fault, status, "neither the old result nor a new one");
        else if (status == 0 && !same)
            blame(fault, status, "success that is none");
        free(got.at);
    }
    int status = run(fd, NULL, 0, NULL);
    if (status != 0 || population(".", true) != files || population(SPOOL, false) != 2)
        blame(name, status, "leaves files behind, even after the next run");
    if (hits < kills)
        blame(name, status, "was too fast to be killed");
    printf("%s: killed %ld times, %ld times before it could remove its temporary file\n", name, hits,
           left);
}

static long microseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
    long stride = 1, most = 1000, kills = 0;
    for (int option; (option = getopt(argc, argv, "+ps:m:k:")) != -1;)
        if (option == 'p')
            pipeline = true;
        else
            *(option == 's' ? &stride : option == 'k' ? &kills : &most) = strtol(optarg, NULL, 10);
    if (argc - optind < 3 || stride < 1 || most < 1)
        return 2;
    preload = argv[optind];
    result = argv[optind + 1];
    command = argv + optind + 2;
    program = strrchr(command[0], '/') != NULL ? strrchr(command[0], '/') + 1 : command[0];
    int fd = memfd_create("fault", 0);
    must(fd >= 0 && ftruncate(fd, sizeof *shared) == 0, "memfd");
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(shared != MAP_FAILED, "mmap");
    must(mkdir(SPOOL, 0700) == 0 || errno == EEXIST, SPOOL);

    shared->mode = COUNT;
    long start = microseconds();
    int status = run(fd, NULL, 0, NULL), files = population(".", true), stages = shared->started;
    long lasts = microseconds() - start;
    wanted = contents(result);
    leaks_without = shared->blocks;
    if (status != 0 || !shared->ended) {
        blame("no fault", status, "fails");
        return 1;
    }
    if (leaks_without > 0 && !pipeline)
        blame("no fault", status, "leaks");
    if (kills > 0) {
        char stage[STAGES][16];
        for (int i = 0; i < stages && i < STAGES; i++)
            memcpy(stage[i], shared->stage[i].name, sizeof stage[i]);
        for (int i = 0; i < stages && i < STAGES; i++)
            kill_stage(fd, stage[i], kills, lasts, files);
        printf("%d wrong\n", failures);
        return failures > 0;
    }
    long calls[FAULTS][2], bytes = shared->written;
    for (int k = 0; k < FAULTS; k++)
        for (int who = 0; who < 2; who++)
            calls[k][who] = shared->calls[k][who];

    for (int k = 0; k < FAULTS; k++)
        for (int who = 0; who < 2; who++)
            sweep(fd, (enum fault)k, who, calls[k][who], stride, most, files);
    /* A disk that is full after so many bytes: about 64 places, and the last byte. */
    for (long i = 0; bytes > 0 && i < bytes; i += 1 + bytes * stride / 64) {
        shared->mode = FULL;
        shared->at = i + bytes / 64 >= bytes ? bytes - 1 : i;
        status = run(fd, NULL, 0, NULL);
        full++;
        check("full disk", status, false, files);
        if (status == 0)
            blame("full disk", status, "success that is none");
    }
    shared->mode = STORM;
    status = run(fd, NULL, 0, NULL);
    storms += shared->injected;
    check("interruptions", status, false, files);
    if (status != 0)
        blame("interruptions", status, "fails");

    printf("%s:", program);
    for (int k = 0; k < FAULTS; k++)
        printf(" %s %ld+%ld", names[k], total[k][OURS], total[k][OTHERS]);
    printf(" full %ld interrupted %ld; %d wrong\n", full, storms, failures);
    return failures > 0;
}
