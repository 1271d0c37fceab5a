/*
 * Scores with their labels, read whole from a scores stream or from text.
 */
#ifndef EMO_METRICS_SCORES_H
#define EMO_METRICS_SCORES_H

#include "metrics/curve.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum emo_seen { EMO_UNSEEN, EMO_SEEN, EMO_SEEN_UNKNOWN };

struct emo_score {
    int16_t label; /* -1: none */
    uint8_t split, seen;
};

/* Free with emo_scores_free(). */
struct emo_scores {
    char **classes; /* in byte order */
    size_t class_count;
    struct emo_score *at;
    double *p; /* count rows of class_count; NaN where a score was no number */
    size_t count, room;
    bool text;          /* read from text, whose completeness nothing tells */
    bool probabilities; /* every finite row lies in 0..1 and adds up to 1 within 0.001 */
    double epsilon;     /* of the type in which they were stored: FLT_EPSILON or DBL_EPSILON */
    bool named;         /* the names of the images are kept, below, and looked up */
    char *names;        /* one after the other */
    size_t names_length, names_room;
    size_t *name_end; /* of row i's in names */
    size_t *by_name;  /* rows in the order of their names */
};

/*
 * Reads all of count paths ("-": standard input; none: standard input) to their clean end. All are
 * streams if the first byte is that of a stream, else all are tables of tab-separated values.
 *
 * A table has a header line and needs the columns "label" and "p:CLASS" for each class, or, for
 * two classes, "label" and "score", the score of the class whose name comes last in byte order;
 * "split", "seen" and "predicted" are used where they are there, others are not looked at. NA and
 * nothing mean missing.
 *
 * EMO_INPUT: not the clean end, not scores, a column or a class missing, fewer than two classes.
 */
int emo_scores_read(struct emo_scores *s, const char *const *paths, size_t count,
                    struct emo_error *err);
/* The same, with the names: a table needs the column "name" too. EMO_INPUT: a name has two rows
   with different scores. */
int emo_scores_read_named(struct emo_scores *s, const char *const *paths, size_t count,
                          struct emo_error *err);
void emo_scores_free(struct emo_scores *s);

/* The row of this name, SIZE_MAX when there is none. */
size_t emo_scores_find(const struct emo_scores *s, const char *name, size_t n);

/* For the readers: takes over no memory. row has class_count numbers. */
int emo_scores_set_classes(struct emo_scores *s, const char *const *names, size_t count,
                           struct emo_error *err);
int emo_scores_add(struct emo_scores *s, struct emo_score score, const double *row,
                   struct emo_error *err);
/* Where named: that of the row just added. */
int emo_scores_add_name(struct emo_scores *s, const char *name, size_t n, struct emo_error *err);
/* The index of a class by name, -1 when there is none. */
int emo_scores_class(const struct emo_scores *s, const char *name);

/* Are all numbers of row i finite? */
bool emo_scores_finite(const struct emo_scores *s, size_t i);

/* Ranks the labelled, finite rows of a list of n by the score of class k against the rest. With
   two classes the score is that of class positive, for k the other one its negative: the two then
   never differ by rounding. */
int emo_scores_rank(const struct emo_scores *s, const size_t *rows, size_t n, size_t k,
                    size_t positive, struct emo_ranking *r, struct emo_error *err);

#endif
