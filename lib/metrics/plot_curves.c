/* ROC and precision-recall. */
#include "metrics/plot_series.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>

/* A step that nobody sees at this size. */
#define INVISIBLE 0.0005
#define CLASS_CHARACTERS 14u

/* One class of a series against the rest. */
struct line {
    const struct emo_plot_series *series;
    size_t class;
};

static int find_lines(const struct emo_plot *plot, struct line *lines, size_t *count,
                      struct emo_error *err)
{
    *count = 0;
    for (size_t i = 0; i < plot->count; i++) {
        const struct emo_plot_series *s = &plot->series[i];
        size_t classes = s->scores->class_count;
        for (size_t k = 0; k < classes; k++) {
            if (isnan(s->evaluation.ranked[k].auc) || (classes == 2 && k != s->rules.positive))
                continue;
            if (*count == EMO_CAP_PLOT_LINES)
                return emo_error(err, EMO_INPUT, "over %u curves do not fit into one picture; "
                                 "take fewer files, or one split with --only", EMO_CAP_PLOT_LINES);
            lines[(*count)++] = (struct line){s, k};
        }
    }
    return *count > 0 ? EMO_OK
                      : emo_error(err, EMO_INPUT, "no curve can be drawn: it needs labelled images "
                                  "of both sides, and scores that are all finite");
}

static bool seen_from(const struct emo_point *a, const struct emo_point *b)
{
    return fabs(a->x - b->x) > INVISIBLE || fabs(a->y - b->y) > INVISIBLE;
}

/* The points as a block of data; of precision-recall without the last, which is no measurement. */
static void add_points(struct emo_text *out, size_t i, const struct emo_curve *c, bool pr)
{
    size_t count = c->count - (pr && c->count > 0);
    const struct emo_point *last = NULL;
    emo_text_printf(out, "$line%zu << EOD\n", i);
    for (size_t j = 0; j < count; j++) {
        const struct emo_point *p = &c->points[j];
        if (last != NULL && j + 1 < count && !seen_from(p, last))
            continue;
        last = p;
        emo_text_printf(out, "%.9g %.9g\n", p->x, p->y);
    }
    if (pr && last != NULL)
        emo_text_printf(out, "0 %.9g\n", last->y);
    emo_text_printf(out, "EOD\n");
}

/* Where on the curve the threshold is, of two classes. */
static void add_threshold(struct emo_text *out, size_t i, const struct line *l, bool pr)
{
    const struct emo_confusion *c = &l->series->evaluation.confusion;
    if (c->classes != 2)
        return;
    size_t positive = l->class;
    struct emo_class_counts p = emo_confusion_class(c, positive);
    struct emo_class_counts n = emo_confusion_class(c, 1 - positive);
    emo_text_printf(out, "$threshold%zu << EOD\n", i);
    if (pr && p.predicted > 0)
        emo_text_printf(out, "%.9g %.9g\n", p.recall, p.precision);
    else if (!pr)
        emo_text_printf(out, "%.9g %.9g\n",
                        (double)(p.predicted - p.right) / (double)n.support, p.recall);
    else
        emo_text_printf(out, "NA NA\n");
    emo_text_printf(out, "EOD\n");
}

static int add_data(struct emo_text *out, size_t i, const struct line *l, bool pr,
                    struct emo_error *err)
{
    const struct emo_plot_series *s = l->series;
    struct emo_ranking ranking;
    struct emo_curve curve = {0};
    int status = emo_scores_rank(s->scores, s->group->rows, s->group->count, l->class,
                                 s->rules.positive, &ranking, err);
    if (status == EMO_OK)
        status = pr ? emo_curve_pr(&curve, &ranking, err) : emo_curve_roc(&curve, &ranking, err);
    if (status == EMO_OK) {
        add_points(out, i, &curve, pr);
        add_threshold(out, i, l, pr);
    }
    emo_curve_free(&curve);
    emo_ranking_free(&ranking);
    return status;
}

static double share_of_positives(const struct line *l)
{
    const struct emo_evaluation *e = &l->series->evaluation;
    return (double)emo_confusion_class(&e->confusion, l->class).support / (double)e->images;
}

/* "a.emo, valid: AUC 0.775 (0.720 to 0.821), 325 images" */
static void add_title(struct emo_text *out, const struct line *l, bool name_class, bool pr)
{
    struct emo_text t = {0};
    const struct emo_ranked *r = &l->series->evaluation.ranked[l->class];
    emo_series_name(&t, l->series);
    if (name_class) {
        emo_page_tail(&t, l->series->scores->classes[l->class], CLASS_CHARACTERS);
        emo_text_printf(&t, ", ");
    }
    if (pr)
        emo_text_printf(&t, "average precision %.3f (chance %.3f)", r->average_precision,
                        share_of_positives(l));
    else {
        emo_text_printf(&t, "AUC ");
        emo_series_figure(&t, r->auc, r->auc_interval);
    }
    emo_series_images(&t, l->series);
    emo_text_printf(out, " title ");
    emo_page_string(out, t.bytes != NULL ? t.bytes : "");
    out->failed = out->failed || t.failed;
    emo_text_free(&t);
}

static void name_axes(const struct emo_page *p, const struct emo_plot *plot, bool pr)
{
    struct emo_text yes = {0}, no = {0}, x = {0}, y = {0};
    emo_text_printf(&x, pr ? "Recall" : "False positive rate");
    emo_text_printf(&y, pr ? "Precision" : "True positive rate");
    if (emo_series_agree(plot)) {
        emo_page_tail(&yes, emo_series_positive(plot->series), CLASS_CHARACTERS);
        emo_page_tail(&no, emo_series_negative(plot->series), CLASS_CHARACTERS);
        if (pr)
            emo_text_printf(&x, " (of %s, how many are found)", yes.bytes);
        else
            emo_text_printf(&x, " (%s taken for %s)", no.bytes, yes.bytes);
        emo_text_printf(&y, pr ? " (of what is called %s)" : " (%s found)", yes.bytes);
    }
    emo_page_set(p, "xlabel", x.bytes);
    emo_page_set(p, "ylabel", y.bytes);
    p->out->failed = p->out->failed || yes.failed || no.failed || x.failed || y.failed;
    emo_text_free(&yes);
    emo_text_free(&no);
    emo_text_free(&x);
    emo_text_free(&y);
}

/* The plot command: chance first, so that it lies below; thresholds last. */
static void add_plot(struct emo_text *out, const struct line *lines, size_t count, double threshold,
                     bool name_class, bool pr)
{
    bool marked = false;
    emo_text_printf(out, "plot ");
    for (size_t i = 0; pr && i < count; i++)
        emo_text_printf(out, "%.9g with lines " EMO_PAGE_REFERENCE " notitle, \\\n",
                        share_of_positives(&lines[i]));
    if (!pr)
        emo_text_printf(out, "x with lines " EMO_PAGE_REFERENCE " notitle, \\\n");
    for (size_t i = 0; i < count; i++) {
        emo_text_printf(out, "$line%zu using 1:2 with %s ", i, pr ? "steps" : "lines");
        emo_page_line(out, i);
        add_title(out, &lines[i], name_class, pr);
        emo_text_printf(out, ", \\\n");
    }
    for (size_t i = 0; i < count; i++) {
        if (lines[i].series->scores->class_count != 2)
            continue;
        marked = true;
        emo_text_printf(out, "$threshold%zu using 1:2 with points ", i);
        emo_page_mark(out, i);
        emo_text_printf(out, " notitle, \\\n");
    }
    if (marked) {
        emo_text_printf(out, "keyentry with points ");
        emo_page_mark(out, 0);
        emo_text_printf(out, " title 'at threshold %g', \\\n", threshold);
    }
    emo_text_printf(out, "keyentry with lines " EMO_PAGE_REFERENCE " title 'chance'\n");
}

int emo_plot_curves(struct emo_text *out, const struct emo_plot *plot, struct emo_error *err)
{
    bool pr = plot->kind == EMO_PLOT_PR;
    struct line lines[EMO_CAP_PLOT_LINES];
    size_t count;
    int status = find_lines(plot, lines, &count, err);
    if (status != EMO_OK)
        return status;
    bool agree = emo_series_agree(plot);
    double top = emo_page_title_height(plot->title);
    double key = (double)(count + 2) * EMO_PAGE_LINE + 16;
    double width = emo_series_width(plot), side = width - EMO_PAGE_LEFT - EMO_PAGE_RIGHT;
    struct emo_page page = {out, plot->title, width, top + key + side + EMO_PAGE_BOTTOM, false, 0};
    emo_page_begin(&page, plot->format);
    for (size_t i = 0; status == EMO_OK && i < count; i++)
        status = add_data(out, i, &lines[i], pr, err);
    emo_page_panel(&page, EMO_PAGE_LEFT, top + key, side, side);
    emo_page_key(&page, EMO_PAGE_MARGIN, top + 8);
    name_axes(&page, plot, pr);
    emo_text_printf(out, "set xrange [0:1]\nset yrange [0:1]\n");
    add_plot(out, lines, count, plot->series[0].rules.threshold, !agree, pr);
    emo_page_end(&page);
    return status;
}
