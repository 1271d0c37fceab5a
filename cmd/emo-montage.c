/* emo-montage: a contact sheet of images, with captions: classes side by side, or groups. */
#include "base/file.h"
#include "base/program.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "learn/gallery.h"
#include "stream/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SORT_INPUT, SORT_MISTAKE };

static struct emo_common common;
static const char *const formats[] = {"png", "jpeg", NULL};
static const char *const sorts[] = {"input", "mistake", NULL};
static int to = -1, sort = SORT_INPUT;
static struct emo_shape thumb = {128, 128};
static int64_t limit, columns, groups_most;
static uint64_t memory = UINT64_C(512) << 20;
static const char *scores_path, *group_path;

static struct emo_option options[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    EMO_OPTIONS_PROGRESS(common),
    EMO_OPTIONS_SANDBOX(common),
    {.letter = 't', .name = "to", .argument = "FORMAT",
     .help = "of the picture; else what FILE's name ends in, or png", .kind = EMO_CHOICE,
     .value = &to, .choices = formats},
    {.name = "limit", .argument = "N", .help = "show at most N images of each class, or group",
     .kind = EMO_INT, .value = &limit, .low = 1, .high = 1e9},
    {.name = "thumb", .argument = "HxW", .help = "fit each image into this size (128x128)",
     .kind = EMO_SHAPE, .value = &thumb},
    {.name = "columns", .argument = "N",
     .help = "images in a row of each class; with --by-group, of the sheet", .kind = EMO_INT,
     .value = &columns, .low = 1, .high = 32767},
    {.name = "scores", .argument = "FILE",
     .help = "write what FILE, a stream or table of scores, says under each image",
     .kind = EMO_STRING, .value = &scores_path},
    {.name = "sort", .argument = "HOW", .help = "mistake: the surest mistakes first",
     .kind = EMO_CHOICE, .value = &sort, .choices = sorts},
    {.name = "by-group", .argument = "FILE",
     .help = "show the groups of a table with columns name and group", .kind = EMO_STRING,
     .value = &group_path},
    {.name = "groups", .argument = "N", .help = "show at most the first N groups",
     .kind = EMO_INT, .value = &groups_most, .low = 1, .high = 1e9},
    {.name = "memory", .argument = "SIZE", .help = "that all thumbnails may take (512M)",
     .kind = EMO_SIZE, .value = &memory},
};
#define COUNT (sizeof options / sizeof *options)

static const struct emo_program program = {
    .name = "emo-montage",
    .operands = "[file ...]",
    .purpose = "draw a contact sheet of images, with captions",
    .options = options,
    .count = COUNT,
    .common = &common,
};

struct job {
    struct emo_reader *reader;
    struct emo_output *output;
    struct emo_group_file *groups;
    struct emo_scores scores;
    struct emo_gallery *gallery;
    enum emo_picture format;
};

/* --to, or else by the suffix of -o. */
static int choose_format(struct job *j, struct emo_error *err)
{
    const char *path = common.output != NULL ? common.output : "";
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash != NULL ? slash : path, '.');
    char quoted[EMO_QUOTE_SIZE];
    j->format = EMO_PNG;
    if (to >= 0)
        j->format = to == 0 ? EMO_PNG : EMO_JPEG;
    else if (dot != NULL && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0))
        j->format = EMO_JPEG;
    else if (dot != NULL && strcasecmp(dot, ".png") != 0)
        return emo_error(err, EMO_USAGE, "-o %s: PNG and JPEG can be written; say which with -t",
                         emo_quote(quoted, sizeof quoted, path, strlen(path)));
    return EMO_OK;
}

static int check_options(struct job *j, char **operands, size_t n, struct emo_error *err)
{
    bool from_stdin = n == 0;
    for (size_t i = 0; i < n; i++)
        from_stdin = from_stdin || strcmp(operands[i], "-") == 0;
    if (sort == SORT_MISTAKE && scores_path == NULL)
        return emo_error(err, EMO_USAGE, "--sort mistake needs --scores");
    if (scores_path != NULL && strcmp(scores_path, "-") == 0 && from_stdin)
        return emo_error(err, EMO_USAGE, "--scores -: the images come from standard input already");
    if (groups_most > 0 && group_path == NULL)
        return emo_error(err, EMO_USAGE, "--groups needs --by-group");
    if (thumb.height > EMO_CAP_THUMB || thumb.width > EMO_CAP_THUMB)
        return emo_error(err, EMO_USAGE, "--thumb: at most %ux%u", EMO_CAP_THUMB, EMO_CAP_THUMB);
    return choose_format(j, err);
}

static int open_all(struct job *j, char **operands, size_t n, struct emo_error *err)
{
    int status = emo_output_open(&j->output, common.output, true, err);
    if (status == EMO_OK && group_path != NULL)
        status = emo_group_file_open(&j->groups, group_path, err);
    if (status == EMO_OK && scores_path != NULL)
        status = emo_scores_read_named(&j->scores, &scores_path, 1, err);
    if (status == EMO_OK)
        status = emo_reader_open(&j->reader, (const char *const *)operands, n, 1u << EMO_IMAGES,
                                 err);
    if (status != EMO_OK)
        return status;
    struct emo_gallery_rules rules = {
        .thumb = thumb,
        .limit = (uint64_t)limit,
        .mistakes = sort == SORT_MISTAKE,
        .columns = (uint32_t)columns,
        .memory = memory,
        .head = emo_reader_head(j->reader),
        .groups = j->groups,
        .scores = scores_path != NULL ? &j->scores : NULL,
        .groups_most = (uint64_t)groups_most,
    };
    return emo_gallery_open(&j->gallery, &rules, err);
}

static int read_all(struct job *j, struct emo_error *err)
{
    struct emo_progress progress;
    struct emo_record r = {0};
    bool got = true;
    int status = EMO_OK;
    emo_program_progress(&program, &progress, "images",
                         emo_reader_head(j->reader)->records_expected);
    while (status == EMO_OK) {
        status = emo_reader_next(j->reader, &r, &got, err);
        if (status != EMO_OK || !got)
            break;
        status = emo_record_check_image(&r, err);
        if (status == EMO_OK)
            status = emo_gallery_add(j->gallery, &r, err);
        emo_progress_update(&progress, emo_reader_count(j->reader), NULL);
    }
    emo_progress_end(&progress);
    emo_record_free(&r);
    return status;
}

static void summarise(const struct job *j, uint64_t height, uint64_t width)
{
    size_t sections = emo_gallery_sections(j->gallery);
    uint64_t unscored = emo_gallery_unscored(j->gallery);
    const char *what = j->groups != NULL ? sections == 1 ? "group" : "groups"
                       : sections == 1   ? "class"
                                         : "classes";
    emo_program_say(&program, "%" PRIu64 " of %" PRIu64 " images, in %zu %s, on %" PRIu64 " x "
                    "%" PRIu64 " pixels", emo_gallery_shown(j->gallery),
                    emo_reader_count(j->reader), sections, what, width, height);
    if (unscored > 0)
        emo_program_say(&program, "%" PRIu64 " images have no score in %s", unscored,
                        scores_path);
}

static int draw(struct job *j, struct emo_error *err)
{
    struct emo_encoder *encoder = NULL;
    struct emo_sheet sheet;
    uint64_t height, width;
    uint32_t tallest = j->format == EMO_JPEG ? EMO_CAP_JPEG_SIDE : EMO_CAP_PNG_SIDE;
    int status = emo_gallery_sheet(j->gallery, &sheet, err);
    if (status != EMO_OK)
        return status;
    emo_sheet_size(&sheet, &height, &width);
    if (width > EMO_CAP_SHEET_WIDTH || height > tallest)
        return emo_error(err, EMO_USAGE, "a sheet of %" PRIu64 " x %" PRIu64 " pixels (width x "
                         "height), and at most %u x %u can be: show fewer images (--limit), "
                         "smaller ones (--thumb), or choose --columns", width, height,
                         EMO_CAP_SHEET_WIDTH, tallest);
    status = emo_encoder_open(&encoder, emo_output_fd(j->output), emo_output_name(j->output),
                              j->format, (uint32_t)height, (uint32_t)width, 3, err);
    if (status == EMO_OK)
        status = emo_sheet_draw(&sheet, encoder, err);
    if (status == EMO_OK)
        status = emo_encoder_finish(encoder, err);
    emo_encoder_close(encoder);
    if (status == EMO_OK)
        summarise(j, height, width);
    return status;
}

/* Beside its inputs: what fontconfig reads, so the fonts of the system, not those of a user. */
static int confine(char **operands, size_t n, struct emo_error *err)
{
    const char **read = malloc((n + 2) * sizeof *read);
    if (read == NULL)
        return emo_error_memory(err, (n + 2) * sizeof *read, "names of files");
    for (size_t i = 0; i < n; i++)
        read[i] = operands[i];
    read[n] = scores_path;
    read[n + 1] = group_path;
    int status = emo_sandbox_enter(&(struct emo_sandbox){.off = common.no_sandbox, .read = read,
        .read_count = n + 2, .also_read = {"/etc/fonts", "/usr/share", "/usr/local/share",
        "/var/cache/fontconfig"}, .write = {common.output}, .no_new_code = true}, err);
    free(read);
    return status;
}

static int run(struct job *j, char **operands, size_t n, struct emo_error *err)
{
    int status = check_options(j, operands, n, err);
    if (status == EMO_OK)
        status = confine(operands, n, err);
    if (status == EMO_OK)
        status = open_all(j, operands, n, err);
    if (status == EMO_OK)
        status = read_all(j, err);
    if (status == EMO_OK)
        status = draw(j, err);
    return emo_output_close(j->output, status, err);
}

int main(int argc, char **argv)
{
    struct job j = {0};
    struct emo_error err = {0};
    size_t n;
    int early = emo_program_begin(&program, argc, argv, &n);
    if (early >= 0)
        return early;
    int status = run(&j, argv + 1, n, &err);
    emo_gallery_close(j.gallery);
    emo_group_file_close(j.groups);
    emo_scores_free(&j.scores);
    emo_reader_close(j.reader);
    return emo_program_end(&program, status, &err);
}
