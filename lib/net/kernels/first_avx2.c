#if defined(__AVX2__)
#define LANES 8
#define VECTORS 2
#define PAIRS 1
#define SUMS 10
#define FEW 5
#define KERNEL emo_first_avx2
#include "net/kernels/first_body.h"
#else
/* An empty translation unit is not C. */
typedef int emo_without_avx2;
#endif
