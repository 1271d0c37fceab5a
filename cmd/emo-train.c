/* emo-train: trains a network on the images of a stream and writes the model. */
#include "base/interrupt.h"
#include "base/program.h"
#include "base/sandbox.h"
#include "learn/outputs.h"
#include "learn/resume.h"
#include "learn/setup.h"
#include "learn/teller.h"
#include "learn/train.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
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
    struct emo_resume resume;
    struct emo_teller teller;
    struct emo_outputs outputs;
    bool underway; /* what it learns can be kept: a signal waits for the batch */
} job;

static struct emo_outputs output_files(void)
{
    return (struct emo_outputs){.model_path = common.output, .history_path = history_path,
                                .checkpoint_path = checkpoint_path};
}

/* Signals ------------------------------------------------------------------------------------- */

/* On the thread that waits for signals. */
static void leave(int number)
{
    emo_outputs_discard(&job.outputs);
    if (emo_program_shows_progress(&program))
        fputs("\r\033[K", stderr);
    if (job.resume.saved > 0)
        emo_program_warn(&program, "stopped by signal %d; %s goes on from step %" PRIu64, number,
                         checkpoint_path, job.resume.saved);
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

/* From here on a signal changes nothing. After a pipe that was cut short one may be on its way: the
   same Ctrl-C ends upstream first, and is the truer reason. */
static void settle(int status)
{
    struct stat in;
    if (status == EMO_INPUT && fstat(STDIN_FILENO, &in) == 0 && !S_ISREG(in.st_mode))
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    emo_interrupts_end();
}

/* Stopped by a signal, with what was learnt in the checkpoint, or failing to put it there. The
   threads may wait for ever. */
static void leave_stopped(int status, const struct emo_error *err)
{
    if (status == EMO_OK || status == EMO_INPUT)
        leave(emo_interrupted());
    emo_outputs_discard(&job.outputs);
    emo_program_warn(&program, "%s", err->text);
    _exit(status);
}

/* For lib/learn ------------------------------------------------------------------------------- */

/* What a run that goes on must have as it was. The network is compared as text. */
static bool is_kept(const struct emo_option *o)
{
    return o->value != &net_name && (o->recorded || o->value == &seed || o->value == &init_path ||
                                     o->value == &common.no_pg);
}

static int save(void *unused, struct emo_error *err)
{
    (void)unused;
    return emo_resume_save(&job.resume, job.feed, &job.training, job.net, err);
}

static void say(bool warning, const char *line)
{
    if (warning)
        emo_program_warn(&program, "%s", line);
    else
        emo_program_say(&program, "%s", line);
}

/* Without input -------------------------------------------------------------------------------- */

/* --next-epoch. */
static int tell_next_epoch(struct emo_error *err)
{
    unsigned epoch;
    int status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox,
        .also_read = {checkpoint_path}}, err);
    if (status == EMO_OK)
        status = emo_resume_next_epoch(checkpoint_path, &epoch, err);
    if (status == EMO_OK)
        printf("%u\n", epoch);
    return status;
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
    const struct emo_setup_story story = {
        .input = emo_reader_head(job.reader), .shape = {shape[0], shape[1], shape[2]},
        .epochs = (unsigned)t->history.count, .steps = t->history.steps, .train = n.train,
        .valid = n.valid, .seed = (uint64_t)seed, .batch = (unsigned)batch,
        .learning_rate = learning_rate, .initialised = init_path != NULL,
        .keep = (enum emo_keep)keep, .best = &t->best,
        .backend = emo_resume_backend(&job.resume, job.net),
    };
    struct emo_model model = {0};
    int status = emo_setup_model(&model, &story, job.net, err);
    if (status == EMO_OK && !common.no_pg)
        status = emo_head_add_pg(&model.head, program.name, EMO_VERSION, job.resume.recorded.bytes,
                                 &story.seed, err);
    model.origins = emo_feed_take_origins(job.feed, &model.origin_count);
    if (status == EMO_OK)
        status = emo_outputs_write(&job.outputs, &model, job.net, &t->history, err);
    emo_model_free(&model);
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
        .context = &job.teller, .step = emo_teller_step, .epoch = emo_teller_epoch,
        .stop = checkpoint_path != NULL ? is_stopped : NULL,
        .save = checkpoint_path != NULL ? save : NULL,
    };
    size_t valid;
    job.teller = (struct emo_teller){.say = say, .feed = job.feed, .training = &job.training,
        .steps = common.verbose, .shown = emo_program_shows_progress(&program)};
    emo_teller_begin(&job.teller);
    int status = emo_feed_start(job.feed, err);
    if (status == EMO_OK) {
        emo_feed_valid(job.feed, &valid);
        if (valid == 0)
            emo_program_say(&program, "no validation images (emo-split sets some apart)");
        emo_interrupts_lock();
        job.underway = checkpoint_path != NULL;
        emo_interrupts_unlock();
        /* Meanwhile the first batch is read. */
        if (init_path == NULL && !job.resume.resumed)
            emo_net_initialise(job.net);
        status = emo_train(job.feed, job.net, &o, &listener, &job.training, err);
        emo_teller_end(&job.teller);
    }
    settle(status);
    if (is_stopped())
        leave_stopped(status, err);
    if (status == EMO_OK) {
        emo_feed_remarks(job.feed, emo_reader_head(job.reader), say);
        emo_teller_best(&job.teller, (enum emo_keep)keep);
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
    const char *init = job.resume.resumed ? NULL : init_path;
    int status = emo_setup_net(&job.net, &o, head, init, &origins, &origin_count, err);
    status = emo_setup_blame(status, net_name, err);
    if (status == EMO_OK && emo_net_remark(job.net) != NULL)
        emo_program_say(&program, "%s", emo_net_remark(job.net));
    if (status == EMO_OK)
        status = emo_feed_also_trained(job.feed, origins, origin_count, err);
    if (status == EMO_OK)
        status = emo_resume_begin(&job.resume, job.feed, head, job.net, &job.training, say, err);
    free(origins);
    return status;
}

/* The network text: that of -n, or of what it goes on from. */
static int choose_text(char **text, struct emo_error *err)
{
    *text = NULL;
    if (job.resume.resumed && net_name == NULL)
        return emo_resume_text(&job.resume, text, err);
    if (net_name != NULL || init_path == NULL)
        return emo_setup_text(net_name != NULL ? net_name : "baseline", text, err);
    return EMO_OK;
}

static int run(const char *const *paths, size_t count, struct emo_error *err)
{
    char *text = NULL;
    job.resume = (struct emo_resume){.path = checkpoint_path, .options = options, .count = OPTIONS,
                                     .is_kept = is_kept};
    job.outputs = output_files();
    int status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox, .read = paths,
        .read_count = count, .also_read = {net_name, init_path, checkpoint_path},
        .write = {common.output, history_path, checkpoint_path}, .spools = true}, err);
    if (status == EMO_OK)
        status = emo_resume_open(&job.resume, resume, err);
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
        status = emo_outputs_open(&job.outputs, err);
    if (status == EMO_OK)
        status = train(err);
    else
        settle(status);
    emo_outputs_discard(&job.outputs);
    emo_training_free(&job.training);
    emo_resume_free(&job.resume);
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
    const struct emo_outputs files = output_files();
    return emo_outputs_check(&files, err);
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
