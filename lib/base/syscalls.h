/*
 * Refuses, from now on and for good, the system calls that no program of ours
 * makes, with EPERM: a small seccomp filter. Silent where the kernel or the
 * processor has none. It lists what is refused, not what is allowed, so that a
 * C library that learns a new call goes on working; threads can be started.
 */
#ifndef EMO_BASE_SYSCALLS_H
#define EMO_BASE_SYSCALLS_H

#include <stdbool.h>

/* no_new_code: nor may memory be made executable, except by mapping a file that is not writable.
   Only the first call counts. PR_SET_NO_NEW_PRIVS must be set. */
void emo_syscalls_deny(bool no_new_code);

#endif
