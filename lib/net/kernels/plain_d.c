#include "net/kernels/plain.h"

#include <math.h>
#include <string.h>

#define REAL double
#define INTEGER int64_t
#define NAME(x) emo_d_##x
#include "net/kernels/plain_body.h"
