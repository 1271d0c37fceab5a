/*
 * The instruction set to compute with: the best that the processor has, or less
 * where the environment's EMO_ISA says so.
 *
 * The sets are ordered: each has those below it. A number may differ in its last
 * digits from one set to the next, never from run to run on one.
 *
 * amx is AVX-512 with bfloat16 and tiles with products of it. Their registers, 8 KiB a
 * thread, the kernel gives on demand only: choosing asks for them, for all threads
 * of the process, whether begun before or after. Where it refuses, the best is avx512.
 */
#ifndef EMO_NET_ISA_H
#define EMO_NET_ISA_H

#include "base/error.h"

enum emo_isa { EMO_ISA_PLAIN, EMO_ISA_AVX2, EMO_ISA_AVX512, EMO_ISA_AMX };

/* EMO_USAGE: EMO_ISA is no name of a set. One that the processor lacks is as the best it has. */
int emo_isa_choose(enum emo_isa *isa, struct emo_error *err);
/* "avx512" */
const char *emo_isa_name(enum emo_isa isa);

#endif
