/*
 * Writes a zip whose entries are stored as they are, through libarchive: zip64
 * where needed, no times, so that the same entries give the same bytes.
 */
#ifndef EMO_EXCHANGE_ZIP_H
#define EMO_EXCHANGE_ZIP_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct emo_zip;

/* fd is written from where it stands and not closed; name is for messages. Both must outlive z. */
int emo_zip_open(struct emo_zip **z, int fd, const char *name, struct emo_error *err);
/* Begins an entry of size bytes, all of which must be put before the next call. */
int emo_zip_entry(struct emo_zip *z, const char *name, uint64_t size, struct emo_error *err);
int emo_zip_put(struct emo_zip *z, const void *bytes, size_t n, struct emo_error *err);
/* Writes the directory. Frees z, also when it fails. */
int emo_zip_finish(struct emo_zip *z, struct emo_error *err);
/* Gives up. NULL is fine. */
void emo_zip_discard(struct emo_zip *z);

#endif
