/* Vectors that every machine has, or that the compiler takes apart. */
#define LANES 4
#define KERNEL emo_dense_plain
#include "net/kernels/dense_body.h"
