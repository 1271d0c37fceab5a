#include "stream/listing.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void emo_list_columns(struct emo_text *out)
{
    emo_text_printf(out, "id\tsplit\tepoch\tclass\tdtype\tshape\tname");
}

/* NULL: none. */
static const char *class_name(const struct emo_head *head, const struct emo_record *r)
{
    return r->label >= 0 ? head->classes[r->label] : NULL;
}

void emo_list_row(struct emo_text *out, const struct emo_head *head, const struct emo_record *r)
{
    char dims[48];
    size_t n = 0;
    const char *class = class_name(head, r), *name = emo_metadata_text(&r->metadata, "name", &n);
    emo_text_printf(out, "%" PRIu64 "\t%s\t", r->id, emo_split_name(r->split));
    if (r->epoch > 0)
        emo_text_printf(out, "%u", r->epoch);
    else
        emo_text_add(out, "NA", 2);
    emo_text_field(out, class, class != NULL ? strlen(class) : 0);
    emo_text_printf(out, "\t%s\t%s", emo_dtype_name(r->dtype),
                    emo_record_dims(r, dims, sizeof dims));
    emo_text_field(out, name, n);
}

static void add_f64(struct emo_text *out, const uint8_t *at)
{
    double value;
    memcpy(&value, at, sizeof value);
    emo_text_json_number(out, value);
}

static void add_value(struct emo_text *out, const struct emo_metadata_entry *e)
{
    int64_t whole;
    switch (e->type & ~(unsigned)EMO_META_PAYLOAD_ONLY) {
    case EMO_META_TEXT: emo_text_json(out, (const char *)e->value, e->value_length); break;
    case EMO_META_I64:
        memcpy(&whole, e->value, sizeof whole);
        emo_text_printf(out, "%" PRId64, whole);
        break;
    case EMO_META_F64: add_f64(out, e->value); break;
    case EMO_META_F64S:
        emo_text_add(out, "[", 1);
        for (size_t i = 0; i < e->value_length; i += sizeof(double)) {
            emo_text_add(out, ",", i > 0);
            add_f64(out, e->value + i);
        }
        emo_text_add(out, "]", 1);
        break;
    default: /* bytes, and what a later version may bring */
        emo_text_add(out, "\"", 1);
        for (size_t i = 0; i < e->value_length; i++)
            emo_text_printf(out, "%02x", e->value[i]);
        emo_text_add(out, "\"", 1);
    }
}

void emo_list_object(struct emo_text *out, const struct emo_head *head, const struct emo_record *r)
{
    struct emo_metadata_entry e;
    size_t n = 0, at = 0;
    const char *class = class_name(head, r), *name = emo_metadata_text(&r->metadata, "name", &n);
    emo_text_printf(out, "{\"id\":%" PRIu64 ",\"split\":\"%s\",\"epoch\":", r->id,
                    emo_split_name(r->split));
    if (r->epoch > 0)
        emo_text_printf(out, "%u", r->epoch);
    else
        emo_text_json(out, NULL, 0);
    emo_text_printf(out, ",\"class\":");
    emo_text_json(out, class, class != NULL ? strlen(class) : 0);
    emo_text_printf(out, ",\"dtype\":\"%s\",\"shape\":[", emo_dtype_name(r->dtype));
    for (unsigned i = 0; i < r->rank; i++)
        emo_text_printf(out, "%s%" PRIu32, i > 0 ? "," : "", r->dim[i]);
    emo_text_printf(out, "],\"name\":");
    emo_text_json(out, name, n);
    emo_text_printf(out, ",\"order\":\"%s\",\"metadata\":{", emo_order_name(r->order));
    for (bool more = false; emo_metadata_next(&r->metadata, &at, &e); more = true) {
        emo_text_add(out, ",", more);
        emo_text_json(out, e.key, e.key_length);
        emo_text_add(out, ":", 1);
        add_value(out, &e);
    }
    emo_text_add(out, "}", 1);
}

void emo_list_head(struct emo_text *out, const struct emo_head *h)
{
    emo_text_printf(out, "kind\t%s\nrecords_expected\t", emo_kind_name(h->kind));
    if (h->records_expected == EMO_UNKNOWN)
        emo_text_printf(out, "NA\n");
    else
        emo_text_printf(out, "%" PRIu64 "\n", h->records_expected);
    emo_text_printf(out, "shard\t%" PRIu32 "/%" PRIu32 "\n", h->shard + 1, h->shards);
    for (size_t i = 0; i < h->class_count; i++) {
        emo_text_printf(out, "@CLASS\t%zu", i);
        emo_text_field(out, h->classes[i], strlen(h->classes[i]));
        emo_text_add(out, "\n", 1);
    }
    emo_text_add(out, h->lines.bytes, h->lines.length);
}

/* The fields of the next line that begins with prefix ("@PG\t"), at *at, which begins as 0; *n
   their length. NULL: there are no more. */
static const char *next_line(const struct emo_head *h, const char *prefix, size_t *at, size_t *n)
{
    size_t skip = strlen(prefix);
    while (*at < h->lines.length) {
        const char *line = h->lines.bytes + *at;
        *n = strcspn(line, "\n");
        *at += *n + 1;
        if (*n >= skip && memcmp(line, prefix, skip) == 0) {
            *n -= skip;
            return line + skip;
        }
    }
    return NULL;
}

/* Adds the next field of a line as a string, its escapes undone, and makes *line what follows. */
static void add_field(struct emo_text *out, const char **line, size_t *left)
{
    struct emo_text text = {0};
    const char *tab = memchr(*line, '\t', *left);
    size_t n = tab != NULL ? (size_t)(tab - *line) : *left, length = n;
    emo_text_add(&text, *line, n);
    if (text.failed)
        out->failed = true;
    else if (emo_unescape(text.bytes, &length))
        emo_text_json(out, text.bytes, length);
    else
        emo_text_json(out, *line, n);
    emo_text_free(&text);
    n += tab != NULL;
    *line += n;
    *left -= n;
}

static void add_programs(struct emo_text *out, const struct emo_head *h)
{
    static const char *const keys[] = {"program", "version", "options", "seed"};
    const char *line;
    size_t at = 0, n;
    emo_text_printf(out, ",\"programs\":[");
    for (bool more = false; (line = next_line(h, "@PG\t", &at, &n)) != NULL; more = true) {
        for (size_t k = 0; k < 4; k++) {
            emo_text_printf(out, "%s\"%s\":", k > 0 ? "," : more ? ",{" : "{", keys[k]);
            if (k == 3 && n == 2 && memcmp(line, "NA", 2) == 0)
                emo_text_json(out, NULL, 0);
            else
                add_field(out, &line, &n);
        }
        emo_text_add(out, "}", 1);
    }
    emo_text_add(out, "]", 1);
}

static void add_keys(struct emo_text *out, const struct emo_head *h)
{
    const char *line;
    size_t at = 0, n;
    emo_text_printf(out, ",\"keys\":{");
    for (bool more = false; (line = next_line(h, "@KEY\t", &at, &n)) != NULL; more = true) {
        emo_text_add(out, ",", more);
        add_field(out, &line, &n);
        emo_text_add(out, ":", 1);
        add_field(out, &line, &n);
    }
    emo_text_add(out, "}", 1);
}

void emo_list_head_object(struct emo_text *out, const struct emo_head *h)
{
    struct emo_text net = {0};
    emo_text_printf(out, "{\"kind\":\"%s\",\"records_expected\":", emo_kind_name(h->kind));
    if (h->records_expected == EMO_UNKNOWN)
        emo_text_json(out, NULL, 0);
    else
        emo_text_printf(out, "%" PRIu64, h->records_expected);
    emo_text_printf(out, ",\"shard\":%" PRIu32 ",\"shards\":%" PRIu32 ",\"classes\":[",
                    h->shard + 1, h->shards);
    for (size_t i = 0; i < h->class_count; i++) {
        emo_text_add(out, ",", i > 0);
        emo_text_json(out, h->classes[i], strlen(h->classes[i]));
    }
    emo_text_add(out, "]", 1);
    add_programs(out, h);
    add_keys(out, h);
    emo_text_printf(out, ",\"net\":");
    bool has = emo_head_net(h, &net);
    out->failed = out->failed || net.failed;
    emo_text_json(out, has ? net.bytes : NULL, net.length);
    emo_text_free(&net);
}

void emo_list_value(struct emo_text *out, const struct emo_record *r, size_t i, bool json)
{
    const uint8_t *at = (const uint8_t *)r->payload + i * emo_dtype_size(r->dtype);
    double value = emo_record_value(r, i);
    int64_t whole;
    uint64_t natural;
    switch (r->dtype) {
    case EMO_U8:
    case EMO_I32: emo_text_printf(out, "%.0f", value); return;
    case EMO_I64:
        memcpy(&whole, at, sizeof whole);
        emo_text_printf(out, "%" PRId64, whole);
        return;
    case EMO_U64:
        memcpy(&natural, at, sizeof natural);
        emo_text_printf(out, "%" PRIu64, natural);
        return;
    default: break;
    }
    if (r->dtype != EMO_F64 && isfinite(value))
        emo_text_printf(out, "%.*g", r->dtype == EMO_F32 ? 9 : 4, value);
    else if (json)
        emo_text_json_number(out, value);
    else
        emo_text_number(out, value);
}
