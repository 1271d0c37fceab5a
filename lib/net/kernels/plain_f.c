#include "net/kernels/plain.h"

#include <math.h>
#include <string.h>

#define REAL float
#define INTEGER int32_t
#define NAME(x) emo_f_##x
#include "net/kernels/plain_body.h"
