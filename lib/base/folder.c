#define _GNU_SOURCE /* syncfs, flock */
#include "base/folder.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MOST 200
#define TRIES 10000

struct emo_folder {
    int fd;
    char *path;      /* where it shall be, without slashes at its end */
    char *parent;    /* that holds it */
    char *temporary; /* beside it; NULL: not made yet */
};

static void folder_free(struct emo_folder *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f->parent);
    free(f->temporary);
    free(f);
}

/* Empties the folder fd, and the folders in it that are ours: of one level. */
static void empty(int fd, bool inner)
{
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again >= 0 ? fdopendir(again) : NULL;
    if (d == NULL) {
        if (again >= 0)
            close(again);
        return;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            unlinkat(fd, e->d_name, 0) == 0 || inner)
            continue;
        int within = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (within < 0)
            continue;
        empty(within, true);
        close(within);
        (void)unlinkat(fd, e->d_name, AT_REMOVEDIR);
    }
    closedir(d);
}

/* Removes the temporary folders of this target whose writer is gone: those that can be locked. */
static void remove_stale(const char *parent, const char *prefix)
{
    DIR *d = opendir(parent);
    size_t n = strlen(prefix);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (strncmp(e->d_name, prefix, n) != 0 || strlen(e->d_name) != n + 6)
            continue;
        int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            empty(fd, false);
            (void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
        }
        close(fd);
    }
    if (d != NULL)
        closedir(d);
}

/* Between creation and lock another run may have taken the folder for stale. -1 with errno: that
   cannot be told. */
static int still_there(int fd, const char *path)
{
    struct stat a, b;
    if (fstat(fd, &a) != 0)
        return -1;
    if (lstat(path, &b) != 0)
        return errno == ENOENT ? 0 : -1;
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int create(struct emo_folder *f, const char *prefix, struct emo_error *err)
{
    struct emo_text path = {0};
    mode_t mask = umask(0);
    umask(mask);
    for (int tries = 0; tries < 100; tries++) {
        path.length = 0;
        emo_text_printf(&path, "%s/%sXXXXXX", f->parent, prefix);
        if (path.failed)
            break;
        if (mkdtemp(path.bytes) == NULL) {
            int status = emo_error_errno(err, "%s: cannot create a temporary folder beside it",
                                         f->path);
            emo_text_free(&path);
            return status;
        }
        f->fd = open(path.bytes, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int there = f->fd >= 0 ? 1 : errno == ENOENT ? 0 : -1;
        /* Where the file system has no locks, errno says so, and one run at a time is safe. */
        if (there > 0 && flock(f->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
            there = 0;
        if (there > 0)
            there = still_there(f->fd, path.bytes);
        if (there < 0) {
            int status = emo_error_errno(err, "%s: the temporary folder beside it", f->path);
            (void)rmdir(path.bytes);
            emo_text_free(&path);
            return status;
        }
        if (there > 0) {
            f->temporary = path.bytes;
            (void)fchmod(f->fd, 0777 & ~mask);
            return EMO_OK;
        }
        if (f->fd >= 0)
            close(f->fd);
        f->fd = -1;
    }
    emo_text_free(&path);
    return emo_error(err, EMO_FAILED, "%s: cannot make a temporary folder beside it", f->path);
}

/* Is path free for a folder: nothing there, or an empty folder? */
static int check_free(const char *path, struct emo_error *err)
{
    struct stat s;
    if (lstat(path, &s) != 0)
        return errno == ENOENT ? EMO_OK : emo_error_errno(err, "%s", path);
    DIR *d = S_ISDIR(s.st_mode) ? opendir(path) : NULL;
    bool holds = d == NULL;
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        holds = holds || (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0);
    if (d != NULL)
        closedir(d);
    return holds ? emo_error(err, EMO_FAILED, "%s: is there already; name a folder that is not, or "
                             "is empty", path) : EMO_OK;
}

static size_t without_slashes(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return n;
}

char *emo_folder_parent(const char *path)
{
    size_t n = without_slashes(path);
    while (n > 0 && path[n - 1] != '/')
        n--;
    if (n == 0)
        return strdup(".");
    while (n > 1 && path[n - 1] == '/')
        n--;
    return strndup(path, n);
}

int emo_folder_open(struct emo_folder **out, const char *path, struct emo_error *err)
{
    struct emo_folder *f = calloc(1, sizeof *f);
    struct emo_text prefix = {0};
    *out = NULL;
    if (f == NULL)
        return emo_error_memory(err, sizeof *f, "a folder");
    f->fd = -1;
    f->path = strndup(path, without_slashes(path));
    f->parent = emo_folder_parent(path);
    const char *slash = f->path != NULL ? strrchr(f->path, '/') : NULL;
    if (f->path != NULL && f->parent != NULL)
        emo_text_printf(&prefix, ".%s.emo-", slash != NULL ? slash + 1 : f->path);
    bool failed = f->path == NULL || f->parent == NULL || prefix.failed;
    int status = failed ? emo_error_memory(err, strlen(path), "a path") : check_free(f->path, err);
    if (status == EMO_OK) {
        remove_stale(f->parent, prefix.bytes);
        status = create(f, prefix.bytes, err);
    }
    emo_text_free(&prefix);
    if (status == EMO_OK)
        *out = f;
    else
        folder_free(f);
    return status;
}

void emo_folder_safe(struct emo_text *out, const char *name, size_t n)
{
    size_t start = out->length;
    bool utf8 = emo_is_utf8(name, n);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];
        /* Never cut within a letter. */
        if (out->length - start > NAME_MOST - 8 && (!utf8 || (c & 0xc0) != 0x80))
            break;
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8) || strchr("/\\:*?\"<>|%", c) != NULL ||
            (i == 0 && (c == '.' || c == '-')))
            emo_text_printf(out, "%%%02X", c);
        else
            emo_text_add(out, name + i, 1);
    }
    if (n == 0)
        emo_text_printf(out, "%%");
}

int emo_folder_make(struct emo_folder *f, struct emo_text *name, size_t number,
                    struct emo_error *err)
{
    for (int tries = 0; tries < 2 && !name->failed; tries++) {
        if (mkdirat(f->fd, name->bytes, 0777) == 0)
            return EMO_OK;
        if (errno != EEXIST)
            return emo_error_errno(err, "%s/%s", f->path, name->bytes);
        emo_text_printf(name, "-%zu", number);
    }
    return name->failed ? emo_error_memory(err, name->length, "a name")
                        : emo_error(err, EMO_FAILED, "%s/%s: is there already", f->path,
                                    name->bytes);
}

int emo_folder_create(struct emo_folder *f, const char *within, const char *name, uint64_t id,
                      const char *suffix, struct emo_text *path, int *fd, struct emo_error *err)
{
    *fd = -1;
    for (int tries = 0; tries < TRIES; tries++) {
        path->length = 0;
        emo_text_printf(path, "%s/", f->path);
        size_t start = path->length;
        emo_text_printf(path, "%s%s%s", within != NULL ? within : "", within != NULL ? "/" : "",
                        name);
        if (tries > 0)
            emo_text_printf(path, "-%" PRIu64, id);
        if (tries > 1)
            emo_text_printf(path, "-%d", tries);
        emo_text_printf(path, "%s", suffix);
        if (path->failed)
            return emo_error_memory(err, path->length, "a path");
        *fd = openat(f->fd, path->bytes + start,
                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (*fd >= 0)
            return EMO_OK;
        if (errno != EEXIST)
            break;
    }
    return emo_error_errno(err, "%s", path->bytes);
}

int emo_folder_commit(struct emo_folder *f, struct emo_error *err)
{
    int status = EMO_OK, parent = -1;
    if (syncfs(f->fd) != 0)
        status = emo_error_errno(err, "%s: syncfs", f->path);
    if (status == EMO_OK && rename(f->temporary, f->path) != 0)
        status = emo_error_errno(err, "%s: rename", f->path);
    if (status != EMO_OK) {
        emo_folder_discard(f);
        return status;
    }
    parent = open(f->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (emo_sync_folder(parent) != 0)
        status = emo_error_errno(err, "%s: is whole, but its folder cannot be synced, so that a "
                                 "power failure might undo it", f->path);
    if (parent >= 0)
        close(parent);
    folder_free(f);
    return status;
}

void emo_folder_discard(struct emo_folder *f)
{
    if (f == NULL)
        return;
    if (f->temporary != NULL) {
        empty(f->fd, false);
        (void)rmdir(f->temporary);
    }
    folder_free(f);
}
