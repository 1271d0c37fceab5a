/*
 * Which records of a stream are wanted.
 *
 * In this order, each step over what the one before left:
 *     1. splits, classes, name patterns, a list of names: all that are given must hold;
 *     2. at most so many of each class (unlabelled records are one), the first that come;
 *     3. a range of places, from 0, the end left out; negative: from the end;
 *     4. a sample without replacement: the n records with the least draws
 *        emo_draw64(seed, id, epoch, EMO_DRAW_SAMPLE), so order and shards do not matter;
 *     5. every nth record from the ith on: a shard.
 * invert then takes exactly those that were left out.
 *
 * Where places from the end or a sample are asked for, nothing is known until the last record came:
 * records that may be wanted are held, of a sample a small multiple of it.
 */
#ifndef EMO_LEARN_SELECT_H
#define EMO_LEARN_SELECT_H

#include "base/option.h"
#include "learn/names.h"
#include "stream/head.h"
#include "stream/record.h"

struct emo_range {
    bool given;
    int64_t from, to;
    bool open; /* no end: to is not used */
};

/* "A:B", "A:", ":B"; false: it is none. */
bool emo_parse_range(const char *s, struct emo_range *range);

struct emo_selection {
    unsigned splits;               /* bit 1 << split; 0: any */
    struct emo_strings classes;    /* by name; none: any */
    struct emo_strings patterns;   /* of fnmatch(3), for the whole name; none: any */
    struct emo_group_file *list;   /* of names; NULL: any */
    int64_t limit;                 /* of each class; negative: none */
    struct emo_range range;
    int64_t sample;                /* negative: all */
    uint64_t seed;
    struct emo_part shard;         /* n 0: all */
    bool invert;
};

struct emo_selector;

/* EMO_USAGE: what excludes each other. */
int emo_selection_check(const struct emo_selection *selection, struct emo_error *err);

/* selection must be right, and outlive it. EMO_USAGE: a class that head has not. */
int emo_selector_open(struct emo_selector **s, const struct emo_selection *selection,
                      const struct emo_head *head, struct emo_error *err);
void emo_selector_close(struct emo_selector *s);

enum emo_selected { EMO_SELECT, EMO_LEAVE, EMO_HOLD };

/* Of the next record. Those to be held are numbered from 0 in the order they come. */
int emo_selector_next(struct emo_selector *s, const struct emo_record *r,
                      enum emo_selected *selected, struct emo_error *err);

/* After the last record: are the held ones wanted? wanted has one flag for each. */
void emo_selector_settle(struct emo_selector *s, bool *wanted);

/* Names of the list that no record had. */
size_t emo_selector_unmet(const struct emo_selector *s);

#endif
