#include "image/inputs.h"

#include "base/file.h"
#include "base/text.h"
#include "image/archive.h"
#include "image/decode.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (64u << 10)
#define SNIFF 16u

static const char too_large[] = "larger than one picture may be (--max-file)";
static const char implausible[] = "unpacks to far more than is stored of it (--max-unpacked)";

struct emo_input {
    char *name; /* for messages: "<stdin>" or the path */
    int fd;     /* of an archive or a spooled picture, else -1 */
    enum { FROM_FILES, FROM_ZIP, FROM_SPOOL } source;
};

void emo_inputs_begin(struct emo_inputs *in)
{
    *in = (struct emo_inputs){.spool = -1, .most_file = EMO_CAP_FILE,
                              .most_unpacked = EMO_CAP_UNPACKED};
}

void emo_inputs_close(struct emo_inputs *in)
{
    emo_archive_close(in->open);
    for (size_t i = 0; i < in->count; i++) {
        free(in->entries[i].name);
        free(in->entries[i].folder);
        free(in->entries[i].path);
    }
    for (size_t i = 0; i < in->input_count; i++) {
        free(in->inputs[i].name);
        if (in->inputs[i].fd >= 0)
            close(in->inputs[i].fd);
    }
    free(in->entries);
    free(in->inputs);
    if (in->spool >= 0)
        close(in->spool);
    emo_inputs_begin(in);
}

/* n bytes as UTF-8: as they are, or each as a Latin-1 letter. NULL: no memory. */
static char *as_utf8(const char *s, size_t n)
{
    if (emo_is_utf8(s, n))
        return strndup(s, n);
    char *out = malloc(2 * n + 1), *to = out;
    for (size_t i = 0; out != NULL && i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x80)
            *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
    }
    if (out != NULL)
        *to = '\0';
    return out;
}

/* The last folder of path: its start, length in *n; NULL when there is none that names a class. */
static const char *folder_of(const char *path, size_t *n)
{
    const char *end = strrchr(path, '/');
    while (end != NULL && end > path && end[-1] == '/')
        end--;
    if (end == NULL || end == path)
        return NULL;
    const char *first = end;
    while (first > path && first[-1] != '/')
        first--;
    *n = (size_t)(end - first);
    return (*n == 1 && *first == '.') || (*n == 2 && memcmp(first, "..", 2) == 0) ? NULL : first;
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

static bool ends_in(const char *name, const char *suffix)
{
    size_t n = strlen(name), s = strlen(suffix);
    for (size_t i = 0; n > s && i < s; i++) {
        char c = name[n - s + i];
        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != suffix[i])
            return false;
    }
    return n > s;
}

/* Is an entry that begins so to be listed? Counts it when it is not. */
static bool worth_listing(struct emo_inputs *in, const char *name, const uint8_t *bytes, size_t n)
{
    enum emo_picture kind = emo_picture_kind(bytes, n, NULL);
    if (kind == EMO_ARCHIVE) {
        in->nested++;
        return false;
    }
    if (kind != EMO_NOT_PICTURE || ends_in(name, ".jpg") || ends_in(name, ".jpeg") ||
        ends_in(name, ".png") || ends_in(name, ".webp"))
        return true;
    in->ignored++;
    return false;
}

static int grow(struct emo_inputs *in, struct emo_error *err)
{
    if (in->count >= EMO_CAP_ENTRIES)
        return emo_error(err, EMO_INPUT, "more than %" PRIu64 " pictures", EMO_CAP_ENTRIES);
    if (in->count < in->room)
        return EMO_OK;
    size_t room = in->room > 0 ? 2 * in->room : 256;
    struct emo_entry *more = realloc(in->entries, room * sizeof *more);
    if (more == NULL)
        return emo_error_memory(err, room * sizeof *more, "the list of entries");
    in->entries = more;
    in->room = room;
    return EMO_OK;
}

/*
 * Adds an entry of the last input, called prefix/name (prefix may be NULL). e holds what is known
 * of where its bytes are; file: name is also the path to open it by.
 */
static int add(struct emo_inputs *in, struct emo_entry e, const char *prefix, const char *name,
               bool classed, bool file, struct emo_error *err)
{
    int status = grow(in, err);
    if (status != EMO_OK)
        return status;
    size_t n = 0, length = strlen(name);
    const char *folder = classed ? folder_of(name, &n) : NULL;
    if (length > EMO_CAP_NAME) {
        e.spoilt = "its name is too long";
        length = EMO_CAP_NAME;
        folder = NULL;
    }
    struct emo_text full = {0};
    if (prefix != NULL)
        emo_text_printf(&full, "%s/", prefix);
    emo_text_add(&full, name, length);
    e.input = in->input_count - 1;
    e.name = full.failed ? NULL : as_utf8(full.bytes, full.length);
    e.folder = folder != NULL ? as_utf8(folder, n) : NULL;
    e.path = file ? strdup(name) : NULL;
    emo_text_free(&full);
    in->entries[in->count++] = e;
    if (e.name == NULL || (folder != NULL && e.folder == NULL) || (file && e.path == NULL))
        return emo_error_memory(err, length, "the list of entries");
    return EMO_OK;
}

/* Unpacks the present entry, when it is a picture, into the spool. *listed as worth_listing(). */
static int spool_entry(struct emo_inputs *in, const char *name, struct emo_entry *e, bool *listed,
                       struct emo_error *err)
{
    uint8_t block[BLOCK];
    size_t n;
    bool spoilt = false;
    e->offset = in->spooled;
    for (;;) {
        int status = emo_archive_read(in->open, block, sizeof block, &n, &spoilt, err);
        if (status != EMO_OK)
            return status;
        if (e->size == 0) {
            *listed = worth_listing(in, name, block, n < SNIFF ? n : SNIFF);
            if (!*listed)
                return EMO_OK;
        }
        if (n == 0)
            break;
        status = emo_temporary_write(&in->spool, block, n, err);
        if (status != EMO_OK)
            return status;
        e->size += n;
        in->spooled += n;
        if (e->size > in->most_file)
            e->spoilt = too_large;
        else if (!emo_archive_plausible(in->open, e->size))
            e->spoilt = implausible;
        if (e->spoilt != NULL)
            break;
    }
    if (spoilt)
        e->spoilt = "damaged in the archive";
    return EMO_OK;
}

static int list_archive_entry(struct emo_inputs *in, const struct emo_archive_entry *a,
                              const char *prefix, struct emo_error *err)
{
    struct emo_entry e = {.number = emo_archive_count(in->open)};
    bool listed = false, spoilt;
    int status = EMO_OK;
    if (!a->file)
        return EMO_OK;
    if (junk(a->name)) {
        in->ignored++;
        return EMO_OK;
    }
    /* libarchive's name is gone once the entry is read. */
    char *name = strdup(a->name);
    if (name == NULL)
        return emo_error_memory(err, strlen(a->name), "a name");
    if (a->encrypted || a->link) {
        e.spoilt = a->encrypted ? "encrypted" : "a hard link within the archive";
        listed = worth_listing(in, name, NULL, 0);
    } else if (emo_archive_is_zip(in->open)) {
        uint8_t first[SNIFF];
        size_t n;
        status = emo_archive_read(in->open, first, sizeof first, &n, &spoilt, err);
        listed = status == EMO_OK && worth_listing(in, name, first, n);
    } else {
        status = spool_entry(in, name, &e, &listed, err);
    }
    if (status == EMO_OK && listed)
        status = add(in, e, prefix, name, true, false, err);
    free(name);
    return status;
}

static int list_archive(struct emo_inputs *in, const char *prefix, struct emo_error *err)
{
    struct emo_input *f = &in->inputs[in->input_count - 1];
    struct emo_archive_entry e;
    bool got = true;
    emo_archive_close(in->open);
    int status = emo_archive_open(&in->open, f->fd, f->name, in->most_unpacked, err);
    while (status == EMO_OK) {
        status = emo_archive_next(in->open, &e, &got, err);
        if (status != EMO_OK || !got)
            break;
        status = list_archive_entry(in, &e, prefix, err);
    }
    f->source = in->open != NULL && emo_archive_is_zip(in->open) ? FROM_ZIP : FROM_SPOOL;
    emo_archive_close(in->open);
    in->open = NULL;
    return status;
}

/* A file that cannot be looked into is listed by its name, to be named when its turn comes. */
static int list_file(struct emo_inputs *in, const char *path, struct emo_error *err)
{
    uint8_t first[SNIFF];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
        return emo_error_errno(err, "%s", path);
    ssize_t n = fd >= 0 ? emo_read(fd, first, sizeof first) : 0;
    if (fd >= 0)
        close(fd);
    if (!worth_listing(in, path, first, n > 0 ? (size_t)n : 0))
        return EMO_OK;
    return add(in, (struct emo_entry){0}, NULL, path, true, true, err);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The paths of what lies in a directory, hidden files left out and counted, in byte order. */
static int directory_paths(struct emo_inputs *in, const char *path, char ***paths, size_t *count,
                           struct emo_error *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return emo_error_errno(err, "%s", path);
    int status = EMO_OK;
    size_t room = 0, n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    for (struct dirent *d; status == EMO_OK && (errno = 0, d = readdir(dir)) != NULL;) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        if (junk(d->d_name)) {
            /* An output on its way (file.h), ours perhaps, is no file yet. */
            in->ignored += strstr(d->d_name, ".emo-") == NULL;
            continue;
        }
        struct emo_text full = {0};
        emo_text_add(&full, path, n);
        emo_text_printf(&full, "/%s", d->d_name);
        if (*count == room) {
            char **more = realloc(*paths, (2 * room + 64) * sizeof *more);
            room = more != NULL ? 2 * room + 64 : room;
            *paths = more != NULL ? more : *paths;
        }
        if (full.failed || *count == room) {
            status = emo_error_memory(err, full.length, "a directory");
            emo_text_free(&full);
            break;
        }
        (*paths)[(*count)++] = full.bytes;
    }
    if (status == EMO_OK && errno != 0)
        status = emo_error_errno(err, "%s", path);
    closedir(dir);
    if (*count > 1)
        qsort(*paths, *count, sizeof **paths, by_bytes);
    return status;
}

/* The directories that lead to one being listed: links must not lead back to them. */
struct chain {
    const struct chain *up;
    dev_t device;
    ino_t inode;
};

static bool within(const struct chain *chain, const struct stat *s)
{
    while (chain != NULL && (chain->device != s->st_dev || chain->inode != s->st_ino))
        chain = chain->up;
    return chain != NULL;
}

/* Depth first. */
static int list_directory(struct emo_inputs *in, const char *path, const struct chain *up,
                          const struct stat *s, struct emo_error *err)
{
    const struct chain here = {.up = up, .device = s->st_dev, .inode = s->st_ino};
    char **paths = NULL;
    size_t count = 0;
    int status = directory_paths(in, path, &paths, &count, err);
    for (size_t i = 0; i < count; i++) {
        struct stat inner;
        bool known = status == EMO_OK && stat(paths[i], &inner) == 0;
        /* It may be a folder of pictures, unless it is a link that leads nowhere, or has gone. */
        if (status == EMO_OK && !known && errno != ENOENT && errno != ELOOP)
            status = emo_error_errno(err, "%s", paths[i]);
        if (status != EMO_OK)
            ;
        else if (known && S_ISDIR(inner.st_mode))
            status = within(&here, &inner) ? EMO_OK
                                           : list_directory(in, paths[i], &here, &inner, err);
        else if (!known || S_ISREG(inner.st_mode))
            status = list_file(in, paths[i], err);
        else
            in->ignored++;
        free(paths[i]);
    }
    free(paths);
    return status;
}

static struct emo_input *new_input(struct emo_inputs *in, const char *name, struct emo_error *err)
{
    if (in->input_count == in->input_room) {
        size_t room = 2 * in->input_room + 4;
        struct emo_input *more = realloc(in->inputs, room * sizeof *more);
        if (more == NULL) {
            (void)emo_error_memory(err, room * sizeof *more, "inputs");
            return NULL;
        }
        in->inputs = more;
        in->input_room = room;
    }
    struct emo_input *f = &in->inputs[in->input_count];
    *f = (struct emo_input){.name = strdup(name), .fd = -1, .source = FROM_FILES};
    if (f->name == NULL) {
        (void)emo_error_memory(err, strlen(name), "inputs");
        return NULL;
    }
    in->input_count++;
    return f;
}

int emo_inputs_add(struct emo_inputs *in, const char *path, bool classed, bool prefixed,
                   struct emo_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    uint8_t first[SNIFF];
    struct stat s;
    struct emo_input *f = new_input(in, standard ? "<stdin>" : path, err);
    if (f == NULL)
        return EMO_FAILED;
    if (standard && isatty(STDIN_FILENO))
        return emo_error(err, EMO_USAGE, "standard input is a terminal; name an archive, a "
                         "directory or pictures");
    f->fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
    if (f->fd < 0 || fstat(f->fd, &s) != 0)
        return emo_error_errno(err, "%s", f->name);
    if (S_ISDIR(s.st_mode)) {
        close(f->fd);
        f->fd = -1;
        return list_directory(in, path, NULL, &s, err);
    }
    int status = emo_make_seekable(&f->fd, f->name, err);
    if (status != EMO_OK)
        return status;
    ssize_t n = emo_read_at(f->fd, first, sizeof first, 0);
    if (n < 0)
        return emo_error_errno(err, "%s", f->name);
    if (n == 0)
        return emo_error(err, EMO_INPUT, "%s: empty", f->name);
    enum emo_picture kind = emo_picture_kind(first, (size_t)n, NULL);
    if (kind == EMO_NOT_PICTURE || kind == EMO_ARCHIVE)
        return list_archive(in, !prefixed ? NULL : standard ? "stdin" : path, err);
    bool reopen = !standard && S_ISREG(s.st_mode);
    if (reopen) { /* many may be named: keep none open */
        close(f->fd);
        f->fd = -1;
    }
    return add(in, (struct emo_entry){0}, NULL, standard ? "stdin" : path, classed, reopen, err);
}

/* size bytes at offset of fd, or as many as there are. */
static int from_descriptor(int fd, const char *name, uint64_t offset, uint64_t size,
                           uint8_t **bytes, size_t *n, struct emo_error *err)
{
    *bytes = malloc(size > 0 ? (size_t)size : 1);
    if (*bytes == NULL)
        return emo_error_memory(err, (size_t)size, "a picture file");
    ssize_t r = emo_read_at(fd, *bytes, (size_t)size, (off_t)offset);
    if (r < 0)
        return emo_error_errno(err, "%s", name);
    *n = (size_t)r;
    return EMO_OK;
}

/* A file that cannot be read spoils its entry only; a lack of memory or descriptors is no fault of
   the file. */
static int from_file(const char *path, int fd, uint64_t most, uint8_t **bytes, size_t *n,
                     bool *spoilt, struct emo_error *err)
{
    struct stat s;
    int own = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1, status = EMO_OK;
    bool lacking = false;
    fd = path != NULL ? own : fd;
    if (fd < 0 || fstat(fd, &s) != 0) {
        lacking = errno == ENOMEM || errno == EMFILE || errno == ENFILE;
        status = emo_error(err, EMO_FAILED, "%s", strerror(errno));
    } else if ((uint64_t)s.st_size > most) {
        status = emo_error(err, EMO_INPUT, "%s", too_large);
    } else {
        status = from_descriptor(fd, "read", 0, (uint64_t)s.st_size, bytes, n, err);
        lacking = *bytes == NULL;
    }
    if (own >= 0)
        close(own);
    *spoilt = status != EMO_OK && !lacking;
    return lacking ? emo_error_prefix(err, "%s", path != NULL ? path : "a picture") : EMO_OK;
}

/* The bytes of the open archive's present entry. Grows with what arrives, not with what a
   directory claims. */
static int from_archive(struct emo_inputs *in, uint8_t **bytes, size_t *n, bool *spoilt,
                        struct emo_error *err)
{
    size_t room = 0, got;
    for (;;) {
        if (*n == room) {
            room = room > 0 ? 2 * room : BLOCK;
            uint8_t *more = realloc(*bytes, room);
            if (more == NULL)
                return emo_error_memory(err, room, "a picture file");
            *bytes = more;
        }
        int status = emo_archive_read(in->open, *bytes + *n, room - *n, &got, spoilt, err);
        if (status != EMO_OK || *spoilt || got == 0)
            return status;
        *n += got;
        bool plausible = emo_archive_plausible(in->open, *n);
        if (*n > in->most_file || !plausible) {
            *spoilt = true;
            (void)emo_error(err, EMO_OK, "%s", plausible ? too_large : implausible);
            return EMO_OK;
        }
        /* What is no picture is told by its first bytes: the rest need not be unpacked. */
        enum emo_picture kind = emo_picture_kind(*bytes, *n, NULL);
        if (*n >= SNIFF && kind != EMO_JPEG && kind != EMO_PNG && kind != EMO_WEBP)
            return EMO_OK;
    }
}

static int from_zip(struct emo_inputs *in, const struct emo_entry *e, uint8_t **bytes, size_t *n,
                    bool *spoilt, struct emo_error *err)
{
    const struct emo_input *f = &in->inputs[e->input];
    struct emo_archive_entry entry;
    int status = EMO_OK;
    bool got = true;
    if (in->open == NULL || in->open_input != e->input) {
        emo_archive_close(in->open);
        status = emo_archive_open(&in->open, f->fd, f->name, in->most_unpacked, err);
        in->open_input = e->input;
    }
    while (status == EMO_OK && got && emo_archive_count(in->open) < e->number)
        status = emo_archive_next(in->open, &entry, &got, err);
    if (status == EMO_OK && !got)
        status = emo_error(err, EMO_INPUT, "%s: changed while it was read", f->name);
    return status != EMO_OK ? status : from_archive(in, bytes, n, spoilt, err);
}

int emo_inputs_bytes(struct emo_inputs *in, size_t i, uint8_t **bytes, size_t *n, bool *spoilt,
                     struct emo_error *err)
{
    const struct emo_entry *e = &in->entries[i];
    const struct emo_input *f = &in->inputs[e->input];
    *bytes = NULL;
    *n = 0;
    *spoilt = e->spoilt != NULL;
    if (e->spoilt != NULL) {
        (void)emo_error(err, EMO_OK, "%s", e->spoilt);
        return EMO_OK;
    }
    if (f->source == FROM_ZIP)
        return from_zip(in, e, bytes, n, spoilt, err);
    if (f->source == FROM_SPOOL)
        return from_descriptor(in->spool, f->name, e->offset, e->size, bytes, n, err);
    return from_file(e->path, f->fd, in->most_file, bytes, n, spoilt, err);
}
