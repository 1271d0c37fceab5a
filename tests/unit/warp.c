/* The warp against doubles, and cases known by hand. */
#include "check.h"
#include "image/warp.h"

#include <math.h>

#define PI 3.14159265358979323846

static const enum emo_fill fills[] = {EMO_FILL_NEAREST, EMO_FILL_REFLECT, EMO_FILL_WRAP,
                                      EMO_FILL_CONSTANT};

/* Of exactly the size, so that a read or write past the end is seen by the sanitizer. */
static uint8_t *new_image(size_t n)
{
    uint8_t *p = malloc(n);
    CHECK(p != NULL);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(127.5 + 127 * sin((double)i * 0.0007 + 3));
    return p;
}

static double pixel(const uint8_t *p, int h, int w, int c, int k, double y, double x)
{
    y = fmin(fmax(y, 0), h - 1);
    x = fmin(fmax(x, 0), w - 1);
    int i = (int)y, j = (int)x, i1 = i + 1 < h ? i + 1 : i, j1 = j + 1 < w ? j + 1 : j;
    double fy = y - i, fx = x - j;
    return (1 - fy) * ((1 - fx) * p[(i * w + j) * c + k] + fx * p[(i * w + j1) * c + k]) +
           fy * ((1 - fx) * p[(i1 * w + j) * c + k] + fx * p[(i1 * w + j1) * c + k]);
}

/* Against the formula of the header, multiplied out as it stands there. */
static void check_formula(void)
{
    enum { H = 120, W = 150, C = 3 };
    static const struct emo_warp_ranges usual = {40, .2, .2, 11.459, .2, true, true};
    uint8_t *from = new_image((size_t)H * W * C), *to = malloc((size_t)H * W * C);
    double worst = 0;
    CHECK(to != NULL);
    for (uint64_t id = 0; id < 20; id++) {
        struct emo_warp_geometry g;
        struct emo_warp warp;
        emo_warp_draw(&usual, 21, id, 2, &g);
        emo_warp_make(&g, H, W, &warp);
        emo_warp(&warp, from, H, W, C, to);
        for (int r = 0; r < H; r++)
            for (int c = 0; c < W; c++) {
                double y = (g.flip_v ? H - 1 - r : r) - (H - 1) / 2.0;
                double x = (g.flip_h ? W - 1 - c : c) - (W - 1) / 2.0;
                y *= g.zoom_y;
                x *= g.zoom_x;
                double sy = y - sin(g.shear) * x + g.shift_y * H, sx = cos(g.shear) * x +
                            g.shift_x * W;
                double in_y = cos(g.theta) * sy - sin(g.theta) * sx + (H - 1) / 2.0;
                double in_x = sin(g.theta) * sy + cos(g.theta) * sx + (W - 1) / 2.0;
                for (int k = 0; k < C; k++)
                    worst = fmax(worst, fabs(pixel(from, H, W, C, k, in_y, in_x) -
                                             to[(r * W + c) * C + k]));
            }
    }
    printf("ok: within %.2f levels of the formula in doubles\n", worst);
    CHECK(worst <= 0.7);
    free(from);
    free(to);
}

static void check_by_hand(void)
{
    const uint8_t from[6] = {10, 20, 30, 40, 50, 60}; /* 2 x 3 */
    uint8_t to[6];
    struct emo_warp w;
    struct emo_warp_geometry g = {.zoom_y = 1, .zoom_x = 1};
    emo_warp_make(&g, 2, 3, &w);
    emo_warp(&w, from, 2, 3, 1, to);
    CHECK(memcmp(to, from, 6) == 0);
    g.flip_h = true;
    emo_warp_make(&g, 2, 3, &w);
    emo_warp(&w, from, 2, 3, 1, to);
    CHECK(memcmp(to, "\x1e\x14\x0a\x3c\x32\x28", 6) == 0);
    g = (struct emo_warp_geometry){.zoom_y = 1, .zoom_x = 1, .flip_v = true};
    emo_warp_make(&g, 2, 3, &w);
    emo_warp(&w, from, 2, 3, 1, to);
    CHECK(memcmp(to, "\x28\x32\x3c\x0a\x14\x1e", 6) == 0);
    g = (struct emo_warp_geometry){.zoom_y = 1, .zoom_x = 1, .theta = PI};
    emo_warp_make(&g, 2, 3, &w);
    emo_warp(&w, from, 2, 3, 1, to);
    CHECK(memcmp(to, "\x3c\x32\x28\x1e\x14\x0a", 6) == 0);
    /* A third of the width is one pixel to the left; half a row down: the mean, half rounded up. */
    static const char *const shifted[4] = {"\x14\x1e\x1e\x32\x3c\x3c", "\x14\x1e\x1e\x32\x3c\x3c",
                                           "\x14\x1e\x0a\x32\x3c\x28", "\x14\x1e\x07\x32\x3c\x07"};
    for (int k = 0; k < 4; k++) {
        g = (struct emo_warp_geometry){.zoom_y = 1, .zoom_x = 1, .shift_x = 1.0 / 3};
        emo_warp_make(&g, 2, 3, &w);
        w.fill = fills[k];
        w.colour[0] = 7;
        emo_warp(&w, from, 2, 3, 1, to);
        CHECK(memcmp(to, shifted[k], 6) == 0);
    }
    const uint8_t odd[2] = {10, 21};
    g = (struct emo_warp_geometry){.zoom_y = 1, .zoom_x = 1, .shift_y = .25};
    emo_warp_make(&g, 2, 1, &w);
    emo_warp(&w, odd, 2, 1, 1, to);
    CHECK(to[0] == 16 && to[1] == 21);
}

static void check_draws(void)
{
    static const struct emo_warp_ranges r = {40, .2, .1, 11.459, .3, true, false};
    struct emo_warp_geometry g, low = {0}, high = {0};
    int flips = 0;
    low.zoom_x = low.zoom_y = high.zoom_x = high.zoom_y = 1;
    for (uint64_t id = 0; id < 4000; id++) {
        emo_warp_draw(&r, 21, id, 1, &g);
        flips += g.flip_h;
        CHECK(!g.flip_v);
        low.theta = fmin(low.theta, g.theta), high.theta = fmax(high.theta, g.theta);
        low.shift_x = fmin(low.shift_x, g.shift_x), high.shift_x = fmax(high.shift_x, g.shift_x);
        low.shift_y = fmin(low.shift_y, g.shift_y), high.shift_y = fmax(high.shift_y, g.shift_y);
        low.shear = fmin(low.shear, g.shear), high.shear = fmax(high.shear, g.shear);
        low.zoom_x = fmin(low.zoom_x, g.zoom_x), high.zoom_x = fmax(high.zoom_x, g.zoom_x);
        low.zoom_y = fmin(low.zoom_y, g.zoom_y), high.zoom_y = fmax(high.zoom_y, g.zoom_y);
    }
    CHECK(flips > 1850 && flips < 2150);
    const double ranges[][3] = {
        {low.theta, high.theta, 40 * PI / 180},   {low.shift_x, high.shift_x, .2},
        {low.shift_y, high.shift_y, .1},          {low.shear, high.shear, 11.459 * PI / 180},
        {low.zoom_x - 1, high.zoom_x - 1, .3},    {low.zoom_y - 1, high.zoom_y - 1, .3},
    };
    for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
        CHECK(ranges[k][0] >= -ranges[k][2] && ranges[k][0] < -.99 * ranges[k][2]);
        CHECK(ranges[k][1] <= ranges[k][2] && ranges[k][1] > .99 * ranges[k][2]);
    }
}

int main(void)
{
    check_by_hand();
    puts("ok: identity, flips, half a turn, shifts with every fill");
    check_draws();
    puts("ok: parameters fill their ranges");
    check_formula();
    return 0;
}
