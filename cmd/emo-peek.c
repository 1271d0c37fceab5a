/* emo-peek: lists, counts, prints and verifies any stream. */
#include "base/file.h"
#include "base/program.h"
#include "base/sandbox.h"
#include "metrics/moments.h"
#include "net/graph.h"
#include "stream/counts.h"
#include "stream/listing.h"
#include "stream/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ANY_KIND (1u << EMO_IMAGES | 1u << EMO_MODEL | 1u << EMO_SCORES | 1u << EMO_CHECKPOINT)
#define FLUSH_AT (64u << 10)

static struct emo_common common;
static bool head_only, count_only, net, stats, values, verify, headers, json;

static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_SANDBOX(common),
    {.letter = 'H', .name = "head-only", .kind = EMO_FLAG, .value = &head_only,
     .help = "instead of records: the head: kind, classes, provenance"},
    {.letter = 'c', .name = "count", .kind = EMO_FLAG, .value = &count_only,
     .help = "instead: the number of records of each class and split"},
    {.name = "net", .kind = EMO_FLAG, .value = &net,
     .help = "instead: a model's network, layers, shapes and parameters"},
    {.name = "stats", .kind = EMO_FLAG, .value = &stats,
     .help = "instead: min, max, mean and deviation, channels apart"},
    {.name = "values", .kind = EMO_FLAG, .value = &values,
     .help = "instead: every number of every record"},
    {.name = "verify", .kind = EMO_FLAG, .value = &verify,
     .help = "print nothing; name the files that are not intact, and go on"},
    {.name = "headers", .kind = EMO_FLAG, .value = &headers,
     .help = "pass over the payloads of a file without a check"},
    {.name = "json", .kind = EMO_FLAG, .value = &json, .help = "one JSON object a line"},
};
#define COUNT (sizeof options / sizeof *options)

static const struct emo_program program = {
    .name = "emo-peek",
    .operands = "[file ...]",
    .purpose = "List, count, print and verify the records of any stream",
    .options = options,
    .count = COUNT,
    .common = &common,
};

struct job {
    struct emo_output *output; /* NULL: --verify */
    struct emo_text text;
    struct emo_reader *reader;
    const struct emo_head *head;
    const char *file; /* for the column that tells several files apart; NULL: there is one */
    struct emo_record record;
    struct emo_counts counts;
    struct emo_stream_moments *moments;
    bool skipped; /* a payload, unverified */
};

static int check_options(struct emo_error *err)
{
    int modes = head_only + count_only + net + stats + values + verify;
    if (modes > 1)
        return emo_error(err, EMO_USAGE, "-H, -c, --net, --stats, --values and --verify exclude "
                         "each other");
    if (headers && (stats || values || verify))
        return emo_error(err, EMO_USAGE, "--headers does not read what --stats, --values and "
                         "--verify need");
    if (json && (net || verify))
        return emo_error(err, EMO_USAGE, "--json has nothing to say with --%s",
                         net ? "net" : "verify");
    return EMO_OK;
}

/* Ends a line of a table or an object. */
static void end_line(struct job *j)
{
    const char *end = json ? "}\n" : "\n";
    if (j->file != NULL && json) {
        emo_text_printf(&j->text, ",\"file\":");
        emo_text_json(&j->text, j->file, strlen(j->file));
    } else if (j->file != NULL) {
        emo_text_field(&j->text, j->file, strlen(j->file));
    }
    emo_text_add(&j->text, end, strlen(end));
}

static void columns(struct job *j, bool several)
{
    if (json || head_only || net || verify)
        return;
    if (count_only)
        emo_counts_columns(&j->text);
    else if (stats)
        emo_moments_columns(&j->text);
    else if (values)
        emo_text_printf(&j->text, "id\tepoch\tname\tindex\tvalue");
    else
        emo_list_columns(&j->text);
    emo_text_printf(&j->text, "%s\n", several ? "\tfile" : "");
}

/* Head and network ---------------------------------------------------------------------------- */

static void print_head(struct job *j)
{
    if (json) {
        emo_list_head_object(&j->text, j->head);
        end_line(j);
        return;
    }
    if (j->file != NULL) {
        emo_text_printf(&j->text, "file");
        emo_text_field(&j->text, j->file, strlen(j->file));
        emo_text_add(&j->text, "\n", 1);
    }
    emo_list_head(&j->text, j->head);
}

static int print_net(struct job *j, struct emo_error *err)
{
    struct emo_text text = {0};
    struct emo_graph g = {0};
    uint32_t h, w, c;
    if (!emo_head_net(j->head, &text) || !emo_head_input(j->head, &h, &w, &c)) {
        bool failed = text.failed;
        emo_text_free(&text);
        if (failed)
            return emo_error_memory(err, 1, "network text");
        return emo_error(err, EMO_INPUT, "%s: of kind %s, without a network; --net is for models",
                         emo_reader_file(j->reader), emo_kind_name(j->head->kind));
    }
    int status = emo_graph_make(&g, text.bytes, h, w, c, j->head->class_count, err);
    if (status == EMO_USAGE)
        err->status = status = EMO_INPUT;
    if (status != EMO_OK)
        emo_error_prefix(err, "%s", emo_reader_file(j->reader));
    if (status == EMO_OK) {
        emo_text_add(&j->text, text.bytes, text.length);
        emo_text_add(&j->text, "\n", 1);
        emo_graph_summary(&g, &j->text);
    }
    emo_graph_free(&g);
    emo_text_free(&text);
    return status;
}

static void print_counts(struct job *j)
{
    for (size_t k = 0; k < emo_counts_lines(&j->counts); k++) {
        if (json)
            emo_counts_object(&j->text, &j->counts, k);
        else
            emo_counts_row(&j->text, &j->counts, k);
        end_line(j);
    }
}

/* Numbers ------------------------------------------------------------------------------------- */

/* r NULL: of the whole stream; channel -1: all of them. */
static void print_moments(struct job *j, const struct emo_record *r, int channel,
                          const struct emo_moments *m)
{
    if (json)
        emo_moments_object(&j->text, r, channel, m);
    else
        emo_moments_row(&j->text, r, channel, m);
    end_line(j);
}

static void print_stream_moments(struct job *j)
{
    const struct emo_stream_moments *m = j->moments;
    print_moments(j, NULL, -1, &m->all);
    for (uint32_t c = 0; c < m->channels; c++)
        print_moments(j, NULL, (int)c, &m->channel[c]);
}

static int flush(struct job *j, struct emo_error *err)
{
    return emo_output_text(j->output, &j->text, err);
}

/* A line an element, in row-major order. */
static int print_elements(struct job *j, struct emo_error *err)
{
    const struct emo_record *r = &j->record;
    struct emo_text *out = &j->text, start = {0};
    size_t n = emo_record_elements(r), length = 0;
    uint32_t at[4] = {0};
    const char *name = emo_metadata_text(&r->metadata, "name", &length);
    int status = EMO_OK;
    emo_text_printf(&start, r->epoch > 0 ? "%" PRIu64 "\t%u" : "%" PRIu64 "\tNA", r->id, r->epoch);
    emo_text_field(&start, name, length);
    emo_text_add(&start, "\t", 1);
    if (start.failed)
        status = emo_error_memory(err, length, "a name");
    for (size_t i = 0; status == EMO_OK && i < n; i++) {
        emo_text_add(out, start.bytes, start.length);
        for (unsigned k = 0; k < r->rank; k++)
            emo_text_printf(out, "%s%" PRIu32, k > 0 ? "," : "", at[k]);
        emo_text_add(out, r->rank == 0 ? "0\t" : "\t", r->rank == 0 ? 2 : 1);
        emo_list_value(out, r, i, false);
        end_line(j);
        for (unsigned k = r->rank; k > 0 && ++at[k - 1] == r->dim[k - 1]; k--)
            at[k - 1] = 0;
        if (out->length >= FLUSH_AT)
            status = flush(j, err);
    }
    emo_text_free(&start);
    return status;
}

/* All in one array. */
static int print_array(struct job *j, struct emo_error *err)
{
    size_t n = emo_record_elements(&j->record);
    int status = EMO_OK;
    emo_list_object(&j->text, j->head, &j->record);
    emo_text_printf(&j->text, ",\"values\":[");
    for (size_t i = 0; status == EMO_OK && i < n; i++) {
        emo_text_add(&j->text, ",", i > 0);
        emo_list_value(&j->text, &j->record, i, true);
        if (j->text.length >= FLUSH_AT)
            status = flush(j, err);
    }
    emo_text_add(&j->text, "]", 1);
    end_line(j);
    return status;
}

/* The loop ------------------------------------------------------------------------------------ */

static int take_record(struct job *j, bool *got, struct emo_error *err)
{
    if (stats || values)
        return emo_reader_next(j->reader, &j->record, got, err);
    int status = emo_reader_header(j->reader, &j->record, got, err);
    if (status != EMO_OK || !*got)
        return status;
    if (!headers)
        return emo_reader_check(j->reader, &j->record, err);
    bool skipped;
    status = emo_reader_skip(j->reader, &j->record, &skipped, err);
    j->skipped = j->skipped || skipped;
    return status;
}

static int print_record(struct job *j, struct emo_error *err)
{
    const struct emo_record *r = &j->record;
    struct emo_moments own;
    int status = EMO_OK;
    if (verify || head_only || net)
        return EMO_OK;
    if (count_only) {
        emo_counts_add(&j->counts, r);
    } else if (stats) {
        emo_stream_moments_add(j->moments, r, &own);
        print_moments(j, r, -1, &own);
    } else if (values) {
        status = json ? print_array(j, err) : print_elements(j, err);
    } else {
        if (json)
            emo_list_object(&j->text, j->head, r);
        else
            emo_list_row(&j->text, j->head, r);
        end_line(j);
    }
    if (status == EMO_OK && (j->text.length >= FLUSH_AT || emo_reader_would_block(j->reader)))
        status = flush(j, err);
    return status;
}

static int begin_stream(struct job *j, struct emo_error *err)
{
    j->head = emo_reader_head(j->reader);
    int status = emo_counts_begin(&j->counts, j->head, err);
    if (status != EMO_OK)
        return status;
    if (stats)
        *j->moments = (struct emo_stream_moments){0};
    if (head_only)
        print_head(j);
    return net ? print_net(j, err) : EMO_OK;
}

static int peek(struct job *j, const char *path, struct emo_error *err)
{
    bool got = true;
    int status = emo_reader_open(&j->reader, &path, 1, ANY_KIND, err);
    if (status != EMO_OK)
        return status;
    emo_reader_lone(j->reader);
    status = begin_stream(j, err);
    while (status == EMO_OK) {
        status = take_record(j, &got, err);
        if (status != EMO_OK || !got)
            break;
        status = print_record(j, err);
    }
    if (status == EMO_OK && count_only)
        print_counts(j);
    if (status == EMO_OK && stats)
        print_stream_moments(j);
    emo_reader_close(j->reader);
    j->reader = NULL;
    return status;
}

static int peek_all(struct job *j, const char *const *paths, size_t n, struct emo_error *err)
{
    static const char *const standard[] = {"-"};
    int status = EMO_OK;
    columns(j, n > 1);
    for (size_t i = 0; i < (n > 0 ? n : 1) && status == EMO_OK; i++) {
        const char *path = n > 0 ? paths[i] : standard[0];
        j->file = n > 1 ? path : NULL;
        status = peek(j, path, err);
    }
    return status;
}

/* Goes on after a file that is not intact, however many; the worst is the status. */
static int verify_all(struct job *j, const char *const *paths, size_t n, struct emo_error *err)
{
    size_t bad = 0;
    int worst = EMO_OK;
    if (n <= 1)
        return peek(j, n == 1 ? paths[0] : "-", err);
    for (size_t i = 0; i < n; i++) {
        int status = peek(j, paths[i], err);
        if (status == EMO_OK)
            continue;
        bad++;
        worst = status > worst ? status : worst;
        emo_program_warn(&program, "%s", err->text);
    }
    return bad == 0 ? EMO_OK : emo_error(err, worst, "%zu of %zu files are not intact", bad, n);
}

static int run(struct job *j, const char *const *paths, size_t n, struct emo_error *err)
{
    int status = check_options(err);
    if (status == EMO_OK)
        status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox, .read = paths,
            .read_count = n, .write = {common.output}}, err);
    if (status != EMO_OK)
        return status;
    if (verify)
        return verify_all(j, paths, n, err);
    if (stats && (j->moments = calloc(1, sizeof *j->moments)) == NULL)
        return emo_error_memory(err, sizeof *j->moments, "statistics");
    status = emo_output_open(&j->output, common.output, false, err);
    if (status != EMO_OK)
        return status;
    status = peek_all(j, paths, n, err);
    /* What came before the damage is worth seeing, too. */
    struct emo_error late;
    int written = flush(j, status == EMO_OK ? err : &late);
    if (status == EMO_OK)
        status = written;
    status = emo_output_close(j->output, status, err);
    if (status == EMO_OK && j->skipped)
        emo_program_say(&program, "payloads not verified");
    return status;
}

int main(int argc, char **argv)
{
    struct job j = {0};
    struct emo_error err = {0};
    size_t n;
    int early = emo_program_begin(&program, argc, argv, &n);
    if (early >= 0)
        return early;
    int status = run(&j, (const char *const *)argv + 1, n, &err);
    emo_reader_close(j.reader);
    emo_record_free(&j.record);
    emo_text_free(&j.text);
    emo_counts_free(&j.counts);
    free(j.moments);
    return emo_program_end(&program, status, &err);
}
