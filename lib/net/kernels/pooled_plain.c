/* Vectors that every machine has, or that the compiler takes apart. */
#define LANES 4
#define KERNEL emo_pooled_plain
#include "net/kernels/pooled_body.h"
