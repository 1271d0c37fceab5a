/* Confusion matrices: real classes across, predicted ones down, shares of each real class. */
#include "metrics/plot_series.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define ALONE 580.0
#define BESIDE 420.0 /* the width of each, where two stand side by side */
#define CHARACTER 8.0
#define CLASS_CHARACTERS 16u
#define HEADING (2 * EMO_PAGE_LINE + 14)
#define LEFT 60.0 /* and the names of the classes */
#define BOTTOM 52.0
#define MARGIN 18.0
/* With more classes the cells are too small for a share, and for the count below it. */
#define SHARES_TO 14u
#define COUNTS_TO 7u
#define PANELS 12u

/* Sizes that all panels share. */
struct layout {
    double width, left, side, bottom;
    bool upright; /* names across, that do not fit otherwise */
    size_t columns;
};

static struct layout lay_out(const struct emo_plot *plot)
{
    struct layout l = {.columns = plot->count > 1 ? 2 : 1};
    size_t longest = 0, classes = 2;
    for (size_t i = 0; i < plot->count; i++) {
        const struct emo_scores *s = plot->series[i].scores;
        classes = s->class_count > classes ? s->class_count : classes;
        for (size_t k = 0; k < s->class_count; k++) {
            size_t n = emo_page_characters(s->classes[k]);
            longest = n > longest ? n : longest;
        }
    }
    longest = longest > CLASS_CHARACTERS ? CLASS_CHARACTERS : longest;
    l.width = plot->count > 1 ? BESIDE : ALONE;
    l.left = LEFT + (double)longest * CHARACTER;
    l.side = l.width - l.left - MARGIN;
    l.upright = (double)longest * CHARACTER > l.side / (double)classes;
    l.bottom = BOTTOM + EMO_PAGE_LINE + (l.upright ? (double)longest * CHARACTER : 0);
    return l;
}

/* Between white and a blue on which black text is read, as white text is on its negative. */
static void add_colour(struct emo_text *out, double share)
{
    static const int dark[3] = {0x7f, 0xa3, 0xc8};
    emo_text_printf(out, "'#");
    for (int i = 0; i < 3; i++)
        emo_text_printf(out, "%02x", (unsigned)lround(255 - share * (255 - dark[i])));
    emo_text_printf(out, "'");
}

static void add_cell(const struct emo_page *page, const struct emo_confusion *c, size_t real,
                     size_t predicted)
{
    struct emo_text *out = page->out;
    uint64_t n = emo_confusion_at(c, real, predicted);
    uint64_t support = emo_confusion_class(c, real).support;
    double share = support > 0 ? (double)n / (double)support : 0;
    double x = (double)real + 0.5, y = (double)predicted + 0.5;
    bool large = c->classes <= 3, counts = c->classes <= COUNTS_TO;
    emo_text_printf(out, "set object rectangle from %zu,%zu to %zu,%zu back fillstyle solid 1.0 "
                    "noborder fillcolor rgb ", real, predicted, real + 1, predicted + 1);
    add_colour(out, share);
    emo_text_printf(out, "\n");
    if (c->classes > SHARES_TO)
        return;
    emo_text_printf(out, "set label '");
    if (support > 0)
        emo_text_printf(out, "%.2f", share);
    else
        emo_text_printf(out, "NA");
    emo_text_printf(out, "' at %g,%g center noenhanced font ',%.3g'%s\n", x, y,
                    emo_page_font(page, large ? 21 : counts ? 14 : 10), counts ? " offset 0,0.5" : "");
    if (!counts)
        return;
    emo_text_printf(out, "set label '%" PRIu64, n);
    if (large)
        emo_text_printf(out, " of %" PRIu64, support);
    emo_text_printf(out, "' at %g,%g center noenhanced font ',%.3g' offset 0,%s\n", x, y,
                    emo_page_font(page, large ? 14 : 11), large ? "-0.9" : "-0.6");
}

/* The names of the classes beside the cells. A tic's label is a format, in which % is %%. */
static void add_tics(struct emo_text *out, const char *axis, const struct emo_scores *s,
                     const char *rotate)
{
    emo_text_printf(out, "set %s scale 0 noenhanced %s (", axis, rotate);
    for (size_t k = 0; k < s->class_count; k++) {
        struct emo_text cut = {0}, format = {0};
        emo_page_tail(&cut, s->classes[k], CLASS_CHARACTERS);
        for (size_t i = 0; i < cut.length; i++)
            emo_text_add(&format, cut.bytes[i] == '%' ? "%%" : cut.bytes + i,
                         cut.bytes[i] == '%' ? 2 : 1);
        emo_text_printf(out, "%s", k > 0 ? ", " : "");
        emo_page_string(out, format.bytes != NULL ? format.bytes : "");
        emo_text_printf(out, " %g", (double)k + 0.5);
        out->failed = out->failed || cut.failed || format.failed;
        emo_text_free(&cut);
        emo_text_free(&format);
    }
    emo_text_printf(out, ")\n");
}

static void add_heading(struct emo_page *page, const struct emo_plot_series *s, double left,
                        double top)
{
    const struct emo_evaluation *e = &s->evaluation;
    struct emo_text one = {0}, two = {0};
    emo_series_name(&one, s);
    emo_text_printf(&one, "%" PRIu64 " image%s", e->images, e->images == 1 ? "" : "s");
    emo_text_printf(&two, "accuracy ");
    emo_series_figure(&two, e->accuracy, e->accuracy_interval);
    emo_text_printf(&two, ", majority %.3f", e->majority_accuracy);
    emo_page_text(page, left, top + EMO_PAGE_LINE / 2, one.bytes != NULL ? one.bytes : "");
    emo_page_text(page, left, top + EMO_PAGE_LINE * 3 / 2, two.bytes != NULL ? two.bytes : "");
    page->out->failed = page->out->failed || one.failed || two.failed;
    emo_text_free(&one);
    emo_text_free(&two);
}

static void add_panel(struct emo_page *page, const struct emo_plot_series *s,
                      const struct layout *l, double left, double top)
{
    const struct emo_confusion *c = &s->evaluation.confusion;
    emo_page_panel(page, left + l->left, top + HEADING, l->side, l->side);
    add_heading(page, s, left + MARGIN, top);
    emo_page_set(page, "xlabel", "Real");
    emo_page_set(page, "ylabel", "Predicted");
    add_tics(page->out, "xtics", s->scores, l->upright ? "rotate by 90 right" : "");
    add_tics(page->out, "ytics", s->scores, "");
    for (size_t real = 0; real < c->classes; real++)
        for (size_t predicted = 0; predicted < c->classes; predicted++)
            add_cell(page, c, real, predicted);
    emo_text_printf(page->out, "set xrange [0:%zu]\nset yrange [%zu:0]\nplot NaN notitle\n",
                    c->classes, c->classes);
}

static int check(const struct emo_plot *plot, struct emo_error *err)
{
    if (plot->count > PANELS)
        return emo_error(err, EMO_INPUT, "over %u matrices do not fit into one picture; take fewer "
                         "files, or one split with --only", PANELS);
    for (size_t i = 0; i < plot->count; i++) {
        size_t n = plot->series[i].scores->class_count;
        if (n > EMO_CAP_PLOT_CLASSES)
            return emo_error(err, EMO_INPUT, "%zu classes; a matrix of more than %u cannot be read "
                             "in a picture: emo-metrics lists the largest confusions", n,
                             EMO_CAP_PLOT_CLASSES);
        if (plot->series[i].evaluation.not_finite > 0)
            return emo_error(err, EMO_INPUT, "some scores are no finite numbers");
    }
    return EMO_OK;
}

int emo_plot_confusion(struct emo_text *out, const struct emo_plot *plot, struct emo_error *err)
{
    int status = check(plot, err);
    if (status != EMO_OK)
        return status;
    struct layout l = lay_out(plot);
    size_t rows = (plot->count + l.columns - 1) / l.columns;
    double top = emo_page_title_height(plot->title) + 10;
    double height = HEADING + l.side + l.bottom;
    struct emo_page page = {out, plot->title, (double)l.columns * l.width,
                            top + (double)rows * height, false, 0};
    emo_page_begin(&page, plot->format);
    emo_text_printf(out, "set border 15\nunset grid\n");
    for (size_t i = 0; i < plot->count; i++) {
        size_t row = i / l.columns, column = i % l.columns;
        add_panel(&page, &plot->series[i], &l, (double)column * l.width,
                  top + (double)row * height);
    }
    emo_page_end(&page);
    return EMO_OK;
}
