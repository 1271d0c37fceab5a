#if defined(__AVX512F__)
#define KERNEL emo_draws_avx512
#include "net/kernels/draws_body.h"
#else
/* An empty translation unit is not C. */
typedef int emo_without_avx512;
#endif
