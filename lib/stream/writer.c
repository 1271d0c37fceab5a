#include "stream/writer.h"

#include "base/hash.h"
#include "stream/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER (256u << 10)

struct emo_writer {
    struct emo_output *output;
    uint8_t *buffer;
    size_t filled;
    uint64_t length, records;
    uint32_t head_crc, running_crc;
    size_t class_count;
    bool failed;
};

static void writer_free(struct emo_writer *w)
{
    free(w->buffer);
    free(w);
}

static int send_bytes(struct emo_writer *w, const void *bytes, size_t n, struct emo_error *err)
{
    if (emo_write(emo_output_fd(w->output), bytes, n) == 0)
        return EMO_OK;
    w->failed = true;
    return emo_error_errno(err, "%s", emo_output_name(w->output));
}

int emo_writer_flush(struct emo_writer *w, struct emo_error *err)
{
    size_t n = w->filled;
    w->filled = 0;
    return n > 0 ? send_bytes(w, w->buffer, n, err) : EMO_OK;
}

/* n bytes and their padding. Long runs go out as they are, without a copy. */
static int put(struct emo_writer *w, const void *bytes, size_t n, struct emo_error *err)
{
    size_t padding = (size_t)emo_pad64(n) - n;
    int status = EMO_OK;
    w->length += n + padding;
    if (n >= BUFFER) {
        status = emo_writer_flush(w, err);
        if (status == EMO_OK)
            status = send_bytes(w, bytes, n, err);
    } else if (n > 0) {
        if (n > BUFFER - w->filled)
            status = emo_writer_flush(w, err);
        memcpy(w->buffer + w->filled, bytes, n);
        w->filled += n;
    }
    if (status == EMO_OK && padding > BUFFER - w->filled)
        status = emo_writer_flush(w, err);
    memset(w->buffer + w->filled, 0, padding);
    w->filled += padding;
    return status;
}

static int put_head(struct emo_writer *w, const struct emo_head *head, struct emo_error *err)
{
    struct emo_text text = {0};
    struct emo_head_frame f;
    int status = emo_head_frame(head, &f, &text, err);
    if (status == EMO_OK) {
        w->head_crc = f.header_crc;
        w->class_count = head->class_count;
        status = put(w, &f, sizeof f, err);
    }
    if (status == EMO_OK)
        status = put(w, text.bytes, text.length, err);
    emo_text_free(&text);
    return status;
}

int emo_writer_open(struct emo_writer **writer, struct emo_output *output,
                    const struct emo_head *head, struct emo_error *err)
{
    struct emo_writer *w = calloc(1, sizeof *w);
    *writer = NULL;
    if (w == NULL || (w->buffer = malloc(BUFFER)) == NULL) {
        free(w);
        emo_output_discard(output);
        return emo_error_memory(err, BUFFER, "a writer");
    }
    w->output = output;
    emo_pipe_enlarge(emo_output_fd(output));
    int status = put_head(w, head, err);
    if (status != EMO_OK) {
        emo_output_discard(output);
        writer_free(w);
        return status;
    }
    *writer = w;
    return EMO_OK;
}

int emo_writer_create(struct emo_writer **w, const char *path, const struct emo_head *head,
                      struct emo_error *err)
{
    struct emo_output *output;
    *w = NULL;
    int status = emo_output_open(&output, path, true, err);
    return status == EMO_OK ? emo_writer_open(w, output, head, err) : status;
}

uint64_t emo_writer_count(const struct emo_writer *w)
{
    return w->records;
}

int emo_writer_record(struct emo_writer *w, const struct emo_record *r, struct emo_error *err)
{
    const struct emo_metadata *m = &r->metadata;
    uint64_t length;
    if (m->failed)
        return emo_error(err, EMO_FAILED, "record %" PRIu64 ": no memory for its metadata, or more "
                         "than %u bytes of it", w->records + 1, EMO_CAP_METADATA);
    if (!emo_payload_length(r->dtype, r->rank, r->dim, &length) || length != r->payload_length ||
        r->label < -1 || (r->label >= 0 && (size_t)r->label >= w->class_count))
        return emo_error(err, EMO_FAILED, "record %" PRIu64 ": shape or label make no sense",
                         w->records + 1);
    struct emo_record_frame f = {
        .may = r->may,
        .frame_length = EMO_FRAME_SIZE + emo_pad64(m->length) + emo_pad64(length),
        .metadata_length = (uint32_t)m->length,
        .metadata_crc = emo_crc32(0, m->bytes, m->length),
        .data_crc = r->data_crc_known ? r->data_crc : emo_crc32(0, r->payload, (size_t)length),
        .id = r->id,
        .label = r->label,
        .split = r->split,
        .dtype = r->dtype,
        .rank = r->rank,
        .order = r->order,
        .epoch = r->epoch,
    };
    memcpy(f.tag, EMO_TAG_RECORD, sizeof f.tag);
    memcpy(f.dim, r->dim, sizeof f.dim);
    f.header_crc = emo_header_crc(&f);
    int status = put(w, &f, sizeof f, err);
    if (status == EMO_OK)
        status = put(w, m->bytes, m->length, err);
    if (status == EMO_OK)
        status = put(w, r->payload, (size_t)length, err);
    w->running_crc = emo_crc32(w->running_crc, &f.header_crc, 4);
    w->records++;
    return status;
}

static int put_end(struct emo_writer *w, uint32_t end_status, const char *reason, size_t n,
                   struct emo_error *err)
{
    struct emo_end_frame f = {
        .frame_length = EMO_FRAME_SIZE + emo_pad64(n),
        .text_length = (uint32_t)n,
        .text_crc = emo_crc32(0, reason, n),
        .head_crc = w->head_crc,
        .record_count = w->records,
        .running_crc = w->running_crc,
        .status = end_status,
    };
    memcpy(f.tag, EMO_TAG_END, sizeof f.tag);
    f.segment_length = w->length + f.frame_length;
    f.header_crc = emo_header_crc(&f);
    int status = put(w, &f, sizeof f, err);
    if (status == EMO_OK)
        status = put(w, reason, n, err);
    return status == EMO_OK ? emo_writer_flush(w, err) : status;
}

int emo_writer_finish(struct emo_writer *w, struct emo_error *err)
{
    int status = w->failed ? emo_error(err, EMO_FAILED, "%s: an earlier write failed",
                                       emo_output_name(w->output))
                           : put_end(w, EMO_COMPLETE, NULL, 0, err);
    status = emo_output_close(w->output, status, err);
    writer_free(w);
    return status;
}

void emo_writer_abort(struct emo_writer *w, const char *reason)
{
    struct emo_error ignored;
    if (w == NULL)
        return;
    size_t n = strlen(reason);
    if (!w->failed)
        (void)put_end(w, EMO_ABORTED, reason, n < EMO_CAP_REASON ? n : EMO_CAP_REASON, &ignored);
    emo_output_discard(w->output);
    writer_free(w);
}

int emo_writer_close(struct emo_writer *w, const struct emo_reader *reader, const char *program,
                     int status, struct emo_error *err)
{
    char reason[EMO_ERROR_TEXT + 64];
    if (status == EMO_OK && w != NULL)
        return emo_writer_finish(w, err);
    const char *upstream = reader != NULL ? emo_reader_reason(reader) : NULL;
    if (upstream == NULL)
        snprintf(reason, sizeof reason, "%s: %s", program, err->text);
    emo_writer_abort(w, upstream != NULL ? upstream : reason);
    return status;
}
