/*
 * Runs a command again and again in the present directory, each time with another of its calls
 * failing, and checks what came of it:
 *
 *     status 0   the result is, byte for byte, that of the run without a fault; or the command said
 *                of something that it was skipped; or a program of others, which it had run, made
 *                something else of a fault and told nobody: that is counted
 *     else       the result is as it was before, or else new and said to be whole; standard error
 *                begins with the program's name; the status is 1. A library of others that meets a
 *                fault may also end the process in its own way.
 *     always     it ends within 60 s; the temporary folder is empty; what our code allocated is
 *                freed, where the process ended by itself
 *
 * usage: sweep [-dflop] [-a FILE] [-c FILE] [-s STRIDE] [-m MOST] [-n PLACES] [-k KILLS]
 *              INJECT.so RESULT COMMAND...
 * -a: another file that the command writes: it is as it was before, or new and whole; with status 0,
 * new. -c: a checkpoint of the command, which run once more goes on from whatever a fault has left, to the
 * same result. -d: the result is a folder. -o: the result is standard output, of which a failure may leave
 * a part.
 * -l: what its libraries make of a lack of their memory, and tell nobody, is counted as well.
 * -p: the command is a pipeline of sh; its last program may end with 3, as the one before it failed.
 * -s: every STRIDEth call. -m: of one kind by others' libraries, at most about MOST calls.
 * -n: the disk is full at about so many places (64); 0: at every byte. -f: only that.
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
#define PATIENCE 150

static const char *const names[] = FAULT_NAMES;
static struct shared *shared;
static const char *result, *another, *checkpoint, *preload, *program;
static char **command;
struct bytes {
    char *at; /* NULL: there is no such file */
    size_t n;
};
static struct bytes wanted, another_wanted, checkpoint_before;
static long total[FAULTS][2], full, storms, went_on, untold, leaks_without;
static int failures;
static bool pipeline, folder, output, lenient;

static void must(bool done, const char *what)
{
    if (!done) {
        perror(what);
        exit(2);
    }
}

static void add(struct bytes *to, const char *at, size_t n)
{
    to->at = realloc(to->at, to->n + n + 1);
    must(to->at != NULL, "memory");
    memcpy(to->at + to->n, at, n);
    to->n += n;
    to->at[to->n] = '\0';
}

/* Adds a file, or the names and files of a folder. */
static void gather(struct bytes *to, int within, const char *path)
{
    char chunk[65536];
    struct stat st;
    struct dirent **names_there = NULL;
    ssize_t n;
    int fd = openat(within, path, O_RDONLY);
    if (fd < 0)
        return;
    must(fstat(fd, &st) == 0, path);
    add(to, "", 0);
    if (!S_ISDIR(st.st_mode)) {
        while ((n = read(fd, chunk, sizeof chunk)) > 0)
            add(to, chunk, (size_t)n);
        must(n == 0, path);
    } else {
        int count = scandirat(within, path, &names_there, NULL, alphasort);
        must(count >= 0, path);
        for (int i = 0; i < count; i++) {
            if (names_there[i]->d_name[0] != '.') {
                add(to, names_there[i]->d_name, strlen(names_there[i]->d_name) + 1);
                gather(to, fd, names_there[i]->d_name);
            }
            free(names_there[i]);
        }
        free(names_there);
    }
    close(fd);
}

static struct bytes contents(const char *path)
{
    struct bytes b = {.at = NULL};
    if (path != NULL)
        gather(&b, AT_FDCWD, path);
    return b;
}

static bool same_bytes(struct bytes a, struct bytes b)
{
    return (a.at == NULL) == (b.at == NULL) && a.n == b.n &&
           (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

static void remove_all(int within, const char *path)
{
    int fd = openat(within, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            remove_all(fd, e->d_name);
    if (d != NULL)
        closedir(d);
    (void)unlinkat(within, path, d != NULL ? AT_REMOVEDIR : 0);
}

static void put_back(const char *path, struct bytes b)
{
    remove_all(AT_FDCWD, path);
    if (b.at == NULL)
        return;
    FILE *f = fopen(path, "w");
    must(f != NULL && fwrite(b.at, 1, b.n, f) == b.n && fclose(f) == 0, path);
}

/* What the result is before a run. */
static struct bytes before(void)
{
    static char old[] = "old\n";
    return folder ? (struct bytes){.at = NULL} : (struct bytes){.at = old, .n = 4};
}

/* The number of names in a folder; those of temporary files are removed when asked. */
static int population(const char *path, bool clean)
{
    int n = 0;
    DIR *d = opendir(path);
    must(d != NULL, path);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        n += (checkpoint == NULL || strcmp(e->d_name, checkpoint) != 0) &&
             strcmp(e->d_name, result) != 0;
        if (clean && strstr(e->d_name, ".emo-") != NULL)
            remove_all(dirfd(d), e->d_name);
    }
    closedir(d);
    return n;
}

/* The stage of that name, once it has begun; -1: it does not begin. */
static int begun(const char *name)
{
    for (int waited = 0; waited < PATIENCE * 10000; waited++) {
        for (int i = 0; i < shared->started && i < STAGES; i++)
            if (shared->stage[i].pid > 0 && strcmp(shared->stage[i].name, name) == 0)
                return i;
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    return -1;
}

/* Kills the program of that name so many microseconds after it has begun; was it still there? */
static bool slay(const char *name, long after)
{
    int i = begun(name);
    nanosleep(&(struct timespec){.tv_sec = after / 1000000, .tv_nsec = after % 1000000 * 1000}, NULL);
    return i >= 0 && kill(shared->stage[i].pid, SIGKILL) == 0;
}

/* stage: the program that is killed after so many microseconds; NULL: none. going_on: from the
   checkpoint that the last run has left. */
static int run(int shared_fd, const char *stage, long after, bool *killed, bool going_on)
{
    int status;
    for (int k = 0; k < FAULTS; k++)
        shared->calls[k][OURS] = shared->calls[k][OTHERS] = 0;
    shared->injected = shared->written = shared->blocks = 0;
    shared->ended = shared->foreign = 0;
    shared->started = 0;
    memset(shared->stage, 0, sizeof shared->stage);
    put_back(result, before());
    if (another != NULL)
        put_back(another, before());
    if (checkpoint != NULL && !going_on)
        put_back(checkpoint, checkpoint_before);
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", shared_fd);
        setenv("FAULT", number, 1);
        setenv("LD_PRELOAD", preload, 1);
        setenv("TMPDIR", SPOOL, 1);
        int in = open("/dev/null", O_RDONLY);
        int out = output ? open(result, O_WRONLY | O_TRUNC) : open("/dev/null", O_WRONLY);
        int messages = open(MESSAGES, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(in, 0);
        dup2(out, 1);
        dup2(messages, 2);
        setpgid(0, 0);
        alarm(PATIENCE);
        execvp(command[0], command);
        _exit(127);
    }
    if (stage != NULL)
        *killed = slay(stage, after);
    must(waitpid(child, &status, 0) == child, "wait");
    /* What it has started and left behind would keep our outputs open. */
    kill(-child, SIGKILL);
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

/* From the checkpoint that a fault has left, the command comes to the same result. */
static void go_on(int fd, const char *fault)
{
    struct bytes left = contents(checkpoint);
    shared->mode = COUNT;
    int status = run(fd, NULL, 0, NULL, true);
    struct bytes got = contents(result);
    if (status != 0 || !same_bytes(got, wanted))
        blame(fault, status, "its checkpoint does not lead to the same result");
    went_on += left.at != NULL && !same_bytes(left, checkpoint_before);
    free(left.at);
    free(got.at);
}

/* The other file that it writes. */
static void check_another(const char *fault, int status)
{
    struct bytes got = contents(another);
    bool new = same_bytes(got, another_wanted);
    if (status == 0 && !new)
        blame(fault, status, "success, but another file is none");
    else if (!new && !same_bytes(got, before()))
        blame(fault, status, "leaves a part of another file");
    free(got.at);
}

/* crashes: may a library of others have ended the process? */
static void check(int fd, const char *fault, int status, bool crashes, int files)
{
    struct bytes said = contents(MESSAGES), got = contents(result);
    bool same = same_bytes(got, wanted), kept = output || same_bytes(got, before());
    bool named = strncmp(said.at, "emo-", 4) == 0 || (pipeline && strstr(said.at, "\nemo-") != NULL);
    int most = pipeline ? 3 : 1;
    bool hangs = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    if (hangs || (WIFSIGNALED(status) && !crashes)) {
        blame(fault, status, hangs ? "hangs" : "crashes");
    } else if (WIFSIGNALED(status) || (crashes && WEXITSTATUS(status) != 0 && !named)) {
        /* Libraries that end the process: libarchive and libgomp with exit(), C++ with abort(). */
        if (!kept && !same)
            blame(fault, status, "ended by a library, and leaves a result");
        population(".", true); /* what it left, the next run removes */
    } else if (WEXITSTATUS(status) == 0 && !same &&
               (shared->foreign || (lenient && crashes && shared->kind == MEMORY))) {
        untold++;
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
    if (another != NULL)
        check_another(fault, status);
    if (population(".", true) != files || population(SPOOL, false) != 2)
        blame(fault, status, "leaves files behind");
    free(said.at);
    free(got.at);
    if (checkpoint != NULL)
        go_on(fd, fault);
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
        int status = run(fd, NULL, 0, NULL, false);
        total[kind][who] += shared->injected;
        check(fd, fault, status, who == OTHERS, files);
    }
}

/* Of one program of the pipeline, every kill; then a run that is left alone. The pipeline lasts so
   long; a kill that came too late says that the program does not. */
static void kill_stage(int fd, const char *name, long kills, long lasts, int files)
{
    char fault[200];
    long hits = 0, tries = 0, left = 0, least = 100;
    unsigned state = 1;
    shared->mode = COUNT;
    while (hits < kills && tries++ < 8 * kills) {
        bool killed = false;
        state = state * 1103515245u + 12345u;
        long after = (long)((double)(state >> 8) / (1 << 24) * (double)lasts);
        int status = run(fd, name, after, &killed, false);
        struct bytes got = contents(result);
        bool same = same_bytes(got, wanted), kept = same_bytes(got, before());
        hits += killed;
        if (!killed)
            lasts = after > least ? after : least;
        left += population(".", false) > files;
        snprintf(fault, sizeof fault, "%s killed after %ld us", name, after);
        if (!same && !kept)
            blame(fault, status, "neither the old result nor a new one");
        else if (status == 0 && !same)
            blame(fault, status, "success that is none");
        free(got.at);
    }
    int status = run(fd, NULL, 0, NULL, false);
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

/* A disk that is full after so many bytes: about so many places, and the last byte. */
static void fill(int fd, long bytes, long places, int files)
{
    char fault[80];
    long step = places > 0 ? 1 + bytes / places : 1;
    for (long i = 0; i < bytes; i += step) {
        shared->mode = FULL;
        shared->at = i + step > bytes ? bytes - 1 : i;
        snprintf(fault, sizeof fault, "full disk after %ld of %ld bytes", shared->at, bytes);
        int status = run(fd, NULL, 0, NULL, false);
        full += shared->injected > 0;
        /* A table of times may need a byte less than it did. */
        if (status == 0 && shared->injected > 0)
            blame(fault, status, "success that is none");
        check(fd, fault, status, false, files);
    }
}

static void interrupt(int fd, int files)
{
    shared->mode = STORM;
    int status = run(fd, NULL, 0, NULL, false);
    storms += shared->injected;
    if (status != 0)
        blame("interruptions", status, "fails");
    check(fd, "interruptions", status, false, files);
}

static void report(void)
{
    printf("%s:", program);
    for (int k = 0; k < FAULTS; k++)
        if (total[k][OURS] + total[k][OTHERS] > 0)
            printf(" %s %ld+%ld", names[k], total[k][OURS], total[k][OTHERS]);
    printf(" full %ld interrupted %ld", full, storms);
    if (checkpoint != NULL)
        printf(" went on %ld", went_on);
    if (untold > 0)
        printf(" untold by others %ld", untold);
    printf("; %d wrong\n", failures);
}

int main(int argc, char **argv)
{
    long stride = 1, most = 1000, kills = 0, places = 64;
    bool only_full = false;
    for (int option; (option = getopt(argc, argv, "+dflopa:c:s:m:n:k:")) != -1;) {
        pipeline = pipeline || option == 'p';
        folder = folder || option == 'd';
        output = output || option == 'o';
        lenient = lenient || option == 'l';
        only_full = only_full || option == 'f';
        if (option == 'a' || option == 'c')
            *(option == 'a' ? &another : &checkpoint) = optarg;
        else if (optarg != NULL)
            *(option == 's'   ? &stride
              : option == 'k' ? &kills
              : option == 'n' ? &places
                              : &most) = strtol(optarg, NULL, 10);
    }
    if (argc - optind < 3 || stride < 1 || most < 1 || places < 0)
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
    checkpoint_before = contents(checkpoint);

    shared->mode = COUNT;
    long start = microseconds();
    int status = run(fd, NULL, 0, NULL, false), files = population(".", true), stages = shared->started;
    long lasts = microseconds() - start;
    wanted = contents(result);
    another_wanted = contents(another);
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

    for (int k = 0; k < FAULTS && !only_full; k++)
        for (int who = 0; who < 2; who++)
            sweep(fd, (enum fault)k, who, calls[k][who], stride, most, files);
    fill(fd, bytes, places > 0 ? 1 + places / stride : 0, files);
    if (!only_full)
        interrupt(fd, files);
    report();
    return failures > 0;
}
