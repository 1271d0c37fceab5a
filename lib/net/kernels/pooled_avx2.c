#if defined(__AVX2__)
#define LANES 8
#define KERNEL emo_pooled_avx2
#include "net/kernels/pooled_body.h"
#else
/* An empty translation unit is not C. */
typedef int emo_without_avx2;
#endif
