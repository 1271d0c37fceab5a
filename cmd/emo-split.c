/* emo-split: tags records train, valid or test, stratified by class; keeps some of them. */
#include "base/program.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "learn/groups.h"
#include "learn/names.h"
#include "learn/split.h"
#include "stream/pool.h"
#include "stream/provenance.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of the summary's table; a stream may have 32,767 classes. */
#define ROWS_MOST 60

static struct emo_common common;
static struct emo_split_rule rule = {.valid = {1, 5}, .test = {0, 1}};
static int64_t seed = 21;
static uint64_t memory = UINT64_C(512) << 20;
static unsigned only;
static bool again;
static const char *split_from, *group, *group_file;

static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_PROGRESS(common),
    EMO_OPTIONS_NO_PG(common),
    EMO_OPTIONS_SANDBOX(common),
    {.letter = 'r', .name = "valid", .argument = "R",
     .help = "share of each class to validate with (0.2)", .kind = EMO_RATIO,
     .value = &rule.valid, .recorded = true},
    {.name = "test", .argument = "R", .help = "share of each class to test with (0)",
     .kind = EMO_RATIO, .value = &rule.test, .recorded = true},
    {.name = "fold", .argument = "I/K",
     .help = "instead: K equal folds, of which the Ith validates", .kind = EMO_PART, .value = &rule.fold, .recorded = true},
    {.name = "split-from", .argument = "REGEX",
     .help = "instead: what REGEX captures in the name says train, valid or test",
     .kind = EMO_STRING, .value = &split_from, .recorded = true},
    {.name = "group", .argument = "REGEX",
     .help = "keep records with the same capture in the name on one side", .kind = EMO_STRING,
     .value = &group, .recorded = true},
    {.name = "group-file", .argument = "FILE",
     .help = "the same by a TSV file with columns name and group", .kind = EMO_STRING,
     .value = &group_file},
    {.name = "again", .help = "draw anew for records that have a split", .kind = EMO_FLAG,
     .value = &again, .recorded = true},
    {.name = "only", .argument = "SPLIT[,SPLIT]",
     .help = "write the records of these splits only (none, train, valid, test)",
     .kind = EMO_SPLITS, .value = &only, .recorded = true},
    {.name = "seed", .argument = "N", .help = "of the draws (21)", .kind = EMO_INT, .value = &seed,
     .low = 0, .high = 9.2e18},
    {.name = "memory", .argument = "SIZE",
     .help = "with groups: records to hold in memory before they spill to a file (512M)",
     .kind = EMO_SIZE, .value = &memory},
};
#define COUNT (sizeof options / sizeof *options)

static const struct emo_program program = {
    .name = "emo-split",
    .operands = "[file ...]",
    .purpose = "tag records train, valid or test; or keep some of them",
    .options = options,
    .count = COUNT,
    .common = &common,
};

struct job {
    struct emo_reader *reader;
    struct emo_writer *writer;
    struct emo_splitter *splitter;
    struct emo_pattern *pattern; /* of --split-from or --group */
    struct emo_group_file *file;
    struct emo_groups *groups; /* NULL: without groups */
    struct emo_pool *pool;
    struct emo_progress progress;
    struct emo_text capture;
    size_t class_count;
    uint64_t (*counts)[EMO_SPLITS_COUNT]; /* of each class; the last is unlabelled */
    uint64_t kept, written;
};

static bool given(const char *name)
{
    return emo_option_given(options, COUNT, name);
}

static int check_options(struct emo_error *err)
{
    bool ratio = given("valid") || given("test"), groups = group != NULL || group_file != NULL;
    if (ratio && (given("fold") || split_from != NULL))
        return emo_error(err, EMO_USAGE, "%s and %s exclude each other",
                         given("fold") ? "--fold" : "--split-from",
                         given("valid") ? "--valid" : "--test");
    if (split_from != NULL && (given("fold") || groups))
        return emo_error(err, EMO_USAGE, "--split-from excludes --fold, --group and --group-file");
    if (group != NULL && group_file != NULL)
        return emo_error(err, EMO_USAGE, "--group and --group-file exclude each other");
    rule.seed = (uint64_t)seed;
    return emo_split_rule_check(&rule, err);
}

static int open_names(struct job *j, struct emo_error *err)
{
    const char *regex = split_from != NULL ? split_from : group;
    if (regex != NULL) {
        int status = emo_pattern_open(&j->pattern, regex, err);
        return status == EMO_OK ? status
                                : emo_error_prefix(err, split_from ? "--split-from" : "--group");
    }
    return group_file != NULL ? emo_group_file_open(&j->file, group_file, err) : EMO_OK;
}

static int make_head(struct emo_head *head, const struct emo_head *from, size_t inputs,
                     struct emo_error *err)
{
    int status = emo_head_copy(head, from, err);
    /* Only of one whole segment is the count that it announces the count that will come out. */
    if (inputs > 1 || head->shards > 1 || only != 0)
        head->records_expected = EMO_UNKNOWN;
    head->shard = 0;
    head->shards = 1;
    return status == EMO_OK ? emo_provenance_add(head, &program, &rule.seed, err) : status;
}

/* A copy of an augmented image must not land on the other side than its original. */
static int check_epoch(const struct emo_record *r, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE];
    if (r->epoch == 0)
        return EMO_OK;
    return emo_error(err, EMO_INPUT, "%s: already augmented (epoch %u); split first, then augment",
                     emo_record_where(r, where, sizeof where), r->epoch);
}

/* What the pattern captures, in j->capture. */
static int capture(struct job *j, const struct emo_record *r, const char *option,
                   struct emo_error *err)
{
    char where[EMO_WHERE_SIZE];
    size_t n;
    bool found;
    const char *name = emo_record_name(r, &n);
    int status = emo_pattern_capture(j->pattern, name, n, &j->capture, &found, err);
    if (status == EMO_OK && !found)
        status = emo_error(err, EMO_INPUT, "%s: %s does not match this name; every name must",
                           emo_record_where(r, where, sizeof where), option);
    return status;
}

/* The split of a record that is not kept, without groups. */
static int draw_split(struct job *j, struct emo_record *r, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE], quoted[EMO_QUOTE_SIZE];
    int status = check_epoch(r, err);
    if (status != EMO_OK)
        return status;
    if (split_from == NULL) {
        r->split = emo_splitter_next(j->splitter, r->label);
        return EMO_OK;
    }
    status = capture(j, r, "--split-from", err);
    if (status != EMO_OK)
        return status;
    r->split = emo_split_of_word(j->capture.bytes);
    if (r->split == EMO_SPLIT_NONE)
        return emo_error(err, EMO_INPUT, "%s: --split-from captures %s; train, valid or test was "
                         "expected", emo_record_where(r, where, sizeof where),
                         emo_quote(quoted, sizeof quoted, j->capture.bytes, j->capture.length));
    return EMO_OK;
}

static int group_record(struct job *j, const struct emo_record *r, bool keeps,
                        struct emo_error *err)
{
    char where[EMO_WHERE_SIZE];
    size_t n;
    const char *name = emo_record_name(r, &n), *its_group;
    int status = keeps ? EMO_OK : check_epoch(r, err);
    if (status == EMO_OK && j->file == NULL)
        status = capture(j, r, "--group", err);
    if (status != EMO_OK)
        return status;
    if (j->file != NULL) {
        its_group = emo_group_file_find(j->file, name, n, &n);
        if (its_group == NULL)
            return emo_error(err, EMO_INPUT, "%s: its name is not in %s",
                             emo_record_where(r, where, sizeof where), group_file);
    } else {
        its_group = j->capture.bytes;
        n = j->capture.length;
    }
    status = emo_groups_add(j->groups, its_group, n, r->label,
                            keeps ? r->split : (uint8_t)EMO_SPLIT_NONE, err);
    return status == EMO_OK ? emo_pool_add(j->pool, r, err) : status;
}

static int put(struct job *j, const struct emo_record *r, struct emo_error *err)
{
    j->counts[r->label < 0 ? j->class_count : (size_t)r->label][r->split]++;
    if (only != 0 && !(only & 1u << r->split))
        return EMO_OK;
    j->written++;
    return emo_writer_record(j->writer, r, err);
}

static int read_all(struct job *j, struct emo_error *err)
{
    struct emo_record r = {0};
    int status;
    while (true) {
        bool got;
        status = emo_reader_next(j->reader, &r, &got, err);
        if (status != EMO_OK || !got)
            break;
        bool keeps = r.split != EMO_SPLIT_NONE && !again;
        j->kept += keeps;
        if (j->groups != NULL)
            status = group_record(j, &r, keeps, err);
        else if (!keeps)
            status = draw_split(j, &r, err);
        if (status == EMO_OK && j->groups == NULL)
            status = put(j, &r, err);
        if (status != EMO_OK)
            break;
        emo_progress_update(&j->progress, emo_reader_count(j->reader), NULL);
    }
    emo_record_free(&r);
    return status;
}

static int write_groups(struct job *j, struct emo_error *err)
{
    struct emo_pool_view view = {0};
    int status = emo_groups_place(j->groups, &rule, err);
    for (size_t i = 0; i < emo_pool_count(j->pool) && status == EMO_OK; i++) {
        status = emo_pool_get(j->pool, i, &view, err);
        view.record.split = emo_groups_split(j->groups, i);
        if (status == EMO_OK)
            status = put(j, &view.record, err);
    }
    emo_pool_view_free(&view);
    return status;
}

static int open_state(struct job *j, const struct emo_head *head, struct emo_error *err)
{
    j->class_count = head->class_count;
    j->counts = calloc(head->class_count + 1, sizeof *j->counts);
    if (j->counts == NULL)
        return emo_error_memory(err, (head->class_count + 1) * sizeof *j->counts, "counts");
    if (group == NULL && group_file == NULL)
        return emo_splitter_open(&j->splitter, &rule, (const char *const *)head->classes,
                                 head->class_count, err);
    int status = emo_groups_open(&j->groups, head->class_count, err);
    return status == EMO_OK ? emo_pool_open(&j->pool, memory, err) : status;
}

static void say_row(const char *name, const uint64_t counts[EMO_SPLITS_COUNT], bool none)
{
    char last[32] = "";
    if (none)
        snprintf(last, sizeof last, " %9" PRIu64, counts[EMO_SPLIT_NONE]);
    emo_program_say(&program, "%-24s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "%s", name,
                    counts[EMO_TRAIN], counts[EMO_VALID], counts[EMO_TEST], last);
}

static void summarise(const struct job *j)
{
    uint64_t all[EMO_SPLITS_COUNT] = {0};
    for (size_t k = 0; k <= j->class_count; k++)
        for (int s = 0; s < EMO_SPLITS_COUNT; s++)
            all[s] += j->counts[k][s];
    bool none = all[EMO_SPLIT_NONE] > 0;
    emo_program_say(&program, "%-24s %9s %9s %9s%s", "class", "train", "valid", "test",
                    none ? "      none" : "");
    const struct emo_head *head = emo_reader_head(j->reader);
    for (size_t k = 0; k < j->class_count && k < ROWS_MOST; k++) {
        struct emo_text name = {0};
        emo_text_escaped(&name, head->classes[k], strlen(head->classes[k]));
        say_row(name.bytes != NULL ? name.bytes : "", j->counts[k], none);
        emo_text_free(&name);
    }
    if (j->class_count > ROWS_MOST)
        emo_program_say(&program, "... and %zu more classes", j->class_count - ROWS_MOST);
    const uint64_t *u = j->counts[j->class_count];
    if (u[EMO_TRAIN] + u[EMO_VALID] + u[EMO_TEST] + u[EMO_SPLIT_NONE] > 0)
        say_row("(unlabelled)", u, none);
    say_row("(all)", all, none);
    if (j->groups != NULL)
        emo_program_say(&program, "%zu groups, each on one side", emo_groups_count(j->groups));
    if (j->kept > 0)
        emo_program_say(&program, "%" PRIu64 " records kept the split they came with", j->kept);
    if (only != 0)
        emo_program_say(&program, "%" PRIu64 " records written", j->written);
}

static int run(struct job *j, char **operands, size_t n, struct emo_error *err)
{
    struct emo_head head = {0};
    const char *const *paths = (const char *const *)operands;
    int status = check_options(err);
    if (status == EMO_OK)
        status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox, .read = paths,
            .read_count = n, .also_read = {group_file}, .write = {common.output}, .spools = true,
            .no_new_code = true}, err);
    if (status == EMO_OK)
        status = open_names(j, err);
    if (status == EMO_OK)
        status = emo_reader_open(&j->reader, paths, n, 1u << EMO_IMAGES, err);
    if (status == EMO_OK)
        status = make_head(&head, emo_reader_head(j->reader), n, err);
    if (status == EMO_OK)
        status = open_state(j, &head, err);
    if (status == EMO_OK)
        status = emo_writer_create(&j->writer, common.output, &head, err);
    if (status == EMO_OK) {
        emo_program_progress(&program, &j->progress, "images",
                             emo_reader_head(j->reader)->records_expected);
        status = read_all(j, err);
        emo_progress_end(&j->progress);
        if (status == EMO_OK && j->groups != NULL)
            status = write_groups(j, err);
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
    int status = run(&j, argv + 1, n, &err);
    emo_reader_close(j.reader);
    emo_splitter_close(j.splitter);
    emo_groups_close(j.groups);
    emo_pool_close(j.pool);
    emo_pattern_close(j.pattern);
    emo_group_file_close(j.file);
    emo_text_free(&j.capture);
    free(j.counts);
    return emo_program_end(&program, status, &err);
}
