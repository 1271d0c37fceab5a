/*
 * What the pictures of scores have in common: how a series is called, which
 * class is positive, the parts that emo_plot_scores() is made of.
 */
#ifndef EMO_METRICS_PLOT_SERIES_H
#define EMO_METRICS_PLOT_SERIES_H

#include "metrics/plot_page.h"

/* "runs/a.emo, valid: ": the file where it has a name, the split where there is one, and whether
   the model was trained on these images. */
void emo_series_name(struct emo_text *out, const struct emo_plot_series *s);
/* "0.775 (0.720 to 0.821)"; without the interval where there is none. */
void emo_series_figure(struct emo_text *out, double figure, struct emo_interval i);
/* ", 325 images" */
void emo_series_images(struct emo_text *out, const struct emo_plot_series *s);

/* Of a page with their legend. */
double emo_series_width(const struct emo_plot *plot);

/* Do all have the same two classes, and the same positive one? */
bool emo_series_agree(const struct emo_plot *plot);
const char *emo_series_positive(const struct emo_plot_series *s);
const char *emo_series_negative(const struct emo_plot_series *s);

int emo_plot_curves(struct emo_text *out, const struct emo_plot *plot, struct emo_error *err);
int emo_plot_calibration(struct emo_text *out, const struct emo_plot *plot, struct emo_error *err);
int emo_plot_confusion(struct emo_text *out, const struct emo_plot *plot, struct emo_error *err);
int emo_plot_histogram(struct emo_text *out, const struct emo_plot *plot, struct emo_error *err);

#endif
