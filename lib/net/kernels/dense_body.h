/*
 * The arithmetic of dense.h. Included with LANES, the floats of a vector, and KERNEL, the name of
 * the table.
 */
#include "net/kernels/dense.h"

#include <string.h>

/* Sums in registers: half of those that there are. */
#define ROWS (LANES == 16 ? 8 : 4)
#define VECTORS 2
#define NEAR 64 /* rows of b at a time */

typedef float floats __attribute__((vector_size(4 * LANES)));
/* The same where a vector may lie anywhere. */
typedef float loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define AT(p) (*(loose *)(void *)(p))
#define FROM(p) (*(const loose *)(const void *)(p))

/*
 * c[r, o] += sum over k < depth of a[r, k] b[k, o], for rows < ROWS and the columns of vectors; a's
 * element (r, k) is a[r * row + k * step].
 */
static inline void block(size_t rows, size_t depth, const float *a, size_t row, size_t step,
                         const float *b, size_t ldb, float *c, size_t ldc)
{
    floats s[ROWS][VECTORS];
    const float *ar[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        size_t have = r < rows ? r : 0;
        ar[r] = a + have * row;
        for (size_t v = 0; v < VECTORS; v++)
            s[r][v] = FROM(c + have * ldc + v * LANES);
    }
    for (size_t k = 0; k < depth; k++, b += ldb) {
        floats bv[VECTORS];
        _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++)
            bv[v] = FROM(b + v * LANES);
        _Pragma("GCC unroll 8") for (int r = 0; r < ROWS; r++) {
            float x = ar[r][k * step];
            _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++)
                s[r][v] += bv[v] * x;
        }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < VECTORS; v++)
            AT(c + r * ldc + v * LANES) = s[r][v];
}

/* The same for all of rows x columns; of b so many rows at a time that they stay in the first cache
   while all rows of a go over them. */
static void product(size_t rows, size_t columns, size_t depth, const float *a, size_t row,
                    size_t step, const float *b, size_t ldb, float *c, size_t ldc)
{
    size_t whole = columns / (VECTORS * LANES) * (VECTORS * LANES);
    for (size_t k = 0, n; k < depth; k += n) {
        n = depth - k < NEAR ? depth - k : NEAR;
        for (size_t o = 0; o < whole; o += VECTORS * LANES)
            for (size_t r = 0; r < rows; r += ROWS)
                block(rows - r < ROWS ? rows - r : ROWS, n, a + r * row + k * step, row, step,
                      b + k * ldb + o, ldb, c + r * ldc + o, ldc);
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t o = whole; o < columns; o++) {
            float s = c[r * ldc + o];
            for (size_t k = 0; k < depth; k++)
                s += a[r * row + k * step] * b[k * ldb + o];
            c[r * ldc + o] = s;
        }
}

static void forward(const struct emo_layer *l, size_t n, const float *x, const float *w,
                    const float *b, size_t from, size_t to, float *y)
{
    for (size_t r = 0; r < n; r++)
        memcpy(y + r * l->oc + from, b + from, (to - from) * sizeof *y);
    product(n, to - from, l->c, x, l->c, 1, w + from, l->oc, y + from, l->oc);
}

static void backward_weights(const struct emo_layer *l, size_t n, const float *x, const float *gy,
                             size_t from, size_t to, float *gw, float *gb)
{
    memset(gw + from * l->oc, 0, (to - from) * l->oc * sizeof *gw);
    product(to - from, l->oc, n, x + from, 1, l->c, gy, l->oc, gw + from * l->oc, l->oc);
    for (size_t o = 0; from == 0 && o < l->oc; o++) {
        gb[o] = 0;
        for (size_t r = 0; r < n; r++)
            gb[o] += gy[r * l->oc + o];
    }
}

#if LANES == 16
#define EVERY_OTHER(i)                                                                             \
    i, i + 2, i + 4, i + 6, i + 8, i + 10, i + 12, i + 14, i + 16, i + 18, i + 20, i + 22, i + 24, \
        i + 26, i + 28, i + 30
#elif LANES == 8
#define EVERY_OTHER(i) i, i + 2, i + 4, i + 6, i + 8, i + 10, i + 12, i + 14
#else
#define EVERY_OTHER(i) i, i + 2, i + 4, i + 6
#endif

/* The sums of LANES vectors' numbers: neighbours are added until one is left of each. */
static inline void add_up(floats *s, float *sums)
{
    _Pragma("GCC unroll 4") for (size_t n = LANES / 2; n > 0; n /= 2)
        _Pragma("GCC unroll 8") for (size_t i = 0; i < n; i++)
            s[i] = __builtin_shufflevector(s[2 * i], s[2 * i + 1], EVERY_OTHER(0)) +
                   __builtin_shufflevector(s[2 * i], s[2 * i + 1], EVERY_OTHER(1));
    AT(sums) = s[0];
}

/* Products of ROWS rows of gy with VECTORS rows of w, along both. */
static inline void products(size_t rows, size_t columns, size_t depth, const float *gy,
                            const float *w, float *gx, size_t ldx)
{
    floats s[ROWS][VECTORS] = {{{0}}};
    size_t o = 0;
    for (; o + LANES <= depth; o += LANES)
        _Pragma("GCC unroll 8") for (size_t r = 0; r < ROWS; r++) {
            floats g = FROM(gy + (r < rows ? r : 0) * depth + o);
            _Pragma("GCC unroll 8") for (size_t i = 0; i < VECTORS; i++)
                s[r][i] += g * FROM(w + (i < columns ? i : 0) * depth + o);
        }
    float sums[ROWS * VECTORS];
    for (size_t i = 0; i < ROWS * VECTORS; i += LANES)
        add_up((floats *)s + i, sums + i);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < columns; i++) {
            float sum = sums[r * VECTORS + i];
            for (size_t k = o; k < depth; k++)
                sum += gy[r * depth + k] * w[i * depth + k];
            gx[r * ldx + i] = sum;
        }
}

static void backward_data(const struct emo_layer *l, size_t n, const float *gy, const float *w,
                          size_t from, size_t to, float *gx)
{
    for (size_t i = from; i < to; i += VECTORS)
        for (size_t r = 0; r < n; r += ROWS)
            products(n - r < ROWS ? n - r : ROWS, to - i < VECTORS ? to - i : VECTORS, l->oc,
                     gy + r * l->oc, w + i * l->oc, gx + r * l->c + i, l->c);
}

const struct emo_dense_kernel KERNEL = {
    .forward = forward,
    .backward_data = backward_data,
    .backward_weights = backward_weights,
};
