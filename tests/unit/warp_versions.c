/* Every version of the warp against the plain one, byte for byte. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "base/philox.h"
#include "check.h"
#include "image/warp.h"
#include "image/warp_span.h"

#include <sys/mman.h>
#include <unistd.h>

static const enum emo_fill fills[] = {EMO_FILL_NEAREST, EMO_FILL_REFLECT, EMO_FILL_WRAP,
                                      EMO_FILL_CONSTANT};

static uint32_t draws(uint64_t i, uint32_t block)
{
    uint32_t out[4];
    emo_philox(7, i, 0, EMO_DRAW_SAMPLE, block, out);
    return out[0];
}

/* Of exactly the size, so that a read or write past the end is seen by the sanitizer. */
static uint8_t *new_image(size_t n, uint64_t seed)
{
    uint8_t *p = malloc(n);
    CHECK(p != NULL);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(draws(seed, (uint32_t)i) >> 13);
    return p;
}

/* An image between two pages that cannot be read, close to one of them: the sanitizer does not see
   what vector instructions gather. */
struct guarded {
    uint8_t *map, *image;
    size_t length;
};

static struct guarded guard(const uint8_t *from, size_t n, bool at_end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (n + page - 1) / page * page;
    struct guarded g = {.length = inner + 2 * page};
    g.map = mmap(NULL, g.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(g.map != MAP_FAILED);
    g.image = g.map + page + (at_end ? inner - n : 0);
    memcpy(g.image, from, n);
    CHECK(mprotect(g.map, page, PROT_NONE) == 0);
    CHECK(mprotect(g.map + page + inner, page, PROT_NONE) == 0);
    return g;
}

struct image {
    uint32_t height, width, channels;
};

static void check_same(const char *version, const struct emo_warp *w, struct image i, uint64_t seed,
                       const uint8_t *plain, const uint8_t *other)
{
    for (size_t k = 0; k < (size_t)i.height * i.width * i.channels; k++)
        if (plain[k] != other[k]) {
            fprintf(stderr, "%s: %ux%ux%u fill %d seed %llu: byte %zu is %u, not %u\n", version,
                    i.height, i.width, i.channels, (int)w->fill, (unsigned long long)seed, k,
                    other[k], plain[k]);
            exit(1);
        }
}

/* How many images each version did. */
static unsigned done[2];

static void same_by_versions(const struct emo_warp *w, struct image i, uint64_t seed,
                             const uint8_t *from, const uint8_t *plain, uint8_t *to)
{
#if defined(EMO_WARP_VECTOR)
    static const struct emo_warp_version *const versions[] = {&emo_warp_avx2, &emo_warp_avx512};
    static const char *const names[] = {"avx2", "avx512"};
    size_t n = (size_t)i.height * i.width * i.channels;
    struct guarded g = guard(from, n, seed % 2 == 1);
    for (int k = 0; k < 2; k++) {
        memset(to, 3, n);
        if (!versions[k]->pays() ||
            !emo_warp_by(versions[k], w, g.image, i.height, i.width, i.channels, to))
            continue;
        check_same(names[k], w, i, seed, plain, to);
        done[k]++;
    }
    munmap(g.map, g.length);
#else
    (void)w, (void)i, (void)seed, (void)from, (void)plain, (void)to;
#endif
}

static void same_as_plain(const struct emo_warp *w, uint32_t h, uint32_t wide, uint32_t channels,
                          uint64_t seed)
{
    struct image i = {h, wide, channels};
    size_t n = (size_t)h * wide * channels;
    uint8_t *from = new_image(n, seed), *a = malloc(n), *b = malloc(n);
    CHECK(a != NULL && b != NULL);
    memset(a, 1, n);
    memset(b, 2, n);
    emo_warp_plain(w, from, h, wide, channels, a);
    emo_warp(w, from, h, wide, channels, b);
    check_same("emo_warp()", w, i, seed, a, b);
    same_by_versions(w, i, seed, from, a, b);
    free(from);
    free(a);
    free(b);
}

static void check_versions(void)
{
    static const struct emo_warp_ranges usual = {40, .2, .2, 11.459, .2, true, true};
    static const struct emo_warp_ranges wild = {180, 3, 3, 80, .99, true, true};
    struct emo_warp_geometry g;
    struct emo_warp w;
    for (uint64_t i = 0; i < 1200; i++) {
        uint32_t h = 1 + draws(i, 1) % 40, wide = 1 + draws(i, 2) % 60;
        uint32_t channels = 1 + draws(i, 3) % 4;
        emo_warp_draw(i % 3 == 0 ? &wild : &usual, 21, i, 1, &g);
        emo_warp_make(&g, h, wide, &w);
        w.fill = fills[i / 3 % 4];
        memcpy(w.colour, "\x10\x80\xff\x40", 4);
        same_as_plain(&w, h, wide, channels, i);
    }
    /* Coefficients that no geometry gives: steep, flat, far away. */
    for (uint64_t i = 0; i < 400; i++) {
        struct emo_warp any = {.fill = fills[i % 4], .colour = {1, 2, 3, 4}};
        int shift = (int)(draws(i, 10) % 18);
        for (uint32_t k = 0; k < 3; k++) {
            any.row[k] = (int32_t)draws(i, 11 + k) >> (k < 2 ? 10 + shift : shift);
            any.column[k] = (int32_t)draws(i, 15 + k) >> (k < 2 ? 10 + shift : shift);
        }
        same_as_plain(&any, 2 + draws(i, 20) % 30, 2 + draws(i, 21) % 30, 1 + i % 4, i);
    }
    emo_warp_draw(&usual, 21, 5, 1, &g);
    emo_warp_make(&g, 400, 500, &w);
    same_as_plain(&w, 400, 500, 3, 1);
    emo_warp_make(&g, 1, 30000, &w);
    same_as_plain(&w, 1, 30000, 1, 1);
    emo_warp_make(&g, 2, 12000, &w); /* rows too long for 16 bits */
    same_as_plain(&w, 2, 12000, 3, 1);
    emo_warp_make(&g, 3, 65535, &w); /* leaves 32 bits: the plain version */
    same_as_plain(&w, 3, 65535, 1, 1);
}

int main(void)
{
    check_versions();
    printf("ok: the vector versions equal the plain one: avx2 %u images, avx512 %u\n", done[0],
           done[1]);
    return 0;
}
