#include "net/kernels/bf16.h"

#include <string.h>

static inline uint32_t rounded(uint32_t bits)
{
    uint32_t nearest = bits + 0x7fff + (bits >> 16 & 1), quiet = bits | 0x00400000;
    return (bits & 0x7fffffff) > 0x7f800000 ? quiet : nearest;
}

void emo_bf16_from(const float *x, size_t n, uint16_t *y)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        y[i] = (uint16_t)(rounded(bits) >> 16);
    }
}

void emo_bf16_round(const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits = rounded(bits) & 0xffff0000;
        memcpy(y + i, &bits, sizeof bits);
    }
}
