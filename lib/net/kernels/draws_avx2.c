#if defined(__AVX2__)
#define KERNEL emo_draws_avx2
#include "net/kernels/draws_body.h"
#else
/* An empty translation unit is not C. */
typedef int emo_without_avx2;
#endif
