/*
 * Makes streams for the suites, and lists any stream as text. Record i depends on i, --shape,
 * --classes, --group and --seed only, so a longer stream begins with the records of a shorter one.
 * Without arguments, as a unit test, it checks that what it makes is read back as it was asked for.
 */
#include "base/hash.h"
#include "base/philox.h"
#include "base/program.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVEN, RANDOM, SORTED };
enum { BOXES, NOISE };

static struct emo_common common;
static int64_t count = 20, classes = 2, group = 1, unlabelled, first, epoch, seed = 1;
static const char *shape = "4x4x3";
static int kind, labels, pixels = BOXES, split;
static bool payload_only, aborted, list, head_only;
static const char *const kinds[] = {"images", "model", "scores", "checkpoint", NULL};
static const char *const label_ways[] = {"even", "random", "sorted", NULL};
static const char *const pixel_ways[] = {"boxes", "noise", NULL};
static const char *const splits[] = {"none", "train", "valid", "test", "mixed", NULL};

static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    {.letter = 'n', .name = "count", .argument = "N", .help = "records (20)", .kind = EMO_INT,
     .value = &count, .low = 0, .high = 1e12},
    {.letter = 's', .name = "shape", .argument = "HxWxC", .help = "of an image (4x4x3)",
     .kind = EMO_STRING, .value = &shape},
    {.letter = 'c', .name = "classes", .argument = "K", .help = "classes, \"class 0\" ... (2)",
     .kind = EMO_INT, .value = &classes, .low = 0, .high = 64},
    {.letter = 'k', .name = "kind", .argument = "KIND", .help = "kind of stream (images)",
     .kind = EMO_CHOICE, .value = &kind, .choices = kinds},
    {.name = "labels", .argument = "HOW", .help = "labels take turns, are drawn, or come in "
     "one run for each class", .kind = EMO_CHOICE, .value = &labels, .choices = label_ways},
    {.name = "unlabelled", .argument = "N", .help = "every Nth record has no label (0: none)",
     .kind = EMO_INT, .value = &unlabelled, .low = 0, .high = 1e12},
    {.name = "pixels", .argument = "HOW", .help = "a bright box of the class's colour, or noise",
     .kind = EMO_CHOICE, .value = &pixels, .choices = pixel_ways},
    {.letter = 'g', .name = "group", .argument = "N", .help = "records that share GROUP in the "
     "name CLASS/GROUP_i.jpg (1)", .kind = EMO_INT, .value = &group, .low = 1, .high = 1e12},
    {.name = "first", .argument = "N", .help = "number and id of the first record (0)",
     .kind = EMO_INT, .value = &first, .low = 0, .high = 1e12},
    {.name = "split", .argument = "SPLIT", .help = "tag the records; mixed: in turn",
     .kind = EMO_CHOICE, .value = &split, .choices = splits},
    {.name = "epoch", .argument = "N", .help = "tag the records, and set @KEY epochs (0: none)",
     .kind = EMO_INT, .value = &epoch, .low = 0, .high = 65535},
    {.name = "payload-only", .help = "with an entry that holds of this payload only",
     .kind = EMO_FLAG, .value = &payload_only},
    {.name = "seed", .argument = "N", .help = "of labels and pixels (1)", .kind = EMO_INT,
     .value = &seed, .low = 0, .high = 9e15},
    {.name = "aborted", .help = "end with END(aborted)", .kind = EMO_FLAG, .value = &aborted},
    {.name = "list", .help = "instead: id class split epoch shape crc keys name of the records of "
     "the operands", .kind = EMO_FLAG, .value = &list},
    {.name = "head", .help = "instead: the HEAD's text", .kind = EMO_FLAG, .value = &head_only},
};

static const struct emo_program program = {
    .name = "make_stream",
    .operands = "[file ...]",
    .purpose = "make a stream for tests, or list one",
    .options = options,
    .count = sizeof options / sizeof *options,
    .common = &common,
};

static uint32_t draw(uint64_t i, uint32_t block)
{
    uint32_t out[4];
    emo_philox((uint64_t)seed, i, 0, EMO_DRAW_SAMPLE, block, out);
    return out[0];
}

static int16_t label_of(uint64_t i)
{
    uint64_t at = i - (uint64_t)first, k = (uint64_t)classes;
    if (k == 0 || (unlabelled > 0 && i % (uint64_t)unlabelled == (uint64_t)unlabelled - 1))
        return -1;
    if (labels == RANDOM)
        return (int16_t)(draw(i, 0) % k);
    if (labels == SORTED)
        return (int16_t)(at * k / (uint64_t)count);
    return (int16_t)(i % k);
}

/* A box at a drawn place on a dark ground with a gradient; its colour tells the class. */
static void draw_image(uint8_t *to, const uint32_t dim[3], uint64_t i, int label)
{
    uint32_t h = dim[0], w = dim[1], channels = dim[2], bh = h / 3 + 1, bw = w / 3 + 1;
    uint32_t top = draw(i, 1) % (h - bh + 1), left = draw(i, 2) % (w - bw + 1), bits[4];
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            for (uint32_t c = 0; c < channels; c++) {
                bool in = y - top < bh && x - left < bw;
                size_t at = ((size_t)y * w + x) * channels + c;
                if (pixels == NOISE) {
                    if (at % 16 == 0)
                        emo_philox((uint64_t)seed, i, 1, EMO_DRAW_SAMPLE, (uint32_t)(at / 16),
                                   bits);
                    to[at] = (uint8_t)(bits[at % 16 / 4] >> (at % 4 * 8));
                } else {
                    uint32_t ground = 64 * y / h + 32 * x / w;
                    to[at] = (uint8_t)(in ? 255 - 80 * (((uint32_t)(label + 1) + c) % 3) : ground);
                }
            }
}

/* The tensor of record i of this kind, into r and to. */
static void make_tensor(struct emo_record *r, uint8_t *to, const uint32_t dim[3])
{
    if (kind == 0) {
        emo_record_shape(r, EMO_U8, EMO_HWC, 3, dim);
        draw_image(to, dim, r->id, r->label);
    } else {
        uint32_t n = kind == 2 && classes > 0 ? (uint32_t)classes : 2;
        emo_record_shape(r, EMO_F32, EMO_ORDER_NONE, 1, &n);
        for (uint32_t k = 0; k < n; k++) {
            float p = (1 + emo_uniform(draw(r->id, k + 8))) / (float)(2 * n);
            memcpy(to + k * sizeof p, &p, sizeof p);
        }
    }
    r->payload = to;
}

static int make_head(struct emo_head *h, const uint32_t dim[3], struct emo_error *err)
{
    char names[64][32], text[64];
    const char *at[64];
    emo_head_begin(h, (uint16_t)(kind + 1));
    h->records_expected = (uint64_t)count;
    for (int k = 0; k < classes; k++) {
        snprintf(names[k], sizeof names[k], classes > 10 ? "class %02d" : "class %d", k);
        at[k] = names[k];
    }
    int status = emo_head_set_classes(h, at, (size_t)classes, err);
    snprintf(text, sizeof text, "%ux%ux%u", dim[0], dim[1], dim[2]);
    if (status == EMO_OK)
        status = emo_head_set_key(h, "input", text, err);
    if (status == EMO_OK)
        status = emo_head_set_key(h, "fit", "stretch", err);
    snprintf(text, sizeof text, "%" PRId64, epoch);
    if (status == EMO_OK && epoch > 0)
        status = emo_head_set_key(h, "epochs", text, err);
    return status;
}

static int write_records(struct emo_writer *w, uint8_t *to, const uint32_t dim[3],
                         struct emo_error *err)
{
    struct emo_record r = {0};
    int status = EMO_OK;
    for (uint64_t i = (uint64_t)first; i < (uint64_t)(first + count) && status == EMO_OK; i++) {
        char name[96];
        r.id = i;
        r.label = label_of(i);
        r.split = (uint8_t)(split == 4 ? i % 4 : (uint64_t)split);
        r.epoch = (uint16_t)epoch;
        snprintf(name, sizeof name, "class %d/%" PRIx64 "_%" PRIu64 ".jpg", r.label,
                 i / (uint64_t)group, i);
        emo_metadata_set_text(&r.metadata, "name", name, strlen(name));
        emo_metadata_set_i64(&r.metadata, "origin", (int64_t)emo_xxh3(name, strlen(name)));
        emo_metadata_set_i64(&r.metadata, "height", dim[0]);
        emo_metadata_set_i64(&r.metadata, "width", dim[1]);
        if (payload_only)
            emo_metadata_set(&r.metadata, EMO_META_I64 | EMO_META_PAYLOAD_ONLY, "blur", &r.id, 8);
        make_tensor(&r, to, dim);
        status = emo_writer_record(w, &r, err);
    }
    emo_record_free(&r);
    return status;
}

static int make(const char *path, struct emo_error *err)
{
    uint32_t dim[3];
    char end;
    if (sscanf(shape, "%5ux%5ux%1u%c", &dim[0], &dim[1], &dim[2], &end) != 3 || dim[0] == 0 ||
        dim[1] == 0 || dim[2] == 0)
        return emo_error(err, EMO_USAGE, "--shape: HEIGHTxWIDTHxCHANNELS, such as 4x4x3");
    size_t room = (size_t)dim[0] * dim[1] * dim[2] + 4 * 64 + 64;
    uint8_t *to = malloc(room);
    struct emo_head h = {0};
    struct emo_writer *w = NULL;
    int status = to == NULL ? emo_error_memory(err, room, "an image") : make_head(&h, dim, err);
    if (status == EMO_OK)
        status = emo_writer_create(&w, path, &h, err);
    if (status == EMO_OK)
        status = write_records(w, to, dim, err);
    if (status == EMO_OK && aborted)
        emo_writer_abort(w, "make_stream: aborted as asked");
    else
        status = emo_writer_close(w, NULL, "make_stream", status, err);
    emo_head_free(&h);
    free(to);
    return status;
}

static void list_record(const struct emo_head *h, const struct emo_record *r)
{
    struct emo_text line = {0};
    struct emo_metadata_entry e;
    char dims[48];
    size_t at = 0, n;
    const char *name = emo_record_name(r, &n);
    emo_text_printf(&line, "%" PRIu64 "\t%s\t%s\t%u\t%s\t%08x\t", r->id,
                    r->label < 0 ? "NA" : h->classes[r->label], emo_split_name(r->split), r->epoch,
                    emo_record_dims(r, dims, sizeof dims),
                    emo_crc32(0, r->payload, (size_t)r->payload_length));
    for (bool more = false; emo_metadata_next(&r->metadata, &at, &e); more = true)
        emo_text_printf(&line, "%s%.*s", more ? "," : "", (int)e.key_length, e.key);
    emo_text_add(&line, "\t", 1);
    emo_text_escaped(&line, name, n);
    puts(line.failed ? "out of memory" : line.bytes);
    emo_text_free(&line);
}

static int read_streams(const char *const *paths, size_t n, uint64_t *records,
                        struct emo_error *err)
{
    struct emo_reader *reader = NULL;
    struct emo_record r = {0};
    bool got = true;
    unsigned any = 1u << EMO_IMAGES | 1u << EMO_MODEL | 1u << EMO_SCORES | 1u << EMO_CHECKPOINT;
    int status = emo_reader_open(&reader, paths, n, any, err);
    if (status == EMO_OK && head_only) {
        struct emo_text text = {0};
        status = emo_head_format(emo_reader_head(reader), &text, err);
        if (status == EMO_OK)
            fputs(text.bytes != NULL ? text.bytes : "", stdout);
        emo_text_free(&text);
    }
    if (list)
        puts("id\tclass\tsplit\tepoch\tshape\tcrc\tkeys\tname");
    while (status == EMO_OK && got) {
        status = emo_reader_next(reader, &r, &got, err);
        if (status == EMO_OK && got && list)
            list_record(emo_reader_head(reader), &r);
        *records += status == EMO_OK && got;
    }
    emo_record_free(&r);
    emo_reader_close(reader);
    return status;
}

/* Each kind, written and read back; an aborted one is refused. */
static int check_itself(struct emo_error *err)
{
    static const char *const path = "unit-make-stream.emo";
    int status = EMO_OK;
    for (kind = 0; kind < 4 && status == EMO_OK; kind++) {
        uint64_t records = 0;
        status = make(path, err);
        if (status == EMO_OK)
            status = read_streams(&path, 1, &records, err);
        if (status == EMO_OK && records != (uint64_t)count)
            status = emo_error(err, EMO_FAILED, "%s: %" PRIu64 " records came back", kinds[kind],
                               records);
        if (status == EMO_OK)
            printf("ok: %s\n", kinds[kind]);
        unlink(path);
    }
    return status;
}

int main(int argc, char **argv)
{
    struct emo_error err = {0};
    uint64_t records = 0;
    size_t n;
    int early = emo_program_begin(&program, argc, argv, &n);
    if (early >= 0)
        return early;
    int status = argc == 1 ? check_itself(&err)
               : list || head_only
                   ? read_streams((const char *const *)(argv + 1), n, &records, &err)
                   : make(common.output, &err);
    return emo_program_end(&program, status, &err);
}
