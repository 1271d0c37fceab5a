#define _GNU_SOURCE /* O_PATH */
#include "base/sandbox.h"

/* The sanitizers trace the process and look around in it when it ends. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNCONFINED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define UNCONFINED
#endif
#endif
#if !defined(__linux__)
#define UNCONFINED
#elif defined(__has_include)
#if !__has_include(<linux/landlock.h>) || !__has_include(<linux/seccomp.h>)
#define UNCONFINED
#endif
#endif

#ifdef UNCONFINED

int emo_sandbox_enter(const struct emo_sandbox *s, struct emo_error *err)
{
    (void)s;
    (void)err;
    return EMO_OK;
}

#else

#include "base/file.h"
#include "base/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights and calls younger than the headers may be. The calls have these numbers everywhere. */
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };
#define FS_ALL_1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER (UINT64_C(1) << 13)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_IOCTL_DEVICE (UINT64_C(1) << 15)
#define NET_TCP UINT64_C(3)
#define SCOPE_ALL UINT64_C(3)

#define READ (UINT64_C(0) | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE (UINT64_C(0) | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEVICE)
#define RENAME (UINT64_C(0) | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define FOLDERS (UINT64_C(0) | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | FS_REFER)
#define OF_FILES (UINT64_C(0) | LANDLOCK_ACCESS_FS_READ_FILE | WRITE)

/* What any program may read: the C library loads character sets and its own parts late, and wants to
   know the time zone when libarchive asks for dates. */
static const char *const system_paths[] = {
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache",
    "/etc/localtime",
};

struct ruleset {
    int fd;
    uint64_t handled;
};

/* As the kernel knows it since version 6 of Landlock; an older one is given less of it. */
struct ruleset_attributes {
    uint64_t fs, net, scoped;
};

/* Is what failed a lack of descriptors or memory, and not of a kernel's ability or of a file? */
static bool ran_out(void)
{
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM;
}

static int allow(const struct ruleset *r, const char *path, uint64_t rights, struct emo_error *err)
{
    struct stat st;
    if (path == NULL || strcmp(path, "-") == 0)
        return EMO_OK;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return ran_out() ? emo_error_errno(err, "%s", path) : EMO_OK;
    if (fstat(fd, &st) != 0) {
        int status = emo_error_errno(err, "%s: giving up privileges", path);
        close(fd);
        return status;
    }
    if (!S_ISDIR(st.st_mode))
        rights &= OF_FILES;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights & r->handled,
                                              .parent_fd = fd};
    /* Pipes cannot be named in rules, and need none. */
    bool failed = rule.allowed_access != 0 &&
                  syscall(ADD_RULE, r->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0 && ran_out();
    int status = failed ? emo_error_errno(err, "%s: giving up privileges", path) : EMO_OK;
    close(fd);
    return status;
}

/* The folder of an output that is to be renamed, or the device or fifo that it is. */
static int allow_output(const struct ruleset *r, const char *path, bool open, struct emo_error *err)
{
    if (path == NULL || strcmp(path, "-") == 0)
        return EMO_OK;
    char *folder;
    int status = emo_output_folder(&folder, path, err);
    if (status == EMO_OK)
        status = allow(r, folder != NULL ? folder : path, open ? RENAME : READ | WRITE | RENAME,
                       err);
    free(folder);
    return status;
}

static int allow_folder(const struct ruleset *r, const char *path, struct emo_error *err)
{
    int status = allow(r, path, READ | WRITE | RENAME | FOLDERS, err);
    if (path == NULL || status != EMO_OK)
        return status;
    char *parent;
    status = emo_output_folder(&parent, path, err);
    if (status == EMO_OK)
        status = allow(r, parent, READ | WRITE | RENAME | FOLDERS, err);
    free(parent);
    return status;
}

static int allow_all(const struct ruleset *r, const struct emo_sandbox *s, struct emo_error *err)
{
    int status = EMO_OK;
    for (size_t i = 0; status == EMO_OK && i < sizeof system_paths / sizeof *system_paths; i++)
        status = allow(r, system_paths[i], READ, err);
    if (status == EMO_OK && s->reads_anything)
        status = allow(r, "/", READ, err);
    for (size_t i = 0; status == EMO_OK && i < s->read_count; i++)
        status = allow(r, s->read[i], READ, err);
    for (size_t i = 0; status == EMO_OK && i < sizeof s->also_read / sizeof *s->also_read; i++)
        status = allow(r, s->also_read[i], READ, err);
    for (size_t i = 0; status == EMO_OK && i < sizeof s->write / sizeof *s->write; i++)
        status = allow_output(r, s->write[i], s->outputs_open, err);
    for (size_t i = 0; status == EMO_OK && i < sizeof s->write_folder / sizeof *s->write_folder;
         i++)
        status = allow_folder(r, s->write_folder[i], err);
    if (status == EMO_OK && s->spools)
        status = allow(r, emo_temporary_folder(), READ | WRITE | RENAME, err);
#ifdef EMO_COVERAGE_FOLDER /* where the counts are written at the end */
    if (status == EMO_OK)
        status = allow(r, EMO_COVERAGE_FOLDER, READ | WRITE | RENAME | FOLDERS, err);
#endif
    return status;
}

static int restrict_files(const struct emo_sandbox *s, struct emo_error *err)
{
    long version = syscall(CREATE_RULESET, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return EMO_OK;
    struct ruleset_attributes a = {.fs = FS_ALL_1};
    a.fs |= (version >= 2 ? FS_REFER : 0) | (version >= 3 ? FS_TRUNCATE : 0) |
            (version >= 5 ? FS_IOCTL_DEVICE : 0);
    a.net = version >= 4 ? NET_TCP : 0;
    a.scoped = version >= 6 ? SCOPE_ALL : 0;
    size_t known = version >= 6 ? sizeof a : version >= 4 ? 2 * sizeof a.fs : sizeof a.fs;
    struct ruleset r = {.fd = (int)syscall(CREATE_RULESET, &a, known, 0), .handled = a.fs};
    if (r.fd < 0)
        return ran_out() ? emo_error_errno(err, "giving up privileges") : EMO_OK;
    int status = allow_all(&r, s, err);
    if (status == EMO_OK && syscall(RESTRICT_SELF, r.fd, 0) != 0 && ran_out())
        status = emo_error_errno(err, "giving up privileges");
    close(r.fd);
    return status;
}

/* Down to value, soft and hard. */
static void lower(int resource, rlim_t value)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) == 0 && now.rlim_max > value)
        (void)setrlimit((__rlimit_resource_t)resource, &(struct rlimit){value, value});
}

int emo_sandbox_enter(const struct emo_sandbox *s, struct emo_error *err)
{
    if (s->off || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return EMO_OK;
    int status = restrict_files(s, err);
    if (status != EMO_OK)
        return status;
    lower(RLIMIT_CORE, 0);
    emo_syscalls_deny(s->no_new_code);
#ifndef EMO_COVERAGE_FOLDER
    /* Of 0 poll() would want none either. Descriptor 0 is open, or stands in for it. */
    if (s->no_descriptors)
        lower(RLIMIT_NOFILE, 1);
#endif
    return EMO_OK;
}

#endif
