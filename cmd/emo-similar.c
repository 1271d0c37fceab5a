/* emo-similar: groups of near-duplicate images, above all those whose labels contradict. */
#include "base/conveyor.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/program.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "image/similar.h"
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

/* What is kept of an image beside its hashes. */
struct image {
    uint64_t id;
    size_t name, name_length; /* in job.names */
    int16_t label;
    uint8_t split;
};

/* Of two or more. */
struct group {
    size_t first, size; /* its lowest image; how many */
    size_t at;          /* of its members in job.members */
    unsigned closest;   /* what contradicts, in bits; else any two */
    bool contradiction, leak;
    unsigned splits;
    int16_t label;
};

struct slot {
    struct emo_record record;
    void *payload;
    size_t room;
    bool later; /* of an epoch after the first: left out */
    struct emo_phash hash;
    uint64_t bytes;
    int status;
    struct emo_error err;
};

struct job {
    struct emo_reader *reader;
    struct emo_similar *similar;
    struct emo_progress progress;
    struct slot *slots;
    size_t slot_count;
    struct image *images;
    size_t count, room;
    struct emo_text names;
    uint64_t later;
    struct group *groups;
    size_t group_count;
    size_t *members; /* groups' images, in order; then those that are alone */
    struct emo_output *output, *groups_output;
    struct emo_text text;
};

/* Reading ------------------------------------------------------------------------------------- */

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
    const struct emo_record *r = &s->record;
    s->status = EMO_OK;
    if (s->later)
        return;
    uint64_t of_bytes[3] = {emo_xxh3(r->payload, (size_t)r->payload_length),
                            (uint64_t)r->dim[0] << 32 | r->dim[1], r->dim[2]};
    s->bytes = emo_xxh3(of_bytes, sizeof of_bytes);
    s->status = emo_phash(r->payload, r->dim[0], r->dim[1], r->dim[2], &s->hash, &s->err);
}

static int drain(void *context, size_t slot, struct emo_error *err)
{
    struct job *j = context;
    struct slot *s = &j->slots[slot];
    size_t n;
    const char *name = emo_record_name(&s->record, &n);
    emo_progress_update(&j->progress, j->later + j->count, NULL);
    if (s->later) {
        j->later++;
        return EMO_OK;
    }
    if (s->status != EMO_OK) {
        *err = s->err;
        return s->status;
    }
    if (j->count == j->room) {
        size_t room = j->room > 0 ? 2 * j->room : 1024;
        struct image *images = realloc(j->images, room * sizeof *images);
        if (images == NULL)
            return emo_error_memory(err, room * sizeof *images, "images");
        j->images = images;
        j->room = room;
    }
    j->images[j->count++] = (struct image){.id = s->record.id, .name = j->names.length,
                                           .name_length = n, .label = s->record.label,
                                           .split = s->record.split};
    emo_text_add(&j->names, name, n);
    if (j->names.failed)
        return emo_error_memory(err, j->names.length, "names");
    return emo_similar_add(j->similar, &s->hash, s->bytes, s->record.label, err);
}

static int read_all(struct job *j, struct emo_error *err)
{
    static const struct emo_conveyor steps = {fill, work, drain};
    uint64_t total = emo_reader_head(j->reader)->records_expected;
    j->slot_count = common.jobs == 1 ? 1 : SLOTS_PER_THREAD * (size_t)common.jobs;
    j->slots = calloc(j->slot_count, sizeof *j->slots);
    if (j->slots == NULL)
        return emo_error_memory(err, j->slot_count * sizeof *j->slots, "images");
    emo_progress_begin(&j->progress, emo_program_shows_progress(&program), program.name, "images",
                       total == EMO_UNKNOWN ? 0 : total);
    int status = emo_conveyor_run(&steps, j, (unsigned)common.jobs, j->slot_count, err);
    emo_progress_end(&j->progress);
    for (size_t i = 0; i < j->slot_count; i++) {
        emo_record_free(&j->slots[i].record);
        free(j->slots[i].payload);
    }
    free(j->slots);
    return status;
}

/* Grouping ------------------------------------------------------------------------------------ */

static void add_member(struct group *g, const struct job *j, size_t i)
{
    const struct image *m = &j->images[i];
    bool labelled = g->size > 0 && g->label >= 0;
    g->contradiction = g->contradiction || (labelled && m->label >= 0 && m->label != g->label);
    if (!labelled)
        g->label = m->label;
    if (m->split != EMO_SPLIT_NONE)
        g->splits |= 1u << m->split;
    g->leak = (g->splits & (g->splits - 1)) != 0;
    g->size++;
}

/* The closer two contradicting images are, the earlier. */
static void measure(struct group *g, const struct job *j, size_t i)
{
    unsigned near = g->contradiction ? emo_similar_contradicting(j->similar, i)
                                     : emo_similar_nearest(j->similar, i);
    g->closest = near < g->closest ? near : g->closest;
}

static int by_weight(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->contradiction != y->contradiction)
        return x->contradiction ? -1 : 1;
    if (x->leak != y->leak)
        return x->leak ? -1 : 1;
    if (x->closest != y->closest)
        return x->closest < y->closest ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Fills j->groups and j->members; of_image has room for a number for each image. */
static void make_groups(struct job *j, size_t *of_image)
{
    for (size_t i = 0; i < j->count; i++) {
        size_t first = emo_similar_group(j->similar, i);
        if (first == i && emo_similar_nearest(j->similar, i) == EMO_APART)
            continue;
        if (first == i) {
            of_image[i] = j->group_count;
            j->groups[j->group_count++] = (struct group){.first = i, .closest = EMO_APART};
        }
        add_member(&j->groups[of_image[first]], j, i);
    }
    for (size_t i = 0; i < j->count; i++)
        if (emo_similar_nearest(j->similar, i) != EMO_APART)
            measure(&j->groups[of_image[emo_similar_group(j->similar, i)]], j, i);
    if (j->group_count > 1)
        qsort(j->groups, j->group_count, sizeof *j->groups, by_weight);
    size_t at = 0;
    for (size_t g = 0; g < j->group_count; g++) {
        of_image[j->groups[g].first] = at;
        j->groups[g].at = at;
        at += j->groups[g].size;
    }
    for (size_t i = 0; i < j->count; i++) {
        bool alone = emo_similar_nearest(j->similar, i) == EMO_APART;
        j->members[alone ? at++ : of_image[emo_similar_group(j->similar, i)]++] = i;
    }
}

static int group(struct job *j, struct emo_error *err)
{
    struct emo_threads *team = NULL;
    size_t *of_image = malloc((j->count + 1) * sizeof *of_image);
    j->groups = calloc(j->count / 2 + 1, sizeof *j->groups);
    j->members = malloc((j->count + 1) * sizeof *j->members);
    int status = emo_threads_open(&team, (unsigned)common.jobs, err);
    if (status == EMO_OK && (of_image == NULL || j->groups == NULL || j->members == NULL))
        status = emo_error_memory(err, (j->count + 1) * sizeof *j->groups, "groups");
    if (status == EMO_OK)
        status = emo_similar_find(j->similar, team, err);
    if (status == EMO_OK)
        make_groups(j, of_image);
    emo_threads_close(team);
    free(of_image);
    return status;
}

/* Writing ------------------------------------------------------------------------------------- */

static const char *class_of(const struct job *j, const struct image *m, size_t *n)
{
    const char *name = m->label < 0 ? NULL : emo_reader_head(j->reader)->classes[m->label];
    *n = name != NULL ? strlen(name) : 0;
    return name;
}

static const char *name_of(const struct job *j, const struct image *m)
{
    return m->name_length > 0 ? j->names.bytes + m->name : NULL;
}

static void put_row(struct job *j, size_t g, size_t i)
{
    const struct group *group = &j->groups[g];
    const struct image *m = &j->images[i];
    struct emo_text *out = &j->text;
    size_t n;
    const char *class = class_of(j, m, &n);
    emo_text_printf(out, "%zu\t%zu\t%d\t%d\t%" PRIu64, g + 1, group->size, group->contradiction,
                    group->leak, m->id);
    emo_text_field(out, name_of(j, m), m->name_length);
    emo_text_printf(out, "\t%s", emo_split_name(m->split));
    emo_text_field(out, class, n);
    emo_text_printf(out, "\t%u\t%016" PRIx64 "\t%016" PRIx64 "\n",
                    emo_similar_nearest(j->similar, i), emo_similar_phash(j->similar, i),
                    emo_similar_dhash(j->similar, i));
}

static void put_object(struct job *j, size_t g)
{
    const struct group *group = &j->groups[g];
    struct emo_text *out = &j->text;
    emo_text_printf(out, "{\"group\":%zu,\"images\":%zu,\"contradiction\":%s,\"leak\":%s,"
                    "\"records\":[", g + 1, group->size, group->contradiction ? "true" : "false",
                    group->leak ? "true" : "false");
    for (size_t k = 0; k < group->size; k++) {
        size_t i = j->members[group->at + k], n;
        const struct image *m = &j->images[i];
        const char *class = class_of(j, m, &n);
        emo_text_printf(out, "%s{\"id\":%" PRIu64 ",\"name\":", k > 0 ? "," : "", m->id);
        emo_text_json(out, name_of(j, m), m->name_length);
        emo_text_printf(out, ",\"split\":\"%s\",\"class\":", emo_split_name(m->split));
        emo_text_json(out, class, n);
        emo_text_printf(out, ",\"distance\":%u,\"phash\":\"%016" PRIx64 "\",\"dhash\":\"%016" PRIx64
                        "\"}", emo_similar_nearest(j->similar, i),
                        emo_similar_phash(j->similar, i), emo_similar_dhash(j->similar, i));
    }
    emo_text_printf(out, "]}\n");
}

static int write_report(struct job *j, struct emo_error *err)
{
    int status = EMO_OK;
    if (!json)
        emo_text_printf(&j->text, "group\timages\tcontradiction\tleak\tid\tname\tsplit\tclass\t"
                        "distance\tphash\tdhash\n");
    for (size_t g = 0; g < j->group_count && status == EMO_OK; g++) {
        if (json)
            put_object(j, g);
        for (size_t k = 0; !json && k < j->groups[g].size; k++)
            put_row(j, g, j->members[j->groups[g].at + k]);
        if (j->text.length >= FLUSH_AT)
            status = emo_output_text(j->output, &j->text, err);
    }
    return status == EMO_OK ? emo_output_text(j->output, &j->text, err) : status;
}

/* An image and the number of its group, for finding names that stand for two. */
struct named {
    const char *name;
    size_t length, group;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    return emo_compare(x->name, x->length, y->name, y->length);
}

static int check_names(struct named *all, size_t count, struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE];
    if (count > 1)
        qsort(all, count, sizeof *all, by_name);
    for (size_t i = 0; i < count; i++) {
        if (all[i].length == 0)
            return emo_error(err, EMO_INPUT, "--write-groups: an image has no name to be known by");
        if (i > 0 && by_name(&all[i - 1], &all[i]) == 0 && all[i - 1].group != all[i].group)
            return emo_error(err, EMO_INPUT, "--write-groups: two images of different groups are "
                             "named %s", emo_quote(quoted, sizeof quoted, all[i].name,
                                                   all[i].length));
    }
    return EMO_OK;
}

/* Those that are alone get numbers of their own, after the groups'. */
static int write_groups(struct job *j, struct emo_error *err)
{
    struct named *all = calloc(j->count + 1, sizeof *all);
    if (all == NULL)
        return emo_error_memory(err, j->count * sizeof *all, "groups");
    int status = EMO_OK;
    emo_text_printf(&j->text, "name\tgroup\n");
    for (size_t k = 0, g = 0; k < j->count && status == EMO_OK; k++) {
        while (g < j->group_count && k >= j->groups[g].at + j->groups[g].size)
            g++;
        size_t grouped = j->group_count == 0 ? 0 : j->groups[j->group_count - 1].at +
                                                       j->groups[j->group_count - 1].size;
        const struct image *m = &j->images[j->members[k]];
        all[k] = (struct named){j->names.bytes + m->name, m->name_length,
                                k < grouped ? g + 1 : j->group_count + 1 + k - grouped};
        emo_text_escaped(&j->text, all[k].name, all[k].length);
        emo_text_printf(&j->text, "\t%zu\n", all[k].group);
        if (j->text.length >= FLUSH_AT)
            status = emo_output_text(j->groups_output, &j->text, err);
    }
    if (status == EMO_OK)
        status = emo_output_text(j->groups_output, &j->text, err);
    if (status == EMO_OK)
        status = check_names(all, j->count, err);
    free(all);
    return status;
}

static void summarise(const struct job *j)
{
    size_t images = 0, contradictions = 0, leaks = 0, flat = 0;
    for (size_t g = 0; g < j->group_count; g++) {
        images += j->groups[g].size;
        contradictions += j->groups[g].contradiction;
        leaks += j->groups[g].leak;
    }
    for (size_t i = 0; i < j->count; i++)
        flat += emo_similar_flat(j->similar, i);
    emo_program_say(&program, "%zu images, of which %zu in %zu group%s of near-duplicates; labels "
                    "contradict in %zu, and %zu lie%s in more than one split", j->count, images,
                    j->group_count, j->group_count == 1 ? "" : "s", contradictions, leaks,
                    leaks == 1 ? "s" : "");
    if (flat > 0)
        emo_program_say(&program, "%zu images are flat: only equal bytes make them near-duplicates",
                        flat);
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
        status = emo_similar_open(&j->similar, &rule, err);
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
    if (status == EMO_OK && groups_path != NULL) {
        status = emo_output_commit(j->groups_output, err);
        j->groups_output = NULL;
    }
    if (status == EMO_OK) {
        status = emo_output_commit(j->output, err);
        j->output = NULL;
    }
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
    emo_output_discard(j.output);
    emo_output_discard(j.groups_output);
    emo_similar_close(j.similar);
    emo_reader_close(j.reader);
    emo_text_free(&j.names);
    emo_text_free(&j.text);
    free(j.images);
    free(j.groups);
    free(j.members);
    return emo_program_end(&program, status, &err);
}
