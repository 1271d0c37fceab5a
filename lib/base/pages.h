/*
 * Memory for large arrays that are used again and again.
 */
#ifndef EMO_BASE_PAGES_H
#define EMO_BASE_PAGES_H

#include <stddef.h>

/* Zeros, aligned to 64 bytes, for free(); NULL: out of memory. From 4 MiB on in huge pages, where
   the system gives such, so that the processor looks up fewer addresses. */
void *emo_pages(size_t bytes);

#endif
