/* emo-metrics: how good scores are. */
#include "base/file.h"
#include "base/program.h"
#include "base/sandbox.h"
#include "metrics/report.h"
#include "stream/frame.h"

#include <stdlib.h>
#include <string.h>

static struct emo_common common;
static double threshold = 0.5;
static unsigned only = ~0u;
static bool json;
static const char *roc_path, *pr_path, *positive;

static struct emo_option options[] = {
    {.name = "threshold", .argument = "P", .help = "of two classes: predict the positive one from "
     "this score up (0.5)", .kind = EMO_REAL, .value = &threshold, .low = -1e300, .high = 1e300},
    {.name = "positive", .argument = "CLASS", .help = "of two classes: which is positive (the "
     "last in byte order)", .kind = EMO_STRING, .value = &positive},
    {.name = "only", .argument = "SPLIT,...", .help = "report these splits only",
     .kind = EMO_SPLITS, .value = &only},
    {.name = "json", .help = "one JSON object a line for each split, seen images apart",
     .kind = EMO_FLAG, .value = &json},
    {.name = "roc", .argument = "FILE", .help = "write the points of the ROC curves to FILE",
     .kind = EMO_STRING, .value = &roc_path},
    {.name = "pr", .argument = "FILE", .help = "write those of the precision-recall curves",
     .kind = EMO_STRING, .value = &pr_path},
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_SANDBOX(common),
    EMO_OPTIONS_HELP(common),
};
#define OPTION_COUNT (sizeof options / sizeof options[0])

static const struct emo_program program = {
    .name = "emo-metrics",
    .operands = "[file ...]",
    .purpose = "Report how good scores are: confusion, accuracy, AUC, calibration",
    .options = options,
    .count = OPTION_COUNT,
    .common = &common,
};

/* One of the three texts that may be asked for. */
struct product {
    const char *path;
    bool wanted;
    struct emo_text text;
    struct emo_output *output;
};
enum { REPORT, ROC, PR, PRODUCTS };

static int report_group(struct product *products, const struct emo_report *report,
                        const struct emo_group *g, struct emo_error *err)
{
    struct emo_evaluation e;
    struct emo_text *out = &products[REPORT].text;
    int status = emo_evaluate(&e, report->scores, g, &report->rules, err);
    if (status == EMO_OK && json)
        emo_report_json(out, report, g, &e);
    else if (status == EMO_OK) {
        if (out->length > 0)
            emo_text_printf(out, "\n\n");
        else if (report->scores->text)
            emo_text_printf(out, "Read from text: that it is complete was not checked.\n\n");
        emo_report_text(out, report, g, &e);
    }
    if (status == EMO_OK && products[ROC].wanted)
        status = emo_report_curve(&products[ROC].text, EMO_CURVE_ROC, report, g, &e, err);
    if (status == EMO_OK && products[PR].wanted)
        status = emo_report_curve(&products[PR].text, EMO_CURVE_PR, report, g, &e, err);
    emo_evaluation_free(&e);
    return status;
}

/* What deserves to be heard even where the report goes into a file. */
static void warn(const struct emo_scores *s, const struct emo_groups *groups)
{
    if (s->text)
        emo_program_say(&program, "read from text: that it is complete was not checked");
    for (size_t i = 0; i < groups->count; i++) {
        const struct emo_group *g = &groups->at[i];
        if (g->seen == EMO_SEEN && g->split != EMO_TRAIN)
            emo_program_warn(&program, "%s%s: %zu of %zu images were in the training set; they are "
                             "reported apart", g->split == EMO_SPLIT_NONE ? "split " : "",
                             emo_split_name(g->split), g->count, g->of);
    }
    if (groups->count == 0)
        emo_program_warn(&program, s->count == 0 ? "no scores at all"
                                                 : "no scores in the splits asked for");
}

static int report_all(struct product *products, const struct emo_scores *s, struct emo_error *err)
{
    struct emo_report report = {.scores = s};
    struct emo_groups groups = {0};
    int status = emo_rules_make(&report.rules, s, positive,
                                emo_option_given(options, OPTION_COUNT, "threshold"), threshold,
                                err);
    if (status == EMO_OK)
        status = emo_groups_make(&groups, s, only, err);
    emo_report_curve_header(&products[ROC].text, EMO_CURVE_ROC);
    emo_report_curve_header(&products[PR].text, EMO_CURVE_PR);
    for (size_t i = 0; status == EMO_OK && i < groups.count; i++)
        status = report_group(products, &report, &groups.at[i], err);
    for (size_t i = 0; status == EMO_OK && i < PRODUCTS; i++)
        if (products[i].text.failed)
            status = emo_error_memory(err, products[i].text.length, "a report");
    if (status == EMO_OK)
        warn(s, &groups);
    emo_groups_free(&groups);
    return status;
}

/* Everything is computed by now: opens all outputs, fills them, and lets them appear. */
static int write_all(struct product *products, struct emo_error *err)
{
    int status = EMO_OK;
    for (size_t i = 0; status == EMO_OK && i < PRODUCTS; i++)
        if (products[i].wanted)
            status = emo_output_open(&products[i].output, products[i].path, false, err);
    for (size_t i = 0; status == EMO_OK && i < PRODUCTS; i++) {
        struct product *p = &products[i];
        if (p->wanted && p->text.length > 0 &&
            emo_write(emo_output_fd(p->output), p->text.bytes, p->text.length) != 0)
            status = emo_error_errno(err, "%s", emo_output_name(p->output));
    }
    for (size_t i = PRODUCTS; i-- > 0;) /* the report last: it says that all is well */
        status = emo_output_close(products[i].output, status, err);
    return status;
}

/* Two texts in one file would be neither. */
static int check_paths(const struct product *products, struct emo_error *err)
{
    for (size_t i = 0; i < PRODUCTS; i++)
        for (size_t j = 0; j < i; j++) {
            const char *a = products[i].path != NULL ? products[i].path : "-";
            const char *b = products[j].path != NULL ? products[j].path : "-";
            if (products[i].wanted && products[j].wanted && strcmp(a, b) == 0)
                return emo_error(err, EMO_USAGE, "the report and the curves need a file each");
        }
    return EMO_OK;
}

static int run(const char *const *paths, size_t count, struct emo_error *err)
{
    struct emo_scores scores = {0};
    struct product products[PRODUCTS] = {
        [REPORT] = {.path = common.output, .wanted = true},
        [ROC] = {.path = roc_path, .wanted = roc_path != NULL},
        [PR] = {.path = pr_path, .wanted = pr_path != NULL},
    };
    int status = check_paths(products, err);
    if (status != EMO_OK)
        return status;
    status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox, .read = paths,
        .read_count = count, .write = {common.output, roc_path, pr_path}, .no_new_code = true}, err);
    if (status == EMO_OK)
        status = emo_scores_read(&scores, paths, count, err);
    if (status == EMO_OK)
        status = report_all(products, &scores, err);
    if (status == EMO_OK)
        status = write_all(products, err);
    for (size_t i = 0; i < PRODUCTS; i++)
        emo_text_free(&products[i].text);
    emo_scores_free(&scores);
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
