/*
 * Memory for large arrays.
 *
 * It begins on a line of 64 bytes. Of what has megabytes, large pages are asked for where the system
 * has them: the first use of each of 2 MiB is then one interruption, not 512 of them.
 */
#ifndef EMO_BASE_PAGES_H
#define EMO_BASE_PAGES_H

#include <stddef.h>

/* n bytes of any content, or NULL. Free with free(). */
void *emo_pages(size_t n);

#endif
