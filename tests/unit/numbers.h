/*
 * For the unit tests of the network: random numbers, the same in every run, buffers, and how far
 * from double a result is.
 */
#ifndef EMO_TESTS_NUMBERS_H
#define EMO_TESTS_NUMBERS_H

#include "check.h"

#include <math.h>
#include <stdint.h>

static uint64_t random_state = 1;

/* From -1/2 to 1/2. */
static inline double uniform(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (double)(random_state >> 33) / 2147483648.0 - .5;
}

static inline uint32_t any(uint32_t low, uint32_t high)
{
    return low + (uint32_t)((uniform() + .5) * (high - low + 1));
}

/* A network and what it sees. */
struct shape {
    char text[96];
    uint32_t h, w, c;
};

/* The number that a bfloat16 is. */
static inline float number_of(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline double *randoms(size_t n)
{
    double *p = malloc((n + 1) * sizeof *p);
    CHECK(p != NULL);
    for (size_t i = 0; i < n; i++)
        p[i] = uniform();
    return p;
}

/* As kernels want it, beginning at a multiple of 64 bytes; as float or double, not a number. */
static inline void *room(size_t n, size_t size)
{
    size_t bytes = (n * size + 63) / 64 * 64;
    void *p = aligned_alloc(64, bytes > 0 ? bytes : 64);
    CHECK(p != NULL);
    memset(p, 0xff, bytes);
    return p;
}

/* Euclidean. */
static inline double distance(const float *a, const double *b, size_t n)
{
    double d = 0;
    for (size_t i = 0; i < n; i++)
        d += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sqrt(d);
}

static inline double norm(const double *a, size_t n)
{
    double d = 0;
    for (size_t i = 0; i < n; i++)
        d += a[i] * a[i];
    return sqrt(d);
}

/* Of the norm of b. */
static inline double apart(const float *a, const float *b, size_t n)
{
    double d = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        d += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        most += (double)b[i] * (double)b[i];
    }
    return most > 0 ? sqrt(d / most) : sqrt(d);
}

#endif
