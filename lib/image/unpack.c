#include "image/unpack.h"

#include "base/conveyor.h"
#include "base/hash.h"
#include "image/decode.h"

#include <stdlib.h>
#include <string.h>

/* Images under way: for each thread a few, so that none waits for another, but no more than this
   many bytes of them. */
#define SLOTS_PER_THREAD 4
#define SLOTS_BYTES (UINT64_C(512) << 20)

/* One picture on its way. */
struct slot {
    const struct emo_entry *entry;
    uint64_t id;
    int16_t label;
    uint8_t *bytes, *pixels; /* pixels is kept from picture to picture */
    size_t length;
    uint32_t height, width, crc;
    int64_t origin;
    int status; /* EMO_INPUT: spoilt */
    struct emo_error err;
};

struct unpacking {
    const struct emo_unpack_rules *rules;
    struct emo_inputs *in;
    const struct emo_head *head;
    struct emo_writer *writer;
    struct emo_unpacked *out;
    struct slot *slots;
    size_t slot_count, next; /* next entry to be looked at */
};

size_t emo_unpack_bytes(const struct emo_unpack_rules *rules)
{
    return (size_t)rules->height * rules->width * rules->channels;
}

/* Is entry wanted? Sets its label. A model's user wants to see what it makes of any picture; who
   names classes wants these. */
static bool wanted(const struct unpacking *u, const struct emo_entry *e, int16_t *label)
{
    *label = -1;
    if (e->folder != NULL)
        *label = (int16_t)emo_head_class_index(u->head, e->folder);
    if (u->rules->classes.count == 0)
        return true;
    for (size_t i = 0; e->folder != NULL && i < u->rules->classes.count; i++)
        if (strcmp(u->rules->classes.at[i], e->folder) == 0)
            return true;
    return false;
}

static bool full(const struct unpacking *u, int16_t label)
{
    return u->rules->limit > 0 &&
           u->out->of_class[label < 0 ? u->head->class_count : (size_t)label] >= u->rules->limit;
}

static int fill(void *context, size_t slot, bool *filled, struct emo_error *err)
{
    struct unpacking *u = context;
    struct slot *s = &u->slots[slot];
    for (; u->next < u->in->count; u->next++) {
        const struct emo_entry *e = &u->in->entries[u->next];
        if (u->next % u->rules->shard.n != u->rules->shard.i - 1)
            continue;
        if (!wanted(u, e, &s->label)) {
            u->out->other_class++;
            continue;
        }
        if (full(u, s->label))
            continue;
        bool spoilt = false;
        s->entry = e;
        s->id = u->next++;
        int status = emo_inputs_bytes(u->in, s->id, &s->bytes, &s->length, &spoilt, &s->err);
        s->status = spoilt ? EMO_INPUT : EMO_OK;
        *filled = true;
        if (status != EMO_OK)
            *err = s->err;
        return status;
    }
    return EMO_OK;
}

static void work(void *context, size_t slot)
{
    struct unpacking *u = context;
    struct slot *s = &u->slots[slot];
    const struct emo_unpack_rules *to = u->rules;
    size_t n = emo_unpack_bytes(to);
    struct emo_pixels p;
    if (s->status != EMO_OK)
        return;
    s->origin = (int64_t)emo_xxh3(s->bytes, s->length);
    s->status = emo_decode(s->bytes, s->length, to->channels == 1, to->height, to->width,
                           to->max_pixels, &p, &s->err);
    if (s->status != EMO_OK)
        return;
    s->height = p.file_height;
    s->width = p.file_width;
    if (s->pixels == NULL)
        s->pixels = malloc(n);
    s->status = s->pixels == NULL
                    ? emo_error_memory(&s->err, n, "an image")
                    : emo_resize(p.bytes, p.height, p.width, to->channels, to->fit, s->pixels,
                                 to->height, to->width, &s->err);
    if (s->status == EMO_OK)
        s->crc = emo_crc32(0, s->pixels, n);
    free(p.bytes);
}

static int write_image(struct unpacking *u, const struct slot *s, struct emo_error *err)
{
    const struct emo_unpack_rules *to = u->rules;
    const char *name = s->entry->name, *fit = emo_fit_name(to->fit);
    struct emo_record r = {.id = s->id, .label = s->label, .payload = s->pixels};
    emo_record_shape(&r, EMO_U8, EMO_HWC, 3, (uint32_t[]){to->height, to->width, to->channels});
    r.data_crc = s->crc;
    r.data_crc_known = true;
    emo_metadata_set_text(&r.metadata, "name", name, strlen(name));
    emo_metadata_set_i64(&r.metadata, "origin", s->origin);
    emo_metadata_set_i64(&r.metadata, "height", s->height);
    emo_metadata_set_i64(&r.metadata, "width", s->width);
    emo_metadata_set_text(&r.metadata, "fit", fit, strlen(fit));
    double change = (double)s->height * to->width / ((double)s->width * to->height);
    u->out->distorted += to->fit == EMO_STRETCH && (change > 1.5 || change < 1 / 1.5);
    u->out->of_class[s->label < 0 ? u->head->class_count : (size_t)s->label]++;
    u->out->written++;
    int status = emo_writer_record(u->writer, &r, err);
    emo_record_free(&r);
    return status;
}

static int drain(void *context, size_t slot, struct emo_error *err)
{
    struct unpacking *u = context;
    struct slot *s = &u->slots[slot];
    char quoted[EMO_QUOTE_SIZE];
    free(s->bytes);
    s->bytes = NULL;
    u->rules->done(u->rules->context, s->id + 1);
    /* What was under way when its class became full is as if never looked at. */
    if (full(u, s->label))
        return EMO_OK;
    if (s->status == EMO_OK)
        return write_image(u, s, err);
    if (s->status != EMO_INPUT) {
        *err = s->err;
        return s->status;
    }
    emo_quote(quoted, sizeof quoted, s->entry->name, strlen(s->entry->name));
    u->out->skipped++;
    if (u->rules->strict)
        return emo_error(err, EMO_INPUT, "%s: %s", quoted, s->err.text);
    u->rules->skipped(quoted, s->err.text);
    return EMO_OK;
}

int emo_unpack(const struct emo_unpack_rules *rules, struct emo_inputs *in,
               const struct emo_head *head, struct emo_writer *writer, struct emo_unpacked *out,
               struct emo_error *err)
{
    static const struct emo_conveyor steps = {fill, work, drain};
    struct unpacking u = {.rules = rules, .in = in, .head = head, .writer = writer, .out = out};
    uint64_t most = SLOTS_BYTES / emo_unpack_bytes(rules);
    uint64_t count = rules->jobs == 1 ? 1 : SLOTS_PER_THREAD * (uint64_t)rules->jobs;
    *out = (struct emo_unpacked){.of_class = calloc(head->class_count + 1, sizeof *out->of_class)};
    if (out->of_class == NULL)
        return emo_error_memory(err, head->class_count * sizeof *out->of_class, "counts");
    u.slot_count = count < most ? count : most > 0 ? most : 1;
    u.slots = calloc(u.slot_count, sizeof *u.slots);
    if (u.slots == NULL)
        return emo_error_memory(err, u.slot_count * sizeof *u.slots, "images");
    int status = emo_conveyor_run(&steps, &u, rules->jobs, u.slot_count, err);
    for (size_t i = 0; i < u.slot_count; i++) {
        free(u.slots[i].bytes);
        free(u.slots[i].pixels);
    }
    free(u.slots);
    return status;
}
