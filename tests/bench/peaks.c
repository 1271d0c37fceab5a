/*
 * What this machine can do at most, for the limits in the bench's table.
 *
 * usage: peaks [THREADS]      processors available, if not given
 *
 * Prints TSV: peak, threads, value, unit. Each is the best of a few runs, with one thread and with
 * THREADS. What the processor lacks is left out.
 *
 *     fma.plain, .avx2, .avx512   float32 multiply and add, all in registers; GFLOP/s
 *     bf16.avx512, bf16.amx       products of bf16 summed in float32, likewise
 *     triad                       a = b + 3 c over arrays larger than the caches, 12 bytes an
 *                                 element as STREAM counts them; GB/s
 *     read                        the sum of such an array
 *     pipe                        64 KiB writes into a pipe of 1 MiB, read by another process
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS 10
#define MAX_THREADS 256
/* Of each of the three arrays, over all threads. */
#define ARRAY_BYTES ((size_t)256 << 20)
#define PIPE_BYTES ((size_t)1 << 30)
#define PIPE_WRITE ((size_t)64 << 10)

/* What one thread works on. sink is 0, which the compiler does not know: so no work is left out. */
struct area {
    float *a, *b, *c;
    size_t elements;
    volatile float sink;
    char apart[64];
};

typedef void task(struct area *, long repeat);

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A processor begins a fused multiply-add in two units each cycle and takes 4 or 5 cycles for it,
   so that ten or more sums must be under way. */
#define CHAINS 12
#define FMA(name, isa, vector)                                                                     \
    isa static void name(struct area *area, long repeat)                                           \
    {                                                                                              \
        vector sum[CHAINS], x, y;                                                                  \
        const size_t lanes = sizeof x / sizeof(float);                                             \
        const float zero = area->sink;                                                             \
        for (size_t k = 0; k < lanes; k++) {                                                       \
            x[k] = zero + 0.999f;                                                                  \
            y[k] = zero + 0.001f;                                                                  \
            for (int i = 0; i < CHAINS; i++)                                                       \
                sum[i][k] = zero + (float)i;                                                       \
        }                                                                                          \
        while (repeat-- > 0)                                                                       \
            for (int i = 0; i < CHAINS; i++)                                                       \
                sum[i] = sum[i] * x + y;                                                           \
        for (int i = 1; i < CHAINS; i++)                                                           \
            sum[0] += sum[i];                                                                      \
        for (size_t k = 0; k < lanes; k++)                                                         \
            if (sum[0][k] < 0)                                                                     \
                area->sink = 0;                                                                    \
    }

typedef float vector128 __attribute__((vector_size(16)));
FMA(fma_plain, , vector128)

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

typedef float vector256 __attribute__((vector_size(32)));
typedef float vector512 __attribute__((vector_size(64)));
FMA(fma_avx2, __attribute__((target("avx2,fma"))), vector256)
FMA(fma_avx512, __attribute__((target("avx512f,fma"))), vector512)

__attribute__((target("avx512f,avx512bf16"))) static void bf16_avx512(struct area *area,
                                                                      long repeat)
{
    __m512 sum[CHAINS];
    const __m512bh x = (__m512bh)_mm512_set1_epi16(0x3c00);
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm512_set1_ps((float)i);
    while (repeat-- > 0)
        for (int i = 0; i < CHAINS; i++)
            sum[i] = _mm512_dpbf16_ps(sum[i], x, x);
    for (int i = 1; i < CHAINS; i++)
        sum[0] = _mm512_add_ps(sum[0], sum[i]);
    if (_mm512_reduce_add_ps(sum[0]) < 0)
        area->sink = 0;
}

/* Four tiles of 16x16 sums, from two tiles of 16x32 bf16 and two of 32x16. */
__attribute__((target("amx-tile,amx-bf16"))) static void bf16_amx(struct area *area, long repeat)
{
    struct {
        uint8_t palette, start, zero[14];
        uint16_t bytes_a_row[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    static const uint8_t zeros[1024];
    static _Thread_local float out[256];
    for (int i = 0; i < 8; i++) {
        config.bytes_a_row[i] = 64;
        config.rows[i] = 16;
    }
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, zeros, 64);
    _tile_loadd(5, zeros, 64);
    _tile_loadd(6, zeros, 64);
    _tile_loadd(7, zeros, 64);
    while (repeat-- > 0) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, out, 64);
    _tile_release();
    if (out[0] < 0)
        area->sink = 0;
}

/* The kernel gives a process the tiles on demand only. */
static bool has_amx(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d >> 22 & 1) == 0 || (d >> 24 & 1) == 0)
        return false;
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#endif

static void triad(struct area *area, long repeat)
{
    float *restrict a = area->a;
    const float *restrict b = area->b, *restrict c = area->c;
    while (repeat-- > 0) {
        for (size_t i = 0; i < area->elements; i++)
            a[i] = b[i] + 3.0f * c[i];
        if (a[0] < 0)
            area->sink = 0;
    }
}

/* Many sums at once: in one, each addition would wait for the one before it. */
static void sum(struct area *area, long repeat)
{
    float part[64] = {0};
    while (repeat-- > 0)
        for (size_t i = 0; i + 64 <= area->elements; i += 64)
            for (size_t k = 0; k < 64; k++)
                part[k] += area->b[i + k];
    for (size_t k = 0; k < 64; k++)
        if (part[k] < 0)
            area->sink = 0;
}

struct worker {
    pthread_barrier_t *barrier;
    task *work;
    struct area *area;
    long repeat;
    double start, end;
};

static void *run(void *argument)
{
    struct worker *w = argument;
    for (int i = 0; i < RUNS; i++) {
        pthread_barrier_wait(w->barrier);
        w->start = now();
        w->work(w->area, w->repeat);
        w->end = now();
        pthread_barrier_wait(w->barrier);
    }
    return NULL;
}

/* Seconds that the fastest of the runs took, from the first thread's start to the last one's end:
   with every processor at work, whoever waits for them looks at the clock too late. */
static double fastest(task *work, struct area *areas, unsigned threads, long repeat)
{
    pthread_barrier_t barrier;
    pthread_t thread[MAX_THREADS];
    struct worker worker[MAX_THREADS];
    double best = 1e9;
    pthread_barrier_init(&barrier, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++) {
        worker[i] = (struct worker){.barrier = &barrier, .work = work, .area = &areas[i],
                                    .repeat = repeat};
        if (pthread_create(&thread[i], NULL, run, &worker[i]) != 0) {
            perror("peaks: thread");
            exit(1);
        }
    }
    for (int i = 0; i < RUNS; i++) {
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        double start = worker[0].start, end = worker[0].end;
        for (unsigned t = 1; t < threads; t++) {
            start = worker[t].start < start ? worker[t].start : start;
            end = worker[t].end > end ? worker[t].end : end;
        }
        best = end - start < best ? end - start : best;
    }
    for (unsigned i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    pthread_barrier_destroy(&barrier);
    return best;
}

static void print(const char *peak, unsigned threads, double value, const char *unit)
{
    printf("%s\t%u\t%.4g\t%s\n", peak, threads, value, unit);
    fflush(stdout);
}

static void arithmetic(const char *peak, task *work, unsigned threads, double flops)
{
    static struct area areas[MAX_THREADS];
    long repeat = 1000;
    while (fastest(work, areas, 1, repeat) < 0.01)
        repeat *= 2;
    print(peak, 1, flops * (double)repeat / fastest(work, areas, 1, repeat) * 1e-9, "GFLOP/s");
    if (threads > 1)
        print(peak, threads,
              flops * (double)repeat * threads / fastest(work, areas, threads, repeat) * 1e-9,
              "GFLOP/s");
}

static void memory(const char *peak, task *work, unsigned threads, double bytes_an_element,
                   float *arrays)
{
    struct area areas[MAX_THREADS] = {0};
    const size_t all = ARRAY_BYTES / sizeof(float), each = all / threads;
    for (unsigned i = 0; i < threads; i++) {
        float *a = arrays + each * i;
        areas[i] = (struct area){.a = a, .b = a + all, .c = a + 2 * all, .elements = each};
    }
    double bytes = (double)(each * threads) * bytes_an_element;
    print(peak, threads, bytes / fastest(work, areas, threads, 1) * 1e-9, "GB/s");
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void write_all(int fd)
{
    static char data[PIPE_WRITE];
    memset(data, 1, sizeof data);
    for (size_t left = PIPE_BYTES; left > 0;) {
        ssize_t n = write(fd, data, left < sizeof data ? left : sizeof data);
        if (n <= 0)
            _exit(1);
        left -= (size_t)n;
    }
    _exit(0);
}

/* Seconds for PIPE_BYTES from one process to another. */
static double through_pipe(void)
{
    static char data[(size_t)1 << 20];
    int end[2], status;
    if (pipe(end) != 0)
        fail("peaks: pipe");
    /* More than the system allows is refused; then it is as large as it was. */
    fcntl(end[1], F_SETPIPE_SZ, 1 << 20);
    double start = now();
    pid_t child = fork();
    if (child < 0)
        fail("peaks: fork");
    if (child == 0) {
        close(end[0]);
        write_all(end[1]);
    }
    close(end[1]);
    ssize_t n;
    while ((n = read(end[0], data, sizeof data)) > 0)
        ;
    double took = now() - start;
    close(end[0]);
    if (n < 0 || waitpid(child, &status, 0) < 0 || status != 0)
        fail("peaks: pipe");
    return took;
}

int main(int argc, char **argv)
{
    long threads = argc > 1 ? strtol(argv[1], NULL, 10) : sysconf(_SC_NPROCESSORS_ONLN);
    if (argc > 2 || threads < 1 || threads > MAX_THREADS) {
        fprintf(stderr, "usage: peaks [THREADS]      1 to %d\n", MAX_THREADS);
        return 2;
    }
    unsigned all = (unsigned)threads;
    puts("peak\tthreads\tvalue\tunit");
    arithmetic("fma.plain", fma_plain, all, CHAINS * 4 * 2);
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        arithmetic("fma.avx2", fma_avx2, all, CHAINS * 8 * 2);
    if (__builtin_cpu_supports("avx512f"))
        arithmetic("fma.avx512", fma_avx512, all, CHAINS * 16 * 2);
    if (__builtin_cpu_supports("avx512bf16"))
        arithmetic("bf16.avx512", bf16_avx512, all, CHAINS * 32 * 2);
    if (has_amx())
        arithmetic("bf16.amx", bf16_amx, all, 4 * 16 * 16 * 32 * 2);
#endif
    float *arrays = aligned_alloc(4096, 3 * ARRAY_BYTES);
    if (arrays == NULL)
        fail("peaks: memory");
    for (size_t i = 0; i < 3 * ARRAY_BYTES / sizeof *arrays; i++)
        arrays[i] = 1.0f;
    memory("triad", triad, 1, 12, arrays);
    memory("read", sum, 1, 4, arrays);
    if (all > 1) {
        memory("triad", triad, all, 12, arrays);
        memory("read", sum, all, 4, arrays);
    }
    free(arrays);
    double best = 1e9;
    for (int i = 0; i < RUNS; i++) {
        double took = through_pipe();
        best = took < best ? took : best;
    }
    print("pipe", 1, (double)PIPE_BYTES / best * 1e-9, "GB/s");
    return fflush(stdout) != 0 || ferror(stdout) ? 1 : 0;
}
