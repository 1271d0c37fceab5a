#include "stream/source.h"

#include "base/file.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER (256u << 10)
#define AFTER_GAP (4u << 10) /* doubled with every read that neither precedes */
#define FIRST_GROWTH (4u << 20)
#define ALIGNMENT 64u /* the kernel copies to whole cache lines a tenth faster */

/* n: made a multiple of the alignment. */
static void *allocate(size_t *n)
{
    *n += ALIGNMENT - 1;
    *n -= *n % ALIGNMENT;
    return aligned_alloc(ALIGNMENT, *n);
}

int emo_source_open(struct emo_source *s, const char *path, struct emo_error *err)
{
    size_t room = BUFFER;
    if (s->buffer == NULL && (s->buffer = allocate(&room)) == NULL)
        return emo_error_memory(err, room, "reading");
    s->standard = strcmp(path, "-") == 0;
    s->file = s->standard ? "<stdin>" : path;
    s->at = s->filled = 0;
    s->refill = BUFFER;
    s->offset = 0;
    s->fd = s->standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0)
        return emo_error_errno(err, "%s", s->file);
    s->opened = true;
    if (isatty(s->fd))
        return emo_error(err, EMO_USAGE, "%s is a terminal; a tensor stream is expected, from a "
                         "pipe or a file", s->standard ? "standard input" : path);
    struct stat about;
    s->regular = fstat(s->fd, &about) == 0 && S_ISREG(about.st_mode);
    emo_pipe_enlarge(s->fd);
    return EMO_OK;
}

void emo_source_close(struct emo_source *s)
{
    if (s->opened && !s->standard)
        close(s->fd);
    s->opened = false;
}

void emo_source_free(struct emo_source *s)
{
    emo_source_close(s);
    free(s->buffer);
    s->buffer = NULL;
}

/* Makes sure that something is buffered, but at the end of the file. */
static int fill(struct emo_source *s, struct emo_error *err)
{
    if (s->at < s->filled)
        return EMO_OK;
    ssize_t r = emo_read(s->fd, s->buffer, s->refill);
    if (r < 0)
        return emo_error_errno(err, "%s", s->file);
    if (s->refill < BUFFER)
        s->refill *= 2;
    s->at = 0;
    s->filled = (size_t)r;
    return EMO_OK;
}

int emo_source_unread(struct emo_source *s, const void *bytes, size_t n, struct emo_error *err)
{
    size_t have = s->filled - s->at, room = n + have > BUFFER ? n + have : BUFFER;
    if (n == 0)
        return EMO_OK;
    uint8_t *buffer = allocate(&room);
    if (buffer == NULL)
        return emo_error_memory(err, room, "reading");
    memcpy(buffer, bytes, n);
    memcpy(buffer + n, s->buffer + s->at, have);
    free(s->buffer);
    s->buffer = buffer;
    s->at = 0;
    s->filled = n + have;
    s->offset -= n;
    return EMO_OK;
}

int emo_source_peek(struct emo_source *s, uint8_t *byte, bool *got, struct emo_error *err)
{
    int status = fill(s, err);
    if (status != EMO_OK)
        return status;
    *got = s->at < s->filled;
    if (*got)
        *byte = s->buffer[s->at];
    return EMO_OK;
}

int emo_source_borrow(struct emo_source *s, size_t n, const uint8_t **bytes, size_t *got,
                      struct emo_error *err)
{
    int status = fill(s, err);
    if (status != EMO_OK)
        return status;
    size_t have = s->filled - s->at;
    *got = have < n ? have : n;
    *bytes = s->buffer + s->at;
    s->at += *got;
    s->offset += *got;
    return EMO_OK;
}

int emo_source_seek(struct emo_source *s, uint64_t n, bool *sought, struct emo_error *err)
{
    size_t have = s->filled - s->at;
    *sought = s->regular;
    if (!s->regular)
        return EMO_OK;
    if (n > have) {
        if (lseek(s->fd, (off_t)(n - have), SEEK_CUR) < 0)
            return emo_error_errno(err, "%s", s->file);
        s->at = s->filled = 0;
        s->refill = AFTER_GAP;
    } else {
        s->at += (size_t)n;
    }
    s->offset += n;
    return EMO_OK;
}

int emo_source_take(struct emo_source *s, void *to, size_t n, size_t *got, struct emo_error *err)
{
    uint8_t *p = to;
    *got = 0;
    while (*got < n) {
        size_t want = n - *got, have = s->filled - s->at;
        if (have > 0) {
            size_t take = have < want ? have : want;
            memcpy(p + *got, s->buffer + s->at, take);
            s->at += take;
            *got += take;
            s->offset += take;
            continue;
        }
        if (want < BUFFER) {
            int status = fill(s, err);
            if (status != EMO_OK)
                return status;
            if (s->filled == 0)
                break;
            continue;
        }
        ssize_t r = emo_read(s->fd, p + *got, want);
        if (r < 0)
            return emo_error_errno(err, "%s", s->file);
        if (r == 0)
            break;
        *got += (size_t)r;
        s->offset += (uint64_t)r;
        s->refill = AFTER_GAP;
    }
    return EMO_OK;
}

int emo_source_take_growing(struct emo_source *s, uint8_t **bytes, size_t *room, size_t n,
                            size_t *got, struct emo_error *err)
{
    *got = 0;
    while (*got < n) {
        if (*got == *room) {
            size_t more = *room < FIRST_GROWTH / 2 ? FIRST_GROWTH : *room * 2;
            more = more < n ? more : n;
            uint8_t *bigger = allocate(&more);
            if (bigger == NULL)
                return emo_error_memory(err, more, "a record");
            if (*got > 0)
                memcpy(bigger, *bytes, *got);
            free(*bytes);
            *bytes = bigger;
            *room = more;
        }
        size_t want = (n < *room ? n : *room) - *got, part;
        int status = emo_source_take(s, *bytes + *got, want, &part, err);
        if (status != EMO_OK)
            return status;
        *got += part;
        if (part < want)
            break;
    }
    return EMO_OK;
}

const uint8_t *emo_source_buffered(const struct emo_source *s, size_t *n)
{
    *n = s->filled - s->at;
    return s->buffer + s->at;
}

bool emo_source_waits(const struct emo_source *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    return s->opened && !s->regular && poll(&p, 1, 0) == 0;
}
