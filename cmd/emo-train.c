/* emo-train: trains a network on the images of a stream and writes the model. */
#include "base/file.h"
#include "base/program.h"
#include "base/progress.h"
#include "learn/setup.h"
#include "learn/train.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
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
static bool no_shuffle, no_dropout, summary, show_net, gray;
static int backend = EMO_BACKEND_BEST;
static struct emo_shape size = {400, 500};
static struct emo_strings classes;

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
    {.name = "init", .argument = "MODEL", .kind = EMO_STRING, .value = &init_path,
     .help = "start from the parameters of MODEL"},
    {.name = "seed", .argument = "N", .kind = EMO_INT, .value = &seed, .low = 0, .high = 0x1p53,
     .help = "of the initial parameters, shuffle and dropout (21)"},
    {.name = "no-shuffle", .kind = EMO_FLAG, .value = &no_shuffle,
     .help = "keep the order of the stream in every epoch", .recorded = true},
    {.name = "no-dropout", .kind = EMO_FLAG, .value = &no_dropout,
     .help = "train without dropout", .recorded = true},
    {.name = "history", .argument = "FILE", .kind = EMO_STRING, .value = &history_path,
     .help = "write a table of the epochs"},
    {.name = "memory", .argument = "SIZE", .kind = EMO_SIZE, .value = &memory,
     .help = "bytes of images kept in RAM, the rest in $TMPDIR (512M)"},
    {.name = "backend", .argument = "NAME", .kind = EMO_CHOICE, .value = &backend,
     .choices = backends, .help = "what computes", .recorded = true},
    EMO_OPTIONS_PROGRESS(common),
    EMO_OPTIONS_NO_PG(common),
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

/* Signals ------------------------------------------------------------------------------------- */

/* The outputs that a signal must not leave behind. settled: training is done, a signal comes too
   late. */
static struct {
    pthread_mutex_t mutex;
    struct emo_output *model, *history;
    bool settled;
    sigset_t set;
} stop = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Waits for a signal and ends the program, wherever the other threads are: in a read that may
   never return, for example. */
static void *wait_for_signal(void *unused)
{
    int number;
    (void)unused;
    if (sigwait(&stop.set, &number) != 0)
        return NULL;
    pthread_mutex_lock(&stop.mutex);
    if (!stop.settled) {
        emo_output_discard(stop.model);
        emo_output_discard(stop.history);
        if (emo_program_shows_progress(&program))
            fputs("\r\033[K", stderr);
        emo_program_warn(&program, "stopped by signal %d; no model was written", number);
        _exit(128 + number);
    }
    pthread_mutex_unlock(&stop.mutex);
    return NULL;
}

/* A signal that is ignored on entry (nohup) stays ignored. Called before any other thread is. */
static int catch_signals(struct emo_error *err)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    pthread_t thread;
    sigemptyset(&stop.set);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction now;
        if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(&stop.set, numbers[i]);
    }
    pthread_sigmask(SIG_BLOCK, &stop.set, NULL);
    int failure = pthread_create(&thread, NULL, wait_for_signal, NULL);
    if (failure != 0)
        return emo_error(err, EMO_FAILED, "cannot start a thread: %s", strerror(failure));
    pthread_detach(thread);
    return EMO_OK;
}

/* Opens one of the outputs where a signal finds it. */
static int open_output(struct emo_output **slot, const char *path, bool binary,
                       struct emo_error *err)
{
    pthread_mutex_lock(&stop.mutex);
    int status = emo_output_open(slot, path, binary, err);
    if (status != EMO_OK)
        *slot = NULL;
    pthread_mutex_unlock(&stop.mutex);
    return status;
}

/* From here on a signal changes nothing. After input that was cut short one may be on its way: the
   same Ctrl-C ends upstream first, and is the truer reason. */
static void settle(int status)
{
    if (status == EMO_INPUT)
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    pthread_mutex_lock(&stop.mutex);
    stop.settled = true;
    pthread_mutex_unlock(&stop.mutex);
}

/* What is said on the way ---------------------------------------------------------------------- */

static struct {
    struct emo_progress progress;
    bool shown;
    struct emo_feed *feed;
    unsigned epochs;
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
                           emo_feed_counts(teller.feed).train);
    char note[48];
    snprintf(note, sizeof note, "loss %.4f", loss);
    emo_progress_update(&teller.progress, images - teller.before, note);
}

static void add_figure(struct emo_text *line, const char *name, const char *format, double x)
{
    emo_text_printf(line, "  %s ", name);
    if (isfinite(x))
        emo_text_printf(line, format, x);
    else
        emo_text_printf(line, "NA");
}

static void label_progress(unsigned epoch)
{
    snprintf(teller.label, sizeof teller.label, "emo-train: epoch %u", epoch);
}

static void tell_epoch(void *history, const struct emo_epoch *e)
{
    struct emo_text line = {0};
    emo_progress_end(&teller.progress);
    teller.before = ((struct emo_history *)history)->images;
    label_progress(e->number + 1);
    emo_text_printf(&line, "epoch %u", e->number);
    if (teller.epochs != UINT16_MAX)
        emo_text_printf(&line, "/%u", teller.epochs);
    add_figure(&line, "loss", "%.4f", e->loss);
    add_figure(&line, "acc", "%.4f", e->accuracy);
    add_figure(&line, "val_loss", "%.4f", e->valid_loss);
    add_figure(&line, "val_acc", "%.4f", e->valid_accuracy);
    add_figure(&line, "val_auc", "%.4f", e->valid_auc);
    emo_text_printf(&line, "  %.1f s  %.1f images/s", e->seconds, e->images_per_second);
    if (!line.failed)
        emo_program_say(&program, "%s", line.bytes);
    emo_text_free(&line);
}

/* What a user should know of the images before believing the figures. */
static void tell_images(struct emo_feed *feed, const struct emo_head *head)
{
    struct emo_intake_counts n = emo_feed_counts(feed);
    const uint64_t *of_class = emo_feed_classes(feed);
    char quoted[EMO_QUOTE_SIZE];
    emo_program_say(&program, "%" PRIu64 " images to train on, %" PRIu64 " to validate with",
                    n.train, n.valid);
    if (n.train_of_none > 0)
        emo_program_say(&program, "%" PRIu64 " of the training images have no split (emo-split "
                        "gives one)", n.train_of_none);
    if (n.test > 0)
        emo_program_say(&program, "%" PRIu64 " test images left out", n.test);
    if (n.unlabelled > 0)
        emo_program_say(&program, "%" PRIu64 " images without a label left out", n.unlabelled);
    for (size_t k = 0; k < head->class_count; k++)
        if (of_class[k] == 0)
            emo_program_warn(&program, "no training image is of the class %s",
                             emo_quote(quoted, sizeof quoted, head->classes[k],
                                       strlen(head->classes[k])));
    if (n.without_origin > 0)
        emo_program_warn(&program, "%" PRIu64 " training images have no origin: emo-predict will "
                         "not know them again", n.without_origin);
    if (emo_feed_valid_seen(feed) > 0)
        emo_program_warn(&program, "%" PRIu64 " validation images were trained on as well: the "
                         "validation figures flatter", emo_feed_valid_seen(feed));
}

/* A network text that is wrong: its file. */
static int blame_net(int status, struct emo_error *err)
{
    bool file = status == EMO_USAGE && net_name != NULL && emo_net_builtin(net_name) == NULL;
    return file ? emo_error_prefix(err, "%s", net_name) : status;
}

/* --summary and --show-net. */
static int describe_net(struct emo_error *err)
{
    char *text;
    struct emo_net *net = NULL;
    struct emo_text out = {0};
    if (classes.count == 1)
        return emo_error(err, EMO_USAGE, "one --class; a network tells two or more apart");
    int status = emo_setup_text(net_name != NULL ? net_name : "baseline", &text, err);
    if (status != EMO_OK)
        return status;
    struct emo_net_options o = {
        .text = text, .height = size.height, .width = size.width, .channels = gray ? 1 : 3,
        .classes = classes.count > 0 ? classes.count : 2,
        .backend = (enum emo_backend_choice)backend, .jobs = 1, .batch = 1,
    };
    status = blame_net(emo_net_open(&net, &o, err), err);
    if (status == EMO_OK && show_net)
        emo_text_printf(&out, "%s", emo_net_text(net));
    if (status == EMO_OK && summary)
        emo_net_summary(net, &out);
    if (out.failed)
        status = emo_error_memory(err, out.length, "a summary");
    if (status == EMO_OK)
        fputs(out.bytes, stdout);
    emo_text_free(&out);
    emo_net_close(net);
    free(text);
    return status;
}

/* What was learnt, written once nothing can fail any more but the writing. */
static int write_outputs(struct emo_feed *feed, struct emo_net *net,
                         const struct emo_head *input, const struct emo_history *history,
                         struct emo_error *err)
{
    const uint32_t *shape = emo_feed_shape(feed);
    struct emo_intake_counts n = emo_feed_counts(feed);
    struct emo_setup_story story = {
        .input = input, .shape = {shape[0], shape[1], shape[2]},
        .epochs = (unsigned)history->count, .steps = history->steps, .train = n.train,
        .valid = n.valid, .seed = (uint64_t)seed, .batch = (unsigned)batch,
        .learning_rate = learning_rate, .initialised = init_path != NULL,
    };
    struct emo_model model = {0};
    struct emo_text recorded = {0}, table = {0};
    int status = emo_setup_model(&model, &story, net, err);
    if (status == EMO_OK && !common.no_pg) {
        emo_options_recorded(options, OPTIONS, &recorded);
        status = emo_head_add_pg(&model.head, program.name, EMO_VERSION,
                                 recorded.bytes != NULL ? recorded.bytes : "", &story.seed, err);
    }
    model.origins = emo_feed_take_origins(feed, &model.origin_count);
    emo_history_tsv(&table, history);
    if (status == EMO_OK && table.failed)
        status = emo_error_memory(err, table.length, "the history");
    if (status == EMO_OK) {
        status = emo_model_write(stop.model, &model, net, err);
        stop.model = NULL;
    }
    if (status == EMO_OK && stop.history != NULL) {
        if (emo_write(emo_output_fd(stop.history), table.bytes, table.length) != 0)
            status = emo_error_errno(err, "%s", emo_output_name(stop.history));
        else {
            status = emo_output_commit(stop.history, err);
            stop.history = NULL;
        }
    }
    emo_text_free(&recorded);
    emo_text_free(&table);
    emo_model_free(&model);
    return status;
}

static int open_outputs(struct emo_error *err)
{
    int status = open_output(&stop.model, common.output, true, err);
    if (status == EMO_OK && history_path != NULL)
        status = open_output(&stop.history, history_path, false, err);
    return status;
}

static int train(struct emo_reader *reader, struct emo_feed *feed, struct emo_net *net,
                 struct emo_error *err)
{
    struct emo_history history = {0};
    size_t valid;
    const struct emo_train_options o = {
        .batch = (unsigned)batch, .classes = emo_reader_head(reader)->class_count,
        .learning_rate = learning_rate, .steps = (uint64_t)steps,
    };
    const struct emo_train_listener listener = {
        .context = &history, .step = tell_step, .epoch = tell_epoch,
    };
    teller.feed = feed;
    teller.epochs = emo_feed_epochs(feed);
    teller.shown = emo_program_shows_progress(&program);
    label_progress(1);
    int status = emo_feed_start(feed, err);
    if (status == EMO_OK) {
        emo_feed_valid(feed, &valid);
        if (valid == 0)
            emo_program_say(&program, "no validation images (emo-split sets some apart)");
        status = emo_train(feed, net, &o, &listener, &history, err);
        emo_progress_end(&teller.progress);
    }
    settle(status);
    if (status == EMO_OK) {
        tell_images(feed, emo_reader_head(reader));
        status = write_outputs(feed, net, emo_reader_head(reader), &history, err);
    }
    free(history.at);
    return status;
}

static int run(const char *const *paths, size_t count, struct emo_error *err)
{
    struct emo_reader *reader = NULL;
    struct emo_feed *feed = NULL;
    struct emo_net *net = NULL;
    char *text = NULL;
    int64_t *origins = NULL;
    size_t origin_count = 0;
    const struct emo_feed_options feeding = {
        .batch = (unsigned)batch, .epochs = (uint16_t)epochs, .endless = steps > 0,
        .shuffle = !no_shuffle, .seed = (uint64_t)seed, .memory = memory,
    };
    int status = EMO_OK;
    if (net_name != NULL || init_path == NULL)
        status = emo_setup_text(net_name != NULL ? net_name : "baseline", &text, err);
    if (status == EMO_OK)
        status = catch_signals(err);
    if (status == EMO_OK)
        status = emo_reader_open(&reader, paths, count, 1u << EMO_IMAGES, err);
    if (status == EMO_OK)
        status = emo_feed_open(&feed, reader, &feeding, err);
    if (status == EMO_OK) {
        const uint32_t *shape = emo_feed_shape(feed);
        const struct emo_head *head = emo_reader_head(reader);
        const struct emo_net_options o = {
            .text = text, .height = shape[0], .width = shape[1], .channels = shape[2],
            .classes = head->class_count, .backend = (enum emo_backend_choice)backend,
            .jobs = (unsigned)common.jobs, .batch = (unsigned)batch, .training = true,
            .no_dropout = no_dropout, .seed = (uint64_t)seed,
        };
        status = blame_net(emo_setup_net(&net, &o, head, init_path, &origins, &origin_count, err),
                           err);
    }
    if (status == EMO_OK)
        status = emo_feed_also_trained(feed, origins, origin_count, err);
    if (status == EMO_OK)
        status = open_outputs(err);
    if (status == EMO_OK)
        status = train(reader, feed, net, err);
    else
        settle(status);
    emo_output_discard(stop.model);
    emo_output_discard(stop.history);
    emo_feed_close(feed);
    emo_net_close(net);
    emo_reader_close(reader);
    free(origins);
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
