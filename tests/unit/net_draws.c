/*
 * Many draws at once are those one by one, to the last bit, on every machine: the words of Philox,
 * normals, and initial weights.
 */
#include "check.h"

#include "base/philox.h"
#include "net/initialise.h"
#include "stream/frame.h"

#include <math.h>

static const struct emo_draws_kernel *kernel;

static void blocks(uint64_t id, uint16_t epoch, uint32_t from, size_t count)
{
    uint32_t some[4 * 100 + 1], one[4];
    some[4 * count] = 77;
    kernel->blocks(0x123456789abcdef0, id, epoch, EMO_DRAW_DROPOUT + 3, from, count, some);
    for (size_t i = 0; i < count; i++) {
        emo_philox(0x123456789abcdef0, id, epoch, EMO_DRAW_DROPOUT + 3, from + (uint32_t)i, one);
        CHECK(memcmp(some + 4 * i, one, sizeof one) == 0);
    }
    CHECK(some[4 * count] == 77);
}

static void pairs(uint64_t id, size_t count)
{
    uint32_t first[100], second[100], one[4];
    kernel->pairs(0xfedcba9876543210, id, EMO_DRAW_INITIALISE, count, first, second);
    for (size_t i = 0; i < count; i++) {
        emo_philox(0xfedcba9876543210, id + i, 0, EMO_DRAW_INITIALISE, 0, one);
        CHECK(first[i] == one[0] && second[i] == one[1]);
    }
}

/* What is certain is right; returns how many were not, though they are inside. */
static size_t normals(size_t count, const uint32_t *first, const uint32_t *second)
{
    const double deviation = .0240187;
    float *x = malloc(count * sizeof *x);
    size_t unsure = 0;
    CHECK(x != NULL);
    kernel->normals(count, first, second, deviation, x);
    for (size_t i = 0; i < count; i++) {
        double z = sqrt(-2 * log((first[i] + 1.0) * 0x1p-32)) *
                   cos(0x1p-31 * second[i] * 3.14159265358979323846);
        float right = (float)(deviation * z);
        CHECK(isnan(x[i]) || (fabs(z) <= 2 && memcmp(x + i, &right, sizeof right) == 0));
        unsure += isnan(x[i]) && fabs(z) <= 2;
    }
    free(x);
    return unsure;
}

/* Where the two have least to spare: at the ends of their ranges, where the sums change from one
   range to the next, and near the quarters of the circle. */
static void edges(void)
{
    enum { REACH = 40, PLACES = 16, COUNT = PLACES * (2 * REACH + 1) };
    static uint32_t at[COUNT], first[COUNT], second[COUNT];
    size_t n = 0, unsure = 0;
    for (uint32_t place = 0; place < PLACES; place++)
        for (uint32_t i = 0; i <= 2 * REACH; i++)
            at[n++] = (place << 28) + i - REACH;
    /* The square roots of 1/2 and of 1/8. */
    for (uint32_t i = 0; i < REACH; i++) {
        at[i] = 3037000499u + i - REACH / 2;
        at[i + REACH] = 1518500249u + i - REACH / 2;
    }
    for (size_t shift = 0; shift < n; shift++) {
        for (size_t i = 0; i < n; i++) {
            first[i] = at[i];
            second[i] = at[(i + shift) % n];
        }
        unsure += normals(n, first, second);
    }
    /* Those of an angle that is a quarter, and of a radius that is 0. */
    CHECK(unsure < n * 10);
}

static void weights(const struct emo_tensor *t, size_t ordinal, uint64_t seed)
{
    float *some = calloc(t->count, sizeof *some), *one = calloc(t->count, sizeof *one);
    CHECK(some != NULL && one != NULL);
    size_t half = t->count / 8 * 4;
    emo_initialise(kernel, t, ordinal, seed, 0, half, some);
    emo_initialise(kernel, t, ordinal, seed, half, t->count, some);
    emo_initialise(NULL, t, ordinal, seed, 0, t->count, one);
    CHECK(memcmp(some, one, t->count * sizeof *some) == 0);
    free(some);
    free(one);
}

static void try(void)
{
    for (size_t count = 0; count <= 100; count++) {
        blocks(count << 30 | count, (uint16_t)count, (uint32_t)count, count);
        blocks(UINT64_MAX - 7, UINT16_MAX, UINT32_MAX - 20, count);
        pairs((uint64_t)5 << 40 | count, count);
        pairs(UINT32_MAX - 20, count);
    }
    uint32_t first[2][512], second[2][512];
    size_t unsure = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        kernel->pairs(i, i << 10, EMO_DRAW_SAMPLE, 512, first[0], second[0]);
        unsure += normals(512, first[0], second[0]);
    }
    CHECK(unsure < 10);
    edges();
    const struct emo_tensor tensors[] = {
        {.order = EMO_IO, .rank = 2, .count = 200003, .fan_in = 4480, .fan_out = 256},
        {.order = EMO_IO, .rank = 2, .count = 5, .fan_in = 5, .fan_out = 1},
        {.order = EMO_IO, .rank = 2, .count = 517, .fan_in = 512, .fan_out = 1, .output = true},
        {.order = EMO_HWIO, .rank = 4, .count = 36866, .fan_in = 576, .fan_out = 576},
    };
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        weights(&tensors[i], 3 * i, 21 + i);
}

int main(void)
{
    enum emo_isa best;
    unsetenv("EMO_ISA");
    CHECK(emo_isa_choose(&best, &err) == 0);
    for (enum emo_isa isa = EMO_ISA_PLAIN; isa <= best; isa++) {
        kernel = emo_draws_kernel(isa);
        try();
    }
    return 0;
}
