#define _GNU_SOURCE /* F_SETPIPE_SZ, O_TMPFILE */
#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (64u << 10)

static void wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    poll(&p, 1, -1);
}

ssize_t emo_read(int fd, void *to, size_t n)
{
    while (true) {
        ssize_t got = read(fd, to, n);
        if (got >= 0)
            return got;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            wait_for(fd, POLLIN);
        else if (errno != EINTR)
            return -1;
    }
}

ssize_t emo_read_at(int fd, void *to, size_t n, off_t offset)
{
    size_t got = 0;
    while (got < n) {
        ssize_t r = pread(fd, (char *)to + got, n - got, offset + (off_t)got);
        if (r == 0)
            break;
        if (r < 0 && errno != EINTR)
            return -1;
        if (r > 0)
            got += (size_t)r;
    }
    return (ssize_t)got;
}

int emo_write(int fd, const void *from, size_t n)
{
    const char *at = from;
    while (n) {
        ssize_t put = write(fd, at, n);
        if (put > 0) {
            at += put;
            n -= (size_t)put;
        } else if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            wait_for(fd, POLLOUT);
        } else if (put == 0 || errno != EINTR) {
            if (put == 0)
                errno = ENOSPC;
            return -1;
        }
    }
    return 0;
}

void emo_pipe_enlarge(int fd)
{
#ifdef F_SETPIPE_SZ
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
        int saved = errno;
        (void)fcntl(fd, F_SETPIPE_SZ, 1 << 20);
        errno = saved;
    }
#else
    (void)fd;
#endif
}

const char *emo_temporary_folder(void)
{
    const char *folder = getenv("TMPDIR");
    return folder && *folder ? folder : "/var/tmp";
}

int emo_temporary(struct emo_error *err)
{
    const char *folder = emo_temporary_folder();
    char path[4096];
    if (snprintf(path, sizeof path, "%s/emo-XXXXXX", folder) >= (int)sizeof path) {
        emo_error(err, EMO_FAILED, "TMPDIR is too long");
        return -1;
    }
    int fd = mkstemp(path);
    if (fd < 0) {
        emo_error_errno(err, "temporary file in %s", folder);
        return -1;
    }
    unlink(path);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

int emo_temporary_write(int *fd, const void *bytes, size_t n, struct emo_error *err)
{
    if (*fd < 0 && (*fd = emo_temporary(err)) < 0)
        return EMO_FAILED;
    if (emo_write(*fd, bytes, n) != 0)
        return emo_error_errno(err, "the temporary file ($TMPDIR, else /var/tmp, holds it)");
    return EMO_OK;
}

int emo_make_seekable(int *fd, const char *name, struct emo_error *err)
{
    uint8_t block[BLOCK];
    struct stat s;
    int status = EMO_OK, copy = -1;
    ssize_t n = 0;
    if (fstat(*fd, &s) == 0 && S_ISREG(s.st_mode) && lseek(*fd, 0, SEEK_CUR) == 0)
        return EMO_OK;
    emo_pipe_enlarge(*fd);
    while (status == EMO_OK && (n = emo_read(*fd, block, sizeof block)) > 0)
        status = emo_temporary_write(&copy, block, (size_t)n, err);
    if (n < 0)
        status = emo_error_errno(err, "%s", name);
    if (status == EMO_OK && copy < 0)
        status = emo_error(err, EMO_INPUT, "%s: empty", name);
    close(*fd);
    *fd = copy;
    return status;
}

struct emo_output {
    int fd;
    char *path;      /* what the user named; NULL: standard output */
    char *target;    /* what is replaced, links resolved; NULL: written in place */
    char *temporary; /* beside target */
    char *folder;    /* that holds both */
    int folder_fd;   /* to sync it; -1: it cannot be read */
};

static void output_free(struct emo_output *o)
{
    free(o->path);
    free(o->target);
    free(o->temporary);
    free(o->folder);
    if (o->folder_fd >= 0)
        close(o->folder_fd);
    free(o);
}

int emo_output_fd(const struct emo_output *o)
{
    return o->fd;
}

const char *emo_output_name(const struct emo_output *o)
{
    return o->path ? o->path : "<stdout>";
}

static bool lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_SETLK, &whole) == 0;
}

/* -1 with errno: that cannot be told. */
static int same_file(int fd, const char *path)
{
    struct stat a, b;
    if (fstat(fd, &a) != 0)
        return -1;
    if (lstat(path, &b) != 0)
        return errno == ENOENT ? 0 : -1;
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Removes the temporary files of this target whose writer is gone: those that can be locked. */
static void remove_stale(const char *folder, const char *prefix)
{
    DIR *d = opendir(folder);
    if (!d)
        return;
    size_t n = strlen(prefix);
    for (struct dirent *entry; (entry = readdir(d));) {
        if (strncmp(entry->d_name, prefix, n) != 0 || strlen(entry->d_name) != n + 6)
            continue;
        int fd = openat(dirfd(d), entry->d_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            continue;
        struct stat st;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && lock(fd))
            unlinkat(dirfd(d), entry->d_name, 0);
        close(fd);
    }
    closedir(d);
}

/* A locked temporary file that no other run's remove_stale() took between creation and lock. */
static int create_temporary(struct emo_output *o, const char *prefix, struct emo_error *err)
{
    size_t size = strlen(o->folder) + strlen(prefix) + 8;
    for (int tries = 0; tries < 100; tries++) {
        char *path = malloc(size);
        if (!path)
            return emo_error_memory(err, size, "a path");
        snprintf(path, size, "%s/%sXXXXXX", o->folder, prefix);
        o->fd = mkstemp(path);
        if (o->fd < 0) {
            emo_error_errno(err, "%s: cannot create a temporary file beside it", o->path);
            free(path);
            return EMO_FAILED;
        }
        (void)fcntl(o->fd, F_SETFD, FD_CLOEXEC);
        /* Where the file system has no locks, errno says so, and one run at a time is safe. */
        bool locked = lock(o->fd) || (errno != EAGAIN && errno != EACCES);
        int same = locked ? same_file(o->fd, path) : 0;
        if (same != 0) {
            o->temporary = path; /* also to be removed */
            return same > 0 ? EMO_OK
                            : emo_error_errno(err, "%s: the temporary file beside it", o->path);
        }
        close(o->fd);
        free(path);
    }
    return emo_error(err, EMO_FAILED, "%s: cannot lock a temporary file beside it", o->path);
}

/* Follows links by hand, since the last one may point to a file that is still to be made. NULL with
   errno. */
static char *resolve(const char *path)
{
    char *at = strdup(path);
    for (int depth = 0; at; depth++) {
        char link[4096];
        if (depth == 40) {
            errno = ELOOP;
            break;
        }
        ssize_t n = readlink(at, link, sizeof link - 1);
        if (n < 0 && (errno == EINVAL || errno == ENOENT))
            return at; /* no link, or nothing yet */
        if (n < 0)
            break;
        link[n] = '\0';
        char *slash = strrchr(at, '/');
        size_t head = link[0] == '/' || !slash ? 0 : (size_t)(slash - at) + 1;
        char *next = malloc(head + (size_t)n + 1);
        if (next) {
            memcpy(next, at, head);
            memcpy(next + head, link, (size_t)n + 1);
        }
        free(at);
        at = next;
    }
    free(at);
    return NULL;
}

static char *folder_of(const char *target)
{
    const char *slash = strrchr(target, '/');
    return slash == target ? strdup("/")
         : slash ? strndup(target, (size_t)(slash - target)) : strdup(".");
}

/* Is there something? Asked of the path itself: a pipe's /dev/fd/63 is a link that leads to no name.
   A device that did not answer is not to be replaced by a file. */
static int look(const char *path, struct stat *old, bool *exists, struct emo_error *err)
{
    *exists = stat(path, old) == 0;
    return *exists || errno == ENOENT ? EMO_OK : emo_error_errno(err, "%s", path);
}

int emo_output_folder(char **folder, const char *path, struct emo_error *err)
{
    struct stat old;
    bool exists;
    *folder = NULL;
    if (!path || strcmp(path, "-") == 0)
        return EMO_OK;
    int status = look(path, &old, &exists, err);
    if (status || (exists && !S_ISREG(old.st_mode)))
        return status;
    char *target = resolve(path);
    *folder = target ? folder_of(target) : NULL;
    free(target);
    return *folder ? EMO_OK : emo_error_errno(err, "%s", path);
}

static int open_replacing(struct emo_output *o, struct emo_error *err)
{
    struct stat old;
    bool exists;
    int status = look(o->path, &old, &exists, err);
    if (status)
        return status;
    if (exists && S_ISDIR(old.st_mode))
        return emo_error(err, EMO_FAILED, "%s: is a directory", o->path);
    if (exists && !S_ISREG(old.st_mode)) {
        o->fd = open(o->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return o->fd < 0 ? emo_error_errno(err, "%s", o->path) : EMO_OK;
    }
    o->target = resolve(o->path);
    if (!o->target)
        return emo_error_errno(err, "%s", o->path);
    const char *slash = strrchr(o->target, '/');
    const char *base = slash ? slash + 1 : o->target;
    if (!*base)
        return emo_error(err, EMO_FAILED, "%s: names a directory", o->path);
    o->folder = folder_of(o->target);
    struct emo_text prefix = {0};
    emo_text_printf(&prefix, ".%s.emo-", base);
    if (!o->folder || prefix.failed)
        status = emo_error_memory(err, strlen(o->target), "a path");
    if (!status) {
        remove_stale(o->folder, prefix.bytes);
        status = create_temporary(o, prefix.bytes, err);
    }
    emo_text_free(&prefix);
    if (status)
        return status;
    mode_t mask = umask(0);
    umask(mask);
    o->folder_fd = open(o->folder, O_RDONLY | O_CLOEXEC);
    if (fchmod(o->fd, exists ? old.st_mode & 07777 : 0666 & ~mask) != 0 && exists)
        return emo_error_errno(err, "%s: cannot keep the permissions", o->path);
    return EMO_OK;
}

int emo_output_open(struct emo_output **out, const char *path, bool binary, struct emo_error *err)
{
    struct emo_output *o = calloc(1, sizeof *o);
    *out = NULL;
    if (!o)
        return emo_error_memory(err, sizeof *o, "an output");
    o->fd = o->folder_fd = -1;
    int status = EMO_OK;
    if (!path || strcmp(path, "-") == 0)
        o->fd = STDOUT_FILENO;
    else {
        o->path = strdup(path);
        status = o->path ? open_replacing(o, err) : emo_error_memory(err, strlen(path), "a path");
    }
    if (!status && binary && isatty(o->fd))
        status = emo_error(err, EMO_USAGE,
                           "%s: binary is not written to a terminal; use -o FILE or a pipe",
                           emo_output_name(o));
    if (status) {
        emo_output_discard(o);
        return status;
    }
    emo_pipe_enlarge(o->fd);
    *out = o;
    return EMO_OK;
}

int emo_output_text(struct emo_output *o, struct emo_text *text, struct emo_error *err)
{
    if (text->failed)
        return emo_error_memory(err, text->length, "text");
    if (emo_write(o->fd, text->bytes, text->length) != 0)
        return emo_error_errno(err, "%s", emo_output_name(o));
    text->length = 0;
    return EMO_OK;
}

int emo_sync_folder(int fd)
{
    return fd < 0 || fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : -1;
}

int emo_output_commit(struct emo_output *o, struct emo_error *err)
{
    int status = EMO_OK;
    if (o->target && fsync(o->fd) != 0)
        status = emo_error_errno(err, "%s: fsync", o->path);
    /* The lock goes with the descriptor, so rename first: nobody may think it stale. */
    if (!status && o->target && rename(o->temporary, o->target) != 0)
        status = emo_error_errno(err, "%s: rename", o->path);
    if (status) {
        emo_output_discard(o);
        return status;
    }
    /* What was synced cannot be lost by closing. */
    if (close(o->fd) != 0 && errno != EINTR && !o->target)
        status = emo_error_errno(err, "%s: close", emo_output_name(o));
    else if (o->target && emo_sync_folder(o->folder_fd) != 0)
        status = emo_error_errno(err, "%s: is whole, but its folder cannot be synced, so that a "
                                 "power failure might undo it", o->path);
    output_free(o);
    return status;
}

void emo_output_discard(struct emo_output *o)
{
    if (!o)
        return;
    if (o->temporary)
        unlink(o->temporary);
    if (o->fd > STDERR_FILENO)
        close(o->fd);
    output_free(o);
}

int emo_output_close(struct emo_output *o, int status, struct emo_error *err)
{
    if (status == EMO_OK && o != NULL)
        return emo_output_commit(o, err);
    emo_output_discard(o);
    return status;
}
