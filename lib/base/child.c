#include "base/child.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define CHUNK 65536u
#define PATIENCE 60 /* seconds */

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_all(int ends[3])
{
    for (int i = 0; i < 3; i++)
        close_one(&ends[i]);
}

/* Sockets, since a write to one whose reader has gone can be had without SIGPIPE. */
static int open_ends(int ours[3], int its[3], struct emo_error *err)
{
    for (int i = 0; i < 3; i++)
        ours[i] = its[i] = -1;
    for (int i = 0; i < 3; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
            return emo_error_errno(err, "a channel to another program");
        ours[i] = pair[0];
        its[i] = pair[1];
        if (fcntl(pair[0], F_SETFD, FD_CLOEXEC) != 0 || fcntl(pair[1], F_SETFD, FD_CLOEXEC) != 0 ||
            fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0)
            return emo_error_errno(err, "a channel to another program");
    }
    return EMO_OK;
}

static int spawn(const char *const *argv, const int its[3], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0)
        return failed;
    for (int i = 0; failed == 0 && i < 3; i++)
        failed = posix_spawn_file_actions_adddup2(&actions, its[i], i);
    if (failed == 0)
        failed = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

int emo_child_start(struct emo_child *c, const char *const *argv, bool *missing,
                    struct emo_error *err)
{
    int its[3];
    *missing = false;
    *c = (struct emo_child){.name = argv[0], .pid = -1};
    int status = open_ends(c->ends, its, err);
    if (status == EMO_OK && (errno = spawn(argv, its, &c->pid)) != 0) {
        *missing = errno == ENOENT;
        status = emo_error_errno(err, "%s cannot be run", argv[0]);
        c->pid = -1;
    }
    close_all(its);
    if (status != EMO_OK)
        close_all(c->ends);
    return status;
}

/* Its end, as waitpid() tells it; -1 with errno. What it still writes goes nowhere and ends it. */
static int wait_for(struct emo_child *c)
{
    int ended = 0;
    pid_t got;
    close_all(c->ends);
    do
        got = waitpid(c->pid, &ended, 0);
    while (got < 0 && errno == EINTR);
    c->pid = -1;
    return got < 0 ? -1 : ended;
}

/* Nobody wants what it makes. A sandbox may forbid to kill it: then, without input and outputs, it
   has a second to end by itself, and one that hangs is left behind. */
static void leave(struct emo_child *c)
{
    const struct timespec moment = {.tv_nsec = 10000000};
    close_all(c->ends);
    (void)kill(c->pid, SIGKILL);
    for (int i = 0; i < 100 && waitpid(c->pid, NULL, WNOHANG) == 0; i++)
        nanosleep(&moment, NULL);
    c->pid = -1;
}

void emo_child_abandon(struct emo_child *c)
{
    if (c->pid > 0)
        leave(c);
}

static int give(int *fd, const char **input, size_t *n, struct emo_error *err)
{
    ssize_t put = *n > 0 ? send(*fd, *input, *n, MSG_NOSIGNAL) : 0;
    if (put > 0) {
        *input += put;
        *n -= (size_t)put;
    } else if (put < 0 && errno != EAGAIN && errno != EINTR && errno != EPIPE &&
               errno != ECONNRESET)
        return emo_error_errno(err, "writing to another program");
    /* Gone without reading all: its status and its words will say why. */
    if (*n == 0 || (put < 0 && (errno == EPIPE || errno == ECONNRESET)))
        close_one(fd);
    return EMO_OK;
}

static int take(int *fd, struct emo_text *to, size_t limit, bool all, struct emo_error *err)
{
    char chunk[CHUNK];
    ssize_t got = read(*fd, chunk, sizeof chunk);
    if (got == 0)
        close_one(fd);
    if (got < 0 && errno != EAGAIN && errno != EINTR)
        return emo_error_errno(err, "reading from another program");
    if (got <= 0)
        return EMO_OK;
    size_t n = (size_t)got, room = limit - to->length;
    if (n > room && all)
        return emo_error(err, EMO_FAILED, "more than %zu bytes from another program", limit);
    emo_text_add(to, chunk, n < room ? n : room);
    return to->failed ? emo_error_memory(err, to->length, "what another program wrote") : EMO_OK;
}

/* Until the child has closed both of its outputs. */
static int converse(struct emo_child *c, const char *input, size_t n, struct emo_text *out,
                    size_t limit, struct emo_text *said, struct emo_error *err)
{
    int status = EMO_OK;
    while (status == EMO_OK && (c->ends[1] >= 0 || c->ends[2] >= 0)) {
        struct pollfd p[3] = {
            {.fd = c->ends[0], .events = POLLOUT},
            {.fd = c->ends[1], .events = POLLIN},
            {.fd = c->ends[2], .events = POLLIN},
        };
        int ready = poll(p, 3, PATIENCE * 1000);
        if (ready == 0)
            status = emo_error(err, EMO_FAILED, "%s does nothing for %d s, and is given up",
                               c->name, PATIENCE);
        else if (ready < 0 && errno != EINTR)
            status = emo_error_errno(err, "waiting for another program");
        if (ready <= 0)
            continue;
        if (p[0].revents != 0)
            status = give(&c->ends[0], &input, &n, err);
        if (status == EMO_OK && p[1].revents != 0)
            status = take(&c->ends[1], out, limit, true, err);
        if (status == EMO_OK && p[2].revents != 0)
            status = take(&c->ends[2], said, EMO_ERROR_TEXT / 2, false, err);
    }
    return status;
}

/* What it said on standard error, on one line. */
static int failed(const char *name, int ended, const struct emo_text *said, struct emo_error *err)
{
    char quoted[EMO_ERROR_TEXT / 2];
    if (WIFSIGNALED(ended))
        emo_error(err, EMO_FAILED, "%s was killed by signal %d", name, WTERMSIG(ended));
    else
        emo_error(err, EMO_FAILED, "%s failed with status %d", name, WEXITSTATUS(ended));
    if (said->length == 0)
        return err->status;
    struct emo_error first = *err;
    return emo_error(err, EMO_FAILED, "%.200s and said %s", first.text,
                     emo_quote(quoted, sizeof quoted, said->bytes, said->length));
}

int emo_child_finish(struct emo_child *c, const char *input, size_t n, struct emo_text *out,
                     size_t limit, struct emo_error *err)
{
    struct emo_text said = {0};
    int status = converse(c, input, n, out, out->length + limit, &said, err);
    if (status == EMO_OK) {
        int ended = wait_for(c);
        if (ended < 0)
            status = emo_error_errno(err, "waiting for %s", c->name);
        else if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0)
            status = failed(c->name, ended, &said, err);
    } else {
        leave(c);
    }
    emo_text_free(&said);
    return status;
}
