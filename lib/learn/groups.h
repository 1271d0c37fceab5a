/*
 * A split that keeps related records on one side.
 *
 * Records belong to groups by the group's name. First all records are announced; then the groups
 * are placed: in the order of emo_draw64(seed, XXH3 of the name, 0, EMO_DRAW_GROUP), each where the
 * classes' deficits fall most. The deficit of a class in a split is its target (the ratio of the
 * class's records) less what is there; the group goes where the sum over its classes of
 * deficit^2 / target falls most, at equal fall to the first of train, valid, test (with folds: the
 * fold of the lowest number). A split whose ratio is 0 gets nothing.
 *
 * A record that has a split takes its whole group there; one group with records in two splits is
 * EMO_INPUT. Only records without a split count for the ratios.
 */
#ifndef EMO_LEARN_GROUPS_H
#define EMO_LEARN_GROUPS_H

#include "learn/split.h"

struct emo_groups;

int emo_groups_open(struct emo_groups **g, size_t class_count, struct emo_error *err);
void emo_groups_close(struct emo_groups *g);

/* Announces the next record. split: EMO_SPLIT_NONE to be placed. EMO_INPUT: the group has another
   split already. */
int emo_groups_add(struct emo_groups *g, const char *name, size_t n, int16_t label, uint8_t split,
                   struct emo_error *err);
size_t emo_groups_count(const struct emo_groups *g);

/* Places all groups; once, after the last add. */
int emo_groups_place(struct emo_groups *g, const struct emo_split_rule *rule,
                     struct emo_error *err);

/* The split of record i, in the order they were announced; after emo_groups_place(). */
uint8_t emo_groups_split(const struct emo_groups *g, size_t i);

#endif
