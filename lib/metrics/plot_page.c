#include "metrics/plot_page.h"

#include "base/text.h"

#include <string.h>

#define TITLE_SIZE 17
#define TITLE_CHARACTERS 58u

/* Dark enough on white, each of another darkness, and each with a dash and a point of its own. */
static const struct {
    const char *colour, *dash;
    int point;
} lines[EMO_PAGE_LINES] = {
    {"#17406d", "solid", 7},      {"#c8501e", "(14,5)", 5},      {"#4d4d4d", "(3,4)", 9},
    {"#2a8c63", "(14,4,3,4)", 11}, {"#8a4fa0", "(24,6)", 13},     {"#a6780c", "(8,3,3,3,3,3)", 15},
};

double emo_page_title_height(const char *title)
{
    return title != NULL ? EMO_PAGE_LINE + 12 : 0;
}

void emo_page_begin(struct emo_page *p, enum emo_plot_format format)
{
    struct emo_text *out = p->out;
    switch (format) {
    case EMO_PLOT_SVG:
        p->letters = EMO_PAGE_LETTERS;
        emo_text_printf(out, "set terminal svg noenhanced size %.0f,%.0f font 'sans-serif,%g'",
                        p->width, p->height, p->letters);
        break;
    case EMO_PLOT_PNG: /* twice the size: sharp on every screen */
        p->letters = 10.5;
        emo_text_printf(out, "set terminal pngcairo noenhanced size %.0f,%.0f "
                        "font 'sans-serif,%g' fontscale 2 linewidth 2 pointscale 2", 2 * p->width,
                        2 * p->height, p->letters);
        break;
    case EMO_PLOT_PDF: /* 100 pixels an inch */
        p->letters = 7.6;
        emo_text_printf(out, "set terminal pdfcairo noenhanced size %.2fin,%.2fin "
                        "font 'sans-serif,%g' fontscale 1 linewidth 1.5 pointscale 0.7",
                        p->width / 100, p->height / 100, p->letters);
        break;
    }
    emo_text_printf(out, " background '#ffffff'\n"
                    "set encoding utf8\n"
                    "set multiplot\n"
                    "set border 3 linecolor rgb '#606060' linewidth 1\n"
                    "set tics nomirror out scale 0.6\n"
                    "set grid linecolor rgb '#d8d8d8' linewidth 0.7 dashtype solid\n"
                    "set key noenhanced Left reverse samplen 3 spacing %s maxcols 1\n"
                    "set datafile missing 'NA'\n", format == EMO_PLOT_SVG ? "1.1" : "1.3");
}

double emo_page_font(const struct emo_page *p, double pixels)
{
    return pixels * p->letters / EMO_PAGE_LETTERS;
}

void emo_page_end(const struct emo_page *p)
{
    emo_text_printf(p->out, "unset multiplot\nset output\n");
}

/* Once, as what is drawn twice is drawn bolder. */
static void add_title(struct emo_page *p)
{
    struct emo_text cut = {0};
    p->titled = true;
    if (p->title == NULL)
        return;
    emo_page_tail(&cut, p->title, TITLE_CHARACTERS);
    emo_text_printf(p->out, "set label ");
    emo_page_string(p->out, cut.bytes != NULL ? cut.bytes : "");
    emo_text_printf(p->out, " at screen %.5f,%.5f noenhanced font ',%.3g'\n", 16 / p->width,
                    1 - emo_page_title_height(p->title) / 2 / p->height,
                    emo_page_font(p, TITLE_SIZE));
    emo_text_free(&cut);
}

void emo_page_panel(struct emo_page *p, double left, double top, double width, double height)
{
    emo_text_printf(p->out, "set lmargin at screen %.5f\nset rmargin at screen %.5f\n"
                    "set tmargin at screen %.5f\nset bmargin at screen %.5f\n",
                    left / p->width, (left + width) / p->width, 1 - top / p->height,
                    1 - (top + height) / p->height);
    emo_text_printf(p->out, "unset label\nunset arrow\nunset object\nunset xlabel\nunset ylabel\n"
                    "unset key\nset xtics autofreq\nset ytics autofreq\nset format '%%g'\n"
                    "set autoscale\n");
    if (!p->titled)
        add_title(p);
}

void emo_page_set(const struct emo_page *p, const char *name, const char *text)
{
    emo_text_printf(p->out, "set %s ", name);
    emo_page_string(p->out, text);
    emo_text_printf(p->out, " noenhanced\n");
}

void emo_page_key(const struct emo_page *p, double left, double top)
{
    emo_text_printf(p->out, "set key at screen %.5f,%.5f left top\n", left / p->width,
                    1 - top / p->height);
}

void emo_page_text(const struct emo_page *p, double left, double middle, const char *text)
{
    emo_text_printf(p->out, "set label ");
    emo_page_string(p->out, text);
    emo_text_printf(p->out, " at screen %.5f,%.5f noenhanced\n", left / p->width,
                    1 - middle / p->height);
}

void emo_page_string(struct emo_text *out, const char *s)
{
    emo_text_add(out, "'", 1);
    /* In single quotes nothing but the quote itself means anything. */
    for (; *s != '\0'; s++)
        emo_text_add(out, *s == '\'' ? "''" : s, *s == '\'' ? 2 : 1);
    emo_text_add(out, "'", 1);
}

void emo_page_line(struct emo_text *out, size_t i)
{
    i %= EMO_PAGE_LINES;
    emo_text_printf(out, "linecolor rgb '%s' dashtype %s linewidth 2 pointtype %d pointsize 0.6",
                    lines[i].colour, lines[i].dash, lines[i].point);
}

void emo_page_minor_line(struct emo_text *out, size_t i)
{
    i %= EMO_PAGE_LINES;
    emo_text_printf(out, "linecolor rgb '%s' dashtype (5,5) linewidth 1.2 pointtype %d "
                    "pointsize 0.5", lines[i].colour, lines[i].point - 1);
}

void emo_page_bar(struct emo_text *out, size_t i)
{
    emo_text_printf(out, "linecolor rgb '%s' linewidth 0.8 pointtype 0",
                    lines[i % EMO_PAGE_LINES].colour);
}

void emo_page_mark(struct emo_text *out, size_t i)
{
    i %= EMO_PAGE_LINES;
    emo_text_printf(out, "linecolor rgb '%s' linewidth 2 pointtype %d pointsize 1", lines[i].colour,
                    lines[i].point - 1);
}

/* Where character number n begins in well-formed UTF-8, or where it ends. */
static size_t offset(const struct emo_text *t, size_t n)
{
    size_t at = 0;
    for (; at < t->length && n > 0; n--)
        do
            at++;
        while (at < t->length && ((unsigned char)t->bytes[at] & 0xc0) == 0x80);
    return at;
}

static size_t characters(const struct emo_text *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->length; i++)
        n += ((unsigned char)t->bytes[i] & 0xc0) != 0x80;
    return n;
}

size_t emo_page_characters(const char *s)
{
    struct emo_text shown = {0};
    emo_text_shown(&shown, s, strlen(s));
    size_t n = characters(&shown);
    emo_text_free(&shown);
    return n;
}

void emo_page_tail(struct emo_text *out, const char *s, size_t most)
{
    struct emo_text shown = {0};
    emo_text_shown(&shown, s, strlen(s));
    size_t n = characters(&shown), from = n > most ? offset(&shown, n - most + 1) : 0;
    if (from > 0)
        emo_text_add(out, "\xe2\x80\xa6", 3);
    if (shown.bytes != NULL)
        emo_text_add(out, shown.bytes + from, shown.length - from);
    out->failed = out->failed || shown.failed;
    emo_text_free(&shown);
}
