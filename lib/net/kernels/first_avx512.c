#if defined(__AVX512F__)
#define LANES 16
#define VECTORS 2
#define PAIRS 2
#define SUMS 10
#define FEW 4
#define KERNEL emo_first_avx512
#include "net/kernels/first_body.h"
#else
/* An empty translation unit is not C. */
typedef int emo_without_avx512;
#endif
