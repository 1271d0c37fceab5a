/*
 * bfloat16: rounding; the same bytes for every number of jobs; near float32, and not equal to it;
 * products of bfloat16 and of rounded float32 agree but for the order of sums.
 */
#include "check.h"
#include "net/kernels/bf16.h"
#include "net/net.h"

#include <math.h>
#include <unistd.h>
#include <sys/wait.h>

static void rounding(void)
{
    static const struct {
        uint32_t from;
        uint16_t to;
    } cases[] = {
        {0x3f800000, 0x3f80}, /* 1 */
        {0x3f808000, 0x3f80}, /* half way: to even, down */
        {0x3f818000, 0x3f82}, /* and up */
        {0x3f808001, 0x3f81}, {0x3f807fff, 0x3f80}, {0xbf808001, 0xbf81},
        {0x7f7fffff, 0x7f80}, /* the largest becomes infinite */
        {0x7f800000, 0x7f80}, {0xff800000, 0xff80},
        {0x7f800001, 0x7fc0}, /* NaN stays one */
        {0xffffffff, 0xffff}, {0x00000001, 0x0000}, {0x80000000, 0x8000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float x, wide;
        uint16_t y;
        uint32_t bits;
        memcpy(&x, &cases[i].from, sizeof x);
        emo_bf16_from(&x, 1, &y);
        emo_bf16_round(&x, 1, &wide);
        memcpy(&bits, &wide, sizeof bits);
        CHECK(y == cases[i].to && bits == (uint32_t)cases[i].to << 16);
    }
    for (int i = 0; i < 256; i++) { /* pixels are exact */
        float x = (float)i, y;
        emo_bf16_round(&x, 1, &y);
        CHECK(x - y == 0);
    }
}

enum { BATCH = 12, H = 95, W = 111, STEPS = 4 };

/* Losses, then probabilities, of a short training. */
struct result {
    double loss[STEPS];
    float p[2 * BATCH];
    char backend[80];
};

/* A net to be trained, and a batch for it. */
static uint8_t pixels[BATCH][H * W * 3];
static const uint8_t *images[BATCH];
static int labels[BATCH];
static uint64_t ids[BATCH];

static struct emo_net *begin(const char *text, enum emo_precision precision, unsigned jobs)
{
    struct emo_net_options o = {.text = text, .height = H, .width = W, .channels = 3, .classes = 2,
                                .precision = precision, .jobs = jobs, .batch = BATCH,
                                .training = true, .seed = 21};
    uint64_t state = 7;
    struct emo_net *n;
    for (int i = 0; i < BATCH; i++) {
        images[i] = pixels[i];
        labels[i] = i % 2;
        ids[i] = (uint64_t)i;
        for (size_t j = 0; j < sizeof pixels[i]; j++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            pixels[i][j] = (uint8_t)((state >> 56) / (labels[i] ? 1 : 2));
        }
    }
    CHECK(emo_net_open(&n, &o, &err) == 0);
    emo_net_initialise(n);
    return n;
}

static void train(const char *text, enum emo_precision precision, unsigned jobs, struct result *out)
{
    struct emo_net *n = begin(text, precision, jobs);
    memset(out, 0, sizeof *out);
    for (uint16_t s = 0; s < STEPS; s++) {
        struct emo_step_result r;
        CHECK(emo_net_step(n, images, labels, ids, s, BATCH, .0001, &r, &err) == 0);
        out->loss[s] = r.loss / BATCH;
    }
    CHECK(emo_net_predict(n, images, BATCH, out->p, &err) == 0);
    snprintf(out->backend, sizeof out->backend, "%s", emo_net_backend(n));
    emo_net_close(n);
}

/* The gradients of bf16 are those of fp32 but for rounding: after a first step Adam's first moments are
   tenths of them. Returns the farthest that a tensor's are from each other, of their norm: 0.2, most
   of it from ReLUs that rounding turns on or off; 1 and more if a ReLU's gradient is left out. */
static double gradients_apart(const char *text)
{
    struct emo_net *n[2];
    struct emo_parameter *p[2];
    struct emo_step_result r;
    size_t count;
    double farthest = 0;
    for (int i = 0; i < 2; i++) {
        n[i] = begin(text, i == 0 ? EMO_PRECISION_FP32 : EMO_PRECISION_BF16, 2);
        CHECK(emo_net_step(n[i], images, labels, ids, 0, BATCH, .0001, &r, &err) == 0);
        p[i] = emo_net_parameters(n[i], &count);
    }
    for (size_t t = 0; t < count; t++) {
        double far = 0, size = 0;
        for (size_t k = 0; k < p[0][t].count; k++) {
            double full = (double)p[0][t].m[k], half = (double)p[1][t].m[k];
            far += (full - half) * (full - half);
            size += full * full;
        }
        CHECK(size > 0);
        farthest = fmax(farthest, sqrt(far / size));
    }
    emo_net_close(n[0]);
    emo_net_close(n[1]);
    return farthest;
}

static void near(const struct result *a, const struct result *b, double most)
{
    double furthest = 0;
    for (int s = 0; s < STEPS; s++)
        furthest = fmax(furthest, fabs(a->loss[s] - b->loss[s]) / b->loss[s]);
    CHECK(furthest > 0 && furthest < most);
}

/* The same with the instruction set limited, in a process of its own: it is chosen once. */
static void train_limited(const char *text, struct result *out)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        setenv("EMO_ISA", "avx512", 1);
        train(text, EMO_PRECISION_BF16, 2, out);
        _exit(write(ends[1], out, sizeof *out) != sizeof *out);
    }
    int status;
    close(ends[1]);
    CHECK(read(ends[0], out, sizeof *out) == sizeof *out);
    close(ends[0]);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(void)
{
    static const char *const nets[] = {"baseline", "vgg"};
    rounding();
    puts("rounding is to nearest, ties to even");
    struct emo_text build = {0};
    emo_net_build(&build);
    bool without = strstr(build.bytes, "without") != NULL;
    emo_text_free(&build);
    struct result limited[2], full, half, other;
    for (size_t i = 0; i < 2 && !without; i++)
        train_limited(nets[i], &limited[i]);
    for (size_t i = 0; i < 2 && !without; i++) {
        train(nets[i], EMO_PRECISION_FP32, 2, &full);
        train(nets[i], EMO_PRECISION_BF16, 1, &half);
        for (unsigned jobs = 2; jobs <= 4; jobs++) {
            train(nets[i], EMO_PRECISION_BF16, jobs, &other);
            CHECK(memcmp(&half, &other, sizeof half) == 0);
        }
        near(&half, &full, 2e-2);
        CHECK(strstr(full.backend, "fp32") != NULL && strstr(half.backend, "bf16") != NULL);
        CHECK(strstr(limited[i].backend, "bf16 as fp32") != NULL);
        if (strstr(half.backend, "as fp32") == NULL)
            near(&limited[i], &half, 1e-2);
        double far = gradients_apart(nets[i]);
        CHECK(far > 0 && far < .3);
        printf("%s: %s, gradients %.1e from fp32\n", nets[i], half.backend, far);
    }
    puts("bf16 is near fp32, with the same bytes for every number of jobs");
    return 0;
}
