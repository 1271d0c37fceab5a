/* What tests/fault/sweep.c tells tests/fault/inject.c, and hears from it: memory shared by both, on
   the descriptor that $FAULT names. */
#ifndef FAULT_H
#define FAULT_H

#include <stdatomic.h>

enum fault {
    MEMORY,
    OPEN, /* also what makes files and folders */
    READ, /* also of folders, and waiting for what can be read */
    WRITE,
    CLOSE,
    SYNC,
    RENAME,
    MAP,
    THREAD,
    STATE, /* asking for the state of a file or changing it: stat, lseek, fcntl, flock, fchmod */
    SPAWN, /* other programs, and the channels to them */
    FAULTS
};
#define FAULT_NAMES                                                                                \
    {"memory", "open", "read", "write", "close", "fsync", "rename", "mmap", "thread", "state",      \
     "spawn"}

/* Who calls: the program and libemo, or a library or a program of others. */
enum { OTHERS, OURS };

#define STAGES 8

enum mode {
    COUNT, /* count calls only */
    ONCE,  /* call number `at` of `kind` by `who` fails */
    FULL,  /* after `at` bytes written in all, the disk is full */
    STORM, /* reads and writes are interrupted, short and slow */
};

struct shared {
    enum mode mode;
    enum fault kind;
    int who;
    long at;
    atomic_long calls[FAULTS][2];
    atomic_long injected, written;
    atomic_long blocks; /* allocated by ours and not freed */
    atomic_int ended;   /* the process ran its destructors */
    atomic_int foreign; /* the call that failed was of a program of others */
    /* The programs that started, in that order. */
    atomic_int started;
    struct {
        atomic_int pid;
        char name[16];
    } stage[STAGES];
};

#endif
