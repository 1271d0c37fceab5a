/*
 * Reading and writing descriptors whole, and files that appear whole or not at
 * all.
 */
#ifndef EMO_BASE_FILE_H
#define EMO_BASE_FILE_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* read(2) that repeats after EINTR and waits on a non-blocking descriptor.
   Bytes read, 0 at the end, -1 with errno. */
ssize_t emo_read(int fd, void *to, size_t n);
/* n bytes from offset on, through short reads and EINTR; fewer only at the end. -1 with errno. */
ssize_t emo_read_at(int fd, void *to, size_t n, off_t offset);
/* Writes all n bytes, through short writes and EINTR. 0, or -1 with errno. */
int emo_write(int fd, const void *from, size_t n);
/* Asks for a pipe buffer of 1 MiB where fd is a pipe; failure does not matter. */
void emo_pipe_enlarge(int fd);
/* Where temporary files go: $TMPDIR, else /var/tmp. */
const char *emo_temporary_folder(void);
/* A new descriptor on an unlinked file there. -1 with *err set. */
int emo_temporary(struct emo_error *err);
/* Writes to *fd, which is first made such a file where it is -1. */
int emo_temporary_write(int *fd, const void *bytes, size_t n, struct emo_error *err);
/* Replaces a descriptor that cannot be read from any place, and from its beginning, by a copy of
   what it gives. EMO_INPUT: that is nothing. name is for messages. */
int emo_make_seekable(int *fd, const char *name, struct emo_error *err);

/*
 * An output file.
 *
 * A path of NULL or "-" is standard output. A device or a fifo is written in
 * place. Any other path is written as ".NAME.emo-XXXXXX" beside it, locked, and
 * renamed over it by emo_output_commit() after fsync: until then what stood
 * there stays, and when the process dies the file of another run is untouched.
 * A symbolic link's target is replaced, not the link; the permissions of a
 * replaced file are kept. Temporary files that a killed run left for the same
 * NAME are removed when one is opened.
 */
struct emo_output;

/* binary: refuse a terminal (EMO_USAGE). *o is freed by commit or discard;
   NULL after an error. */
int emo_output_open(struct emo_output **o, const char *path, bool binary, struct emo_error *err);
int emo_output_fd(const struct emo_output *o);
/* The folder in which path would be replaced so, to be freed; NULL: it is written in place. */
int emo_output_folder(char **folder, const char *path, struct emo_error *err);
/* For messages: the path, or "<stdout>". */
const char *emo_output_name(const struct emo_output *o);
/* Writes what text holds and empties it; EMO_FAILED also when memory had not sufficed for it. */
int emo_output_text(struct emo_output *o, struct emo_text *text, struct emo_error *err);
/* Syncs the folder that holds what was renamed. 0, or -1 with errno. fd -1: without permission to
   read it, and where the file system cannot, the rename stands unsynced. */
int emo_sync_folder(int fd);
/* Everything was written: make it appear. Frees o, also when it fails. */
int emo_output_commit(struct emo_output *o, struct emo_error *err);
/* Removes what was written (standard output, fifo, device: nothing to remove). NULL is fine. */
void emo_output_discard(struct emo_output *o);
/* The usual way out: commit when status is EMO_OK, else discard. Returns the status, which commit may
   change. Frees o; NULL is fine. */
int emo_output_close(struct emo_output *o, int status, struct emo_error *err);

#endif
