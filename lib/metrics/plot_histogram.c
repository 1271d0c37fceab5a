/* How the scores are spread: of two classes the positive one's, by true class; of more the
   predicted one's, of right and wrong predictions. */
#include "metrics/plot_series.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define BINS 20u
#define PANELS 12u
#define PANEL_HEIGHT 250.0
#define CLASS_CHARACTERS 24u
#define HEADING (4 * EMO_PAGE_LINE + 14)
/* The first is filled with pale grey, the second a dark outline: both show where they overlap. */
#define FIRST "linecolor rgb '#c4c4c4'"
#define SECOND "linecolor rgb '#17406d' linewidth 2.2"

#define THRESHOLD "linecolor rgb '#000000' dashtype (6,4) linewidth 1"

struct histogram {
    uint64_t bins[2][BINS], count[2];
    double low, high;
};

/* Which of the two a row belongs to, and its score. False: it has no label. */
static bool row_score(const struct emo_plot_series *s, size_t row, size_t *side, double *score)
{
    const struct emo_scores *scores = s->scores;
    const double *p = scores->p + row * scores->class_count;
    if (scores->at[row].label < 0)
        return false;
    size_t label = (size_t)scores->at[row].label;
    size_t predicted = emo_rules_predict(&s->rules, p, scores->class_count);
    bool two = scores->class_count == 2;
    *side = two ? label == s->rules.positive : label != predicted;
    *score = p[two ? s->rules.positive : predicted];
    return true;
}

static void count(struct histogram *h, const struct emo_plot_series *s)
{
    size_t side;
    double score;
    *h = (struct histogram){.low = 0, .high = 1};
    for (size_t i = 0; !s->scores->probabilities && i < s->group->count; i++)
        if (row_score(s, s->group->rows[i], &side, &score)) {
            h->low = score < h->low ? score : h->low;
            h->high = score > h->high ? score : h->high;
        }
    for (size_t i = 0; i < s->group->count; i++)
        if (row_score(s, s->group->rows[i], &side, &score)) {
            /* Halves first: the difference of two doubles may overflow. */
            double at = (score / 2 - h->low / 2) / (h->high / 2 - h->low / 2) * BINS;
            size_t bin = at >= BINS ? BINS - 1 : (size_t)at;
            h->bins[side][bin]++;
            h->count[side]++;
        }
}

/* The first as boxes: middle and count. The second as an outline: corners. */
static void add_data(struct emo_text *out, size_t i, const struct histogram *h)
{
    double step = h->high / BINS - h->low / BINS;
    emo_text_printf(out, "$first%zu << EOD\n", i);
    for (unsigned b = 0; b < BINS; b++)
        emo_text_printf(out, "%.9g %" PRIu64 " %.9g\n", h->low + (b + 0.5) * step, h->bins[0][b],
                        step);
    emo_text_printf(out, "EOD\n$second%zu << EOD\n%.9g 0\n", i, h->low);
    for (unsigned b = 0; b < BINS; b++)
        emo_text_printf(out, "%.9g %" PRIu64 "\n%.9g %" PRIu64 "\n", h->low + b * step,
                        h->bins[1][b], h->low + (b + 1) * step, h->bins[1][b]);
    emo_text_printf(out, "%.9g 0\nEOD\n", h->high);
}

static void add_title(struct emo_text *out, const char *what, uint64_t n)
{
    struct emo_text t = {0};
    emo_page_tail(&t, what, CLASS_CHARACTERS);
    emo_text_printf(&t, ", %" PRIu64 " image%s", n, n == 1 ? "" : "s");
    emo_text_printf(out, " title ");
    emo_page_string(out, t.bytes != NULL ? t.bytes : "");
    out->failed = out->failed || t.failed;
    emo_text_free(&t);
}

static void add_texts(struct emo_page *page, const struct emo_plot_series *s, double top)
{
    struct emo_text heading = {0}, axis = {0};
    emo_series_name(&heading, s);
    emo_text_printf(&heading, s->scores->class_count == 2 ? "AUC " : "mean AUC ");
    if (isnan(s->evaluation.overall.auc))
        emo_text_printf(&heading, "NA");
    else
        emo_series_figure(&heading, s->evaluation.overall.auc, s->evaluation.overall.auc_interval);
    emo_series_images(&heading, s);
    emo_text_printf(&axis, "Score of ");
    if (s->scores->class_count == 2)
        emo_page_tail(&axis, emo_series_positive(s), CLASS_CHARACTERS);
    else
        emo_text_printf(&axis, "the predicted class");
    emo_page_text(page, EMO_PAGE_MARGIN + 8, top + EMO_PAGE_LINE / 2,
                  heading.bytes != NULL ? heading.bytes : "");
    emo_page_set(page, "xlabel", axis.bytes != NULL ? axis.bytes : "");
    emo_page_set(page, "ylabel", "Images");
    page->out->failed = page->out->failed || heading.failed || axis.failed;
    emo_text_free(&heading);
    emo_text_free(&axis);
}

static void add_panel(struct emo_page *page, const struct emo_plot_series *s, size_t i, double top)
{
    struct emo_text *out = page->out;
    struct histogram h;
    bool two = s->scores->class_count == 2;
    count(&h, s);
    add_data(out, i, &h);
    emo_page_panel(page, EMO_PAGE_LEFT, top + HEADING,
                   page->width - EMO_PAGE_LEFT - EMO_PAGE_RIGHT, PANEL_HEIGHT);
    add_texts(page, s, top);
    emo_page_key(page, EMO_PAGE_MARGIN, top + EMO_PAGE_LINE);
    emo_text_printf(out, "set style fill solid 1.0 noborder\n"
                    "set xrange [%.9g:%.9g]\nset yrange [0:*]\n", h.low, h.high);
    bool within = two && s->rules.threshold > h.low && s->rules.threshold < h.high;
    if (within)
        emo_text_printf(out, "set arrow from %.9g,graph 0 to %.9g,graph 1 nohead front "
                        THRESHOLD "\n", s->rules.threshold, s->rules.threshold);
    emo_text_printf(out, "plot $first%zu using 1:2:3 with boxes " FIRST, i);
    add_title(out, two ? emo_series_negative(s) : "predicted rightly", h.count[0]);
    emo_text_printf(out, ", \\\n$second%zu using 1:2 with lines " SECOND, i);
    add_title(out, two ? emo_series_positive(s) : "predicted wrongly", h.count[1]);
    if (within)
        emo_text_printf(out, ", \\\nkeyentry with lines " THRESHOLD " title 'threshold %g'",
                        s->rules.threshold);
    emo_text_printf(out, "\n");
}

int emo_plot_histogram(struct emo_text *out, const struct emo_plot *plot, struct emo_error *err)
{
    if (plot->count > PANELS)
        return emo_error(err, EMO_INPUT, "over %u histograms do not fit into one picture; take "
                         "fewer files, or one split with --only", PANELS);
    for (size_t i = 0; i < plot->count; i++)
        if (plot->series[i].evaluation.not_finite > 0)
            return emo_error(err, EMO_INPUT, "some scores are no finite numbers");
    double top = emo_page_title_height(plot->title) + 10;
    double height = HEADING + PANEL_HEIGHT + EMO_PAGE_BOTTOM + 10;
    struct emo_page page = {out, plot->title, emo_series_width(plot),
                            top + (double)plot->count * height, false, 0};
    emo_page_begin(&page, plot->format);
    for (size_t i = 0; i < plot->count; i++)
        add_panel(&page, &plot->series[i], i, top + (double)i * height);
    emo_page_end(&page);
    return EMO_OK;
}
