/* lib/image/phash and similar: the hashes against their definition in double, and what leaves them
   as they are; the groups against a plain search over all pairs, by one thread and by three. */
#include "check.h"

#include "base/philox.h"
#include "image/resize.h"
#include "image/similar.h"

#include <math.h>

static uint32_t draw(uint64_t i, uint32_t k)
{
    uint32_t out[4];
    emo_philox(11, i, 0, EMO_DRAW_SAMPLE, k, out);
    return out[0];
}

static unsigned apart(uint64_t a, uint64_t b)
{
    return (unsigned)__builtin_popcountll(a ^ b);
}

static struct emo_phash hash_of(const uint8_t *pixels, uint32_t height, uint32_t width,
                                uint32_t channels)
{
    struct emo_phash h;
    CHECK(emo_phash(pixels, height, width, channels, &h, &err) == EMO_OK);
    return h;
}

/* A picture with something at every low frequency: a drawn grid of levels, blurred to size. */
static uint8_t *scene(uint64_t i, uint32_t height, uint32_t width, uint32_t channels)
{
    uint8_t grid[14 * 14 * 3], *p = malloc((size_t)height * width * channels);
    CHECK(p != NULL);
    for (uint32_t k = 0; k < 14 * 14; k++)
        for (uint32_t c = 0; c < channels; c++)
            grid[k * channels + c] = (uint8_t)(draw(i, k) % 240 + 5 * c);
    CHECK(emo_resize(grid, 14, 14, channels, EMO_STRETCH, p, height, width, &err) == EMO_OK);
    return p;
}

/* 32x32 gray is not resized: the DCT and its median, straight from the formulas. */
static void test_definition(void)
{
    unsigned checked = 0;
    for (uint64_t n = 0; n < 50; n++) {
        uint8_t *g = scene(n, 32, 32, 1);
        double low[64], sorted[63];
        for (uint32_t k = 0; k < 64; k++) {
            low[k] = 0;
            for (uint32_t y = 0; y < 32; y++)
                for (uint32_t x = 0; x < 32; x++)
                    low[k] += g[y * 32 + x] * cos(acos(-1) * (k / 8) * (2 * y + 1) / 64) *
                              cos(acos(-1) * (k % 8) * (2 * x + 1) / 64);
        }
        memcpy(sorted, low + 1, sizeof sorted);
        for (size_t i = 1; i < 63; i++)
            for (size_t j = i; j > 0 && sorted[j] < sorted[j - 1]; j--) {
                double t = sorted[j];
                sorted[j] = sorted[j - 1];
                sorted[j - 1] = t;
            }
        struct emo_phash h = hash_of(g, 32, 32, 1);
        for (uint32_t k = 0; k < 64; k++) {
            if (fabs(low[k] - sorted[31]) < 2)
                continue;
            checked++;
            CHECK((h.phash >> (63 - k) & 1) == (low[k] > sorted[31]));
        }
        free(g);
    }
    CHECK(checked > 50 * 60);
    uint8_t steps[72];
    for (size_t i = 0; i < 72; i++)
        steps[i] = (uint8_t)draw(i, 99);
    uint64_t d = hash_of(steps, 8, 9, 1).dhash;
    for (size_t y = 0; y < 8; y++)
        for (size_t x = 0; x < 8; x++)
            CHECK((d >> (63 - y * 8 - x) & 1) == (steps[y * 9 + x + 1] > steps[y * 9 + x]));
}

static void test_invariance(void)
{
    for (uint64_t n = 0; n < 30; n++) {
        uint8_t *a = scene(n, 200, 240, 3), *other = scene(n + 1000, 200, 240, 3);
        uint8_t small[90 * 70 * 3], *gray = scene(n, 200, 240, 1);
        struct emo_phash h = hash_of(a, 200, 240, 3);
        CHECK(emo_resize(a, 200, 240, 3, EMO_STRETCH, small, 90, 70, &err) == EMO_OK);
        struct emo_phash s = hash_of(small, 90, 70, 3);
        CHECK(apart(h.phash, s.phash) <= 4 && apart(h.dhash, s.dhash) <= 4);
        s = hash_of(gray, 200, 240, 1);
        CHECK(apart(h.phash, s.phash) <= 4 && apart(h.dhash, s.dhash) <= 4);
        for (size_t i = 0; i < 200 * 240 * 3; i++)
            a[i] = (uint8_t)(a[i] * 9u / 10 + 15 + draw(i, 5) % 5);
        s = hash_of(a, 200, 240, 3);
        CHECK(apart(h.phash, s.phash) <= 10 && apart(h.dhash, s.dhash) <= 10);
        s = hash_of(other, 200, 240, 3);
        CHECK(apart(h.phash, s.phash) > 10 || apart(h.dhash, s.dhash) > 10);
        free(a);
        free(other);
        free(gray);
    }
}

/* Pictures in clumps: variations of few, some of equal bytes, some flat. */
#define PICTURES 1200u

static struct emo_phash hashes[PICTURES];
static uint64_t bytes[PICTURES];
static int16_t labels[PICTURES];

static void make_pictures(void)
{
    for (uint32_t i = 0; i < PICTURES; i++) {
        struct emo_phash *h = &hashes[i];
        uint32_t clump = draw(i, 1) % 280;
        h->phash = (uint64_t)draw(clump, 2) << 32 | draw(clump, 3);
        h->dhash = (uint64_t)draw(clump, 4) << 32 | draw(clump, 5);
        for (uint32_t k = draw(i, 6) % 8; k > 0; k--) {
            h->phash ^= UINT64_C(1) << draw(i, 100 + k) % 64;
            h->dhash ^= UINT64_C(1) << draw(i, 200 + k) % 64;
        }
        for (uint32_t k = 0; k < EMO_PHASH_GRAY; k++)
            h->gray[k] = clump % 50 == 0 ? (uint8_t)(100 + (clump + k) % 2)
                                         : (uint8_t)(draw(clump, 1000 + k) % 128 +
                                                     draw(i, 2000 + k) % (16 + i % 64));
        bytes[i] = i % 10 == 9 ? bytes[i - 7] : i + 1;
        if (i % 10 == 9)
            *h = hashes[i - 7];
        labels[i] = (int16_t)(draw(i, 7) % 3) - 1;
    }
}

static double correlation_of(const uint8_t *a, const uint8_t *b, double *deviation)
{
    double sa = 0, sb = 0, ab = 0, aa = 0, bb = 0, n = EMO_PHASH_GRAY;
    for (size_t k = 0; k < EMO_PHASH_GRAY; k++) {
        sa += a[k];
        sb += b[k];
        ab += a[k] * b[k];
        aa += a[k] * a[k];
        bb += b[k] * b[k];
    }
    *deviation = sqrt(fmin(aa / n - sa / n * (sa / n), bb / n - sb / n * (sb / n)));
    return (ab - sa * sb / n) / sqrt((aa - sa * sa / n) * (bb - sb * sb / n));
}

static size_t lowest[PICTURES];

static size_t lowest_of(size_t i)
{
    while (lowest[i] != i)
        i = lowest[i];
    return i;
}

/* The rule as similar.h says it, over all pairs; nearest of each. */
static void plain_search(const struct emo_similar_rule *rule, unsigned *nearest)
{
    for (size_t i = 0; i < PICTURES; i++) {
        lowest[i] = i;
        nearest[i] = EMO_APART;
    }
    for (size_t i = 0; i < PICTURES; i++)
        for (size_t j = i + 1; j < PICTURES; j++) {
            double deviation = 0;
            unsigned p = apart(hashes[i].phash, hashes[j].phash);
            bool equal = bytes[i] == bytes[j], near = equal;
            if (!equal && p <= rule->distance &&
                apart(hashes[i].dhash, hashes[j].dhash) <= rule->distance)
                near = correlation_of(hashes[i].gray, hashes[j].gray, &deviation) >=
                           rule->correlation && deviation >= 1;
            if (!near)
                continue;
            size_t a = lowest_of(i), b = lowest_of(j);
            lowest[a > b ? a : b] = a > b ? b : a;
            nearest[i] = equal ? 0 : p < nearest[i] ? p : nearest[i];
            nearest[j] = equal ? 0 : p < nearest[j] ? p : nearest[j];
        }
}

static void compare(const struct emo_similar_rule *rule, unsigned threads)
{
    static unsigned nearest[PICTURES];
    struct emo_similar *s;
    struct emo_threads *team;
    size_t grouped = 0;
    plain_search(rule, nearest);
    CHECK(emo_threads_open(&team, threads, &err) == EMO_OK);
    CHECK(emo_similar_open(&s, rule, &err) == EMO_OK);
    for (size_t i = 0; i < PICTURES; i++)
        CHECK(emo_similar_add(s, &hashes[i], bytes[i], labels[i], &err) == EMO_OK);
    CHECK(emo_similar_find(s, team, &err) == EMO_OK);
    for (size_t i = 0; i < PICTURES; i++) {
        CHECK(emo_similar_group(s, i) == lowest_of(i));
        grouped += lowest_of(i) != i;
        CHECK(emo_similar_nearest(s, i) == nearest[i]);
    }
    CHECK(emo_similar_count(s) == PICTURES && grouped > 50 && grouped < PICTURES - 50);
    emo_similar_close(s);
    emo_threads_close(team);
}

/* The contradiction of three of equal bytes, the first without a label. */
static void test_contradiction(void)
{
    struct emo_similar_rule rule = {10, 0.9};
    struct emo_similar *s;
    struct emo_threads *team;
    static const int16_t of[] = {-1, 0, -1, 1, 0};
    CHECK(emo_threads_open(&team, 1, &err) == EMO_OK);
    CHECK(emo_similar_open(&s, &rule, &err) == EMO_OK);
    for (size_t i = 0; i < 5; i++)
        CHECK(emo_similar_add(s, &hashes[i], i < 4 ? 77 : 78, of[i], &err) == EMO_OK);
    CHECK(emo_similar_find(s, team, &err) == EMO_OK);
    CHECK(emo_similar_contradicting(s, 1) == 0 && emo_similar_contradicting(s, 3) == 0);
    CHECK(emo_similar_contradicting(s, 0) == EMO_APART);
    CHECK(emo_similar_group(s, 3) == 0);
    emo_similar_close(s);
    emo_threads_close(team);
}

int main(void)
{
    static const struct emo_similar_rule rules[] = {{10, 0.8}, {0, -1}, {64, 0.97}, {6, 0.5}};
    test_definition();
    test_invariance();
    make_pictures();
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        for (unsigned threads = 1; threads <= 3; threads += 2)
            compare(&rules[i], threads);
    test_contradiction();
    return 0;
}
