#include "exchange/pictures.h"

#include "base/hash.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/inputs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void emo_pictures_close(struct emo_pictures *p)
{
    for (size_t i = 0; i < p->class_count; i++)
        free(p->classes[i]);
    free(p->classes);
    emo_text_free(&p->name);
    emo_text_free(&p->path);
    *p = (struct emo_pictures){0};
}

int emo_pictures_open(struct emo_pictures *p, struct emo_folder *folder,
                      const struct emo_head *head, struct emo_error *err)
{
    int status = EMO_OK;
    p->folder = folder;
    p->classes = calloc(head->class_count + 1, sizeof *p->classes);
    if (p->classes == NULL)
        return emo_error_memory(err, head->class_count * sizeof *p->classes, "class names");
    for (size_t i = 0; status == EMO_OK && i < head->class_count; i++) {
        struct emo_text name = {0};
        emo_folder_safe(&name, head->classes[i], strlen(head->classes[i]));
        status = emo_folder_make(folder, &name, i, err);
        p->classes[p->class_count++] = name.bytes;
    }
    return status;
}

/* The last part of the record's name, without what says that it is a picture. */
static void picture_name(const struct emo_record *r, struct emo_text *out)
{
    static const char *const suffixes[] = {".jpg", ".jpeg", ".png", ".webp", ".ppm", ".pgm"};
    size_t n;
    const char *name = emo_record_name(r, &n), *end = name + n;
    for (const char *c = end; c > name && n > 0; c--)
        if (c[-1] == '/') {
            name = c;
            break;
        }
    n = (size_t)(end - name);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t s = strlen(suffixes[i]), k = 0;
        while (n > s && k < s && (end[-(ptrdiff_t)s + (ptrdiff_t)k] | 0x20) == suffixes[i][k])
            k++;
        if (k == s) {
            n -= s;
            break;
        }
    }
    if (n > 0)
        emo_folder_safe(out, name, n);
    else
        emo_text_printf(out, "%08" PRIu64, r->id);
    if (r->epoch > 0)
        emo_text_printf(out, "-e%u", r->epoch);
}

static int write_png(struct emo_pictures *p, const struct emo_record *r, struct emo_error *err)
{
    struct emo_encoder *e = NULL;
    const uint8_t *row = r->payload;
    int fd;
    int status = emo_folder_create(p->folder, r->label >= 0 ? p->classes[r->label] : NULL,
                                   p->name.bytes, r->id, ".png", &p->path, &fd, err);
    if (status != EMO_OK)
        return status;
    status = emo_encoder_open(&e, fd, p->path.bytes, EMO_PNG, r->dim[0], r->dim[1], r->dim[2], err);
    for (uint32_t y = 0; status == EMO_OK && y < r->dim[0]; y++, row += (size_t)r->dim[1] * r->dim[2])
        status = emo_encoder_row(e, row, err);
    if (status == EMO_OK)
        status = emo_encoder_finish(e, err);
    emo_encoder_close(e);
    if (close(fd) != 0 && status == EMO_OK)
        status = emo_error_errno(err, "%s: close", p->path.bytes);
    if (status == EMO_USAGE) /* larger than a PNG can be: the stream's fault */
        err->status = status = EMO_INPUT;
    return status;
}

int emo_pictures_put(struct emo_pictures *p, const struct emo_record *r, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE], dims[64];
    if (r->dtype != EMO_U8 || r->rank != 3 || r->order != EMO_HWC ||
        (r->dim[2] != 1 && r->dim[2] != 3))
        return emo_error(err, EMO_INPUT, "%s: %s of %s; pictures have 1 or 3 channels of u8",
                         emo_record_where(r, where, sizeof where), emo_dtype_name(r->dtype),
                         emo_record_dims(r, dims, sizeof dims));
    p->name.length = 0;
    picture_name(r, &p->name);
    if (p->name.failed)
        return emo_error_memory(err, p->name.length, "a name");
    return write_png(p, r, err);
}

struct png {
    struct emo_inputs in;
    size_t next;
    struct emo_pixels pixels, first;
    int64_t origin;
    int16_t *labels; /* of each entry */
};

static void png_close(void *state)
{
    struct png *p = state;
    if (p == NULL)
        return;
    emo_inputs_close(&p->in);
    free(p->pixels.bytes);
    free(p->labels);
    free(p);
}

/* Where IHDR tells the colour type: 0 is gray, 4 gray with alpha. */
#define COLOUR_TYPE 25

/* Decodes entry i; its size must be the first's. */
static int decode(struct png *p, size_t i, struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE];
    const struct emo_entry *e = &p->in.entries[i];
    uint8_t *bytes = NULL;
    size_t n = 0;
    bool spoilt = false;
    free(p->pixels.bytes);
    p->pixels = (struct emo_pixels){0};
    emo_quote(quoted, sizeof quoted, e->name, strlen(e->name));
    int status = emo_inputs_bytes(&p->in, i, &bytes, &n, &spoilt, err);
    if (status == EMO_OK && spoilt)
        err->status = status = err->status == EMO_FAILED ? EMO_FAILED : EMO_INPUT;
    else if (status != EMO_OK)
        return status;
    else if (emo_picture_kind(bytes, n, NULL) != EMO_PNG || n <= COLOUR_TYPE)
        status = emo_error(err, EMO_INPUT, "not a PNG; emo-unzip reads other pictures");
    else
        status = emo_decode(bytes, n, bytes[COLOUR_TYPE] == 0 || bytes[COLOUR_TYPE] == 4, 0, 0, 0,
                            &p->pixels, err);
    p->origin = status == EMO_OK ? (int64_t)emo_xxh3(bytes, n) : 0;
    free(bytes);
    const struct emo_pixels *a = &p->pixels, *b = &p->first;
    if (status == EMO_OK && b->height == 0)
        p->first = p->pixels;
    else if (status == EMO_OK &&
             (a->height != b->height || a->width != b->width || a->channels != b->channels))
        status = emo_error(err, EMO_INPUT, "%ux%ux%u (height x width x channels), but the first is "
                           "%ux%ux%u; emo-unzip -s brings pictures to one size", a->height,
                           a->width, a->channels, b->height, b->width, b->channels);
    return status == EMO_OK ? status : emo_error_prefix(err, "%s", quoted);
}

static int find_labels(struct png *p, struct emo_head *head, struct emo_error *err)
{
    size_t count = p->in.count, n = 0;
    const char **names = calloc(count, sizeof *names);
    p->labels = calloc(count, sizeof *p->labels);
    int status = names != NULL && p->labels != NULL
                     ? EMO_OK
                     : emo_error_memory(err, count * sizeof *names, "class names");
    for (size_t i = 0; status == EMO_OK && i < count; i++)
        if (p->in.entries[i].folder != NULL)
            names[n++] = p->in.entries[i].folder;
    if (status == EMO_OK)
        status = emo_head_gather_classes(head, names, n, err);
    for (size_t i = 0; status == EMO_OK && i < count; i++) {
        const char *folder = p->in.entries[i].folder;
        bool same = i > 0 && folder != NULL && p->in.entries[i - 1].folder != NULL &&
                    strcmp(folder, p->in.entries[i - 1].folder) == 0;
        p->labels[i] = same             ? p->labels[i - 1]
                       : folder == NULL ? -1
                                        : (int16_t)emo_head_class_index(head, folder);
    }
    free(names);
    return status;
}

static int png_open(void **state, const char *const *paths, size_t count, struct emo_head *head,
                    struct emo_error *err)
{
    struct png *p = calloc(1, sizeof *p);
    char input[48];
    int status = EMO_OK;
    *state = p;
    emo_head_begin(head, EMO_IMAGES);
    if (p == NULL)
        return emo_error_memory(err, sizeof *p, "pictures");
    emo_inputs_begin(&p->in);
    for (size_t i = 0; status == EMO_OK && i < count; i++)
        status = emo_inputs_add(&p->in, paths[i], false, count > 1, err);
    if (status == EMO_OK && p->in.count == 0)
        status = emo_error(err, EMO_INPUT, "no picture in what was given");
    if (status == EMO_OK)
        status = find_labels(p, head, err);
    if (status == EMO_OK)
        status = decode(p, 0, err);
    head->records_expected = p->in.count;
    snprintf(input, sizeof input, "%ux%ux%u", p->first.height, p->first.width, p->first.channels);
    return status == EMO_OK ? emo_head_set_key(head, "input", input, err) : status;
}

static int png_next(void *state, struct emo_record *r, bool *got, struct emo_error *err)
{
    struct png *p = state;
    *got = p->next < p->in.count;
    int status = *got && p->next > 0 ? decode(p, p->next, err) : EMO_OK;
    if (status != EMO_OK || !*got)
        return status;
    const char *name = p->in.entries[p->next].name;
    const uint32_t dim[] = {p->pixels.height, p->pixels.width, p->pixels.channels};
    emo_record_shape(r, EMO_U8, EMO_HWC, 3, dim);
    r->id = p->next;
    r->label = p->labels[p->next++];
    r->payload = p->pixels.bytes;
    emo_metadata_set_text(&r->metadata, "name", name, strlen(name));
    emo_metadata_set_i64(&r->metadata, "origin", p->origin);
    emo_metadata_set_i64(&r->metadata, "height", dim[0]);
    emo_metadata_set_i64(&r->metadata, "width", dim[1]);
    return EMO_OK;
}

const struct emo_import emo_import_png = {
    .open = png_open, .next = png_next, .close = png_close, .several = true,
};
