#include "exchange/zip.h"

#include "base/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER (64u << 10)

struct emo_zip {
    struct archive *writer;
    int fd;
    int failed; /* errno of the write that failed, or 0 */
    const char *name;
    size_t filled;
    uint8_t buffer[BUFFER];
};

/* libarchive is not told of a failure: it would try again at its end, and loses memory then. We look
   at z->failed after each call. */
static la_ssize_t on_write(struct archive *writer, void *data, const void *bytes, size_t n)
{
    struct emo_zip *z = data;
    (void)writer;
    if (z->failed == 0 && emo_write(z->fd, bytes, n) != 0)
        z->failed = errno;
    return (la_ssize_t)n;
}

static bool put(struct emo_zip *z, const void *bytes, size_t n)
{
    return archive_write_data(z->writer, bytes, n) == (la_ssize_t)n && z->failed == 0;
}

static int wrong(struct emo_zip *z, struct emo_error *err)
{
    const char *why = archive_error_string(z->writer);
    if (z->failed != 0) {
        errno = z->failed;
        return emo_error_errno(err, "%s", z->name);
    }
    return emo_error(err, EMO_FAILED, "%s: %s", z->name, why != NULL ? why : "cannot be written");
}

int emo_zip_open(struct emo_zip **out, int fd, const char *name, struct emo_error *err)
{
    struct emo_zip *z = calloc(1, sizeof *z);
    *out = NULL;
    if (z == NULL || (z->writer = archive_write_new()) == NULL) {
        free(z);
        return emo_error_memory(err, sizeof *z, "a zip");
    }
    z->fd = fd;
    z->name = name;
    if (archive_write_set_format_zip(z->writer) != ARCHIVE_OK ||
        archive_write_zip_set_compression_store(z->writer) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(z->writer, 0) != ARCHIVE_OK ||
        archive_write_open(z->writer, z, NULL, on_write, NULL) != ARCHIVE_OK) {
        int status = wrong(z, err);
        emo_zip_discard(z);
        return status;
    }
    *out = z;
    return EMO_OK;
}

static int flush(struct emo_zip *z, struct emo_error *err)
{
    size_t n = z->filled;
    z->filled = 0;
    return n == 0 || put(z, z->buffer, n) ? EMO_OK : wrong(z, err);
}

int emo_zip_entry(struct emo_zip *z, const char *name, uint64_t size, struct emo_error *err)
{
    int status = flush(z, err);
    if (status != EMO_OK)
        return status;
    struct archive_entry *e = archive_entry_new();
    if (e == NULL)
        return emo_error_memory(err, 0, "a zip's entry");
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, (la_int64_t)size);
    if (archive_write_header(z->writer, e) != ARCHIVE_OK || z->failed != 0)
        status = wrong(z, err);
    archive_entry_free(e);
    return status;
}

int emo_zip_put(struct emo_zip *z, const void *bytes, size_t n, struct emo_error *err)
{
    if (n == 0)
        return EMO_OK;
    if (n > BUFFER - z->filled) {
        int status = flush(z, err);
        if (status != EMO_OK)
            return status;
    }
    if (n >= BUFFER)
        return put(z, bytes, n) ? EMO_OK : wrong(z, err);
    memcpy(z->buffer + z->filled, bytes, n);
    z->filled += n;
    return EMO_OK;
}

int emo_zip_finish(struct emo_zip *z, struct emo_error *err)
{
    int status = flush(z, err);
    if (status == EMO_OK && (archive_write_close(z->writer) != ARCHIVE_OK || z->failed != 0))
        status = wrong(z, err);
    emo_zip_discard(z);
    return status;
}

void emo_zip_discard(struct emo_zip *z)
{
    if (z == NULL)
        return;
    /* What is not closed yet gets a directory, as if all were well: it is not written. */
    z->failed = ECANCELED;
    (void)archive_write_free(z->writer);
    free(z);
}
