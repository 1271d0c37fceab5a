#include "learn/gallery.h"

#include "image/resize.h"
#include "metrics/evaluate.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Groups go side by side up to about this many pixels. */
#define GROUPS_WIDTH 1600u
#define CAPTION_WIDTH 96u

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
    int16_t label;   /* of the first that has one; else -1 */
    bool contradicts;
    unsigned splits; /* bit 1 << split of each */
    struct emo_text heading, note;
};

struct emo_gallery {
    struct emo_gallery_rules rules;
    struct section *sections;
    size_t section_count, sections_shown;
    struct emo_block *blocks;
    size_t *section_of_group; /* SIZE_MAX: not shown */
    size_t *group_of_section;
    uint64_t held; /* bytes */
    uint64_t shown, unscored;
};

static void free_cell(struct emo_gallery *g, struct cell *c)
{
    g->held -= c->held;
    free(c->tile.pixels);
    free(c->tile.caption);
    free(c);
}

void emo_gallery_close(struct emo_gallery *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; g->sections != NULL && i < g->section_count; i++) {
        for (size_t k = 0; k < g->sections[i].count; k++)
            free_cell(g, g->sections[i].cells[k]);
        free(g->sections[i].cells);
        free(g->sections[i].tiles);
        emo_text_free(&g->sections[i].heading);
        emo_text_free(&g->sections[i].note);
    }
    free(g->sections);
    free(g->blocks);
    free(g->section_of_group);
    free(g->group_of_section);
    free(g);
}

/* Groups of one are none. */
static int choose_groups(struct emo_gallery *g, struct emo_error *err)
{
    const struct emo_group_file *file = g->rules.groups;
    size_t n = emo_group_file_count(file);
    uint64_t most = g->rules.groups_most;
    g->section_of_group = malloc((n + 1) * sizeof *g->section_of_group);
    g->group_of_section = malloc((n + 1) * sizeof *g->group_of_section);
    if (g->section_of_group == NULL || g->group_of_section == NULL)
        return emo_error_memory(err, (n + 1) * sizeof *g->section_of_group, "groups");
    for (size_t i = 0; i < n; i++) {
        bool wanted =
            emo_group_file_size(file, i) > 1 && (most == 0 || g->section_count < most);
        g->section_of_group[i] = wanted ? g->section_count : SIZE_MAX;
        if (wanted)
            g->group_of_section[g->section_count++] = i;
    }
    return EMO_OK;
}

int emo_gallery_open(struct emo_gallery **gallery, const struct emo_gallery_rules *rules,
                     struct emo_error *err)
{
    struct emo_gallery *g = calloc(1, sizeof *g);
    int status = EMO_OK;
    *gallery = g;
    if (g == NULL)
        return emo_error_memory(err, sizeof *g, "a gallery");
    g->rules = *rules;
    if (rules->groups != NULL)
        status = choose_groups(g, err);
    else
        g->section_count = rules->head->class_count + 1;
    if (status != EMO_OK)
        return status;
    g->sections = calloc(g->section_count + 1, sizeof *g->sections);
    g->blocks = calloc(g->section_count + 1, sizeof *g->blocks);
    if (g->sections == NULL || g->blocks == NULL)
        return emo_error_memory(err, g->section_count * sizeof *g->sections, "sections");
    return EMO_OK;
}

/* Images as they come ------------------------------------------------------------------------- */

static const char *class_name(const struct emo_gallery *g, int16_t label)
{
    return label < 0 ? "no class" : g->rules.head->classes[label];
}

/* The line about the score, and where it puts the image. */
static void judge(struct emo_gallery *g, struct cell *c, const struct emo_record *r,
                  struct emo_text *line)
{
    static const struct emo_rules rules = {.threshold = 0.5, .positive = 1};
    const struct emo_scores *s = g->rules.scores;
    size_t n;
    const char *name = emo_record_name(r, &n);
    size_t row = emo_scores_find(s, name, n);
    c->rank = 2;
    if (row == SIZE_MAX || !emo_scores_finite(s, row)) {
        g->unscored++;
        emo_text_printf(line, "no score");
        return;
    }
    const double *p = s->p + row * s->class_count;
    size_t predicted = emo_rules_predict(&rules, p, s->class_count);
    const char *said = s->classes[predicted];
    if (r->label >= 0) {
        int own = emo_scores_class(s, class_name(g, r->label));
        bool right = own == (int)predicted;
        c->rank = right;
        c->sure = right ? -p[own] : p[predicted];
        c->tile.marked = !right;
        emo_text_printf(line, right ? "\xe2\x9c\x93 " : "\xe2\x9c\x97 "); /* check, cross */
    }
    emo_text_shown(line, said, strlen(said));
    emo_text_printf(line, " %.3f", p[predicted]);
}

static int make_caption(struct emo_gallery *g, struct cell *c, const struct emo_record *r,
                        struct emo_error *err)
{
    struct emo_text text = {0};
    size_t n, from = 0;
    const char *name = emo_record_name(r, &n), *its_class = class_name(g, r->label);
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
    if (g->rules.scores != NULL) {
        emo_text_add(&text, "\n", 1);
        judge(g, c, r, &text);
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
static int make_pixels(struct cell *c, struct emo_shape thumb, const struct emo_record *r,
                       struct emo_error *err)
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

static int by_number(const void *a, const void *b)
{
    const struct cell *x = *(const struct cell *const *)a, *y = *(const struct cell *const *)b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Between equals the order of the input. */
static int by_mistake(const void *a, const void *b)
{
    const struct cell *x = *(const struct cell *const *)a, *y = *(const struct cell *const *)b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->rank < 2 && (x->sure < y->sure || x->sure > y->sure))
        return x->sure > y->sure ? -1 : 1;
    return by_number(a, b);
}

/* Sorts, and lets go what is beyond the limit. */
static void settle(struct emo_gallery *g, struct section *s)
{
    if (s->count > 1)
        qsort(s->cells, s->count, sizeof *s->cells, g->rules.mistakes ? by_mistake : by_number);
    for (; g->rules.limit > 0 && s->count > g->rules.limit; s->count--)
        free_cell(g, s->cells[s->count - 1]);
}

static int make_room(struct emo_gallery *g, struct section *s, struct emo_error *err)
{
    if (g->held > g->rules.memory) {
        char advice[] = "show fewer (--limit), smaller ones (--thumb), or allow more (--memory)";
        return emo_error(err, EMO_FAILED, "the thumbnails of %" PRIu64 " images take more than "
                         "%" PRIu64 " MiB: %s", g->shown, g->rules.memory >> 20, advice);
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

/* The section of a record; NULL: it is not shown. */
static struct section *section_of(const struct emo_gallery *g, const struct emo_record *r)
{
    if (g->rules.groups == NULL)
        return &g->sections[r->label < 0 ? g->section_count - 1 : (size_t)r->label];
    size_t n;
    const char *name = emo_record_name(r, &n);
    size_t i = emo_group_file_number(g->rules.groups, name, n);
    if (i == SIZE_MAX || g->section_of_group[i] == SIZE_MAX)
        return NULL;
    return &g->sections[g->section_of_group[i]];
}

int emo_gallery_add(struct emo_gallery *g, const struct emo_record *r, struct emo_error *err)
{
    struct section *s = section_of(g, r);
    uint64_t limit = g->rules.limit;
    if (s == NULL)
        return EMO_OK;
    bool labelled = s->images > 0 && s->label >= 0;
    s->contradicts = s->contradicts || (labelled && r->label >= 0 && r->label != s->label);
    if (!labelled)
        s->label = r->label;
    s->splits |= 1u << r->split;
    s->images++;
    if (limit > 0 && !g->rules.mistakes && s->count == limit)
        return EMO_OK;
    int status = make_room(g, s, err);
    if (status != EMO_OK)
        return status;
    struct cell *c = calloc(1, sizeof *c);
    if (c == NULL)
        return emo_error_memory(err, sizeof *c, "a thumbnail");
    s->cells[s->count++] = c;
    c->number = g->shown++;
    status = make_pixels(c, g->rules.thumb, r, err);
    if (status == EMO_OK)
        status = make_caption(g, c, r, err);
    g->held += c->held;
    if (status == EMO_OK && limit > 0 && s->count >= 2 * limit)
        settle(g, s);
    return status;
}

/* The sheet ----------------------------------------------------------------------------------- */

static void make_heading(const struct emo_gallery *g, size_t i)
{
    struct section *s = &g->sections[i];
    struct emo_text *h = &s->heading;
    size_t n;
    if (g->rules.groups != NULL) {
        const char *name = emo_group_file_group(g->rules.groups, g->group_of_section[i], &n);
        emo_text_printf(h, "group ");
        emo_text_shown(h, name, n);
    } else {
        const char *name = class_name(g, i + 1 < g->section_count ? (int16_t)i : (int16_t)-1);
        emo_text_shown(h, name, strlen(name));
    }
    if (s->count < s->images)
        emo_text_printf(h, " (%zu of %" PRIu64 ")", s->count, s->images);
    else
        emo_text_printf(h, " (%zu)", s->count);
}

/* What is wrong with near-duplicates: different labels, and lying on both sides of a split. */
static void make_note(struct section *s)
{
    unsigned splits = s->splits & ~(1u << EMO_SPLIT_NONE);
    if (s->contradicts)
        emo_text_printf(&s->note, "labels differ");
    if ((splits & (splits - 1)) == 0)
        return;
    emo_text_printf(&s->note, s->contradicts ? "; in " : "in ");
    for (uint8_t k = EMO_TRAIN; k <= EMO_TEST; k++)
        if (splits & 1u << k) {
            splits &= ~(1u << k);
            emo_text_printf(&s->note, splits != 0 ? "%s and " : "%s", emo_split_name(k));
        }
}

/* Of each class: so many that the sheet becomes about four by three. */
static uint32_t columns_of_class(const struct emo_sheet *sheet, size_t sections, size_t most)
{
    uint32_t height, width;
    emo_sheet_tile_size(sheet, &height, &width);
    double n = sqrt((double)most * height * 4 / 3 / ((double)sections * width));
    return n < 1 ? 1 : n > (double)most ? (uint32_t)most : (uint32_t)ceil(n);
}

static void arrange(const struct emo_gallery *g, struct emo_sheet *sheet, size_t most)
{
    uint32_t height, width, n = g->rules.columns;
    bool groups = g->rules.groups != NULL;
    emo_sheet_tile_size(sheet, &height, &width);
    if (n == 0)
        n = !groups                    ? columns_of_class(sheet, sheet->count, most)
            : GROUPS_WIDTH / width > 1 ? GROUPS_WIDTH / width
                                       : 2;
    sheet->across = groups ? n : 0;
    for (struct emo_block *b = g->blocks; b < g->blocks + sheet->count; b++)
        b->columns = b->count >= n ? n : b->count > 0 ? (uint32_t)b->count : 1;
}

/* Thumbs no larger than what is there needs; captions want some width. */
static void size_thumbs(const struct emo_gallery *g, struct emo_sheet *sheet)
{
    uint32_t widest = g->rules.thumb.width;
    sheet->thumb_height = 1;
    sheet->thumb_width = widest < CAPTION_WIDTH ? widest : CAPTION_WIDTH;
    for (size_t i = 0; i < g->section_count; i++)
        for (size_t k = 0; k < g->sections[i].count; k++) {
            const struct emo_tile *t = &g->sections[i].cells[k]->tile;
            if (t->height > sheet->thumb_height)
                sheet->thumb_height = t->height;
            if (t->width > sheet->thumb_width)
                sheet->thumb_width = t->width;
        }
}

int emo_gallery_sheet(struct emo_gallery *g, struct emo_sheet *sheet, struct emo_error *err)
{
    size_t most = 1;
    *sheet = (struct emo_sheet){
        .blocks = g->blocks, .caption_lines = g->rules.scores != NULL ? 3 : 2};
    size_thumbs(g, sheet);
    g->shown = 0;
    for (size_t i = 0; i < g->section_count; i++) {
        struct section *s = &g->sections[i];
        settle(g, s);
        if (s->count == 0 || (g->rules.groups != NULL && s->images < 2))
            continue;
        make_heading(g, i);
        if (g->rules.groups != NULL)
            make_note(s);
        s->tiles = malloc(s->count * sizeof *s->tiles);
        if (s->heading.failed || s->note.failed || s->tiles == NULL)
            return emo_error_memory(err, s->count * sizeof *s->tiles, "the sheet");
        for (size_t k = 0; k < s->count; k++)
            s->tiles[k] = &s->cells[k]->tile;
        g->blocks[sheet->count++] = (struct emo_block){
            .heading = s->heading.bytes, .note = s->note.bytes, .tiles = s->tiles,
            .count = s->count};
        most = s->count > most ? s->count : most;
        g->shown += s->count;
    }
    g->sections_shown = sheet->count;
    if (sheet->count == 0)
        g->blocks[sheet->count++] = (struct emo_block){.heading = "no images"};
    arrange(g, sheet, most);
    return EMO_OK;
}

uint64_t emo_gallery_shown(const struct emo_gallery *g)
{
    return g->shown;
}

size_t emo_gallery_sections(const struct emo_gallery *g)
{
    return g->sections_shown;
}

uint64_t emo_gallery_unscored(const struct emo_gallery *g)
{
    return g->unscored;
}
