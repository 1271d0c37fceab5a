/* emo-convert: tensor streams to and from the formats of other programs. */
#include "base/program.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "exchange/gather.h"
#include "exchange/npz.h"
#include "exchange/onnx.h"
#include "exchange/pictures.h"
#include "exchange/pnm.h"
#include "exchange/safetensors.h"
#include "stream/provenance.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of small pictures that are written at once. */
#define BUFFER (64u << 10)

enum format { EMO, NPY, NPZ, PNM, PNG, SAFETENSORS, ONNX };
static const char *const formats[] = {"emo", "npy", "npz", "pnm", "png", "safetensors",
                                      "onnx", NULL};
static const char *const layouts[] = {"torch", "keras", NULL};

static const struct emo_import *const imports[] = {
    [NPY] = &emo_import_npy,
    [NPZ] = &emo_import_npz,
    [PNM] = &emo_import_pnm,
    [PNG] = &emo_import_png,
    [SAFETENSORS] = &emo_import_safetensors,
};

static struct emo_common common;
static int from = EMO, to = EMO, layout = EMO_LAYOUT_TORCH;
static uint64_t memory = UINT64_C(512) << 20;

/* clang-format off */
static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_PROGRESS(common),
    EMO_OPTIONS_NO_PG(common),
    EMO_OPTIONS_SANDBOX(common),
    {.letter = 'f', .name = "from", .argument = "FMT", .kind = EMO_CHOICE, .value = &from,
     .choices = formats, .recorded = true, .help = "what the input is; emo if not given"},
    {.letter = 't', .name = "to", .argument = "FMT", .kind = EMO_CHOICE, .value = &to,
     .choices = formats, .recorded = true, .help = "what to make; emo if not given"},
    {.name = "layout", .argument = "HOW", .kind = EMO_CHOICE, .value = &layout, .choices = layouts,
     .recorded = true, .help = "to safetensors: how tensors lie, torch (if not given) or keras"},
    {.name = "memory", .argument = "SIZE", .kind = EMO_SIZE, .value = &memory,
     .help = "to npy and npz: records to hold in memory before they spill to a file (512M)"},
};
/* clang-format on */
#define OPTIONS (sizeof options / sizeof *options)

static const struct emo_program program = {
    .name = "emo-convert",
    .operands = "[file ...]",
    .purpose = "convert tensor streams to and from the formats of other programs",
    .options = options,
    .count = OPTIONS,
    .common = &common,
};

/* Says what was lost, a line each. */
static void warn_of(const struct emo_text *lost)
{
    for (const char *s = lost->bytes; s != NULL && *s != '\0';) {
        size_t n = strcspn(s, "\n");
        emo_program_warn(&program, "not kept: %.*s", (int)n, s);
        s += n + (s[n] == '\n');
    }
}

/* emo to npy and npz. */
static int to_arrays(const char *const *paths, size_t count, struct emo_error *err)
{
    struct emo_gathered g = {0};
    struct emo_reader *reader = NULL;
    struct emo_output *output = NULL;
    struct emo_text lost = {0};
    int status = emo_reader_open(&reader, paths, count, 1u << EMO_IMAGES | 1u << EMO_SCORES, err);
    if (status == EMO_OK)
        status = emo_output_open(&output, common.output, true, err);
    if (status == EMO_OK)
        status = emo_gather(&g, reader, memory, err);
    if (status == EMO_OK)
        status = emo_provenance_add(&g.head, &program, NULL, err);
    if (status == EMO_OK)
        status = to == NPY ? emo_npy_write(&g, output, err) : emo_npz_write(&g, output, &lost, err);
    status = emo_output_close(output, status, err);
    if (status == EMO_OK) {
        warn_of(&lost);
        emo_program_say(&program, "%zu %s", g.count, emo_kind_name(g.head.kind));
    }
    emo_text_free(&lost);
    emo_gathered_free(&g);
    emo_reader_close(reader);
    return status;
}

/* Calls put() for every image, to the clean end. */
static int each_image(struct emo_reader *reader, void *context,
                      int (*put)(void *context, const struct emo_record *image,
                                 struct emo_error *err),
                      struct emo_error *err)
{
    struct emo_record r = {0};
    bool got = true;
    int status = EMO_OK;
    while (status == EMO_OK && got) {
        status = emo_reader_next(reader, &r, &got, err);
        if (status == EMO_OK && got)
            status = put(context, &r, err);
    }
    emo_record_free(&r);
    return status;
}

struct pnm_sink {
    struct emo_reader *reader;
    struct emo_output *output;
    struct emo_text text;
};

static int flush_pnm(struct pnm_sink *s, struct emo_error *err)
{
    if (emo_write(emo_output_fd(s->output), s->text.bytes, s->text.length) != 0)
        return emo_error_errno(err, "%s", emo_output_name(s->output));
    s->text.length = 0;
    return EMO_OK;
}

static int put_pnm(void *context, const struct emo_record *image, struct emo_error *err)
{
    struct pnm_sink *s = context;
    int status = emo_pnm_format(image, &s->text, err);
    if (status == EMO_OK && (s->text.length > BUFFER || emo_reader_would_block(s->reader)))
        status = flush_pnm(s, err);
    return status;
}

static int to_pnm(const char *const *paths, size_t count, struct emo_error *err)
{
    struct pnm_sink s = {0};
    int status = emo_reader_open(&s.reader, paths, count, 1u << EMO_IMAGES, err);
    if (status == EMO_OK)
        status = emo_output_open(&s.output, common.output, true, err);
    if (status == EMO_OK)
        status = each_image(s.reader, &s, put_pnm, err);
    if (status == EMO_OK)
        status = flush_pnm(&s, err);
    status = emo_output_close(s.output, status, err);
    if (status == EMO_OK)
        emo_program_say(&program, "%" PRIu64 " pictures", emo_reader_count(s.reader));
    emo_text_free(&s.text);
    emo_reader_close(s.reader);
    return status;
}

static int put_png(void *context, const struct emo_record *image, struct emo_error *err)
{
    return emo_pictures_put(context, image, err);
}

static int to_png(const char *const *paths, size_t count, struct emo_error *err)
{
    struct emo_reader *reader = NULL;
    struct emo_folder *folder = NULL;
    struct emo_pictures pictures = {0};
    if (common.output == NULL || strcmp(common.output, "-") == 0)
        return emo_error(err, EMO_USAGE, "to png, a folder is needed: -o FOLDER");
    int status = emo_reader_open(&reader, paths, count, 1u << EMO_IMAGES, err);
    if (status == EMO_OK)
        status = emo_folder_open(&folder, common.output, err);
    if (status == EMO_OK)
        status = emo_pictures_open(&pictures, folder, emo_reader_head(reader), err);
    if (status == EMO_OK)
        status = each_image(reader, &pictures, put_png, err);
    emo_pictures_close(&pictures);
    if (status == EMO_OK)
        status = emo_folder_commit(folder, err);
    else
        emo_folder_discard(folder);
    if (status == EMO_OK)
        emo_program_say(&program, "%" PRIu64 " pictures", emo_reader_count(reader));
    emo_reader_close(reader);
    return status;
}

/* emo to safetensors and onnx: of models. */
static int to_model(const char *const *paths, size_t count, struct emo_error *err)
{
    struct emo_weights w = {0};
    struct emo_output *output = NULL;
    if (count > 1)
        return emo_error(err, EMO_USAGE, "to %s, one model at a time", formats[to]);
    int status = emo_weights_open(&w, count > 0 ? paths[0] : "-", err);
    if (status == EMO_OK)
        status = emo_provenance_add(&w.model.head, &program, NULL, err);
    if (status == EMO_OK)
        status = emo_output_open(&output, common.output, true, err);
    if (status == EMO_OK)
        status = to == ONNX ? emo_onnx_write(&w, output, err)
                            : emo_safetensors_write(&w, (enum emo_layout)layout, output, err);
    status = emo_output_close(output, status, err);
    if (status == EMO_OK)
        emo_program_say(&program, "%zu parameters in %zu tensors", w.graph.parameters, w.count);
    emo_weights_close(&w);
    return status;
}

/* All that becomes a stream. */
static int from_foreign(const char *const *paths, size_t count, struct emo_error *err)
{
    static const char *const standard[] = {"-"};
    const struct emo_import *in = imports[from];
    void *state = NULL;
    struct emo_head head = {0};
    struct emo_writer *writer = NULL;
    struct emo_record r = {0};
    struct emo_progress progress;
    uint64_t done = 0;
    bool got = true;
    int status = EMO_OK;
    if (count > 1 && !in->several)
        status = emo_error(err, EMO_USAGE, "from %s, one file at a time; streams are joined with "
                           "cat", formats[from]);
    if (status == EMO_OK)
        status = in->open(&state, count > 0 ? paths : standard, count > 0 ? count : 1, &head, err);
    if (status == EMO_OK)
        status = emo_provenance_add(&head, &program, NULL, err);
    if (status == EMO_OK)
        status = emo_writer_create(&writer, common.output, &head, err);
    emo_program_progress(&program, &progress, "records", head.records_expected);
    while (status == EMO_OK && got) {
        status = in->next(state, &r, &got, err);
        if (status == EMO_OK && got)
            status = emo_writer_record(writer, &r, err);
        done += status == EMO_OK && got;
        emo_progress_update(&progress, done, NULL);
    }
    emo_progress_end(&progress);
    status = emo_writer_close(writer, NULL, program.name, status, err);
    if (status == EMO_OK)
        emo_program_say(&program, "%" PRIu64 " records", done);
    emo_record_free(&r);
    emo_head_free(&head);
    in->close(state);
    return status;
}

/* The conversions that there are. */
static const struct {
    enum format from, to;
    int (*run)(const char *const *paths, size_t count, struct emo_error *err);
} pairs[] = {
    {EMO, NPY, to_arrays},
    {EMO, NPZ, to_arrays},
    {EMO, PNM, to_pnm},
    {EMO, PNG, to_png},
    {EMO, SAFETENSORS, to_model},
    {EMO, ONNX, to_model},
    {NPY, EMO, from_foreign},
    {NPZ, EMO, from_foreign},
    {PNM, EMO, from_foreign},
    {PNG, EMO, from_foreign},
    {SAFETENSORS, EMO, from_foreign},
};
#define PAIRS (sizeof pairs / sizeof *pairs)

/* Gives up all but its operands and its output, which may be a folder. */
static int confine(const char *const *paths, size_t count, struct emo_error *err)
{
    bool folder = to == PNG && common.output != NULL;
    char *parent = folder ? emo_folder_parent(common.output) : NULL;
    int status = emo_sandbox_enter(&(struct emo_sandbox){
        .off = common.no_sandbox, .read = paths, .read_count = count,
        .write = {folder ? NULL : common.output}, .write_folder = {parent}, .spools = true,
        .no_new_code = true}, err);
    free(parent);
    return status;
}

static int run(const char *const *paths, size_t count, struct emo_error *err)
{
    struct emo_text there = {0};
    int status = confine(paths, count, err);
    if (status != EMO_OK)
        return status;
    for (size_t i = 0; i < PAIRS; i++)
        if ((int)pairs[i].from == from && (int)pairs[i].to == to)
            return pairs[i].run(paths, count, err);
    for (size_t i = 0; i < PAIRS; i++)
        emo_text_printf(&there, "%s%s to %s", i > 0 ? ", " : "", formats[pairs[i].from],
                        formats[pairs[i].to]);
    status = emo_error(err, EMO_USAGE, "no conversion from %s to %s; there are %s",
                       formats[from], formats[to], there.bytes != NULL ? there.bytes : "");
    emo_text_free(&there);
    return status;
}

int main(int argc, char **argv)
{
    size_t n;
    int early = emo_program_begin(&program, argc, argv, &n);
    if (early >= 0)
        return early;
    struct emo_error err = {0};
    int status = run((const char *const *)argv + 1, n, &err);
    return emo_program_end(&program, status, &err);
}
