#include "net/isa.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"plain", "avx2", "avx512"};
#define COUNT (sizeof names / sizeof *names)

const char *emo_isa_name(enum emo_isa isa)
{
    return names[isa];
}

static enum emo_isa best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return EMO_ISA_PLAIN;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
               ? EMO_ISA_AVX512
               : EMO_ISA_AVX2;
#else
    return EMO_ISA_PLAIN;
#endif
}

int emo_isa_choose(enum emo_isa *isa, struct emo_error *err)
{
    const char *want = getenv("EMO_ISA");
    *isa = best();
    if (want == NULL || *want == '\0')
        return EMO_OK;
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(want, names[i]) == 0) {
            *isa = (enum emo_isa)i < *isa ? (enum emo_isa)i : *isa;
            return EMO_OK;
        }
    }
    return emo_error(err, EMO_USAGE, "EMO_ISA is plain, avx2 or avx512");
}
