/* emo-predict: scores the images of a stream with a model. */
#include "base/file.h"
#include "base/program.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "learn/ahead.h"
#include "learn/score.h"
#include "net/model.h"
#include "stream/provenance.h"
#include "stream/writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct emo_common common;
static bool no_fold, tsv, json;
static int unknown_class, backend = EMO_BACKEND_BEST;
static int64_t batch = 32;

enum { UNKNOWN_REFUSED, UNKNOWN_NONE };
static const char *const unknowns[] = {"refuse", "none", NULL};
static int precision = EMO_PRECISION_FP32;
static const char *const precisions[] = {"fp32", "bf16", NULL};
static const char *const backends[] = {"best", "reference", "onednn", NULL};

/* clang-format off */
static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    {.letter = 'b', .name = "batch", .argument = "N", .kind = EMO_INT, .value = &batch, .low = 1,
     .high = 65536, .help = "at most so many images at a time (32)"},
    {.name = "tsv", .kind = EMO_FLAG, .value = &tsv, .help = "write a table instead of a stream"},
    {.name = "json", .kind = EMO_FLAG, .value = &json,
     .help = "write an object a line instead of a stream"},
    {.name = "unknown-class", .argument = "WHAT", .kind = EMO_CHOICE, .value = &unknown_class,
     .choices = unknowns, .help = "an image whose class the model lacks", .recorded = true},
    {.name = "precision", .argument = "NAME", .kind = EMO_CHOICE, .value = &precision,
     .choices = precisions, .help = "fp32, or bf16: faster, rounded (fp32)", .recorded = true},
    {.name = "no-fold", .kind = EMO_FLAG, .value = &no_fold,
     .help = "compute linear layers one by one, none folded into another", .recorded = true},
    {.name = "backend", .argument = "NAME", .kind = EMO_CHOICE, .value = &backend,
     .choices = backends, .help = "what computes", .recorded = true},
    EMO_OPTIONS_PROGRESS(common),
    EMO_OPTIONS_NO_PG(common),
    EMO_OPTIONS_SANDBOX(common),
};
/* clang-format on */
#define OPTIONS (sizeof options / sizeof options[0])

static void details(struct emo_text *out)
{
    emo_net_build(out);
    emo_text_printf(out, "\n");
}

static const struct emo_program program = {
    .name = "emo-predict",
    .operands = "MODEL [file ...]",
    .purpose = "Scores the images of a stream with a model",
    .options = options,
    .count = OPTIONS,
    .common = &common,
    .details = details,
};

/* Where scores go: a stream, or text. */
struct sink {
    struct emo_head head;
    struct emo_writer *writer;
    struct emo_output *output;
    struct emo_text text;
};

static int sink_flush(struct sink *s, struct emo_error *err)
{
    if (s->writer != NULL)
        return emo_writer_flush(s->writer, err);
    return emo_output_text(s->output, &s->text, err);
}

/* The head of the scores: the images' provenance, the model's classes. */
static int sink_head(struct sink *s, const struct emo_head *images, const struct emo_model *m,
                     struct emo_error *err)
{
    int status = emo_head_copy(&s->head, images, err);
    s->head.kind = EMO_SCORES;
    if (status == EMO_OK)
        status = emo_head_set_classes(&s->head, (const char *const *)m->head.classes,
                                      m->head.class_count, err);
    return status == EMO_OK ? emo_provenance_add(&s->head, &program, NULL, err) : status;
}

static int sink_open(struct sink *s, struct emo_error *err)
{
    if (!tsv && !json)
        return emo_writer_create(&s->writer, common.output, &s->head, err);
    int status = emo_output_open(&s->output, common.output, false, err);
    if (status == EMO_OK && tsv)
        emo_score_tsv_header(&s->text, &s->head);
    return status;
}

static int sink_put(struct sink *s, const struct emo_record *score, struct emo_error *err)
{
    if (s->writer != NULL)
        return emo_writer_record(s->writer, score, err);
    if (tsv)
        emo_score_tsv(&s->text, &s->head, score);
    else
        emo_score_json(&s->text, &s->head, score);
    return s->text.failed || s->text.length > (64u << 10) ? sink_flush(s, err) : EMO_OK;
}

static int sink_close(struct sink *s, const struct emo_reader *reader, int status,
                      struct emo_error *err)
{
    if (s->writer != NULL)
        status = emo_writer_close(s->writer, reader, program.name, status, err);
    if (s->output != NULL && status == EMO_OK)
        status = sink_flush(s, err);
    status = emo_output_close(s->output, status, err);
    emo_text_free(&s->text);
    emo_head_free(&s->head);
    return status;
}

struct job {
    const struct emo_model *model;
    const struct emo_head *images;
    struct emo_net *net;
    int16_t *labels; /* in the model, by label in the stream; -1: the model lacks it */
    const uint8_t **payloads;
    float *probabilities;
    struct emo_record score;
    size_t classes;
    uint64_t total, unlabelled, unknown, seen, not_finite;
};

static int job_open(struct job *j, struct emo_error *err)
{
    size_t n = (size_t)batch, k = j->images->class_count;
    j->classes = j->model->head.class_count;
    j->labels = calloc(k + 1, sizeof *j->labels);
    j->payloads = calloc(n, sizeof *j->payloads);
    j->probabilities = calloc(n * j->classes, sizeof *j->probabilities);
    if (j->labels == NULL || j->payloads == NULL || j->probabilities == NULL)
        return emo_error_memory(err, n * j->classes * sizeof *j->probabilities, "a batch");
    for (size_t i = 0; i < k; i++)
        j->labels[i] = (int16_t)emo_head_class_index(&j->model->head, j->images->classes[i]);
    return EMO_OK;
}

static void job_close(struct job *j)
{
    emo_record_free(&j->score);
    free(j->labels);
    free(j->payloads);
    free(j->probabilities);
}

/* Does the model take this image? */
static int check(void *context, const struct emo_record *image, struct emo_error *err)
{
    const struct job *j = context;
    const struct emo_model *m = j->model;
    char where[EMO_WHERE_SIZE], dims[64], quoted[EMO_QUOTE_SIZE];
    emo_record_where(image, where, sizeof where);
    if (image->dtype != EMO_U8 || image->rank != 3 || image->order != EMO_HWC)
        return emo_error(err, EMO_INPUT, "%s: not an image (u8, height x width x channels)",
                         where);
    if (image->dim[0] != m->height || image->dim[1] != m->width || image->dim[2] != m->channels)
        return emo_error(err, EMO_INPUT, "%s: %s, but the model takes %ux%ux%u; resize with "
                         "emo-unzip -s %ux%u%s", where,
                         emo_record_dims(image, dims, sizeof dims), m->height, m->width,
                         m->channels, m->height, m->width, m->channels == 1 ? " --gray" : "");
    if (unknown_class == UNKNOWN_REFUSED && image->label >= 0 && j->labels[image->label] < 0)
        return emo_error(err, EMO_INPUT, "%s: the model has no class %s; --unknown-class none "
                         "scores such images without a label", where,
                         emo_quote(quoted, sizeof quoted, j->images->classes[image->label],
                                   strlen(j->images->classes[image->label])));
    return EMO_OK;
}

static int score_one(struct job *j, const struct emo_record *image, const float *row,
                     struct sink *sink, struct emo_error *err)
{
    int64_t origin;
    int16_t label = image->label < 0 ? -1 : j->labels[image->label];
    bool seen = emo_metadata_i64(&image->metadata, "origin", &origin) &&
                emo_model_saw(j->model, origin);
    bool finite = true;
    for (size_t k = 0; k < j->classes; k++)
        finite = finite && isfinite(row[k]);
    j->total++;
    j->unlabelled += image->label < 0;
    j->unknown += image->label >= 0 && label < 0;
    j->seen += seen;
    j->not_finite += !finite;
    int status = emo_score_record(&j->score, image, label, seen, row, j->classes, err);
    return status == EMO_OK ? sink_put(sink, &j->score, err) : status;
}

static int score_all(struct job *j, struct emo_ahead *ahead, struct sink *sink,
                     struct emo_error *err)
{
    struct emo_progress progress;
    size_t count = 1;
    int status = EMO_OK;
    emo_program_progress(&program, &progress, "images", j->images->records_expected);
    while (status == EMO_OK && count > 0) {
        const struct emo_record **images;
        /* Whoever waits for scores gets all there are before more images come. */
        if (emo_ahead_would_wait(ahead))
            status = sink_flush(sink, err);
        if (status == EMO_OK)
            status = emo_ahead_take(ahead, &images, &count, err);
        if (status != EMO_OK || count == 0)
            break;
        for (size_t i = 0; i < count; i++)
            j->payloads[i] = images[i]->payload;
        status = emo_net_predict(j->net, j->payloads, count, j->probabilities, err);
        for (size_t i = 0; status == EMO_OK && i < count; i++)
            status = score_one(j, images[i], j->probabilities + i * j->classes, sink, err);
        emo_progress_update(&progress, j->total, NULL);
    }
    emo_progress_end(&progress);
    return status;
}

static void warn_of_fit(const struct job *j)
{
    struct emo_text ours = {0}, theirs = {0};
    if (emo_head_key(j->images, "fit", &ours) && emo_head_key(&j->model->head, "fit", &theirs) &&
        strcmp(ours.bytes, theirs.bytes) != 0)
        emo_program_warn(&program, "the images were made with --fit %s, those that the model was "
                         "trained on with --fit %s", ours.bytes, theirs.bytes);
    emo_text_free(&ours);
    emo_text_free(&theirs);
}

static void tell(const struct job *j)
{
    if (j->not_finite > 0)
        emo_program_warn(&program, "%" PRIu64 " images have scores that are not numbers: the "
                         "model's training diverged", j->not_finite);
    emo_program_say(&program, "%" PRIu64 " images scored, %" PRIu64 " of them seen in training",
                    j->total, j->seen);
    if (j->unlabelled > 0)
        emo_program_say(&program, "%" PRIu64 " have no label", j->unlabelled);
    if (j->unknown > 0)
        emo_program_say(&program, "%" PRIu64 " are of a class that the model lacks and lost their "
                        "label", j->unknown);
}

static int run(const char *const *operands, size_t count, struct emo_error *err)
{
    struct emo_reader *reader = NULL;
    struct emo_model model = {0};
    struct emo_ahead *ahead = NULL;
    struct sink sink = {0};
    struct job j = {.model = &model};
    const struct emo_net_options o = {
        .backend = (enum emo_backend_choice)backend, .jobs = (unsigned)common.jobs,
        .batch = (unsigned)batch, .no_fold = no_fold, .precision = (enum emo_precision)precision,
    };
    if (count == 0)
        return emo_error(err, EMO_USAGE, "no MODEL named");
    if (tsv && json)
        return emo_error(err, EMO_USAGE, "--tsv and --json exclude each other");
    int status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox,
        .read = operands, .read_count = count, .write = {common.output}}, err);
    if (status == EMO_OK)
        status = emo_model_read(operands[0], &o, &model, &j.net, err);
    if (status == EMO_OK && emo_net_remark(j.net) != NULL)
        emo_program_say(&program, "%s", emo_net_remark(j.net));
    if (status == EMO_OK)
        status = emo_reader_open(&reader, operands + 1, count - 1, 1u << EMO_IMAGES, err);
    if (status == EMO_OK) {
        j.images = emo_reader_head(reader);
        warn_of_fit(&j);
        status = job_open(&j, err);
    }
    if (status == EMO_OK)
        status = sink_head(&sink, j.images, &model, err);
    if (status == EMO_OK)
        status = sink_open(&sink, err);
    if (status == EMO_OK)
        status = emo_ahead_open(&ahead, reader, (size_t)batch, check, &j, err);
    if (status == EMO_OK)
        status = score_all(&j, ahead, &sink, err);
    emo_ahead_close(ahead);
    status = sink_close(&sink, reader, status, err);
    if (status == EMO_OK)
        tell(&j);
    job_close(&j);
    emo_reader_close(reader);
    emo_net_close(j.net);
    emo_model_free(&model);
    return status;
}

int main(int argc, char **argv)
{
    size_t operands;
    common.jobs = emo_processors();
    int early = emo_program_begin(&program, argc, argv, &operands);
    if (early >= 0)
        return early;
    struct emo_error err = {0};
    int status = run((const char *const *)argv + 1, operands, &err);
    return emo_program_end(&program, status, &err);
}
