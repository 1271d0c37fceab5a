#define KERNEL emo_draws_plain
#include "net/kernels/draws_body.h"
