#define _DEFAULT_SOURCE /* madvise() */
#include "base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LINE ((size_t)64)
#define PAGE ((size_t)2 << 20)

void *emo_pages(size_t n)
{
    if (n > SIZE_MAX - 2 * PAGE)
        return NULL;
    n = (n + LINE - 1) / LINE * LINE;
    n = n > 0 ? n : LINE;
    if (n < 2 * PAGE)
        return aligned_alloc(LINE, n);
    void *p = aligned_alloc(PAGE, (n + PAGE - 1) / PAGE * PAGE);
#ifdef MADV_HUGEPAGE
    /* Whether it helps or not. */
    if (p != NULL)
        (void)madvise(p, n / PAGE * PAGE, MADV_HUGEPAGE);
#endif
    return p;
}
