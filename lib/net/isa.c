#define _DEFAULT_SOURCE /* syscall() */
#include "net/isa.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"plain", "avx2", "avx512", "amx"};
#define COUNT (sizeof names / sizeof *names)

const char *emo_isa_name(enum emo_isa isa)
{
    return names[isa];
}

#ifdef EMO_TILES_EMULATED

/* Built to try what is written in tiles where there are none. */
static bool amx(void)
{
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vbmi");
}

#elif defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Tiles with bfloat16 and bytes, of the size that the kernels are written for; AVX-512 with
   bfloat16 and permutations of bytes. */
static bool has_tiles(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (c >> 1 & 1) == 0 || (d >> 22 & 1) == 0 ||
        (d >> 24 & 3) != 3)
        return false;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || (a >> 5 & 1) == 0)
        return false;
    /* Palette 1: 8 registers of 16 rows of 64 bytes. */
    return __get_cpuid_count(0x1d, 1, &a, &b, &c, &d) && (b & 0xffff) == 64 && b >> 16 >= 8 &&
           (c & 0xffff) >= 16;
}

/* Does the kernel save them, and may this process use them? */
static bool allowed_tiles(void)
{
    enum { OSXSAVE = 1 << 27, TILE_STATE = 3 << 17, REQUEST = 0x1023, TILE_DATA = 18 };
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & OSXSAVE) == 0)
        return false;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a & TILE_STATE) == TILE_STATE && syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
}

static bool amx(void)
{
    return has_tiles() && allowed_tiles();
}

#else

static bool amx(void)
{
    return false;
}

#endif

/* No more than most: what will not be used is not asked for. */
static enum emo_isa best(enum emo_isa most)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return EMO_ISA_PLAIN;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
        return EMO_ISA_AVX2;
    return most >= EMO_ISA_AMX && amx() ? EMO_ISA_AMX : EMO_ISA_AVX512;
#else
    (void)most;
    (void)amx;
    return EMO_ISA_PLAIN;
#endif
}

int emo_isa_choose(enum emo_isa *isa, struct emo_error *err)
{
    const char *want = getenv("EMO_ISA");
    size_t most = COUNT - 1;
    *isa = EMO_ISA_PLAIN;
    if (want != NULL && *want != '\0')
        for (most = 0; most < COUNT && strcmp(want, names[most]) != 0;)
            most++;
    if (most == COUNT)
        return emo_error(err, EMO_USAGE, "EMO_ISA is plain, avx2, avx512 or amx");
    enum emo_isa there = best((enum emo_isa)most);
    *isa = there < (enum emo_isa)most ? there : (enum emo_isa)most;
    return EMO_OK;
}
