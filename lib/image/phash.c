#include "image/phash.h"

#include "image/formats.h"
#include "image/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 32u
#define LOW 8u /* frequencies kept each way */
#define COSINE_BITS 12
#define PI 3.14159265358979323846

/* In place: the same buffer is read ahead of where it is written. */
static void to_gray(uint8_t *pixels, size_t count, uint32_t channels)
{
    for (size_t i = 0; channels == 3 && i < count; i++)
        pixels[i] = emo_luma(pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t hash_of_frequencies(const uint8_t *gray)
{
    int32_t cosine[LOW][SIDE], rows[LOW][SIDE];
    int64_t low[LOW * LOW], sorted[LOW * LOW - 1];
    for (uint32_t k = 0; k < LOW; k++)
        for (uint32_t i = 0; i < SIDE; i++)
            cosine[k][i] = (int32_t)lrint(cos(PI * k * (2 * i + 1) / (2 * SIDE)) *
                                          (1 << COSINE_BITS));
    for (uint32_t k = 0; k < LOW; k++)
        for (uint32_t x = 0; x < SIDE; x++) {
            rows[k][x] = 0;
            for (uint32_t y = 0; y < SIDE; y++)
                rows[k][x] += cosine[k][y] * gray[y * SIDE + x];
        }
    for (uint32_t k = 0; k < LOW; k++)
        for (uint32_t l = 0; l < LOW; l++) {
            int64_t sum = 0;
            for (uint32_t x = 0; x < SIDE; x++)
                sum += (int64_t)rows[k][x] * cosine[l][x];
            low[k * LOW + l] = sum;
        }
    memcpy(sorted, low + 1, sizeof sorted);
    qsort(sorted, LOW * LOW - 1, sizeof *sorted, by_value);
    uint64_t hash = 0;
    for (size_t i = 0; i < LOW * LOW; i++)
        hash = hash << 1 | (low[i] > sorted[(LOW * LOW - 1) / 2]);
    return hash;
}

static uint64_t hash_of_differences(const uint8_t *gray)
{
    uint64_t hash = 0;
    for (size_t y = 0; y < 8; y++)
        for (size_t x = 0; x < 8; x++)
            hash = hash << 1 | (gray[y * 9 + x + 1] > gray[y * 9 + x]);
    return hash;
}

int emo_phash(const uint8_t *pixels, uint32_t height, uint32_t width, uint32_t channels,
              struct emo_phash *hash, struct emo_error *err)
{
    uint8_t small[SIDE * SIDE * 3], tiny[8 * 9 * 3];
    int status = emo_resize(pixels, height, width, channels, EMO_STRETCH, small, SIDE, SIDE, err);
    if (status == EMO_OK)
        status = emo_resize(pixels, height, width, channels, EMO_STRETCH, tiny, 8, 9, err);
    if (status != EMO_OK)
        return status;
    to_gray(small, SIDE * SIDE, channels);
    to_gray(tiny, 8 * 9, channels);
    for (uint32_t i = 0; i < EMO_PHASH_GRAY; i++) {
        const uint8_t *p = small + i / EMO_PHASH_SIDE * 2 * SIDE + i % EMO_PHASH_SIDE * 2;
        hash->gray[i] = (uint8_t)((p[0] + p[1] + p[SIDE] + p[SIDE + 1] + 2) / 4);
    }
    hash->phash = hash_of_frequencies(small);
    hash->dhash = hash_of_differences(tiny);
    return EMO_OK;
}
