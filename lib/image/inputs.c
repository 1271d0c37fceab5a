#include "image/inputs.h"

#include "base/file.h"
#include "base/text.h"
#include "image/decode.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (256u << 10)
#define SNIFF 16u

/* How the bytes of an entry are come by. */
enum source { FROM_ZIP, FROM_SPOOL, FROM_FILE };

struct emo_input {
    char *name; /* "<stdin>" or the path, for messages */
    enum source source;
    int fd; /* of a zip */
    off_t at;
    uint8_t block[BLOCK];
};

static int add(struct emo_inputs *in, const char *name, const char *folder, size_t folder_length,
               uint64_t index, uint64_t offset, uint64_t size, struct emo_error *err)
{
    if (in->count >= EMO_CAP_ENTRIES)
        return emo_error(err, EMO_INPUT, "more than %" PRIu64 " entries", EMO_CAP_ENTRIES);
    if (in->count == in->room) {
        size_t room = in->room > 0 ? 2 * in->room : 1024;
        struct emo_entry *more = realloc(in->entries, room * sizeof *more);
        if (more == NULL)
            return emo_error_memory(err, room * sizeof *more, "the list of entries");
        in->entries = more;
        in->room = room;
    }
    struct emo_entry *e = &in->entries[in->count];
    *e = (struct emo_entry){.name = strdup(name), .input = in->input_count - 1, .index = index,
                            .offset = offset, .size = size};
    if (e->name != NULL && folder != NULL)
        e->folder = strndup(folder, folder_length);
    if (e->name == NULL || (folder != NULL && e->folder == NULL)) {
        free(e->name);
        return emo_error_memory(err, strlen(name), "the list of entries");
    }
    in->count++;
    return EMO_OK;
}

/* The last folder of path: its start, length in *n; NULL when there is none that names a class. */
static const char *folder_of(const char *path, size_t *n)
{
    const char *end = strrchr(path, '/');
    while (end != NULL && end > path && end[-1] == '/')
        end--;
    if (end == NULL || end == path)
        return NULL;
    const char *start = end;
    while (start > path && start[-1] != '/')
        start--;
    *n = (size_t)(end - start);
    return (*n == 1 && *start == '.') || (*n == 2 && memcmp(start, "..", 2) == 0) ? NULL : start;
}

/* Droppings of operating systems, and whatever is hidden, anywhere in the path. */
static bool junk(const char *path)
{
    for (const char *p = path; *p != '\0';) {
        size_t n = strcspn(p, "/");
        if ((n > 0 && p[0] == '.' && !(n == 1 || (n == 2 && p[1] == '.'))) ||
            (n == 8 && memcmp(p, "__MACOSX", 8) == 0) || (n == 9 && memcmp(p, "Thumbs.db", 9) == 0))
            return true;
        p += n + (p[n] == '/');
    }
    return false;
}

/* Is an entry that begins so to be listed? Counts it when it is not. An entry that could not be
   looked into, or is empty under a picture's name, is: it will be named as spoilt. */
static bool worth_listing(struct emo_inputs *in, const char *name, const uint8_t *start, size_t n)
{
    static const char *const suffixes[] = {".jpg", ".jpeg", ".png", ".webp"};
    switch (emo_picture_kind(start, n, NULL)) {
    case EMO_ARCHIVE: in->nested++; return false;
    case EMO_NOT_PICTURE: break;
    default: return true;
    }
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t s = strlen(suffixes[i]);
        bool same = length > s;
        for (size_t j = 0; same && j < s; j++)
            same = (name[length - s + j] | 0x20) == suffixes[i][j] || suffixes[i][j] == '.';
        if (same)
            return true;
    }
    in->ignored++;
    return false;
}

/* libarchive's view of a descriptor, with seeking: its own for descriptors cannot seek. */
static la_ssize_t cb_read(struct archive *a, void *data, const void **buffer)
{
    struct emo_input *f = data;
    ssize_t n;
    do
        n = pread(f->fd, f->block, BLOCK, f->at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        archive_set_error(a, errno, "read error");
    else
        f->at += n;
    *buffer = f->block;
    return n;
}

static la_int64_t cb_seek(struct archive *a, void *data, la_int64_t offset, int whence)
{
    struct emo_input *f = data;
    struct stat s;
    off_t base = whence == SEEK_CUR ? f->at : 0;
    if (whence == SEEK_END) {
        if (fstat(f->fd, &s) != 0) {
            archive_set_error(a, errno, "stat");
            return ARCHIVE_FATAL;
        }
        base = s.st_size;
    }
    if (offset < -base)
        return ARCHIVE_FATAL;
    return f->at = base + offset;
}

static la_int64_t cb_skip(struct archive *a, void *data, la_int64_t n)
{
    (void)a;
    ((struct emo_input *)data)->at += n;
    return n;
}

static int broken(const struct emo_input *f, struct archive *a, struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE];
    const char *why = archive_error_string(a);
    if (why == NULL)
        why = "damaged";
    return emo_error(err, EMO_INPUT, "%s: not a whole archive: %s", f->name,
                     emo_quote(quoted, sizeof quoted, why, strlen(why)));
}

static int open_archive(struct emo_inputs *in, size_t input, struct emo_error *err)
{
    struct emo_input *f = &in->inputs[input];
    struct stat s;
    if (fstat(f->fd, &s) != 0)
        return emo_error_errno(err, "%s", f->name);
    /* An archive can only grow so much and still hold pictures: what it unpacks to is bounded. */
    in->budget = (UINT64_C(1) << 30) + 64 * (uint64_t)s.st_size;
    struct archive *a = archive_read_new();
    if (a == NULL)
        return emo_error_memory(err, 0, "an archive");
    archive_read_support_filter_all(a);
    /* A zip only by its directory: read as a stream it would show deleted and lying entries. */
    archive_read_support_format_zip_seekable(a);
    archive_read_support_format_7zip(a);
    archive_read_support_format_tar(a);
    archive_read_support_format_cpio(a);
    archive_read_support_format_rar(a);
    archive_read_support_format_rar5(a);
    f->at = 0;
    archive_read_set_callback_data(a, f);
    archive_read_set_read_callback(a, cb_read);
    archive_read_set_seek_callback(a, cb_seek);
    archive_read_set_skip_callback(a, cb_skip);
    if (archive_read_open1(a) != ARCHIVE_OK) {
        int status = broken(f, a, err);
        archive_read_free(a);
        return status;
    }
    in->open = a;
    in->open_input = input;
    in->open_index = 0;
    return EMO_OK;
}

static void close_archive(struct emo_inputs *in)
{
    if (in->open != NULL)
        archive_read_free(in->open);
    in->open = NULL;
}

/* The open archive's next entry; NULL in *e at the end. */
static int next_entry(struct emo_inputs *in, struct archive_entry **e, struct emo_error *err)
{
    int r;
    do
        r = archive_read_next_header(in->open, e);
    while (r == ARCHIVE_RETRY);
    if (r == ARCHIVE_EOF)
        *e = NULL;
    else if (r < ARCHIVE_WARN)
        return broken(&in->inputs[in->open_input], in->open, err);
    else
        in->open_index++;
    return EMO_OK;
}

/* Reads the current entry's data to its end, at most room bytes. -1: damaged; -2: too large. */
static ssize_t take_data(struct emo_inputs *in, uint8_t *to, size_t room)
{
    size_t got = 0;
    for (;;) {
        uint8_t extra;
        bool full = got == room;
        la_ssize_t n = archive_read_data(in->open, full ? &extra : to + got,
                                         full ? 1 : room - got);
        if (n == ARCHIVE_RETRY)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            return (ssize_t)got;
        if (full)
            return -2;
        got += (size_t)n;
    }
}

/* Puts the current entry into the spool, whole. */
static int spool_entry(struct emo_inputs *in, const char *name, const char *folder,
                       size_t folder_length, struct emo_error *err)
{
    static uint8_t block[BLOCK];
    uint8_t start[SNIFF];
    uint64_t size = 0, index = 0;
    size_t sniffed = 0;
    for (;;) {
        la_ssize_t n = archive_read_data(in->open, block, sizeof block);
        if (n == ARCHIVE_RETRY)
            continue;
        if (n == ARCHIVE_FATAL)
            return broken(&in->inputs[in->open_input], in->open, err);
        if (n <= 0) {
            index = n < 0; /* spoilt */
            break;
        }
        if (size == 0) {
            sniffed = (size_t)n < SNIFF ? (size_t)n : SNIFF;
            memcpy(start, block, sniffed);
        }
        if (size + (uint64_t)n > EMO_CAP_ENTRY || (uint64_t)n > in->budget) {
            index = 2; /* oversized */
            break;
        }
        in->budget -= (uint64_t)n;
        if (in->spool < 0 && (in->spool = emo_temporary(err)) < 0)
            return EMO_FAILED;
        if (emo_write(in->spool, block, (size_t)n) != 0)
            return emo_error_errno(err, "the temporary file (TMPDIR says where it lies)");
        size += (uint64_t)n;
    }
    uint64_t offset = in->spooled;
    in->spooled += size;
    if (!worth_listing(in, name, start, sniffed))
        return EMO_OK;
    return add(in, name, folder, folder_length, index, offset, size, err);
}

static int list_entry(struct emo_inputs *in, struct archive_entry *e, bool *zip,
                      struct emo_error *err)
{
    const char *name = archive_entry_pathname(e);
    if (name == NULL)
        name = archive_entry_pathname_utf8(e);
    *zip = (archive_format(in->open) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_ZIP;
    if (archive_entry_filetype(e) != AE_IFREG)
        return EMO_OK;
    if (name == NULL || junk(name)) {
        in->ignored++;
        return EMO_OK;
    }
    size_t folder_length = 0;
    const char *folder = folder_of(name, &folder_length);
    if (!*zip)
        return spool_entry(in, name, folder, folder_length, err);
    uint8_t start[SNIFF];
    la_ssize_t n = 0;
    if (!archive_entry_is_encrypted(e))
        n = archive_read_data(in->open, start, sizeof start);
    if (n < 0 || archive_entry_is_encrypted(e))
        n = 0;
    return worth_listing(in, name, start, (size_t)n)
               ? add(in, name, folder, folder_length, in->open_index, 0, 0, err)
               : EMO_OK;
}

static int list_archive(struct emo_inputs *in, struct emo_error *err)
{
    struct archive_entry *e = NULL;
    bool zip = false, any = false;
    int status = open_archive(in, in->input_count - 1, err);
    while (status == EMO_OK) {
        status = next_entry(in, &e, err);
        if (status != EMO_OK || e == NULL)
            break;
        any = true;
        status = list_entry(in, e, &zip, err);
    }
    if (status == EMO_OK && !any && archive_format(in->open) == ARCHIVE_FORMAT_EMPTY)
        status = emo_error(err, EMO_INPUT, "%s: empty", in->inputs[in->input_count - 1].name);
    close_archive(in);
    in->inputs[in->input_count - 1].source = zip ? FROM_ZIP : FROM_SPOOL;
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_file(struct emo_inputs *in, const char *path, bool classed, struct emo_error *err)
{
    uint8_t start[SNIFF];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? emo_read(fd, start, sizeof start) : -1;
    int status = n < 0 ? emo_error_errno(err, "%s", path) : EMO_OK;
    if (fd >= 0)
        close(fd);
    if (status != EMO_OK || !worth_listing(in, path, start, (size_t)n))
        return status;
    size_t length = 0;
    const char *folder = classed ? folder_of(path, &length) : NULL;
    return add(in, path, folder, length, 0, 0, 0, err);
}

/* In byte order, depth first. */
static int list_directory(struct emo_inputs *in, const char *path, unsigned depth,
                          struct emo_error *err)
{
    char **names = NULL;
    size_t count = 0, room = 0;
    struct dirent *d;
    DIR *dir = opendir(path);
    int status = dir != NULL ? EMO_OK : emo_error_errno(err, "%s", path);
    while (status == EMO_OK && (d = readdir(dir)) != NULL) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        if (junk(d->d_name)) {
            in->ignored++;
            continue;
        }
        if (count == room) {
            room = room > 0 ? 2 * room : 64;
            char **more = realloc(names, room * sizeof *names);
            if (more == NULL) {
                status = emo_error_memory(err, room * sizeof *names, "a directory");
                break;
            }
            names = more;
        }
        struct emo_text full = {0};
        size_t n = strlen(path);
        emo_text_printf(&full, "%s%s%s", path, n > 0 && path[n - 1] == '/' ? "" : "/", d->d_name);
        if (full.failed)
            status = emo_error_memory(err, full.length, "a directory");
        else
            names[count++] = full.bytes;
    }
    if (dir != NULL)
        closedir(dir);
    if (count > 1)
        qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        struct stat s;
        if (status == EMO_OK && stat(names[i], &s) != 0)
            status = emo_error_errno(err, "%s", names[i]);
        if (status == EMO_OK && S_ISDIR(s.st_mode))
            status = depth > 64 ? emo_error(err, EMO_INPUT, "%s: folders nested too deeply", names[i])
                                : list_directory(in, names[i], depth + 1, err);
        else if (status == EMO_OK && S_ISREG(s.st_mode))
            status = list_file(in, names[i], true, err);
        free(names[i]);
    }
    free(names);
    return status;
}

/* All of standard input in an unlinked file. */
static int spool_input(int *fd, struct emo_error *err)
{
    static uint8_t block[BLOCK];
    ssize_t n;
    emo_pipe_enlarge(STDIN_FILENO);
    if ((*fd = emo_temporary(err)) < 0)
        return EMO_FAILED;
    while ((n = emo_read(STDIN_FILENO, block, sizeof block)) > 0)
        if (emo_write(*fd, block, (size_t)n) != 0)
            return emo_error_errno(err, "the temporary file (TMPDIR says where it lies)");
    return n < 0 ? emo_error_errno(err, "<stdin>") : EMO_OK;
}

static void close_input(struct emo_input *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

static int list_path(struct emo_inputs *in, const char *path, struct emo_error *err)
{
    struct emo_input *f = &in->inputs[in->input_count++];
    bool standard = strcmp(path, "-") == 0;
    uint8_t start[SNIFF];
    struct stat s = {0};
    f->fd = -1;
    f->source = FROM_FILE;
    f->name = strdup(standard ? "<stdin>" : path);
    if (f->name == NULL)
        return emo_error_memory(err, strlen(path), "a name");
    if (standard && isatty(STDIN_FILENO))
        return emo_error(err, EMO_USAGE, "standard input is a terminal; name an archive, a "
                         "directory or pictures");
    int status = EMO_OK;
    if (standard)
        status = spool_input(&f->fd, err);
    else if ((f->fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        status = emo_error_errno(err, "%s", path);
    if (status == EMO_OK && fstat(f->fd, &s) != 0)
        status = emo_error_errno(err, "%s", f->name);
    if (status != EMO_OK)
        return status;
    if (S_ISDIR(s.st_mode)) {
        close_input(f);
        return list_directory(in, path, 0, err);
    }
    ssize_t n = pread(f->fd, start, sizeof start, 0);
    if (n < 0)
        return emo_error_errno(err, "%s", f->name);
    if (n == 0)
        return emo_error(err, EMO_INPUT, "%s: empty", f->name);
    enum emo_picture kind = emo_picture_kind(start, (size_t)n, NULL);
    if (kind == EMO_NOT_PICTURE || kind == EMO_ARCHIVE)
        return list_archive(in, err);
    if (!standard)
        close_input(f);
    return add(in, f->name, NULL, 0, 0, 0, 0, err);
}

int emo_inputs_open(struct emo_inputs *in, const char *const *paths, size_t count,
                    struct emo_error *err)
{
    *in = (struct emo_inputs){.spool = -1};
    in->inputs = calloc(count > 0 ? count : 1, sizeof *in->inputs);
    if (in->inputs == NULL)
        return emo_error_memory(err, count * sizeof *in->inputs, "inputs");
    for (size_t i = 0; i < count; i++) {
        int status = list_path(in, paths[i], err);
        if (status != EMO_OK)
            return status;
    }
    return EMO_OK;
}

void emo_inputs_close(struct emo_inputs *in)
{
    close_archive(in);
    for (size_t i = 0; i < in->count; i++) {
        free(in->entries[i].name);
        free(in->entries[i].folder);
    }
    for (size_t i = 0; i < in->input_count; i++) {
        free(in->inputs[i].name);
        close_input(&in->inputs[i]);
    }
    free(in->entries);
    free(in->inputs);
    if (in->spool >= 0)
        close(in->spool);
    *in = (struct emo_inputs){.spool = -1};
}

/* size bytes at offset of fd. */
static int from_descriptor(int fd, const char *name, uint64_t offset, uint64_t size,
                           uint8_t **bytes, size_t *n, struct emo_error *err)
{
    *bytes = malloc(size > 0 ? (size_t)size : 1);
    if (*bytes == NULL)
        return emo_error_memory(err, (size_t)size, "a picture file");
    for (*n = 0; *n < size;) {
        ssize_t r = pread(fd, *bytes + *n, (size_t)size - *n, (off_t)(offset + *n));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return emo_error_errno(err, "%s", name);
        if (r == 0)
            break;
        *n += (size_t)r;
    }
    return EMO_OK;
}

static int from_file(const struct emo_inputs *in, const struct emo_entry *e, uint8_t **bytes,
                     size_t *n, bool *spoilt, struct emo_error *err)
{
    const struct emo_input *f = &in->inputs[e->input];
    bool single = f->fd >= 0;
    struct stat s;
    int fd = single ? f->fd : open(e->name, O_RDONLY | O_CLOEXEC);
    int status = EMO_OK;
    if (fd < 0 || fstat(fd, &s) != 0)
        status = emo_error_errno(err, "%s", e->name);
    else if ((uint64_t)s.st_size > EMO_CAP_ENTRY)
        *spoilt = emo_error(err, EMO_OK, "larger than %" PRIu64 " MiB", EMO_CAP_ENTRY >> 20) == 0;
    else
        status = from_descriptor(fd, e->name, 0, (uint64_t)s.st_size, bytes, n, err);
    if (fd >= 0 && !single)
        close(fd);
    return status;
}

static int from_zip(struct emo_inputs *in, const struct emo_entry *e, uint8_t **bytes, size_t *n,
                    bool *spoilt, struct emo_error *err)
{
    struct archive_entry *entry = NULL;
    int status = EMO_OK;
    if (in->open == NULL || in->open_input != e->input || in->open_index >= e->index) {
        close_archive(in);
        status = open_archive(in, e->input, err);
    }
    while (status == EMO_OK && in->open_index < e->index) {
        status = next_entry(in, &entry, err);
        if (status == EMO_OK && entry == NULL)
            status = emo_error(err, EMO_INPUT, "%s: changed while it was read",
                               in->inputs[e->input].name);
    }
    if (status != EMO_OK)
        return status;
    *spoilt = true;
    if (archive_entry_is_encrypted(entry)) {
        (void)emo_error(err, EMO_OK, "encrypted");
        return EMO_OK;
    }
    int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : -1;
    if (size < 0 || (uint64_t)size > EMO_CAP_ENTRY || (uint64_t)size > in->budget) {
        (void)emo_error(err, EMO_OK, "%" PRId64 " bytes: too large for a picture in this archive",
                        size);
        return EMO_OK;
    }
    in->budget -= (uint64_t)size;
    *bytes = malloc(size > 0 ? (size_t)size : 1);
    if (*bytes == NULL)
        return emo_error_memory(err, (size_t)size, "a picture file");
    ssize_t got = take_data(in, *bytes, (size_t)size);
    const char *why = got == -1 ? archive_error_string(in->open) : NULL;
    if (got < 0)
        (void)emo_error(err, EMO_OK, "%s", why != NULL ? why : "damaged or longer than it says");
    else if (got < size)
        (void)emo_error(err, EMO_OK, "shorter than the archive says");
    else
        *spoilt = false;
    *n = got > 0 ? (size_t)got : 0;
    return EMO_OK;
}

int emo_inputs_bytes(struct emo_inputs *in, size_t i, uint8_t **bytes, size_t *n, bool *spoilt,
                     struct emo_error *err)
{
    const struct emo_entry *e = &in->entries[i];
    *bytes = NULL;
    *n = 0;
    *spoilt = false;
    if (in->inputs[e->input].source == FROM_FILE)
        return from_file(in, e, bytes, n, spoilt, err);
    if (in->inputs[e->input].source == FROM_ZIP)
        return from_zip(in, e, bytes, n, spoilt, err);
    if (e->index != 0) {
        *spoilt = true;
        (void)emo_error(err, EMO_OK, "%s", e->index == 1 ? "damaged in the archive"
                                                         : "too large for a picture");
        return EMO_OK;
    }
    return from_descriptor(in->spool, in->inputs[e->input].name, e->offset, e->size, bytes, n, err);
}
