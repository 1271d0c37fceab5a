/*
 * Preloaded into a program: what a fault in a decoder could be used for. At the first picture that
 * libjpeg is given, or else at the first bytes of output, it tries what an intruder would, and says
 * of each on standard error "intruder: open refused" or "intruder: open done". The first line is
 * "intruder: landlock N", the kernel's version of it or 0.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *what, bool done)
{
    fprintf(stderr, "intruder: %s %s\n", what, done ? "done" : "refused");
}

static void try_open(const char *what, const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    tell(what, fd >= 0);
    if (fd >= 0)
        close(fd);
}

static void try_socket(const char *what, int family)
{
    int fd = socket(family, SOCK_STREAM, 0);
    tell(what, fd >= 0);
    if (fd >= 0)
        close(fd);
}

static void try_process(void)
{
    char *const arguments[] = {(char *)"true", NULL};
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid(child, NULL, 0);
    tell("fork", child >= 0);
    /* In a child of its own where that can be had. */
    child = vfork();
    if (child == 0) {
        execv("/bin/true", arguments);
        _exit(1);
    }
    int status = 1;
    if (child > 0)
        waitpid(child, &status, 0);
    else
        execv("/bin/true", arguments);
    tell("exec", status == 0);
    tell("trace", ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
    tell("signal", kill(getppid(), 0) == 0);
}

static void intrude(void)
{
    static bool done;
    if (done)
        return;
    done = true;
    long version = syscall(444 /* landlock_create_ruleset */, NULL, 0, 1);
    fprintf(stderr, "intruder: landlock %ld\n", version > 0 ? version : 0);
    try_open("open", "/etc/passwd", O_RDONLY);
    const char *secret = getenv("SECRET");
    if (secret != NULL) {
        try_open("read", secret, O_RDONLY);
        try_open("write", secret, O_WRONLY);
        tell("remove", unlink(secret) == 0);
    }
    try_open("create", "/tmp/emo-intruder", O_WRONLY | O_CREAT);
    unlink("/tmp/emo-intruder");
    try_socket("socket", AF_INET);
    try_socket("local-socket", AF_UNIX);
    try_process();
    void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                      0);
    tell("code", code != MAP_FAILED);
    if (code != MAP_FAILED)
        munmap(code, 4096);
}

int jpeg_read_header(void *decoder, int strict)
{
    union {
        void *object;
        int (*function)(void *, int);
    } real = {.object = dlsym(RTLD_NEXT, "jpeg_read_header")};
    intrude();
    return real.function(decoder, strict);
}

ssize_t write(int fd, const void *from, size_t n)
{
    if (fd != STDERR_FILENO)
        intrude();
    return syscall(SYS_write, fd, from, n);
}
