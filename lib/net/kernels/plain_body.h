/*
 * The plain arithmetic of every layer: the definition that faster versions are
 * checked against. Included with REAL (float or double), INTEGER, as wide, and
 * NAME(x), which makes the function's name. Images are NHWC, kernels HWIO and
 * IO; n records. Weight gradients are overwritten, not added to.
 */

/* The kernel rows (or columns) that fall inside the input at output position o. */
static void NAME(inside)(uint32_t o, uint32_t stride, uint32_t pad, uint32_t kernel, uint32_t size,
                         uint32_t *from, uint32_t *to)
{
    int64_t at = (int64_t)o * stride - pad;
    *from = at < 0 ? (uint32_t)-at : 0;
    *to = at + kernel > size ? (uint32_t)(size - at) : kernel;
}

/* Calls body for each output place p (in y) and kernel place k whose input place q (in x) is
   inside. */
#define EACH_PLACE(l, n, body)                                                                     \
    for (size_t r = 0; r < (n); r++)                                                               \
        for (uint32_t oy = 0; oy < (l)->oh; oy++) {                                                \
            uint32_t y0, y1;                                                                       \
            NAME(inside)(oy, (l)->stride, (l)->top, (l)->kernel_h, (l)->h, &y0, &y1);              \
            for (uint32_t ox = 0; ox < (l)->ow; ox++) {                                            \
                uint32_t x0, x1;                                                                   \
                NAME(inside)(ox, (l)->stride, (l)->left, (l)->kernel_w, (l)->w, &x0, &x1);         \
                size_t p = (r * (l)->oh + oy) * (l)->ow + ox;                                      \
                for (uint32_t ky = y0; ky < y1; ky++)                                              \
                    for (uint32_t kx = x0; kx < x1; kx++) {                                        \
                        size_t q = (r * (l)->h + (oy * (l)->stride + ky - (l)->top)) * (l)->w +    \
                                   (ox * (l)->stride + kx - (l)->left);                            \
                        size_t k = (size_t)ky * (l)->kernel_w + kx;                                \
                        body                                                                       \
                    }                                                                              \
            }                                                                                      \
        }

void NAME(conv_forward)(const struct emo_layer *l, size_t n, const REAL *x, const REAL *w,
                        const REAL *b, REAL *y)
{
    size_t ic = l->c, oc = l->oc, places = n * l->oh * l->ow;
    for (size_t p = 0; p < places; p++)
        memcpy(y + p * oc, b, oc * sizeof *y);
    EACH_PLACE(l, n, {
        for (size_t i = 0; i < ic; i++) {
            REAL v = x[q * ic + i];
            const REAL *restrict from = w + (k * ic + i) * oc;
            REAL *restrict to = y + p * oc;
            for (size_t o = 0; o < oc; o++)
                to[o] += v * from[o];
        }
    })
}

void NAME(conv_backward_data)(const struct emo_layer *l, size_t n, const REAL *gy, const REAL *w,
                              REAL *gx)
{
    size_t ic = l->c, oc = l->oc;
    memset(gx, 0, n * emo_layer_in(l) * sizeof *gx);
    EACH_PLACE(l, n, {
        for (size_t i = 0; i < ic; i++) {
            const REAL *from = w + (k * ic + i) * oc;
            REAL s = 0;
            for (size_t o = 0; o < oc; o++)
                s += gy[p * oc + o] * from[o];
            gx[q * ic + i] += s;
        }
    })
}

void NAME(conv_backward_weights)(const struct emo_layer *l, size_t n, const REAL *x, const REAL *gy,
                                 REAL *gw, REAL *gb)
{
    size_t ic = l->c, oc = l->oc, places = n * l->oh * l->ow;
    memset(gw, 0, (size_t)l->kernel_h * l->kernel_w * ic * oc * sizeof *gw);
    memset(gb, 0, oc * sizeof *gb);
    for (size_t p = 0; p < places; p++)
        for (size_t o = 0; o < oc; o++)
            gb[o] += gy[p * oc + o];
    EACH_PLACE(l, n, {
        for (size_t i = 0; i < ic; i++) {
            REAL v = x[q * ic + i];
            REAL *restrict to = gw + (k * ic + i) * oc;
            const REAL *restrict from = gy + p * oc;
            for (size_t o = 0; o < oc; o++)
                to[o] += v * from[o];
        }
    })
}

/* Pooling takes so many channels together, in vectors of the width that every machine has (wider
   ones, and plain loops, gcc takes apart). Integers are as wide as REAL: a comparison selects
   either. */
#define LANES (16 / sizeof(REAL))
typedef REAL NAME(reals) __attribute__((vector_size(16)));
typedef INTEGER NAME(integers) __attribute__((vector_size(16)));
typedef uint16_t NAME(shorts) __attribute__((vector_size(LANES * sizeof(uint16_t))));

/* Calls one(l, in, out, lanes) for all channels at each output place: in is where the window begins
   in an input, out the place in an output. No window of a pool leaves the input. */
#define EACH_WINDOW(l, n, one)                                                                     \
    for (size_t r = 0; r < (n); r++)                                                               \
        for (size_t oy = 0; oy < (l)->oh; oy++)                                                    \
            for (size_t ox = 0; ox < (l)->ow; ox++) {                                              \
                size_t c = (l)->c, i = 0;                                                          \
                size_t in = ((r * (l)->h + oy * (l)->stride) * (l)->w + ox * (l)->stride) * c;     \
                size_t out = ((r * (l)->oh + oy) * (l)->ow + ox) * c;                              \
                for (; i + LANES <= c; i += LANES)                                                 \
                    one(l, in + i, out + i, LANES);                                                \
                if (i < c)                                                                         \
                    one(l, in + i, out + i, c - i);                                                \
            }

static inline void NAME(largest)(const struct emo_layer *l, const REAL *x, REAL *y, uint16_t *arg,
                                 size_t lanes)
{
    NAME(reals) best = {0}, at = {0};
    NAME(integers) place = {0};
    memcpy(&best, x, lanes * sizeof *x);
    for (uint32_t k = 1; k < l->kernel_h * l->kernel_w; k++) {
        memcpy(&at, x + ((size_t)(k / l->kernel_w) * l->w + k % l->kernel_w) * l->c,
               lanes * sizeof *x);
        NAME(integers) more = at > best;
        best = (NAME(reals))(((NAME(integers))at & more) | ((NAME(integers))best & ~more));
        place = ((INTEGER)k & more) | (place & ~more);
    }
    NAME(shorts) narrow = __builtin_convertvector(place, NAME(shorts));
    memcpy(y, &best, lanes * sizeof *y);
    memcpy(arg, &narrow, lanes * sizeof *arg);
}

/* arg: for each output the place in its window of the first largest input. */
void NAME(maxpool_forward)(const struct emo_layer *l, size_t n, const REAL *x, REAL *y,
                           uint16_t *arg)
{
#define ONE(layer, in, out, lanes) NAME(largest)(layer, x + (in), y + (out), arg + (out), lanes)
    EACH_WINDOW(l, n, ONE)
#undef ONE
}

static inline void NAME(give_back)(const struct emo_layer *l, const REAL *gy, const uint16_t *arg,
                                   REAL *gx, size_t lanes)
{
    NAME(reals) g = {0}, to = {0};
    NAME(shorts) narrow = {0};
    memcpy(&g, gy, lanes * sizeof *gy);
    memcpy(&narrow, arg, lanes * sizeof *arg);
    NAME(integers) place = __builtin_convertvector(narrow, NAME(integers));
    for (uint32_t k = 0; k < l->kernel_h * l->kernel_w; k++) {
        REAL *at = gx + ((size_t)(k / l->kernel_w) * l->w + k % l->kernel_w) * l->c;
        memcpy(&to, at, lanes * sizeof *at);
        to += (NAME(reals))((NAME(integers))g & (place == (INTEGER)k));
        memcpy(at, &to, lanes * sizeof *at);
    }
}

void NAME(maxpool_backward)(const struct emo_layer *l, size_t n, const REAL *gy,
                            const uint16_t *arg, REAL *gx)
{
    memset(gx, 0, n * emo_layer_in(l) * sizeof *gx);
#define ONE(layer, in, out, lanes) NAME(give_back)(layer, gy + (out), arg + (out), gx + (in), lanes)
    EACH_WINDOW(l, n, ONE)
#undef ONE
}

void NAME(avgpool_forward)(const struct emo_layer *l, size_t n, const REAL *x, REAL *y)
{
    size_t c = l->c;
    REAL scale = (REAL)1 / (REAL)((double)l->kernel_h * l->kernel_w);
    memset(y, 0, n * emo_layer_out(l) * sizeof *y);
    EACH_PLACE(l, n, {
        (void)k;
        for (size_t i = 0; i < c; i++)
            y[p * c + i] += scale * x[q * c + i];
    })
}

void NAME(avgpool_backward)(const struct emo_layer *l, size_t n, const REAL *gy, REAL *gx)
{
    size_t c = l->c;
    REAL scale = (REAL)1 / (REAL)((double)l->kernel_h * l->kernel_w);
    memset(gx, 0, n * emo_layer_in(l) * sizeof *gx);
    EACH_PLACE(l, n, {
        (void)k;
        for (size_t i = 0; i < c; i++)
            gx[q * c + i] += scale * gy[p * c + i];
    })
}

/* In place; rows of c, which matters to softmax only. */
void NAME(activate)(enum emo_activation a, size_t rows, size_t c, REAL *y)
{
    size_t n = rows * c;
    if (a == EMO_RELU)
        for (size_t i = 0; i < n; i++)
            y[i] = y[i] > 0 ? y[i] : 0;
    if (a == EMO_SIGMOID)
        for (size_t i = 0; i < n; i++)
            y[i] = (REAL)(1 / (1 + exp(-(double)y[i])));
    for (size_t r = 0; a == EMO_SOFTMAX && r < rows; r++) {
        REAL *v = y + r * c, top = v[0];
        double sum = 0;
        for (size_t i = 1; i < c; i++)
            top = v[i] > top ? v[i] : top;
        for (size_t i = 0; i < c; i++)
            sum += exp((double)(v[i] - top));
        for (size_t i = 0; i < c; i++)
            v[i] = (REAL)(exp((double)(v[i] - top)) / sum);
    }
}

/* The gradient of the activation's input, in place, from its output y. */
void NAME(activate_backward)(enum emo_activation a, size_t rows, size_t c, const REAL *y, REAL *g)
{
    size_t n = rows * c;
    if (a == EMO_RELU)
        for (size_t i = 0; i < n; i++)
            g[i] = y[i] > 0 ? g[i] : 0;
    if (a == EMO_SIGMOID)
        for (size_t i = 0; i < n; i++)
            g[i] *= y[i] * (1 - y[i]);
    for (size_t r = 0; a == EMO_SOFTMAX && r < rows; r++) {
        REAL sum = 0;
        for (size_t i = 0; i < c; i++)
            sum += g[r * c + i] * y[r * c + i];
        for (size_t i = 0; i < c; i++)
            g[r * c + i] = y[r * c + i] * (g[r * c + i] - sum);
    }
}

/* Columns from..to of y. */
void NAME(dense_forward)(const struct emo_layer *l, size_t n, const REAL *x, const REAL *w,
                         const REAL *b, size_t from, size_t to, REAL *y)
{
    size_t in = l->c, out = l->oc;
    for (size_t r = 0; r < n; r++) {
        REAL *restrict row = y + r * out;
        for (size_t o = from; o < to; o++)
            row[o] = b[o];
        for (size_t i = 0; i < in; i++) {
            REAL v = x[r * in + i];
            const REAL *restrict wi = w + i * out;
            for (size_t o = from; v != 0 && o < to; o++)
                row[o] += v * wi[o];
        }
    }
}

/* Eight sums side by side, so that they go into vectors. */
static REAL NAME(product)(const REAL *restrict x, const REAL *restrict y, size_t n)
{
    REAL s[8] = {0}, sum = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; j++)
            s[j] += x[i + j] * y[i + j];
    for (; i < n; i++)
        sum += x[i] * y[i];
    for (size_t j = 0; j < 8; j++)
        sum += s[j];
    return sum;
}

/* Columns from..to of gx. */
void NAME(dense_backward_data)(const struct emo_layer *l, size_t n, const REAL *gy, const REAL *w,
                               size_t from, size_t to, REAL *gx)
{
    size_t in = l->c, out = l->oc;
    for (size_t i = from; i < to; i++) {
        const REAL *wi = w + i * out;
        for (size_t r = 0; r < n; r++) {
            gx[r * in + i] = NAME(product)(gy + r * out, wi, out);
        }
    }
}

/* Rows from..to of gw; the bias's gradient with the first. */
void NAME(dense_backward_weights)(const struct emo_layer *l, size_t n, const REAL *x,
                                  const REAL *gy, size_t from, size_t to, REAL *gw, REAL *gb)
{
    size_t in = l->c, out = l->oc;
    for (size_t i = from; i < to; i++) {
        REAL *restrict row = gw + i * out;
        memset(row, 0, out * sizeof *row);
        for (size_t r = 0; r < n; r++) {
            REAL v = x[r * in + i];
            const REAL *restrict g = gy + r * out;
            for (size_t o = 0; v != 0 && o < out; o++)
                row[o] += v * g[o];
        }
    }
    if (from > 0)
        return;
    memset(gb, 0, out * sizeof *gb);
    for (size_t r = 0; r < n; r++)
        for (size_t o = 0; o < out; o++)
            gb[o] += gy[r * out + o];
}

/* Calls body for each row q of A (ay, ax, i), place k of B, and the row c of C that they meet in. */
#define EACH_MEETING(f, body)                                                                      \
    for (size_t k = 0; k < (size_t)(f)->bh * (f)->bw; k++) {                                       \
        size_t by = k / (f)->bw, bx = k % (f)->bw;                                                 \
        size_t width = (f)->aw + ((f)->bw - 1) * (f)->stride;                                      \
        for (size_t ay = 0; ay < (f)->ah; ay++)                                                    \
            for (size_t ax = 0; ax < (f)->aw; ax++)                                                \
                for (size_t i = 0; i < (f)->in; i++) {                                             \
                    size_t q = (ay * (f)->aw + ax) * (f)->in + i;                                  \
                    size_t c = ((by * (f)->stride + ay) * width + bx * (f)->stride + ax) * (f)->in \
                               + i;                                                                \
                    body                                                                           \
                }                                                                                  \
    }

/* The formulas of fold.h. A bias that is NULL is zero. */
void NAME(compose)(const struct emo_fold *f, const REAL *a, const REAL *a_bias, const REAL *b,
                   const REAL *b_bias, REAL *w, REAL *bias)
{
    size_t between = f->between, out = f->out;
    size_t rows = (size_t)(f->ah + (f->bh - 1) * f->stride) * (f->aw + (f->bw - 1) * f->stride) *
                  f->in;
    memset(w, 0, rows * out * sizeof *w);
    EACH_MEETING(f, {
        REAL *restrict to = w + c * out;
        for (size_t m = 0; m < between; m++) {
            REAL v = a[q * between + m];
            const REAL *restrict from = b + (k * between + m) * out;
            for (size_t o = 0; v != 0 && o < out; o++)
                to[o] += v * from[o];
        }
    })
    for (size_t o = 0; o < out; o++)
        bias[o] = b_bias != NULL ? b_bias[o] : 0;
    for (size_t m = 0; a_bias != NULL && m < f->bh * f->bw * between; m++)
        for (size_t o = 0; o < out; o++)
            bias[o] += a_bias[m % between] * b[m * out + o];
}

/* A gradient that is NULL is not wanted: that of a constant. */
void NAME(chain)(const struct emo_fold *f, const REAL *a, const REAL *a_bias, const REAL *b,
                 const REAL *gw, const REAL *gbias, REAL *ga, REAL *ga_bias, REAL *gb,
                 REAL *gb_bias)
{
    size_t between = f->between, out = f->out, places = (size_t)f->bh * f->bw;
    if (ga != NULL) {
        memset(ga, 0, (size_t)f->ah * f->aw * f->in * between * sizeof *ga);
        EACH_MEETING(f, {
            for (size_t m = 0; m < between; m++)
                ga[q * between + m] += NAME(product)(gw + c * out, b + (k * between + m) * out, out);
        })
    }
    if (ga_bias != NULL) {
        memset(ga_bias, 0, between * sizeof *ga_bias);
        for (size_t m = 0; m < places * between; m++)
            ga_bias[m % between] += NAME(product)(b + m * out, gbias, out);
    }
    if (gb == NULL)
        return;
    for (size_t m = 0; m < places * between; m++)
        for (size_t o = 0; o < out; o++)
            gb[m * out + o] = a_bias != NULL ? a_bias[m % between] * gbias[o] : 0;
    EACH_MEETING(f, {
        for (size_t m = 0; m < between; m++) {
            REAL v = a[q * between + m];
            const REAL *restrict from = gw + c * out;
            REAL *restrict to = gb + (k * between + m) * out;
            for (size_t o = 0; v != 0 && o < out; o++)
                to[o] += v * from[o];
        }
    })
    memcpy(gb_bias, gbias, out * sizeof *gb_bias);
}
