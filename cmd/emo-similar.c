/* emo-similar: groups of near-duplicate images, above all those whose labels contradict. */
#include "base/conveyor.h"
#include "base/file.h"
#include "base/program.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "image/duplicates.h"
#include "stream/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Images under way together, for a team. */
#define SLOTS_PER_THREAD 4u
#define FLUSH_AT (1u << 16)

static struct emo_common common = {.jobs = 1};
static int64_t distance = 10;
static double correlation = 0.95;
static const char *groups_path;
static bool json;

static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_PROGRESS(common),
    EMO_OPTIONS_SANDBOX(common),
    {.name = "distance", .argument = "N",
     .help = "bits of 64 in which hashes of near-duplicates may differ (10)", .kind = EMO_INT,
     .value = &distance, .low = 0, .high = 64},
    {.name = "correlation", .argument = "R",
     .help = "that near-duplicates have at least, at 16x16 (0.95)", .kind = EMO_REAL,
     .value = &correlation, .low = -1, .high = 1},
    {.name = "write-groups", .argument = "FILE",
     .help = "write the group of every image to FILE, for emo-split --group-file",
     .kind = EMO_STRING, .value = &groups_path},
    {.name = "json", .help = "one JSON object a line for each group", .kind = EMO_FLAG,
     .value = &json},
};
#define COUNT (sizeof options / sizeof *options)

static const struct emo_program program = {
    .name = "emo-similar",
    .operands = "[file ...]",
    .purpose = "find near-duplicate images, above all those whose labels contradict",
    .options = options,
    .count = COUNT,
    .common = &common,
};

/* An image on its way. */
struct slot {
    struct emo_record record;
    void *payload;
    size_t room;
    bool later; /* of an epoch after the first: left out */
    struct emo_look look;
    int status;
    struct emo_error err;
};

struct job {
    struct emo_reader *reader;
    struct emo_duplicates *duplicates;
    struct emo_progress progress;
    struct slot *slots;
    size_t slot_count;
    uint64_t images, later;
    struct emo_output *output, *groups_output;
    struct emo_text text;
};

static int fill(void *context, size_t slot, bool *filled, struct emo_error *err)
{
    struct job *j = context;
    struct slot *s = &j->slots[slot];
    int status = emo_reader_header(j->reader, &s->record, filled, err);
    if (status == EMO_OK && *filled)
        status = emo_record_check_image(&s->record, err);
    if (status != EMO_OK || !*filled)
        return status;
    s->later = s->record.epoch > 1;
    if (s->later)
        return emo_reader_check(j->reader, &s->record, err);
    size_t size = (size_t)s->record.payload_length;
    if (size > s->room) {
        free(s->payload);
        s->room = 0;
        s->payload = malloc(size);
        if (s->payload == NULL)
            return emo_error_memory(err, size, "an image");
        s->room = size;
    }
    return emo_reader_payload(j->reader, &s->record, s->payload, err);
}

static void work(void *context, size_t slot)
{
    struct slot *s = &((struct job *)context)->slots[slot];
    s->status = s->later ? EMO_OK : emo_look(&s->look, &s->record, &s->err);
}

static int drain(void *context, size_t slot, struct emo_error *err)
{
    struct job *j = context;
    struct slot *s = &j->slots[slot];
    emo_progress_update(&j->progress, j->later + j->images, NULL);
    if (s->later) {
        j->later++;
        return EMO_OK;
    }
    if (s->status != EMO_OK) {
        *err = s->err;
        return s->status;
    }
    j->images++;
    return emo_duplicates_add(j->duplicates, &s->record, &s->look, err);
}

static int read_all(struct job *j, struct emo_error *err)
{
    static const struct emo_conveyor steps = {fill, work, drain};
    j->slot_count = common.jobs == 1 ? 1 : SLOTS_PER_THREAD * (size_t)common.jobs;
    j->slots = calloc(j->slot_count, sizeof *j->slots);
    if (j->slots == NULL)
        return emo_error_memory(err, j->slot_count * sizeof *j->slots, "images");
    emo_program_progress(&program, &j->progress, "images",
                         emo_reader_head(j->reader)->records_expected);
    int status = emo_conveyor_run(&steps, j, (unsigned)common.jobs, j->slot_count, err);
    emo_progress_end(&j->progress);
    for (size_t i = 0; i < j->slot_count; i++) {
        emo_record_free(&j->slots[i].record);
        free(j->slots[i].payload);
    }
    free(j->slots);
    return status;
}

static int group(struct job *j, struct emo_error *err)
{
    struct emo_threads *team = NULL;
    int status = emo_threads_open(&team, (unsigned)common.jobs, err);
    if (status == EMO_OK)
        status = emo_duplicates_find(j->duplicates, team, err);
    emo_threads_close(team);
    return status;
}

/* The group of every image, for emo-split. */
static int write_groups(struct job *j, struct emo_error *err)
{
    size_t count = emo_duplicates_counts(j->duplicates).images;
    int status = emo_duplicates_check_names(j->duplicates, err);
    if (status != EMO_OK)
        return emo_error_prefix(err, "--write-groups");
    emo_duplicates_names_columns(&j->text);
    for (size_t k = 0; k < count && status == EMO_OK; k++) {
        emo_duplicates_names_row(j->duplicates, k, &j->text);
        if (j->text.length >= FLUSH_AT)
            status = emo_output_text(j->groups_output, &j->text, err);
    }
    return status == EMO_OK ? emo_output_text(j->groups_output, &j->text, err) : status;
}

static int write_report(struct job *j, struct emo_error *err)
{
    size_t count = emo_duplicates_counts(j->duplicates).groups;
    int status = EMO_OK;
    if (!json)
        emo_duplicates_columns(&j->text);
    for (size_t g = 0; g < count && status == EMO_OK; g++) {
        if (json)
            emo_duplicates_object(j->duplicates, g, &j->text);
        else
            emo_duplicates_rows(j->duplicates, g, &j->text);
        if (j->text.length >= FLUSH_AT)
            status = emo_output_text(j->output, &j->text, err);
    }
    return status == EMO_OK ? emo_output_text(j->output, &j->text, err) : status;
}

static void summarise(const struct job *j)
{
    struct emo_duplicates_counts n = emo_duplicates_counts(j->duplicates);
    emo_program_say(&program, "%zu images, of which %zu in %zu group%s of near-duplicates; labels "
                    "contradict in %zu, and %zu lie%s in more than one split", n.images, n.grouped,
                    n.groups, n.groups == 1 ? "" : "s", n.contradictions, n.leaks,
                    n.leaks == 1 ? "s" : "");
    if (n.flat > 0)
        emo_program_say(&program, "%zu images are flat: only equal bytes make them near-duplicates",
                        n.flat);
    if (j->later > 0)
        emo_program_say(&program, "%" PRIu64 " images of epochs after the first were left out",
                        j->later);
}

static int run(struct job *j, char **operands, size_t n, struct emo_error *err)
{
    struct emo_similar_rule rule = {.distance = (unsigned)distance, .correlation = correlation};
    if (groups_path != NULL && common.output != NULL && strcmp(groups_path, common.output) == 0)
        return emo_error(err, EMO_USAGE, "-o and --write-groups name the same file");
    const char *const *paths = (const char *const *)operands;
    int status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox, .read = paths,
        .read_count = n, .write = {common.output, groups_path}, .no_new_code = true}, err);
    if (status == EMO_OK)
        status = emo_reader_open(&j->reader, paths, n, 1u << EMO_IMAGES, err);
    if (status == EMO_OK)
        status = emo_duplicates_open(&j->duplicates, &rule, emo_reader_head(j->reader), err);
    if (status == EMO_OK)
        status = read_all(j, err);
    if (status == EMO_OK)
        status = group(j, err);
    if (status == EMO_OK)
        status = emo_output_open(&j->output, common.output, false, err);
    if (status == EMO_OK && groups_path != NULL)
        status = emo_output_open(&j->groups_output, groups_path, false, err);
    if (status == EMO_OK && groups_path != NULL)
        status = write_groups(j, err);
    if (status == EMO_OK)
        status = write_report(j, err);
    status = emo_output_close(j->groups_output, status, err);
    status = emo_output_close(j->output, status, err);
    if (status == EMO_OK)
        summarise(j);
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
    emo_duplicates_close(j.duplicates);
    emo_reader_close(j.reader);
    emo_text_free(&j.text);
    return emo_program_end(&program, status, &err);
}
