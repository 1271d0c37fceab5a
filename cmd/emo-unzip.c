/* emo-unzip: the pictures of archives, directories and files, decoded and resized, as a stream. */
#include "base/paths.h"
#include "base/program.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "image/archive.h"
#include "image/unpack.h"
#include "stream/provenance.h"
#include "stream/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

struct job {
    struct emo_inputs in;
    struct emo_head head;
    struct emo_output *output;
    struct emo_writer *writer;
    struct emo_unpack_rules rules;
    struct emo_unpacked out;
};

static void skipped(const char *name, const char *why)
{
    emo_program_warn(&program, "%s: %s; skipped", name, why);
}

static void done(void *progress, uint64_t entries)
{
    emo_progress_update(progress, entries, NULL);
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
                    j->rules.channels);
    if (status == EMO_OK)
        status = text.failed ? emo_error_memory(err, text.length, "the head")
                             : emo_head_set_key(&j->head, "input", text.bytes, err);
    if (status == EMO_OK)
        status = emo_head_set_key(&j->head, "fit", fits[fit], err);
    if (status == EMO_OK)
        status = emo_provenance_add(&j->head, &program, NULL, err);
    emo_text_free(&text);
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
        if (named ? classes > LISTED_CLASSES : j->out.of_class[i] == 0)
            continue;
        emo_text_add(&t, i > 0 ? ", " : "; ", 2);
        if (named)
            emo_text_escaped(&t, j->head.classes[i], strlen(j->head.classes[i]));
        emo_text_printf(&t, "%s %" PRIu64, named ? "" : "unlabelled", j->out.of_class[i]);
    }
    if (j->out.skipped > 0)
        emo_text_printf(&t, "; %" PRIu64 " skipped", j->out.skipped);
    if (j->out.other_class > 0)
        emo_text_printf(&t, "; %" PRIu64 " of other classes left out", j->out.other_class);
    if (j->in.ignored > 0)
        emo_text_printf(&t, "; %" PRIu64 " other files ignored", j->in.ignored);
    if (j->in.nested > 0)
        emo_text_printf(&t, "; %" PRIu64 " archives within ignored", j->in.nested);
    emo_program_say(&program, "%" PRIu64 " images, %" PRIu32 " high x %" PRIu32 " wide%s",
                    j->out.written, size.height, size.width, t.bytes != NULL ? t.bytes : "");
    if (2 * j->out.distorted > j->out.written)
        emo_program_say(&program, "%" PRIu64 " of them change shape by more than half; "
                        "is %" PRIu32 "x%" PRIu32 " height x width as meant? (--fit crop or pad "
                        "keeps the shape)", j->out.distorted, size.height, size.width);
    emo_text_free(&t);
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

/* What the model says, then the entries, then the head of them. */
static int prepare(struct job *j, const struct emo_strings *paths, size_t operands,
                   struct emo_error *err)
{
    int status = model != NULL ? from_model(&j->head, err) : EMO_OK;
    j->rules = (struct emo_unpack_rules){
        .height = size.height, .width = size.width, .channels = gray ? 1 : 3,
        .fit = (enum emo_fit)fit, .max_pixels = (uint64_t)max_pixels, .classes = only,
        .limit = (uint64_t)limit, .shard = shard, .strict = strict,
        .jobs = (unsigned)common.jobs, .skipped = skipped, .done = done,
    };
    size_t n = emo_unpack_bytes(&j->rules);
    if (status == EMO_OK && n > EMO_CAP_PAYLOAD)
        status = emo_error(err, EMO_USAGE, "-s: %zu bytes an image are too many", n);
    if (status == EMO_OK)
        status = gather(&j->in, paths, operands, err);
    if (status == EMO_OK && j->in.count == 0)
        status = emo_error(err, EMO_INPUT, "no picture in what was given (%" PRIu64 " other files, "
                           "%" PRIu64 " archives within)", j->in.ignored, j->in.nested);
    return status == EMO_OK ? make_head(j, err) : status;
}

static int unpack(struct job *j, struct emo_error *err)
{
    struct emo_progress progress;
    int status = confine_further(j, err);
    if (status != EMO_OK)
        return status;
    j->rules.context = &progress;
    emo_program_progress(&program, &progress, "images", j->in.count);
    status = emo_unpack(&j->rules, &j->in, &j->head, j->writer, &j->out, err);
    emo_progress_end(&progress);
    /* A shard may be empty by itself. */
    if (status == EMO_OK && j->out.written == 0 && (j->out.skipped > 0 || shard.n == 1))
        status = emo_error(err, EMO_INPUT, "no picture could be used (%" PRIu64 " skipped, %" PRIu64
                           " of other classes)", j->out.skipped, j->out.other_class);
    return status;
}

static int run(char **operands, size_t n, struct emo_error *err)
{
    struct job j = {.output = NULL};
    struct emo_strings paths = {0};
    int status = EMO_OK;
    emo_inputs_begin(&j.in);
    j.in.most_file = max_file;
    j.in.most_unpacked = max_unpacked;
    emo_head_begin(&j.head, EMO_IMAGES);
    for (size_t i = 0; status == EMO_OK && i < n; i++)
        status = emo_paths_add(&paths, operands[i], err);
    if (status == EMO_OK && list != NULL)
        status = emo_paths_read(&paths, list, null, err);
    if (status == EMO_OK)
        status = emo_output_open(&j.output, common.output, true, err);
    if (status == EMO_OK)
        status = confine(&paths, err);
    if (status == EMO_OK)
        status = prepare(&j, &paths, n, err);
    if (status == EMO_OK)
        status = emo_writer_open(&j.writer, j.output, &j.head, err);
    else
        emo_output_discard(j.output);
    if (status == EMO_OK)
        status = unpack(&j, err);
    status = emo_writer_close(j.writer, NULL, program.name, status, err);
    if (status == EMO_OK)
        summarise(&j);
    emo_inputs_close(&j.in);
    emo_paths_free(&paths);
    emo_head_free(&j.head);
    free(j.out.of_class);
    return status;
}

int main(int argc, char **argv)
{
    size_t n;
    common.jobs = emo_processors();
    int early = emo_program_begin(&program, argc, argv, &n);
    if (early >= 0)
        return early;
    struct emo_error err = {0};
    int status = run(argv + 1, n, &err);
    free(only.at);
    return emo_program_end(&program, status, &err);
}
