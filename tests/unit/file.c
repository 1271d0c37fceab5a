/* lib/base/file: reads through interruptions, files that appear whole or not at all. */
#include "check.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "file.XXXXXX";

static void store(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CHECK(fd >= 0 && emo_write(fd, text, strlen(text)) == 0 && close(fd) == 0);
}

/* Does path hold text? */
static bool holds(const char *path, const char *text)
{
    char bytes[64] = "";
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes - 1);
    if (fd >= 0)
        close(fd);
    return n == (ssize_t)strlen(text) && strcmp(bytes, text) == 0;
}

/* Files in the folder whose name begins with a dot: temporaries. */
static int temporaries(void)
{
    int status = system("exit $(ls -A | grep -c '^\\.')");
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static mode_t mode(const char *path)
{
    struct stat st;
    CHECK(stat(path, &st) == 0);
    return st.st_mode & 07777;
}

static void whole_or_not(void)
{
    struct emo_output *o;
    store("old", "old");
    CHECK(chmod("old", 0640) == 0);
    CHECK(emo_output_open(&o, "old", true, &err) == EMO_OK);
    CHECK(emo_write(emo_output_fd(o), "new", 3) == 0 && holds("old", "old"));
    CHECK(temporaries() == 1);
    emo_output_discard(o);
    CHECK(holds("old", "old") && temporaries() == 0);
    CHECK(emo_output_open(&o, "old", true, &err) == EMO_OK);
    CHECK(emo_write(emo_output_fd(o), "new", 3) == 0);
    CHECK(strcmp(emo_output_name(o), "old") == 0);
    CHECK(emo_output_commit(o, &err) == EMO_OK);
    CHECK(holds("old", "new") && mode("old") == 0640 && temporaries() == 0);

    mode_t mask = umask(027);
    CHECK(emo_output_open(&o, "fresh", false, &err) == EMO_OK);
    CHECK(access("fresh", F_OK) != 0 && emo_output_commit(o, &err) == EMO_OK);
    CHECK(mode("fresh") == 0640 && umask(mask) == 027);
    puts("a file appears whole or not at all, with the permissions that it had");
}

static void links(void)
{
    struct emo_output *o;
    struct stat st;
    CHECK(mkdir("sub", 0755) == 0);
    store("sub/target", "old");
    CHECK(symlink("sub/target", "link") == 0 && symlink("link", "link2") == 0);
    CHECK(emo_output_open(&o, "link2", true, &err) == EMO_OK);
    CHECK(emo_write(emo_output_fd(o), "new", 3) == 0 && emo_output_commit(o, &err) == EMO_OK);
    CHECK(lstat("link2", &st) == 0 && S_ISLNK(st.st_mode) && holds("sub/target", "new"));
    CHECK(symlink("sub/later", "ahead") == 0);
    CHECK(emo_output_open(&o, "ahead", true, &err) == EMO_OK);
    CHECK(emo_output_commit(o, &err) == EMO_OK && access("sub/later", F_OK) == 0);
    CHECK(symlink("round", "round") == 0);
    CHECK(emo_output_open(&o, "round", true, &err) == EMO_FAILED);
    CHECK(emo_output_open(&o, "sub", true, &err) == EMO_FAILED);
    SAID("directory");
    CHECK(emo_output_open(&o, "nosuch/file", true, &err) == EMO_FAILED);
    CHECK(emo_output_open(&o, "old/file", true, &err) == EMO_FAILED);
    puts("a link's target is replaced, not the link");
}

static void in_place(void)
{
    struct emo_output *o;
    char path[32], got[4] = "";
    int ends[2];
    CHECK(emo_output_open(&o, "/dev/null", true, &err) == EMO_OK);
    CHECK(emo_write(emo_output_fd(o), "new", 3) == 0 && emo_output_commit(o, &err) == EMO_OK);
    CHECK(emo_output_open(&o, "/dev/full", true, &err) == EMO_OK);
    CHECK(emo_write(emo_output_fd(o), "new", 3) != 0 && errno == ENOSPC);
    emo_output_discard(o);
    CHECK(pipe(ends) == 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    CHECK(emo_output_open(&o, path, true, &err) == EMO_OK);
    CHECK(emo_write(emo_output_fd(o), "new", 3) == 0 && emo_output_commit(o, &err) == EMO_OK);
    CHECK(read(ends[0], got, 3) == 3 && strcmp(got, "new") == 0);
    close(ends[0]);
    close(ends[1]);
    struct stat st;
    CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
    puts("devices and pipes are written in place");
}

/* A writer that was killed leaves its temporary file; the next one removes it, but not that of
   one that lives. */
static void leftovers(void)
{
    struct emo_output *o;
    int ready[2];
    pid_t pid[2];
    char byte;
    CHECK(pipe(ready) == 0);
    for (int i = 0; i < 2; i++) {
        pid[i] = fork();
        CHECK(pid[i] >= 0);
        if (pid[i] == 0) {
            if (emo_output_open(&o, "model", true, &err) != EMO_OK ||
                emo_write(ready[1], "x", 1) != 0)
                _exit(1);
            pause();
            _exit(0);
        }
        CHECK(read(ready[0], &byte, 1) == 1);
    }
    CHECK(temporaries() == 2);
    CHECK(kill(pid[0], SIGKILL) == 0 && waitpid(pid[0], NULL, 0) == pid[0]);
    store(".model.emo-keep", "of another kind: seven letters would be ours");
    CHECK(rename(".model.emo-keep", ".model.emo-longername") == 0);
    CHECK(emo_output_open(&o, "model", true, &err) == EMO_OK);
    CHECK(temporaries() == 3); /* the living one's, ours, and the file that only looks like one */
    CHECK(emo_output_commit(o, &err) == EMO_OK && temporaries() == 2);
    CHECK(kill(pid[1], SIGKILL) == 0 && waitpid(pid[1], NULL, 0) == pid[1]);
    CHECK(emo_output_open(&o, "model", true, &err) == EMO_OK);
    emo_output_discard(o);
    CHECK(temporaries() == 1 && access("model", F_OK) == 0);
    CHECK(unlink(".model.emo-longername") == 0);
    close(ready[0]);
    close(ready[1]);
    puts("what a killed run left is removed; a living run's is not");
}

/* Waits through signals; the child's status. */
static int ended(pid_t child)
{
    int status = -1;
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    return status;
}

static void nothing(int sig)
{
    (void)sig;
}

/* A writer that dribbles, to a reader that signals interrupt and whose descriptor does not
   block. */
static void interrupted(void)
{
    struct sigaction act = {.sa_handler = nothing}; /* no SA_RESTART */
    int ends[2];
    char bytes[64];
    size_t got = 0;
    CHECK(sigaction(SIGUSR1, &act, NULL) == 0 && pipe(ends) == 0);
    CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    pid_t parent = getpid(), child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        for (int i = 0; i < 20; i++) {
            struct timespec pause_ns = {.tv_nsec = 1000000};
            kill(parent, SIGUSR1);
            nanosleep(&pause_ns, NULL);
            if (emo_write(ends[1], "y", 1) != 0)
                _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t n; (n = emo_read(ends[0], bytes, sizeof bytes)) != 0; got += (size_t)n)
        CHECK(n > 0);
    CHECK(got == 20 && ended(child) == 0);
    close(ends[0]);

    /* And a writer to a full pipe that does not block, with signals. */
    static char big[300000];
    CHECK(pipe(ends) == 0 && fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        size_t sum = 0;
        close(ends[1]);
        for (ssize_t n; (n = read(ends[0], bytes, sizeof bytes)) > 0; sum += (size_t)n)
            if (sum % 64000 == 0)
                kill(parent, SIGUSR1);
        _exit(sum == sizeof big ? 0 : 1);
    }
    CHECK(emo_write(ends[1], big, sizeof big) == 0 && close(ends[1]) == 0);
    CHECK(ended(child) == 0);
    close(ends[0]);
    puts("signals, short reads and full pipes do no harm");
}

static void temporary(void)
{
    struct stat st;
    CHECK(setenv("TMPDIR", ".", 1) == 0);
    int fd = emo_temporary(&err);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0 && emo_write(fd, "x", 1) == 0);
    close(fd);
    CHECK(setenv("TMPDIR", "./nosuch", 1) == 0 && emo_temporary(&err) < 0);
    SAID("nosuch");
    CHECK(unsetenv("TMPDIR") == 0);
    puts("temporary files have no name");
}

int main(void)
{
    CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0);
    whole_or_not();
    links();
    in_place();
    leftovers();
    interrupted();
    temporary();
    CHECK(chdir("..") == 0 && system("rm -r file.??????") == 0);
    return 0;
}
