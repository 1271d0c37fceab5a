/* emo-unzip: the pictures of archives, directories and files, decoded and resized, as a stream. */
#include "base/conveyor.h"
#include "base/hash.h"
#include "base/program.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "image/archive.h"
#include "image/decode.h"
#include "image/inputs.h"
#include "image/resize.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Images under way: for each thread a few, so that none waits for another, but no more than this
   many bytes of them. */
#define SLOTS_PER_THREAD 4
#define SLOTS_BYTES (UINT64_C(512) << 20)
/* More classes than this are counted in the summary, not listed. */
#define LISTED_CLASSES 20

static struct emo_common common;
static struct emo_shape size = {400, 500};
static const char *model, *list;
static int fit = EMO_STRETCH;
static bool gray, null, strict;
static struct emo_strings only;
static int64_t limit, max_pixels;
static uint64_t max_file = EMO_CAP_FILE, max_unpacked = EMO_CAP_UNPACKED;
static struct emo_part shard = {1, 1};
static const char *const fits[] = {"stretch", "crop", "pad", NULL};

static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_PROGRESS(common),
    EMO_OPTIONS_NO_PG(common),
    EMO_OPTIONS_SANDBOX(common),
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
    {.name = "max-pixels", .argument = "N",
     .help = "decode pictures of up to N pixels (134217728, or 16777216 where the file is tiny)",
     .kind = EMO_INT, .value = &max_pixels, .low = 1, .high = UINT32_MAX, .recorded = true},
    {.name = "max-file", .argument = "SIZE", .help = "of one picture's file (256M)",
     .kind = EMO_SIZE, .value = &max_file, .recorded = true},
    {.name = "max-unpacked", .argument = "SIZE",
     .help = "what an archive may unpack to, or 200 times its size (64M)", .kind = EMO_SIZE,
     .value = &max_unpacked, .recorded = true},
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
    uint8_t *bytes, *pixels; /* pixels is kept from picture to picture */
    size_t length;
    uint32_t height, width, crc;
    int64_t origin;
    int status; /* EMO_INPUT: spoilt */
    struct emo_error err;
};

struct job {
    struct emo_inputs in;
    struct emo_head head;
    struct emo_writer *writer;
    struct emo_progress progress;
    struct slot *slots;
    size_t slot_count, next; /* next entry to be looked at */
    uint32_t channels;
    size_t image_bytes;
    uint64_t *of_class; /* written; the last is unlabelled */
    uint64_t spoilt, other_class, distorted, written;
};

/* Is entry wanted? Sets its label. A model's user wants to see what it makes of any picture; who
   names classes wants these. */
static bool wanted(const struct job *j, const struct emo_entry *e, int16_t *label)
{
    *label = -1;
    if (e->folder != NULL)
        *label = (int16_t)emo_head_class_index(&j->head, e->folder);
    if (only.count == 0)
        return true;
    for (size_t i = 0; e->folder != NULL && i < only.count; i++)
        if (strcmp(only.at[i], e->folder) == 0)
            return true;
    return false;
}

static bool full(const struct job *j, int16_t label)
{
    return limit > 0 &&
           j->of_class[label < 0 ? j->head.class_count : (size_t)label] >= (uint64_t)limit;
}

static int fill(void *context, size_t slot, bool *filled, struct emo_error *err)
{
    struct job *j = context;
    struct slot *s = &j->slots[slot];
    for (; j->next < j->in.count; j->next++) {
        const struct emo_entry *e = &j->in.entries[j->next];
        if (j->next % shard.n != shard.i - 1)
            continue;
        if (!wanted(j, e, &s->label)) {
            j->other_class++;
            continue;
        }
        if (full(j, s->label))
            continue;
        bool spoilt = false;
        s->entry = e;
        s->id = j->next++;
        int status = emo_inputs_bytes(&j->in, s->id, &s->bytes, &s->length, &spoilt, &s->err);
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
    struct job *j = context;
    struct slot *s = &j->slots[slot];
    struct emo_pixels p;
    if (s->status != EMO_OK)
        return;
    s->origin = (int64_t)emo_xxh3(s->bytes, s->length);
    s->status = emo_decode(s->bytes, s->length, gray, size.height, size.width,
                           (uint64_t)max_pixels, &p, &s->err);
    if (s->status != EMO_OK)
        return;
    s->height = p.file_height;
    s->width = p.file_width;
    if (s->pixels == NULL)
        s->pixels = malloc(j->image_bytes);
    s->status = s->pixels == NULL
                    ? emo_error_memory(&s->err, j->image_bytes, "an image")
                    : emo_resize(p.bytes, p.height, p.width, j->channels, (enum emo_fit)fit,
                                 s->pixels, size.height, size.width, &s->err);
    if (s->status == EMO_OK)
        s->crc = emo_crc32(0, s->pixels, j->image_bytes);
    free(p.bytes);
}

static int write_image(struct job *j, const struct slot *s, struct emo_error *err)
{
    const char *name = s->entry->name;
    struct emo_record r = {.id = s->id, .label = s->label, .payload = s->pixels};
    emo_record_shape(&r, EMO_U8, EMO_HWC, 3,
                     (uint32_t[]){size.height, size.width, j->channels});
    r.data_crc = s->crc;
    r.data_crc_known = true;
    emo_metadata_set_text(&r.metadata, "name", name, strlen(name));
    emo_metadata_set_i64(&r.metadata, "origin", s->origin);
    emo_metadata_set_i64(&r.metadata, "height", s->height);
    emo_metadata_set_i64(&r.metadata, "width", s->width);
    emo_metadata_set_text(&r.metadata, "fit", fits[fit], strlen(fits[fit]));
    double change = (double)s->height * size.width / ((double)s->width * size.height);
    j->distorted += fit == EMO_STRETCH && (change > 1.5 || change < 1 / 1.5);
    j->of_class[s->label < 0 ? j->head.class_count : (size_t)s->label]++;
    j->written++;
    int status = emo_writer_record(j->writer, &r, err);
    emo_record_free(&r);
    return status;
}

static int drain(void *context, size_t slot, struct emo_error *err)
{
    struct job *j = context;
    struct slot *s = &j->slots[slot];
    char quoted[EMO_QUOTE_SIZE];
    int status = EMO_OK;
    free(s->bytes);
    s->bytes = NULL;
    emo_progress_update(&j->progress, s->id + 1, NULL);
    /* What was under way when its class became full is as if never looked at. */
    if (full(j, s->label))
        return EMO_OK;
    if (s->status == EMO_OK)
        return write_image(j, s, err);
    if (s->status != EMO_INPUT) {
        *err = s->err;
        return s->status;
    }
    emo_quote(quoted, sizeof quoted, s->entry->name, strlen(s->entry->name));
    j->spoilt++;
    if (strict)
        status = emo_error(err, EMO_INPUT, "%s: %s", quoted, s->err.text);
    else
        emo_program_warn(&program, "%s: %s; skipped", quoted, s->err.text);
    return status;
}

static int run_entries(struct job *j, struct emo_error *err)
{
    static const struct emo_conveyor steps = {fill, work, drain};
    uint64_t most = SLOTS_BYTES / j->image_bytes, count = SLOTS_PER_THREAD * (uint64_t)common.jobs;
    if (common.jobs == 1)
        count = 1;
    j->slot_count = count < most ? count : most > 0 ? most : 1;
    j->slots = calloc(j->slot_count, sizeof *j->slots);
    if (j->slots == NULL)
        return emo_error_memory(err, j->slot_count * sizeof *j->slots, "images");
    emo_progress_begin(&j->progress, emo_program_shows_progress(&program), program.name, "images",
                       j->in.count);
    int status = emo_conveyor_run(&steps, j, (unsigned)common.jobs, j->slot_count, err);
    emo_progress_end(&j->progress);
    for (size_t i = 0; i < j->slot_count; i++) {
        free(j->slots[i].bytes);
        free(j->slots[i].pixels);
    }
    free(j->slots);
    return status;
}

/* Size, fit, channels and classes of the model. */
static int from_model(struct emo_head *head, struct emo_error *err)
{
    struct emo_reader *r;
    struct emo_record record = {0};
    bool got = true;
    struct emo_text value = {0};
    uint32_t h, w, c;
    for (size_t i = 0; i < COUNT; i++)
        if (options[i].given && (options[i].value == &size || options[i].value == &fit ||
                                 options[i].value == &gray))
            return emo_error(err, EMO_USAGE, "--%s is what -m takes from the model: leave one out",
                             options[i].name);
    int status = emo_reader_open(&r, &model, 1, 1u << EMO_MODEL, err);
    if (status != EMO_OK)
        return status;
    const struct emo_head *m = emo_reader_head(r);
    if (!emo_head_input(m, &h, &w, &c) || (c != 1 && c != 3))
        status = emo_error(err, EMO_INPUT, "%s: says no input size that images can have", model);
    else
        size = (struct emo_shape){h, w}, gray = c == 1;
    if (status == EMO_OK && emo_head_key(m, "fit", &value))
        for (int i = 0; fits[i] != NULL; i++)
            if (strcmp(value.bytes, fits[i]) == 0)
                fit = i;
    if (status == EMO_OK && value.failed)
        status = emo_error_memory(err, value.length, "what the model says");
    if (status == EMO_OK)
        status = emo_head_set_classes(head, (const char *const *)m->classes, m->class_count, err);
    for (size_t i = 0; status == EMO_OK && i < only.count; i++)
        if (emo_head_class_index(head, only.at[i]) < 0)
            status = emo_error(err, EMO_USAGE, "--class: %s has no such class as %s", model,
                               emo_quote((char[EMO_QUOTE_SIZE]){0}, EMO_QUOTE_SIZE, only.at[i],
                                         strlen(only.at[i])));
    emo_text_free(&value);
    /* A model that is cut short is no model, even where its head is whole. */
    while (status == EMO_OK && got)
        status = emo_reader_next(r, &record, &got, err);
    emo_record_free(&record);
    emo_reader_close(r);
    return status;
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
    int status = emo_head_gather_classes(&j->head, names, n, err);
    free(names);
    return status;
}

/* A class of --class that no folder is called by is likely mistyped. */
static void warn_of_missing(const struct job *j)
{
    for (size_t k = 0; k < only.count; k++) {
        bool found = false;
        char quoted[EMO_QUOTE_SIZE];
        for (size_t i = 0; i < j->in.count && !found; i++)
            found = j->in.entries[i].folder != NULL &&
                    strcmp(j->in.entries[i].folder, only.at[k]) == 0;
        if (!found)
            emo_program_warn(&program, "no folder with pictures is called %s",
                             emo_quote(quoted, sizeof quoted, only.at[k], strlen(only.at[k])));
    }
}

static int make_head(struct job *j, struct emo_error *err)
{
    struct emo_text text = {0};
    int status = make_classes(j, err);
    warn_of_missing(j);
    j->head.shard = shard.i - 1;
    j->head.shards = shard.n;
    j->head.records_expected = (j->in.count + shard.n - shard.i) / shard.n;
    emo_text_printf(&text, "%" PRIu32 "x%" PRIu32 "x%" PRIu32, size.height, size.width,
                    j->channels);
    if (status == EMO_OK)
        status = text.failed ? emo_error_memory(err, text.length, "the head")
                             : emo_head_set_key(&j->head, "input", text.bytes, err);
    if (status == EMO_OK)
        status = emo_head_set_key(&j->head, "fit", fits[fit], err);
    text.length = 0;
    emo_options_recorded(options, COUNT, &text);
    if (status == EMO_OK && text.failed)
        status = emo_error_memory(err, text.length, "options");
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

static void summarise(const struct job *j)
{
    struct emo_text t = {0};
    size_t classes = j->head.class_count;
    if (classes > LISTED_CLASSES)
        emo_text_printf(&t, "; %zu classes", classes);
    for (size_t i = 0; i <= classes; i++) {
        bool named = i < classes;
        if (named ? classes > LISTED_CLASSES : j->of_class[i] == 0)
            continue;
        emo_text_add(&t, i > 0 ? ", " : "; ", 2);
        if (named)
            emo_text_escaped(&t, j->head.classes[i], strlen(j->head.classes[i]));
        emo_text_printf(&t, "%s %" PRIu64, named ? "" : "unlabelled", j->of_class[i]);
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

/* Adds a copy of path. */
static int add_path(struct emo_strings *paths, const char *path, struct emo_error *err)
{
    size_t n = paths->count;
    if ((n & (n - 1)) == 0) { /* room for a power of two is used up */
        const char **more = realloc(paths->at, (n > 0 ? 2 * n : 1) * sizeof *more);
        if (more == NULL)
            return emo_error_memory(err, 2 * n * sizeof *more, "paths");
        paths->at = more;
    }
    paths->at[n] = strdup(path);
    if (paths->at[n] == NULL)
        return emo_error_memory(err, strlen(path), "paths");
    paths->count++;
    return EMO_OK;
}

/* The paths in -T's file. */
static int read_list(struct emo_strings *paths, struct emo_error *err)
{
    FILE *f = strcmp(list, "-") == 0 ? stdin : fopen(list, "r");
    if (f == NULL)
        return emo_error_errno(err, "%s", list);
    char *line = NULL, end = null ? '\0' : '\n';
    size_t room = 0;
    ssize_t length;
    int status = EMO_OK;
    while (status == EMO_OK && (length = getdelim(&line, &room, end, f)) >= 0) {
        if (length > 0 && line[length - 1] == end)
            line[length - 1] = '\0';
        if (*line != '\0')
            status = add_path(paths, line, err);
    }
    if (status == EMO_OK && !feof(f))
        status = emo_error_errno(err, "%s", list);
    if (f != stdin)
        fclose(f);
    free(line);
    return status;
}

/* Before the first byte of an archive: what may be read, and written, from here on. Of a directory
   links may lead anywhere. */
static int confine(const struct emo_strings *paths, struct emo_error *err)
{
    struct stat s;
    bool folders = false;
    for (size_t i = 0; i < paths->count && !folders; i++)
        folders = stat(paths->at[i], &s) == 0 && S_ISDIR(s.st_mode);
    return emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox, .read = paths->at,
        .read_count = paths->count, .also_read = {model}, .write = {common.output},
        .outputs_open = true, .spools = true, .reads_anything = folders, .no_new_code = true}, err);
}

/* Before the first picture is decoded: the files found, and nothing else. */
static int confine_further(const struct job *j, struct emo_error *err)
{
    size_t n = 0;
    const char **paths = calloc(j->in.count + 1, sizeof *paths);
    if (paths == NULL)
        return emo_error_memory(err, j->in.count * sizeof *paths, "paths");
    for (size_t i = 0; i < j->in.count; i++)
        if (j->in.entries[i].path != NULL)
            paths[n++] = j->in.entries[i].path;
    int status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox, .read = paths,
        .read_count = n, .write = {common.output}, .outputs_open = true,
        .no_descriptors = n == 0, .no_new_code = true}, err);
    free(paths);
    return status;
}

/* The operands, then the paths in -T's file; standard input where there are neither. */
static int gather(struct emo_inputs *in, const struct emo_strings *paths, size_t operands,
                  struct emo_error *err)
{
    bool several = operands > 1 || list != NULL;
    int status = EMO_OK;
    for (size_t i = 0; status == EMO_OK && i < paths->count; i++)
        status = emo_inputs_add(in, paths->at[i], i >= operands, several, err);
    if (status == EMO_OK && operands == 0 && list == NULL)
        status = emo_inputs_add(in, "-", false, false, err);
    return status;
}

static int run(char **operands, size_t n, struct emo_error *err)
{
    struct job j = {.image_bytes = 0};
    emo_inputs_begin(&j.in);
    j.in.most_file = max_file;
    j.in.most_unpacked = max_unpacked;
    emo_head_begin(&j.head, EMO_IMAGES);
    if (common.jobs == 0)
        common.jobs = emo_processors();
    struct emo_strings paths = {0};
    struct emo_output *output = NULL;
    int status = EMO_OK;
    for (size_t i = 0; status == EMO_OK && i < n; i++)
        status = add_path(&paths, operands[i], err);
    if (status == EMO_OK && list != NULL)
        status = read_list(&paths, err);
    if (status == EMO_OK)
        status = emo_output_open(&output, common.output, true, err);
    if (status == EMO_OK)
        status = confine(&paths, err);
    if (status == EMO_OK && model != NULL)
        status = from_model(&j.head, err);
    j.channels = gray ? 1 : 3;
    j.image_bytes = (size_t)size.height * size.width * j.channels;
    if (status == EMO_OK && j.image_bytes > EMO_CAP_PAYLOAD)
        status = emo_error(err, EMO_USAGE, "-s: %zu bytes an image are too many", j.image_bytes);
    if (status == EMO_OK)
        status = gather(&j.in, &paths, n, err);
    if (status == EMO_OK && j.in.count == 0)
        status = emo_error(err, EMO_INPUT, "no picture in what was given (%" PRIu64 " other files, "
                           "%" PRIu64 " archives within)", j.in.ignored, j.in.nested);
    if (status == EMO_OK)
        status = make_head(&j, err);
    if (status == EMO_OK)
        status = emo_writer_open(&j.writer, output, &j.head, err);
    else
        emo_output_discard(output);
    if (status == EMO_OK)
        status = confine_further(&j, err);
    if (status == EMO_OK)
        status = run_entries(&j, err);
    /* A shard may be empty by itself. */
    if (status == EMO_OK && j.written == 0 && (j.spoilt > 0 || shard.n == 1))
        status = emo_error(err, EMO_INPUT, "no picture could be used (%" PRIu64 " skipped, %" PRIu64
                           " of other classes)", j.spoilt, j.other_class);
    status = emo_writer_close(j.writer, NULL, program.name, status, err);
    if (status == EMO_OK)
        summarise(&j);
    emo_inputs_close(&j.in);
    for (size_t i = 0; i < paths.count; i++)
        free((char *)paths.at[i]);
    free(paths.at);
    emo_head_free(&j.head);
    free(j.of_class);
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
