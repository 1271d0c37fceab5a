/* emo-augment: epochs of shuffled, randomly transformed train images. */
#include "base/program.h"
#include "base/progress.h"
#include "base/threads.h"
#include "image/warp.h"
#include "learn/epochs.h"
#include "stream/pool.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Warped together, then written in order. */
#define WINDOW 32

static struct emo_common common;
static int64_t epochs = 10, seed = 21;
static double rotate = 40, shift_x = .2, shift_y = .2, shear = 11.459, zoom = .2;
static int flip;
static const char *fill_name = "nearest";
static bool no_shuffle;
static uint64_t memory = UINT64_C(1) << 30;
static const char *const flips[] = {"h", "v", "hv", "none", NULL};

static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_PROGRESS(common),
    EMO_OPTIONS_NO_PG(common),
    {.letter = 'e', .name = "epochs", .argument = "N", .help = "epochs to write (10)",
     .kind = EMO_INT, .value = &epochs, .low = 1, .high = 65535, .recorded = true},
    {.name = "rotate", .argument = "DEGREES", .help = "at most, each way (40)", .kind = EMO_REAL,
     .value = &rotate, .low = 0, .high = 360, .recorded = true},
    {.name = "shift-x", .argument = "PART", .help = "of the width, each way (0.2)",
     .kind = EMO_REAL, .value = &shift_x, .low = 0, .high = 1, .recorded = true},
    {.name = "shift-y", .argument = "PART", .help = "of the height, each way (0.2)",
     .kind = EMO_REAL, .value = &shift_y, .low = 0, .high = 1, .recorded = true},
    {.name = "shear", .argument = "DEGREES", .help = "at most, each way (11.459)",
     .kind = EMO_REAL, .value = &shear, .low = 0, .high = 89, .recorded = true},
    {.name = "zoom", .argument = "PART", .help = "each axis from 1 - PART to 1 + PART (0.2)",
     .kind = EMO_REAL, .value = &zoom, .low = 0, .high = .99, .recorded = true},
    {.name = "flip", .argument = "HOW", .help = "h, v, hv or none (h)", .kind = EMO_CHOICE,
     .value = &flip, .choices = flips, .recorded = true},
    {.name = "fill", .argument = "HOW",
     .help = "outside: nearest, reflect, wrap or constant[:R,G,B] (nearest)", .kind = EMO_STRING,
     .value = &fill_name, .recorded = true},
    {.name = "no-shuffle", .help = "every epoch in the order of the input", .kind = EMO_FLAG,
     .value = &no_shuffle, .recorded = true},
    {.name = "seed", .argument = "N", .help = "of order and transforms (21)", .kind = EMO_INT,
     .value = &seed, .low = 0, .high = 9.2e18},
    {.name = "memory", .argument = "SIZE", .help = "of images to keep in memory (1G)",
     .kind = EMO_SIZE, .value = &memory},
};
#define COUNT (sizeof options / sizeof *options)

static const struct emo_program program = {
    .name = "emo-augment",
    .operands = "[file ...]",
    .purpose = "write epochs of shuffled, randomly transformed train images",
    .options = options,
    .count = COUNT,
    .common = &common,
};

struct slot {
    struct emo_pool_view view;
    size_t index;
    uint8_t *pixels;
    size_t room;
    int status;
    struct emo_error err;
};

struct job {
    struct emo_augmentation a;
    struct emo_reader *reader;
    struct emo_writer *writer;
    struct emo_threads *threads;
    struct emo_pool *pool;
    struct slot slots[WINDOW];
    uint16_t epoch;
    uint64_t kept; /* valid and test, passed on */
};

/* "constant:255,0,0" */
static int parse_fill(struct emo_augmentation *a, struct emo_error *err)
{
    static const char *const names[] = {"nearest", "reflect", "wrap", "constant"};
    char quoted[EMO_QUOTE_SIZE], end;
    unsigned rgb[3];
    for (int i = 0; i < 4; i++) {
        if (strcmp(fill_name, names[i]) == 0) {
            a->fill = (enum emo_fill)i;
            return EMO_OK;
        }
    }
    if (sscanf(fill_name, "constant:%3u,%3u,%3u%c", &rgb[0], &rgb[1], &rgb[2], &end) == 3 &&
        rgb[0] < 256 && rgb[1] < 256 && rgb[2] < 256) {
        a->fill = EMO_CONSTANT;
        for (int i = 0; i < 3; i++)
            a->constant[i] = (uint8_t)rgb[i];
        return EMO_OK;
    }
    return emo_error(err, EMO_USAGE, "--fill: nearest, reflect, wrap or constant[:R,G,B], not %s",
                     emo_quote(quoted, sizeof quoted, fill_name, strlen(fill_name)));
}

static void transform(void *context, size_t i, unsigned worker)
{
    struct job *j = context;
    struct slot *s = &j->slots[i];
    struct emo_record *r = &s->view.record;
    (void)worker;
    s->status = emo_pool_get(j->pool, s->index, &s->view, &s->err);
    if (s->status != EMO_OK)
        return;
    if (r->payload_length > s->room) {
        free(s->pixels);
        s->room = (size_t)r->payload_length;
        s->pixels = malloc(s->room);
        if (s->pixels == NULL) {
            s->room = 0;
            s->status = emo_error_memory(&s->err, (size_t)r->payload_length, "an image");
            return;
        }
    }
    struct emo_warp w = emo_warp_draw(&j->a, (uint64_t)seed, r->id, j->epoch, r->dim[0], r->dim[1]);
    emo_warp(&w, &j->a, r->payload, r->dim[0], r->dim[1], r->dim[2], s->pixels);
    r->payload = s->pixels;
    r->data_crc_known = false;
    r->epoch = j->epoch;
    emo_metadata_payload_changed(&r->metadata);
}

static int run_window(struct job *j, size_t n, struct emo_error *err)
{
    int status = EMO_OK;
    emo_threads_run(j->threads, n, transform, j);
    for (size_t i = 0; status == EMO_OK && i < n; i++) {
        struct slot *s = &j->slots[i];
        status = s->status;
        if (status != EMO_OK)
            *err = s->err;
        else
            status = emo_writer_record(j->writer, &s->view.record, err);
    }
    return status;
}

static int write_epochs(struct job *j, struct emo_error *err)
{
    struct emo_progress progress;
    size_t n = emo_pool_count(j->pool), filled = 0;
    uint64_t *ids = malloc((n + 1) * sizeof *ids), done = 0;
    size_t *order = malloc((n + 1) * sizeof *order);
    int status = ids != NULL && order != NULL
                     ? EMO_OK
                     : emo_error_memory(err, n * sizeof *ids, "the order of an epoch");
    for (size_t i = 0; status == EMO_OK && i < n; i++)
        ids[i] = emo_pool_entry(j->pool, i).id;
    emo_progress_begin(&progress, emo_program_shows_progress(&program), program.name, "images",
                       n * (uint64_t)epochs);
    for (int64_t e = 1; status == EMO_OK && e <= epochs; e++) {
        j->epoch = (uint16_t)e;
        status = emo_epoch_order(ids, n, (uint64_t)seed, j->epoch, !no_shuffle, order, err);
        for (size_t i = 0; status == EMO_OK && i < n; i++) {
            j->slots[filled++].index = order[i];
            if (filled < WINDOW && i + 1 < n)
                continue;
            status = run_window(j, filled, err);
            done += filled;
            filled = 0;
            emo_progress_update(&progress, done, NULL);
        }
    }
    emo_progress_end(&progress);
    free(ids);
    free(order);
    return status;
}

static int take(struct job *j, const struct emo_record *r, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE];
    if (r->dtype != EMO_U8 || r->rank != 3 || r->order != EMO_HWC || r->dim[2] > 4)
        return emo_error(err, EMO_INPUT, "%s: not an image of 8-bit pixels",
                         emo_record_where(r, where, sizeof where));
    if (r->dim[0] > 32767 || r->dim[1] > 32767)
        return emo_error(err, EMO_INPUT, "%s: more than 32767 pixels a side",
                         emo_record_where(r, where, sizeof where));
    if (r->epoch != 0)
        return emo_error(err, EMO_INPUT, "%s: augmented already",
                         emo_record_where(r, where, sizeof where));
    if (r->split == EMO_VALID || r->split == EMO_TEST) {
        j->kept++;
        return emo_writer_record(j->writer, r, err);
    }
    return emo_pool_add(j->pool, r, err);
}

static int open_output(struct job *j, struct emo_error *err)
{
    char number[24];
    struct emo_head head;
    struct emo_text recorded = {0};
    uint64_t drawn = (uint64_t)seed;
    int64_t said;
    if (emo_head_key_int(emo_reader_head(j->reader), "epochs", &said))
        return emo_error(err, EMO_INPUT, "%s: augmented already, for %" PRId64 " epochs",
                         emo_reader_file(j->reader), said);
    int status = emo_head_copy(&head, emo_reader_head(j->reader), err);
    if (status != EMO_OK)
        return status;
    head.records_expected = EMO_UNKNOWN;
    head.shard = 0;
    head.shards = 1;
    snprintf(number, sizeof number, "%" PRId64, epochs);
    status = emo_head_set_key(&head, "epochs", number, err);
    emo_options_recorded(options, COUNT, &recorded);
    if (status == EMO_OK && !common.no_pg)
        status = emo_head_add_pg(&head, program.name, EMO_VERSION,
                                 recorded.bytes != NULL ? recorded.bytes : "", &drawn, err);
    if (status == EMO_OK)
        status = emo_writer_create(&j->writer, common.output, &head, err);
    emo_text_free(&recorded);
    emo_head_free(&head);
    return status;
}

static int run(char **operands, size_t n, struct emo_error *err)
{
    struct job j = {.a = {.rotate = rotate, .shift_x = shift_x, .shift_y = shift_y, .shear = shear,
                          .zoom = zoom, .flip_h = flip == 0 || flip == 2,
                          .flip_v = flip == 1 || flip == 2}};
    struct emo_record r = {0};
    bool got = true;
    int status = parse_fill(&j.a, err);
    if (status == EMO_OK)
        status = emo_reader_open(&j.reader, (const char *const *)operands, n, 1u << EMO_IMAGES,
                                 err);
    if (status == EMO_OK)
        status = emo_pool_open(&j.pool, memory, err);
    if (status == EMO_OK)
        status = emo_threads_open(&j.threads, (unsigned)(common.jobs > 0 ? common.jobs : 1), err);
    if (status == EMO_OK)
        status = open_output(&j, err);
    while (status == EMO_OK) {
        status = emo_reader_next(j.reader, &r, &got, err);
        if (status != EMO_OK || !got)
            break;
        status = take(&j, &r, err);
    }
    /* The input is verified to its end: now the train records may leave. */
    if (status == EMO_OK)
        status = write_epochs(&j, err);
    uint64_t train = j.pool != NULL ? emo_pool_count(j.pool) : 0;
    status = emo_writer_close(j.writer, j.reader, program.name, status, err);
    if (status == EMO_OK)
        emo_program_say(&program, "%" PRId64 " epochs of %" PRIu64 " train images; %" PRIu64
                        " of other splits as they came", epochs, train, j.kept);
    for (int i = 0; i < WINDOW; i++) {
        emo_pool_view_free(&j.slots[i].view);
        free(j.slots[i].pixels);
    }
    emo_record_free(&r);
    emo_threads_close(j.threads);
    emo_pool_close(j.pool);
    emo_reader_close(j.reader);
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
    return emo_program_end(&program, status, &err);
}
