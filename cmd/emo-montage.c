/* emo-montage: a contact sheet of images, with captions: classes side by side, or groups. */
#include "base/file.h"
#include "base/program.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "image/resize.h"
#include "image/sheet.h"
#include "learn/names.h"
#include "metrics/evaluate.h"
#include "stream/reader.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Groups go side by side up to about this many pixels. */
#define GROUPS_WIDTH 1600u
#define CAPTION_WIDTH 96u

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

/* An image on the sheet. rank: 0 a mistake, 1 right, 2 without a score. */
struct cell {
    struct emo_tile tile;
    int rank;
    double sure; /* of a mistake: the score of the class taken; else, less that of its own */
    uint64_t number, held; /* bytes */
};

/* A class, or a group. */
struct section {
    struct cell **cells;
    size_t count, room;
    const struct emo_tile **tiles; /* of the cells, for the sheet */
    uint64_t images; /* that came, shown or not */
    int16_t label;   /* of the first */
    bool contradicts;
    struct emo_text heading;
};

struct job {
    struct emo_reader *reader;
    struct emo_output *output;
    struct emo_group_file *groups;
    struct emo_scores scores;
    struct emo_progress progress;
    struct section *sections;
    size_t section_count;
    size_t *section_of_group; /* SIZE_MAX: not shown */
    size_t *group_of_section;
    uint64_t held; /* bytes */
    uint64_t shown, unscored;
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

/* Groups of one are none. */
static int choose_groups(struct job *j, struct emo_error *err)
{
    size_t n = emo_group_file_count(j->groups);
    j->section_of_group = malloc((n + 1) * sizeof *j->section_of_group);
    j->group_of_section = malloc((n + 1) * sizeof *j->group_of_section);
    if (j->section_of_group == NULL || j->group_of_section == NULL)
        return emo_error_memory(err, (n + 1) * sizeof *j->section_of_group, "groups");
    for (size_t g = 0; g < n; g++) {
        bool wanted = emo_group_file_size(j->groups, g) > 1 &&
                      (groups_most == 0 || j->section_count < (uint64_t)groups_most);
        j->section_of_group[g] = wanted ? j->section_count : SIZE_MAX;
        if (wanted)
            j->group_of_section[j->section_count++] = g;
    }
    return EMO_OK;
}

static int open_inputs(struct job *j, char **operands, size_t n, struct emo_error *err)
{
    int status = emo_output_open(&j->output, common.output, true, err);
    if (status == EMO_OK && group_path != NULL)
        status = emo_group_file_open(&j->groups, group_path, err);
    if (status == EMO_OK && j->groups != NULL)
        status = choose_groups(j, err);
    if (status == EMO_OK && scores_path != NULL)
        status = emo_scores_read_named(&j->scores, &scores_path, 1, err);
    if (status == EMO_OK)
        status = emo_reader_open(&j->reader, (const char *const *)operands, n, 1u << EMO_IMAGES,
                                 err);
    if (status != EMO_OK)
        return status;
    if (j->groups == NULL)
        j->section_count = emo_reader_head(j->reader)->class_count + 1;
    j->sections = calloc(j->section_count + 1, sizeof *j->sections);
    if (j->sections == NULL)
        return emo_error_memory(err, j->section_count * sizeof *j->sections, "sections");
    return EMO_OK;
}

static const char *class_name(const struct job *j, int16_t label)
{
    return label < 0 ? "no class" : emo_reader_head(j->reader)->classes[label];
}

/* The line about the score, and where it puts the image. */
static void judge(struct job *j, struct cell *c, const struct emo_record *r, struct emo_text *line)
{
    static const struct emo_rules rules = {.threshold = 0.5, .positive = 1};
    const struct emo_scores *s = &j->scores;
    size_t n;
    const char *name = emo_record_name(r, &n);
    size_t row = emo_scores_find(s, name, n);
    c->rank = 2;
    if (row == SIZE_MAX || !emo_scores_finite(s, row)) {
        j->unscored++;
        emo_text_printf(line, "no score");
        return;
    }
    const double *p = s->p + row * s->class_count;
    size_t predicted = emo_rules_predict(&rules, p, s->class_count);
    const char *said = s->classes[predicted];
    if (r->label >= 0) {
        int own = emo_scores_class(s, class_name(j, r->label));
        bool right = own == (int)predicted;
        c->rank = right;
        c->sure = right ? -p[own] : p[predicted];
        c->tile.marked = !right;
        emo_text_printf(line, right ? "\xe2\x9c\x93 " : "\xe2\x9c\x97 "); /* check, cross */
    }
    emo_text_shown(line, said, strlen(said));
    emo_text_printf(line, " %.3f", p[predicted]);
}

static int make_caption(struct job *j, struct cell *c, const struct emo_record *r,
                        struct emo_error *err)
{
    struct emo_text text = {0};
    size_t n, from = 0;
    const char *name = emo_record_name(r, &n), *its_class = class_name(j, r->label);
    for (size_t i = 0; i + 1 < n; i++)
        if (name[i] == '/')
            from = i + 1;
    emo_text_shown(&text, name + from, n - from);
    emo_text_add(&text, "\n", 1);
    emo_text_shown(&text, its_class, strlen(its_class));
    if (r->split != EMO_SPLIT_NONE)
        emo_text_printf(&text, " \xc2\xb7 %s", emo_split_name(r->split));
    if (r->epoch != 0)
        emo_text_printf(&text, " \xc2\xb7 epoch %u", r->epoch);
    if (scores_path != NULL) {
        emo_text_add(&text, "\n", 1);
        judge(j, c, r, &text);
    }
    if (text.failed) {
        emo_text_free(&text);
        return emo_error_memory(err, n, "a caption");
    }
    c->tile.caption = text.bytes;
    c->held += text.room;
    return EMO_OK;
}

/* The image as large as fits the thumb, in its own shape. */
static int make_pixels(struct cell *c, const struct emo_record *r, struct emo_error *err)
{
    struct emo_tile *t = &c->tile;
    double ys = (double)r->dim[0] / thumb.height, xs = (double)r->dim[1] / thumb.width;
    double scale = ys > xs ? ys : xs;
    long h = lrint(r->dim[0] / scale), w = lrint(r->dim[1] / scale);
    t->height = h < 1 ? 1 : h > thumb.height ? thumb.height : (uint32_t)h;
    t->width = w < 1 ? 1 : w > thumb.width ? thumb.width : (uint32_t)w;
    t->channels = r->dim[2];
    size_t size = (size_t)t->height * t->width * t->channels;
    c->held += size + sizeof *c;
    t->pixels = malloc(size);
    if (t->pixels == NULL)
        return emo_error_memory(err, size, "a thumbnail");
    return emo_resize(r->payload, r->dim[0], r->dim[1], r->dim[2], EMO_STRETCH, t->pixels,
                      t->height, t->width, err);
}

static void free_cell(struct job *j, struct cell *c)
{
    j->held -= c->held;
    free(c->tile.pixels);
    free(c->tile.caption);
    free(c);
}

/* The order of --sort; else, and between equals, that of the input. */
static int by_order(const void *a, const void *b)
{
    const struct cell *x = *(const struct cell *const *)a, *y = *(const struct cell *const *)b;
    if (sort == SORT_MISTAKE && x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (sort == SORT_MISTAKE && x->rank < 2 && (x->sure < y->sure || x->sure > y->sure))
        return x->sure > y->sure ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Sorts, and lets go what is beyond the limit. */
static void settle(struct job *j, struct section *s)
{
    if (s->count > 1)
        qsort(s->cells, s->count, sizeof *s->cells, by_order);
    for (; limit > 0 && s->count > (uint64_t)limit; s->count--)
        free_cell(j, s->cells[s->count - 1]);
}

static int make_room(struct job *j, struct section *s, struct emo_error *err)
{
    if (j->held > memory) {
        char advice[] = "show fewer (--limit), smaller ones (--thumb), or allow more (--memory)";
        return emo_error(err, EMO_FAILED, "the thumbnails of %" PRIu64 " images take more than "
                         "%" PRIu64 " MiB: %s", j->shown, memory >> 20, advice);
    }
    if (s->count < s->room)
        return EMO_OK;
    size_t room = s->room > 0 ? 2 * s->room : 4;
    struct cell **cells = realloc(s->cells, room * sizeof *cells);
    if (cells == NULL)
        return emo_error_memory(err, room * sizeof *cells, "thumbnails");
    s->cells = cells;
    s->room = room;
    return EMO_OK;
}

static int add_image(struct job *j, struct section *s, const struct emo_record *r,
                     struct emo_error *err)
{
    s->contradicts = s->contradicts || (s->images > 0 && r->label != s->label);
    s->label = r->label;
    s->images++;
    if (limit > 0 && sort == SORT_INPUT && s->count == (uint64_t)limit)
        return EMO_OK;
    int status = make_room(j, s, err);
    if (status != EMO_OK)
        return status;
    struct cell *c = calloc(1, sizeof *c);
    if (c == NULL)
        return emo_error_memory(err, sizeof *c, "a thumbnail");
    s->cells[s->count++] = c;
    c->number = j->shown++;
    status = make_pixels(c, r, err);
    if (status == EMO_OK)
        status = make_caption(j, c, r, err);
    j->held += c->held;
    if (status == EMO_OK && limit > 0 && s->count >= 2 * (uint64_t)limit)
        settle(j, s);
    return status;
}

/* The section of a record; NULL: it is not shown. */
static struct section *section_of(const struct job *j, const struct emo_record *r)
{
    if (j->groups == NULL)
        return &j->sections[r->label < 0 ? j->section_count - 1 : (size_t)r->label];
    size_t n;
    const char *name = emo_record_name(r, &n);
    size_t g = emo_group_file_number(j->groups, name, n);
    if (g == SIZE_MAX || j->section_of_group[g] == SIZE_MAX)
        return NULL;
    return &j->sections[j->section_of_group[g]];
}

static int read_all(struct job *j, struct emo_error *err)
{
    struct emo_record r = {0};
    bool got = true;
    int status = EMO_OK;
    while (status == EMO_OK) {
        status = emo_reader_next(j->reader, &r, &got, err);
        if (status != EMO_OK || !got)
            break;
        struct section *s = section_of(j, &r);
        status = emo_record_check_image(&r, err);
        if (status == EMO_OK && s != NULL)
            status = add_image(j, s, &r, err);
        emo_progress_update(&j->progress, emo_reader_count(j->reader), NULL);
    }
    emo_record_free(&r);
    return status;
}

static void make_heading(const struct job *j, size_t i)
{
    struct section *s = &j->sections[i];
    struct emo_text *h = &s->heading;
    size_t n;
    if (j->groups != NULL) {
        const char *name = emo_group_file_group(j->groups, j->group_of_section[i], &n);
        emo_text_printf(h, "group ");
        emo_text_shown(h, name, n);
        if (s->contradicts)
            emo_text_printf(h, ": labels differ");
    } else {
        const char *name = class_name(j, i + 1 < j->section_count ? (int16_t)i : (int16_t)-1);
        emo_text_shown(h, name, strlen(name));
    }
    if (s->count < s->images)
        emo_text_printf(h, " (%zu of %" PRIu64 ")", s->count, s->images);
    else
        emo_text_printf(h, " (%zu)", s->count);
}

/* Of each class: so many that the sheet becomes about four by three. */
static uint32_t columns_of_class(const struct emo_sheet *sheet, size_t sections, size_t most)
{
    uint32_t height, width;
    emo_sheet_tile_size(sheet, &height, &width);
    double n = sqrt((double)most * height * 4 / 3 / ((double)sections * width));
    return n < 1 ? 1 : n > (double)most ? (uint32_t)most : (uint32_t)ceil(n);
}

/* Thumbs no larger than what is there needs; captions want some width. */
static void size_thumbs(const struct job *j, struct emo_sheet *sheet)
{
    sheet->thumb_height = 1;
    sheet->thumb_width = thumb.width < CAPTION_WIDTH ? thumb.width : CAPTION_WIDTH;
    for (size_t i = 0; i < j->section_count; i++)
        for (size_t k = 0; k < j->sections[i].count; k++) {
            const struct emo_tile *t = &j->sections[i].cells[k]->tile;
            if (t->height > sheet->thumb_height)
                sheet->thumb_height = t->height;
            if (t->width > sheet->thumb_width)
                sheet->thumb_width = t->width;
        }
}

static int make_blocks(struct job *j, struct emo_sheet *sheet, struct emo_block *blocks,
                       struct emo_error *err)
{
    size_t most = 1;
    uint32_t height, width;
    size_thumbs(j, sheet);
    emo_sheet_tile_size(sheet, &height, &width);
    j->shown = 0;
    for (size_t i = 0; i < j->section_count; i++) {
        struct section *s = &j->sections[i];
        settle(j, s);
        if (s->count == 0 || (j->groups != NULL && s->images < 2))
            continue;
        make_heading(j, i);
        s->tiles = malloc(s->count * sizeof *s->tiles);
        if (s->heading.failed || s->tiles == NULL)
            return emo_error_memory(err, s->count * sizeof *s->tiles, "the sheet");
        for (size_t k = 0; k < s->count; k++)
            s->tiles[k] = &s->cells[k]->tile;
        blocks[sheet->count++] = (struct emo_block){
            .heading = s->heading.bytes, .tiles = s->tiles, .count = s->count};
        most = s->count > most ? s->count : most;
        j->shown += s->count;
    }
    if (sheet->count == 0)
        blocks[sheet->count++] = (struct emo_block){.heading = "no images", .columns = 1};
    uint32_t n = (uint32_t)columns;
    if (n == 0)
        n = j->groups == NULL ? columns_of_class(sheet, sheet->count, most)
                              : GROUPS_WIDTH / width > 1 ? GROUPS_WIDTH / width : 2;
    sheet->across = j->groups != NULL ? n : 0;
    for (struct emo_block *b = blocks; b < blocks + sheet->count; b++)
        b->columns = b->count >= n ? n : b->count > 0 ? (uint32_t)b->count : 1;
    return EMO_OK;
}

static void summarise(const struct job *j, size_t sections, uint64_t height, uint64_t width)
{
    const char *what = j->groups != NULL ? sections == 1 ? "group" : "groups"
                       : sections == 1   ? "class"
                                         : "classes";
    emo_program_say(&program, "%" PRIu64 " of %" PRIu64 " images, in %zu %s, on %" PRIu64 " x "
                    "%" PRIu64 " pixels", j->shown, emo_reader_count(j->reader), sections, what,
                    width, height);
    if (j->unscored > 0)
        emo_program_say(&program, "%" PRIu64 " images have no score in %s", j->unscored,
                        scores_path);
}

static int draw(struct job *j, struct emo_sheet *sheet, struct emo_error *err)
{
    struct emo_encoder *encoder = NULL;
    uint64_t height, width;
    uint32_t tallest = j->format == EMO_JPEG ? EMO_CAP_JPEG_SIDE : EMO_CAP_PNG_SIDE;
    emo_sheet_size(sheet, &height, &width);
    if (width > EMO_CAP_SHEET_WIDTH || height > tallest)
        return emo_error(err, EMO_USAGE, "a sheet of %" PRIu64 " x %" PRIu64 " pixels (width x "
                         "height), and at most %u x %u can be: show fewer images (--limit), "
                         "smaller ones (--thumb), or choose --columns", width, height,
                         EMO_CAP_SHEET_WIDTH, tallest);
    int status = emo_encoder_open(&encoder, emo_output_fd(j->output), emo_output_name(j->output),
                                  j->format, (uint32_t)height, (uint32_t)width, 3, err);
    if (status == EMO_OK)
        status = emo_sheet_draw(sheet, encoder, err);
    if (status == EMO_OK)
        status = emo_encoder_finish(encoder, err);
    emo_encoder_close(encoder);
    if (status == EMO_OK)
        summarise(j, j->shown > 0 ? sheet->count : 0, height, width);
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
    struct emo_block *blocks = NULL;
    int status = check_options(j, operands, n, err);
    if (status == EMO_OK)
        status = confine(operands, n, err);
    if (status == EMO_OK)
        status = open_inputs(j, operands, n, err);
    if (status != EMO_OK)
        return status;
    uint64_t total = emo_reader_head(j->reader)->records_expected;
    emo_progress_begin(&j->progress, emo_program_shows_progress(&program), program.name, "images",
                       total == EMO_UNKNOWN ? 0 : total);
    status = read_all(j, err);
    emo_progress_end(&j->progress);
    blocks = calloc(j->section_count + 1, sizeof *blocks);
    if (status == EMO_OK && blocks == NULL)
        status = emo_error_memory(err, j->section_count * sizeof *blocks, "the sheet");
    struct emo_sheet sheet = {.blocks = blocks, .caption_lines = scores_path != NULL ? 3 : 2};
    if (status == EMO_OK)
        status = make_blocks(j, &sheet, blocks, err);
    if (status == EMO_OK)
        status = draw(j, &sheet, err);
    free(blocks);
    if (status == EMO_OK) {
        status = emo_output_commit(j->output, err);
        j->output = NULL;
    }
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
    int status = run(&j, argv + 1, n, &err);
    for (size_t i = 0; j.sections != NULL && i < j.section_count; i++) {
        for (size_t k = 0; k < j.sections[i].count; k++)
            free_cell(&j, j.sections[i].cells[k]);
        free(j.sections[i].cells);
        free(j.sections[i].tiles);
        emo_text_free(&j.sections[i].heading);
    }
    free(j.sections);
    free(j.section_of_group);
    free(j.group_of_section);
    emo_group_file_close(j.groups);
    emo_scores_free(&j.scores);
    emo_reader_close(j.reader);
    emo_output_discard(j.output);
    return emo_program_end(&program, status, &err);
}
