#include "stream/record.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>

void emo_record_free(struct emo_record *r)
{
    emo_metadata_free(&r->metadata);
    *r = (struct emo_record){0};
}

void emo_record_shape(struct emo_record *r, enum emo_dtype dtype, enum emo_order order,
                      unsigned rank, const uint32_t *dim)
{
    r->dtype = (uint8_t)dtype;
    r->order = (uint8_t)order;
    r->rank = (uint8_t)rank;
    for (unsigned i = 0; i < 4; i++)
        r->dim[i] = i < rank ? dim[i] : 0;
    if (!emo_payload_length(r->dtype, r->rank, r->dim, &r->payload_length))
        r->payload_length = 0;
    r->data_crc_known = false;
}

int emo_record_copy_header(struct emo_record *to, const struct emo_record *from,
                           struct emo_error *err)
{
    struct emo_record copy = *from;
    copy.metadata = to->metadata;
    copy.payload = NULL;
    copy.file = NULL;
    copy.number = copy.offset = 0;
    emo_metadata_assign(&copy.metadata, from->metadata.bytes, from->metadata.length);
    *to = copy;
    return to->metadata.failed ? emo_error_memory(err, from->metadata.length, "metadata") : EMO_OK;
}

const char *emo_record_name(const struct emo_record *r, size_t *n)
{
    const char *name = emo_metadata_text(&r->metadata, "name", n);
    if (name != NULL)
        return name;
    *n = 0;
    return "";
}

char *emo_record_where(const struct emo_record *r, char *out, size_t size)
{
    char file[EMO_QUOTE_SIZE], name[EMO_QUOTE_SIZE] = "";
    size_t n;
    const char *s = emo_record_name(r, &n);
    if (n > 0)
        emo_quote(name, sizeof name, s, n);
    snprintf(file, sizeof file, "%s", r->file != NULL ? r->file : "");
    snprintf(out, size, "%s%srecord %" PRIu64 "%s%s", file, r->file != NULL ? ": " : "", r->number,
             n > 0 ? " " : "", name);
    return out;
}

char *emo_record_dims(const struct emo_record *r, char *out, size_t size)
{
    size_t at = 0;
    snprintf(out, size, "scalar");
    for (unsigned i = 0; i < r->rank && i < 4 && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%" PRIu32, i > 0 ? "x" : "", r->dim[i]);
    return out;
}
