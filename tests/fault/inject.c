/*
 * Preloaded into a program: makes a call of it fail. Counting begins when main() calls setlocale(),
 * so that what libraries do before it is left alone. Needs glibc.
 */
#define _GNU_SOURCE
#include "fault.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *p);

static struct shared *shared;
static atomic_bool started;
static uintptr_t lowest, highest; /* of the program's own code; 0: it is not one of ours */

static int main_program(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    lowest = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD) {
            uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            lowest = at < lowest ? at : lowest;
            highest = at + info->dlpi_phdr[i].p_memsz;
        }
    return 1; /* the first is the program */
}

__attribute__((constructor)) static void begin(void)
{
    const char *fd = getenv("FAULT");
    if (fd == NULL)
        return;
    if (strncmp(program_invocation_short_name, "emo-", 4) == 0)
        dl_iterate_phdr(main_program, NULL);
    void *p = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED,
                   (int)strtol(fd, NULL, 10), 0);
    shared = p == MAP_FAILED ? NULL : p;
}

__attribute__((destructor)) static void end(void)
{
    if (shared != NULL && highest > 0)
        shared->ended = 1;
}

static bool ours(const void *caller)
{
    return (uintptr_t)caller >= lowest && (uintptr_t)caller < highest;
}

/* Counts a call; shall it fail? */
static bool fails(enum fault kind, const void *caller)
{
    if (shared == NULL || !started)
        return false;
    int who = ours(caller) ? OURS : OTHERS;
    long n = atomic_fetch_add(&shared->calls[kind][who], 1) + 1;
    if (shared->mode != ONCE || shared->kind != kind || shared->who != who || n != shared->at)
        return false;
    atomic_fetch_add(&shared->injected, 1);
    shared->foreign = highest == 0;
    return true;
}
#define FAILS(kind) fails(kind, __builtin_return_address(0))

/* Memory: which blocks are ours, and not freed yet ---------------------------------------------- */

#define PLACES (1u << 18)
static void *blocks[PLACES];
static pthread_mutex_t blocks_mutex = PTHREAD_MUTEX_INITIALIZER;
static char gone; /* its address marks a place that was used */

static size_t place(const void *p)
{
    return (size_t)((uintptr_t)p / 16 * UINT64_C(0x9e3779b97f4a7c15) >> 40) % PLACES;
}

static void *born(void *p, const void *caller)
{
    if (p == NULL || shared == NULL || !started || !ours(caller))
        return p;
    pthread_mutex_lock(&blocks_mutex);
    size_t i = place(p);
    while (blocks[i] != NULL && blocks[i] != &gone)
        i = (i + 1) % PLACES;
    blocks[i] = p;
    pthread_mutex_unlock(&blocks_mutex);
    atomic_fetch_add(&shared->blocks, 1);
    return p;
}

static void died(const void *p)
{
    if (p == NULL || shared == NULL || !started)
        return;
    pthread_mutex_lock(&blocks_mutex);
    size_t i = place(p);
    while (blocks[i] != NULL && blocks[i] != p)
        i = (i + 1) % PLACES;
    if (blocks[i] == p) {
        blocks[i] = &gone;
        atomic_fetch_sub(&shared->blocks, 1);
    }
    pthread_mutex_unlock(&blocks_mutex);
}

static void *no(int why)
{
    errno = why;
    return NULL;
}

void *malloc(size_t n)
{
    return FAILS(MEMORY) ? no(ENOMEM) : born(__libc_malloc(n), __builtin_return_address(0));
}

void *calloc(size_t n, size_t size)
{
    return FAILS(MEMORY) ? no(ENOMEM) : born(__libc_calloc(n, size), __builtin_return_address(0));
}

void *realloc(void *old, size_t n)
{
    if (FAILS(MEMORY))
        return no(ENOMEM);
    died(old);
    void *p = __libc_realloc(old, n);
    return born(p == NULL && n > 0 ? old : p, __builtin_return_address(0)) == old && p == NULL ? NULL
                                                                                               : p;
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return FAILS(MEMORY) ? no(ENOMEM)
                         : born(__libc_memalign(alignment, n), __builtin_return_address(0));
}

int posix_memalign(void **p, size_t alignment, size_t n)
{
    if (FAILS(MEMORY))
        return ENOMEM;
    *p = born(__libc_memalign(alignment, n), __builtin_return_address(0));
    return *p == NULL ? ENOMEM : 0;
}

char *strndup(const char *s, size_t most)
{
    size_t n = strnlen(s, most);
    char *p = FAILS(MEMORY) ? no(ENOMEM) : born(__libc_malloc(n + 1), __builtin_return_address(0));
    if (p != NULL) {
        memcpy(p, s, n);
        p[n] = '\0';
    }
    return p;
}

char *strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = FAILS(MEMORY) ? no(ENOMEM) : born(__libc_malloc(n), __builtin_return_address(0));
    return p != NULL ? memcpy(p, s, n) : NULL;
}

void free(void *p)
{
    died(p);
    __libc_free(p);
}

/* Files ---------------------------------------------------------------------------------------- */

static int error(int why)
{
    errno = why;
    return -1;
}

/* In a storm, in our programs: 0 to go on with at most *n bytes, or else the call is interrupted. */
static bool interrupted(size_t *n)
{
    static _Thread_local unsigned state = 1;
    if (shared == NULL || !started || shared->mode != STORM || highest == 0)
        return false;
    state = state * 1103515245u + 12345u;
    unsigned draw = state >> 16;
    if (draw % 4 == 0)
        nanosleep(&(struct timespec){.tv_nsec = (long)(draw % 64) * 1000}, NULL);
    size_t most = 1 + draw % 4093;
    *n = *n < most ? *n : most;
    if (draw % 2 != 0)
        return false;
    atomic_fetch_add(&shared->injected, 1);
    errno = EINTR;
    return true;
}

ssize_t read(int fd, void *to, size_t n)
{
    if (FAILS(READ))
        return error(EIO);
    return interrupted(&n) ? -1 : syscall(SYS_read, fd, to, n);
}

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
    if (FAILS(READ))
        return error(EIO);
    return interrupted(&n) ? -1 : syscall(SYS_pread64, fd, to, n, at);
}

ssize_t write(int fd, const void *from, size_t n)
{
    if (FAILS(WRITE))
        return error(ENOSPC);
    if (interrupted(&n))
        return -1;
    if (shared != NULL && started && shared->mode == FULL) {
        long room = shared->at - shared->written;
        if (room <= 0) {
            atomic_fetch_add(&shared->injected, 1);
            return error(ENOSPC);
        }
        n = n < (size_t)room ? n : (size_t)room;
    }
    ssize_t put = syscall(SYS_write, fd, from, n);
    if (put > 0 && shared != NULL && started)
        atomic_fetch_add(&shared->written, put);
    return put;
}

int close(int fd)
{
    bool failing = FAILS(CLOSE);
    int result = (int)syscall(SYS_close, fd);
    return failing ? error(EIO) : result;
}

int fsync(int fd)
{
    return FAILS(SYNC) ? error(EIO) : (int)syscall(SYS_fsync, fd);
}

int syncfs(int fd)
{
    return FAILS(SYNC) ? error(EIO) : (int)syscall(SYS_syncfs, fd);
}

int rename(const char *from, const char *to)
{
    return FAILS(RENAME) ? error(EIO)
                         : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static int opened(int folder, const char *path, int flags, va_list more)
{
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    if (FAILS(OPEN))
        return error(EMFILE);
    va_list more;
    va_start(more, flags);
    int fd = opened(AT_FDCWD, path, flags, more);
    va_end(more);
    return fd;
}

int openat(int folder, const char *path, int flags, ...)
{
    if (FAILS(OPEN))
        return error(EMFILE);
    va_list more;
    va_start(more, flags);
    int fd = opened(folder, path, flags, more);
    va_end(more);
    return fd;
}

/* What open() is to _FORTIFY_SOURCE where no mode is given. */
int __open_2(const char *path, int flags)
{
    return FAILS(OPEN) ? error(EMFILE) : (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0);
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    return FAILS(OPEN) ? error(ENOSPC) : (int)syscall(SYS_mkdirat, folder, path, mode);
}

/* Calls that the C library makes from within are passed on to it. */
static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

#define REAL(type, name, arguments)                                                                \
    union {                                                                                        \
        void *object;                                                                              \
        type(*function) arguments;                                                                 \
    } real = {.object = next(name)}

int mkstemp(char *path)
{
    REAL(int, "mkstemp", (char *));
    return FAILS(OPEN) ? error(EMFILE) : real.function(path);
}

char *mkdtemp(char *path)
{
    REAL(char *, "mkdtemp", (char *));
    return FAILS(OPEN) ? no(ENOSPC) : real.function(path);
}

DIR *opendir(const char *path)
{
    REAL(DIR *, "opendir", (const char *));
    return FAILS(OPEN) ? no(EMFILE) : real.function(path);
}

DIR *fdopendir(int fd)
{
    REAL(DIR *, "fdopendir", (int));
    return FAILS(OPEN) ? no(ENOMEM) : real.function(fd);
}

struct dirent *readdir(DIR *folder)
{
    REAL(struct dirent *, "readdir", (DIR *));
    return FAILS(READ) ? no(EIO) : real.function(folder);
}

FILE *fopen(const char *path, const char *mode)
{
    REAL(FILE *, "fopen", (const char *, const char *));
    return FAILS(OPEN) ? no(EMFILE) : real.function(path, mode);
}

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    if (FAILS(MAP)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    /* The call returns an address. */
    return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument)
{
    REAL(int, "pthread_create",
         (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *));
    return FAILS(THREAD) ? EAGAIN : real.function(thread, attributes, run, argument);
}

/* The state of files --------------------------------------------------------------------------- */

off_t lseek(int fd, off_t offset, int whence)
{
    return FAILS(STATE) ? error(EIO) : syscall(SYS_lseek, fd, offset, whence);
}

int fstat(int fd, struct stat *to)
{
    REAL(int, "fstat", (int, struct stat *));
    return FAILS(STATE) ? error(EIO) : real.function(fd, to);
}

int stat(const char *path, struct stat *to)
{
    REAL(int, "stat", (const char *, struct stat *));
    return FAILS(STATE) ? error(EIO) : real.function(path, to);
}

int access(const char *path, int how)
{
    return FAILS(STATE) ? error(EIO) : (int)syscall(SYS_faccessat, AT_FDCWD, path, how);
}

int lstat(const char *path, struct stat *to)
{
    REAL(int, "lstat", (const char *, struct stat *));
    return FAILS(STATE) ? error(EIO) : real.function(path, to);
}

int fcntl(int fd, int what, ...)
{
    va_list more;
    va_start(more, what);
    void *argument = va_arg(more, void *);
    va_end(more);
    return FAILS(STATE) ? error(EIO) : (int)syscall(SYS_fcntl, fd, what, argument);
}

int flock(int fd, int how)
{
    return FAILS(STATE) ? error(ENOLCK) : (int)syscall(SYS_flock, fd, how);
}

int fchmod(int fd, mode_t mode)
{
    return FAILS(STATE) ? error(EPERM) : (int)syscall(SYS_fchmod, fd, mode);
}

ssize_t readlink(const char *path, char *to, size_t n)
{
    return FAILS(STATE) ? error(EIO) : syscall(SYS_readlink, path, to, n);
}

/* Other programs ------------------------------------------------------------------------------- */

int socketpair(int domain, int type, int protocol, int ends[2])
{
    return FAILS(SPAWN) ? error(EMFILE) : (int)syscall(SYS_socketpair, domain, type, protocol, ends);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const *argv, char *const *envp)
{
    REAL(int, "posix_spawnp",
         (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
          char *const *, char *const *));
    return FAILS(SPAWN) ? EAGAIN : real.function(pid, file, actions, attributes, argv, envp);
}

ssize_t send(int fd, const void *from, size_t n, int flags)
{
    if (FAILS(WRITE))
        return error(ENOBUFS);
    return interrupted(&n) ? -1 : syscall(SYS_sendto, fd, from, n, flags, NULL, 0);
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    size_t unused = 1;
    if (FAILS(READ))
        return error(ENOMEM);
    return interrupted(&unused) ? -1 : (int)syscall(SYS_poll, fds, n, timeout);
}

/* What counts its lines writes the counts after this. */
static void stop(void)
{
    started = false;
}

char *setlocale(int category, const char *name)
{
    REAL(char *, "setlocale", (int, const char *));
    if (shared != NULL && !started) {
        int i = atomic_fetch_add(&shared->started, 1) % STAGES;
        snprintf(shared->stage[i].name, sizeof shared->stage[i].name, "%s",
                 program_invocation_short_name);
        shared->stage[i].pid = getpid();
        atexit(stop);
    }
    started = true;
    return real.function(category, name);
}
