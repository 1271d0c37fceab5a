#include "net/model.h"

#include "net/graph.h"
#include "stream/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void emo_model_free(struct emo_model *m)
{
    emo_head_free(&m->head);
    free(m->text);
    free(m->origins);
    *m = (struct emo_model){0};
}

static int read_about(struct emo_reader *r, struct emo_model *m, struct emo_error *err)
{
    struct emo_text text = {0};
    const struct emo_head *head = emo_reader_head(r);
    int status = emo_head_copy(&m->head, head, err);
    if (status != EMO_OK)
        return status;
    if (!emo_head_input(head, &m->height, &m->width, &m->channels))
        status = emo_error(err, EMO_INPUT, "%s: a model that does not say its input's shape",
                           emo_reader_file(r));
    if (status == EMO_OK && !emo_head_net(head, &text))
        status = text.failed ? emo_error_memory(err, text.length, "network text")
                             : emo_error(err, EMO_INPUT, "%s: a model without a network", emo_reader_file(r));
    m->text = text.bytes;
    return status;
}

static int read_origins(const struct emo_record *r, struct emo_model *m, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE];
    emo_record_where(r, where, sizeof where);
    if (r->dtype != EMO_I64 || r->rank != 1 || m->origins != NULL)
        return emo_error(err, EMO_INPUT, "%s: not a list of origins", where);
    m->origins = malloc((size_t)r->payload_length);
    if (m->origins == NULL)
        return emo_error_memory(err, (size_t)r->payload_length, "origins");
    memcpy(m->origins, r->payload, (size_t)r->payload_length);
    m->origin_count = r->dim[0];
    for (size_t i = 1; i < m->origin_count; i++)
        if (m->origins[i - 1] >= m->origins[i])
            return emo_error(err, EMO_INPUT, "%s: origins that are not in order", where);
    return EMO_OK;
}

static int read_parameter(const struct emo_record *r, struct emo_parameter *p, size_t count,
                          bool *seen, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE];
    size_t n, i = 0;
    const char *name = emo_record_name(r, &n);
    emo_record_where(r, where, sizeof where);
    while (i < count && (strlen(p[i].name) != n || memcmp(p[i].name, name, n) != 0))
        i++;
    if (i == count)
        return emo_error(err, EMO_INPUT, "%s: no parameter of its network", where);
    if (seen[i])
        return emo_error(err, EMO_INPUT, "%s: a parameter for the second time", where);
    if (r->dtype != EMO_F32 || r->rank != p[i].rank || r->order != p[i].order ||
        memcmp(r->dim, p[i].dim, sizeof r->dim) != 0)
        return emo_error(err, EMO_INPUT, "%s: its shape is not the one that the network has", where);
    memcpy(p[i].values, r->payload, p[i].count * sizeof *p[i].values);
    seen[i] = true;
    return EMO_OK;
}

static int read_records(struct emo_reader *r, struct emo_model *m, struct emo_net *net,
                        struct emo_error *err)
{
    struct emo_record record = {0};
    size_t count = 0, n;
    struct emo_parameter *p = net != NULL ? emo_net_parameters(net, &count) : NULL;
    bool got = true, *seen = calloc(count + 1, sizeof *seen);
    int status = seen != NULL ? EMO_OK : emo_error_memory(err, count, "parameters");
    while (status == EMO_OK) {
        status = emo_reader_next(r, &record, &got, err);
        if (status != EMO_OK || !got)
            break;
        const char *role = emo_metadata_text(&record.metadata, "role", &n);
        if (role != NULL && n == 7 && memcmp(role, "origins", 7) == 0)
            status = read_origins(&record, m, err);
        else if (net != NULL)
            status = read_parameter(&record, p, count, seen, err);
    }
    for (size_t i = 0; status == EMO_OK && i < count; i++)
        if (!seen[i])
            status = emo_error(err, EMO_INPUT, "%s: the parameter %s is missing",
                               emo_reader_file(r), p[i].name);
    emo_record_free(&record);
    free(seen);
    if (net != NULL)
        emo_net_parameters_changed(net);
    return status;
}

/* A network that cannot be, and a file too short for its parameters, are found out before memory is
   taken for them. */
static int check_network(const char *path, const struct emo_net_options *o, struct emo_error *err)
{
    struct emo_graph g;
    struct stat s;
    int status = EMO_OK;
    if (emo_graph_make(&g, o->text, o->height, o->width, o->channels, o->classes, err) != EMO_OK) {
        err->status = err->status == EMO_USAGE ? EMO_INPUT : err->status;
        return emo_error_prefix(err, "%s", path);
    }
    if (stat(path, &s) == 0 && S_ISREG(s.st_mode) &&
        (uint64_t)s.st_size / sizeof(float) < g.parameters)
        status = emo_error(err, EMO_INPUT, "%s: too short for the %zu parameters of its network",
                           path, g.parameters);
    emo_graph_free(&g);
    return status;
}

static int check_shape(const char *path, const struct emo_net_options *o, const struct emo_model *m,
                       struct emo_error *err)
{
    if (o->height == 0 ||
        (o->height == m->height && o->width == m->width && o->channels == m->channels))
        return EMO_OK;
    return emo_error(err, EMO_INPUT, "%s: it takes %" PRIu32 "x%" PRIu32 "x%" PRIu32 ", but the images "
                     "are %" PRIu32 "x%" PRIu32 "x%" PRIu32 "; resize with emo-unzip -s %" PRIu32
                     "x%" PRIu32, path, m->height, m->width, m->channels, o->height, o->width,
                     o->channels, m->height, m->width);
}

static int read_model(const char *path, const struct emo_net_options *options, struct emo_model *m,
                      struct emo_net **net, struct emo_error *err)
{
    struct emo_reader *r;
    *m = (struct emo_model){0};
    int status = emo_reader_open(&r, &path, 1, 1u << EMO_MODEL, err);
    if (status != EMO_OK)
        return status;
    status = read_about(r, m, err);
    if (status == EMO_OK && net != NULL) {
        struct emo_net_options o = *options;
        o.text = m->text;
        o.height = m->height;
        o.width = m->width;
        o.channels = m->channels;
        o.classes = m->head.class_count;
        status = check_shape(path, options, m, err);
        if (status == EMO_OK)
            status = check_network(path, &o, err);
        if (status == EMO_OK)
            status = emo_net_open(net, &o, err);
    }
    if (status == EMO_OK)
        status = read_records(r, m, net != NULL ? *net : NULL, err);
    emo_reader_close(r);
    if (status != EMO_OK) {
        emo_model_free(m);
        if (net != NULL) {
            emo_net_close(*net);
            *net = NULL;
        }
    }
    return status;
}

int emo_model_read(const char *path, const struct emo_net_options *options, struct emo_model *m,
                   struct emo_net **net, struct emo_error *err)
{
    *net = NULL;
    return read_model(path, options, m, net, err);
}

int emo_model_read_about(const char *path, struct emo_model *m, struct emo_error *err)
{
    return read_model(path, NULL, m, NULL, err);
}

int emo_model_write(struct emo_output *output, const struct emo_model *m, struct emo_net *net,
                    struct emo_error *err)
{
    struct emo_writer *w;
    struct emo_record r = {.label = -1};
    size_t count;
    struct emo_parameter *p = emo_net_parameters(net, &count);
    int status = emo_writer_open(&w, output, &m->head, err);
    if (status != EMO_OK)
        return status;
    for (size_t i = 0; status == EMO_OK && i < count; i++) {
        emo_record_shape(&r, EMO_F32, (enum emo_order)p[i].order, p[i].rank, p[i].dim);
        r.id = i;
        r.payload = p[i].values;
        emo_metadata_set_text(&r.metadata, "name", p[i].name, strlen(p[i].name));
        emo_metadata_set_text(&r.metadata, "role", "parameter", 9);
        status = emo_writer_record(w, &r, err);
    }
    if (status == EMO_OK && m->origin_count > 0) {
        emo_record_shape(&r, EMO_I64, EMO_ORDER_NONE, 1, (uint32_t[]){(uint32_t)m->origin_count});
        r.id = count;
        r.payload = m->origins;
        emo_metadata_set_text(&r.metadata, "name", "origins", 7);
        emo_metadata_set_text(&r.metadata, "role", "origins", 7);
        status = emo_writer_record(w, &r, err);
    }
    emo_record_free(&r);
    if (status == EMO_OK)
        return emo_writer_finish(w, err);
    emo_writer_abort(w, err->text);
    return status;
}

bool emo_model_saw(const struct emo_model *m, int64_t origin)
{
    size_t low = 0, high = m->origin_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->origins[middle] < origin)
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->origin_count && m->origins[low] == origin;
}
