/* emo-train: trains a network on a stream of images and writes a model. */
#include "base/program.h"
#include "base/progress.h"
#include "learn/train.h"
#include "net/graph.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct emo_common common;
static const char *net_name = "baseline", *init, *history_path;
static int64_t batch = 32, epochs, steps, seed = 21;
static double learning_rate = .001;
static uint64_t memory = UINT64_C(1) << 30;
static bool no_shuffle, no_dropout, summary, show_net;
static struct emo_shape size = {400, 500};
static struct emo_strings classes;
static int backend;
static const char *const backends[] = {"best", "reference", "onednn", NULL};

static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_PROGRESS(common),
    EMO_OPTIONS_NO_PG(common),
    {.letter = 'n', .name = "net", .argument = "NET",
     .help = "baseline, vgg, or a file of network text (baseline)", .kind = EMO_STRING,
     .value = &net_name},
    {.letter = 'b', .name = "batch", .argument = "N", .help = "images in a batch (32)",
     .kind = EMO_INT, .value = &batch, .low = 1, .high = 65536, .recorded = true},
    {.name = "lr", .argument = "R", .help = "Adam's learning rate (0.001)", .kind = EMO_REAL,
     .value = &learning_rate, .low = 1e-12, .high = 1e3, .recorded = true},
    {.letter = 'e', .name = "epochs", .argument = "N",
     .help = "times to go through the images (10; an augmented stream says itself)",
     .kind = EMO_INT, .value = &epochs, .low = 1, .high = 65535, .recorded = true},
    {.name = "steps", .argument = "N", .help = "stop training after N batches", .kind = EMO_INT,
     .value = &steps, .low = 1, .high = 1e15, .recorded = true},
    {.name = "init", .argument = "MODEL", .help = "start from this model's parameters",
     .kind = EMO_STRING, .value = &init},
    {.name = "seed", .argument = "N", .help = "of initialisation, order and dropout (21)",
     .kind = EMO_INT, .value = &seed, .low = 0, .high = 9.2e18},
    {.name = "no-shuffle", .help = "images in the order they come", .kind = EMO_FLAG,
     .value = &no_shuffle, .recorded = true},
    {.name = "no-dropout", .help = "leave dropout out", .kind = EMO_FLAG, .value = &no_dropout,
     .recorded = true},
    {.name = "history", .argument = "FILE", .help = "write the epochs' figures there, as TSV",
     .kind = EMO_STRING, .value = &history_path},
    {.name = "memory", .argument = "SIZE", .help = "of images to keep in memory (1G)",
     .kind = EMO_SIZE, .value = &memory},
    {.name = "backend", .argument = "WHICH", .help = "best, reference or onednn (best)",
     .kind = EMO_CHOICE, .value = &backend, .choices = backends, .recorded = true},
    {.name = "summary", .help = "print layers, shapes and parameters, and stop", .kind = EMO_FLAG,
     .value = &summary},
    {.name = "show-net", .help = "print the network text, and stop", .kind = EMO_FLAG,
     .value = &show_net},
    {.letter = 's', .name = "size", .argument = "HxW", .help = "for --summary (400x500)",
     .kind = EMO_SHAPE, .value = &size},
    {.name = "class", .argument = "NAME", .help = "for --summary: one a class (two)",
     .kind = EMO_STRINGS, .value = &classes},
};
#define COUNT (sizeof options / sizeof *options)

static const struct emo_program program = {
    .name = "emo-train",
    .operands = "[file ...]",
    .purpose = "train a network on a stream of images",
    .options = options,
    .count = COUNT,
    .common = &common,
    .details = emo_net_build,
};

struct report {
    struct emo_text history;
    struct emo_progress progress;
};

static void real(struct emo_text *t, double v, char after)
{
    if (isfinite(v))
        emo_text_printf(t, "%.9g%c", v, after);
    else
        emo_text_printf(t, "NA%c", after);
}

static void on_epoch(void *context, const struct emo_epoch_result *r)
{
    struct report *report = context;
    struct emo_text *h = &report->history;
    char valid[160] = "";
    emo_text_printf(h, "%u\t", r->epoch);
    real(h, r->loss, '\t');
    real(h, r->accuracy, '\t');
    real(h, r->valid_loss, '\t');
    real(h, r->valid_accuracy, '\t');
    real(h, r->auc, '\t');
    real(h, r->seconds, '\t');
    real(h, r->rate, '\n');
    if (isfinite(r->valid_loss))
        snprintf(valid, sizeof valid, "  val_loss %.4f  val_acc %.4f  val_auc %.4f", r->valid_loss,
                 r->valid_accuracy, r->auc);
    emo_progress_end(&report->progress);
    emo_program_say(&program, "epoch %u/%u  loss %.4f  acc %.4f%s  %.1f s  %.1f images/s", r->epoch,
                    r->epochs, r->loss, r->accuracy, valid, r->seconds, r->rate);
}

static void on_step(void *context, uint64_t n, double loss, uint64_t images)
{
    struct report *report = context;
    char note[64];
    snprintf(note, sizeof note, "step %" PRIu64 "  loss %.4f", n, loss);
    emo_progress_update(&report->progress, images, note);
    if (common.verbose)
        emo_program_say(&program, "step %" PRIu64 " loss %.9g", n, loss);
}

/* The text of a built-in, or of a file; *text is to be freed. */
static int load_net(struct emo_text *text, struct emo_error *err)
{
    char block[4096];
    size_t n;
    const char *builtin = emo_net_builtin(net_name);
    if (builtin != NULL) {
        emo_text_printf(text, "%s", builtin);
        return EMO_OK;
    }
    FILE *f = fopen(net_name, "r");
    if (f == NULL)
        return emo_error_errno(err, "%s (a network is baseline, vgg or a file)", net_name);
    while ((n = fread(block, 1, sizeof block, f)) > 0 && text->length < 1u << 20)
        emo_text_add(text, block, n);
    bool failed = ferror(f);
    fclose(f);
    if (failed || text->bytes == NULL || strlen(text->bytes) != text->length || n > 0)
        return emo_error(err, EMO_USAGE, "%s: not network text", net_name);
    return EMO_OK;
}

static int print_about(const char *text, struct emo_error *err)
{
    struct emo_graph g;
    struct emo_text out = {0};
    int status = emo_graph_make(&g, text, size.height, size.width, 3,
                                classes.count > 0 ? classes.count : 2, err);
    if (status != EMO_OK)
        return status;
    if (show_net)
        emo_text_add(&out, g.text.bytes, g.text.length);
    else
        emo_graph_summary(&g, &out);
    if (out.failed)
        status = emo_error_memory(err, 4096, "the summary");
    else if (fwrite(out.bytes, 1, out.length, stdout) != out.length)
        status = emo_error_errno(err, "<stdout>");
    emo_text_free(&out);
    emo_graph_free(&g);
    return status;
}

/* What the model says of itself. */
static int fill_head(struct emo_head *to, const struct emo_reader *reader, const struct emo_model *m,
                     struct emo_net *net, struct emo_error *err)
{
    char input[48];
    struct emo_text recorded = {0};
    uint64_t drawn = (uint64_t)seed;
    int status = emo_head_copy(to, emo_reader_head(reader), err);
    if (status != EMO_OK)
        return status;
    to->kind = EMO_MODEL;
    to->may = 0;
    to->shard = 0;
    to->shards = 1;
    to->records_expected = EMO_UNKNOWN;
    emo_head_remove_key(to, "epochs");
    snprintf(input, sizeof input, "%" PRIu32 "x%" PRIu32 "x%" PRIu32, m->height, m->width,
             m->channels);
    status = emo_head_set_key(to, "input", input, err);
    if (status == EMO_OK)
        status = emo_head_set_key(to, "backend", emo_net_backend(net), err);
    if (status == EMO_OK)
        status = emo_head_set_net(to, emo_net_text(net), err);
    emo_options_recorded(options, COUNT, &recorded);
    if (status == EMO_OK && !common.no_pg)
        status = emo_head_add_pg(to, program.name, EMO_VERSION,
                                 recorded.bytes != NULL ? recorded.bytes : "", &drawn, err);
    emo_text_free(&recorded);
    return status;
}

static int write_history(struct emo_output *o, const struct emo_text *t, struct emo_error *err)
{
    if (t->failed || emo_write(emo_output_fd(o), t->bytes, t->length) != 0) {
        int status = emo_error_errno(err, "%s", emo_output_name(o));
        emo_output_discard(o);
        return status;
    }
    return emo_output_commit(o, err);
}

static int run(char **operands, size_t n, struct emo_error *err)
{
    struct emo_text text = {0};
    struct emo_reader *reader = NULL;
    struct emo_output *output = NULL, *history = NULL;
    struct emo_net *net = NULL;
    struct emo_model m = {0};
    struct emo_train_summary s;
    struct report report = {0};
    int status = load_net(&text, err);
    if (status != EMO_OK || summary || show_net) {
        if (status == EMO_OK)
            status = print_about(text.bytes, err);
        emo_text_free(&text);
        return status;
    }
    struct emo_train_options o = {
        .net = {.text = text.bytes, .backend = (enum emo_backend_choice)backend,
                .jobs = (unsigned)(common.jobs > 0 ? common.jobs : emo_processors()),
                .batch = (unsigned)batch, .no_dropout = no_dropout, .seed = (uint64_t)seed},
        .init = init, .learning_rate = learning_rate, .epochs = epochs, .steps = steps,
        .shuffle = !no_shuffle, .memory = memory, .on_epoch = on_epoch, .on_step = on_step,
        .context = &report,
    };
    status = emo_reader_open(&reader, (const char *const *)operands, n, 1u << EMO_IMAGES, err);
    if (status == EMO_OK)
        status = emo_output_open(&output, common.output, true, err);
    if (status == EMO_OK && history_path != NULL)
        status = emo_output_open(&history, history_path, false, err);
    emo_text_printf(&report.history, "epoch\tloss\tacc\tval_loss\tval_acc\tval_auc\tseconds\t"
                                     "images_per_second\n");
    emo_progress_begin(&report.progress, emo_program_shows_progress(&program), program.name,
                       "images", 0);
    if (status == EMO_OK)
        status = emo_train(reader, &o, &net, &m, &s, err);
    emo_progress_end(&report.progress);
    if (status == EMO_OK)
        status = fill_head(&m.head, reader, &m, net, err);
    if (status == EMO_OK) {
        status = emo_model_write(output, &m, net, err);
        output = NULL;
    }
    if (status == EMO_OK && history != NULL) {
        status = write_history(history, &report.history, err);
        history = NULL;
    }
    if (status == EMO_OK)
        emo_program_say(&program, "%" PRIu64 " train and %" PRIu64 " validation images, %" PRIu64
                        " steps; %" PRIu64 " of test, %" PRIu64 " unlabelled left out; %s%s",
                        s.train, s.valid, s.steps, s.test, s.unlabelled, emo_net_backend(net),
                        s.valid == 0 ? "; there was no validation (emo-split makes one)" : "");
    emo_output_discard(output);
    emo_output_discard(history);
    emo_net_close(net);
    emo_model_free(&m);
    emo_reader_close(reader);
    emo_text_free(&report.history);
    emo_text_free(&text);
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
    free(classes.at);
    return emo_program_end(&program, status, &err);
}
