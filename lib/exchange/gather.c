#include "exchange/gather.h"

#include <stdlib.h>
#include <string.h>

void emo_gathered_free(struct emo_gathered *g)
{
    emo_head_free(&g->head);
    emo_pool_close(g->pool);
    emo_text_free(&g->packed);
    free(g->ends);
    emo_record_free(&g->like);
    *g = (struct emo_gathered){0};
}

struct emo_metadata emo_gathered_metadata(const struct emo_gathered *g, size_t i)
{
    size_t start = i > 0 ? g->ends[i - 1] : 0, n = g->ends[i] - start;
    if (n == 0)
        return (struct emo_metadata){0};
    return (struct emo_metadata){.bytes = (uint8_t *)g->packed.bytes + start, .length = n};
}

static int check(const struct emo_gathered *g, const struct emo_record *r, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE], dims[64], first[64];
    emo_record_where(r, where, sizeof where);
    if (g->head.kind == EMO_IMAGES && (r->dtype != EMO_U8 || r->rank != 3 || r->order != EMO_HWC))
        return emo_error(err, EMO_INPUT, "%s: not an image (u8, height x width x channels)", where);
    if (g->head.kind == EMO_SCORES &&
        (r->dtype != EMO_F32 || r->rank != 1 || r->dim[0] != g->head.class_count))
        return emo_error(err, EMO_INPUT, "%s: not a score for each class (f32)", where);
    if (g->count > 0 && memcmp(r->dim, g->like.dim, sizeof r->dim) != 0)
        return emo_error(err, EMO_INPUT, "%s: %s, but the first is %s; an array has rows of one "
                         "shape", where, emo_record_dims(r, dims, sizeof dims),
                         emo_record_dims(&g->like, first, sizeof first));
    return EMO_OK;
}

static int add(struct emo_gathered *g, struct emo_record *r, struct emo_error *err)
{
    int status = check(g, r, err);
    if (status != EMO_OK)
        return status;
    if (g->count == 0)
        emo_record_shape(&g->like, (enum emo_dtype)r->dtype, (enum emo_order)r->order, r->rank,
                         r->dim);
    if (g->count == g->room) {
        size_t room = g->room > 0 ? 2 * g->room : 1024;
        size_t *ends = realloc(g->ends, room * sizeof *ends);
        if (ends == NULL)
            return emo_error_memory(err, room * sizeof *ends, "metadata");
        g->ends = ends;
        g->room = room;
    }
    emo_text_add(&g->packed, (const char *)r->metadata.bytes, r->metadata.length);
    if (g->packed.failed)
        return emo_error_memory(err, g->packed.length, "metadata");
    g->ends[g->count++] = g->packed.length;
    struct emo_record bare = *r;
    bare.metadata = (struct emo_metadata){0};
    return emo_pool_add(g->pool, &bare, err);
}

int emo_gather(struct emo_gathered *g, struct emo_reader *reader, uint64_t memory,
               struct emo_error *err)
{
    struct emo_record r = {0};
    bool got = true;
    int status = emo_head_copy(&g->head, emo_reader_head(reader), err);
    if (status == EMO_OK)
        status = emo_pool_open(&g->pool, memory, err);
    while (status == EMO_OK && got) {
        status = emo_reader_next(reader, &r, &got, err);
        if (status == EMO_OK && got)
            status = add(g, &r, err);
    }
    emo_record_free(&r);
    return status;
}
