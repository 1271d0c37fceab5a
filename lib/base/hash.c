#include "base/hash.h"

#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#else
#include <zlib.h>
#endif
#include <xxhash.h>

uint32_t emo_crc32(uint32_t crc, const void *bytes, size_t n)
{
    if (n == 0)
        return crc;
#ifdef HAVE_LIBDEFLATE
    return libdeflate_crc32(crc, bytes, n);
#else
    return (uint32_t)crc32_z(crc, bytes, n);
#endif
}

uint64_t emo_xxh3(const void *bytes, size_t n)
{
    return XXH3_64bits(bytes, n);
}
