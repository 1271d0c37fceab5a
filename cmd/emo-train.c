/* emo-train: trains a network on the images of a stream and writes the model. */
#include "base/file.h"
#include "base/interrupt.h"
#include "base/program.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "learn/checkpoint.h"
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

static const char *checkpoint_path;
static bool resume, next_epoch;
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
    {.name = "checkpoint", .argument = "FILE", .kind = EMO_STRING, .value = &checkpoint_path,
     .help = "keep in FILE, after each epoch, all that is needed to go on"},
    {.name = "resume", .kind = EMO_FLAG, .value = &resume,
     .help = "with --checkpoint: go on from FILE, if it is there"},
    {.name = "next-epoch", .kind = EMO_FLAG, .value = &next_epoch,
     .help = "with --checkpoint: print the epoch that FILE goes on with; read no input"},
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
    struct emo_checkpoint checkpoint;
    struct emo_feed_place place;
    bool resumed;            /* from a checkpoint that was there */
    bool underway;           /* what it learns can be kept: a signal waits for the batch */
    uint64_t saved;          /* steps that the checkpoint holds */
    struct emo_text recorded, backend; /* for the model */
    struct emo_text values[OPTIONS];   /* of options that were taken over */
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
    if (job.saved > 0)
        emo_program_warn(&program, "stopped by signal %d; %s goes on from step %" PRIu64, number,
                         checkpoint_path, job.saved);
    else
        emo_program_warn(&program, "stopped by signal %d; no model was written", number);
    _exit(128 + number);
}

/* The first signal: the training ends by itself, after the batch. */
static bool defer(void)
{
    if (job.underway)
        emo_feed_interrupt(job.feed);
    return job.underway;
}

static bool is_stopped(void)
{
    return emo_interrupted() != 0;
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

/* Checkpoints ---------------------------------------------------------------------------------- */

/* What a run that goes on must have as it was. The network is compared as text. */
static bool is_kept(const struct emo_option *o)
{
    return o->value != &net_name && (o->recorded || o->value == &seed || o->value == &init_path ||
                                     o->value == &common.no_pg);
}

/* From the checkpoint, if there is one to go on from: its options. */
static int take_over(struct emo_error *err)
{
    if (checkpoint_path == NULL || !resume || access(checkpoint_path, F_OK) != 0)
        return EMO_OK;
    int status = emo_checkpoint_open(&job.checkpoint, checkpoint_path, err);
    job.resumed = true;
    for (size_t i = 0; status == EMO_OK && i < OPTIONS; i++) {
        if (!is_kept(&options[i]))
            continue;
        if (!emo_checkpoint_option(&job.checkpoint, options[i].name, &job.values[i]))
            return emo_error(err, EMO_INPUT, "%s: it does not say its --%s", checkpoint_path,
                             options[i].name);
        status = emo_option_restore(&options[i], job.values[i].bytes, err);
        if (status != EMO_OK)
            return emo_error_prefix(err, "%s", checkpoint_path);
    }
    if (status == EMO_OK && !emo_head_key(&job.checkpoint.head, "recorded", &job.recorded))
        status = emo_error(err, EMO_INPUT, "%s: it does not say its options", checkpoint_path);
    return status;
}

static int begin_checkpoint(struct emo_error *err)
{
    struct emo_checkpoint *c = &job.checkpoint;
    struct emo_text value = {0};
    int status = emo_checkpoint_begin(c, job.feed, emo_reader_head(job.reader), job.net, err);
    if (status == EMO_OK)
        status = emo_head_set_key(&c->head, "recorded", job.recorded.bytes, err);
    for (size_t i = 0; status == EMO_OK && i < OPTIONS; i++) {
        if (!is_kept(&options[i]))
            continue;
        value.length = 0;
        emo_text_add(&value, "", 0);
        emo_option_value(&options[i], &value);
        status = value.failed ? emo_error_memory(err, value.length, "options")
                              : emo_checkpoint_set_option(c, options[i].name, value.bytes, err);
    }
    emo_text_free(&value);
    return status;
}

/* The training as the checkpoint has it, and its place in the input. */
static int restore(struct emo_error *err)
{
    struct emo_checkpoint *c = &job.checkpoint;
    struct emo_training *t = &job.training;
    bool same = true;
    int status = emo_checkpoint_check(c, job.feed, emo_reader_head(job.reader), job.net, &same, err);
    if (status == EMO_OK && !same)
        emo_program_warn(&program, "%s was computed by another backend than %s: the model will not "
                         "be that of one run", checkpoint_path, emo_net_backend(job.net));
    if (status == EMO_OK)
        status = emo_checkpoint_restore(c, job.net, t, err);
    if (status == EMO_OK)
        status = emo_feed_also_trained(job.feed, c->origins.at, c->origins.count, err);
    if (status != EMO_OK)
        return status;
    emo_program_say(&program, "%s: going on from step %" PRIu64 ", epoch %u", checkpoint_path,
                    t->history.steps, t->epoch);
    job.saved = t->history.steps;
    job.place = (struct emo_feed_place){.epoch = t->epoch, .images = t->images, .whole = t->whole,
                                        .trail = &t->trail, .train = c->train,
                                        .train_sum = c->train_sum};
    return emo_feed_resume(job.feed, &job.place, err);
}

static int save(void *unused, struct emo_error *err)
{
    struct emo_checkpoint *c = &job.checkpoint;
    const struct emo_training *t = &job.training;
    struct emo_intake_counts n = emo_feed_counts(job.feed);
    (void)unused;
    if (c->train == 0 && (t->epoch > 1 || t->whole)) {
        c->train = n.train;
        c->train_sum = n.train_sum;
    }
    emo_interrupts_lock();
    int status = emo_checkpoint_write(c, checkpoint_path, t, emo_feed_origins(job.feed), job.net,
                                      err);
    if (status == EMO_OK)
        job.saved = t->history.steps;
    emo_interrupts_unlock();
    return status;
}

/* Stopped by a signal, with what was learnt in the checkpoint, or failing to put it there. The
   threads may wait for ever. */
static void leave_stopped(int status, const struct emo_error *err)
{
    if (status == EMO_OK || status == EMO_INPUT)
        leave(emo_interrupted());
    emo_output_discard(outputs.model);
    emo_output_discard(outputs.history);
    emo_program_warn(&program, "%s", err->text);
    _exit(status);
}

/* --next-epoch. */
static int tell_next_epoch(struct emo_error *err)
{
    struct emo_checkpoint c = {0};
    unsigned epoch = 1;
    int status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox,
        .also_read = {checkpoint_path}}, err);
    if (status == EMO_OK && access(checkpoint_path, F_OK) == 0)
        status = emo_checkpoint_open(&c, checkpoint_path, err);
    if (status == EMO_OK && c.reader != NULL)
        status = emo_checkpoint_next_epoch(&c, &epoch, err);
    if (status == EMO_OK)
        printf("%u\n", epoch);
    emo_checkpoint_free(&c);
    return status;
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
        .keep = (enum emo_keep)keep, .best = &t->best, .backend = emo_net_backend(job.net),
    };
    struct emo_model model = {0};
    struct emo_text table = {0};
    if (job.resumed && emo_head_key(&job.checkpoint.head, "backend", &job.backend))
        story.backend = job.backend.bytes;
    int status = emo_setup_model(&model, &story, job.net, err);
    if (status == EMO_OK && !common.no_pg)
        status = emo_head_add_pg(&model.head, program.name, EMO_VERSION, job.recorded.bytes,
                                 &story.seed, err);
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
    emo_text_free(&table);
    emo_model_free(&model);
    return status;
}

static int open_outputs(struct emo_error *err)
{
    int status = open_output(&outputs.model, common.output, true, err);
    if (status == EMO_OK && history_path != NULL)
        status = open_output(&outputs.history, history_path, false, err);
    /* Where it cannot be written, that should be known before the first epoch is over. */
    if (status == EMO_OK && checkpoint_path != NULL) {
        struct emo_output *trial;
        status = emo_output_open(&trial, checkpoint_path, true, err);
        if (status == EMO_OK)
            emo_output_discard(trial);
    }
    return status;
}

static int train(struct emo_error *err)
{
    const struct emo_train_options o = {
        .batch = (unsigned)batch, .classes = emo_reader_head(job.reader)->class_count,
        .learning_rate = learning_rate, .steps = (uint64_t)steps, .keep = (enum emo_keep)keep,
        .patience = (unsigned)patience,
    };
    const struct emo_train_listener listener = {
        .step = tell_step, .epoch = tell_epoch,
        .stop = checkpoint_path != NULL ? is_stopped : NULL,
        .save = checkpoint_path != NULL ? save : NULL,
    };
    const struct emo_training *t = &job.training;
    bool within = t->history.count < t->epoch;
    size_t valid;
    teller.shown = emo_program_shows_progress(&program);
    teller.before = t->history.images - (within ? t->images : 0);
    label_progress((unsigned)t->history.count + 1);
    int status = emo_feed_start(job.feed, err);
    if (status == EMO_OK) {
        emo_feed_valid(job.feed, &valid);
        if (valid == 0)
            emo_program_say(&program, "no validation images (emo-split sets some apart)");
        emo_interrupts_lock();
        job.underway = checkpoint_path != NULL;
        emo_interrupts_unlock();
        status = emo_train(job.feed, job.net, &o, &listener, &job.training, err);
        emo_progress_end(&teller.progress);
    }
    settle(status);
    if (is_stopped())
        leave_stopped(status, err);
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
    const char *init = job.resumed ? NULL : init_path;
    int status = emo_setup_net(&job.net, &o, head, init, &origins, &origin_count, err);
    status = emo_setup_blame(status, net_name, err);
    if (status == EMO_OK && emo_net_bf16_as_fp32(job.net))
        emo_program_say(&program, "this processor does not multiply bfloat16: rounded, and computed "
                        "as fp32, no faster");
    if (status == EMO_OK)
        status = emo_feed_also_trained(job.feed, origins, origin_count, err);
    if (status == EMO_OK && job.resumed)
        status = restore(err);
    else if (status == EMO_OK && checkpoint_path != NULL)
        status = begin_checkpoint(err);
    free(origins);
    return status;
}

/* The network text: that of -n, or of what it goes on from. */
static int choose_text(char **text, struct emo_error *err)
{
    struct emo_text t = {0};
    *text = NULL;
    if (job.resumed && net_name == NULL) {
        (void)emo_head_net(&job.checkpoint.head, &t);
        *text = t.bytes;
        return t.bytes != NULL ? EMO_OK : emo_error(err, EMO_INPUT, "%s: it has no network",
                                                    checkpoint_path);
    }
    if (net_name != NULL || init_path == NULL)
        return emo_setup_text(net_name != NULL ? net_name : "baseline", text, err);
    return EMO_OK;
}

static int run(const char *const *paths, size_t count, struct emo_error *err)
{
    char *text = NULL;
    emo_options_recorded(options, OPTIONS, &job.recorded);
    emo_text_add(&job.recorded, "", 0);
    int status = job.recorded.failed ? emo_error_memory(err, 1, "options") : EMO_OK;
    if (status == EMO_OK)
        status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox, .read = paths,
            .read_count = count, .also_read = {net_name, init_path, checkpoint_path},
            .write = {common.output, history_path, checkpoint_path}, .spools = true}, err);
    if (status == EMO_OK)
        status = take_over(err);
    const struct emo_feed_options feeding = {
        .batch = (unsigned)batch, .epochs = (uint16_t)epochs, .endless = steps > 0,
        .shuffle = !no_shuffle, .seed = (uint64_t)seed, .memory = memory,
    };
    if (status == EMO_OK)
        status = choose_text(&text, err);
    if (status == EMO_OK)
        status = emo_interrupts_begin(&(struct emo_interrupts){.first = defer, .leave = leave},
                                      err);
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
    emo_checkpoint_free(&job.checkpoint);
    emo_text_free(&job.recorded);
    emo_text_free(&job.backend);
    for (size_t i = 0; i < OPTIONS; i++)
        emo_text_free(&job.values[i]);
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
    if (checkpoint_path == NULL && (resume || next_epoch))
        return emo_error(err, EMO_USAGE, "--%s goes with --checkpoint FILE",
                         resume ? "resume" : "next-epoch");
    if (checkpoint_path != NULL && !resume && !next_epoch && access(checkpoint_path, F_OK) == 0)
        return emo_error(err, EMO_USAGE, "%s is there already: --resume goes on from it; remove it "
                         "to begin anew", checkpoint_path);
    if (learning_rate <= 0)
        return emo_error(err, EMO_USAGE, "--lr: must be more than 0");
    bool model_out = common.output == NULL || strcmp(common.output, "-") == 0;
    if (history_path != NULL && strcmp(history_path, "-") == 0 && model_out)
        return emo_error(err, EMO_USAGE, "the model and the history cannot both go to standard "
                         "output; give -o FILE");
    if (history_path != NULL && !model_out && strcmp(history_path, common.output) == 0)
        return emo_error(err, EMO_USAGE, "the model and the history are the same file");
    if (checkpoint_path != NULL && ((!model_out && strcmp(checkpoint_path, common.output) == 0) ||
                                    (history_path != NULL &&
                                     strcmp(checkpoint_path, history_path) == 0)))
        return emo_error(err, EMO_USAGE, "the checkpoint and another output are the same file");
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
    else if (status == EMO_OK && next_epoch)
        status = tell_next_epoch(&err);
    else if (status == EMO_OK)
        status = run((const char *const *)argv + 1, operands, &err);
    free(classes.at);
    return emo_program_end(&program, status, &err);
}
