#include "net/initialise.h"

#include "base/philox.h"
#include "stream/frame.h"

#include <math.h>
#include <string.h>

#define NEAR ((size_t)512) /* values at a time: their words stay in the first cache */

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
            if (fabs(z) <= EMO_NORMAL_MOST)
                return z;
        }
    }
}

static void uniforms(const struct emo_draws_kernel *draws, uint64_t seed, size_t ordinal,
                     double limit, size_t from, size_t count, float *values)
{
    uint32_t u[NEAR];
    uint32_t block = (uint32_t)(from / 4);
    size_t blocks = (count + 3) / 4;
    if (draws != NULL)
        draws->blocks(seed, ordinal, 0, EMO_DRAW_INITIALISE, block, blocks, u);
    else
        for (size_t i = 0; i < blocks; i++)
            emo_philox(seed, ordinal, 0, EMO_DRAW_INITIALISE, block + (uint32_t)i, u + 4 * i);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(limit * (2.0 * (double)emo_uniform(u[i]) - 1));
}

static void normals(const struct emo_draws_kernel *draws, uint64_t seed, size_t ordinal,
                    double deviation, size_t from, size_t count, float *values)
{
    uint32_t first[NEAR], second[NEAR];
    if (draws != NULL) {
        draws->pairs(seed, (uint64_t)ordinal << 40 | from, EMO_DRAW_INITIALISE, count, first, second);
        draws->normals(count, first, second, deviation, values);
    }
    for (size_t i = 0; i < count; i++)
        if (draws == NULL || isnan(values[i]))
            values[i] = (float)(deviation * truncated(seed, ordinal, from + i));
}

void emo_initialise(const struct emo_draws_kernel *draws, const struct emo_tensor *t,
                    size_t ordinal, uint64_t seed, size_t from, size_t to, float *values)
{
    if (t->rank == 1) {
        memset(values + from, 0, (to - from) * sizeof *values);
        return;
    }
    bool uniform = t->order == EMO_HWIO || t->output;
    double width = uniform ? sqrt(6 / (t->fan_in + t->fan_out))
                           : sqrt(2 / t->fan_in) / .87962566103423978;
    for (size_t i = from; i < to; i += NEAR)
        (uniform ? uniforms : normals)(draws, seed, ordinal, width, i,
                                       to - i < NEAR ? to - i : NEAR, values + i);
}
