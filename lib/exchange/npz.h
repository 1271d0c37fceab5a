/*
 * Streams of images or scores as NumPy arrays, both ways.
 *
 * A .npz is a zip of .npy files. Row i of every array is of record i, but for
 * classes and head:
 *     images     u1  N x H x W x C      or  scores  f4  N x K
 *     labels     i8  N                  index of a class, -1: none
 *     classes    U   K                  names, in byte order
 *     ids        u8  N
 *     splits     U   N                  none, train, valid, test
 *     epochs     u2  N                  0: none
 *     names      U   N                  metadata `name`
 *     origins    i8  N                  metadata `origin`
 *     meta.KEY   U, i8 or f8  N         other metadata: text, i64, f64
 *     payload.KEY                       the same, of entries that hold of this payload only
 *     absent.KEY b1  N                  true where a record has no such entry; left out where all do
 *     head       U                      the lines of the HEAD, escaped, but for the classes
 * Text that is not UTF-8 makes its whole array one of bytes (S).
 *
 * A .npy is the images or scores alone.
 */
#ifndef EMO_EXCHANGE_NPZ_H
#define EMO_EXCHANGE_NPZ_H

#include "base/file.h"
#include "exchange/gather.h"
#include "exchange/import.h"

#define EMO_CAP_NPZ_KEYS 256u
/* What the arrays of a small file may unpack to: of one value, unlike pictures, they compress well. */
#define EMO_CAP_NPZ_UNPACKED (UINT64_C(1) << 30)

/* Both leave committing to the caller. */
int emo_npy_write(const struct emo_gathered *g, struct emo_output *output, struct emo_error *err);
/* lost gets a sentence a line on what the arrays cannot hold. */
int emo_npz_write(const struct emo_gathered *g, struct emo_output *output, struct emo_text *lost,
                  struct emo_error *err);

/*
 * Reading. A .npy is one of images, read as it comes; of a .npz all but the images is first copied
 * to a temporary file. EMO_INPUT: damaged, an array missing or of another type or length, an
 * unknown array.
 *
 * Classes may come in any order; the labels are made to fit the byte order. Without classes they
 * are called by the numbers that the labels are.
 */
extern const struct emo_import emo_import_npy, emo_import_npz;

#endif
