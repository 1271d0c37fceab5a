#define _DEFAULT_SOURCE /* syscall() */
#include "base/syscalls.h"

#if defined(__linux__) && (defined(__x86_64__) || (defined(__aarch64__) && !defined(__ILP32__)))

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define FOREIGN 0x40000000u /* calls of the x32 ABI start here */
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define FOREIGN UINT32_MAX
#endif
#define THREAD 0x00010000u /* CLONE_THREAD */

/* Numbers that are the same everywhere, and younger than some headers. */
enum { IO_URING_SETUP = 425, PIDFD_OPEN = 434, CLONE3 = 435, PIDFD_GETFD = 438 };

static const uint32_t denied[] = {
    /* the network, and sockets of any kind */
    SYS_socket, SYS_socketpair, SYS_bind, SYS_listen, SYS_connect, SYS_accept, SYS_accept4,
    /* other programs and processes; pictures of either */
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp,
    PIDFD_OPEN, PIDFD_GETFD,
#ifdef SYS_fork
    SYS_fork, SYS_vfork,
#endif
    /* files by other ways than names; other names and kinds of files */
    SYS_open_by_handle_at, SYS_name_to_handle_at, SYS_mknodat, SYS_linkat, SYS_symlinkat,
#ifdef SYS_mknod
    SYS_mknod, SYS_link, SYS_symlink,
#endif
    /* what only the administrator may */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns, SYS_swapon,
    SYS_swapoff, SYS_reboot, SYS_sethostname, SYS_setdomainname, SYS_settimeofday,
    SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_acct, SYS_quotactl, SYS_syslog,
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_fanotify_init,
    SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid,
    SYS_setfsuid, SYS_setfsgid, SYS_setgroups, SYS_capset,
    /* large parts of the kernel that have been ways into it */
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_request_key,
    SYS_personality, IO_URING_SETUP,
};
#define DENIED (sizeof denied / sizeof *denied)
#define MOST (64 + 2 * DENIED)

/* The filter is a program of the classic BPF. */
struct code {
    struct sock_filter at[MOST];
    unsigned short n;
};

/* One too many would leave no filter that the kernel takes, which the tests notice. */
static void add(struct code *c, struct sock_filter instruction)
{
    if (c->n < MOST)
        c->at[c->n] = instruction;
    c->n++;
}

static void put(struct code *c, uint16_t operation, uint32_t value)
{
    add(c, (struct sock_filter)BPF_STMT(operation, value));
}

/* The next `steps` instructions are passed over unless the comparison holds. */
static void when(struct code *c, uint16_t comparison, uint32_t value, uint8_t steps)
{
    add(c, (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | BPF_K | comparison), value, 0, steps));
}

static void load(struct code *c, size_t offset)
{
    put(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

static void refuse(struct code *c, int why)
{
    put(c, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((uint32_t)why & SECCOMP_RET_DATA));
}

/* Refuses call number when, of the low half of its argument, all bits of mask are set. */
static void refuse_flags(struct code *c, long number, int argument, uint32_t mask)
{
    when(c, BPF_JEQ, (uint32_t)number, 5);
    load(c, offsetof(struct seccomp_data, args) + (size_t)argument * sizeof(uint64_t));
    put(c, BPF_ALU | BPF_AND | BPF_K, mask);
    when(c, BPF_JEQ, mask, 1);
    refuse(c, EPERM);
    put(c, BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

static void make(struct code *c, bool no_new_code)
{
    load(c, offsetof(struct seccomp_data, arch));
    when(c, BPF_JEQ, ARCHITECTURE, 1);
    put(c, BPF_JMP | BPF_JA, 1);
    refuse(c, EPERM);
    load(c, offsetof(struct seccomp_data, nr));
    when(c, BPF_JGE, FOREIGN, 1);
    refuse(c, EPERM);
    for (size_t i = 0; i < DENIED; i++) {
        when(c, BPF_JEQ, denied[i], 1);
        refuse(c, EPERM);
    }
    /* The flags of clone3() cannot be seen; without it the C library uses clone(). */
    when(c, BPF_JEQ, CLONE3, 1);
    refuse(c, ENOSYS);
    /* Threads, but no processes. */
    when(c, BPF_JEQ, SYS_clone, 4);
    load(c, offsetof(struct seccomp_data, args));
    when(c, BPF_JSET, THREAD, 1);
    put(c, BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    refuse(c, EPERM);
    if (no_new_code) {
        refuse_flags(c, SYS_mmap, 2, PROT_WRITE | PROT_EXEC);
        refuse_flags(c, SYS_mprotect, 2, PROT_EXEC);
        refuse_flags(c, SYS_pkey_mprotect, 2, PROT_EXEC);
    }
    put(c, BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

void emo_syscalls_deny(bool no_new_code)
{
    static bool done;
    struct code c = {.n = 0};
    if (done)
        return;
    done = true;
    make(&c, no_new_code);
    if (c.n > MOST)
        return;
    struct sock_fprog program = {.len = c.n, .filter = c.at};
    /* Without the flag, older kernels slow all memory accesses down against Spectre. */
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) != 0)
        (void)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

#else

void emo_syscalls_deny(bool no_new_code)
{
    (void)no_new_code;
}

#endif
