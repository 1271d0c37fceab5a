/* Calibration: in bins of the probability, how often it came true; below, how many images each bin
   has. */
#include "metrics/plot_series.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>

#define STRIP 110.0
#define CLASS_CHARACTERS 24u
/* The intervals of more curves would only cover each other. */
#define BARS_TO 2u

/* Of each bin that is not empty: mean probability, share of hits, its interval (Wilson's), and of
   all bins an outline of the counts. */
static void add_data(struct emo_text *out, size_t i, const struct emo_calibration *c)
{
    emo_text_printf(out, "$bins%zu << EOD\n", i);
    for (unsigned b = 0; b < EMO_BINS; b++) {
        const struct emo_bin *bin = &c->bins[b];
        if (bin->count == 0)
            continue;
        struct emo_interval w = emo_wilson(bin->hits, bin->count);
        emo_text_printf(out, "%.9g %.9g %.9g %.9g\n", bin->sum / (double)bin->count,
                        (double)bin->hits / (double)bin->count, w.low, w.high);
    }
    emo_text_printf(out, "EOD\n$counts%zu << EOD\n0 0\n", i);
    for (unsigned b = 0; b < EMO_BINS; b++)
        emo_text_printf(out, "%.9g %" PRIu64 "\n%.9g %" PRIu64 "\n", (double)b / EMO_BINS,
                        c->bins[b].count, (double)(b + 1) / EMO_BINS, c->bins[b].count);
    emo_text_printf(out, "1 0\nEOD\n");
}

static void add_title(struct emo_text *out, const struct emo_plot_series *s)
{
    struct emo_text t = {0};
    emo_series_name(&t, s);
    emo_text_printf(&t, "calibration error %.3f, Brier %.3f", s->evaluation.calibration_error,
                    s->evaluation.brier);
    emo_series_images(&t, s);
    emo_text_printf(out, " title ");
    emo_page_string(out, t.bytes != NULL ? t.bytes : "");
    out->failed = out->failed || t.failed;
    emo_text_free(&t);
}

static void name_axes(const struct emo_page *page, const struct emo_plot *plot)
{
    struct emo_text x = {0}, y = {0};
    emo_text_printf(&x, "Mean probability of ");
    emo_text_printf(&y, emo_series_agree(plot) ? "Share that is " : "Share that is right");
    if (emo_series_agree(plot)) {
        emo_page_tail(&x, emo_series_positive(plot->series), CLASS_CHARACTERS);
        emo_page_tail(&y, emo_series_positive(plot->series), CLASS_CHARACTERS);
    } else
        emo_text_printf(&x, plot->series[0].scores->class_count == 2 ? "the positive class"
                                                                     : "the predicted class");
    emo_page_set(page, "xlabel", x.bytes != NULL ? x.bytes : "");
    emo_page_set(page, "ylabel", y.bytes != NULL ? y.bytes : "");
    page->out->failed = page->out->failed || x.failed || y.failed;
    emo_text_free(&x);
    emo_text_free(&y);
}

static double key_height(const struct emo_plot *plot)
{
    return (double)(plot->count + 1) * EMO_PAGE_LINE + 16;
}

static void add_reliability(struct emo_page *page, const struct emo_plot *plot, double top,
                            double side)
{
    struct emo_text *out = page->out;
    bool bars = plot->count <= BARS_TO;
    emo_page_panel(page, EMO_PAGE_LEFT, top + key_height(plot), side, side);
    emo_page_key(page, EMO_PAGE_MARGIN, top + 8);
    name_axes(page, plot);
    emo_text_printf(out, "set xrange [0:1]\nset yrange [0:1]\nset bars 0.5\nplot x with lines "
                    EMO_PAGE_REFERENCE " notitle, \\\n");
    for (size_t i = 0; i < plot->count; i++) {
        if (bars) {
            emo_text_printf(out, "$bins%zu using 1:2:3:4 with yerrorbars ", i);
            emo_page_bar(out, i);
            emo_text_printf(out, " notitle, \\\n");
        }
        emo_text_printf(out, "$bins%zu using 1:2 with linespoints ", i);
        emo_page_line(out, i);
        add_title(out, &plot->series[i]);
        emo_text_printf(out, ", \\\n");
    }
    emo_text_printf(out, "keyentry with lines " EMO_PAGE_REFERENCE " "
                    "title 'as it should be%s'\n", bars ? "; bars: 95 % intervals (Wilson)" : "");
}

/* 1, 2 or 5 times a power of ten, so that three of them reach the largest count. */
static double tic_step(const struct emo_plot *plot)
{
    uint64_t most = 1;
    for (size_t i = 0; i < plot->count; i++)
        for (unsigned b = 0; b < EMO_BINS; b++) {
            uint64_t n = plot->series[i].evaluation.calibration.bins[b].count;
            most = n > most ? n : most;
        }
    double step = pow(10, floor(log10((double)most)));
    if (step * 3 < (double)most)
        return step * 2;
    return step > 1 && step * 1.5 > (double)most ? step / 2 : step;
}

static void add_counts(struct emo_page *page, const struct emo_plot *plot, double top)
{
    struct emo_text *out = page->out;
    emo_page_panel(page, EMO_PAGE_LEFT, top,
                   page->width - EMO_PAGE_LEFT - EMO_PAGE_RIGHT, STRIP);
    emo_page_set(page, "ylabel", "Images");
    emo_page_set(page, "xlabel", "Probability, in bins of 1/15");
    emo_text_printf(out, "set xrange [0:1]\nset yrange [0:*]\n");
    /* At most four numbers in so low a panel. */
    emo_text_printf(out, "set ytics %.9g\nplot ", tic_step(plot));
    for (size_t i = 0; i < plot->count; i++) {
        emo_text_printf(out, "%s$counts%zu using 1:2 with lines ", i > 0 ? ", \\\n" : "", i);
        emo_page_line(out, i);
        emo_text_printf(out, " notitle");
    }
    emo_text_printf(out, "\n");
}

int emo_plot_calibration(struct emo_text *out, const struct emo_plot *plot, struct emo_error *err)
{
    if (plot->count > EMO_CAP_PLOT_LINES)
        return emo_error(err, EMO_INPUT, "over %u curves do not fit into one picture; take fewer "
                         "files, or one split with --only", EMO_CAP_PLOT_LINES);
    for (size_t i = 0; i < plot->count; i++)
        if (isnan(plot->series[i].evaluation.calibration_error))
            return emo_error(err, EMO_INPUT, "no calibration of scores that are no probabilities");
    double top = emo_page_title_height(plot->title);
    double width = emo_series_width(plot), side = width - EMO_PAGE_LEFT - EMO_PAGE_RIGHT;
    double strip = top + key_height(plot) + side + EMO_PAGE_BOTTOM;
    struct emo_page page = {out, plot->title, width, strip + STRIP + EMO_PAGE_BOTTOM, false, 0};
    emo_page_begin(&page, plot->format);
    for (size_t i = 0; i < plot->count; i++)
        add_data(out, i, &plot->series[i].evaluation.calibration);
    add_reliability(&page, plot, top, side);
    add_counts(&page, plot, strip);
    emo_page_end(&page);
    return EMO_OK;
}
