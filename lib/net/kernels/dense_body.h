/*
 * The arithmetic of dense.h. Included with LANES, the floats of a vector, and KERNEL, the name of
 * the table.
 */
#include "net/kernels/dense.h"

#include <string.h>

/* Sums in registers: half of those that there are. */
#define ROWS (LANES == 16 ? 8 : 4)
#define VECTORS 2
#define NEAR 64  /* rows of b at a time */
#define AHEAD 16 /* rows of b that are asked for before they are needed, where it comes from far */

typedef float floats __attribute__((vector_size(4 * LANES)));
/* The same where a vector may lie anywhere. */
typedef float loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define AT(p) (*(loose *)(void *)(p))
#define FROM(p) (*(const loose *)(const void *)(p))

/*
 * c[r, o] += sum over k < depth of a[r, k] b[k, o], for rows < ROWS and the columns of vectors; a's
 * element (r, k) is a[r * row + k * step]. What lies `ahead` of b, if not 0, is asked for.
 */
static inline void block(size_t rows, size_t depth, const float *a, size_t row, size_t step,
                         const float *b, size_t ldb, float *c, size_t ldc, size_t ahead)
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
        for (size_t v = 0; ahead > 0 && v < VECTORS * LANES; v += 16)
            __builtin_prefetch(b + ahead + v);
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
        size_t ahead = depth - k >= NEAR + AHEAD ? AHEAD * ldb : 0;
        for (size_t o = 0; o < whole; o += VECTORS * LANES)
            for (size_t r = 0; r < rows; r += ROWS)
                block(rows - r < ROWS ? rows - r : ROWS, n, a + r * row + k * step, row, step,
                      b + k * ldb + o, ldb, c + r * ldc + o, ldc, r == 0 ? ahead : 0);
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
#define TOGETHER(i)                                                                                \
    i, i + 16, i + 1, i + 17, i + 2, i + 18, i + 3, i + 19, i + 4, i + 20, i + 5, i + 21, i + 6,   \
        i + 22, i + 7, i + 23
#elif LANES == 8
#define TOGETHER(i) i, i + 8, i + 1, i + 9, i + 2, i + 10, i + 3, i + 11
#else
#define TOGETHER(i) i, i + 4, i + 1, i + 5
#endif

/* LANES rows of as many columns to columns: each time the first half is interleaved with the other. */
static inline void turn_block(const float *from, size_t row, float *to, size_t column)
{
    floats x[LANES], y[LANES];
    _Pragma("GCC unroll 16") for (size_t i = 0; i < LANES; i++)
        x[i] = FROM(from + i * row);
    _Pragma("GCC unroll 4") for (size_t stage = 1; stage < LANES; stage *= 2) {
        _Pragma("GCC unroll 8") for (size_t i = 0; i < LANES / 2; i++) {
            y[2 * i] = __builtin_shufflevector(x[i], x[i + LANES / 2], TOGETHER(0));
            y[2 * i + 1] = __builtin_shufflevector(x[i], x[i + LANES / 2], TOGETHER(LANES / 2));
        }
        memcpy(x, y, sizeof x);
    }
    _Pragma("GCC unroll 16") for (size_t i = 0; i < LANES; i++)
        AT(to + i * column) = x[i];
}

/* Rows to columns. */
static void turn(size_t rows, size_t columns, const float *from, size_t row, float *to,
                 size_t column)
{
    for (size_t r = 0; r < rows; r += LANES)
        for (size_t c = 0; c < columns; c += LANES) {
            size_t high = rows - r < LANES ? rows - r : LANES;
            size_t wide = columns - c < LANES ? columns - c : LANES;
            if (high == LANES && wide == LANES)
                turn_block(from + r * row + c, row, to + c * column + r, column);
            else
                for (size_t i = 0; i < high * wide; i++)
                    to[(c + i / high) * column + r + i % high] =
                        from[(r + i % high) * row + c + i / high];
        }
}

/* Records are columns here: turned, gy is what the rows of w are multiplied with. */
static void backward_data(const struct emo_layer *l, size_t n, const float *gy, const float *w,
                          size_t from, size_t to, float *gx)
{
    enum { RECORDS = VECTORS * LANES };
    float turned[NEAR * RECORDS], sums[NEAR * RECORDS];
    for (size_t r = 0; r < n; r += RECORDS)
        for (size_t i = from; i < to; i += NEAR) {
            size_t records = n - r < RECORDS ? n - r : RECORDS, rows = to - i < NEAR ? to - i : NEAR;
            memset(sums, 0, sizeof sums);
            for (size_t o = 0; o < l->oc; o += NEAR) {
                size_t some = l->oc - o < NEAR ? l->oc - o : NEAR;
                memset(turned, 0, sizeof turned);
                turn(records, some, gy + r * l->oc + o, l->oc, turned, RECORDS);
                product(rows, RECORDS, some, w + i * l->oc + o, l->oc, 1, turned, RECORDS, sums,
                        RECORDS);
            }
            turn(rows, records, sums, RECORDS, gx + r * l->c + i, l->c);
        }
}

const struct emo_dense_kernel KERNEL = {
    .forward = forward,
    .backward_data = backward_data,
    .backward_weights = backward_weights,
};
