#include "stream/record.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
    copy.header_crc = 0;
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

size_t emo_record_elements(const struct emo_record *r)
{
    size_t size = emo_dtype_size(r->dtype);
    return size > 0 ? (size_t)r->payload_length / size : 0;
}

double emo_record_value(const struct emo_record *r, size_t i)
{
    union {
        uint8_t u8;
        int32_t i32;
        int64_t i64;
        uint64_t u64;
        uint32_t bits;
        float f32;
        double f64;
    } v = {0};
    size_t size = emo_dtype_size(r->dtype);
    /* bf16 is the upper half of a float32. */
    memcpy((uint8_t *)&v + (r->dtype == EMO_BF16 ? 2 : 0),
           (const uint8_t *)r->payload + i * size, size);
    switch (r->dtype) {
    case EMO_U8: return v.u8;
    case EMO_I32: return v.i32;
    case EMO_I64: return (double)v.i64;
    case EMO_U64: return (double)v.u64;
    case EMO_F64: return v.f64;
    default: return (double)v.f32;
    }
}

char *emo_record_dims(const struct emo_record *r, char *out, size_t size)
{
    size_t at = 0;
    snprintf(out, size, "scalar");
    for (unsigned i = 0; i < r->rank && i < 4 && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%" PRIu32, i > 0 ? "x" : "", r->dim[i]);
    return out;
}

int emo_record_check_image(const struct emo_record *r, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE], dims[48];
    if (r->dtype == EMO_U8 && r->rank == 3 && (r->dim[2] == 1 || r->dim[2] == 3))
        return EMO_OK;
    return emo_error(err, EMO_INPUT, "%s: %s of %s; an image is HEIGHTxWIDTHxCHANNELS of u8 with "
                     "1 or 3 channels", emo_record_where(r, where, sizeof where),
                     emo_record_dims(r, dims, sizeof dims), emo_dtype_name(r->dtype));
}
