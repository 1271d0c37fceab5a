/*
 * Checksums and hashes.
 *
 * CRC-32 with the zlib polynomial, by libdeflate (tens of GB/s) or zlib where
 * that is absent; XXH3-64, by libxxhash.
 */
#ifndef EMO_BASE_HASH_H
#define EMO_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Of n bytes after those that gave crc; 0 to begin with. Of nothing: 0. */
uint32_t emo_crc32(uint32_t crc, const void *bytes, size_t n);

uint64_t emo_xxh3(const void *bytes, size_t n);

#endif
