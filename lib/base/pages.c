#define _DEFAULT_SOURCE /* madvise() */
#include "base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LINE 64u
#define HUGE_PAGE ((size_t)2 << 20)

void *emo_pages(size_t bytes)
{
    size_t alignment = bytes >= 2 * HUGE_PAGE ? HUGE_PAGE : LINE;
    if (bytes > SIZE_MAX - alignment)
        return NULL;
    size_t n = bytes > 0 ? (bytes + alignment - 1) / alignment * alignment : LINE;
    void *p = aligned_alloc(alignment, n);
    if (p == NULL)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (alignment == HUGE_PAGE)
        (void)madvise(p, n, MADV_HUGEPAGE); /* a wish: without, all is the same but slower */
#endif
    return memset(p, 0, n);
}
