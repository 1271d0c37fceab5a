#include "image/archive.h"

#include "base/file.h"
#include "base/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (256u << 10)
#define TAR_RECORD 512

struct emo_archive {
    struct archive *reader;
    const char *name;
    int fd;
    off_t at;
    int failure; /* errno of a read that failed */
    uint64_t size, unpacked, cap;
    int64_t packed_start, packed_end; /* of the present entry in the file, as far as it was read */
    size_t count;
    bool zip, tar;
    bool unread; /* of the present entry something may be left */
    bool dead;   /* a zip's entry stopped the reader */
    uint8_t block[BLOCK];
};

/* libarchive's view of a descriptor, with seeking: its own for descriptors cannot seek. */
static la_ssize_t on_read(struct archive *reader, void *data, const void **buffer)
{
    struct emo_archive *a = data;
    ssize_t n = emo_read_at(a->fd, a->block, BLOCK, a->at);
    if (n < 0) {
        a->failure = errno;
        archive_set_error(reader, errno, "%s", strerror(errno));
    }
    else
        a->at += n;
    *buffer = a->block;
    return n;
}

static la_int64_t on_seek(struct archive *reader, void *data, la_int64_t offset, int whence)
{
    struct emo_archive *a = data;
    (void)reader;
    off_t base = whence == SEEK_CUR ? a->at : whence == SEEK_END ? (off_t)a->size : 0;
    if (offset < -base || offset > INT64_MAX - base)
        return ARCHIVE_FATAL;
    return a->at = base + offset;
}

static la_int64_t on_skip(struct archive *reader, void *data, la_int64_t n)
{
    struct emo_archive *a = data;
    (void)reader;
    a->at += n;
    return n;
}

/* libarchive's last error, quoted, without the line end that some have. */
static const char *reason(const struct emo_archive *a, char quoted[EMO_QUOTE_SIZE])
{
    const char *why = archive_error_string(a->reader);
    if (why == NULL)
        return "no reason is known";
    return emo_quote(quoted, EMO_QUOTE_SIZE, why, strcspn(why, "\n"));
}

static int broken(const struct emo_archive *a, struct emo_error *err)
{
    if (a->failure != 0)
        return emo_error(err, EMO_FAILED, "%s: %s", a->name, strerror(a->failure));
    char quoted[EMO_QUOTE_SIZE];
    uint8_t first[4] = {0};
    const char *why = archive_error_string(a->reader);
    if (a->count > 0 || emo_read_at(a->fd, first, 4, 0) < 0)
        ;
    else if (memcmp(first, "PK\5\6", 4) == 0)
        return emo_error(err, EMO_INPUT, "%s: a zip with nothing in it", a->name);
    else if (memcmp(first, "PK\3\4", 4) == 0)
        return emo_error(err, EMO_INPUT, "%s: a zip without a whole directory at its end: "
                         "truncated or damaged", a->name);
    else if (why != NULL && strstr(why, "Unrecognized") != NULL)
        return emo_error(err, EMO_INPUT, "%s: neither a picture that can be read nor a zip, tar or "
                         "7z archive", a->name);
    return emo_error(err, EMO_INPUT, "%s: archive truncated or damaged: %s", a->name,
                     reason(a, quoted));
}

static int start(struct emo_archive *a, struct emo_error *err)
{
    struct archive *r = archive_read_new();
    if (r == NULL)
        return emo_error_memory(err, 0, "an archive");
    a->reader = r;
    a->at = 0;
    a->unread = a->dead = false;
    (void)archive_read_support_format_zip_seekable(r);
    (void)archive_read_support_format_7zip(r);
    (void)archive_read_support_format_tar(r);
    (void)archive_read_support_filter_gzip(r);
    (void)archive_read_support_filter_bzip2(r);
    (void)archive_read_support_filter_xz(r);
    (void)archive_read_support_filter_lzma(r);
    (void)archive_read_support_filter_lzip(r);
    (void)archive_read_support_filter_zstd(r);
    (void)archive_read_support_filter_lz4(r);
    (void)archive_read_support_filter_compress(r);
    archive_read_set_callback_data(r, a);
    archive_read_set_read_callback(r, on_read);
    archive_read_set_seek_callback(r, on_seek);
    archive_read_set_skip_callback(r, on_skip);
    return archive_read_open1(r) == ARCHIVE_OK ? EMO_OK : broken(a, err);
}

int emo_archive_open(struct emo_archive **out, int fd, const char *name, uint64_t unpacked,
                     struct emo_error *err)
{
    struct stat s;
    *out = NULL;
    if (fstat(fd, &s) != 0)
        return emo_error_errno(err, "%s", name);
    struct emo_archive *a = calloc(1, sizeof *a);
    if (a == NULL)
        return emo_error_memory(err, sizeof *a, "an archive");
    a->name = name;
    a->fd = fd;
    a->size = (uint64_t)s.st_size;
    a->cap = unpacked != 0 ? unpacked : EMO_CAP_UNPACKED;
    int status = start(a, err);
    if (status != EMO_OK)
        emo_archive_close(a);
    else
        *out = a;
    return status;
}

void emo_archive_close(struct emo_archive *a)
{
    if (a == NULL)
        return;
    archive_read_free(a->reader);
    free(a);
}

size_t emo_archive_count(const struct emo_archive *a)
{
    return a->count;
}

bool emo_archive_is_zip(const struct emo_archive *a)
{
    return a->zip;
}

/* Within the cap, or so many times what is packed? */
static bool allowed(uint64_t unpacked, uint64_t cap, uint64_t packed)
{
    return unpacked <= cap || (unpacked - cap) / EMO_CAP_RATIO <= packed;
}

static int count_unpacked(struct emo_archive *a, uint64_t n, struct emo_error *err)
{
    a->unpacked += n;
    /* Of a tar the headers count too. */
    uint64_t through = a->tar ? (uint64_t)archive_filter_bytes(a->reader, 0) : 0;
    if (allowed(a->unpacked > through ? a->unpacked : through, a->cap, a->size))
        return EMO_OK;
    return emo_error(err, EMO_INPUT, "%s: unpacks to more than %u times its size: not read further",
                     a->name, EMO_CAP_RATIO);
}

bool emo_archive_plausible(const struct emo_archive *a, uint64_t n)
{
    return allowed(n, a->cap / 4, (uint64_t)(archive_filter_bytes(a->reader, -1) - a->packed_start));
}

static int next_header(struct emo_archive *a, struct archive_entry **entry)
{
    int r;
    do
        r = archive_read_next_header(a->reader, entry);
    while (r == ARCHIVE_RETRY);
    return r;
}

/* After an entry that stopped the reader: to the same entry again, not into it. */
static int revive(struct emo_archive *a, struct emo_error *err)
{
    struct archive_entry *entry;
    archive_read_free(a->reader);
    int status = start(a, err);
    for (size_t i = 0; status == EMO_OK && i < a->count; i++)
        if (next_header(a, &entry) < ARCHIVE_WARN)
            status = broken(a, err);
    return status;
}

/* Passes over the rest of the present entry, counting it where it must be unpacked for that. */
static int pass_over(struct emo_archive *a, struct emo_error *err)
{
    int status = EMO_OK, r = ARCHIVE_OK;
    if (a->dead)
        return revive(a, err);
    while (status == EMO_OK && a->unread && !a->zip && r != ARCHIVE_EOF) {
        const void *block;
        size_t n = 0;
        la_int64_t offset;
        r = archive_read_data_block(a->reader, &block, &n, &offset);
        if (r == ARCHIVE_FATAL)
            return broken(a, err);
        if (r < ARCHIVE_WARN)
            break;
        status = count_unpacked(a, n, err);
    }
    a->unread = false;
    return status;
}

/* The entry whose header was read: is there room for so many, and does it follow the one before? */
static int check_place(struct emo_archive *a, struct emo_error *err)
{
    int64_t at = archive_filter_bytes(a->reader, 0);
    a->packed_start = archive_filter_bytes(a->reader, -1);
    if (a->count > EMO_ENTRIES_UNDOUBTED && a->count > a->size / EMO_CAP_ENTRY_SHARE)
        return emo_error(err, EMO_INPUT, "%s: more entries than pictures can be in an archive of its "
                         "size: not read further", a->name);
    if (a->zip && at < a->packed_end)
        return emo_error(err, EMO_INPUT, "%s: entries that lie over each other: not read further",
                         a->name);
    return count_unpacked(a, 0, err);
}

int emo_archive_next(struct emo_archive *a, struct emo_archive_entry *e, bool *got,
                     struct emo_error *err)
{
    struct archive_entry *entry = NULL;
    *got = false;
    int status = pass_over(a, err);
    if (status != EMO_OK)
        return status;
    int r = next_header(a, &entry);
    if (r == ARCHIVE_EOF) {
        /* libarchive takes the end of the file for the end of a tar. */
        bool marked = archive_filter_bytes(a->reader, 0) -
                          archive_read_header_position(a->reader) >= TAR_RECORD;
        if (a->tar && !marked)
            return emo_error(err, EMO_INPUT, "%s: a tar without its end marker: truncated",
                             a->name);
        return EMO_OK;
    }
    if (r < ARCHIVE_WARN)
        return broken(a, err);
    int format = archive_format(a->reader) & ARCHIVE_FORMAT_BASE_MASK;
    a->zip = format == ARCHIVE_FORMAT_ZIP;
    a->tar = format == ARCHIVE_FORMAT_TAR;
    a->count++;
    a->unread = true;
    status = check_place(a, err);
    if (status != EMO_OK)
        return status;
    e->name = archive_entry_pathname(entry);
    if (e->name == NULL)
        e->name = archive_entry_pathname_utf8(entry);
    if (e->name == NULL)
        e->name = "";
    e->link = archive_entry_hardlink(entry) != NULL;
    e->file = e->link || archive_entry_filetype(entry) == AE_IFREG;
    e->encrypted = archive_entry_is_encrypted(entry) != 0;
    *got = true;
    return EMO_OK;
}

int emo_archive_read(struct emo_archive *a, void *to, size_t n, size_t *got, bool *spoilt,
                     struct emo_error *err)
{
    la_ssize_t r;
    do
        r = archive_read_data(a->reader, to, n);
    while (r == ARCHIVE_RETRY);
    *got = r > 0 ? (size_t)r : 0;
    *spoilt = r < 0;
    if (r >= 0) {
        a->unread = r > 0;
        if (a->zip)
            a->packed_end = archive_filter_bytes(a->reader, 0);
        return count_unpacked(a, *got, err);
    }
    if (r == ARCHIVE_FATAL && !a->zip)
        return broken(a, err);
    a->dead = r == ARCHIVE_FATAL;
    char quoted[EMO_QUOTE_SIZE];
    (void)emo_error(err, EMO_OK, "damaged in the archive: %s", reason(a, quoted));
    return EMO_OK;
}
