#include "exchange/npy.h"
#include "exchange/safetensors.h"

#include "stream/frame.h"
#include "stream/source.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORIGINS "emo.origins"

/* A tensor as the header names it. */
struct part {
    const char *name; /* in the header */
    size_t index;     /* in the graph; its tensor_count: the origins */
    uint64_t begin, end;
};

struct safetensors {
    struct emo_source source;
    json_t *header;
    enum emo_layout layout;
    struct emo_graph graph;
    struct part *parts; /* as they follow one another in the file */
    size_t part_count;
    uint8_t **data; /* of each tensor of the graph, then of the origins */
    size_t origin_count, next;
    float *values;
};

static void st_close(void *state)
{
    struct safetensors *s = state;
    if (s == NULL)
        return;
    for (size_t i = 0; s->data != NULL && i <= s->graph.tensor_count; i++)
        free(s->data[i]);
    free(s->data);
    free(s->parts);
    free(s->values);
    emo_graph_free(&s->graph);
    json_decref(s->header);
    emo_source_free(&s->source);
    free(s);
}

static int take_source(void *context, void *to, size_t n, size_t *got, struct emo_error *err)
{
    return emo_source_take(context, to, n, got, err);
}

/* Where memory runs out jansson drops a byte of a string and goes on, or ends the process. So it is
   then given of a reserve, to its end, and what it read is not believed. */
static _Thread_local struct {
    char *at; /* NULL: no text is being read */
    size_t size, used;
} reserve;

static void *allocate(size_t n)
{
    void *p = malloc(n);
    size_t rounded = (n | 15) + 1;
    if (p == NULL && reserve.at != NULL && rounded > n && rounded <= reserve.size - reserve.used) {
        p = reserve.at + reserve.used;
        reserve.used += rounded;
    }
    return p;
}

static void release(void *p)
{
    uintptr_t at = (uintptr_t)p, begin = (uintptr_t)reserve.at;
    if (reserve.at == NULL || at < begin || at - begin >= reserve.size)
        free(p);
}

static int parse_header(struct safetensors *s, const uint8_t *text, size_t n, struct emo_error *err)
{
    json_error_t why;
    reserve.size = 4 * n + (64u << 10);
    reserve.used = 0;
    reserve.at = malloc(reserve.size);
    if (reserve.at == NULL)
        return emo_error_memory(err, reserve.size, "a header");
    json_set_alloc_funcs(allocate, release);
    s->header = json_loadb((const char *)text, n, JSON_REJECT_DUPLICATES, &why);
    if (reserve.used > 0) {
        json_decref(s->header);
        s->header = NULL;
    }
    free(reserve.at);
    reserve.at = NULL;
    return reserve.used == 0 ? EMO_OK : emo_error_memory(err, n, "a header");
}

static int read_header(struct safetensors *s, struct emo_error *err)
{
    const struct emo_npy_input in = {.take = take_source, .context = &s->source};
    uint64_t length = 0;
    uint8_t *text = NULL;
    size_t got, room = 0;
    int status = emo_source_take(&s->source, &length, 8, &got, err);
    if (status != EMO_OK)
        return status;
    if (got < 8 || length < 2)
        return emo_error(err, EMO_INPUT, "%s: no safetensors file, or cut short in its header",
                         s->source.file);
    if (length > EMO_CAP_SAFETENSORS_HEADER)
        return emo_error(err, EMO_INPUT, "%s: no safetensors file, or a header of %" PRIu64 " bytes, "
                         "of which at most %u are possible", s->source.file, length,
                         EMO_CAP_SAFETENSORS_HEADER);
    status = emo_npy_take(&in, &text, &room, 0, (size_t)length, &got, err);
    if (status == EMO_OK && got < length)
        status = emo_error(err, EMO_INPUT, "%s: cut short in its header", s->source.file);
    if (status == EMO_OK && text[0] == '{')
        status = parse_header(s, text, (size_t)length, err);
    if (status == EMO_OK && !json_is_object(s->header))
        status = emo_error(err, EMO_INPUT, "%s: its header is no JSON object: damaged, or no "
                           "safetensors file", s->source.file);
    free(text);
    return status;
}

/* A string of __metadata__. */
static const char *metadata(const struct safetensors *s, const char *key, size_t *n)
{
    json_t *value = json_object_get(json_object_get(s->header, "__metadata__"), key);
    *n = json_string_length(value);
    return json_string_value(value);
}

/* Layout, HEAD and network. */
static int read_metadata(struct safetensors *s, struct emo_head *head, struct emo_error *err)
{
    struct emo_text net = {0};
    uint32_t h, w, c;
    size_t n;
    const char *layout = metadata(s, "emo.layout", &n), *text = metadata(s, "emo.head", &n);
    if (layout == NULL || text == NULL)
        return emo_error(err, EMO_INPUT, "%s: nothing in its __metadata__ says what network it is; "
                         "save it with the metadata of a file that was made with -t safetensors",
                         s->source.file);
    s->layout = strcmp(layout, "keras") == 0 ? EMO_LAYOUT_KERAS : EMO_LAYOUT_TORCH;
    if (s->layout == EMO_LAYOUT_TORCH && strcmp(layout, "torch") != 0)
        return emo_error(err, EMO_INPUT, "%s: emo.layout is neither torch nor keras",
                         s->source.file);
    int status = emo_head_parse(head, text, n, err);
    if (status == EMO_OK && (!emo_head_input(head, &h, &w, &c) || !emo_head_net(head, &net)))
        status = net.failed ? emo_error_memory(err, net.length, "network text")
                            : emo_error(err, EMO_INPUT, "emo.head has no network, or no input's shape");
    if (status == EMO_OK)
        status = emo_graph_make(&s->graph, net.bytes, h, w, c, head->class_count, err);
    if (status == EMO_USAGE)
        err->status = status = EMO_INPUT;
    emo_text_free(&net);
    return status == EMO_OK ? status : emo_error_prefix(err, "%s", s->source.file);
}

static bool whole(const json_t *value, uint64_t *to)
{
    json_int_t v = json_integer_value(value);
    *to = (uint64_t)v;
    return json_is_integer(value) && v >= 0;
}

/* What is wrong with a tensor's entry in the header; NULL: nothing. */
static const char *check_part(struct safetensors *s, const char *name, const json_t *entry,
                              struct part *p)
{
    const struct emo_graph *g = &s->graph;
    const json_t *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    bool origins = strcmp(name, ORIGINS) == 0;
    uint32_t dim[4] = {0};
    uint64_t n, count = 1;
    *p = (struct part){.name = name, .index = origins ? g->tensor_count : 0};
    while (!origins && p->index < g->tensor_count && strcmp(g->tensors[p->index].name, name) != 0)
        p->index++;
    if (!origins && p->index == g->tensor_count)
        return "no parameter of its network";
    if (dtype == NULL || strcmp(dtype, origins ? "I64" : "F32") != 0)
        return origins ? "not of the dtype I64" : "not of the dtype F32";
    unsigned rank = origins ? 1 : emo_layout_dims(g, p->index, s->layout, dim);
    if (json_array_size(shape) != rank)
        return "its shape is not the one that the network has";
    for (unsigned i = 0; i < rank; i++) {
        if (!whole(json_array_get(shape, i), &n) || n == 0 || n > UINT32_MAX ||
            (!origins && n != dim[i]))
            return "its shape is not the one that the network has";
        count *= n;
    }
    if (origins)
        s->origin_count = (size_t)count;
    if (json_array_size(offsets) != 2 || !whole(json_array_get(offsets, 0), &p->begin) ||
        !whole(json_array_get(offsets, 1), &p->end) || p->end < p->begin ||
        p->end - p->begin != count * (origins ? 8 : 4) || p->end - p->begin > EMO_CAP_PAYLOAD)
        return "its offsets do not fit its shape";
    return NULL;
}

static int by_begin(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* Every tensor once, without gaps. */
static int read_parts(struct safetensors *s, struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE];
    const char *name;
    json_t *entry;
    size_t count = s->graph.tensor_count;
    s->parts = calloc(count + 1, sizeof *s->parts);
    s->data = calloc(count + 1, sizeof *s->data);
    if (s->parts == NULL || s->data == NULL)
        return emo_error_memory(err, (count + 1) * sizeof *s->parts, "tensors");
    json_object_foreach(s->header, name, entry) {
        struct part p;
        if (strcmp(name, "__metadata__") == 0)
            continue;
        const char *wrong = check_part(s, name, entry, &p);
        if (wrong != NULL)
            return emo_error(err, EMO_INPUT, "%s: tensor %s: %s", s->source.file,
                             emo_quote(quoted, sizeof quoted, name, strlen(name)), wrong);
        s->parts[s->part_count++] = p; /* names are unique, so there is room */
    }
    if (s->part_count - (s->origin_count > 0) != count)
        return emo_error(err, EMO_INPUT, "%s: %zu of the network's %zu parameters are there",
                         s->source.file, s->part_count - (s->origin_count > 0), count);
    qsort(s->parts, s->part_count, sizeof *s->parts, by_begin);
    for (size_t i = 0; i < s->part_count; i++)
        if (s->parts[i].begin != (i > 0 ? s->parts[i - 1].end : 0))
            return emo_error(err, EMO_INPUT, "%s: its tensors overlap, or have gaps between them",
                             s->source.file);
    return EMO_OK;
}

static int read_data(struct safetensors *s, struct emo_error *err)
{
    const struct emo_npy_input in = {.take = take_source, .context = &s->source};
    uint8_t more;
    size_t got, room;
    int status = EMO_OK;
    for (size_t i = 0; status == EMO_OK && i < s->part_count; i++) {
        const struct part *p = &s->parts[i];
        size_t n = (size_t)(p->end - p->begin);
        room = 0;
        status = emo_npy_take(&in, &s->data[p->index], &room, 0, n, &got, err);
        if (status == EMO_OK && got < n)
            status = emo_error(err, EMO_INPUT, "%s: cut short in the tensor %s", s->source.file,
                               p->name);
    }
    if (status == EMO_OK)
        status = emo_source_take(&s->source, &more, 1, &got, err);
    if (status == EMO_OK && got > 0)
        status = emo_error(err, EMO_INPUT, "%s: more bytes than its tensors have", s->source.file);
    const uint8_t *origins = s->data[s->graph.tensor_count];
    for (size_t i = 1; status == EMO_OK && i < s->origin_count; i++) {
        int64_t a, b;
        memcpy(&a, origins + 8 * (i - 1), 8);
        memcpy(&b, origins + 8 * i, 8);
        if (a >= b)
            status = emo_error(err, EMO_INPUT, "%s: " ORIGINS " is not in order: damaged",
                               s->source.file);
    }
    return status;
}

static int st_open(void **state, const char *const *paths, size_t count, struct emo_head *head,
                   struct emo_error *err)
{
    struct safetensors *s = calloc(1, sizeof *s);
    size_t most = 1;
    (void)count;
    *state = s;
    emo_head_begin(head, EMO_MODEL);
    if (s == NULL)
        return emo_error_memory(err, sizeof *s, "tensors");
    int status = emo_source_open(&s->source, paths[0], err);
    if (status == EMO_OK)
        status = read_header(s, err);
    if (status == EMO_OK)
        status = read_metadata(s, head, err);
    if (status == EMO_OK)
        status = read_parts(s, err);
    if (status == EMO_OK)
        status = read_data(s, err);
    if (status != EMO_OK)
        return status;
    for (size_t i = 0; i < s->graph.tensor_count; i++)
        most = s->graph.tensors[i].count > most ? s->graph.tensors[i].count : most;
    s->values = malloc(most * sizeof *s->values);
    return s->values != NULL ? EMO_OK : emo_error_memory(err, most * sizeof *s->values, "a tensor");
}

static int st_next(void *state, struct emo_record *r, bool *got, struct emo_error *err)
{
    struct safetensors *s = state;
    size_t i = s->next++, count = s->graph.tensor_count;
    (void)err;
    r->id = i;
    r->label = -1;
    *got = i < count + (s->origin_count > 0);
    if (*got && i < count) {
        const struct emo_tensor *t = &s->graph.tensors[i];
        emo_layout_copy(&s->graph, i, s->layout, true, (const float *)(const void *)s->data[i],
                        s->values);
        emo_record_shape(r, EMO_F32, (enum emo_order)t->order, t->rank, t->dim);
        r->payload = s->values;
        emo_metadata_set_text(&r->metadata, "name", t->name, strlen(t->name));
        emo_metadata_set_text(&r->metadata, "role", "parameter", 9);
    } else if (*got) {
        emo_record_shape(r, EMO_I64, EMO_ORDER_NONE, 1, (uint32_t[]){(uint32_t)s->origin_count});
        r->payload = s->data[count];
        emo_metadata_set_text(&r->metadata, "name", "origins", 7);
        emo_metadata_set_text(&r->metadata, "role", "origins", 7);
    }
    return EMO_OK;
}

const struct emo_import emo_import_safetensors = {
    .open = st_open, .next = st_next, .close = st_close,
};
