#include "exchange/pnm.h"

#include "base/hash.h"
#include "exchange/npy.h"
#include "stream/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int emo_pnm_format(const struct emo_record *r, struct emo_text *out, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE], dims[64];
    if (r->dtype != EMO_U8 || r->rank != 3 || r->order != EMO_HWC ||
        (r->dim[2] != 1 && r->dim[2] != 3))
        return emo_error(err, EMO_INPUT, "%s: %s of %s; pictures have 1 or 3 channels of u8",
                         emo_record_where(r, where, sizeof where), emo_dtype_name(r->dtype),
                         emo_record_dims(r, dims, sizeof dims));
    emo_text_printf(out, "P%d\n%" PRIu32 " %" PRIu32 "\n255\n", r->dim[2] == 1 ? 5 : 6, r->dim[1],
                    r->dim[0]);
    emo_text_add(out, r->payload, (size_t)r->payload_length);
    return out->failed ? emo_error_memory(err, (size_t)r->payload_length, "a picture") : EMO_OK;
}

struct pnm {
    struct emo_source source;
    uint8_t *bytes; /* the present picture as it stands in the file, and its pixels in there */
    size_t room, header;
    uint32_t dim[3], first[3], most; /* most: the level that is white */
    uint64_t count;
    int64_t origin;
    bool waiting; /* a picture was read for the HEAD */
};

static void pnm_close(void *state)
{
    struct pnm *p = state;
    if (p == NULL)
        return;
    emo_source_free(&p->source);
    free(p->bytes);
    free(p);
}

static int wrong(const struct pnm *p, struct emo_error *err, const char *what)
{
    return emo_error(err, EMO_INPUT, "%s: picture %" PRIu64 ", byte %" PRIu64 ": %s", p->source.file,
                     p->count + 1, p->source.offset, what);
}

/* The header's next byte. */
static int next_byte(struct pnm *p, uint8_t *byte, struct emo_error *err)
{
    size_t got;
    if (p->header == EMO_CAP_PNM_HEADER)
        return wrong(p, err, "a header longer than any picture's");
    int status = emo_source_take(&p->source, byte, 1, &got, err);
    if (status == EMO_OK && got == 0)
        return wrong(p, err, "cut short in its header");
    if (status == EMO_OK)
        p->bytes[p->header++] = *byte;
    return status;
}

static bool blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A number after blanks and comments; takes the one byte behind it, which must be blank. */
static int number(struct pnm *p, uint32_t limit, uint32_t *value, struct emo_error *err)
{
    uint8_t c = ' ';
    int status = EMO_OK;
    while (status == EMO_OK && (blank(c) || c == '#')) {
        while (status == EMO_OK && c == '#') {
            do
                status = next_byte(p, &c, err);
            while (status == EMO_OK && c != '\n' && c != '\r');
        }
        if (status == EMO_OK)
            status = next_byte(p, &c, err);
    }
    if (status == EMO_OK && (c < '0' || c > '9'))
        return wrong(p, err, "its header is not one of a PGM or PPM: damaged");
    *value = 0;
    while (status == EMO_OK && c >= '0' && c <= '9') {
        *value = *value * 10 + (uint32_t)(c - '0');
        if (*value > limit)
            return wrong(p, err, "its size or its largest level is beyond what is possible");
        status = next_byte(p, &c, err);
    }
    if (status == EMO_OK && (!blank(c) || *value == 0))
        return wrong(p, err, "its header is not one of a PGM or PPM: damaged");
    return status;
}

static int read_header(struct pnm *p, struct emo_error *err)
{
    uint8_t magic[2];
    p->header = 0;
    int status = next_byte(p, &magic[0], err);
    if (status == EMO_OK)
        status = next_byte(p, &magic[1], err);
    if (status != EMO_OK)
        return status;
    if (magic[0] == 'P' && magic[1] >= '1' && magic[1] <= '7' && magic[1] != '5' && magic[1] != '6')
        return wrong(p, err, magic[1] <= '3' ? "plain (text) PNM; make it binary, with pnmtopnm"
                             : magic[1] == '4' ? "PBM; make it PGM, with pbmtopgm 1 1"
                                               : "PAM; make it PPM, with pamtopnm");
    if (magic[0] != 'P' || (magic[1] != '5' && magic[1] != '6'))
        return wrong(p, err, "neither a PGM nor a PPM (P5, P6)");
    p->dim[2] = magic[1] == '5' ? 1 : 3;
    status = number(p, 65535, &p->dim[1], err);
    if (status == EMO_OK)
        status = number(p, 65535, &p->dim[0], err);
    if (status == EMO_OK)
        status = number(p, 65535, &p->most, err);
    if (status == EMO_OK && (uint64_t)p->dim[0] * p->dim[1] * p->dim[2] > EMO_CAP_PAYLOAD / 2)
        return wrong(p, err, "larger than any image of a stream");
    if (status == EMO_OK && p->count == 0)
        memcpy(p->first, p->dim, sizeof p->first);
    if (status == EMO_OK && memcmp(p->first, p->dim, sizeof p->first) != 0) {
        char text[160];
        snprintf(text, sizeof text, "%ux%ux%u (height x width x channels), but the first is "
                 "%ux%ux%u; all must be of one size", p->dim[0], p->dim[1], p->dim[2], p->first[0],
                 p->first[1], p->first[2]);
        return wrong(p, err, text);
    }
    return status;
}

static int take_source(void *context, void *to, size_t n, size_t *got, struct emo_error *err)
{
    return emo_source_take(context, to, n, got, err);
}

/* Levels of 1 or 2 bytes, 0 to most, to one byte, 0 to 255. False: one is larger than most. */
static bool rescale(uint8_t *at, size_t count, uint32_t most)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t level = most > 255 ? (uint32_t)at[2 * i] << 8 | at[2 * i + 1] : at[i];
        if (level > most)
            return false;
        at[i] = (uint8_t)((level * 255 + most / 2) / most);
    }
    return true;
}

/* The next picture, pixels at bytes + header; *got false: the end of the file. */
static int read_picture(struct pnm *p, bool *got, struct emo_error *err)
{
    uint8_t byte;
    int status = emo_source_peek(&p->source, &byte, got, err);
    if (status != EMO_OK || !*got)
        return status;
    if (p->room < EMO_CAP_PNM_HEADER) {
        p->bytes = malloc(EMO_CAP_PNM_HEADER);
        if (p->bytes == NULL)
            return emo_error_memory(err, EMO_CAP_PNM_HEADER, "a header");
        p->room = EMO_CAP_PNM_HEADER;
    }
    status = read_header(p, err);
    if (status != EMO_OK)
        return status;
    size_t levels = (size_t)p->dim[0] * p->dim[1] * p->dim[2], have;
    size_t n = levels * (p->most > 255 ? 2 : 1);
    const struct emo_npy_input in = {.take = take_source, .context = &p->source};
    status = emo_npy_take(&in, &p->bytes, &p->room, p->header, n, &have, err);
    if (status == EMO_OK && have < n)
        return wrong(p, err, "cut short in its pixels");
    if (status != EMO_OK)
        return status;
    p->origin = (int64_t)emo_xxh3(p->bytes, p->header + n);
    if (p->most != 255 && !rescale(p->bytes + p->header, levels, p->most))
        return wrong(p, err, "a level above the largest that it names: damaged");
    return EMO_OK;
}

static int pnm_open(void **state, const char *const *paths, size_t count, struct emo_head *head,
                    struct emo_error *err)
{
    struct pnm *p = calloc(1, sizeof *p);
    char input[48];
    bool got;
    (void)count;
    *state = p;
    emo_head_begin(head, EMO_IMAGES);
    if (p == NULL)
        return emo_error_memory(err, sizeof *p, "pictures");
    int status = emo_source_open(&p->source, paths[0], err);
    if (status == EMO_OK)
        status = read_picture(p, &got, err);
    if (status == EMO_OK && !got)
        status = emo_error(err, EMO_INPUT, "%s: empty: no picture", p->source.file);
    p->waiting = status == EMO_OK;
    snprintf(input, sizeof input, "%ux%ux%u", p->dim[0], p->dim[1], p->dim[2]);
    return status == EMO_OK ? emo_head_set_key(head, "input", input, err) : status;
}

static int pnm_next(void *state, struct emo_record *r, bool *got, struct emo_error *err)
{
    struct pnm *p = state;
    char name[32];
    int status = EMO_OK;
    *got = p->waiting;
    if (!p->waiting)
        status = read_picture(p, got, err);
    p->waiting = false;
    if (status != EMO_OK || !*got)
        return status;
    r->id = p->count++;
    r->label = -1;
    snprintf(name, sizeof name, "%08" PRIu64 ".%s", p->count, p->dim[2] == 1 ? "pgm" : "ppm");
    emo_metadata_set_text(&r->metadata, "name", name, strlen(name));
    emo_metadata_set_i64(&r->metadata, "origin", p->origin);
    emo_metadata_set_i64(&r->metadata, "height", p->dim[0]);
    emo_metadata_set_i64(&r->metadata, "width", p->dim[1]);
    emo_record_shape(r, EMO_U8, EMO_HWC, 3, p->dim);
    r->payload = p->bytes + p->header;
    return EMO_OK;
}

const struct emo_import emo_import_pnm = {.open = pnm_open, .next = pnm_next, .close = pnm_close};
