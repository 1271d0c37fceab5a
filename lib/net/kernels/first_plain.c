/* Vectors that every machine has, or that the compiler takes apart. */
#define LANES 4
#define VECTORS 2
#define PAIRS 1
#define SUMS 10
#define FEW 7
#define KERNEL emo_first_plain
#include "net/kernels/first_body.h"
