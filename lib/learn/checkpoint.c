#include "learn/checkpoint.h"

#include "stream/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAYOUT "1"
#define NAME_SIZE 128 /* of a tensor; those of parameters are short */

void emo_checkpoint_free(struct emo_checkpoint *c)
{
    emo_head_free(&c->head);
    emo_origins_free(&c->origins);
    emo_reader_close(c->reader);
    *c = (struct emo_checkpoint){0};
}

static int set_number(struct emo_head *h, const char *name, uint64_t value, struct emo_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return emo_head_set_key(h, name, text, err);
}

static int set_real(struct emo_head *h, const char *name, double value, struct emo_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    return emo_head_set_key(h, name, text, err);
}

/* The header_crc of the input's HEAD, as it is when no epoch is left out. */
static int input_crc(const struct emo_head *input, uint64_t *crc, struct emo_error *err)
{
    struct emo_head all = {0};
    struct emo_head_frame frame;
    struct emo_text text = {0};
    int status = emo_head_copy(&all, input, err);
    emo_head_remove_key(&all, "first_epoch");
    if (status == EMO_OK)
        status = emo_head_frame(&all, &frame, &text, err);
    if (status == EMO_OK)
        *crc = frame.header_crc;
    emo_text_free(&text);
    emo_head_free(&all);
    return status;
}

static void shape_text(struct emo_feed *feed, char *out, size_t size)
{
    const uint32_t *shape = emo_feed_shape(feed);
    snprintf(out, size, "%ux%ux%u", shape[0], shape[1], shape[2]);
}

int emo_checkpoint_begin(struct emo_checkpoint *c, struct emo_feed *feed,
                         const struct emo_head *input, const struct emo_net *net,
                         struct emo_error *err)
{
    struct emo_head *h = &c->head;
    char shape[64];
    uint64_t crc = 0;
    emo_head_begin(h, EMO_CHECKPOINT);
    shape_text(feed, shape, sizeof shape);
    int status = emo_head_set_classes(h, (const char *const *)input->classes, input->class_count,
                                      err);
    if (status == EMO_OK)
        status = emo_head_set_net(h, emo_net_text(net), err);
    if (status == EMO_OK)
        status = emo_head_set_key(h, "checkpoint", LAYOUT, err);
    if (status == EMO_OK)
        status = emo_head_set_key(h, "input", shape, err);
    if (status == EMO_OK)
        status = input_crc(input, &crc, err);
    if (status == EMO_OK)
        status = set_number(h, "input_crc", crc, err);
    if (status == EMO_OK)
        status = set_number(h, "epochs", emo_feed_epochs(feed), err);
    return status == EMO_OK ? emo_head_set_key(h, "backend", emo_net_backend(net), err) : status;
}

static bool option_key(const char *name, char *out, size_t size)
{
    return snprintf(out, size, "option %s", name) < (int)size;
}

int emo_checkpoint_set_option(struct emo_checkpoint *c, const char *name, const char *value,
                              struct emo_error *err)
{
    char key[80];
    if (!option_key(name, key, sizeof key))
        return emo_error(err, EMO_FAILED, "--%s: too long", name);
    return emo_head_set_key(&c->head, key, value, err);
}

bool emo_checkpoint_option(const struct emo_checkpoint *c, const char *name, struct emo_text *out)
{
    char key[80];
    return option_key(name, key, sizeof key) && emo_head_key(&c->head, key, out);
}

/* Writing ------------------------------------------------------------------------------------- */

static int set_state(struct emo_checkpoint *c, const struct emo_training *t, struct emo_error *err)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"epoch", t->epoch},           {"whole", t->whole},
        {"epoch_images", t->images},   {"epoch_right", t->right},
        {"steps", t->history.steps},   {"images", t->history.images},
        {"train_images", c->train},    {"train_sum", c->train_sum},
        {"best_epoch", t->best.epoch},
    };
    int status = EMO_OK;
    for (size_t i = 0; status == EMO_OK && i < sizeof numbers / sizeof numbers[0]; i++)
        status = set_number(&c->head, numbers[i].name, numbers[i].value, err);
    if (status == EMO_OK)
        status = set_real(&c->head, "epoch_loss", t->loss, err);
    if (status == EMO_OK)
        status = set_real(&c->head, "epoch_seconds", t->seconds, err);
    return status == EMO_OK ? set_real(&c->head, "best_value", t->best.value, err) : status;
}

struct pen {
    struct emo_writer *writer;
    struct emo_record record;
};

/* Writes one tensor; the record's shape is set. */
static int put(struct pen *p, const char *role, const char *name, const void *payload,
               struct emo_error *err)
{
    p->record.payload = payload;
    emo_metadata_set_text(&p->record.metadata, "name", name, strlen(name));
    emo_metadata_set_text(&p->record.metadata, "role", role, strlen(role));
    int status = emo_writer_record(p->writer, &p->record, err);
    p->record.id++;
    return status;
}

enum { PARAMETER, M, V, BEST, ROLES };
static const char *const roles[ROLES] = {"parameter", "m", "v", "best"};

/* "conv1.weight", "conv1.weight.m". */
static void tensor_name(const struct emo_parameter *q, int role, char *out, size_t size)
{
    snprintf(out, size, "%s%s%s", q->name, role == PARAMETER ? "" : ".",
             role == PARAMETER ? "" : roles[role]);
}

static int put_trail(struct pen *p, const struct emo_trail *t, struct emo_error *err)
{
    uint64_t *table = malloc((t->count + 1) * 2 * sizeof *table);
    if (table == NULL)
        return emo_error_memory(err, t->count * 2 * sizeof *table, "a checkpoint");
    for (size_t i = 0; i < t->count; i++) {
        table[2 * i] = t->at[i].records;
        table[2 * i + 1] = t->at[i].crc;
    }
    emo_record_shape(&p->record, EMO_U64, EMO_ORDER_NONE, 2, (uint32_t[]){(uint32_t)t->count, 2});
    int status = put(p, "trail", "trail", table, err);
    free(table);
    return status;
}

enum { COLUMNS = 8 };

static int put_history(struct pen *p, const struct emo_history *h, struct emo_error *err)
{
    double *table = malloc((h->count + 1) * COLUMNS * sizeof *table);
    if (table == NULL)
        return emo_error_memory(err, h->count * COLUMNS * sizeof *table, "a checkpoint");
    for (size_t i = 0; i < h->count; i++) {
        const struct emo_epoch *e = &h->at[i];
        const double row[COLUMNS] = {e->number, e->loss, e->accuracy, e->valid_loss,
                                     e->valid_accuracy, e->valid_auc, e->seconds,
                                     e->images_per_second};
        memcpy(table + i * COLUMNS, row, sizeof row);
    }
    emo_record_shape(&p->record, EMO_F64, EMO_ORDER_NONE, 2,
                     (uint32_t[]){(uint32_t)h->count, COLUMNS});
    int status = put(p, "history", "history", table, err);
    free(table);
    return status;
}

static int put_origins(struct pen *p, const struct emo_origins *o, struct emo_error *err)
{
    emo_record_shape(&p->record, EMO_I64, EMO_ORDER_NONE, 1, (uint32_t[]){(uint32_t)o->count});
    return put(p, "origins", "origins", o->at, err);
}

static int put_net(struct pen *p, const struct emo_best *best, struct emo_net *net,
                   struct emo_error *err)
{
    size_t count;
    const struct emo_parameter *q = emo_net_parameters(net, &count);
    const float *values = best->epoch > 0 ? best->values : NULL;
    int status = EMO_OK;
    for (size_t i = 0; status == EMO_OK && i < count; i++) {
        const float *const payloads[ROLES] = {q[i].values, q[i].m, q[i].v, values};
        for (int role = 0; status == EMO_OK && role < ROLES && payloads[role] != NULL; role++) {
            char name[NAME_SIZE];
            tensor_name(&q[i], role, name, sizeof name);
            emo_record_shape(&p->record, EMO_F32, (enum emo_order)q[i].order, q[i].rank, q[i].dim);
            status = put(p, roles[role], name, payloads[role], err);
        }
        values = values != NULL ? values + q[i].count : NULL;
    }
    return status;
}

int emo_checkpoint_write(struct emo_checkpoint *c, const char *path, const struct emo_training *t,
                         const struct emo_origins *origins, struct emo_net *net,
                         struct emo_error *err)
{
    struct pen p = {.record = {.label = -1}};
    int status = set_state(c, t, err);
    if (status == EMO_OK)
        status = emo_writer_create(&p.writer, path, &c->head, err);
    if (status != EMO_OK)
        return status;
    status = put_trail(&p, &t->trail, err);
    if (status == EMO_OK && t->history.count > 0)
        status = put_history(&p, &t->history, err);
    if (status == EMO_OK && origins->count > 0)
        status = put_origins(&p, origins, err);
    if (status == EMO_OK)
        status = put_net(&p, &t->best, net, err);
    emo_record_free(&p.record);
    return emo_writer_close(p.writer, NULL, "emo-train", status, err);
}

/* Reading the HEAD ---------------------------------------------------------------------------- */

static int no_checkpoint(const struct emo_checkpoint *c, const char *what, struct emo_error *err)
{
    return emo_error(err, EMO_INPUT, "%s: a checkpoint whose %s makes no sense",
                     emo_reader_file(c->reader), what);
}

static int number(const struct emo_checkpoint *c, const char *name, uint64_t most, uint64_t *value,
                  struct emo_error *err)
{
    char text[EMO_KEY_SHORT];
    bool good = emo_head_key_short(&c->head, name, text) && emo_parse_uint(text, value) &&
                *value <= most;
    return good ? EMO_OK : no_checkpoint(c, name, err);
}

static int real(const struct emo_checkpoint *c, const char *name, double *value,
                struct emo_error *err)
{
    char text[EMO_KEY_SHORT];
    bool good = emo_head_key_short(&c->head, name, text) && emo_parse_real(text, value);
    return good ? EMO_OK : no_checkpoint(c, name, err);
}

static bool key_is(const struct emo_checkpoint *c, const char *name, const char *value)
{
    char text[EMO_KEY_SHORT];
    return emo_head_key_short(&c->head, name, text) && strcmp(text, value) == 0;
}

int emo_checkpoint_open(struct emo_checkpoint *c, const char *path, struct emo_error *err)
{
    c->path = path;
    int status = emo_reader_open(&c->reader, &c->path, 1, 1u << EMO_CHECKPOINT, err);
    if (status == EMO_OK)
        status = emo_head_copy(&c->head, emo_reader_head(c->reader), err);
    if (status == EMO_OK && !key_is(c, "checkpoint", LAYOUT))
        status = emo_error(err, EMO_INPUT, "%s: not a checkpoint of this version of emo-train",
                           path);
    return status;
}

int emo_checkpoint_next_epoch(const struct emo_checkpoint *c, unsigned *epoch,
                              struct emo_error *err)
{
    uint64_t last = 0, whole = 0, epochs = 0;
    int status = number(c, "epoch", UINT16_MAX, &last, err);
    if (status == EMO_OK)
        status = number(c, "whole", 1, &whole, err);
    if (status == EMO_OK)
        status = number(c, "epochs", UINT16_MAX, &epochs, err);
    uint64_t next = last == 0 ? 1 : last + whole;
    *epoch = (unsigned)(next < epochs ? next : epochs);
    return status;
}

/* Names the backend that goes on, beside those that computed so far. */
static int join_backend(struct emo_checkpoint *c, const char *backend, bool *same,
                        struct emo_error *err)
{
    struct emo_text text = {0};
    int status = EMO_OK;
    *same = emo_head_key(&c->head, "backend", &text) && strcmp(text.bytes, backend) == 0;
    if (!*same && (text.length == 0 || strstr(text.bytes, backend) == NULL)) {
        emo_text_printf(&text, ", then %s", backend);
        status = text.failed ? emo_error_memory(err, text.length, "a name")
                             : emo_head_set_key(&c->head, "backend", text.bytes, err);
    }
    emo_text_free(&text);
    return status;
}

int emo_checkpoint_check(struct emo_checkpoint *c, struct emo_feed *feed,
                         const struct emo_head *input, const struct emo_net *net,
                         bool *same_backend, struct emo_error *err)
{
    const char *file = emo_reader_file(c->reader);
    struct emo_text text = {0};
    char shape[64];
    uint64_t crc = 0, here = 0;
    shape_text(feed, shape, sizeof shape);
    int status = number(c, "input_crc", UINT32_MAX, &crc, err);
    if (status == EMO_OK)
        status = input_crc(input, &here, err);
    if (status == EMO_OK &&
        (crc != here || !emo_head_same_classes(&c->head, input) || !key_is(c, "input", shape)))
        status = emo_error(err, EMO_INPUT, "%s: it began with another input: the head of this one "
                           "is not the same; give it the same input, or remove the checkpoint to "
                           "begin anew", file);
    if (status == EMO_OK &&
        (!emo_head_net(&c->head, &text) || strcmp(text.bytes, emo_net_text(net)) != 0))
        status = text.failed ? emo_error_memory(err, text.length, "network text") : emo_error(err, EMO_USAGE, "-n: the network in %s is another", file);
    emo_text_free(&text);
    return status == EMO_OK ? join_backend(c, emo_net_backend(net), same_backend, err) : status;
}

/* Reading the records ------------------------------------------------------------------------- */

static int get_state(struct emo_checkpoint *c, struct emo_training *t, struct emo_error *err)
{
    uint64_t epoch = 0, whole = 0, best = 0;
    const struct {
        const char *name;
        uint64_t most, *value;
    } numbers[] = {
        {"epoch", UINT16_MAX, &epoch},
        {"whole", 1, &whole},
        {"epoch_images", UINT64_MAX, &t->images},
        {"epoch_right", UINT64_MAX, &t->right},
        {"steps", UINT64_MAX, &t->history.steps},
        {"images", UINT64_MAX, &t->history.images},
        {"train_images", UINT64_MAX, &c->train},
        {"train_sum", UINT64_MAX, &c->train_sum},
        {"best_epoch", UINT16_MAX, &best},
    };
    int status = EMO_OK;
    for (size_t i = 0; status == EMO_OK && i < sizeof numbers / sizeof numbers[0]; i++)
        status = number(c, numbers[i].name, numbers[i].most, numbers[i].value, err);
    if (status == EMO_OK)
        status = real(c, "epoch_loss", &t->loss, err);
    if (status == EMO_OK)
        status = real(c, "epoch_seconds", &t->seconds, err);
    if (status == EMO_OK)
        status = real(c, "best_value", &t->best.value, err);
    t->epoch = (uint16_t)epoch;
    t->whole = whole;
    t->best.epoch = (unsigned)best;
    if (status == EMO_OK && (t->right > t->images || t->images > t->history.images || best > epoch ||
                             (epoch > 0) != (t->images > 0) || (epoch > 0) != (t->history.steps > 0)))
        status = no_checkpoint(c, "place in the training", err);
    return status;
}

static int bad_record(const struct emo_record *r, const char *what, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE];
    return emo_error(err, EMO_INPUT, "%s: %s", emo_record_where(r, where, sizeof where), what);
}

static bool has_shape(const struct emo_record *r, enum emo_dtype dtype, unsigned rank,
                      uint32_t columns)
{
    return r->dtype == dtype && r->rank == rank && (rank == 1 || r->dim[1] == columns);
}

static int get_trail(const struct emo_record *r, struct emo_trail *t, struct emo_error *err)
{
    const uint64_t *table = r->payload;
    int status = EMO_OK;
    if (!has_shape(r, EMO_U64, 2, 2) || t->count > 0)
        return bad_record(r, "not the one trail of a checkpoint", err);
    for (size_t i = 0; status == EMO_OK && i < r->dim[0]; i++) {
        struct emo_stretch s = {.records = table[2 * i], .crc = (uint32_t)table[2 * i + 1]};
        status = table[2 * i + 1] <= UINT32_MAX
                     ? emo_trail_set(t, i, s, err)
                     : bad_record(r, "a CRC of more than 32 bits", err);
    }
    return status;
}

static int get_history(const struct emo_record *r, struct emo_history *h, struct emo_error *err)
{
    const double *row = r->payload;
    int status = EMO_OK;
    if (!has_shape(r, EMO_F64, 2, COLUMNS) || h->count > 0)
        return bad_record(r, "not the one history of a checkpoint", err);
    for (size_t i = 0; status == EMO_OK && i < r->dim[0]; i++, row += COLUMNS) {
        struct emo_epoch e = {
            .number = (unsigned)i + 1, .loss = row[1], .accuracy = row[2], .valid_loss = row[3],
            .valid_accuracy = row[4], .valid_auc = row[5], .seconds = row[6],
            .images_per_second = row[7],
        };
        status = row[0] == (double)e.number ? emo_history_add(h, &e, err)
                                            : bad_record(r, "epochs that are not in order", err);
    }
    return status;
}

static int get_origins(const struct emo_record *r, struct emo_origins *o, struct emo_error *err)
{
    const int64_t *at = r->payload;
    int status = EMO_OK;
    if (!has_shape(r, EMO_I64, 1, 0) || o->count > 0)
        return bad_record(r, "not the one list of origins", err);
    for (size_t i = 0; status == EMO_OK && i < r->dim[0]; i++)
        status = i > 0 && at[i - 1] >= at[i] ? bad_record(r, "origins that are not in order", err)
                                             : emo_origins_add(o, at[i], err);
    return status;
}

/* What belongs to the net: where each tensor goes, and whether it came. */
struct places {
    struct emo_parameter *parameters;
    size_t count, wanted, got;
    float *best; /* NULL: none */
    bool *seen;  /* [count][ROLES] */
};

static float *place(const struct places *p, size_t i, int role)
{
    size_t before = 0;
    switch (role) {
    case PARAMETER: return p->parameters[i].values;
    case M: return p->parameters[i].m;
    case V: return p->parameters[i].v;
    default: break;
    }
    for (size_t k = 0; k < i; k++)
        before += p->parameters[k].count;
    return p->best != NULL ? p->best + before : NULL;
}

static int get_tensor(const struct emo_record *r, struct places *p, int role, struct emo_error *err)
{
    size_t n, i = 0;
    const char *name = emo_record_name(r, &n);
    for (; i < p->count; i++) {
        char wanted[NAME_SIZE];
        tensor_name(&p->parameters[i], role, wanted, sizeof wanted);
        if (strlen(wanted) == n && memcmp(wanted, name, n) == 0)
            break;
    }
    float *to = i < p->count ? place(p, i, role) : NULL;
    if (to == NULL)
        return bad_record(r, "no tensor of its network", err);
    const struct emo_parameter *q = &p->parameters[i];
    if (p->seen[i * ROLES + (size_t)role])
        return bad_record(r, "a tensor for the second time", err);
    if (r->dtype != EMO_F32 || r->rank != q->rank || r->order != q->order ||
        memcmp(r->dim, q->dim, sizeof r->dim) != 0)
        return bad_record(r, "its shape is not the one that the network has", err);
    memcpy(to, r->payload, q->count * sizeof *to);
    p->seen[i * ROLES + (size_t)role] = true;
    p->got++;
    return EMO_OK;
}

static bool role_is(const struct emo_record *r, const char *role)
{
    size_t n;
    const char *text = emo_metadata_text(&r->metadata, "role", &n);
    return text != NULL && n == strlen(role) && memcmp(text, role, n) == 0;
}

static int get_record(struct emo_checkpoint *c, const struct emo_record *r, struct places *p,
                      struct emo_training *t, struct emo_error *err)
{
    if (role_is(r, "trail"))
        return get_trail(r, &t->trail, err);
    if (role_is(r, "history"))
        return get_history(r, &t->history, err);
    if (role_is(r, "origins"))
        return get_origins(r, &c->origins, err);
    for (int role = 0; role < ROLES; role++)
        if (role_is(r, roles[role]))
            return get_tensor(r, p, role, err);
    return bad_record(r, "no part of a checkpoint", err);
}

static int get_records(struct emo_checkpoint *c, struct places *p, struct emo_training *t,
                       struct emo_error *err)
{
    struct emo_record r = {0};
    bool got = true;
    int status = EMO_OK;
    while (status == EMO_OK) {
        status = emo_reader_next(c->reader, &r, &got, err);
        if (status != EMO_OK || !got)
            break;
        status = get_record(c, &r, p, t, err);
    }
    emo_record_free(&r);
    if (status == EMO_OK && p->got < p->wanted)
        status = no_checkpoint(c, "list of tensors, which lacks some,", err);
    /* The epoch under way is in the history once it was validated. */
    if (status == EMO_OK && (t->history.count > t->epoch || t->history.count + 1 < t->epoch ||
                             t->best.epoch > t->history.count || t->trail.count == 0))
        status = no_checkpoint(c, "history or trail", err);
    return status;
}

int emo_checkpoint_restore(struct emo_checkpoint *c, struct emo_net *net, struct emo_training *t,
                           struct emo_error *err)
{
    struct places p = {0};
    int status = get_state(c, t, err);
    p.parameters = emo_net_parameters(net, &p.count);
    if (status == EMO_OK && t->best.epoch > 0)
        status = emo_best_reserve(&t->best, net, err);
    p.best = t->best.values;
    p.wanted = p.count * (p.best != NULL ? ROLES : ROLES - 1);
    p.seen = calloc(p.count * ROLES + 1, sizeof *p.seen);
    if (status == EMO_OK && p.seen == NULL)
        status = emo_error_memory(err, p.count * ROLES, "a checkpoint");
    if (status == EMO_OK)
        status = get_records(c, &p, t, err);
    free(p.seen);
    emo_net_set_steps(net, t->history.steps);
    emo_net_parameters_changed(net);
    emo_reader_close(c->reader);
    c->reader = NULL;
    return status;
}
