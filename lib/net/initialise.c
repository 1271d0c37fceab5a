#include "net/initialise.h"

#include "base/philox.h"
#include "stream/frame.h"

#include <math.h>
#include <string.h>

/* Two independent standard normals from two words (Box and Muller): the first, or the second. */
static double normal(const uint32_t u[2], bool second)
{
    double radius = sqrt(-2 * log((u[0] + 1.0) * 0x1p-32));
    double angle = 0x1p-31 * u[1] * 3.14159265358979323846;
    return radius * (second ? sin(angle) : cos(angle));
}

/* A normal truncated at two deviations: blocks of this element until a draw is inside. */
static double truncated(uint64_t seed, size_t ordinal, size_t i)
{
    uint64_t id = (uint64_t)ordinal << 40 | i;
    for (uint32_t block = 0;; block++) {
        uint32_t u[4];
        emo_philox(seed, id, 0, EMO_DRAW_INITIALISE, block, u);
        for (int j = 0; j < 4; j++) {
            double z = normal(u + j / 2 * 2, j % 2 != 0);
            if (fabs(z) <= 2)
                return z;
        }
    }
}

void emo_initialise(const struct emo_tensor *t, size_t ordinal, uint64_t seed, size_t from,
                    size_t to, float *values)
{
    if (t->rank == 1) {
        memset(values + from, 0, (to - from) * sizeof *values);
        return;
    }
    if (t->order == EMO_HWIO || t->output) {
        double limit = sqrt(6 / (t->fan_in + t->fan_out));
        for (size_t i = from; i < to; i += 4) {
            uint32_t u[4];
            emo_philox(seed, ordinal, 0, EMO_DRAW_INITIALISE, (uint32_t)(i / 4), u);
            for (size_t j = 0; j < 4 && i + j < to; j++)
                values[i + j] = (float)(limit * (2.0 * (double)emo_uniform(u[j]) - 1));
        }
        return;
    }
    double deviation = sqrt(2 / t->fan_in) / .87962566103423978;
    for (size_t i = from; i < to; i++)
        values[i] = (float)(deviation * truncated(seed, ordinal, i));
}
