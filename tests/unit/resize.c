/* lib/image/resize: against the filter in double, and plain C against the vector version.
   The module once more, without vectors; before check.h, whose err its arguments would shadow. */
#undef __SSE2__
#define emo_resize plain_resize
#define emo_fit_name plain_fit_name
#include "../../lib/image/resize.c"
#undef emo_resize
#undef emo_fit_name

#include "check.h"

#include "base/philox.h"

/* resize.h was read under the other name. */
int emo_resize(const uint8_t *from, uint32_t height, uint32_t width, uint32_t channels,
               enum emo_fit fit, uint8_t *to, uint32_t to_height, uint32_t to_width,
               struct emo_error *err);

struct shape {
    uint32_t height, width;
};

static uint8_t *noise(size_t n, uint64_t seed)
{
    uint8_t *bytes = malloc(n);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < n; i++) {
        uint32_t draw[4];
        emo_philox(seed, i, 0, EMO_DRAW_SAMPLE, 0, draw);
        bytes[i] = (uint8_t)draw[0];
    }
    return bytes;
}

/* The triangle about output i's centre at input x, not yet normalised. */
static double triangle(uint32_t i, uint32_t x, uint32_t from, uint32_t to)
{
    double scale = (double)from / to, support = scale > 1 ? scale : 1;
    return fmax(0, 1 - fabs(x - ((i + .5) * scale - .5)) / support);
}

/* Stretching in double, straight from the formula. */
static double exact(const uint8_t *from, struct shape a, uint32_t channels, struct shape b,
                    uint32_t y, uint32_t x, uint32_t c)
{
    double sum = 0, weights = 0;
    for (uint32_t i = 0; i < a.height; i++) {
        double w = triangle(y, i, a.height, b.height);
        for (uint32_t j = 0; w > 0 && j < a.width; j++) {
            double both = w * triangle(x, j, a.width, b.width);
            sum += both * from[((size_t)i * a.width + j) * channels + c];
            weights += both;
        }
    }
    return sum / weights;
}

static const struct shape shapes[] = {{1, 1},   {1, 7},   {7, 1},  {2, 2},   {5, 9},  {16, 16},
                                      {17, 33}, {40, 50}, {31, 8}, {64, 47}, {3, 100}};
#define SHAPES (sizeof shapes / sizeof *shapes)

static void against_double(void)
{
    double worst = 0, total = 0, count = 0;
    for (size_t s = 0; s < SHAPES * SHAPES * 2; s++) {
        struct shape a = shapes[s / 2 % SHAPES], b = shapes[s / 2 / SHAPES];
        uint32_t channels = s % 2 != 0 ? 3 : 1;
        uint8_t *from = noise((size_t)a.height * a.width * channels, s);
        uint8_t *to = malloc((size_t)b.height * b.width * channels);
        CHECK(to != NULL && emo_resize(from, a.height, a.width, channels, EMO_STRETCH, to,
                                       b.height, b.width, &err) == EMO_OK);
        for (uint32_t y = 0; y < b.height; y++)
            for (uint32_t x = 0; x < b.width; x++)
                for (uint32_t c = 0; c < channels; c++) {
                    double d = fabs(exact(from, a, channels, b, y, x, c) -
                                    to[((size_t)y * b.width + x) * channels + c]);
                    worst = d > worst ? d : worst;
                    total += d;
                    count++;
                }
        free(from);
        free(to);
    }
    /* Half a level is the rounding to bytes itself, whose mean is a quarter. */
    CHECK(worst < 0.53);
    CHECK(total / count < 0.26);
    printf("resize against double: worst %.4f, mean %.4f levels\n", worst, total / count);
}

static void against_plain(void)
{
    for (size_t s = 0; s < SHAPES * SHAPES * 6; s++) {
        struct shape a = shapes[s / 6 % SHAPES], b = shapes[s / 6 / SHAPES];
        uint32_t channels = s % 2 != 0 ? 3 : 1;
        enum emo_fit fit = (enum emo_fit)(s / 2 % 3);
        size_t n = (size_t)b.height * b.width * channels;
        uint8_t *from = noise((size_t)a.height * a.width * channels, s);
        uint8_t *to = malloc(n), *plain = malloc(n);
        CHECK(to != NULL && plain != NULL);
        CHECK(emo_resize(from, a.height, a.width, channels, fit, to, b.height, b.width, &err) ==
              EMO_OK);
        CHECK(plain_resize(from, a.height, a.width, channels, fit, plain, b.height, b.width,
                           &err) == EMO_OK);
        CHECK(memcmp(to, plain, n) == 0);
        free(from);
        free(to);
        free(plain);
    }
    puts("resize: vectors and plain C give the same bytes");
}

static void fits(void)
{
    /* 2 high, 4 wide: black, then levels 10, 20 in the middle, then black. */
    const uint8_t from[8] = {0, 10, 20, 0, 0, 10, 20, 0};
    uint8_t to[16];
    CHECK(emo_resize(from, 2, 4, 1, EMO_CROP, to, 2, 2, &err) == EMO_OK);
    CHECK(memcmp(to, ((uint8_t[]){10, 20, 10, 20}), 4) == 0);
    CHECK(emo_resize(from, 2, 4, 1, EMO_PAD, to, 4, 4, &err) == EMO_OK);
    CHECK(memcmp(to, ((uint8_t[]){255, 255, 255, 255, 0, 10, 20, 0, 0, 10, 20, 0, 255, 255, 255,
                                  255}),
                 16) == 0);
    CHECK(emo_resize(from, 2, 4, 1, EMO_STRETCH, to, 2, 4, &err) == EMO_OK);
    CHECK(memcmp(to, from, 8) == 0);
    puts("resize: crop, pad, and the same size unchanged");
}

static void keeps_level(void)
{
    enum { LONG = 30000 };
    uint8_t *from = malloc(LONG * 3), to[15 * 3];
    CHECK(from != NULL);
    for (int level = 0; level < 256; level += 51) {
        memset(from, level, LONG * 3);
        CHECK(emo_resize(from, 1, LONG, 3, EMO_STRETCH, to, 5, 3, &err) == EMO_OK);
        for (size_t i = 0; i < sizeof to; i++)
            CHECK(to[i] == level);
    }
    /* Half black, half white: many small weights must still add up to the mean. */
    memset(from, 0, LONG / 2);
    memset(from + LONG / 2, 255, LONG / 2);
    CHECK(emo_resize(from, LONG, 1, 1, EMO_STRETCH, to, 1, 1, &err) == EMO_OK);
    CHECK(to[0] == 127 || to[0] == 128);
    free(from);
    puts("resize: an even picture stays even, however far it shrinks");
}

int main(void)
{
    against_double();
    against_plain();
    fits();
    keeps_level();
    return 0;
}
