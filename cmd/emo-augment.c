/* emo-augment: repeats the train records for N epochs, shuffled, each warped at random. */
#include "base/hash.h"
#include "base/program.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "base/threads.h"
#include "image/warp.h"
#include "learn/epochs.h"
#include "stream/pool.h"
#include "stream/provenance.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Images warped together, then written in order: for a team, enough that none of it waits. */
#define SLOTS_MOST 64

static struct emo_common common = {.jobs = 1};
static int64_t epochs = 10, first_epoch = 1, seed = 21;
static struct emo_warp_ranges ranges = {
    .rotate = 40, .shift_x = 0.2, .shift_y = 0.2, .shear = 11.459, .zoom = 0.2};
static const char *const flips[] = {"h", "v", "hv", "none", NULL};
static int flip;
static const char *fill = "nearest";
static bool no_shuffle;
static uint64_t memory = UINT64_C(1) << 30;

static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_PROGRESS(common),
    EMO_OPTIONS_NO_PG(common),
    EMO_OPTIONS_SANDBOX(common),
    {.letter = 'e', .name = "epochs", .argument = "N", .help = "times that training will see each "
     "image (10)", .kind = EMO_INT, .value = &epochs, .low = 1, .high = 65535, .recorded = true},
    {.name = "first-epoch", .argument = "N", .help = "leave out the epochs before this one, for "
     "emo-train --resume (1)", .kind = EMO_INT, .value = &first_epoch, .low = 1, .high = 65535},
    {.name = "rotate", .argument = "DEGREES", .help = "turn by up to so much either way (40)",
     .kind = EMO_REAL, .value = &ranges.rotate, .low = 0, .high = 180, .recorded = true},
    {.name = "shift-x", .argument = "PART", .help = "move by up to this part of the width (0.2)",
     .kind = EMO_REAL, .value = &ranges.shift_x, .low = 0, .high = 1, .recorded = true},
    {.name = "shift-y", .argument = "PART", .help = "move by up to this part of the height (0.2)",
     .kind = EMO_REAL, .value = &ranges.shift_y, .low = 0, .high = 1, .recorded = true},
    {.name = "shear", .argument = "DEGREES", .help = "shear by up to this angle (11.459)",
     .kind = EMO_REAL, .value = &ranges.shear, .low = 0, .high = 89, .recorded = true},
    {.name = "zoom", .argument = "PART", .help = "zoom each axis by 1 - PART to 1 + PART (0.2)",
     .kind = EMO_REAL, .value = &ranges.zoom, .low = 0, .high = 0.99, .recorded = true},
    {.name = "flip", .argument = "HOW", .help = "flip half of the images", .kind = EMO_CHOICE,
     .value = &flip, .choices = flips, .recorded = true},
    {.name = "fill", .argument = "HOW", .help = "what lies outside the image: nearest, reflect, "
     "wrap, constant[:R,G,B] (nearest)", .kind = EMO_STRING, .value = &fill, .recorded = true},
    {.name = "no-shuffle", .help = "every epoch in the order of the input", .kind = EMO_FLAG,
     .value = &no_shuffle, .recorded = true},
    {.name = "seed", .argument = "N", .help = "of the draws (21)", .kind = EMO_INT, .value = &seed,
     .low = 0, .high = 9.2e18},
    {.name = "memory", .argument = "SIZE",
     .help = "train records to hold in memory before they spill to a file (1G)",
     .kind = EMO_SIZE, .value = &memory},
};
#define COUNT (sizeof options / sizeof *options)

static const struct emo_program program = {
    .name = "emo-augment",
    .operands = "[file ...]",
    .purpose = "repeat the train images for N epochs, shuffled, each warped at random",
    .options = options,
    .count = COUNT,
    .common = &common,
};

/* One image on its way out. */
struct slot {
    size_t index; /* in the pool */
    struct emo_pool_view view;
    uint8_t *pixels;
    size_t room;
    int status;
    struct emo_error err;
};

struct job {
    struct emo_reader *reader;
    struct emo_writer *writer;
    struct emo_pool *pool;
    struct emo_threads *threads;
    struct emo_progress progress;
    struct slot slots[SLOTS_MOST];
    size_t slot_count;
    uint64_t *ids;
    size_t *order;
    enum emo_fill fill;
    uint8_t colour[4];
    bool warps; /* some option asks for another picture */
    uint16_t epoch;
    uint64_t passed, without_split;
};

/* "constant:R,G,B" after the colon. */
static bool parse_colour(const char *s, uint8_t colour[4])
{
    char number[4];
    for (int k = 0; k < 3; k++) {
        size_t n = strcspn(s, ",");
        uint64_t value;
        if (n == 0 || n > 3 || (s[n] == ',') != (k < 2))
            return false;
        memcpy(number, s, n);
        number[n] = '\0';
        if (!emo_parse_uint(number, &value) || value > 255)
            return false;
        colour[k] = (uint8_t)value;
        s += n + 1;
    }
    return true;
}

static int check_options(struct job *j, struct emo_error *err)
{
    static const char *const fills[] = {"nearest", "reflect", "wrap", "constant"};
    char quoted[EMO_QUOTE_SIZE];
    size_t k = 0;
    if (first_epoch > epochs)
        return emo_error(err, EMO_USAGE, "--first-epoch %" PRId64 ": there are %" PRId64 " epochs",
                         first_epoch, epochs);
    /* The epochs that are left out were made with the same options, or emo-train would be misled. */
    if (first_epoch > 1 && common.no_pg)
        return emo_error(err, EMO_USAGE, "--first-epoch and --no-pg: emo-train knows the stream "
                         "again by its provenance");
    while (k < 4 && strcmp(fill, fills[k]) != 0)
        k++;
    if (k == 4 && strncmp(fill, "constant:", 9) == 0 && parse_colour(fill + 9, j->colour))
        k = EMO_FILL_CONSTANT;
    if (k == 4)
        return emo_error(err, EMO_USAGE, "--fill: %s is not nearest, reflect, wrap, constant or "
                         "constant:R,G,B with numbers from 0 to 255",
                         emo_quote(quoted, sizeof quoted, fill, strlen(fill)));
    j->fill = (enum emo_fill)k;
    ranges.flip_h = strchr(flips[flip], 'h') != NULL;
    ranges.flip_v = strchr(flips[flip], 'v') != NULL;
    j->warps = ranges.rotate > 0 || ranges.shift_x > 0 || ranges.shift_y > 0 || ranges.shear > 0 ||
               ranges.zoom > 0 || ranges.flip_h || ranges.flip_v;
    return EMO_OK;
}

static int make_head(struct emo_head *head, const struct emo_head *from, const char *file,
                     struct emo_error *err)
{
    struct emo_text text = {0};
    char number[24];
    uint64_t s = (uint64_t)seed;
    int status = emo_head_copy(head, from, err);
    if (status == EMO_OK && emo_head_key(head, "epochs", &text))
        status = emo_error(err, EMO_INPUT, "%s: already augmented; give the stream that emo-split "
                           "wrote", file);
    if (status == EMO_OK && text.failed)
        status = emo_error_memory(err, text.length, "the head");
    head->records_expected = EMO_UNKNOWN;
    head->shard = 0;
    head->shards = 1;
    snprintf(number, sizeof number, "%" PRId64, epochs);
    if (status == EMO_OK)
        status = emo_head_set_key(head, "epochs", number, err);
    snprintf(number, sizeof number, "%" PRId64, first_epoch);
    if (status == EMO_OK && first_epoch > 1)
        status = emo_head_set_key(head, "first_epoch", number, err);
    if (status == EMO_OK)
        status = emo_provenance_add(head, &program, &s, err);
    emo_text_free(&text);
    return status;
}

static int check_image(const struct emo_record *r, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE], dims[48];
    if (r->epoch != 0)
        return emo_error(err, EMO_INPUT, "%s: already augmented (epoch %u)",
                         emo_record_where(r, where, sizeof where), r->epoch);
    if (r->dtype != EMO_U8 || r->rank != 3 || r->dim[2] > 4)
        return emo_error(err, EMO_INPUT, "%s: %s of %s; an image is HEIGHTxWIDTHxCHANNELS of u8 "
                         "with 1 to 4 channels", emo_record_where(r, where, sizeof where),
                         emo_record_dims(r, dims, sizeof dims), emo_dtype_name(r->dtype));
    return EMO_OK;
}

/* Valid and test records go on as they come; train records are held. */
static int read_all(struct job *j, struct emo_error *err)
{
    struct emo_record r = {0};
    int status;
    while (true) {
        bool got;
        status = emo_reader_next(j->reader, &r, &got, err);
        if (status != EMO_OK || !got)
            break;
        if (r.split == EMO_VALID || r.split == EMO_TEST) {
            j->passed++;
            status = emo_writer_record(j->writer, &r, err);
        } else {
            j->without_split += r.split == EMO_SPLIT_NONE;
            status = check_image(&r, err);
            if (status == EMO_OK)
                status = emo_pool_add(j->pool, &r, err);
        }
        if (status != EMO_OK)
            break;
        emo_progress_update(&j->progress, emo_reader_count(j->reader), "reading");
    }
    emo_record_free(&r);
    return status;
}

/* Makes slot i's picture; runs in any thread. */
static void fill_slot(void *context, size_t i, unsigned worker)
{
    struct job *j = context;
    struct slot *s = &j->slots[i];
    struct emo_record *r = &s->view.record;
    (void)worker;
    s->status = emo_pool_get(j->pool, s->index, &s->view, &s->err);
    if (s->status != EMO_OK)
        return;
    r->epoch = j->epoch;
    if (!j->warps)
        return;
    size_t size = (size_t)r->payload_length;
    if (size > s->room) {
        free(s->pixels);
        s->room = 0;
        s->pixels = malloc(size);
        if (s->pixels == NULL) {
            s->status = emo_error_memory(&s->err, size, "an image");
            return;
        }
        s->room = size;
    }
    struct emo_warp_geometry g;
    struct emo_warp warp;
    emo_warp_draw(&ranges, (uint64_t)seed, r->id, j->epoch, &g);
    emo_warp_make(&g, r->dim[0], r->dim[1], &warp);
    warp.fill = j->fill;
    memcpy(warp.colour, j->colour, sizeof warp.colour);
    emo_warp(&warp, r->payload, r->dim[0], r->dim[1], r->dim[2], s->pixels);
    r->payload = s->pixels;
    r->data_crc = emo_crc32(0, s->pixels, size);
    r->data_crc_known = true;
    emo_metadata_payload_changed(&r->metadata);
}

static int write_epoch(struct job *j, struct emo_error *err)
{
    size_t n = emo_pool_count(j->pool);
    char note[48];
    snprintf(note, sizeof note, "epoch %u of %" PRId64, j->epoch, epochs);
    int status = emo_epoch_order(j->ids, n, (uint64_t)seed, j->epoch, !no_shuffle, j->order, err);
    for (size_t i = 0; i < n && status == EMO_OK; i += j->slot_count) {
        size_t count = n - i < j->slot_count ? n - i : j->slot_count;
        for (size_t k = 0; k < count; k++)
            j->slots[k].index = j->order[i + k];
        emo_threads_run(j->threads, count, fill_slot, j);
        for (size_t k = 0; k < count && status == EMO_OK; k++) {
            status = j->slots[k].status;
            if (status != EMO_OK)
                *err = j->slots[k].err;
            else
                status = emo_writer_record(j->writer, &j->slots[k].view.record, err);
        }
        emo_progress_update(&j->progress, n * (uint64_t)(j->epoch - first_epoch) + i + count, note);
    }
    return status;
}

static int write_epochs(struct job *j, struct emo_error *err)
{
    size_t n = emo_pool_count(j->pool);
    j->ids = calloc(n + 1, sizeof *j->ids);
    j->order = calloc(n + 1, sizeof *j->order);
    if (j->ids == NULL || j->order == NULL)
        return emo_error_memory(err, n * sizeof *j->ids, "the order of the images");
    for (size_t i = 0; i < n; i++)
        j->ids[i] = emo_pool_entry(j->pool, i).id;
    int status = EMO_OK;
    for (int64_t e = first_epoch; e <= epochs && status == EMO_OK; e++) {
        j->epoch = (uint16_t)e;
        status = write_epoch(j, err);
    }
    return status;
}

static void summarise(const struct job *j)
{
    size_t n = emo_pool_count(j->pool);
    emo_program_say(&program, "%zu train images for %" PRId64 " epochs%s, %" PRIu64 " others as "
                    "they came", n, epochs, j->warps ? "" : ", not warped", j->passed);
    if (first_epoch > 1)
        emo_program_say(&program, "of the epochs, those before %" PRId64 " are left out",
                        first_epoch);
    if (j->without_split > 0)
        emo_program_say(&program, "%" PRIu64 " of the train images have no split: they count as "
                        "train; emo-split sets some aside", j->without_split);
    if (n == 0)
        emo_program_say(&program, "there was no train image: nothing was augmented");
    if (emo_pool_spilled(j->pool))
        emo_program_say(&program, "some were held in a temporary file; --memory holds more");
}

static int run(struct job *j, char **operands, size_t n, struct emo_error *err)
{
    struct emo_head head = {0};
    const char *const *paths = (const char *const *)operands;
    int status = check_options(j, err);
    if (status == EMO_OK)
        status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox, .read = paths,
            .read_count = n, .write = {common.output}, .spools = true, .no_new_code = true}, err);
    if (status == EMO_OK)
        status = emo_reader_open(&j->reader, paths, n, 1u << EMO_IMAGES, err);
    if (status == EMO_OK)
        status = make_head(&head, emo_reader_head(j->reader), emo_reader_file(j->reader), err);
    if (status == EMO_OK)
        status = emo_pool_open(&j->pool, memory, err);
    if (status == EMO_OK)
        status = emo_threads_open(&j->threads, (unsigned)common.jobs, err);
    if (status == EMO_OK)
        status = emo_writer_create(&j->writer, common.output, &head, err);
    if (status == EMO_OK) {
        j->slot_count = common.jobs == 1                  ? 1
                        : 4 * common.jobs < SLOTS_MOST ? (size_t)(4 * common.jobs)
                                                          : SLOTS_MOST;
        emo_program_progress(&program, &j->progress, "images",
                             emo_reader_head(j->reader)->records_expected);
        status = read_all(j, err);
        emo_progress_end(&j->progress);
        emo_program_progress(&program, &j->progress, "images",
                             emo_pool_count(j->pool) * (uint64_t)(epochs - first_epoch + 1));
        if (status == EMO_OK)
            status = write_epochs(j, err);
        emo_progress_end(&j->progress);
    }
    status = emo_writer_close(j->writer, j->reader, program.name, status, err);
    if (status == EMO_OK)
        summarise(j);
    emo_head_free(&head);
    return status;
}

int main(int argc, char **argv)
{
    static struct job j; /* large: the slots hold their error texts */
    struct emo_error err = {0};
    size_t n;
    int early = emo_program_begin(&program, argc, argv, &n);
    if (early >= 0)
        return early;
    int status = run(&j, argv + 1, n, &err);
    emo_reader_close(j.reader);
    emo_threads_close(j.threads);
    for (size_t k = 0; k < SLOTS_MOST; k++) {
        emo_pool_view_free(&j.slots[k].view);
        free(j.slots[k].pixels);
    }
    emo_pool_close(j.pool);
    free(j.ids);
    free(j.order);
    return emo_program_end(&program, status, &err);
}
