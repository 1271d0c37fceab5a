/*
 * One archive, read entry by entry through libarchive: zip, 7z, and tar with
 * gzip, bzip2, xz, lzma, lzip, zstd, lz4 or compress. Other formats do not say
 * where they end, so that a part of one would look whole; a tar is whole only
 * with its end marker, and a zip is read by its directory only: as a stream it
 * would show deleted and lying entries.
 *
 * An archive may be a trap: a few bytes that unpack to more than any disk holds,
 * entries that lie over each other, millions of them. What is read of it is
 * bounded by EMO_CAP_UNPACKED and, beyond that, by EMO_CAP_RATIO times its own
 * size; the number of its entries likewise. Pictures hardly compress, so no
 * archive of pictures comes near.
 */
#ifndef EMO_IMAGE_ARCHIVE_H
#define EMO_IMAGE_ARCHIVE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMO_CAP_UNPACKED (UINT64_C(64) << 20)
#define EMO_CAP_RATIO 200u
#define EMO_ENTRIES_UNDOUBTED 65536u
#define EMO_CAP_ENTRY_SHARE 64u /* bytes of the archive for each entry: no picture has fewer */

struct emo_archive;

struct emo_archive_entry {
    const char *name; /* as in the archive, until the next call */
    bool file;        /* not a folder, symbolic link or device */
    bool link;        /* a hard link: it has no bytes of its own */
    bool encrypted;
};

/* fd is a seekable file, read from its beginning and not closed; name is for messages. Both must
   outlive the archive. unpacked: instead of EMO_CAP_UNPACKED where it is not 0. */
int emo_archive_open(struct emo_archive **a, int fd, const char *name, uint64_t unpacked,
                     struct emo_error *err);
/* NULL is fine. */
void emo_archive_close(struct emo_archive *a);

/* The next entry, whether or not the last one was read; *got false: the whole archive was seen.
   EMO_INPUT: not an archive, truncated or damaged as a whole. */
int emo_archive_next(struct emo_archive *a, struct emo_archive_entry *e, bool *got,
                     struct emo_error *err);
/* Entries so far: the number of the present one, from 1. */
size_t emo_archive_count(const struct emo_archive *a);
/* Known from the first entry on: can entries be passed over without unpacking them? */
bool emo_archive_is_zip(const struct emo_archive *a);

/* Could the present entry be a picture, having unpacked to n bytes so far? Not one that is large and
   of which hardly anything is in the archive. */
bool emo_archive_plausible(const struct emo_archive *a, uint64_t n);

/* Up to n further bytes of the present entry: *got of them, 0 at its end. *spoilt true: this entry
   is damaged, and err says how; the status is then EMO_OK and the archive goes on. */
int emo_archive_read(struct emo_archive *a, void *to, size_t n, size_t *got, bool *spoilt,
                     struct emo_error *err);

#endif
