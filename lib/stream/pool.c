#include "stream/pool.h"

#include "base/file.h"
#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One stored record: header, metadata, payload lie in one block of RAM or one stretch of file. */
struct item {
    uint8_t *block; /* NULL: in the file, at offset */
    uint64_t offset;
    struct emo_record_frame frame;
};

struct emo_pool {
    uint64_t memory, used;
    struct item *items;
    size_t count, room;
    int fd; /* -1: nothing spilled */
    uint64_t file_length;
};

int emo_pool_open(struct emo_pool **pool, uint64_t memory, struct emo_error *err)
{
    struct emo_pool *p = calloc(1, sizeof *p);
    *pool = p;
    if (p == NULL)
        return emo_error_memory(err, sizeof *p, "a pool");
    p->memory = memory;
    p->fd = -1;
    return EMO_OK;
}

void emo_pool_close(struct emo_pool *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++)
        free(p->items[i].block);
    free(p->items);
    if (p->fd >= 0)
        close(p->fd);
    free(p);
}

/* The payload begins on a 64-byte boundary of the block. */
static uint64_t block_size(const struct emo_record_frame *f, uint64_t payload_length)
{
    return emo_pad64(f->metadata_length) + payload_length;
}

static int spill(struct emo_pool *p, struct item *item, const struct emo_record *r,
                 struct emo_error *err)
{
    static const uint8_t zero[EMO_FRAME_SIZE];
    size_t n = r->metadata.length, padding = (size_t)emo_pad64(n) - n;
    if (p->fd < 0 && (p->fd = emo_temporary(err)) < 0)
        return EMO_FAILED;
    if (emo_write(p->fd, r->metadata.bytes, n) != 0 || emo_write(p->fd, zero, padding) != 0 ||
        emo_write(p->fd, r->payload, (size_t)r->payload_length) != 0)
        return emo_error_errno(err, "the temporary file of the pool (TMPDIR says where it lies; "
                               "--memory keeps more in RAM)");
    item->offset = p->file_length;
    p->file_length += block_size(&item->frame, r->payload_length);
    return EMO_OK;
}

int emo_pool_add(struct emo_pool *p, const struct emo_record *r, struct emo_error *err)
{
    if (p->count == p->room) {
        size_t room = p->room > 0 ? p->room * 2 : 1024;
        struct item *items = realloc(p->items, room * sizeof *items);
        if (items == NULL)
            return emo_error_memory(err, room * sizeof *items, "the pool's index");
        p->items = items;
        p->room = room;
    }
    struct item *item = &p->items[p->count];
    *item = (struct item){
        .frame = {
            .may = r->may,
            .metadata_length = (uint32_t)r->metadata.length,
            .metadata_crc = emo_crc32(0, r->metadata.bytes, r->metadata.length),
            .data_crc = r->data_crc_known ? r->data_crc
                                          : emo_crc32(0, r->payload, (size_t)r->payload_length),
            .id = r->id,
            .label = r->label,
            .split = r->split,
            .dtype = r->dtype,
            .rank = r->rank,
            .order = r->order,
            .epoch = r->epoch,
            .dim = {r->dim[0], r->dim[1], r->dim[2], r->dim[3]},
        },
    };
    uint64_t size = block_size(&item->frame, r->payload_length);
    if (p->fd >= 0 || size > p->memory - p->used) {
        int status = spill(p, item, r, err);
        p->count += status == EMO_OK;
        return status;
    }
    item->block = aligned_alloc(EMO_FRAME_SIZE, (size_t)emo_pad64(size > 0 ? size : 1));
    if (item->block == NULL)
        return emo_error_memory(err, (size_t)size, "the pool");
    if (r->metadata.length > 0)
        memcpy(item->block, r->metadata.bytes, r->metadata.length);
    memcpy(item->block + emo_pad64(r->metadata.length), r->payload, (size_t)r->payload_length);
    p->used += size;
    p->count++;
    return EMO_OK;
}

size_t emo_pool_count(const struct emo_pool *p)
{
    return p->count;
}

bool emo_pool_spilled(const struct emo_pool *p)
{
    return p->fd >= 0;
}

struct emo_pool_entry emo_pool_entry(const struct emo_pool *p, size_t i)
{
    const struct emo_record_frame *f = &p->items[i].frame;
    return (struct emo_pool_entry){.id = f->id, .label = f->label, .split = f->split,
                                   .epoch = f->epoch};
}

void emo_pool_view_free(struct emo_pool_view *v)
{
    emo_record_free(&v->record);
    free(v->buffer);
    *v = (struct emo_pool_view){0};
}

static int read_back(const struct emo_pool *p, const struct item *item, size_t size,
                     struct emo_pool_view *v, struct emo_error *err)
{
    if (size > v->room) {
        free(v->buffer);
        v->room = (size_t)emo_pad64(size);
        v->buffer = aligned_alloc(EMO_FRAME_SIZE, v->room);
        if (v->buffer == NULL) {
            v->room = 0;
            return emo_error_memory(err, size, "a record of the pool");
        }
    }
    ssize_t got = emo_read_at(p->fd, v->buffer, size, (off_t)item->offset);
    if (got < 0)
        return emo_error_errno(err, "the temporary file of the pool");
    if ((size_t)got < size)
        return emo_error(err, EMO_FAILED, "the temporary file of the pool was cut short");
    return EMO_OK;
}

int emo_pool_get(const struct emo_pool *p, size_t i, struct emo_pool_view *v,
                 struct emo_error *err)
{
    const struct item *item = &p->items[i];
    const struct emo_record_frame *f = &item->frame;
    struct emo_record *r = &v->record;
    const uint8_t *block = item->block;
    uint64_t payload_length = 0;
    (void)emo_payload_length(f->dtype, f->rank, f->dim, &payload_length);
    if (block == NULL) {
        int status = read_back(p, item, (size_t)block_size(f, payload_length), v, err);
        if (status != EMO_OK)
            return status;
        block = v->buffer;
    }
    const uint8_t *payload = block + emo_pad64(f->metadata_length);
    if (item->block == NULL && (emo_crc32(0, block, f->metadata_length) != f->metadata_crc ||
                                emo_crc32(0, payload, (size_t)payload_length) != f->data_crc))
        return emo_error(err, EMO_FAILED, "the temporary file of the pool gave back other bytes "
                         "than were written (record %zu): the disk is faulty", i + 1);
    emo_metadata_assign(&r->metadata, block, f->metadata_length);
    if (r->metadata.failed)
        return emo_error_memory(err, f->metadata_length, "metadata");
    r->id = f->id;
    r->label = f->label;
    r->split = f->split;
    r->dtype = f->dtype;
    r->rank = f->rank;
    r->order = f->order;
    r->epoch = f->epoch;
    r->may = f->may;
    memcpy(r->dim, f->dim, sizeof r->dim);
    r->payload = payload;
    r->payload_length = payload_length;
    r->data_crc = f->data_crc;
    r->data_crc_known = true;
    return EMO_OK;
}
