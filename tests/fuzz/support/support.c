#include "target.h"

#include "base/file.h"
#include "base/hash.h"
#include "stream/frame.h"
#include "stream/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIPE_BYTES 65536u /* Linux's; what fits is written at once */

_Noreturn void fuzz_broken(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, what);
    abort();
}

const char *fuzz_file(const uint8_t *bytes, size_t n)
{
    static int fd = -1;
    static char path[32];
    struct emo_error err = {0};
    if (fd < 0) {
        fd = emo_temporary(&err);
        snprintf(path, sizeof path, "/dev/fd/%d", fd);
    }
    if (fd < 0 || ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0 ||
        emo_write(fd, bytes, n) != 0) {
        perror("fuzz_file");
        exit(1);
    }
    return path;
}

const char *fuzz_pipe(const uint8_t *bytes, size_t n, int *fd)
{
    static char path[32];
    int ends[2];
    *fd = -1;
    if (n > PIPE_BYTES)
        return NULL;
    if (pipe(ends) != 0 || emo_write(ends[1], bytes, n) != 0) {
        perror("fuzz_pipe");
        exit(1);
    }
    close(ends[1]);
    *fd = ends[0];
    snprintf(path, sizeof path, "/dev/fd/%d", *fd);
    return path;
}

void fuzz_pipe_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* What END says of the segment that it closes. */
struct segment {
    size_t start;
    uint64_t records;
    uint32_t head_crc, running_crc;
};

static void repair_head(struct emo_head_frame *f, const uint8_t *text, size_t room, bool all)
{
    if (all && f->text_length <= room)
        f->text_crc = emo_crc32(0, text, f->text_length);
    f->header_crc = emo_header_crc(f);
}

static void repair_record(struct emo_record_frame *f, const uint8_t *metadata, size_t room, bool all)
{
    uint64_t payload, padded = emo_pad64(f->metadata_length);
    if (all && f->metadata_length <= room)
        f->metadata_crc = emo_crc32(0, metadata, f->metadata_length);
    if (all && padded <= room && emo_payload_length(f->dtype, f->rank, f->dim, &payload) &&
        payload <= room - padded)
        f->data_crc = emo_crc32(0, metadata + padded, (size_t)payload);
    f->header_crc = emo_header_crc(f);
}

static void repair_end(struct emo_end_frame *f, const uint8_t *text, size_t room, bool all,
                       const struct segment *s, size_t at)
{
    if (all) {
        if (f->text_length <= room)
            f->text_crc = emo_crc32(0, text, f->text_length);
        f->head_crc = s->head_crc;
        f->record_count = s->records;
        f->running_crc = s->running_crc;
        f->segment_length = at - s->start + f->frame_length;
    }
    f->header_crc = emo_header_crc(f);
}

void fuzz_repair(uint8_t *bytes, size_t n, enum fuzz_repair how)
{
    struct segment s = {0};
    bool all = how == FUZZ_ALL;
    for (size_t at = 0; how != FUZZ_AS_IS && n - at >= EMO_FRAME_SIZE;) {
        uint8_t *p = bytes + at, *after = p + EMO_FRAME_SIZE;
        size_t room = n - at - EMO_FRAME_SIZE;
        union {
            struct emo_head_frame head;
            struct emo_record_frame record;
            struct emo_end_frame end;
        } f;
        memcpy(&f, p, EMO_FRAME_SIZE);
        if (memcmp(p, EMO_MAGIC, 8) == 0) {
            repair_head(&f.head, after, room, all);
            s = (struct segment){.start = at, .head_crc = f.head.header_crc};
        } else if (memcmp(p, EMO_TAG_RECORD, 4) == 0) {
            repair_record(&f.record, after, room, all);
            s.records++;
            s.running_crc = emo_crc32(s.running_crc, &f.record.header_crc, 4);
        } else if (memcmp(p, EMO_TAG_END, 4) == 0) {
            repair_end(&f.end, after, room, all, &s, at);
        } else {
            return;
        }
        memcpy(p, &f, EMO_FRAME_SIZE);
        uint64_t length = f.head.frame_length;
        if (length < EMO_FRAME_SIZE || length > n - at)
            return;
        at += (size_t)length;
    }
}

static uint32_t number(const uint8_t *p, unsigned n)
{
    uint32_t value = 0;
    while (n-- > 0)
        value = value << 8 | p[n];
    return value;
}

/* The CRC of the entry whose local header is at this place, set there too; 0 where it is none. */
static uint32_t repair_entry(uint8_t *bytes, size_t n, size_t at)
{
    enum { LOCAL = 30, CRC = 14, PACKED = 18, NAME = 26, EXTRA = 28 };
    if (at > n || n - at < LOCAL || memcmp(bytes + at, "PK\3\4", 4) != 0)
        return 0;
    uint8_t *p = bytes + at;
    size_t start = LOCAL + number(p + NAME, 2) + number(p + EXTRA, 2), length = number(p + PACKED, 4);
    if (start > n - at || length > n - at - start)
        return 0;
    uint32_t crc = emo_crc32(0, p + start, length);
    memcpy(p + CRC, &crc, 4);
    return crc;
}

void fuzz_repair_zip(uint8_t *bytes, size_t n)
{
    enum { CENTRAL = 46, CRC = 16, OFFSET = 42 };
    for (size_t at = 0; n - at >= CENTRAL; at++) {
        if (memcmp(bytes + at, "PK\1\2", 4) != 0)
            continue;
        uint32_t crc = repair_entry(bytes, n, number(bytes + at + OFFSET, 4));
        memcpy(bytes + at + CRC, &crc, 4);
    }
}

static void check_record(const struct emo_head *head, const struct emo_record *r)
{
    uint64_t length;
    unsigned sum = 0;
    FUZZ_PROMISE(emo_payload_length(r->dtype, r->rank, r->dim, &length) &&
                 length == r->payload_length && length <= EMO_CAP_PAYLOAD);
    FUZZ_PROMISE(r->label >= -1 && (r->label < 0 || (size_t)r->label < head->class_count));
    FUZZ_PROMISE(r->split <= EMO_TEST);
    FUZZ_PROMISE(emo_metadata_check(r->metadata.bytes, r->metadata.length) == NULL);
    for (uint64_t i = 0; i < r->payload_length; i++)
        sum += ((const uint8_t *)r->payload)[i];
    FUZZ_PROMISE(sum <= 255u * (r->payload_length + 1));
}

bool fuzz_import(const struct emo_import *in, const char *path, const char *to)
{
    struct emo_error err = {0};
    struct emo_head head = {0};
    struct emo_record r = {0};
    struct emo_writer *writer = NULL;
    void *state = NULL;
    bool got = true;
    int status = in->open(&state, &path, 1, &head, &err);
    FUZZ_PROMISE(status == EMO_OK || (status == EMO_INPUT && err.text[0] != '\0'));
    if (status == EMO_OK && to != NULL)
        FUZZ_PROMISE(emo_writer_create(&writer, to, &head, &err) == EMO_OK);
    while (status == EMO_OK && got) {
        status = in->next(state, &r, &got, &err);
        FUZZ_PROMISE(status == EMO_OK || (status == EMO_INPUT && err.text[0] != '\0'));
        if (status != EMO_OK || !got)
            break;
        check_record(&head, &r);
        if (writer != NULL)
            FUZZ_PROMISE(emo_writer_record(writer, &r, &err) == EMO_OK);
    }
    if (writer != NULL)
        status = emo_writer_close(writer, NULL, "fuzz", status, &err);
    emo_record_free(&r);
    emo_head_free(&head);
    in->close(state);
    return status == EMO_OK;
}
