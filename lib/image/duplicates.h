/*
 * The groups of near-duplicates among the images of a stream, and how they are
 * reported: emo-text(5).
 *
 * Which images belong together is lib/image/similar's. Here each keeps its id,
 * name, label and split, so that of a group can be said whether its labels
 * contradict and whether it lies in more than one split (a leak). Groups are
 * numbered from 0 in the order in which they want looking at: contradictions
 * first, then leaks, then the closest; at equal weight as they came.
 *
 * Nothing here writes; the rows are text for the caller.
 */
#ifndef EMO_IMAGE_DUPLICATES_H
#define EMO_IMAGE_DUPLICATES_H

#include "image/similar.h"
#include "stream/head.h"
#include "stream/record.h"

struct emo_duplicates;

/* head is the stream's, whose classes the labels index; it stays the caller's and must outlive
   this. */
int emo_duplicates_open(struct emo_duplicates **d, const struct emo_similar_rule *rule,
                        const struct emo_head *head, struct emo_error *err);
/* NULL is fine. */
void emo_duplicates_close(struct emo_duplicates *d);

/* What tells one image from another; to be made on any thread. Pixels of other shapes are never
   equal. The record must be an image, its payload there. */
struct emo_look {
    struct emo_phash hash;
    uint64_t bytes;
};
int emo_look(struct emo_look *look, const struct emo_record *r, struct emo_error *err);

/* The next image of the stream. */
int emo_duplicates_add(struct emo_duplicates *d, const struct emo_record *r,
                       const struct emo_look *look, struct emo_error *err);

/* Makes the groups; once, after the last add. The team's size changes nothing. */
int emo_duplicates_find(struct emo_duplicates *d, struct emo_threads *team, struct emo_error *err);

/* All below: after find. */
struct emo_duplicates_counts {
    size_t images, groups;
    size_t grouped;               /* images that are in a group */
    size_t contradictions, leaks; /* groups */
    size_t flat;                  /* images of which only equal bytes count */
};
struct emo_duplicates_counts emo_duplicates_counts(const struct emo_duplicates *d);

/* group images contradiction leak id name split class distance phash dhash, and the rows of group
   g; or the group as one JSON object on a line. */
void emo_duplicates_columns(struct emo_text *out);
void emo_duplicates_rows(const struct emo_duplicates *d, size_t g, struct emo_text *out);
void emo_duplicates_object(const struct emo_duplicates *d, size_t g, struct emo_text *out);

/* The group of each image by its name: columns name and group, and row k of so many as there are
   images, those of the groups first. An image that is alone has a number of its own, after the
   groups'. */
void emo_duplicates_names_columns(struct emo_text *out);
void emo_duplicates_names_row(const struct emo_duplicates *d, size_t k, struct emo_text *out);
/* EMO_INPUT: an image has no name, or two of different groups have the same, so that such a table
   would say nothing of them. */
int emo_duplicates_check_names(const struct emo_duplicates *d, struct emo_error *err);

#endif
