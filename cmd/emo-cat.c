/* emo-cat: joins streams, checking that they agree; selects and relabels records. */
#include "base/program.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "learn/relabel.h"
#include "learn/select.h"
#include "stream/join.h"
#include "stream/pool.h"
#include "stream/provenance.h"
#include "stream/writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ANY_KIND (1u << EMO_IMAGES | 1u << EMO_MODEL | 1u << EMO_SCORES | 1u << EMO_CHECKPOINT)

static struct emo_common common;
static struct emo_selection selection = {.limit = -1, .sample = -1};
static struct emo_strings maps;
static int64_t seed = 21;
static uint64_t memory = UINT64_C(512) << 20;
static bool null, salvage;
static const char *names_path, *labels_path, *range;

static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_PROGRESS(common),
    EMO_OPTIONS_NO_PG(common),
    EMO_OPTIONS_SANDBOX(common),
    {.name = "only", .argument = "SPLIT[,SPLIT]", .kind = EMO_SPLITS, .value = &selection.splits,
     .help = "records of these splits (none, train, valid, test)", .recorded = true},
    {.name = "class", .argument = "NAME", .kind = EMO_STRINGS, .value = &selection.classes,
     .help = "records of this class; may be repeated", .recorded = true},
    {.name = "name", .argument = "GLOB", .kind = EMO_STRINGS, .value = &selection.patterns,
     .help = "records whose name this pattern matches; may be repeated", .recorded = true},
    {.letter = 'T', .name = "files-from", .argument = "FILE", .kind = EMO_STRING,
     .value = &names_path, .help = "records whose name is in FILE (-: standard input), one a line"},
    {.letter = '0', .name = "null", .kind = EMO_FLAG, .value = &null,
     .help = "with -T: each name is ended by a NUL, as it is"},
    {.name = "limit", .argument = "N", .kind = EMO_INT, .value = &selection.limit, .low = 0,
     .high = 9e15, .help = "then at most N of each class", .recorded = true},
    {.name = "range", .argument = "A:B", .kind = EMO_STRING, .value = &range,
     .help = "then those at A up to B, from 0, without B; negative: from the end",
     .recorded = true},
    {.name = "sample", .argument = "N", .kind = EMO_INT, .value = &selection.sample, .low = 0,
     .high = 9e15, .help = "then N drawn at random", .recorded = true},
    {.name = "seed", .argument = "N", .kind = EMO_INT, .value = &seed, .low = 0, .high = 9.2e18,
     .help = "of the sample (21)"},
    {.name = "shard", .argument = "I/N", .kind = EMO_PART, .value = &selection.shard,
     .help = "then only the Ith of N interleaved parts", .recorded = true},
    {.name = "invert", .kind = EMO_FLAG, .value = &selection.invert,
     .help = "instead, all that was not selected", .recorded = true},
    {.name = "labels", .argument = "FILE", .kind = EMO_STRING, .value = &labels_path,
     .help = "before: give classes by a TSV file with columns name and class"},
    {.name = "map", .argument = "A=B", .kind = EMO_STRINGS, .value = &maps,
     .help = "before: make class A class B; may be repeated", .recorded = true},
    {.name = "salvage", .kind = EMO_FLAG, .value = &salvage,
     .help = "what is intact of one damaged stream, up to the damage", .recorded = true},
    {.name = "memory", .argument = "SIZE", .kind = EMO_SIZE, .value = &memory,
     .help = "records to hold in memory before they spill to a file (512M)"},
};
#define COUNT (sizeof options / sizeof *options)

static const struct emo_program program = {
    .name = "emo-cat",
    .operands = "[file ...]",
    .purpose = "Join streams; select and relabel records",
    .options = options,
    .count = COUNT,
    .common = &common,
};

struct job {
    struct emo_reader *reader;
    struct emo_writer *writer;
    struct emo_group_file *labels, *list;
    struct emo_relabeller *relabeller;
    struct emo_selector *selector;
    struct emo_pool *pool; /* of records that may be wanted */
    struct emo_progress progress;
    uint64_t taken, relabelled, written;
    bool salvaged;
};

static bool is_standard(const char *path)
{
    return strcmp(path, "-") == 0;
}

static int check_options(const char *const *paths, size_t n, struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE];
    size_t standard = n == 0;
    for (size_t i = 0; i < n; i++)
        standard += is_standard(paths[i]);
    if (null && names_path == NULL)
        return emo_error(err, EMO_USAGE, "--null goes with -T");
    if (names_path != NULL && is_standard(names_path) && standard > 0)
        return emo_error(err, EMO_USAGE, "-T - takes the names from standard input, so the streams "
                         "must be named");
    if (salvage && n > 1)
        return emo_error(err, EMO_USAGE, "--salvage takes one stream");
    if (range != NULL && !emo_parse_range(range, &selection.range))
        return emo_error(err, EMO_USAGE, "--range: %s is not A:B, whole numbers of which either "
                         "may be left out", emo_quote(quoted, sizeof quoted, range, strlen(range)));
    selection.seed = (uint64_t)seed;
    return emo_selection_check(&selection, err);
}

static bool selects(void)
{
    return selection.splits != 0 || selection.classes.count > 0 || selection.patterns.count > 0 ||
           names_path != NULL || selection.limit >= 0 || range != NULL || selection.sample >= 0 ||
           selection.shard.n > 0 || selection.invert;
}

static int make_head(struct job *j, struct emo_head *head, struct emo_error *err)
{
    int status = emo_head_copy(head, emo_reader_head(j->reader), err);
    if (status == EMO_OK && (maps.count > 0 || j->labels != NULL))
        status = emo_relabeller_open(&j->relabeller, &maps, j->labels, head, err);
    if (status != EMO_OK)
        return status;
    if (selects() || salvage)
        head->records_expected = EMO_UNKNOWN;
    if (selection.shard.n > 0) {
        head->shard = selection.shard.i - 1;
        head->shards = selection.shard.n;
    }
    return emo_provenance_add(head, &program, selection.sample >= 0 ? &selection.seed : NULL, err);
}

static int open_files(struct job *j, struct emo_error *err)
{
    int status = EMO_OK;
    if (labels_path != NULL)
        status = emo_group_file_open_column(&j->labels, labels_path, "class", err);
    if (status == EMO_OK && names_path != NULL)
        status = emo_group_file_open_list(&j->list, names_path, null, err);
    selection.list = j->list;
    return status;
}

static int write_record(struct job *j, const struct emo_record *r, struct emo_error *err)
{
    j->written++;
    return emo_writer_record(j->writer, r, err);
}

static int take(struct job *j, struct emo_record *r, struct emo_error *err)
{
    enum emo_selected selected;
    j->taken++;
    if (j->relabeller != NULL)
        j->relabelled += emo_relabel(j->relabeller, r);
    int status = emo_selector_next(j->selector, r, &selected, err);
    if (status == EMO_OK && selected == EMO_SELECT)
        status = write_record(j, r, err);
    if (status == EMO_OK && selected == EMO_HOLD)
        status = emo_pool_add(j->pool, r, err);
    if (status == EMO_OK && emo_reader_would_block(j->reader))
        status = emo_writer_flush(j->writer, err);
    return status;
}

static int read_all(struct job *j, struct emo_error *err)
{
    struct emo_record r = {0};
    int status = EMO_OK;
    while (status == EMO_OK) {
        bool got;
        status = emo_reader_next(j->reader, &r, &got, err);
        if (status == EMO_INPUT && salvage) {
            emo_program_warn(&program, "%s", err->text);
            j->salvaged = true;
            status = EMO_OK;
            break;
        }
        if (status != EMO_OK || !got)
            break;
        status = take(j, &r, err);
        emo_progress_update(&j->progress, j->taken, NULL);
    }
    emo_record_free(&r);
    return status;
}

static int write_held(struct job *j, struct emo_error *err)
{
    struct emo_pool_view view = {0};
    size_t n = emo_pool_count(j->pool);
    bool *wanted = calloc(n + 1, sizeof *wanted);
    int status = wanted != NULL ? EMO_OK : emo_error_memory(err, n, "a selection");
    if (status == EMO_OK)
        emo_selector_settle(j->selector, wanted);
    for (size_t i = 0; status == EMO_OK && i < n; i++) {
        if (!wanted[i])
            continue;
        status = emo_pool_get(j->pool, i, &view, err);
        if (status == EMO_OK)
            status = write_record(j, &view.record, err);
    }
    emo_pool_view_free(&view);
    free(wanted);
    return status;
}

static void summarise(const struct job *j)
{
    size_t names = j->list != NULL ? emo_selector_unmet(j->selector) : 0;
    size_t labels = j->labels != NULL ? emo_relabeller_unmet(j->relabeller) : 0;
    if (j->salvaged)
        emo_program_warn(&program, "SALVAGED: what was written looks complete, but is only what "
                         "came before the damage, %" PRIu64 " of the %" PRIu64 " intact records; "
                         "how many are lost is not known", j->written, j->taken);
    else
        emo_program_say(&program, "%" PRIu64 " of %" PRIu64 " records written", j->written,
                        j->taken);
    if (j->relabeller != NULL)
        emo_program_say(&program, "%" PRIu64 " records got another class", j->relabelled);
    if (names > 0)
        emo_program_say(&program, "%zu names in %s are those of no record", names, names_path);
    if (labels > 0)
        emo_program_say(&program, "%zu names in %s are those of no record", labels, labels_path);
}

static int run(struct job *j, const char *const *paths, size_t n, struct emo_error *err)
{
    struct emo_head head = {0};
    int status = check_options(paths, n, err);
    if (status == EMO_OK)
        status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox, .read = paths,
            .read_count = n, .also_read = {names_path, labels_path}, .write = {common.output},
            .spools = true, .no_new_code = true}, err);
    if (status == EMO_OK)
        status = open_files(j, err);
    if (status == EMO_OK)
        status = emo_join_open(&j->reader, paths, n, ANY_KIND, err);
    if (status == EMO_OK)
        status = make_head(j, &head, err);
    if (status == EMO_OK)
        status = emo_selector_open(&j->selector, &selection, &head, err);
    if (status == EMO_OK)
        status = emo_pool_open(&j->pool, memory, err);
    if (status == EMO_OK)
        status = emo_writer_create(&j->writer, common.output, &head, err);
    if (status == EMO_OK) {
        if (salvage)
            emo_reader_lone(j->reader);
        emo_program_progress(&program, &j->progress, "records",
                             emo_reader_head(j->reader)->records_expected);
        status = read_all(j, err);
        emo_progress_end(&j->progress);
        if (status == EMO_OK)
            status = write_held(j, err);
    }
    status = emo_writer_close(j->writer, j->reader, program.name, status, err);
    if (status == EMO_OK)
        summarise(j);
    emo_head_free(&head);
    return status;
}

int main(int argc, char **argv)
{
    struct job j = {0};
    struct emo_error err = {0};
    size_t n;
    int early = emo_program_begin(&program, argc, argv, &n);
    if (early >= 0)
        return early;
    int status = run(&j, (const char *const *)argv + 1, n, &err);
    emo_selector_close(j.selector);
    emo_relabeller_close(j.relabeller);
    emo_group_file_close(j.list);
    emo_group_file_close(j.labels);
    emo_pool_close(j.pool);
    emo_reader_close(j.reader);
    free(selection.classes.at);
    free(selection.patterns.at);
    free(maps.at);
    return emo_program_end(&program, status, &err);
}
