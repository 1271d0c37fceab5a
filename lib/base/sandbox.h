/*
 * Least privilege: what a program does not need any more, it gives up before it
 * looks at the first byte of its input. A fault in a decoder is then no way to
 * other files, to the network or to another program.
 *
 * Where the kernel has Landlock, files can be opened only as struct emo_sandbox
 * says, besides reading the system's libraries (character sets are plug-ins);
 * no TCP port can be bound or connected to, and signals reach this process only.
 * Where it has seccomp, calls that no program of ours makes fail with EPERM:
 * sockets, starting a program or process, tracing, mounting, other users,
 * modules, keys, BPF, io_uring. No core is dumped, since it would hold pictures.
 * Where the kernel has neither, nothing is said and nothing is changed.
 *
 * What each program keeps:
 *     all           its operands and the files that options name, for reading;
 *                   the folder of each output, for the temporary file and the
 *                   rename; $TMPDIR (else /var/tmp) where it spools
 *     emo-unzip     of its output only the rename; everything for reading while
 *                   it walks directories, since links lead anywhere. Before it
 *                   decodes it keeps the files found in them alone; of archives
 *                   and standard input, which are open by then, nothing: it can
 *                   get no further descriptor of any kind
 *     emo-montage   the fonts of the system, for reading
 *     emo-train, emo-predict  memory that is written and executed, which oneDNN
 *                   needs; emo-unzip gives it up
 *
 * Landlock and seccomp bind the thread that calls and those that it starts
 * later: call before any thread is started. A program that needs another one
 * (gnuplot) starts it first, and talks to it through a pipe.
 */
#ifndef EMO_BASE_SANDBOX_H
#define EMO_BASE_SANDBOX_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Everything not mentioned is given up. A path may be NULL or "-": the standard stream. */
struct emo_sandbox {
    bool off;                   /* --no-sandbox */
    const char *const *read;    /* files; folders with all that is in them */
    size_t read_count;
    const char *also_read[4];   /* further ones */
    const char *write[4];       /* outputs, for emo_output_open() */
    const char *write_folder[2]; /* folders to be made, with files in them, or their parents */
    bool spools;                /* emo_temporary() is needed */
    bool reads_anything;
    bool outputs_open;          /* of write, the rename is left: adding and removing names */
    bool no_descriptors;        /* nothing is opened any more but by emo_output_commit() */
    bool no_new_code;           /* no memory is made executable but from a system's library */
};

#define EMO_OPTIONS_SANDBOX(c)                                                                     \
    {.name = "no-sandbox", .help = "keep all privileges", .kind = EMO_FLAG,                        \
     .value = &(c).no_sandbox}

/* May be called again, to give up more; what was given up stays so. EMO_FAILED only where memory
   or descriptors run out. */
int emo_sandbox_enter(const struct emo_sandbox *s, struct emo_error *err);

#endif
