/*
 * A page of panels in the language of gnuplot, and the one style that all
 * pictures have. Lengths are pixels of the SVG from its upper left corner; the
 * other formats scale them.
 */
#ifndef EMO_METRICS_PLOT_PAGE_H
#define EMO_METRICS_PLOT_PAGE_H

#include "metrics/plot.h"

#define EMO_PAGE_WIDTH 600.0
#define EMO_PAGE_WIDE 720.0 /* with the names of files in the legend */
#define EMO_PAGE_LINE 23.0  /* height of a line of text */
#define EMO_PAGE_MARGIN 16.0
#define EMO_PAGE_LETTERS 14.0 /* the size of text, unless said */
#define EMO_PAGE_LEFT 88.0 /* room for the numbers and the name of the vertical axis */
#define EMO_PAGE_RIGHT 20.0
#define EMO_PAGE_BOTTOM 74.0

/* title NULL: none. */
struct emo_page {
    struct emo_text *out;
    const char *title;
    double width, height;
    /* By the page itself: */
    bool titled;
    double letters; /* what the format calls the size of text */
};

/* Height that the title takes, before the first panel. */
double emo_page_title_height(const char *title);
void emo_page_begin(struct emo_page *p, enum emo_plot_format format);
void emo_page_end(const struct emo_page *p);

/* The area of the next panel, without its axes' names; labels, arrows and rectangles of the panel
   before are gone. */
void emo_page_panel(struct emo_page *p, double left, double top, double width, double height);
/* Where the legend of the panel begins: one line an entry. */
void emo_page_key(const struct emo_page *p, double left, double top);
/* Text at a place of the page, beginning there. */
void emo_page_text(const struct emo_page *p, double left, double middle, const char *text);

/* What a font of another size is called in this format. */
double emo_page_font(const struct emo_page *p, double pixels);

/* "set NAME 'text'": xlabel, ylabel. */
void emo_page_set(const struct emo_page *p, const char *name, const char *text);

/* s, without control bytes, as a string of gnuplot in which nothing is interpreted. What comes from
   outside has passed through emo_page_tail(). */
void emo_page_string(struct emo_text *out, const char *s);

/* How line i looks, in a plot command; beyond EMO_PAGE_LINES they repeat. Of two lines with the
   same i, the minor one is thinner, and dashed. */
#define EMO_PAGE_LINES 6u
void emo_page_line(struct emo_text *out, size_t i);
void emo_page_minor_line(struct emo_text *out, size_t i);
/* Thin and solid: the bar of an interval. */
void emo_page_bar(struct emo_text *out, size_t i);
/* An open point of the same colour. */
void emo_page_mark(struct emo_text *out, size_t i);

/* The line of chance, or of what should be. */
#define EMO_PAGE_REFERENCE "linecolor rgb '#707070' dashtype (3,4) linewidth 1.5"

/* At most so many characters of s, the end of it where it is longer. */
void emo_page_tail(struct emo_text *out, const char *s, size_t characters);
/* How many characters emo_text_shown() makes of s. */
size_t emo_page_characters(const char *s);

#endif
