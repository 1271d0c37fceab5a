/*
 * Trimming: what no later layer looks at is not computed.
 *
 * Windows that do not reach the last rows and columns of their input leave them without effect, on
 * what follows and on the gradient. From the last layer back, a layer needs of its input
 *
 *     (oh - 1) * stride + kernel_h - top  rows,  as far as there are so many,
 *
 * columns alike; the layer before then has no more outputs than that, and so on to the image, of
 * which the first layer gets its upper left part. Padding below and on the right shrinks likewise.
 * The 400x500 image of the built-in networks is needed to 347 x 475: a sixth of the work is saved,
 * and what is left is the same numbers.
 */
#ifndef EMO_NET_TRIM_H
#define EMO_NET_TRIM_H

#include "net/graph.h"

/* Lessens h, w, oh, ow, bottom and right of g's spatial layers; g->height and width stay those of
   the image. */
void emo_trim(struct emo_graph *g);

/* "computed as far as the last layer reaches: conv3 21x29, conv4 10x14": the layers of g that have
   less than in whole, the network as written. */
void emo_trim_describe(const struct emo_graph *whole, const struct emo_graph *g,
                       struct emo_text *out);

#endif
