#if defined(__AVX512F__)
#define LANES 16
#define KERNEL emo_pooled_avx512
#include "net/kernels/pooled_body.h"
#else
/* An empty translation unit is not C. */
typedef int emo_without_avx512;
#endif
