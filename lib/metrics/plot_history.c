#include "metrics/plot_page.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

#define PANEL_HEIGHT 210.0
#define PANELS 3u
/* Up to here every epoch has a point. */
#define POINTS_TO 60u
#define FILE_CHARACTERS 28u

/* Of one panel: its name, and the columns of the data block. 0: none. */
static const struct panel {
    const char *name;
    int train, valid;
    bool highest; /* is best */
} panels[PANELS] = {
    {"Loss", 2, 4, false},
    {"Accuracy", 3, 5, true},
    {"AUC", 0, 6, true},
};

static double column(const struct emo_curve_epoch *e, int i)
{
    const double of[] = {NAN, e->epoch, e->loss, e->acc, e->val_loss, e->val_acc, e->val_auc};
    return of[i];
}

/* The row with the best value of a column; NULL: it has none. */
static const struct emo_curve_epoch *best(const struct emo_learning_curve *h, int col, bool highest)
{
    const struct emo_curve_epoch *found = NULL;
    for (size_t i = 0; col > 0 && i < h->count; i++) {
        double value = column(&h->at[i], col);
        if (!isfinite(value))
            continue;
        double least = found != NULL ? column(found, col) : value;
        if (found == NULL || (highest ? value > least : value < least))
            found = &h->at[i];
    }
    return found;
}

static void add_data(struct emo_text *out, size_t i, const struct emo_learning_curve *h)
{
    emo_text_printf(out, "$run%zu << EOD\n", i);
    for (size_t j = 0; j < h->count; j++)
        for (int k = 1; k <= 6; k++) {
            double value = column(&h->at[j], k);
            if (isfinite(value))
                emo_text_printf(out, "%.9g", value);
            else
                emo_text_printf(out, "NA");
            emo_text_printf(out, k < 6 ? " " : "\n");
        }
    emo_text_printf(out, "EOD\n");
}

/* "a.tsv, valid: lowest 0.585 (epoch 9)" */
static void add_title(struct emo_text *out, const struct emo_plot_run *run, int col,
                      const struct panel *p)
{
    struct emo_text t = {0};
    const struct emo_curve_epoch *b = best(&run->history, col, p->highest);
    if (run->file != NULL) {
        emo_page_tail(&t, run->file, FILE_CHARACTERS);
        emo_text_printf(&t, ", ");
    }
    if (col == p->train)
        emo_text_printf(&t, "train, as it was trained on");
    else
        emo_text_printf(&t, "valid: %s %.3f (epoch %g)", p->highest ? "highest" : "lowest",
                        column(b, col), b->epoch);
    emo_text_printf(out, " title ");
    emo_page_string(out, t.bytes != NULL ? t.bytes : "");
    out->failed = out->failed || t.failed;
    emo_text_free(&t);
}

static void add_line(struct emo_text *out, const struct emo_plot_run *run, size_t i, int col,
                     const struct panel *p, bool *first)
{
    bool points = run->history.count <= POINTS_TO;
    if (best(&run->history, col, true) == NULL)
        return;
    emo_text_printf(out, "%s$run%zu using 1:%d with %s ", *first ? "plot " : ", \\\n", i, col,
                    points ? "linespoints" : "lines");
    *first = false;
    if (col == p->train)
        emo_page_minor_line(out, i);
    else
        emo_page_line(out, i);
    add_title(out, run, col, p);
}

/* How many lines the legend of a panel has. */
static size_t entries(const struct emo_plot_run *runs, size_t count, const struct panel *p)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += (size_t)(best(&runs[i].history, p->valid, true) != NULL) +
             (best(&runs[i].history, p->train, true) != NULL);
    return n;
}

/* From half an epoch before the first to half an epoch after the last. */
static void set_epochs(struct emo_text *out, const struct emo_plot_run *runs, size_t count)
{
    double first = INFINITY, last = -INFINITY;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < runs[i].history.count; j++) {
            first = fmin(first, runs[i].history.at[j].epoch);
            last = fmax(last, runs[i].history.at[j].epoch);
        }
    emo_text_printf(out, "set xrange [%.9g:%.9g]\n", first - 0.5, last + 0.5);
    if (last - first <= 15) /* else gnuplot would number halves of them */
        emo_text_printf(out, "set xtics 1\n");
}

/* So many each number at the vertical axis has, of which there are some ten; -1: as many as it needs. */
static int decimals(const struct emo_plot_run *runs, size_t count, const struct panel *p)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < runs[i].history.count; j++) {
            const struct emo_curve_epoch *e = &runs[i].history.at[j];
            double train = column(e, p->train), valid = column(e, p->valid);
            if (isfinite(train)) {
                low = fmin(low, train);
                high = fmax(high, train);
            }
            if (isfinite(valid)) {
                low = fmin(low, valid);
                high = fmax(high, valid);
            }
        }
    double n = high > low ? ceil(-log10((high - low) / 10)) : INFINITY;
    return n > 3 ? -1 : n < 0 ? 0 : (int)n;
}

static void add_panel(struct emo_page *page, const struct emo_plot_run *runs, size_t count,
                      const struct panel *p, double top)
{
    bool first = true;
    double key = (double)entries(runs, count, p) * EMO_PAGE_LINE + 8;
    emo_page_panel(page, EMO_PAGE_LEFT, top + key, page->width - EMO_PAGE_LEFT - EMO_PAGE_RIGHT,
                   PANEL_HEIGHT);
    emo_page_key(page, EMO_PAGE_MARGIN, top);
    emo_page_set(page, "xlabel", "Epoch");
    emo_page_set(page, "ylabel", p->name);
    emo_text_printf(page->out, "set offsets 0, 0, graph 0.06, graph 0.06\n");
    int n = decimals(runs, count, p);
    if (n >= 0)
        emo_text_printf(page->out, "set format y '%%.%df'\n", n);
    set_epochs(page->out, runs, count);
    for (size_t i = 0; i < count; i++) {
        add_line(page->out, &runs[i], i, p->valid, p, &first);
        add_line(page->out, &runs[i], i, p->train, p, &first);
    }
    emo_text_printf(page->out, "\n");
}

int emo_plot_history(struct emo_text *out, enum emo_plot_format format, const char *title,
                     const struct emo_plot_run *runs, size_t count, struct emo_error *err)
{
    double top = emo_page_title_height(title) + 8, height = top;
    size_t shown = 0;
    for (size_t j = 0; j < PANELS; j++) {
        size_t n = entries(runs, count, &panels[j]);
        if (n > EMO_CAP_PLOT_LINES)
            return emo_error(err, EMO_INPUT, "over %u lines do not fit into one picture; take "
                             "fewer files", EMO_CAP_PLOT_LINES);
        if (n > 0)
            height += (double)n * EMO_PAGE_LINE + 8 + PANEL_HEIGHT + EMO_PAGE_BOTTOM;
        shown += n;
    }
    if (shown == 0)
        return emo_error(err, EMO_INPUT, "the history has no finite number");
    double width = runs[0].file != NULL ? EMO_PAGE_WIDE : EMO_PAGE_WIDTH;
    struct emo_page page = {out, title, width, height, false, 0};
    emo_page_begin(&page, format);
    for (size_t i = 0; i < count; i++)
        add_data(out, i, &runs[i].history);
    for (size_t j = 0; j < PANELS; j++) {
        size_t n = entries(runs, count, &panels[j]);
        if (n == 0)
            continue;
        add_panel(&page, runs, count, &panels[j], top);
        top += (double)n * EMO_PAGE_LINE + 8 + PANEL_HEIGHT + EMO_PAGE_BOTTOM;
    }
    emo_page_end(&page);
    return out->failed ? emo_error_memory(err, out->length, "a picture") : EMO_OK;
}
