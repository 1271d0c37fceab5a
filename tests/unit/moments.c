/* Moments against sums written out, of every type, with channels, and joined in any grouping. */
#include "check.h"

#include "metrics/moments.h"

#include <math.h>

#define N 600u

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fmax(1, fmax(fabs(a), fabs(b)));
}

/* By the definition, in long double. */
static void compare(const struct emo_moments *m, const double *x, size_t first, size_t n,
                    size_t step)
{
    long double sum = 0, squares = 0;
    double least = INFINITY, greatest = -INFINITY;
    size_t count = 0;
    for (size_t i = first; i < n; i += step) {
        if (!isfinite(x[i]))
            continue;
        count++;
        sum += x[i];
        least = fmin(least, x[i]);
        greatest = fmax(greatest, x[i]);
    }
    long double mean = sum / (long double)count;
    for (size_t i = first; i < n; i += step)
        if (isfinite(x[i]))
            squares += (x[i] - mean) * (x[i] - mean);
    CHECK(m->count == count);
    CHECK(m->least == least && m->greatest == greatest);
    CHECK(near(m->mean, (double)mean));
    CHECK(near(emo_moments_deviation(m), (double)sqrtl(squares / (long double)count)));
}

static void images(void)
{
    static uint8_t pixels[N];
    static double x[2 * N];
    struct emo_stream_moments s = {0};
    struct emo_moments own;
    struct emo_record r = {0};
    r.payload = pixels;
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; i < N; i++)
            x[k * N + i] = pixels[i] = (uint8_t)((i * i + 31 * k) % (251 - 40 * k));
        emo_record_shape(&r, EMO_U8, EMO_HWC, 3, (uint32_t[]){20, 10, 3});
        emo_stream_moments_add(&s, &r, &own);
        compare(&own, x + k * N, 0, N, 1);
    }
    CHECK(s.channels == 3);
    for (size_t c = 0; c < 3; c++)
        compare(&s.channel[c], x, c, 2 * N, 3);
    compare(&s.all, x, 0, 2 * N, 1);

    /* A constant picture has no deviation at all. */
    memset(pixels, 77, N);
    emo_stream_moments_add(&s, &r, &own);
    CHECK(own.mean == 77 && emo_moments_deviation(&own) == 0);

    /* Another number of channels: none are told apart any more. */
    emo_record_shape(&r, EMO_U8, EMO_HWC, 3, (uint32_t[]){20, 30, 1});
    emo_stream_moments_add(&s, &r, &own);
    CHECK(s.channels == 0);
    emo_record_shape(&r, EMO_U8, EMO_HWC, 3, (uint32_t[]){20, 10, 3});
    emo_stream_moments_add(&s, &r, &own);
    CHECK(s.channels == 0 && s.all.count == 5 * N);
}

static void numbers(void)
{
    static float f[N];
    static double d[N], x[N];
    static uint16_t b[N];
    static int64_t whole[N];
    struct emo_stream_moments s = {0};
    struct emo_moments own;
    struct emo_record r = {0};
    for (unsigned i = 0; i < N; i++) {
        f[i] = 1e6f + (float)(i % 17) / 8;
        x[i] = (double)f[i];
    }
    f[3] = NAN;
    f[4] = -INFINITY;
    x[3] = x[4] = NAN;
    emo_record_shape(&r, EMO_F32, EMO_ORDER_NONE, 2, (uint32_t[]){N / 2, 2});
    r.payload = f;
    emo_stream_moments_add(&s, &r, &own);
    compare(&own, x, 0, N, 1);
    CHECK(own.not_finite == 2 && s.channels == 0);

    for (unsigned i = 0; i < N; i++)
        x[i] = d[i] = 1 / (1.0 + i);
    emo_record_shape(&r, EMO_F64, EMO_ORDER_NONE, 1, (uint32_t[]){N});
    r.payload = d;
    emo_stream_moments_add(&s, &r, &own);
    compare(&own, x, 0, N, 1);
    CHECK(s.all.count == 2 * N - 2 && s.all.not_finite == 2);

    /* bf16: 1.0 is 3f80, -2.5 is c020, infinity 7f80. */
    for (unsigned i = 0; i < N; i++) {
        b[i] = i % 2 ? 0x3f80 : 0xc020;
        x[i] = i % 2 ? 1 : -2.5;
    }
    b[0] = 0x7f80;
    x[0] = INFINITY;
    emo_record_shape(&r, EMO_BF16, EMO_ORDER_NONE, 1, (uint32_t[]){N});
    r.payload = b;
    emo_stream_moments_add(&s, &r, &own);
    compare(&own, x, 0, N, 1);

    /* Whole numbers that count or name something have moments, but are no part of the stream's. */
    uint64_t before = s.all.count;
    for (unsigned i = 0; i < N; i++)
        x[i] = (double)(whole[i] = (int64_t)i * i - 5000);
    emo_record_shape(&r, EMO_I64, EMO_ORDER_NONE, 1, (uint32_t[]){N});
    r.payload = whole;
    emo_stream_moments_add(&s, &r, &own);
    compare(&own, x, 0, N, 1);
    CHECK(s.all.count == before);
}

int main(void)
{
    struct emo_moments none = {0}, own = {0};
    images();
    numbers();
    CHECK(isnan(emo_moments_deviation(&none)));
    own.not_finite = 2;
    emo_moments_join(&none, &own);
    CHECK(none.count == 0 && none.not_finite == 2);
    puts("ok");
    return 0;
}
