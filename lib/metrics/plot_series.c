#include "metrics/plot_series.h"

#include "base/text.h"
#include "stream/frame.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define FILE_CHARACTERS 24u

void emo_series_name(struct emo_text *out, const struct emo_plot_series *s)
{
    const struct emo_group *g = s->group;
    if (s->file != NULL)
        emo_page_tail(out, s->file, FILE_CHARACTERS);
    if (g->split != EMO_SPLIT_NONE)
        emo_text_printf(out, "%s%s", s->file != NULL ? ", " : "", emo_split_name(g->split));
    if (g->seen == EMO_SEEN || g->split == EMO_TRAIN)
        emo_text_printf(out, g->split == EMO_TRAIN ? " (fit)" : " seen in training");
    if (out->length > 0)
        emo_text_printf(out, ": ");
}

void emo_series_figure(struct emo_text *out, double figure, struct emo_interval i)
{
    emo_text_printf(out, "%.3f", figure);
    if (!isnan(i.low))
        emo_text_printf(out, " (%.3f to %.3f)", i.low, i.high);
}

void emo_series_images(struct emo_text *out, const struct emo_plot_series *s)
{
    uint64_t n = s->evaluation.images;
    emo_text_printf(out, ", %" PRIu64 " image%s", n, n == 1 ? "" : "s");
}

const char *emo_series_positive(const struct emo_plot_series *s)
{
    return s->scores->classes[s->rules.positive];
}

const char *emo_series_negative(const struct emo_plot_series *s)
{
    return s->scores->classes[1 - s->rules.positive];
}

double emo_series_width(const struct emo_plot *plot)
{
    return plot->series[0].file != NULL ? EMO_PAGE_WIDE : EMO_PAGE_WIDTH;
}

bool emo_series_agree(const struct emo_plot *plot)
{
    const struct emo_plot_series *first = &plot->series[0];
    for (size_t i = 0; i < plot->count; i++) {
        const struct emo_plot_series *s = &plot->series[i];
        if (s->scores->class_count != 2 ||
            strcmp(emo_series_positive(s), emo_series_positive(first)) != 0 ||
            strcmp(emo_series_negative(s), emo_series_negative(first)) != 0)
            return false;
    }
    return true;
}

int emo_plot_scores(struct emo_text *out, const struct emo_plot *plot, struct emo_error *err)
{
    int status;
    if (plot->count == 0)
        return emo_error(err, EMO_INPUT, "no scores of labelled images in the splits asked for");
    if (plot->kind == EMO_PLOT_CONFUSION)
        status = emo_plot_confusion(out, plot, err);
    else if (plot->kind == EMO_PLOT_SCORES)
        status = emo_plot_histogram(out, plot, err);
    else if (plot->kind == EMO_PLOT_CALIBRATION)
        status = emo_plot_calibration(out, plot, err);
    else
        status = emo_plot_curves(out, plot, err);
    if (status == EMO_OK && out->failed)
        status = emo_error_memory(err, out->length, "a picture");
    return status;
}
