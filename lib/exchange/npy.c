#include "exchange/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define ALIGNMENT 64u
#define FIRST_GROWTH (1u << 20)

/* The type as NumPy writes it: "|u1", "<f4", "<U12". */
static void type_of(const struct emo_npy *a, char out[16])
{
    unsigned n = a->kind == 'U' ? a->width / 4 : a->width;
    char order = a->kind == 'S' || (a->width == 1 && a->kind != 'U') ? '|' : '<';
    snprintf(out, 16, "%c%c%u", order, a->kind, n);
}

void emo_npy_format(const struct emo_npy *a, struct emo_text *out)
{
    struct emo_text header = {0};
    char type[16];
    type_of(a, type);
    emo_text_printf(&header, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
    for (unsigned i = 0; i < a->rank; i++)
        emo_text_printf(&header, "%s%" PRIu64, i > 0 ? ", " : "", a->dim[i]);
    emo_text_printf(&header, "%s), }", a->rank == 1 ? "," : "");
    size_t all = sizeof MAGIC - 1 + 4 + header.length + 1;
    size_t padding = (ALIGNMENT - all % ALIGNMENT) % ALIGNMENT, n = header.length + padding + 1;
    emo_text_add(out, MAGIC "\1\0", sizeof MAGIC - 1 + 2);
    emo_text_add(out, (char[]){(char)(n & 255), (char)(n >> 8)}, 2);
    emo_text_printf(out, "%s%*s\n", header.bytes, (int)padding, "");
    out->failed = out->failed || header.failed;
    emo_text_free(&header);
}

uint64_t emo_npy_row(const struct emo_npy *a)
{
    uint64_t n = a->width;
    for (unsigned i = 1; i < a->rank; i++)
        n *= a->dim[i];
    return n;
}

char *emo_npy_describe(const struct emo_npy *a, char *out, size_t size)
{
    char type[16];
    type_of(a, type);
    size_t at = (size_t)snprintf(out, size, "%s", type[0] == '|' || a->width == 1 ? type + 1 : type);
    for (unsigned i = 0; i < a->rank && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%" PRIu64, i > 0 ? " x " : ", ", a->dim[i]);
    return out;
}

/* The dictionary while it is read. */
struct cursor {
    const char *at, *end;
    const char *name;
};

static int malformed(const struct cursor *c, struct emo_error *err)
{
    return emo_error(err, EMO_INPUT, "%s: its header is not one of a NumPy array: damaged", c->name);
}

static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && *c->at == ' ')
        c->at++;
}

static bool next_is(struct cursor *c, char byte)
{
    skip_blanks(c);
    if (c->at == c->end || *c->at != byte)
        return false;
    c->at++;
    return true;
}

/* A string in either kind of quotes, without escapes; NULL: none. */
static const char *string(struct cursor *c, size_t *n)
{
    char quote = next_is(c, '\'') ? '\'' : next_is(c, '"') ? '"' : 0;
    const char *start = c->at;
    const char *end = quote != 0 ? memchr(start, quote, (size_t)(c->end - start)) : NULL;
    if (end == NULL || memchr(start, '\\', (size_t)(end - start)) != NULL)
        return NULL;
    c->at = end + 1;
    *n = (size_t)(end - start);
    return start;
}

static bool whole(struct cursor *c, uint64_t *value)
{
    skip_blanks(c);
    const char *start = c->at;
    *value = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (__builtin_mul_overflow(*value, UINT64_C(10), value) ||
            __builtin_add_overflow(*value, (uint64_t)(*c->at - '0'), value))
            return false;
    return c->at > start;
}

static bool word(struct cursor *c, const char *what)
{
    size_t n = strlen(what);
    skip_blanks(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, what, n) != 0)
        return false;
    c->at += n;
    return true;
}

static int read_type(struct cursor *c, struct emo_npy *a, struct emo_error *err)
{
    size_t n;
    char digits[12] = "", quoted[EMO_QUOTE_SIZE];
    uint64_t count;
    skip_blanks(c);
    if (c->at < c->end && *c->at == '[')
        return emo_error(err, EMO_INPUT, "%s: a structured array; save its fields as arrays of "
                         "their own", c->name);
    const char *s = string(c, &n);
    if (s != NULL && n >= 2 && s[1] == 'O')
        return emo_error(err, EMO_INPUT, "%s: holds Python objects, which are never loaded; save "
                         "strings with astype(str)", c->name);
    if (s == NULL || n < 3 || n - 2 >= sizeof digits || strchr("<>|=", s[0]) == NULL)
        return malformed(c, err);
    memcpy(digits, s + 2, n - 2);
    a->kind = s[1];
    bool text = a->kind == 'U' || a->kind == 'S';
    if (!emo_parse_uint(digits, &count))
        return malformed(c, err);
    if (strchr("uifbUS", a->kind) == NULL || (a->kind == 'b' && count != 1) ||
        (!text && count != 1 && count != 2 && count != 4 && count != 8) ||
        (a->kind == 'f' && count == 1))
        return emo_error(err, EMO_INPUT, "%s: elements of the type %s, which are not taken", c->name,
                         emo_quote(quoted, sizeof quoted, s, n));
    if (count > EMO_CAP_NPY_STRING)
        return emo_error(err, EMO_INPUT, "%s: strings of %" PRIu64 " characters; at most %u are "
                         "possible", c->name, count, EMO_CAP_NPY_STRING);
    a->width = (uint32_t)(a->kind == 'U' ? 4 * count : count);
    if (s[0] == '>' && (a->width > 1 || a->kind == 'U') && a->kind != 'S')
        return emo_error(err, EMO_INPUT, "%s: big-endian elements; save them with "
                         "a.astype(a.dtype.newbyteorder('<'))", c->name);
    return EMO_OK;
}

static int read_shape(struct cursor *c, struct emo_npy *a, struct emo_error *err)
{
    bool comma = true;
    a->rank = 0;
    if (!next_is(c, '('))
        return malformed(c, err);
    while (!next_is(c, ')')) {
        uint64_t n;
        if (!comma || !whole(c, &n))
            return malformed(c, err);
        if (a->rank == EMO_NPY_RANK)
            return emo_error(err, EMO_INPUT, "%s: an array of more than %u dimensions", c->name,
                             EMO_NPY_RANK);
        a->dim[a->rank++] = n;
        comma = next_is(c, ',');
    }
    return a->rank == 1 && !comma ? malformed(c, err) : EMO_OK; /* (3) is a number, not a tuple */
}

static int read_dictionary(struct cursor *c, struct emo_npy *a, struct emo_error *err)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    bool seen[3] = {false}, comma = true;
    int status = EMO_OK;
    if (!next_is(c, '{'))
        return malformed(c, err);
    while (status == EMO_OK && !next_is(c, '}')) {
        size_t n, k = 0;
        const char *key = comma ? string(c, &n) : NULL;
        while (key != NULL && k < 3 && (strlen(keys[k]) != n || memcmp(keys[k], key, n) != 0))
            k++;
        if (key == NULL || k == 3 || seen[k] || !next_is(c, ':'))
            return malformed(c, err);
        seen[k] = true;
        if (k == 0)
            status = read_type(c, a, err);
        else if (k == 2)
            status = read_shape(c, a, err);
        else if (word(c, "True"))
            status = emo_error(err, EMO_INPUT, "%s: its elements lie in Fortran order; save it with "
                               "np.ascontiguousarray()", c->name);
        else if (!word(c, "False"))
            status = malformed(c, err);
        comma = next_is(c, ',');
    }
    skip_blanks(c);
    bool ended = c->end - c->at == 1 && *c->at == '\n';
    if (status == EMO_OK && (!seen[0] || !seen[1] || !seen[2] || !ended))
        status = malformed(c, err);
    return status;
}

/* No product of dimensions and width may overflow, nor be more than a file can hold. */
static int check_size(const struct emo_npy *a, const char *name, struct emo_error *err)
{
    uint64_t n = a->width > 0 ? a->width : 1;
    for (unsigned i = 0; i < a->rank; i++)
        if (__builtin_mul_overflow(n, a->dim[i] > 0 ? a->dim[i] : 1, &n) || n > INT64_MAX)
            return emo_error(err, EMO_INPUT, "%s: its shape is larger than any file: damaged",
                             name);
    return EMO_OK;
}

int emo_npy_read(struct emo_npy *a, const struct emo_npy_input *in, struct emo_error *err)
{
    uint8_t first[12] = {0};
    size_t got, n = 10;
    *a = (struct emo_npy){0};
    int status = in->take(in->context, first, n, &got, err);
    if (status != EMO_OK)
        return status;
    if (got < 6 || memcmp(first, MAGIC, 6) != 0)
        return emo_error(err, EMO_INPUT, "%s: not a NumPy array (.npy)", in->name);
    if (got == n && (first[6] < 1 || first[6] > 3 || first[7] != 0))
        return emo_error(err, EMO_INPUT, "%s: version %u.%u of the NumPy format; 1.0, 2.0 and 3.0 "
                         "are known", in->name, first[6], first[7]);
    size_t length = first[8] | (size_t)first[9] << 8;
    if (got == n && first[6] > 1) {
        status = in->take(in->context, first + 10, 2, &got, err);
        length |= (size_t)first[10] << 16 | (size_t)first[11] << 24;
        n = 2;
    }
    if (status != EMO_OK)
        return status;
    if (got == n && length > EMO_CAP_NPY_HEADER)
        return emo_error(err, EMO_INPUT, "%s: a header of %zu bytes; at most %u are possible",
                         in->name, length, EMO_CAP_NPY_HEADER);
    char *header = malloc(length + 1);
    if (header == NULL)
        return emo_error_memory(err, length, "a header");
    if (got == n) {
        n = length;
        status = in->take(in->context, header, n, &got, err);
    }
    struct cursor c = {.at = header, .end = header + length, .name = in->name};
    if (status == EMO_OK && got != n)
        status = emo_error(err, EMO_INPUT, "%s: cut short in its header", in->name);
    if (status == EMO_OK)
        status = read_dictionary(&c, a, err);
    free(header);
    return status == EMO_OK ? check_size(a, in->name, err) : status;
}

int emo_npy_take(const struct emo_npy_input *in, uint8_t **bytes, size_t *room, size_t kept,
                 size_t n, size_t *got, struct emo_error *err)
{
    size_t at = kept, end = kept + n;
    *got = 0;
    while (at < end) {
        if (at == *room) {
            size_t more = *room < FIRST_GROWTH / 2 ? FIRST_GROWTH : *room * 2;
            more = more < end ? more : end;
            uint8_t *bigger = realloc(*bytes, more);
            if (bigger == NULL)
                return emo_error_memory(err, more, "a row");
            *bytes = bigger;
            *room = more;
        }
        size_t want = (end < *room ? end : *room) - at, part;
        int status = in->take(in->context, *bytes + at, want, &part, err);
        if (status != EMO_OK)
            return status;
        at += part;
        *got = at - kept;
        if (part < want)
            break;
    }
    return EMO_OK;
}
