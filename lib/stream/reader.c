#include "stream/reader.h"

#include "base/hash.h"
#include "stream/take.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct emo_reader {
    const char *const *paths;
    size_t path_count, path; /* path: the next to open */
    struct emo_source source;
    struct emo_source *sources; /* of each path where opened in advance; NULL: none */
    unsigned kinds;
    uint64_t cap_payload;
    uint32_t cap_metadata;

    struct emo_head head; /* the first segment's; where streams are joined, of all */
    bool joins;
    int16_t *map; /* where streams are joined: this segment's labels in head */
    size_t segment_classes;
    bool in_segment, ended, lone;
    uint64_t file_records, total;

    uint64_t segment_start, segment_records;
    uint32_t head_crc, running_crc;

    /* Ids: what is added to those of this segment, and the next free one. */
    uint64_t id_base, id_next;
    uint32_t shards, shards_seen;
    uint8_t *shard_bits;

    struct emo_scratch scratch; /* texts and metadata */
    uint8_t *payload;
    size_t payload_room;
    char *reason;
    int failed; /* the status of an earlier failure */
};

static const char *const default_paths[] = {"-"};

void emo_reader_close(struct emo_reader *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; r->sources != NULL && i < r->path_count; i++)
        emo_source_free(&r->sources[i]);
    free(r->sources);
    emo_source_free(&r->source);
    emo_head_free(&r->head);
    free(r->shard_bits);
    free(r->scratch.bytes);
    free(r->map);
    free(r->payload);
    free(r->reason);
    free(r);
}

void emo_reader_caps(struct emo_reader *r, uint64_t payload, uint32_t metadata)
{
    if (payload != 0)
        r->cap_payload = payload;
    if (metadata != 0)
        r->cap_metadata = metadata;
}

void emo_reader_lone(struct emo_reader *r)
{
    r->lone = true;
}

const struct emo_head *emo_reader_head(const struct emo_reader *r)
{
    return &r->head;
}

const char *emo_reader_file(const struct emo_reader *r)
{
    return r->source.file;
}

uint64_t emo_reader_count(const struct emo_reader *r)
{
    return r->total;
}

const char *emo_reader_reason(const struct emo_reader *r)
{
    return r->reason;
}

bool emo_reader_would_block(struct emo_reader *r)
{
    size_t n;
    const uint8_t *at = emo_source_buffered(&r->source, &n);
    /* Pipes cut records anywhere: what is buffered must hold a whole one, which other frames may
       precede. */
    while (n >= EMO_FRAME_SIZE) {
        struct emo_record_frame f;
        memcpy(&f, at, sizeof f);
        if (f.frame_length > n || f.frame_length < EMO_FRAME_SIZE)
            break;
        if (memcmp(f.tag, EMO_TAG_RECORD, sizeof f.tag) == 0)
            return false;
        at += f.frame_length;
        n -= (size_t)f.frame_length;
    }
    return !r->ended && emo_source_waits(&r->source);
}

/* Starts the segment's ids: raised past the highest so far, unless it is a further shard of a
   set. */
static int begin_ids(struct emo_reader *r, const struct emo_head_frame *f, uint64_t start,
                     struct emo_error *err)
{
    if (r->shards_seen == r->shards) {
        free(r->shard_bits);
        r->shards = f->shards;
        r->shards_seen = 0;
        r->id_base = r->id_next;
        r->shard_bits = calloc((f->shards + 7) / 8, 1);
        if (r->shard_bits == NULL)
            return emo_error_memory(err, f->shards / 8, "shards");
    }
    if (f->shards != r->shards)
        return emo_broken(&r->source, err, "head", start,
                          "shard %" PRIu32 " of %" PRIu32 ", but before it come "
                          "%" PRIu32 " of %" PRIu32 " shards; give all shards of a set together",
                          f->shard + 1, f->shards, r->shards_seen, r->shards);
    uint8_t bit = (uint8_t)(1u << (f->shard % 8));
    if (r->shard_bits[f->shard / 8] & bit)
        return emo_broken(&r->source, err, "head", start,
                          "shard %" PRIu32 " of %" PRIu32 " a second time", f->shard + 1,
                          f->shards);
    r->shard_bits[f->shard / 8] |= bit;
    r->shards_seen++;
    return EMO_OK;
}

/* Classes of a later segment, or of any where classes are joined: each label's index in the table
   of the reader's head. */
static int map_classes(struct emo_reader *r, const struct emo_head *head, uint64_t start,
                       struct emo_error *err)
{
    int16_t *map = realloc(r->map, (head->class_count + 1) * sizeof *map);
    if (map == NULL)
        return emo_error_memory(err, head->class_count * sizeof *map, "classes");
    r->map = map;
    /* Both are in byte order. */
    for (size_t i = 0, at = 0; i < head->class_count; i++) {
        char quoted[EMO_QUOTE_SIZE];
        while (at < r->head.class_count && strcmp(r->head.classes[at], head->classes[i]) < 0)
            at++;
        map[i] = (int16_t)at;
        if (at == r->head.class_count || strcmp(r->head.classes[at], head->classes[i]) != 0)
            return emo_broken(&r->source, err, "head", start, "class %s, which the head of no file "
                              "has; give this segment as a file of its own",
                              emo_quote(quoted, sizeof quoted, head->classes[i],
                                        strlen(head->classes[i])));
    }
    return EMO_OK;
}

static int accept_head(struct emo_reader *r, const struct emo_head_frame *f, struct emo_head *head,
                       uint64_t start, struct emo_error *err)
{
    bool first = r->head.kind == 0;
    int status = EMO_OK;
    if (!(r->kinds & 1u << f->kind)) {
        char wanted[64] = "";
        for (uint16_t k = EMO_IMAGES; k <= EMO_CHECKPOINT; k++)
            if (r->kinds & 1u << k)
                snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "%s%s",
                         wanted[0] != '\0' ? " or " : "", emo_kind_name(k));
        status = emo_error(err, EMO_INPUT, "%s: a stream of kind %s, but %s is needed",
                           r->source.file, emo_kind_name(f->kind), wanted);
    }
    if (status == EMO_OK && !first && f->kind != r->head.kind)
        status = emo_broken(&r->source, err, "head", start, "a %s stream after a %s stream",
                            emo_kind_name(f->kind), emo_kind_name(r->head.kind));
    if (status == EMO_OK && r->joins)
        status = map_classes(r, head, start, err);
    else if (status == EMO_OK && !first && !emo_head_same_classes(head, &r->head))
        status = emo_broken(&r->source, err, "head", start, "its classes are not those of the "
                            "stream before it; join with emo-cat");
    if (status == EMO_OK)
        status = begin_ids(r, f, start, err);
    r->segment_classes = head->class_count;
    if (status == EMO_OK && first)
        r->head = *head;
    else
        emo_head_free(head);
    return status;
}

/* The next HEAD of the open file. *got false: the file ends here. */
static int read_head(struct emo_reader *r, bool *got, struct emo_error *err)
{
    struct emo_head_frame f;
    struct emo_head head;
    uint64_t start = r->source.offset;
    int status = emo_take_head(&r->source, &f, &r->scratch, &head, got, err);
    if (status == EMO_OK && *got)
        status = accept_head(r, &f, &head, start, err);
    if (status != EMO_OK || !*got)
        return status;
    r->in_segment = true;
    r->segment_start = start;
    r->segment_records = 0;
    r->running_crc = 0;
    r->head_crc = f.header_crc;
    return EMO_OK;
}

/* Opens files until one has a segment. *got false: there are no more. */
static int next_segment(struct emo_reader *r, bool *got, struct emo_error *err)
{
    *got = false;
    for (;;) {
        if (r->source.opened) {
            int status = read_head(r, got, err);
            if (status != EMO_OK || *got)
                return status;
            emo_source_close(&r->source);
        }
        if (r->path == r->path_count)
            break;
        r->file_records = 0;
        struct emo_source *opened = r->sources != NULL ? &r->sources[r->path] : NULL;
        if (opened != NULL && opened->opened) {
            emo_source_free(&r->source);
            r->source = *opened;
            *opened = (struct emo_source){0};
        } else {
            int status = emo_source_open(&r->source, r->paths[r->path], err);
            if (status != EMO_OK)
                return status;
        }
        r->path++;
    }
    if (r->shards_seen < r->shards && !r->lone)
        return emo_error(err, EMO_INPUT, "%s: only %" PRIu32 " of %" PRIu32 " shards; give all of "
                         "them", r->source.file, r->shards_seen, r->shards);
    r->ended = true;
    return EMO_OK;
}

int emo_reader_open(struct emo_reader **reader, const char *const *paths, size_t count,
                    unsigned kinds, struct emo_error *err)
{
    struct emo_source none = {0};
    return emo_reader_open_peeked(reader, &none, count > 0 ? paths : default_paths,
                                  count > 0 ? count : 1, kinds, err);
}

int emo_reader_open_peeked(struct emo_reader **reader, struct emo_source *first,
                           const char *const *paths, size_t count, unsigned kinds,
                           struct emo_error *err)
{
    struct emo_reader *r = calloc(1, sizeof *r);
    bool got;
    *reader = NULL;
    if (r == NULL) {
        emo_source_free(first);
        return emo_error_memory(err, sizeof *r, "a reader");
    }
    r->source = *first;
    *first = (struct emo_source){0};
    r->path = r->source.opened;
    r->paths = paths;
    r->path_count = count;
    r->kinds = kinds;
    r->cap_payload = EMO_CAP_PAYLOAD;
    r->cap_metadata = EMO_CAP_METADATA;
    int status = next_segment(r, &got, err);
    if (status != EMO_OK) {
        emo_reader_close(r);
        return status;
    }
    *reader = r;
    return EMO_OK;
}

int emo_reader_open_joined(struct emo_reader **reader, struct emo_source *sources,
                           const char *const *paths, size_t count, const struct emo_head *head,
                           struct emo_error *err)
{
    struct emo_reader *r = calloc(1, sizeof *r);
    bool got;
    *reader = NULL;
    if (r == NULL) {
        for (size_t i = 0; i < count; i++)
            emo_source_free(&sources[i]);
        free(sources);
        return emo_error_memory(err, sizeof *r, "a reader");
    }
    r->sources = sources;
    r->paths = paths;
    r->path_count = count;
    r->kinds = 1u << head->kind;
    r->joins = true;
    r->cap_payload = EMO_CAP_PAYLOAD;
    r->cap_metadata = EMO_CAP_METADATA;
    int status = emo_head_copy(&r->head, head, err);
    if (status == EMO_OK)
        status = next_segment(r, &got, err);
    if (status != EMO_OK) {
        emo_reader_close(r);
        return status;
    }
    *reader = r;
    return EMO_OK;
}

static int aborted(struct emo_reader *r, const struct emo_end_frame *f, struct emo_error *err)
{
    char quoted[EMO_CAP_REASON + 8];
    r->reason = malloc((size_t)f->text_length + 1);
    if (r->reason == NULL)
        return emo_error_memory(err, f->text_length, "a message");
    if (f->text_length > 0)
        memcpy(r->reason, r->scratch.bytes, f->text_length);
    r->reason[f->text_length] = '\0';
    emo_quote(quoted, sizeof quoted, r->reason, strlen(r->reason));
    return emo_error(err, EMO_INPUT, "%s: aborted upstream after %" PRIu64 " records: %s",
                     r->source.file, f->record_count, quoted);
}

/* An END whose 64 bytes are in f. */
static int read_end(struct emo_reader *r, const struct emo_end_frame *f, uint64_t start,
                    struct emo_error *err)
{
    const char *wrong = NULL;
    if (emo_header_crc(f) != f->header_crc)
        wrong = "damaged (CRC mismatch)";
    else if (f->must != 0)
        wrong = "made by a newer version of emo";
    else if (f->zero64 != 0 || f->status > EMO_ABORTED || f->text_length > EMO_CAP_REASON ||
             (f->status == EMO_COMPLETE && f->text_length != 0))
        wrong = "a field that makes no sense";
    else if (f->frame_length != EMO_FRAME_SIZE + emo_pad64(f->text_length))
        wrong = "its lengths contradict each other";
    else if (f->head_crc != r->head_crc)
        wrong = "it belongs to another stream";
    else if (f->record_count != r->segment_records)
        wrong = "the number of records is not the number written";
    else if (f->segment_length != start - r->segment_start + f->frame_length)
        wrong = "the length is not the length written";
    else if (f->running_crc != r->running_crc)
        wrong = "the records are not those written (running CRC mismatch)";
    if (wrong != NULL)
        return emo_broken(&r->source, err, "end mark", start, "%s", wrong);
    int status =
        emo_take_text(&r->source, "end mark", start, f->text_length, f->text_crc, &r->scratch, err);
    if (status == EMO_OK && f->status == EMO_ABORTED)
        status = aborted(r, f, err);
    r->in_segment = false;
    return status;
}

/* What is wrong with a RECORD whose CRC is right; NULL: nothing. */
static const char *record_wrong(const struct emo_reader *r, const struct emo_record_frame *f,
                                uint64_t *payload_length)
{
    if (f->metadata_length > r->cap_metadata)
        return "its metadata is longer than the cap";
    if (!emo_payload_length(f->dtype, f->rank, f->dim, payload_length))
        return "its type and dimensions make no sense";
    if (*payload_length > r->cap_payload)
        return "its payload is longer than the cap";
    if (f->frame_length !=
        EMO_FRAME_SIZE + emo_pad64(f->metadata_length) + emo_pad64(*payload_length))
        return "its lengths contradict each other";
    if (f->split > EMO_TEST || f->order > EMO_IO)
        return "a field that makes no sense";
    if (f->label < -1 || (f->label >= 0 && (size_t)f->label >= r->segment_classes))
        return "its label is not one of the classes";
    return NULL;
}

/* Fills record from a RECORD whose 64 bytes are in f. */
static int read_record(struct emo_reader *r, const struct emo_record_frame *f, uint64_t start,
                       struct emo_record *record, struct emo_error *err)
{
    char place[64];
    uint64_t payload_length = 0;
    snprintf(place, sizeof place, "record %" PRIu64, r->file_records + 1);
    if (memcmp(f->tag, EMO_TAG_RECORD, 4) != 0)
        return emo_broken(&r->source, err, place, start,
                          "neither a record nor an end mark: damaged");
    if (emo_header_crc(f) != f->header_crc)
        return emo_broken(&r->source, err, place, start, "damaged (CRC mismatch in its header)");
    if (f->must != 0)
        return emo_broken(&r->source, err, place, start, "made by a newer version of emo");
    const char *wrong = record_wrong(r, f, &payload_length);
    if (wrong != NULL)
        return emo_broken(&r->source, err, place, start, "%s", wrong);
    int status = emo_take_text(&r->source, place, start, f->metadata_length, f->metadata_crc,
                               &r->scratch, err);
    if (status != EMO_OK)
        return status;
    wrong = emo_metadata_check(r->scratch.bytes, f->metadata_length);
    if (wrong != NULL)
        return emo_broken(&r->source, err, place, start, "%s", wrong);
    uint64_t id;
    if (__builtin_add_overflow(f->id, r->id_base, &id) || id == UINT64_MAX)
        return emo_broken(&r->source, err, place, start,
                          "its id is too large to be joined to those before");
    if (id >= r->id_next)
        r->id_next = id + 1;

    emo_metadata_assign(&record->metadata, r->scratch.bytes, f->metadata_length);
    if (record->metadata.failed)
        return emo_error_memory(err, f->metadata_length, "metadata");
    record->id = id;
    record->label = r->joins && f->label >= 0 ? r->map[f->label] : f->label;
    record->split = f->split;
    record->dtype = f->dtype;
    record->rank = f->rank;
    record->order = f->order;
    record->epoch = f->epoch;
    record->may = f->may;
    memcpy(record->dim, f->dim, sizeof record->dim);
    record->payload = NULL;
    record->payload_length = payload_length;
    record->data_crc = f->data_crc;
    record->data_crc_known = true;
    record->file = r->source.file;
    record->number = ++r->file_records;
    record->offset = start;
    record->header_crc = f->header_crc;
    r->segment_records++;
    r->total++;
    r->running_crc = emo_crc32(r->running_crc, &f->header_crc, 4);
    return EMO_OK;
}

static int next_header(struct emo_reader *r, struct emo_record *record, bool *got,
                       struct emo_error *err)
{
    while (!r->ended) {
        union {
            struct emo_record_frame record;
            struct emo_end_frame end;
        } f;
        uint64_t start = r->source.offset;
        char place[64];
        size_t n;
        bool more;
        int status = emo_source_take(&r->source, &f, EMO_FRAME_SIZE, &n, err);
        if (status != EMO_OK)
            return status;
        snprintf(place, sizeof place, "after %" PRIu64 " records", r->file_records);
        if (n < EMO_FRAME_SIZE)
            return emo_broken(&r->source, err, place, start, EMO_CUT_SHORT);
        if (memcmp(f.end.tag, EMO_TAG_END, 4) != 0) {
            *got = true;
            return read_record(r, &f.record, start, record, err);
        }
        status = read_end(r, &f.end, start, err);
        if (status == EMO_OK)
            status = next_segment(r, &more, err);
        if (status != EMO_OK)
            return status;
    }
    return EMO_OK;
}

int emo_reader_header(struct emo_reader *r, struct emo_record *record, bool *got,
                      struct emo_error *err)
{
    *got = false;
    if (r->failed != EMO_OK)
        return emo_error(err, r->failed, "%s: read after an error", r->source.file);
    r->failed = next_header(r, record, got, err);
    if (r->failed != EMO_OK)
        *got = false;
    return r->failed;
}

/* Of a payload of which got bytes came, with this CRC. */
static int check_payload(struct emo_reader *r, const struct emo_record *record, uint64_t got,
                         uint32_t crc, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE];
    uint8_t padding[EMO_FRAME_SIZE];
    size_t n = (size_t)(emo_pad64(record->payload_length) - record->payload_length), padded = 0;
    bool zero = true;
    if (got == record->payload_length) {
        int status = emo_source_take(&r->source, padding, n, &padded, err);
        if (status != EMO_OK)
            return status;
    }
    for (size_t i = 0; i < padded; i++)
        zero = zero && padding[i] == 0;
    if (got == record->payload_length && padded == n && zero && crc == record->data_crc)
        return EMO_OK;
    emo_record_where(record, where, sizeof where);
    if (got < record->payload_length || padded < n)
        return emo_error(err, EMO_INPUT, "%s, byte %" PRIu64 ": %s", where, r->source.offset,
                         EMO_CUT_SHORT);
    if (!zero)
        return emo_error(err, EMO_INPUT, "%s, byte %" PRIu64 ": padding that is not zero", where,
                         r->source.offset - n);
    return emo_error(err, EMO_INPUT, "%s, byte %" PRIu64 ": its data is damaged (CRC mismatch)",
                     where, record->offset);
}

int emo_reader_check(struct emo_reader *r, const struct emo_record *record, struct emo_error *err)
{
    uint64_t got = 0;
    uint32_t crc = 0;
    size_t n = 1;
    int status = EMO_OK;
    while (status == EMO_OK && n > 0 && got < record->payload_length) {
        const uint8_t *bytes = NULL;
        status = emo_source_borrow(&r->source, (size_t)(record->payload_length - got), &bytes, &n,
                                   err);
        if (status == EMO_OK) {
            crc = emo_crc32(crc, bytes, n);
            got += n;
        }
    }
    if (status == EMO_OK)
        status = check_payload(r, record, got, crc, err);
    r->failed = status;
    return status;
}

int emo_reader_skip(struct emo_reader *r, const struct emo_record *record, bool *skipped,
                    struct emo_error *err)
{
    r->failed = emo_source_seek(&r->source, emo_pad64(record->payload_length), skipped, err);
    if (r->failed == EMO_OK && !*skipped)
        return emo_reader_check(r, record, err);
    return r->failed;
}

int emo_reader_payload(struct emo_reader *r, struct emo_record *record, void *to,
                       struct emo_error *err)
{
    size_t got;
    int status = emo_source_take(&r->source, to, (size_t)record->payload_length, &got, err);
    if (status == EMO_OK)
        status = check_payload(r, record, got, emo_crc32(0, to, got), err);
    if (status == EMO_OK)
        record->payload = to;
    r->failed = status;
    return status;
}

int emo_reader_next(struct emo_reader *r, struct emo_record *record, bool *got,
                    struct emo_error *err)
{
    size_t n;
    int status = emo_reader_header(r, record, got, err);
    if (status != EMO_OK || !*got)
        return status;
    status = emo_source_take_growing(&r->source, &r->payload, &r->payload_room,
                                     (size_t)record->payload_length, &n, err);
    if (status == EMO_OK)
        status = check_payload(r, record, n, emo_crc32(0, r->payload, n), err);
    if (status == EMO_OK)
        record->payload = r->payload;
    else
        *got = false;
    r->failed = status;
    return status;
}
