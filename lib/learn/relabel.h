/*
 * Other classes for the records of a stream: classes renamed or merged, and
 * records named in a table given another one.
 */
#ifndef EMO_LEARN_RELABEL_H
#define EMO_LEARN_RELABEL_H

#include "base/option.h"
#include "learn/names.h"
#include "stream/head.h"
#include "stream/record.h"

struct emo_relabeller;

/*
 * maps: "A=B" each, up to the first "=": class A becomes B, which may be there already. table:
 * names with classes, "NA" for none; NULL: there is none. head gets the classes of the result: those of
 * the maps and the table beside those that nothing maps.
 *
 * EMO_USAGE: a map that is none, or of a class that is not there or comes twice. EMO_INPUT: scores,
 * models and checkpoints go by their classes, which cannot change.
 */
int emo_relabeller_open(struct emo_relabeller **r, const struct emo_strings *maps,
                        const struct emo_group_file *table, struct emo_head *head,
                        struct emo_error *err);
void emo_relabeller_close(struct emo_relabeller *r);

/* True: the record got another class. */
bool emo_relabel(struct emo_relabeller *r, struct emo_record *record);

/* Names of the table that no record had. */
size_t emo_relabeller_unmet(const struct emo_relabeller *r);

#endif
