/*
 * Streams built frame by frame, right but for one thing, all of whose checksums are right, and read
 * back. Define PATH, a file of the test's own, before including this.
 */
#ifndef EMO_TESTS_FRAMES_H
#define EMO_TESTS_FRAMES_H

#include "check.h"

#include "base/file.h"
#include "base/hash.h"
#include "stream/reader.h"

#include <fcntl.h>
#include <unistd.h>

#define CLASSES "@CLASS\t0\ta\n@CLASS\t1\tb\n"

/* The stream that is built. */
static uint8_t bytes[1 << 18];
static size_t length, segment;
static uint32_t head_crc, running_crc;
static uint64_t count;

/* What the frame built next lies about; its header's checksum is right all the same. */
static void (*lie)(void *frame);
static size_t lie_after; /* frames built before it */
static size_t built;

static uint8_t *put(const void *data, size_t n)
{
    uint8_t *at = bytes + length;
    CHECK(length + n + 64 < sizeof bytes);
    memset(at, 0, (size_t)emo_pad64(n));
    if (n > 0)
        memcpy(at, data, n);
    length += (size_t)emo_pad64(n);
    return at;
}

/* Lets the frame's header lie, if it is its turn, and makes its checksum. */
static uint32_t seal(void *frame)
{
    struct emo_head_frame *f = frame; /* header_crc is at the same place in all three */
    if (lie != NULL && built++ == lie_after)
        lie(frame);
    f->header_crc = emo_header_crc(frame);
    return f->header_crc;
}

static void reset(void (*what)(void *), size_t after)
{
    length = built = 0;
    lie = what;
    lie_after = after;
}

static void head_text(const char *text, size_t n)
{
    struct emo_head_frame f = {.frame_length = 64 + emo_pad64(n), .text_length = (uint32_t)n,
                               .text_crc = emo_crc32(0, text, n), .major = 1,
                               .records_expected = EMO_UNKNOWN, .shards = 1, .kind = EMO_IMAGES};
    memcpy(f.magic, EMO_MAGIC, 8);
    segment = length;
    head_crc = seal(&f);
    running_crc = 0;
    count = 0;
    put(&f, sizeof f);
    put(text, n);
}

static void head(void)
{
    head_text(CLASSES, strlen(CLASSES));
}

/* id, two pixels, and metadata. */
static void record(uint64_t id, const void *metadata, size_t n)
{
    static const uint8_t pixels[2] = {1, 2};
    struct emo_record_frame f = {.tag = {'E', 'M', 'O', 'R'}, .frame_length = 128 + emo_pad64(n),
                                 .metadata_length = (uint32_t)n,
                                 .metadata_crc = emo_crc32(0, metadata, n),
                                 .data_crc = emo_crc32(0, pixels, 2), .id = id, .label = 1,
                                 .split = EMO_VALID, .dtype = EMO_U8, .rank = 1, .dim = {2}};
    uint32_t crc = seal(&f);
    running_crc = emo_crc32(running_crc, &crc, 4);
    count++;
    put(&f, sizeof f);
    put(metadata, n);
    put(pixels, 2);
}

static void end(const char *reason)
{
    size_t n = reason == NULL ? 0 : strlen(reason);
    struct emo_end_frame f = {.tag = {'E', 'M', 'O', 'E'}, .frame_length = 64 + emo_pad64(n),
                              .text_length = (uint32_t)n, .text_crc = emo_crc32(0, reason, n),
                              .head_crc = head_crc, .record_count = count,
                              .running_crc = running_crc, .status = reason != NULL};
    f.segment_length = length - segment + f.frame_length;
    (void)seal(&f);
    put(&f, sizeof f);
    put(reason, n);
}

static void store(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && emo_write(fd, bytes, length) == 0 && close(fd) == 0);
}

/* What was read: ids of records, and what upstream said in aborting. */
static uint64_t ids[32];
static size_t id_count;
static char reason[EMO_CAP_REASON + 1];

static int read_paths(const char *const *paths, size_t n, unsigned kinds)
{
    struct emo_reader *r;
    struct emo_record rec = {0};
    bool got = true;
    id_count = 0;
    reason[0] = '\0';
    err.text[0] = '\0';
    int status = emo_reader_open(&r, paths, n, kinds, &err);
    while (status == EMO_OK && got) {
        status = emo_reader_next(r, &rec, &got, &err);
        if (got) {
            CHECK(id_count < 32 && (uintptr_t)rec.payload % 64 == 0);
            ids[id_count++] = rec.id;
        }
    }
    if (r != NULL && status != EMO_OK && emo_reader_reason(r) != NULL)
        snprintf(reason, sizeof reason, "%s", emo_reader_reason(r));
    /* Once over, it stays over. */
    struct emo_error again;
    if (r != NULL)
        CHECK(emo_reader_next(r, &rec, &got, &again) == status && !got);
    emo_record_free(&rec);
    emo_reader_close(r);
    return status;
}

static int read_stored(void)
{
    static const char *const path = PATH;
    store(PATH);
    return read_paths(&path, 1, 1u << EMO_IMAGES);
}

/* What a frame lies about. */
#define LIE(type, name, statement)                                                                 \
    static void name(void *frame)                                                                  \
    {                                                                                              \
        struct emo_##type##_frame *f = frame;                                                      \
        statement;                                                                                 \
    }

#endif
