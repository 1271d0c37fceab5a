/* The arithmetic of draws.h. Included with KERNEL, the name of the table. */
#include "net/kernels/draws.h"

#include "base/philox.h"

#include <math.h>
#include <string.h>

#define DOUBT 0x1p-44 /* far more than the sums are wrong by, as a part of the number */
#define SMALL 1e-12   /* below this, that part of pi/2 matters that the sums do not have */

static void blocks(uint64_t seed, uint64_t id, uint16_t epoch, uint16_t purpose, uint32_t block,
                   size_t count, uint32_t *out)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t c[4] = {(uint32_t)id, (uint32_t)(id >> 32), (uint32_t)epoch << 16 | purpose,
                         block + (uint32_t)i};
        emo_philox_rounds(seed, c);
        out[4 * i] = c[0];
        out[4 * i + 1] = c[1];
        out[4 * i + 2] = c[2];
        out[4 * i + 3] = c[3];
    }
}

static void pairs(uint64_t seed, uint64_t id, uint16_t purpose, size_t count,
                  uint32_t *restrict first, uint32_t *restrict second)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t low = (uint32_t)id + (uint32_t)i;
        uint32_t c[4] = {low, (uint32_t)(id >> 32) + (low < (uint32_t)id), purpose, 0};
        emo_philox_rounds(seed, c);
        first[i] = c[0];
        second[i] = c[1];
    }
}

/* Of a number below 2^52. */
static inline double whole(uint64_t x)
{
    double d;
    x |= UINT64_C(0x4330000000000000);
    memcpy(&d, &x, sizeof d);
    return d - 0x1p52;
}

static inline double logarithm(double x)
{
    const uint64_t half_root = UINT64_C(0x3fe6a09e00000000), one = UINT64_C(0x3ff0000000000000);
    uint64_t bits;
    double m;
    memcpy(&bits, &x, sizeof bits);
    bits += one - half_root;
    double k = whole(bits >> 52) - 1023;
    bits = (bits & (UINT64_MAX >> 12)) + half_root;
    memcpy(&m, &bits, sizeof m);
    double s = (m - 1) / (m + 1), z = s * s;
    double sum = z * (1. / 3 + z * (1. / 5 + z * (1. / 7 + z * (1. / 9 + z * (1. / 11 + z *
                 (1. / 13 + z * (1. / 15 + z * (1. / 17 + z * (1. / 19)))))))));
    /* log 2, the first part of so few digits that k times it is exact. */
    return k * 0x1.62e42feep-1 + (2 * (s + s * sum) + k * 0x1.a39ef35793c76p-33);
}

/* Of the angle that is 2 pi draw / 2^32. */
static inline double cosine(uint32_t draw)
{
    double a = 0x1p-31 * whole(draw) * 3.14159265358979323846;
    double sign = draw >> 31 ? -1. : 1., quarters = 2 - sign;
    /* pi / 2 in two parts as log 2. */
    double r = sign * ((quarters * 0x1.921fb544p+0 - a) + quarters * 0x1.0b4611a626331p-34);
    double z = r * r;
    double sum = z * (-1. / 6 + z * (1. / 120 + z * (-1. / 5040 + z * (1. / 362880 + z *
                 (-1. / 39916800 + z * (1. / 6227020800 + z * (-1. / 1307674368000 + z *
                 (1. / 355687428096000 + z * (-1. / 121645100408832000 + z *
                 (1. / 51090942171709440000.))))))))));
    return r + r * sum;
}

static void normals(size_t count, const uint32_t *restrict first, const uint32_t *restrict second,
                    double deviation, float *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        double u = (whole(first[i]) + 1) * 0x1p-32;
        double z = sqrt(-2 * logarithm(u)) * cosine(second[i]), x = deviation * z;
        float low = (float)(x * (1 - DOUBT)), high = (float)(x * (1 + DOUBT));
        double far = fabs(z);
        int sure = (low == high) & (far > SMALL) & (far < EMO_NORMAL_MOST * (1 - DOUBT));
        out[i] = sure ? low : NAN;
    }
}

const struct emo_draws_kernel KERNEL = {
    .blocks = blocks,
    .pairs = pairs,
    .normals = normals,
};
