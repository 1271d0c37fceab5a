#include "stream/take.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int emo_broken(const struct emo_source *s, struct emo_error *err, const char *place,
               uint64_t offset, const char *format, ...)
{
    char text[EMO_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return emo_error(err, EMO_INPUT, "%s: %s, byte %" PRIu64 ": %s", s->file, place, offset, text);
}

int emo_take_text(struct emo_source *s, const char *place, uint64_t start, size_t n, uint32_t crc,
                  struct emo_scratch *scratch, struct emo_error *err)
{
    size_t got, padded = (size_t)emo_pad64(n);
    int status = emo_source_take_growing(s, &scratch->bytes, &scratch->room, padded, &got, err);
    if (status != EMO_OK)
        return status;
    if (got < padded)
        return emo_broken(s, err, place, start, EMO_CUT_SHORT);
    if (emo_crc32(0, scratch->bytes, n) != crc)
        return emo_broken(s, err, place, start, "its text or metadata is damaged (CRC mismatch)");
    for (size_t i = n; i < padded; i++)
        if (scratch->bytes[i] != 0)
            return emo_broken(s, err, place, start, "padding that is not zero");
    return EMO_OK;
}

/* What is wrong with a HEAD whose CRC is right; NULL: nothing. */
static const char *head_wrong(const struct emo_head_frame *f)
{
    size_t cap = f->kind == EMO_MODEL || f->kind == EMO_CHECKPOINT ? EMO_CAP_TEXT_MODEL
                                                                   : EMO_CAP_TEXT;
    if (f->major == 0)
        return "format version 0";
    if (f->kind < EMO_IMAGES || f->kind > EMO_CHECKPOINT)
        return "a stream of unknown kind";
    if (f->zero16 != 0 || f->zero64 != 0)
        return "a reserved field is not zero";
    if (f->text_length > cap)
        return "its text is longer than the cap";
    if (f->frame_length != EMO_FRAME_SIZE + emo_pad64(f->text_length))
        return "its lengths contradict each other";
    if (f->shards == 0 || f->shard >= f->shards || f->shards > EMO_CAP_SHARDS)
        return "its shard numbers make no sense";
    return NULL;
}

static int not_a_stream(const struct emo_source *s, uint64_t start, struct emo_error *err)
{
    if (start > 0)
        return emo_broken(s, err, "after the end mark", start, "bytes that are no tensor stream");
    return emo_error(err, EMO_INPUT, "%s: not a tensor stream; emo-unzip makes one from images",
                     s->file);
}

static int take_frame(struct emo_source *s, struct emo_head_frame *f, uint64_t start, bool *got,
                      struct emo_error *err)
{
    size_t n;
    int status = emo_source_take(s, f, sizeof *f, &n, err);
    if (status != EMO_OK)
        return status;
    *got = n > 0;
    if (n == 0)
        return start > 0 ? EMO_OK
                         : emo_error(err, EMO_INPUT, "%s: empty: no bytes at all are not a stream; "
                                     "what should have written it failed", s->file);
    if (memcmp(f, EMO_MAGIC, n < 8 ? n : 8) != 0)
        return not_a_stream(s, start, err);
    if (n < sizeof *f)
        return emo_broken(s, err, "head", start, EMO_CUT_SHORT);
    if (emo_header_crc(f) != f->header_crc)
        return emo_broken(s, err, "head", start, "damaged (CRC mismatch)");
    if (f->major > EMO_MAJOR || f->must != 0)
        return emo_broken(s, err, "head", start, "made by a newer version of emo (format %u.%u)",
                          f->major, f->minor);
    const char *wrong = head_wrong(f);
    return wrong != NULL ? emo_broken(s, err, "head", start, "%s", wrong) : EMO_OK;
}

int emo_take_head(struct emo_source *s, struct emo_head_frame *f, struct emo_scratch *scratch,
                  struct emo_head *head, bool *got, struct emo_error *err)
{
    uint64_t start = s->offset;
    *got = false;
    int status = take_frame(s, f, start, got, err);
    if (status != EMO_OK || !*got)
        return status;
    *got = false;
    status = emo_take_text(s, "head", start, f->text_length, f->text_crc, scratch, err);
    if (status != EMO_OK)
        return status;
    emo_head_begin(head, f->kind);
    head->may = f->may;
    head->records_expected = f->records_expected;
    head->shard = f->shard;
    head->shards = f->shards;
    status = emo_head_parse(head, (const char *)scratch->bytes, f->text_length, err);
    if (status == EMO_INPUT)
        emo_error_prefix(err, "%s", s->file);
    if (status != EMO_OK)
        emo_head_free(head);
    *got = status == EMO_OK;
    return status;
}
