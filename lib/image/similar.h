/*
 * Near-duplicates among many pictures.
 *
 * Two pictures are near-duplicates where
 *   - their bytes are equal, or
 *   - their phash and their dhash each differ in at most "distance" of 64 bits,
 *     and the correlation of their grays, at 16x16, is at least "correlation".
 * One hash alone calls pictures of one kind alike, such as faces that were cut
 * out in the same way; the correlation, which sees levels and not only their
 * order, tells those apart. Of a flat picture, whose gray varies by less than
 * one level (standard deviation), hashes are noise: only equal bytes count.
 *
 * A group is all that hangs together by near-duplicates. So no near-duplicate
 * of a picture lies outside its group, which is what keeps a split from
 * leaking; but two of a group may differ by more than the distance.
 *
 * Every pair is compared, in blocks that fit the cache, so the answer is exact.
 * Memory is EMO_PHASH_GRAY and less than 100 bytes a picture.
 */
#ifndef EMO_IMAGE_SIMILAR_H
#define EMO_IMAGE_SIMILAR_H

#include "base/threads.h"
#include "image/phash.h"

#include <stdbool.h>
#include <stddef.h>

/* No near-duplicate. */
#define EMO_APART 65u

struct emo_similar_rule {
    unsigned distance;  /* 0 to 64 */
    double correlation; /* -1 to 1 */
};

struct emo_similar;

int emo_similar_open(struct emo_similar **s, const struct emo_similar_rule *rule,
                     struct emo_error *err);
/* NULL is fine. */
void emo_similar_close(struct emo_similar *s);

/* The next picture: its hash, the XXH3 of its bytes, and its label, -1 for none. */
int emo_similar_add(struct emo_similar *s, const struct emo_phash *hash, uint64_t bytes,
                    int16_t label, struct emo_error *err);
size_t emo_similar_count(const struct emo_similar *s);
bool emo_similar_flat(const struct emo_similar *s, size_t i);
uint64_t emo_similar_phash(const struct emo_similar *s, size_t i);
uint64_t emo_similar_dhash(const struct emo_similar *s, size_t i);

/* Finds the groups; once, after the last add. The team's size changes nothing. */
int emo_similar_find(struct emo_similar *s, struct emo_threads *team, struct emo_error *err);

/* After find: the lowest number of a picture in i's group; i itself where it is alone or first. */
size_t emo_similar_group(const struct emo_similar *s, size_t i);
/* Bits in which the phash of i differs from that of its nearest near-duplicate; EMO_APART. */
unsigned emo_similar_nearest(const struct emo_similar *s, size_t i);
/* The same, of those whose label is another; both have one. Of pictures whose bytes are equal, one
   alone is compared with the others, so ask the whole group. */
unsigned emo_similar_contradicting(const struct emo_similar *s, size_t i);

#endif
