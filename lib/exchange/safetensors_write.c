#include "exchange/safetensors.h"

#include "stream/frame.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The HEAD text as JSON; in a line that is not UTF-8 every byte beyond ASCII becomes \xHH. */
static void put_head(struct emo_text *out, const struct emo_text *head)
{
    struct emo_text text = {0};
    size_t n;
    for (size_t at = 0; at < head->length; at += n + 1) {
        const char *line = head->bytes + at;
        n = strcspn(line, "\n");
        bool utf8 = emo_is_utf8(line, n);
        for (size_t i = 0; i < n; i++) {
            if (!utf8 && (unsigned char)line[i] >= 0x80)
                emo_text_printf(&text, "\\x%02X", (unsigned char)line[i]);
            else
                emo_text_add(&text, line + i, 1);
        }
        emo_text_add(&text, "\n", 1);
    }
    emo_text_json(out, text.bytes != NULL ? text.bytes : "", text.length);
    out->failed = out->failed || text.failed;
    emo_text_free(&text);
}

static void put_tensor(struct emo_text *out, const char *name, const char *dtype,
                       const uint32_t *dim, unsigned rank, uint64_t *offset, uint64_t bytes)
{
    emo_text_printf(out, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", name, dtype);
    for (unsigned i = 0; i < rank; i++)
        emo_text_printf(out, "%s%" PRIu32, i > 0 ? "," : "", dim[i]);
    emo_text_printf(out, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", *offset, *offset + bytes);
    *offset += bytes;
}

static int format_header(const struct emo_weights *w, enum emo_layout layout, struct emo_text *out,
                         struct emo_error *err)
{
    const struct emo_model *m = &w->model;
    struct emo_text head = {0};
    uint64_t offset = 0;
    uint32_t dim[4] = {(uint32_t)m->origin_count};
    bool torch = layout == EMO_LAYOUT_TORCH;
    int status = emo_head_format(&m->head, &head, err);
    emo_text_printf(out, "{\"__metadata__\":{\"format\":\"%s\",\"emo.layout\":\"%s\",\"emo.head\":",
                    torch ? "pt" : "np", torch ? "torch" : "keras");
    put_head(out, &head);
    emo_text_printf(out, "}");
    /* First, since its elements are the largest: so all are aligned. */
    if (m->origin_count > 0)
        put_tensor(out, "emo.origins", "I64", dim, 1, &offset, m->origin_count * 8);
    for (size_t i = 0; i < w->count; i++) {
        unsigned rank = emo_layout_dims(&w->graph, i, layout, dim);
        put_tensor(out, w->at[i].name, "F32", dim, rank, &offset, w->at[i].count * 4);
    }
    emo_text_printf(out, "}");
    emo_text_printf(out, "%*s", (int)((8 - out->length % 8) % 8), "");
    emo_text_free(&head);
    if (status == EMO_OK && out->failed)
        status = emo_error_memory(err, out->length, "a header");
    return status;
}

int emo_safetensors_write(const struct emo_weights *w, enum emo_layout layout,
                          struct emo_output *output, struct emo_error *err)
{
    struct emo_text header = {0};
    size_t most = 1;
    int fd = emo_output_fd(output);
    for (size_t i = 0; i < w->count; i++)
        most = w->at[i].count > most ? w->at[i].count : most;
    float *values = malloc(most * sizeof *values);
    int status = values != NULL ? format_header(w, layout, &header, err)
                                : emo_error_memory(err, most * sizeof *values, "a tensor");
    uint64_t length = header.length;
    bool written = status == EMO_OK && emo_write(fd, &length, 8) == 0 &&
                   emo_write(fd, header.bytes, header.length) == 0 &&
                   (w->model.origin_count == 0 ||
                    emo_write(fd, w->model.origins, w->model.origin_count * 8) == 0);
    for (size_t i = 0; written && i < w->count; i++) {
        emo_layout_copy(&w->graph, i, layout, false, w->at[i].values, values);
        written = emo_write(fd, values, w->at[i].count * sizeof *values) == 0;
    }
    if (status == EMO_OK && !written)
        status = emo_error_errno(err, "%s", emo_output_name(output));
    free(values);
    emo_text_free(&header);
    return status;
}
