/* emo-unzip: the pictures of archives, directories and files, decoded and resized, as a stream. */
#include "base/hash.h"
#include "base/program.h"
#include "base/progress.h"
#include "base/threads.h"
#include "image/decode.h"
#include "image/inputs.h"
#include "image/resize.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Decoded together, then written in order: bounds memory, keeps every thread busy. */
#define WINDOW 32

static struct emo_common common;
static struct emo_shape size = {400, 500};
static const char *model, *list;
static int fit = EMO_STRETCH;
static bool gray, null, strict;
static struct emo_strings only;
static int64_t limit;
static struct emo_part shard = {1, 1};
static const char *const fits[] = {"stretch", "crop", "pad", NULL};

static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_PROGRESS(common),
    EMO_OPTIONS_NO_PG(common),
    {.letter = 's', .name = "size", .argument = "HxW", .help = "height and width (400x500)",
     .kind = EMO_SHAPE, .value = &size, .recorded = true},
    {.letter = 'm', .name = "model", .argument = "MODEL",
     .help = "take size, fit, channels and classes from this model", .kind = EMO_STRING,
     .value = &model},
    {.name = "fit", .argument = "HOW", .help = "stretch, crop or pad (stretch)",
     .kind = EMO_CHOICE, .value = &fit, .choices = fits, .recorded = true},
    {.name = "gray", .help = "one channel instead of three", .kind = EMO_FLAG, .value = &gray,
     .recorded = true},
    {.name = "class", .argument = "NAME", .help = "take this class only; repeatable",
     .kind = EMO_STRINGS, .value = &only, .recorded = true},
    {.name = "limit", .argument = "N", .help = "at most N images of each class", .kind = EMO_INT,
     .value = &limit, .low = 1, .high = 1e15, .recorded = true},
    {.name = "shard", .argument = "I/N", .help = "only the Ith of N interleaved parts",
     .kind = EMO_PART, .value = &shard, .recorded = true},
    {.letter = 'T', .name = "files-from", .argument = "FILE",
     .help = "read further paths from FILE, one a line", .kind = EMO_STRING, .value = &list},
    {.letter = '0', .name = "null", .help = "paths in -T's FILE end in NUL", .kind = EMO_FLAG,
     .value = &null},
    {.name = "strict", .help = "a picture that cannot be used ends the run", .kind = EMO_FLAG,
     .value = &strict},
};
#define COUNT (sizeof options / sizeof *options)

static const struct emo_program program = {
    .name = "emo-unzip",
    .operands = "[FILE|DIRECTORY ...]",
    .purpose = "decode and resize the pictures of archives, directories and files",
    .options = options,
    .count = COUNT,
    .common = &common,
};

/* One picture on its way. */
struct slot {
    const struct emo_entry *entry;
    uint64_t id;
    int16_t label;
    uint8_t *bytes, *pixels;
    size_t length;
    uint32_t height, width;
    int64_t origin;
    int status; /* EMO_INPUT: spoilt */
    struct emo_error err;
};

struct job {
    struct emo_inputs in;
    struct emo_head head;
    struct emo_writer *writer;
    struct emo_threads *threads;
    struct slot slots[WINDOW];
    uint32_t channels;
    size_t image_bytes;
    uint64_t *of_class; /* written; the last is unlabelled */
    uint64_t spoilt, other_class, distorted, written;
};

static void decode(void *context, size_t i, unsigned worker)
{
    struct job *j = context;
    struct slot *s = &j->slots[i];
    struct emo_pixels p;
    (void)worker;
    if (s->status != EMO_OK)
        return;
    s->origin = (int64_t)emo_xxh3(s->bytes, s->length);
    s->status = emo_decode(s->bytes, s->length, gray, size.height, size.width, &p, &s->err);
    if (s->status != EMO_OK)
        return;
    s->height = p.file_height;
    s->width = p.file_width;
    s->pixels = malloc(j->image_bytes);
    s->status = s->pixels == NULL
                    ? emo_error_memory(&s->err, j->image_bytes, "an image")
                    : emo_resize(p.bytes, p.height, p.width, j->channels, (enum emo_fit)fit,
                                 s->pixels, size.height, size.width, &s->err);
    free(p.bytes);
}

/* Size, fit, channels and classes of the model. */
static int from_model(struct emo_head *head, struct emo_error *err)
{
    struct emo_reader *r;
    struct emo_text value = {0};
    unsigned h, w, c;
    char end;
    struct emo_record record = {0};
    bool got = true;
    int status = emo_reader_open(&r, &model, 1, 1u << EMO_MODEL, err);
    if (status != EMO_OK)
        return status;
    const struct emo_head *m = emo_reader_head(r);
    if (!emo_head_key(m, "input", &value) ||
        sscanf(value.bytes, "%5ux%5ux%1u%c", &h, &w, &c, &end) != 3 || h == 0 || w == 0 ||
        (c != 1 && c != 3))
        status = emo_error(err, EMO_INPUT, "%s: says no input size that images can have", model);
    else
        size = (struct emo_shape){h, w}, gray = c == 1;
    if (status == EMO_OK && emo_head_key(m, "fit", &value))
        for (int i = 0; fits[i] != NULL; i++)
            if (strcmp(value.bytes, fits[i]) == 0)
                fit = i;
    if (status == EMO_OK)
        status = emo_head_set_classes(head, (const char *const *)m->classes, m->class_count, err);
    /* A model that is cut short or damaged further on is not to be relied on here, either. */
    while (status == EMO_OK && got)
        status = emo_reader_next(r, &record, &got, err);
    emo_text_free(&value);
    emo_record_free(&record);
    emo_reader_close(r);
    return status;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The class table: the model's, or --class, or the folders that hold pictures. */
static int make_classes(struct job *j, struct emo_error *err)
{
    size_t n = 0, all = only.count > 0 ? only.count : j->in.count;
    if (model != NULL)
        return EMO_OK;
    const char **names = malloc((all > 0 ? all : 1) * sizeof *names);
    if (names == NULL)
        return emo_error_memory(err, all * sizeof *names, "class names");
    for (size_t i = 0; i < all; i++) {
        const char *name = only.count > 0 ? only.at[i] : j->in.entries[i].folder;
        if (name != NULL && (n == 0 || strcmp(names[n - 1], name) != 0))
            names[n++] = name;
    }
    if (n > 1)
        qsort(names, n, sizeof *names, by_bytes);
    size_t unique = 0;
    for (size_t i = 0; i < n; i++)
        if (unique == 0 || strcmp(names[unique - 1], names[i]) != 0)
            names[unique++] = names[i];
    int status = emo_head_set_classes(&j->head, names, unique, err);
    free(names);
    return status;
}

static int make_head(struct job *j, struct emo_error *err)
{
    struct emo_text text = {0};
    int status = make_classes(j, err);
    j->head.shard = shard.i - 1;
    j->head.shards = shard.n;
    j->head.records_expected = (j->in.count + shard.n - shard.i) / shard.n;
    emo_text_printf(&text, "%" PRIu32 "x%" PRIu32 "x%" PRIu32, size.height, size.width,
                    j->channels);
    if (status == EMO_OK)
        status = emo_head_set_key(&j->head, "input", text.bytes, err);
    if (status == EMO_OK)
        status = emo_head_set_key(&j->head, "fit", fits[fit], err);
    text.length = 0;
    emo_options_recorded(options, COUNT, &text);
    if (status == EMO_OK && !common.no_pg)
        status = emo_head_add_pg(&j->head, program.name, EMO_VERSION,
                                 text.length > 0 ? text.bytes : "", NULL, err);
    emo_text_free(&text);
    size_t classes = j->head.class_count + 1;
    j->of_class = calloc(classes, sizeof *j->of_class);
    if (status == EMO_OK && j->of_class == NULL)
        status = emo_error_memory(err, classes * sizeof *j->of_class, "counts");
    return status;
}

static int write_slot(struct job *j, struct slot *s, struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE];
    const char *name = s->entry->name;
    if (s->status == EMO_FAILED) {
        *err = s->err;
        return EMO_FAILED;
    }
    if (s->status != EMO_OK) {
        emo_quote(quoted, sizeof quoted, name, strlen(name));
        j->spoilt++;
        if (strict)
            return emo_error(err, EMO_INPUT, "%s: %s", quoted, s->err.text);
        emo_program_warn(&program, "%s: %s; skipped", quoted, s->err.text);
        return EMO_OK;
    }
    size_t counter = s->label < 0 ? j->head.class_count : (size_t)s->label;
    if (limit > 0 && j->of_class[counter] >= (uint64_t)limit)
        return EMO_OK;
    struct emo_record r = {.id = s->id, .label = s->label, .payload = s->pixels};
    emo_record_shape(&r, EMO_U8, EMO_HWC, 3,
                     (uint32_t[]){size.height, size.width, j->channels});
    emo_metadata_set_text(&r.metadata, "name", name, strlen(name));
    emo_metadata_set_i64(&r.metadata, "origin", s->origin);
    emo_metadata_set_i64(&r.metadata, "height", s->height);
    emo_metadata_set_i64(&r.metadata, "width", s->width);
    emo_metadata_set_text(&r.metadata, "fit", fits[fit], strlen(fits[fit]));
    double change = (double)s->height * size.width / ((double)s->width * size.height);
    j->distorted += fit == EMO_STRETCH && (change > 1.5 || change < 1 / 1.5);
    j->of_class[counter]++;
    j->written++;
    int status = emo_writer_record(j->writer, &r, err);
    emo_record_free(&r);
    return status;
}

/* Decodes and writes the first n slots, and empties them. */
static int run_window(struct job *j, size_t n, struct emo_error *err)
{
    int status = EMO_OK;
    emo_threads_run(j->threads, n, decode, j);
    for (size_t i = 0; i < n; i++) {
        if (status == EMO_OK)
            status = write_slot(j, &j->slots[i], err);
        free(j->slots[i].bytes);
        free(j->slots[i].pixels);
        j->slots[i] = (struct slot){0};
    }
    return status;
}

/* Is entry wanted? Sets its label. */
static bool wanted(struct job *j, const struct emo_entry *e, int16_t *label)
{
    *label = -1;
    if (e->folder != NULL)
        *label = (int16_t)emo_head_class_index(&j->head, e->folder);
    if (*label < 0 && (e->folder != NULL || only.count > 0)) {
        j->other_class++;
        return false;
    }
    size_t counter = *label < 0 ? j->head.class_count : (size_t)*label;
    return limit == 0 || j->of_class[counter] < (uint64_t)limit;
}

static int run_entries(struct job *j, struct emo_error *err)
{
    struct emo_progress progress;
    size_t n = 0;
    int status = EMO_OK;
    emo_progress_begin(&progress, emo_program_shows_progress(&program), program.name, "images",
                       j->in.count);
    for (size_t i = 0; status == EMO_OK && i < j->in.count; i++) {
        struct slot *s = &j->slots[n];
        bool spoilt = false;
        if (i % shard.n != shard.i - 1 || !wanted(j, &j->in.entries[i], &s->label))
            continue;
        s->entry = &j->in.entries[i];
        s->id = i;
        status = emo_inputs_bytes(&j->in, i, &s->bytes, &s->length, &spoilt, &s->err);
        if (status != EMO_OK)
            *err = s->err;
        s->status = spoilt ? EMO_INPUT : EMO_OK;
        if (++n == WINDOW && status == EMO_OK) {
            status = run_window(j, n, err);
            n = 0;
        }
        emo_progress_update(&progress, i + 1, NULL);
    }
    if (status == EMO_OK)
        status = run_window(j, n, err);
    emo_progress_end(&progress);
    return status;
}

static void summarise(const struct job *j)
{
    struct emo_text t = {0};
    for (size_t i = 0; i <= j->head.class_count; i++) {
        bool named = i < j->head.class_count;
        if (j->of_class[i] == 0 && !named)
            continue;
        emo_text_add(&t, i > 0 ? ", " : "; ", 2);
        emo_text_printf(&t, "%s %" PRIu64, named ? j->head.classes[i] : "unlabelled",
                        j->of_class[i]);
    }
    if (j->spoilt > 0)
        emo_text_printf(&t, "; %" PRIu64 " skipped", j->spoilt);
    if (j->other_class > 0)
        emo_text_printf(&t, "; %" PRIu64 " of other classes left out", j->other_class);
    if (j->in.ignored > 0)
        emo_text_printf(&t, "; %" PRIu64 " other files ignored", j->in.ignored);
    if (j->in.nested > 0)
        emo_text_printf(&t, "; %" PRIu64 " archives within ignored", j->in.nested);
    emo_program_say(&program, "%" PRIu64 " images, %" PRIu32 " high x %" PRIu32 " wide%s",
                    j->written, size.height, size.width, t.bytes != NULL ? t.bytes : "");
    if (2 * j->distorted > j->written)
        emo_program_say(&program, "%" PRIu64 " of them change shape by more than half; "
                        "is %" PRIu32 "x%" PRIu32 " height x width as meant? (--fit crop or pad "
                        "keeps the shape)", j->distorted, size.height, size.width);
    emo_text_free(&t);
}

/* The operands and the lines of -T's file; *store holds the latter's bytes. */
static int gather_paths(char **operands, size_t n, const char ***paths, size_t *count, char **store,
                        struct emo_error *err)
{
    size_t length = 0, room = 0, extra = 0;
    FILE *f = list == NULL ? NULL : strcmp(list, "-") == 0 ? stdin : fopen(list, "r");
    if (list != NULL && f == NULL)
        return emo_error_errno(err, "%s", list);
    while (f != NULL && !feof(f)) {
        if (length + 1 >= room) {
            room = room > 0 ? 2 * room : 65536;
            char *more = realloc(*store, room);
            if (more == NULL)
                return emo_error_memory(err, room, "paths");
            *store = more;
        }
        length += fread(*store + length, 1, room - length - 1, f);
        if (ferror(f))
            return emo_error_errno(err, "%s", list);
    }
    if (f != NULL && f != stdin)
        fclose(f);
    for (size_t i = 0; i < length; i++)
        extra += (*store)[i] == (null ? '\0' : '\n') || i + 1 == length;
    *paths = calloc(n + extra + 1, sizeof **paths);
    if (*paths == NULL)
        return emo_error_memory(err, (n + extra + 1) * sizeof **paths, "paths");
    for (size_t i = 0; i < n; i++)
        (*paths)[(*count)++] = operands[i];
    for (size_t at = 0; at < length;) {
        char *end = memchr(*store + at, null ? '\0' : '\n', length - at);
        size_t line = end != NULL ? (size_t)(end - *store) - at : length - at;
        (*store)[at + line] = '\0';
        if (line > 0)
            (*paths)[(*count)++] = *store + at;
        at += line + 1;
    }
    if (*count == 0 && list == NULL)
        (*paths)[(*count)++] = "-";
    return EMO_OK;
}

static int run(char **operands, size_t n, struct emo_error *err)
{
    struct job j = {.in = {.spool = -1}};
    const char **paths = NULL;
    char *store = NULL;
    size_t count = 0;
    emo_head_begin(&j.head, EMO_IMAGES);
    if (common.jobs == 0)
        common.jobs = emo_processors();
    int status = gather_paths(operands, n, &paths, &count, &store, err);
    if (status == EMO_OK && model != NULL)
        status = from_model(&j.head, err);
    j.channels = gray ? 1 : 3;
    j.image_bytes = (size_t)size.height * size.width * j.channels;
    if (status == EMO_OK && j.image_bytes > EMO_CAP_PAYLOAD)
        status = emo_error(err, EMO_USAGE, "-s: %zu bytes an image are too many", j.image_bytes);
    if (status == EMO_OK)
        status = emo_inputs_open(&j.in, paths, count, err);
    if (status == EMO_OK && j.in.count == 0)
        status = emo_error(err, EMO_INPUT, "no picture in what was given (%" PRIu64 " other files, "
                           "%" PRIu64 " archives within)", j.in.ignored, j.in.nested);
    if (status == EMO_OK)
        status = make_head(&j, err);
    if (status == EMO_OK)
        status = emo_threads_open(&j.threads, (unsigned)common.jobs, err);
    if (status == EMO_OK)
        status = emo_writer_create(&j.writer, common.output, &j.head, err);
    if (status == EMO_OK)
        status = run_entries(&j, err);
    if (status == EMO_OK && j.written == 0)
        status = emo_error(err, EMO_INPUT, "no picture could be used (%" PRIu64 " skipped, %" PRIu64
                           " of other classes)", j.spoilt, j.other_class);
    status = emo_writer_close(j.writer, NULL, program.name, status, err);
    if (status == EMO_OK)
        summarise(&j);
    emo_threads_close(j.threads);
    emo_inputs_close(&j.in);
    emo_head_free(&j.head);
    free(j.of_class);
    free(paths);
    free(store);
    return status;
}

int main(int argc, char **argv)
{
    size_t n;
    int early = emo_program_begin(&program, argc, argv, &n);
    if (early >= 0)
        return early;
    struct emo_error err = {0};
    int status = run(argv + 1, n, &err);
    free(only.at);
    return emo_program_end(&program, status, &err);
}
