/*
 * Which records train, which validate, which test: a stratified pick that streams.
 *
 * Of each class apart, record i (from 0) lies in window floor(i * p / q), where p/q = r + t is the
 * exact ratio that is held out. From each window one record is picked, uniformly, by a draw keyed
 * by (seed, class name, window). So at every point of the stream the held-out records of a class
 * are within one record of the ratio, memory is constant, and neither what follows nor the other
 * classes change a pick. The last window may end before its pick came: that is the one record.
 *
 * With t > 0 the held-out records of a class, numbered from 0, lie in windows of rate t / (r + t)
 * in the same way; the pick of each tests, the others validate. The test records are within one
 * record of their share of the held-out ones.
 *
 * With folds, windows are of K records, and a keyed permutation of each window gives each of its
 * records one of the K folds, so that the folds partition a class and are equal within one record.
 *
 * Unlabelled records are a class of their own.
 *
 * The draws: emo_philox(seed, id, level, EMO_DRAW_SPLIT, block), where id is the XXH3 of 16 bytes,
 * the XXH3 of the class name and the window's number, both u64 little-endian; the unlabelled class
 * has the empty name. Level (in the place of the epoch) 0 picks from the held-out windows and 1
 * from the test windows, block 0: the 64 bits of words 1 and 0, modulo the window's length. Level 2
 * permutes folds: the record at place j of the window has the fold that is the rank of block j's 64
 * bits among those of blocks 0 to K - 1.
 */
#ifndef EMO_LEARN_SPLIT_H
#define EMO_LEARN_SPLIT_H

#include "base/error.h"
#include "base/option.h"

#include <stddef.h>
#include <stdint.h>

struct emo_split_rule {
    struct emo_ratio valid, test; /* their sum at most 1 */
    struct emo_part fold;         /* n 0: none; else fold i (from 1) of n validates, no test */
    uint64_t seed;
};

/* More folds than this are refused: each record costs K draws. */
#define EMO_FOLDS_MOST 65535u

/* EMO_USAGE when a rule makes no sense: r + t > 1, one fold, too many folds. */
int emo_split_rule_check(const struct emo_split_rule *rule, struct emo_error *err);

struct emo_splitter;

/* Keeps a copy of the rule; of the names, a hash. Free with close, which takes NULL. */
int emo_splitter_open(struct emo_splitter **s, const struct emo_split_rule *rule,
                      const char *const *classes, size_t class_count, struct emo_error *err);
void emo_splitter_close(struct emo_splitter *s);

/* The split (EMO_TRAIN, EMO_VALID, EMO_TEST) of the next record of this label (-1 for none, else
   below class_count). */
uint8_t emo_splitter_next(struct emo_splitter *s, int16_t label);

#endif
