/* emo-predict: scores images with a model. */
#include "base/program.h"
#include "net/model.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct emo_common common;
static int64_t batch = 32;
static bool tsv, json;
static int unknown, backend;
static const char *const unknowns[] = {"refuse", "none", NULL};
static const char *const backends[] = {"best", "reference", "onednn", NULL};

static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_NO_PG(common),
    {.letter = 'b', .name = "batch", .argument = "N", .help = "images computed together (32)",
     .kind = EMO_INT, .value = &batch, .low = 1, .high = 65536},
    {.name = "tsv", .help = "print a table instead of a stream", .kind = EMO_FLAG, .value = &tsv},
    {.name = "json", .help = "print one object a line instead of a stream", .kind = EMO_FLAG,
     .value = &json},
    {.name = "unknown-class", .argument = "WHAT",
     .help = "a class the model lacks: refuse, or none to take it as unlabelled (refuse)",
     .kind = EMO_CHOICE, .value = &unknown, .choices = unknowns, .recorded = true},
    {.name = "backend", .argument = "WHICH", .help = "best, reference or onednn (best)",
     .kind = EMO_CHOICE, .value = &backend, .choices = backends, .recorded = true},
};
#define COUNT (sizeof options / sizeof *options)

static const struct emo_program program = {
    .name = "emo-predict",
    .operands = "MODEL [file ...]",
    .purpose = "score images with a model",
    .options = options,
    .count = COUNT,
    .common = &common,
    .details = emo_net_build,
};

struct job {
    struct emo_model m;
    struct emo_net *net;
    struct emo_reader *reader;
    struct emo_writer *writer; /* or */
    struct emo_output *text;
    int16_t *label; /* of each of the stream's classes, in the model's; -1: it lacks it */
    size_t image, filled;
    uint8_t *pixels;
    const uint8_t **images;
    struct emo_record *records;
    float *scores;
    uint64_t count, seen, unlabelled, not_finite;
};

static int check(const struct job *j, const struct emo_record *r, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE], dims[48], quoted[EMO_QUOTE_SIZE];
    uint32_t want[4] = {j->m.height, j->m.width, j->m.channels, 0};
    emo_record_where(r, where, sizeof where);
    if (r->dtype != EMO_U8 || r->rank != 3 || r->order != EMO_HWC)
        return emo_error(err, EMO_INPUT, "%s: not an image of 8-bit pixels", where);
    if (memcmp(want, r->dim, sizeof want) != 0)
        return emo_error(err, EMO_INPUT, "%s: %s, but the model takes %" PRIu32 "x%" PRIu32 "x%"
                         PRIu32 "; resize with emo-unzip -s %" PRIu32 "x%" PRIu32 "%s", where,
                         emo_record_dims(r, dims, sizeof dims), want[0], want[1], want[2], want[0],
                         want[1], want[2] == 1 ? " --gray" : "");
    if (r->label >= 0 && j->label[r->label] < 0 && unknown == 0) {
        const char *name = emo_reader_head(j->reader)->classes[r->label];
        return emo_error(err, EMO_INPUT, "%s: the model has no class %s; --unknown-class none "
                         "takes such images as unlabelled", where,
                         emo_quote(quoted, sizeof quoted, name, strlen(name)));
    }
    return EMO_OK;
}

static size_t predicted(const struct job *j, const float *p)
{
    size_t k = j->m.head.class_count, best = 0;
    if (k == 2)
        return p[1] >= .5f;
    for (size_t i = 1; i < k; i++)
        best = p[i] > p[best] ? i : best;
    return best;
}

static void text_row(const struct job *j, const struct emo_record *r, const float *p, bool seen,
                     struct emo_text *out)
{
    size_t k = j->m.head.class_count, best = predicted(j, p), n;
    char *const *classes = j->m.head.classes;
    const char *name = emo_record_name(r, &n), *label = r->label < 0 ? NULL : classes[r->label];
    double score = (double)p[k == 2 ? 1 : best];
    if (tsv) {
        emo_text_printf(out, "%" PRIu64 "\t", r->id);
        emo_text_escaped(out, name, n);
        emo_text_printf(out, "\t%s\t", emo_split_name(r->split));
        emo_text_escaped(out, label != NULL ? label : "NA", strlen(label != NULL ? label : "NA"));
        emo_text_add(out, "\t", 1);
        emo_text_escaped(out, classes[best], strlen(classes[best]));
        emo_text_printf(out, "\t%.9g\t%d", score, seen);
        for (size_t i = 0; i < k; i++)
            emo_text_printf(out, "\t%.9g", (double)p[i]);
        emo_text_add(out, "\n", 1);
        return;
    }
    emo_text_printf(out, "{\"id\":%" PRIu64 ",\"name\":", r->id);
    emo_text_json(out, name, n);
    emo_text_printf(out, ",\"split\":\"%s\",\"label\":", emo_split_name(r->split));
    if (label != NULL)
        emo_text_json(out, label, strlen(label));
    else
        emo_text_add(out, "null", 4);
    emo_text_add(out, ",\"predicted\":", 13);
    emo_text_json(out, classes[best], strlen(classes[best]));
    emo_text_add(out, ",\"score\":", 9);
    emo_text_json_number(out, score);
    emo_text_printf(out, ",\"seen\":%s,\"p\":{", seen ? "true" : "false");
    for (size_t i = 0; i < k; i++) {
        emo_text_add(out, ",", i > 0);
        emo_text_json(out, classes[i], strlen(classes[i]));
        emo_text_add(out, ":", 1);
        emo_text_json_number(out, (double)p[i]);
    }
    emo_text_add(out, "}}\n", 3);
}

static int write_text(struct job *j, struct emo_text *t, struct emo_error *err)
{
    int status = EMO_OK;
    if (t->failed)
        status = emo_error_memory(err, t->length, "the table");
    else if (emo_write(emo_output_fd(j->text), t->bytes, t->length) != 0)
        status = emo_error_errno(err, "%s", emo_output_name(j->text));
    emo_text_free(t);
    return status;
}

/* Scores what is gathered and writes it. */
static int flush(struct job *j, struct emo_error *err)
{
    struct emo_text text = {0};
    size_t k = j->m.head.class_count;
    if (j->filled == 0)
        return EMO_OK;
    int status = emo_net_predict(j->net, j->images, j->filled, j->scores, err);
    for (size_t i = 0; status == EMO_OK && i < j->filled; i++) {
        struct emo_record *r = &j->records[i];
        const float *p = j->scores + i * k;
        int64_t origin;
        bool seen = emo_metadata_i64(&r->metadata, "origin", &origin) &&
                    emo_model_saw(&j->m, origin);
        r->label = r->label < 0 ? r->label : j->label[r->label];
        j->seen += seen;
        j->unlabelled += r->label < 0;
        j->not_finite += isfinite(p[0]) ? 0u : 1u;
        if (j->writer == NULL) {
            text_row(j, r, p, seen, &text);
            continue;
        }
        emo_metadata_payload_changed(&r->metadata);
        emo_record_shape(r, EMO_F32, EMO_ORDER_NONE, 1, (uint32_t[]){(uint32_t)k});
        r->payload = p;
        emo_metadata_set_i64(&r->metadata, "seen", seen);
        status = emo_writer_record(j->writer, r, err);
    }
    j->count += j->filled;
    j->filled = 0;
    if (status == EMO_OK && j->writer == NULL)
        return write_text(j, &text, err);
    emo_text_free(&text);
    return status == EMO_OK ? emo_writer_flush(j->writer, err) : status;
}

static int score_all(struct job *j, struct emo_error *err)
{
    bool got = true;
    int status = EMO_OK;
    while (status == EMO_OK) {
        struct emo_record *r = &j->records[j->filled];
        if (emo_reader_would_block(j->reader))
            status = flush(j, err);
        r = &j->records[j->filled];
        if (status == EMO_OK)
            status = emo_reader_header(j->reader, r, &got, err);
        if (status != EMO_OK || !got)
            break;
        status = check(j, r, err);
        if (status == EMO_OK)
            status = emo_reader_payload(j->reader, r, j->pixels + j->filled * j->image, err);
        if (status == EMO_OK && ++j->filled == (size_t)batch)
            status = flush(j, err);
    }
    return status == EMO_OK ? flush(j, err) : status;
}

/* Labels map by name, never by number. */
static int map_labels(struct job *j, struct emo_error *err)
{
    const struct emo_head *h = emo_reader_head(j->reader);
    struct emo_text a = {0}, b = {0};
    j->label = calloc(h->class_count + 1, sizeof *j->label);
    if (j->label == NULL)
        return emo_error_memory(err, h->class_count * sizeof *j->label, "classes");
    for (size_t i = 0; i < h->class_count; i++)
        j->label[i] = (int16_t)emo_head_class_index(&j->m.head, h->classes[i]);
    if (emo_head_key(h, "fit", &a) && emo_head_key(&j->m.head, "fit", &b) &&
        strcmp(a.bytes, b.bytes) != 0)
        emo_program_warn(&program, "these images were fitted by \"%s\", the model's by \"%s\"",
                         a.bytes, b.bytes);
    emo_text_free(&a);
    emo_text_free(&b);
    return EMO_OK;
}

static int open_output(struct job *j, struct emo_error *err)
{
    struct emo_head head;
    struct emo_text recorded = {0}, first = {0};
    if (tsv || json) {
        int status = emo_output_open(&j->text, common.output, false, err);
        if (status != EMO_OK || json)
            return status;
        emo_text_printf(&first, "id\tname\tsplit\tlabel\tpredicted\tscore\tseen");
        for (size_t i = 0; i < j->m.head.class_count; i++) {
            emo_text_add(&first, "\tp:", 3);
            emo_text_escaped(&first, j->m.head.classes[i], strlen(j->m.head.classes[i]));
        }
        emo_text_add(&first, "\n", 1);
        return write_text(j, &first, err);
    }
    int status = emo_head_copy(&head, emo_reader_head(j->reader), err);
    if (status != EMO_OK)
        return status;
    head.kind = EMO_SCORES;
    status = emo_head_set_classes(&head, (const char *const *)j->m.head.classes,
                                  j->m.head.class_count, err);
    emo_options_recorded(options, COUNT, &recorded);
    if (status == EMO_OK && !common.no_pg)
        status = emo_head_add_pg(&head, program.name, EMO_VERSION,
                                 recorded.bytes != NULL ? recorded.bytes : "", NULL, err);
    if (status == EMO_OK)
        status = emo_writer_create(&j->writer, common.output, &head, err);
    emo_text_free(&recorded);
    emo_head_free(&head);
    return status;
}

static int close_output(struct job *j, int status, struct emo_error *err)
{
    if (j->text == NULL)
        return emo_writer_close(j->writer, j->reader, program.name, status, err);
    if (status == EMO_OK)
        return emo_output_commit(j->text, err);
    emo_output_discard(j->text);
    return status;
}

static int make_room(struct job *j, struct emo_error *err)
{
    size_t n = (size_t)batch;
    j->image = (size_t)j->m.height * j->m.width * j->m.channels;
    j->pixels = malloc(n * j->image);
    j->images = calloc(n, sizeof *j->images);
    j->records = calloc(n, sizeof *j->records);
    j->scores = calloc(n * j->m.head.class_count, sizeof *j->scores);
    if (j->pixels == NULL || j->images == NULL || j->records == NULL || j->scores == NULL)
        return emo_error_memory(err, n * j->image, "a batch");
    for (size_t i = 0; i < n; i++)
        j->images[i] = j->pixels + i * j->image;
    return EMO_OK;
}

static int run(char **operands, size_t n, struct emo_error *err)
{
    struct job j = {0};
    struct emo_net_options o = {
        .backend = (enum emo_backend_choice)backend, .batch = (unsigned)batch,
        .jobs = (unsigned)(common.jobs > 0 ? common.jobs : emo_processors()),
    };
    if (n == 0)
        return emo_error(err, EMO_USAGE, "the model is missing");
    if (tsv && json)
        return emo_error(err, EMO_USAGE, "--tsv or --json, not both");
    int status = emo_model_read(operands[0], &o, &j.m, &j.net, err);
    if (status == EMO_OK)
        status = emo_reader_open(&j.reader, (const char *const *)operands + 1, n - 1,
                                 1u << EMO_IMAGES, err);
    if (status == EMO_OK)
        status = map_labels(&j, err);
    if (status == EMO_OK)
        status = make_room(&j, err);
    if (status == EMO_OK)
        status = open_output(&j, err);
    if (status == EMO_OK)
        status = score_all(&j, err);
    status = close_output(&j, status, err);
    if (status == EMO_OK)
        emo_program_say(&program, "%" PRIu64 " images, %" PRIu64 " of them seen in training, %"
                        PRIu64 " unlabelled; %s", j.count, j.seen, j.unlabelled,
                        emo_net_backend(j.net));
    if (status == EMO_OK && j.not_finite > 0)
        emo_program_warn(&program, "%" PRIu64 " scores are not finite: the model is damaged by its "
                         "training", j.not_finite);
    for (size_t i = 0; j.records != NULL && i < (size_t)batch; i++)
        emo_record_free(&j.records[i]);
    free(j.records);
    free(j.scores);
    free(j.images);
    free(j.pixels);
    free(j.label);
    emo_reader_close(j.reader);
    emo_net_close(j.net);
    emo_model_free(&j.m);
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
