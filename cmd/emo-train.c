/* emo-train: trains a network on the images of a stream and writes the model. */
#include "base/file.h"
#include "base/interrupt.h"
#include "base/program.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "learn/remarks.h"
#include "learn/setup.h"
#include "learn/train.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct emo_common common;
static const char *net_name, *init_path, *history_path;
static int64_t batch = 32, epochs, steps, seed = 21;
static double learning_rate = 0.001;
static uint64_t memory = UINT64_C(512) << 20;
static bool no_shuffle, no_dropout, no_fold, summary, show_net, gray;
static int backend = EMO_BACKEND_BEST;
static struct emo_shape size = {400, 500};
static struct emo_strings classes;

static int keep; /* enum emo_keep */
static int64_t patience;

static const char *const keeps[] = {"last", "val_auc", "val_loss", NULL};
static int precision = EMO_PRECISION_FP32;
static const char *const precisions[] = {"fp32", "bf16", NULL};
static const char *const backends[] = {"best", "reference", "onednn", NULL};

/* clang-format off */
static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    {.letter = 'n', .name = "net", .argument = "NET", .kind = EMO_STRING, .value = &net_name,
     .help = "baseline, vgg, or a file of network text (baseline)", .recorded = true},
    {.letter = 'b', .name = "batch", .argument = "N", .kind = EMO_INT, .value = &batch, .low = 1,
     .high = 65536, .help = "images of one step (32)", .recorded = true},
    {.name = "lr", .argument = "X", .kind = EMO_REAL, .value = &learning_rate, .low = 0,
     .high = 1000, .help = "Adam's learning rate (0.001)", .recorded = true},
    {.letter = 'e', .name = "epochs", .argument = "N", .kind = EMO_INT, .value = &epochs, .low = 1,
     .high = 65535, .help = "times through the images (10, or what emo-augment made)",
     .recorded = true},
    {.name = "steps", .argument = "N", .kind = EMO_INT, .value = &steps, .low = 1, .high = 1e12,
     .help = "stop training after N steps in all", .recorded = true},
    {.name = "keep-best", .argument = "HOW", .kind = EMO_CHOICE, .value = &keep,
     .choices = keeps, .help = "which epoch's parameters become the model", .recorded = true},
    {.name = "patience", .argument = "N", .kind = EMO_INT, .value = &patience, .low = 1,
     .high = 65535, .help = "stop after N epochs that were no better", .recorded = true},
    {.name = "init", .argument = "MODEL", .kind = EMO_STRING, .value = &init_path,
     .help = "start from the parameters of MODEL"},
    {.name = "seed", .argument = "N", .kind = EMO_INT, .value = &seed, .low = 0, .high = 0x1p53,
     .help = "of the initial parameters, shuffle and dropout (21)"},
    {.name = "no-shuffle", .kind = EMO_FLAG, .value = &no_shuffle,
     .help = "keep the order of the stream in every epoch", .recorded = true},
    {.name = "no-dropout", .kind = EMO_FLAG, .value = &no_dropout,
     .help = "train without dropout", .recorded = true},
    {.name = "precision", .argument = "NAME", .kind = EMO_CHOICE, .value = &precision,
     .choices = precisions, .help = "fp32, or bf16: faster, rounded (fp32)", .recorded = true},
    {.name = "no-fold", .kind = EMO_FLAG, .value = &no_fold,
     .help = "compute linear layers one by one, none folded into another", .recorded = true},
    {.name = "history", .argument = "FILE", .kind = EMO_STRING, .value = &history_path,
     .help = "write a table of the epochs"},
    {.name = "memory", .argument = "SIZE", .kind = EMO_SIZE, .value = &memory,
     .help = "bytes of images kept in RAM, the rest in $TMPDIR (512M)"},
    {.name = "backend", .argument = "NAME", .kind = EMO_CHOICE, .value = &backend,
     .choices = backends, .help = "what computes", .recorded = true},
    EMO_OPTIONS_PROGRESS(common),
    EMO_OPTIONS_NO_PG(common),
    EMO_OPTIONS_SANDBOX(common),
    {.name = "summary", .kind = EMO_FLAG, .value = &summary,
     .help = "print layers, shapes and parameter counts; read no input"},
    {.name = "show-net", .kind = EMO_FLAG, .value = &show_net,
     .help = "print the network text; read no input"},
    {.letter = 's', .name = "size", .argument = "HxW", .kind = EMO_SHAPE, .value = &size,
     .help = "with --summary, --show-net: the images' size (400x500)"},
    {.name = "gray", .kind = EMO_FLAG, .value = &gray,
     .help = "with --summary, --show-net: images of one channel"},
    {.name = "class", .argument = "NAME", .kind = EMO_STRINGS, .value = &classes,
     .help = "with --summary, --show-net: a class, repeated (two)"},
};
/* clang-format on */
#define OPTIONS (sizeof options / sizeof options[0])

static void details(struct emo_text *out)
{
    emo_net_build(out);
    emo_text_printf(out, "\n");
}

static const struct emo_program program = {
    .name = "emo-train",
    .operands = "[file ...]",
    .purpose = "Trains a network on the images of a stream and writes the model",
    .options = options,
    .count = OPTIONS,
    .common = &common,
    .details = details,
};

static struct {
    struct emo_reader *reader;
    struct emo_feed *feed;
    struct emo_net *net;
    struct emo_training training;
} job;

/* Signals ------------------------------------------------------------------------------------- */

/* The outputs that a signal must not leave behind. */
static struct {
    struct emo_output *model, *history;
} outputs;

static void leave(int number)
{
    emo_output_discard(outputs.model);
    emo_output_discard(outputs.history);
    if (emo_program_shows_progress(&program))
        fputs("\r\033[K", stderr);
    emo_program_warn(&program, "stopped by signal %d; no model was written", number);
    _exit(128 + number);
}

/* Opens one of the outputs where a signal finds it. */
static int open_output(struct emo_output **slot, const char *path, bool binary,
                       struct emo_error *err)
{
    emo_interrupts_lock();
    int status = emo_output_open(slot, path, binary, err);
    if (status != EMO_OK)
        *slot = NULL;
    emo_interrupts_unlock();
    return status;
}

/* From here on a signal changes nothing. After input that was cut short one may be on its way: the
   same Ctrl-C ends upstream first, and is the truer reason. */
static void settle(int status)
{
    if (status == EMO_INPUT)
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    emo_interrupts_end();
}

/* What is said on the way ---------------------------------------------------------------------- */

static struct {
    struct emo_progress progress;
    bool shown;
    uint64_t before; /* images of earlier epochs */
    char label[64];
} teller;

static void tell_step(void *unused, uint64_t step, double loss, uint64_t images)
{
    (void)unused;
    if (common.verbose)
        emo_program_say(&program, "step %" PRIu64 " loss %.9g", step, loss);
    if (!teller.shown)
        return;
    if (!teller.progress.shown)
        emo_progress_begin(&teller.progress, true, teller.label, "images",
                           emo_feed_counts(job.feed).train);
    char note[48];
    snprintf(note, sizeof note, "loss %.4f", loss);
    emo_progress_update(&teller.progress, images - teller.before, note);
}

static void label_progress(unsigned epoch)
{
    snprintf(teller.label, sizeof teller.label, "emo-train: epoch %u", epoch);
}

static void tell_epoch(void *unused, const struct emo_epoch *e)
{
    struct emo_text line = {0};
    unsigned of = emo_feed_epochs(job.feed);
    (void)unused;
    emo_progress_end(&teller.progress);
    teller.before = job.training.history.images;
    label_progress(e->number + 1);
    emo_epoch_line(&line, e, of == UINT16_MAX ? 0 : of);
    if (job.training.best.epoch == e->number)
        emo_text_printf(&line, "  best");
    if (!line.failed)
        emo_program_say(&program, "%s", line.bytes);
    emo_text_free(&line);
}

/* Which epoch the model is of, where that is not plainly the last. */
static void tell_best(void)
{
    const struct emo_training *t = &job.training;
    if (keep != EMO_KEEP_LAST)
        emo_program_say(&program, "the model is that of epoch %u of %zu, by %s %.9g",
                        t->best.epoch, t->history.count, keeps[keep], t->best.value);
}

static void tell_remark(bool warning, const char *line)
{
    if (warning)
        emo_program_warn(&program, "%s", line);
    else
        emo_program_say(&program, "%s", line);
}

/* --summary and --show-net. */
static int describe_net(struct emo_error *err)
{
    struct emo_text out = {0};
    const struct emo_net_options o = {
        .height = size.height, .width = size.width, .channels = gray ? 1 : 3,
        .classes = classes.count > 0 ? classes.count : 2,
        .backend = (enum emo_backend_choice)backend, .jobs = 1, .batch = 1,
        .no_fold = no_fold, .precision = (enum emo_precision)precision,
    };
    const char *name = net_name != NULL ? net_name : "baseline";
    int status = EMO_OK;
    if (classes.count == 1)
        return emo_error(err, EMO_USAGE, "one --class; a network tells two or more apart");
    if (show_net)
        status = emo_setup_describe(name, &o, true, &out, err);
    if (status == EMO_OK && summary)
        status = emo_setup_describe(name, &o, false, &out, err);
    if (status == EMO_OK)
        fputs(out.bytes, stdout);
    emo_text_free(&out);
    return status;
}

/* What was learnt, written once nothing can fail any more but the writing. */
static int write_outputs(struct emo_error *err)
{
    const struct emo_training *t = &job.training;
    const uint32_t *shape = emo_feed_shape(job.feed);
    struct emo_intake_counts n = emo_feed_counts(job.feed);
    struct emo_setup_story story = {
        .input = emo_reader_head(job.reader), .shape = {shape[0], shape[1], shape[2]},
        .epochs = (unsigned)t->history.count, .steps = t->history.steps, .train = n.train,
        .valid = n.valid, .seed = (uint64_t)seed, .batch = (unsigned)batch,
        .learning_rate = learning_rate, .initialised = init_path != NULL,
        .keep = (enum emo_keep)keep, .best = &t->best,
    };
    struct emo_model model = {0};
    struct emo_text recorded = {0}, table = {0};
    int status = emo_setup_model(&model, &story, job.net, err);
    if (status == EMO_OK && !common.no_pg) {
        emo_options_recorded(options, OPTIONS, &recorded);
        status = emo_head_add_pg(&model.head, program.name, EMO_VERSION,
                                 recorded.bytes != NULL ? recorded.bytes : "", &story.seed, err);
    }
    model.origins = emo_feed_take_origins(job.feed, &model.origin_count);
    emo_history_tsv(&table, &t->history);
    if (status == EMO_OK && table.failed)
        status = emo_error_memory(err, table.length, "the history");
    if (status == EMO_OK) {
        status = emo_model_write(outputs.model, &model, job.net, err);
        outputs.model = NULL;
    }
    if (status == EMO_OK && outputs.history != NULL) {
        if (emo_write(emo_output_fd(outputs.history), table.bytes, table.length) != 0)
            status = emo_error_errno(err, "%s", emo_output_name(outputs.history));
        else {
            status = emo_output_commit(outputs.history, err);
            outputs.history = NULL;
        }
    }
    emo_text_free(&recorded);
    emo_text_free(&table);
    emo_model_free(&model);
    return status;
}

static int open_outputs(struct emo_error *err)
{
    int status = open_output(&outputs.model, common.output, true, err);
    if (status == EMO_OK && history_path != NULL)
        status = open_output(&outputs.history, history_path, false, err);
    return status;
}

static int train(struct emo_error *err)
{
    const struct emo_train_options o = {
        .batch = (unsigned)batch, .classes = emo_reader_head(job.reader)->class_count,
        .learning_rate = learning_rate, .steps = (uint64_t)steps, .keep = (enum emo_keep)keep,
        .patience = (unsigned)patience,
    };
    const struct emo_train_listener listener = {.step = tell_step, .epoch = tell_epoch};
    size_t valid;
    teller.shown = emo_program_shows_progress(&program);
    label_progress(1);
    int status = emo_feed_start(job.feed, err);
    if (status == EMO_OK) {
        emo_feed_valid(job.feed, &valid);
        if (valid == 0)
            emo_program_say(&program, "no validation images (emo-split sets some apart)");
        status = emo_train(job.feed, job.net, &o, &listener, &job.training, err);
        emo_progress_end(&teller.progress);
    }
    settle(status);
    if (status == EMO_OK) {
        emo_feed_remarks(job.feed, emo_reader_head(job.reader), tell_remark);
        tell_best();
        status = write_outputs(err);
    }
    return status;
}

/* The net for the images of the feed. */
static int open_net(const char *text, struct emo_error *err)
{
    const uint32_t *shape = emo_feed_shape(job.feed);
    const struct emo_head *head = emo_reader_head(job.reader);
    const struct emo_net_options o = {
        .text = text, .height = shape[0], .width = shape[1], .channels = shape[2],
        .classes = head->class_count, .backend = (enum emo_backend_choice)backend,
        .jobs = (unsigned)common.jobs, .batch = (unsigned)batch, .training = true,
        .no_dropout = no_dropout, .no_fold = no_fold,
        .precision = (enum emo_precision)precision, .seed = (uint64_t)seed,
    };
    int64_t *origins = NULL;
    size_t origin_count = 0;
    int status = emo_setup_net(&job.net, &o, head, init_path, &origins, &origin_count, err);
    status = emo_setup_blame(status, net_name, err);
    if (status == EMO_OK && emo_net_bf16_as_fp32(job.net))
        emo_program_say(&program, "this processor does not multiply bfloat16: rounded, and computed "
                        "as fp32, no faster");
    if (status == EMO_OK)
        status = emo_feed_also_trained(job.feed, origins, origin_count, err);
    free(origins);
    return status;
}

static int run(const char *const *paths, size_t count, struct emo_error *err)
{
    const struct emo_feed_options feeding = {
        .batch = (unsigned)batch, .epochs = (uint16_t)epochs, .endless = steps > 0,
        .shuffle = !no_shuffle, .seed = (uint64_t)seed, .memory = memory,
    };
    char *text = NULL;
    int status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox, .read = paths,
        .read_count = count, .also_read = {net_name, init_path},
        .write = {common.output, history_path}, .spools = true}, err);
    if (status == EMO_OK && (net_name != NULL || init_path == NULL))
        status = emo_setup_text(net_name != NULL ? net_name : "baseline", &text, err);
    if (status == EMO_OK)
        status = emo_interrupts_begin(&(struct emo_interrupts){.leave = leave}, err);
    if (status == EMO_OK)
        status = emo_reader_open(&job.reader, paths, count, 1u << EMO_IMAGES, err);
    if (status == EMO_OK)
        status = emo_feed_open(&job.feed, job.reader, &feeding, err);
    if (status == EMO_OK)
        status = open_net(text, err);
    if (status == EMO_OK)
        status = open_outputs(err);
    if (status == EMO_OK)
        status = train(err);
    else
        settle(status);
    emo_output_discard(outputs.model);
    emo_output_discard(outputs.history);
    emo_training_free(&job.training);
    emo_feed_close(job.feed);
    emo_net_close(job.net);
    emo_reader_close(job.reader);
    free(text);
    return status;
}

static int check_options(size_t operands, struct emo_error *err)
{
    static const char *const about[] = {"size", "gray", "class"};
    if (summary || show_net)
        return operands == 0 ? EMO_OK
                             : emo_error(err, EMO_USAGE, "--summary and --show-net read no input");
    for (size_t i = 0; i < sizeof about / sizeof about[0]; i++)
        if (emo_option_given(options, OPTIONS, about[i]))
            return emo_error(err, EMO_USAGE, "--%s goes with --summary or --show-net; training "
                             "takes sizes and classes from the stream", about[i]);
    /* To be patient is to wait for something better. */
    if (patience > 0 && !emo_option_given(options, OPTIONS, "keep-best"))
        keep = EMO_KEEP_VAL_LOSS;
    if (patience > 0 && keep == EMO_KEEP_LAST)
        return emo_error(err, EMO_USAGE, "--patience waits for a better epoch: --keep-best val_auc "
                         "or val_loss");
    if (learning_rate <= 0)
        return emo_error(err, EMO_USAGE, "--lr: must be more than 0");
    bool model_out = common.output == NULL || strcmp(common.output, "-") == 0;
    if (history_path != NULL && strcmp(history_path, "-") == 0 && model_out)
        return emo_error(err, EMO_USAGE, "the model and the history cannot both go to standard "
                         "output; give -o FILE");
    if (history_path != NULL && !model_out && strcmp(history_path, common.output) == 0)
        return emo_error(err, EMO_USAGE, "the model and the history are the same file");
    return EMO_OK;
}

int main(int argc, char **argv)
{
    size_t operands;
    common.jobs = emo_processors();
    int early = emo_program_begin(&program, argc, argv, &operands);
    if (early >= 0)
        return early;
    struct emo_error err = {0};
    int status = check_options(operands, &err);
    /* A path says nothing of what the network is; the model holds its text. */
    for (size_t i = 0; i < OPTIONS; i++)
        if (options[i].value == &net_name && net_name != NULL && emo_net_builtin(net_name) == NULL)
            options[i].recorded = false;
    if (status == EMO_OK && (summary || show_net))
        status = describe_net(&err);
    else if (status == EMO_OK)
        status = run((const char *const *)argv + 1, operands, &err);
    free(classes.at);
    return emo_program_end(&program, status, &err);
}
