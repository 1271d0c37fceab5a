#include "exchange/columns.h"
#include "exchange/npz.h"
#include "image/archive.h"
#include "stream/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct npz {
    const char *file;
    bool bare;
    struct emo_source source; /* of a .npy */
    int fd;                   /* of a .npz */
    struct emo_archive *archive;
    size_t entry;      /* of the payloads in the archive, from 1 */
    char kind_name[8]; /* images, scores */
    char name[400];    /* for messages: the array that is read */
    struct emo_npy_input in;

    struct emo_npy payloads;
    struct emo_columns columns;
    const struct emo_column *labels, *ids, *splits, *epochs;
    int16_t *class_of; /* index in byte order, by index in the array; NULL: the same */
    size_t class_count;
    uint64_t row;
    uint8_t *payload;
    size_t room;
};

static void npz_close(void *state)
{
    struct npz *z = state;
    if (z == NULL)
        return;
    emo_archive_close(z->archive);
    emo_source_free(&z->source);
    if (z->fd >= 0)
        close(z->fd);
    emo_columns_free(&z->columns);
    free(z->class_of);
    free(z->payload);
    free(z);
}

static int take_entry(void *context, void *to, size_t n, size_t *got, struct emo_error *err)
{
    struct npz *z = context;
    *got = 0;
    while (*got < n) {
        bool spoilt;
        size_t part;
        int status = emo_archive_read(z->archive, (uint8_t *)to + *got, n - *got, &part, &spoilt,
                                      err);
        if (status == EMO_OK && spoilt) {
            err->status = status = EMO_INPUT;
            emo_error_prefix(err, "%s", z->name);
        }
        if (status != EMO_OK)
            return status;
        if (part == 0)
            break;
        *got += part;
    }
    return EMO_OK;
}

static int take_source(void *context, void *to, size_t n, size_t *got, struct emo_error *err)
{
    return emo_source_take(context, to, n, got, err);
}

/* The payloads' header, and what it must be. */
static int read_payloads_header(struct npz *z, struct emo_error *err)
{
    struct emo_npy *a = &z->payloads;
    char described[200];
    bool images = strcmp(z->kind_name, "images") == 0;
    int status = emo_npy_read(a, &z->in, err);
    if (status != EMO_OK)
        return status;
    emo_npy_describe(a, described, sizeof described);
    if (images && a->rank == 3) { /* gray, without an axis of channels */
        a->rank = 4;
        a->dim[3] = 1;
    }
    if (images && (a->rank != 4 || a->kind != 'u' || a->width != 1))
        return emo_error(err, EMO_INPUT, "%s: %s; images are uint8, N x H x W x C or N x H x W "
                         "(levels from 0 to 1 become so with (255 * a).round().astype('uint8'))",
                         z->name, described);
    if (images && a->dim[3] > 4 && a->dim[1] <= 4)
        return emo_error(err, EMO_INPUT, "%s: %s, which looks like N x C x H x W; channels come "
                         "last: a.transpose(0, 2, 3, 1)", z->name, described);
    if (!images && (a->rank != 2 || a->kind != 'f' || a->width != 4))
        return emo_error(err, EMO_INPUT, "%s: %s; scores are float32, N x K", z->name, described);
    for (unsigned i = 1; i < a->rank && a->dim[0] > 0; i++)
        if (a->dim[i] == 0 || a->dim[i] > UINT32_MAX)
            return emo_error(err, EMO_INPUT, "%s: %s: not a shape of %s", z->name, described,
                             z->kind_name);
    if (emo_npy_row(a) > EMO_CAP_PAYLOAD)
        return emo_error(err, EMO_INPUT, "%s: %s: one of the %s is larger than the %" PRIu64
                         " bytes that are possible", z->name, described, z->kind_name,
                         EMO_CAP_PAYLOAD);
    return EMO_OK;
}

/* One entry of the archive: payloads are for later, columns are copied. */
static int read_entry(struct npz *z, const struct emo_archive_entry *e, struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE], name[EMO_COLUMN_NAME] = "";
    size_t n = strlen(e->name);
    emo_quote(quoted, sizeof quoted, e->name, n);
    snprintf(z->name, sizeof z->name, "%.80s: %s", z->file, quoted);
    if (!e->file || e->link || e->encrypted || n < 5 || n - 4 >= sizeof name ||
        strcmp(e->name + n - 4, ".npy") != 0)
        return emo_error(err, EMO_INPUT, "%s: not an array as .npz has them", z->name);
    memcpy(name, e->name, n - 4);
    if (strcmp(name, "images") != 0 && strcmp(name, "scores") != 0)
        return emo_columns_add(&z->columns, name, &z->in, err);
    if (z->entry != 0)
        return emo_error(err, EMO_INPUT, "%s: there is %s, too; an array file has one of images "
                         "and scores, once", z->name, z->kind_name);
    snprintf(z->kind_name, sizeof z->kind_name, "%.6s", name);
    z->entry = emo_archive_count(z->archive);
    return read_payloads_header(z, err);
}

static int read_entries(struct npz *z, struct emo_error *err)
{
    struct emo_archive_entry e;
    bool got = true;
    int status = emo_archive_open(&z->archive, z->fd, z->file, EMO_CAP_NPZ_UNPACKED, err);
    while (status == EMO_OK && got) {
        status = emo_archive_next(z->archive, &e, &got, err);
        if (status == EMO_OK && got)
            status = read_entry(z, &e, err);
    }
    if (status == EMO_OK && z->entry == 0)
        status = emo_error(err, EMO_INPUT, "%s: has no array named images or scores; in Python: "
                           "np.savez(file, images=..., labels=..., classes=...)", z->file);
    return status;
}

/* To the payloads again, behind their header. */
static int rewind_to_payloads(struct npz *z, struct emo_error *err)
{
    struct emo_archive_entry e;
    bool got = true;
    emo_archive_close(z->archive);
    int status = emo_archive_open(&z->archive, z->fd, z->file, EMO_CAP_NPZ_UNPACKED, err);
    while (status == EMO_OK && got && emo_archive_count(z->archive) < z->entry)
        status = emo_archive_next(z->archive, &e, &got, err);
    snprintf(z->name, sizeof z->name, "%.80s: %s.npy", z->file, z->kind_name);
    return status == EMO_OK ? read_payloads_header(z, err) : status;
}

struct named {
    char *name;
    size_t index;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/* The names of the array `classes`, sorted, with where each stood. */
static int read_names(struct npz *z, const struct emo_column *column, struct named *names,
                      struct emo_error *err)
{
    int status = EMO_OK;
    for (size_t i = 0; status == EMO_OK && i < z->class_count; i++) {
        const char *text;
        size_t n;
        status = emo_column_text(&z->columns, column, i, &text, &n, err);
        if (status == EMO_OK && memchr(text, '\0', n) != NULL)
            status = emo_error(err, EMO_INPUT, "%s: the name of class %zu has a zero byte", z->file,
                               i);
        names[i] = (struct named){.index = i};
        if (status == EMO_OK && (names[i].name = strndup(text, n)) == NULL)
            status = emo_error_memory(err, n, "a class name");
    }
    if (status == EMO_OK && z->class_count > 1)
        qsort(names, z->class_count, sizeof *names, by_name);
    return status;
}

static int set_classes(struct npz *z, struct emo_head *head, const struct named *names,
                       struct emo_error *err)
{
    size_t count = z->class_count;
    const char **sorted = calloc(count + 1, sizeof *sorted);
    z->class_of = calloc(count + 1, sizeof *z->class_of);
    int status = sorted != NULL && z->class_of != NULL
                     ? EMO_OK
                     : emo_error_memory(err, count * sizeof *sorted, "class names");
    for (size_t i = 0; status == EMO_OK && i < count; i++) {
        sorted[i] = names[i].name;
        z->class_of[names[i].index] = (int16_t)i;
    }
    if (status == EMO_OK)
        status = emo_head_set_classes(head, sorted, count, err);
    if (status == EMO_INPUT)
        emo_error_prefix(err, "%s: the array classes has a name twice", z->file);
    free(sorted);
    return status;
}

/* Without names, the classes are the numbers up to the largest label, equally long, so that their
   order is that of their bytes. */
static int number_classes(struct npz *z, struct named **names, struct emo_error *err)
{
    uint64_t most = 0;
    int status = EMO_OK;
    for (uint64_t i = 0; status == EMO_OK && i < z->payloads.dim[0]; i++) {
        uint64_t label;
        bool negative;
        status = emo_column_integer(&z->columns, z->labels, i, &label, &negative, err);
        if (status == EMO_OK && !negative && label >= EMO_CAP_CLASSES)
            status = emo_error(err, EMO_INPUT, "%s: row %" PRIu64 " has the label %" PRIu64
                               "; at most %u classes are possible", z->file, i, label,
                               EMO_CAP_CLASSES);
        if (!negative && label + 1 > most)
            most = label + 1;
    }
    if (status != EMO_OK)
        return status;
    int digits = snprintf(NULL, 0, "%" PRIu64, most > 0 ? most - 1 : 0);
    *names = calloc((size_t)most + 1, sizeof **names);
    for (size_t i = 0; *names != NULL && i < most; i++, z->class_count++) {
        char number[24];
        snprintf(number, sizeof number, "%0*zu", digits, i);
        (*names)[i] = (struct named){.name = strdup(number), .index = i};
        if ((*names)[i].name == NULL)
            return emo_error_memory(err, sizeof number, "a class name");
    }
    return *names != NULL ? EMO_OK : emo_error_memory(err, (size_t)most, "class names");
}

static int read_classes(struct npz *z, struct emo_head *head, struct emo_error *err)
{
    const struct emo_column *column = emo_columns_find(&z->columns, "classes");
    struct named *names = NULL;
    int status = EMO_OK;
    if (column != NULL) {
        status = emo_column_check(&z->columns, column, "US", EMO_UNKNOWN, err);
        if (status == EMO_OK && column->array.dim[0] > EMO_CAP_CLASSES)
            status = emo_error(err, EMO_INPUT, "%s: %" PRIu64 " classes; at most %u are possible",
                               z->file, column->array.dim[0], EMO_CAP_CLASSES);
        if (status == EMO_OK) {
            z->class_count = (size_t)column->array.dim[0];
            names = calloc(z->class_count + 1, sizeof *names);
            status = names != NULL ? read_names(z, column, names, err)
                                   : emo_error_memory(err, z->class_count, "class names");
        }
    } else if (z->labels != NULL) {
        status = number_classes(z, &names, err);
    }
    if (status == EMO_OK && names != NULL)
        status = set_classes(z, head, names, err);
    for (size_t i = 0; names != NULL && i < z->class_count; i++)
        free(names[i].name);
    free(names);
    return status;
}

/* The lines of the array `head`, if there is one, and what is now true of the images. */
static int read_lines(struct npz *z, struct emo_head *head, struct emo_error *err)
{
    const struct emo_column *column = emo_columns_find(&z->columns, "head");
    struct emo_text lines = {0};
    struct emo_head parsed;
    char input[48];
    emo_head_begin(&parsed, head->kind);
    int status = column != NULL ? emo_column_check(&z->columns, column, "US", EMO_UNKNOWN, err)
                                : EMO_OK;
    for (uint64_t i = 0; status == EMO_OK && column != NULL && i < column->array.dim[0]; i++) {
        const char *text;
        size_t n;
        status = emo_column_text(&z->columns, column, i, &text, &n, err);
        if (status == EMO_OK && (memchr(text, '\n', n) != NULL || lines.length + n > EMO_CAP_TEXT))
            status = emo_error(err, EMO_INPUT, "%s: the array head, row %" PRIu64 ": not a line of "
                               "a HEAD, or more of them than are possible", z->file, i);
        if (status == EMO_OK) {
            emo_text_add(&lines, text, n);
            emo_text_add(&lines, "\n", 1);
        }
    }
    if (status == EMO_OK && lines.failed)
        status = emo_error_memory(err, lines.length, "a head");
    if (status == EMO_OK)
        status = emo_head_parse(&parsed, lines.bytes != NULL ? lines.bytes : "", lines.length, err);
    if (status == EMO_OK && parsed.class_count > 0)
        status = emo_error(err, EMO_INPUT, "%s: the array head has @CLASS lines; classes are an "
                           "array of their own", z->file);
    if (status == EMO_OK)
        emo_text_add(&head->lines, parsed.lines.bytes, parsed.lines.length);
    snprintf(input, sizeof input, "%" PRIu64 "x%" PRIu64 "x%" PRIu64, z->payloads.dim[1],
             z->payloads.dim[2], z->payloads.dim[3]);
    if (status == EMO_OK && head->kind == EMO_IMAGES && z->payloads.dim[0] > 0)
        status = emo_head_set_key(head, "input", input, err);
    emo_head_free(&parsed);
    emo_text_free(&lines);
    return status;
}

/* The key whose values the column holds, "": it holds none; *flag: what is or'ed to its type. */
static const char *key_of(const char *name, uint8_t *flag)
{
    *flag = 0;
    if (strcmp(name, "names") == 0)
        return "name";
    if (strcmp(name, "origins") == 0)
        return "origin";
    if (strncmp(name, "meta.", 5) == 0)
        return name + 5;
    *flag = EMO_META_PAYLOAD_ONLY;
    return strncmp(name, "payload.", 8) == 0 ? name + 8 : "";
}

/* Finds the columns, and refuses those that no one knows. */
static int check_columns(struct npz *z, struct emo_error *err)
{
    static const char *const known[] = {"labels", "ids", "splits", "epochs", "classes", "head"};
    static const char *const kinds[] = {"iub", "iu", "US", "iu"};
    const struct emo_column **at[] = {&z->labels, &z->ids, &z->splits, &z->epochs};
    uint64_t rows = z->payloads.dim[0];
    for (size_t i = 0; i < z->columns.count; i++) {
        const struct emo_column *c = &z->columns.at[i];
        uint8_t flag;
        size_t k = 0, n = strlen(key_of(c->name, &flag));
        int status = EMO_OK;
        while (k < 6 && strcmp(known[k], c->name) != 0)
            k++;
        if (k < 4) {
            *at[k] = c;
            status = emo_column_check(&z->columns, c, kinds[k], rows, err);
        } else if (n > 0 && n < 256) {
            status = emo_column_check(&z->columns, c, n == 4 && strcmp(c->name, "names") == 0
                                                          ? "US"
                                                      : strcmp(c->name, "origins") == 0 ? "iu"
                                                                                        : "iufbUS",
                                      rows, err);
        } else if (strncmp(c->name, "absent.", 7) == 0) {
            status = emo_column_check(&z->columns, c, "b", rows, err);
        } else if (k == 6) {
            char quoted[EMO_QUOTE_SIZE];
            status = emo_error(err, EMO_INPUT, "%s: an unknown array %s; there are images or "
                               "scores, labels, classes, names, ids, splits, epochs, origins, head, "
                               "meta.KEY, payload.KEY, absent.KEY", z->file,
                               emo_quote(quoted, sizeof quoted, c->name, strlen(c->name)));
        }
        if (status != EMO_OK)
            return status;
    }
    return EMO_OK;
}

static int open_input(struct npz *z, const char *path, struct emo_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    z->file = standard ? "<stdin>" : path;
    if (z->bare) {
        snprintf(z->name, sizeof z->name, "%s", z->file);
        snprintf(z->kind_name, sizeof z->kind_name, "images");
        z->in = (struct emo_npy_input){.take = take_source, .context = &z->source, .name = z->name};
        return emo_source_open(&z->source, path, err);
    }
    z->in = (struct emo_npy_input){.take = take_entry, .context = z, .name = z->name};
    if (standard && isatty(STDIN_FILENO))
        return emo_error(err, EMO_USAGE, "standard input is a terminal; name a file, or use a pipe");
    z->fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
    if (z->fd < 0)
        return emo_error_errno(err, "%s", z->file);
    int status = emo_make_seekable(&z->fd, z->file, err);
    uint8_t first[4] = {0};
    if (status == EMO_OK && emo_read_at(z->fd, first, sizeof first, 0) < 0)
        status = emo_error_errno(err, "%s", z->file);
    else if (status == EMO_OK && memcmp(first, "PK", 2) != 0)
        status = emo_error(err, EMO_INPUT, "%s: not a zip, as .npz is", z->file);
    return status;
}

static int open_npz(struct npz *z, const char *path, struct emo_head *head,
                    struct emo_error *err)
{
    int status = open_input(z, path, err);
    z->columns.file = z->file;
    if (status == EMO_OK)
        status = z->bare ? read_payloads_header(z, err) : read_entries(z, err);
    if (status != EMO_OK)
        return status;
    emo_head_begin(head, strcmp(z->kind_name, "images") == 0 ? EMO_IMAGES : EMO_SCORES);
    head->records_expected = z->payloads.dim[0];
    status = check_columns(z, err);
    if (status == EMO_OK)
        status = read_classes(z, head, err);
    if (status == EMO_OK && head->kind == EMO_SCORES && z->payloads.dim[1] != z->class_count)
        status = emo_error(err, EMO_INPUT, "%s: scores for %" PRIu64 " classes, but %zu are named",
                           z->file, z->payloads.dim[1], z->class_count);
    if (status == EMO_OK)
        status = read_lines(z, head, err);
    return status == EMO_OK && !z->bare ? rewind_to_payloads(z, err) : status;
}

static int open_either(void **state, const char *path, bool bare, struct emo_head *head,
                       struct emo_error *err)
{
    struct npz *z = calloc(1, sizeof *z);
    *state = z;
    *head = (struct emo_head){0};
    if (z == NULL)
        return emo_error_memory(err, sizeof *z, "arrays");
    z->fd = z->columns.fd = -1;
    z->bare = bare;
    return open_npz(z, path, head, err);
}

static int npy_open(void **state, const char *const *paths, size_t count, struct emo_head *head,
                    struct emo_error *err)
{
    (void)count;
    return open_either(state, paths[0], true, head, err);
}

static int npz_open(void **state, const char *const *paths, size_t count, struct emo_head *head,
                    struct emo_error *err)
{
    (void)count;
    return open_either(state, paths[0], false, head, err);
}

static int bad_row(const struct npz *z, const char *array, struct emo_error *err,
                   const char *what)
{
    return emo_error(err, EMO_INPUT, "%s: the array %s, row %" PRIu64 ": %s", z->file, array,
                     z->row, what);
}

/* label, id, split and epoch */
static int read_fields(struct npz *z, struct emo_record *r, struct emo_error *err)
{
    uint64_t bits = 0;
    bool negative = false;
    int status = EMO_OK;
    r->label = -1;
    r->id = z->row;
    r->split = EMO_SPLIT_NONE;
    r->epoch = 0;
    if (z->labels != NULL) {
        status = emo_column_integer(&z->columns, z->labels, z->row, &bits, &negative, err);
        if (status == EMO_OK && (negative ? bits != UINT64_MAX : bits >= z->class_count))
            return bad_row(z, "labels", err, "no index of a class, nor -1");
        if (status == EMO_OK && !negative)
            r->label = z->class_of[bits];
    }
    if (status == EMO_OK && z->ids != NULL) {
        status = emo_column_integer(&z->columns, z->ids, z->row, &r->id, &negative, err);
        if (status == EMO_OK && (negative || r->id == UINT64_MAX))
            return bad_row(z, "ids", err, "no id, which is 0 or more");
    }
    if (status == EMO_OK && z->epochs != NULL) {
        status = emo_column_integer(&z->columns, z->epochs, z->row, &bits, &negative, err);
        if (status == EMO_OK && (negative || bits > UINT16_MAX))
            return bad_row(z, "epochs", err, "no epoch, which is 0 to 65535");
        r->epoch = (uint16_t)bits;
    }
    if (status == EMO_OK && z->splits != NULL) {
        const char *text;
        size_t n;
        status = emo_column_text(&z->columns, z->splits, z->row, &text, &n, err);
        uint8_t s = 0;
        while (status == EMO_OK && s < EMO_SPLITS_COUNT &&
               (strlen(emo_split_name(s)) != n || memcmp(emo_split_name(s), text, n) != 0))
            s++;
        if (s == EMO_SPLITS_COUNT)
            return bad_row(z, "splits", err, "not one of none, train, valid, test");
        r->split = s;
    }
    return status;
}

static int read_metadata(struct npz *z, const struct emo_column *c, struct emo_record *r,
                         struct emo_error *err)
{
    uint8_t flag;
    const char *key = key_of(c->name, &flag), *text;
    char mark[EMO_COLUMN_NAME];
    uint64_t bits;
    size_t n;
    bool negative;
    double real;
    int status = EMO_OK;
    snprintf(mark, sizeof mark, "absent.%.250s", key);
    const struct emo_column *absent = emo_columns_find(&z->columns, mark);
    if (absent != NULL)
        status = emo_column_integer(&z->columns, absent, z->row, &bits, &negative, err);
    if (status != EMO_OK || (absent != NULL && bits != 0))
        return status;
    if (strchr("US", c->array.kind) != NULL) {
        status = emo_column_text(&z->columns, c, z->row, &text, &n, err);
        if (status == EMO_OK)
            emo_metadata_set(&r->metadata, (uint8_t)(EMO_META_TEXT | flag), key, text, n);
    } else if (c->array.kind == 'f') {
        status = emo_column_real(&z->columns, c, z->row, &real, err);
        if (status == EMO_OK)
            emo_metadata_set(&r->metadata, (uint8_t)(EMO_META_F64 | flag), key, &real, sizeof real);
    } else {
        status = emo_column_integer(&z->columns, c, z->row, &bits, &negative, err);
        if (status == EMO_OK)
            emo_metadata_set(&r->metadata, (uint8_t)(EMO_META_I64 | flag), key, &bits, sizeof bits);
    }
    if (status == EMO_OK && r->metadata.failed && !r->metadata.full)
        return emo_error_memory(err, r->metadata.length, "metadata");
    if (status == EMO_OK && r->metadata.failed)
        return bad_row(z, c->name, err, "longer than a record's metadata can be");
    return status;
}

static int read_payload(struct npz *z, struct emo_record *r, struct emo_error *err)
{
    bool images = z->payloads.rank == 4;
    uint32_t dim[3] = {0};
    size_t got, n = (size_t)emo_npy_row(&z->payloads);
    for (unsigned i = 0; i + 1 < z->payloads.rank; i++)
        dim[i] = (uint32_t)z->payloads.dim[i + 1];
    int status = emo_npy_take(&z->in, &z->payload, &z->room, 0, n, &got, err);
    if (status == EMO_OK && got < n)
        return emo_error(err, EMO_INPUT, "%s: cut short in row %" PRIu64 " of %" PRIu64, z->name,
                         z->row, z->payloads.dim[0]);
    emo_record_shape(r, images ? EMO_U8 : EMO_F32, images ? EMO_HWC : EMO_ORDER_NONE,
                     images ? 3 : 1, dim);
    r->payload = z->payload;
    return status;
}

static int npz_next(void *state, struct emo_record *r, bool *got, struct emo_error *err)
{
    struct npz *z = state;
    uint8_t flag;
    *got = false;
    if (z->row == z->payloads.dim[0]) {
        uint8_t byte;
        size_t more;
        int status = z->in.take(z->in.context, &byte, 1, &more, err);
        return status == EMO_OK && more > 0
                   ? emo_error(err, EMO_INPUT, "%s: more bytes than its shape says", z->name)
                   : status;
    }
    r->metadata.length = 0;
    int status = read_payload(z, r, err);
    if (status == EMO_OK)
        status = read_fields(z, r, err);
    for (size_t i = 0; status == EMO_OK && i < z->columns.count; i++)
        if (*key_of(z->columns.at[i].name, &flag) != '\0')
            status = read_metadata(z, &z->columns.at[i], r, err);
    z->row++;
    *got = status == EMO_OK;
    return status;
}

const struct emo_import emo_import_npy = {.open = npy_open, .next = npz_next, .close = npz_close};
const struct emo_import emo_import_npz = {.open = npz_open, .next = npz_next, .close = npz_close};
