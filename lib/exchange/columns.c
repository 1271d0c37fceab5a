#include "exchange/columns.h"

#include "base/file.h"
#include "stream/frame.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK (64u << 10)

void emo_columns_free(struct emo_columns *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->at);
    free(c->cell);
    *c = (struct emo_columns){.fd = -1};
}

const struct emo_column *emo_columns_find(const struct emo_columns *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->at[i].name, name) == 0)
            return &c->at[i];
    return NULL;
}

/* n bytes from in to the file, and no byte more is there. */
static int copy(struct emo_columns *c, const struct emo_npy_input *in, uint64_t n,
                struct emo_error *err)
{
    uint8_t block[BLOCK];
    size_t got = 1;
    int status = EMO_OK;
    while (status == EMO_OK && n > 0 && got > 0) {
        size_t want = n < sizeof block ? (size_t)n : sizeof block;
        status = in->take(in->context, block, want, &got, err);
        if (status == EMO_OK && got > 0)
            status = emo_temporary_write(&c->fd, block, got, err);
        n -= got;
        c->length += got;
    }
    if (status == EMO_OK && n > 0)
        return emo_error(err, EMO_INPUT, "%s: cut short: its shape says more", in->name);
    if (status == EMO_OK)
        status = in->take(in->context, block, 1, &got, err);
    if (status == EMO_OK && got > 0)
        return emo_error(err, EMO_INPUT, "%s: more bytes than its shape says", in->name);
    return status;
}

int emo_columns_add(struct emo_columns *c, const char *name, const struct emo_npy_input *in,
                    struct emo_error *err)
{
    struct emo_column column = {.offset = c->length};
    if (emo_columns_find(c, name) != NULL)
        return emo_error(err, EMO_INPUT, "%s: there a second time", in->name);
    if (c->count == EMO_CAP_COLUMNS || strlen(name) >= sizeof column.name)
        return emo_error(err, EMO_INPUT, "%s: more arrays, or longer names, than are possible",
                         in->name);
    int status = emo_npy_read(&column.array, in, err);
    if (status != EMO_OK)
        return status;
    const struct emo_npy *a = &column.array;
    snprintf(column.name, sizeof column.name, "%s", name);
    status = copy(c, in, (a->rank > 0 ? a->dim[0] : 1) * emo_npy_row(a), err);
    if (status != EMO_OK)
        return status;
    struct emo_column *more = realloc(c->at, (c->count + 1) * sizeof *more);
    if (more == NULL)
        return emo_error_memory(err, (c->count + 1) * sizeof *more, "arrays");
    c->at = more;
    more[c->count++] = column;
    return EMO_OK;
}

int emo_column_check(const struct emo_columns *c, const struct emo_column *column,
                     const char *kinds, uint64_t rows, struct emo_error *err)
{
    const struct emo_npy *a = &column->array;
    char described[200];
    emo_npy_describe(a, described, sizeof described);
    if (a->rank != 1 || strchr(kinds, a->kind) == NULL)
        return emo_error(err, EMO_INPUT, "%s: the array %s is %s; one dimension of %s is needed",
                         c->file, column->name, described,
                         strchr(kinds, 'f') != NULL   ? "numbers or text"
                         : strchr(kinds, 'U') != NULL ? "text"
                         : strchr(kinds, 'i') != NULL ? "whole numbers"
                                                      : "bool");
    if (rows != EMO_UNKNOWN && a->dim[0] != rows)
        return emo_error(err, EMO_INPUT, "%s: the array %s is %s, but there are %" PRIu64 " records",
                         c->file, column->name, described, rows);
    return EMO_OK;
}

static int read_cell(struct emo_columns *c, const struct emo_column *column, uint64_t row, void *to,
                     struct emo_error *err)
{
    size_t n = column->array.width;
    off_t at = (off_t)(column->offset + row * n);
    for (uint8_t *p = to; n > 0;) {
        ssize_t got = pread(c->fd, p, n, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? emo_error_errno(err, "the temporary file")
                           : emo_error(err, EMO_FAILED, "the temporary file became shorter");
        p += got;
        n -= (size_t)got;
        at += got;
    }
    return EMO_OK;
}

int emo_column_integer(struct emo_columns *c, const struct emo_column *column, uint64_t row,
                       uint64_t *bits, bool *negative, struct emo_error *err)
{
    unsigned width = 8 * column->array.width;
    *bits = 0;
    int status = read_cell(c, column, row, bits, err);
    *negative = column->array.kind == 'i' && (*bits >> (width - 1) & 1) != 0;
    if (*negative && width < 64)
        *bits |= UINT64_MAX << width;
    return status;
}

int emo_column_real(struct emo_columns *c, const struct emo_column *column, uint64_t row,
                    double *value, struct emo_error *err)
{
    float single;
    if (column->array.width == 8)
        return read_cell(c, column, row, value, err);
    int status = column->array.width == 4 ? read_cell(c, column, row, &single, err)
                                          : emo_error(err, EMO_INPUT, "%s: the array %s is of f2; "
                                                      "f4 or f8 is needed", c->file, column->name);
    *value = status == EMO_OK ? (double)single : 0;
    return status;
}

/* UTF-8 of one code point; the number of bytes, 0: there is no such code point. */
static size_t put_code(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)((n == 2 ? 0xc0u : n == 3 ? 0xe0u : 0xf0u) | code);
    return n;
}

int emo_column_text(struct emo_columns *c, const struct emo_column *column, uint64_t row,
                    const char **text, size_t *n, struct emo_error *err)
{
    size_t width = column->array.width, room = 2 * width + 4;
    if (room > c->room) {
        uint8_t *bigger = realloc(c->cell, room);
        if (bigger == NULL)
            return emo_error_memory(err, room, "a string");
        c->cell = bigger;
        c->room = room;
    }
    int status = read_cell(c, column, row, c->cell, err);
    if (status != EMO_OK)
        return status;
    *text = (const char *)c->cell;
    if (column->array.kind == 'S') {
        while (width > 0 && c->cell[width - 1] == 0)
            width--;
        *n = width;
        return EMO_OK;
    }
    char *to = (char *)c->cell + width;
    *text = to;
    size_t used = 0, end = 0;
    for (size_t i = 0; i < width; i += 4) {
        uint32_t code;
        memcpy(&code, c->cell + i, 4);
        size_t part = put_code(code, to + used);
        if (part == 0)
            return emo_error(err, EMO_INPUT, "%s: the array %s, row %" PRIu64 ": text that is not "
                             "Unicode: damaged", c->file, column->name, row);
        used += part;
        if (code != 0)
            end = used;
    }
    *n = end;
    return EMO_OK;
}
