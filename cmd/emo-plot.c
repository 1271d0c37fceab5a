/* emo-plot: pictures of histories and scores, drawn by gnuplot. */
#include "base/child.h"
#include "base/file.h"
#include "base/program.h"
#include "base/sandbox.h"
#include "metrics/plot.h"
#include "stream/frame.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CAP_PICTURE ((size_t)1 << 28)

static struct emo_common common;
static double threshold = 0.5;
static unsigned only;
static int format;
static const char *positive, *title;

static const char *const kinds[] = {"history", "confusion", "roc", "pr", "scores", "calibration"};
#define KINDS (sizeof kinds / sizeof kinds[0])
/* The first three as enum emo_plot_format. */
enum { PROGRAM = EMO_PLOT_PDF + 1 };
static const char *const formats[] = {"svg", "png", "pdf", "gnuplot", NULL};

static struct emo_option options[] = {
    {.letter = 't', .name = "to", .argument = "FMT", .kind = EMO_CHOICE, .value = &format,
     .choices = formats, .help = "svg, png, pdf, or gnuplot: the program itself (as the output "
     "file's name ends, else svg)"},
    {.name = "title", .argument = "TEXT", .kind = EMO_STRING, .value = &title,
     .help = "write TEXT above the picture"},
    {.name = "only", .argument = "SPLIT,...", .kind = EMO_SPLITS, .value = &only,
     .help = "these splits only (the images that the model was not trained on)"},
    {.name = "positive", .argument = "CLASS", .kind = EMO_STRING, .value = &positive,
     .help = "of two classes: which is positive (the last in byte order)"},
    {.name = "threshold", .argument = "P", .kind = EMO_REAL, .value = &threshold, .low = -1e300,
     .high = 1e300, .help = "of two classes: predict the positive one from this score up (0.5)"},
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_SANDBOX(common),
    EMO_OPTIONS_HELP(common),
};
#define OPTION_COUNT (sizeof options / sizeof options[0])

static const struct emo_program program = {
    .name = "emo-plot",
    .operands = "history|confusion|roc|pr|scores|calibration [file ...]",
    .purpose = "Draw histories and scores, through gnuplot",
    .options = options,
    .count = OPTION_COUNT,
    .common = &common,
};

/* One input file of scores and what is drawn of it. */
struct input {
    struct emo_scores scores;
    struct emo_groups groups;
};

static int find_kind(const char *name, enum emo_plot_kind *kind, struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE];
    for (size_t i = 0; name != NULL && i < KINDS; i++)
        if (strcmp(name, kinds[i]) == 0) {
            *kind = (enum emo_plot_kind)i;
            return EMO_OK;
        }
    if (name == NULL)
        return emo_error(err, EMO_USAGE, "say what to draw: history, confusion, roc, pr, scores or "
                         "calibration");
    return emo_error(err, EMO_USAGE, "%s is none of history, confusion, roc, pr, scores and "
                     "calibration", emo_quote(quoted, sizeof quoted, name, strlen(name)));
}

/* Without -t, what the output file's name ends with; standard output gets SVG. */
static int find_format(struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE];
    const char *path = common.output;
    if (emo_option_given(options, OPTION_COUNT, "to") || path == NULL || strcmp(path, "-") == 0)
        return EMO_OK;
    const char *dot = strrchr(path, '.');
    for (int i = 0; dot != NULL && formats[i] != NULL; i++)
        if (strcasecmp(dot + 1, formats[i]) == 0) {
            format = i;
            return EMO_OK;
        }
    return emo_error(err, EMO_USAGE, "%s ends in none of .svg, .png, .pdf and .gnuplot; say which "
                     "it shall be with -t", emo_quote(quoted, sizeof quoted, path, strlen(path)));
}

/* The name of file i in the legend: none where there is one file only. */
static const char *legend(const char *const *paths, size_t count, size_t i)
{
    if (count < 2)
        return NULL;
    return strcmp(paths[i], "-") == 0 ? "<stdin>" : paths[i];
}

static int draw_history(struct emo_text *out, const char *const *paths, size_t count,
                        struct emo_error *err)
{
    int status = EMO_OK;
    struct emo_plot_run *runs = calloc(count, sizeof *runs);
    if (runs == NULL)
        return emo_error_memory(err, count * sizeof *runs, "histories");
    for (size_t i = 0; status == EMO_OK && i < count; i++) {
        runs[i].file = legend(paths, count, i);
        status = emo_learning_curve_read(&runs[i].history, paths[i], err);
    }
    if (status == EMO_OK)
        status = emo_plot_history(out, format == PROGRAM ? EMO_PLOT_SVG : (unsigned)format, title,
                                  runs, count, err);
    for (size_t i = 0; i < count; i++)
        emo_learning_curve_free(&runs[i].history);
    free(runs);
    return status;
}

/* What shows how good a model is: images that it was not trained on. */
static bool held_out(const struct emo_group *g)
{
    return g->seen == EMO_UNSEEN || (g->seen == EMO_SEEN_UNKNOWN && g->split != EMO_TRAIN);
}

static bool any_held_out(const struct emo_groups *groups)
{
    for (size_t i = 0; i < groups->count; i++)
        if (held_out(&groups->at[i]))
            return true;
    return false;
}

/* A series of each group that is asked for and has a labelled image. */
static int add_series(struct emo_plot_series *series, size_t *n, const struct input *input,
                      const char *file, struct emo_error *err)
{
    struct emo_rules rules;
    int status = emo_rules_make(&rules, &input->scores, positive,
                                emo_option_given(options, OPTION_COUNT, "threshold"), threshold,
                                err);
    bool all = emo_option_given(options, OPTION_COUNT, "only") || !any_held_out(&input->groups);
    for (size_t i = 0; status == EMO_OK && i < input->groups.count; i++) {
        const struct emo_group *g = &input->groups.at[i];
        if (!all && !held_out(g))
            continue;
        struct emo_plot_series *s = &series[*n];
        *s = (struct emo_plot_series){file, &input->scores, g, rules, {0}};
        status = emo_evaluate(&s->evaluation, s->scores, g, &rules, err);
        if (status != EMO_OK || s->evaluation.images == 0)
            emo_evaluation_free(&s->evaluation);
        else
            ++*n;
    }
    return status;
}

static int draw_inputs(struct emo_text *out, enum emo_plot_kind kind, const struct input *inputs,
                       const char *const *paths, size_t count, struct emo_error *err)
{
    size_t most = 0, n = 0;
    int status = EMO_OK;
    for (size_t i = 0; i < count; i++)
        most += inputs[i].groups.count;
    struct emo_plot_series *series = calloc(most + 1, sizeof *series);
    if (series == NULL)
        return emo_error_memory(err, (most + 1) * sizeof *series, "series");
    for (size_t i = 0; status == EMO_OK && i < count; i++)
        status = add_series(series, &n, &inputs[i], legend(paths, count, i), err);
    struct emo_plot plot = {kind, format == PROGRAM ? EMO_PLOT_SVG : (unsigned)format, title,
                            series, n};
    if (status == EMO_OK)
        status = emo_plot_scores(out, &plot, err);
    for (size_t i = 0; i < n; i++)
        emo_evaluation_free(&series[i].evaluation);
    free(series);
    return status;
}

static int draw_scores(struct emo_text *out, enum emo_plot_kind kind, const char *const *paths,
                       size_t count, struct emo_error *err)
{
    int status = EMO_OK;
    bool text = false;
    struct input *inputs = calloc(count, sizeof *inputs);
    if (inputs == NULL)
        return emo_error_memory(err, count * sizeof *inputs, "inputs");
    unsigned splits = emo_option_given(options, OPTION_COUNT, "only") ? only : ~0u;
    for (size_t i = 0; status == EMO_OK && i < count; i++) {
        status = emo_scores_read(&inputs[i].scores, &paths[i], 1, err);
        text = text || inputs[i].scores.text;
        if (status == EMO_OK)
            status = emo_groups_make(&inputs[i].groups, &inputs[i].scores, splits, err);
    }
    if (status == EMO_OK)
        status = draw_inputs(out, kind, inputs, paths, count, err);
    if (status == EMO_OK && text)
        emo_program_say(&program, "read from text: that it is complete was not checked");
    for (size_t i = 0; i < count; i++) {
        emo_groups_free(&inputs[i].groups);
        emo_scores_free(&inputs[i].scores);
    }
    free(inputs);
    return status;
}

/* Does the picture end as one of its format does? */
static bool is_whole(const struct emo_text *picture)
{
    static const struct {
        const char *bytes;
        size_t length;
    } ends[] = {{"</svg>", 6}, {"IEND\xae\x42\x60\x82", 8}, {"%%EOF", 5}};
    size_t n = picture->length;
    while (n > 0 && picture->bytes[n - 1] == '\n')
        n--;
    return n > ends[format].length &&
           memcmp(picture->bytes + n - ends[format].length, ends[format].bytes,
                  ends[format].length) == 0;
}

/* A PDF says when it was made; the same input shall give the same bytes. */
static void forget_date(struct emo_text *picture)
{
    static const char key[] = "/CreationDate (D:", epoch[] = "19700101000000Z";
    for (size_t i = 0; i + sizeof key + sizeof epoch < picture->length; i++)
        if (memcmp(picture->bytes + i, key, sizeof key - 1) == 0) {
            memcpy(picture->bytes + i + sizeof key - 1, epoch, sizeof epoch - 1);
            return;
        }
}

static int start_gnuplot(struct emo_child *gnuplot, struct emo_error *err)
{
    /* -d: without the user's own settings. */
    static const char *const command[] = {"gnuplot", "-d", NULL};
    bool missing;
    int status = emo_child_start(gnuplot, command, &missing, err);
    if (missing)
        status = emo_error(err, EMO_FAILED, "gnuplot, which draws, is not there; on Debian it is "
                           "in the package gnuplot-nox");
    return status;
}

/* Turns the program into the picture that it draws. */
static int finish_gnuplot(struct emo_child *gnuplot, struct emo_text *text, struct emo_error *err)
{
    struct emo_text picture = {0};
    int status = emo_child_finish(gnuplot, text->bytes, text->length, &picture, CAP_PICTURE, err);
    if (status == EMO_OK && !is_whole(&picture))
        status = emo_error(err, EMO_FAILED, "gnuplot has made no whole %s", formats[format]);
    if (status != EMO_OK) {
        emo_text_free(&picture);
        return status;
    }
    if (format == EMO_PLOT_PDF)
        forget_date(&picture);
    emo_text_free(text);
    *text = picture;
    return EMO_OK;
}

static int write_picture(struct emo_text *picture, struct emo_error *err)
{
    struct emo_output *output = NULL;
    bool binary = format == EMO_PLOT_PNG || format == EMO_PLOT_PDF;
    int status = emo_output_open(&output, common.output, binary, err);
    if (status == EMO_OK)
        status = emo_output_text(output, picture, err);
    return emo_output_close(output, status, err);
}

static int run(const char *const *operands, size_t count, struct emo_error *err)
{
    static const char *const standard[] = {"-"};
    enum emo_plot_kind kind = EMO_PLOT_HISTORY;
    struct emo_child gnuplot = {.pid = -1};
    struct emo_text text = {0};
    int status = find_kind(count > 0 ? operands[0] : NULL, &kind, err);
    const char *const *paths = count > 1 ? operands + 1 : standard;
    count = count > 1 ? count - 1 : 1;
    if (status == EMO_OK)
        status = find_format(err);
    if (status == EMO_OK && format != PROGRAM)
        status = start_gnuplot(&gnuplot, err);
    if (status == EMO_OK)
        status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox, .read = paths,
            .read_count = count, .write = {common.output}, .no_new_code = true}, err);
    if (status == EMO_OK && kind == EMO_PLOT_HISTORY)
        status = draw_history(&text, paths, count, err);
    else if (status == EMO_OK)
        status = draw_scores(&text, kind, paths, count, err);
    if (status == EMO_OK && format != PROGRAM)
        status = finish_gnuplot(&gnuplot, &text, err);
    if (status == EMO_OK)
        status = write_picture(&text, err);
    emo_child_abandon(&gnuplot);
    emo_text_free(&text);
    return status;
}

int main(int argc, char **argv)
{
    size_t count;
    int early = emo_program_begin(&program, argc, argv, &count);
    if (early >= 0)
        return early;
    struct emo_error err = {0};
    int status = run((const char *const *)(argv + 1), count, &err);
    return emo_program_end(&program, status, &err);
}
