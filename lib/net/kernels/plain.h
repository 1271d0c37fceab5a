/*
 * The plain arithmetic of plain_body.h in float (emo_f_) and double (emo_d_).
 */
#ifndef EMO_NET_KERNELS_PLAIN_H
#define EMO_NET_KERNELS_PLAIN_H

#include "net/fold.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): a type and a name */
#define EMO_PLAIN_DECLARE(REAL, NAME)                                                              \
    void NAME(conv_forward)(const struct emo_layer *l, size_t n, const REAL *x, const REAL *w,     \
                            const REAL *b, REAL *y);                                               \
    void NAME(conv_backward_data)(const struct emo_layer *l, size_t n, const REAL *gy,             \
                                  const REAL *w, REAL *gx);                                        \
    void NAME(conv_backward_weights)(const struct emo_layer *l, size_t n, const REAL *x,           \
                                     const REAL *gy, REAL *gw, REAL *gb);                          \
    void NAME(maxpool_forward)(const struct emo_layer *l, size_t n, const REAL *x, REAL *y,        \
                               uint16_t *arg);                                                     \
    void NAME(maxpool_backward)(const struct emo_layer *l, size_t n, const REAL *gy,               \
                                const uint16_t *arg, REAL *gx);                                    \
    void NAME(avgpool_forward)(const struct emo_layer *l, size_t n, const REAL *x, REAL *y);       \
    void NAME(avgpool_backward)(const struct emo_layer *l, size_t n, const REAL *gy, REAL *gx);    \
    void NAME(activate)(enum emo_activation a, size_t rows, size_t c, REAL *y);                    \
    void NAME(activate_backward)(enum emo_activation a, size_t rows, size_t c, const REAL *y,      \
                                 REAL *g);                                                         \
    void NAME(dense_forward)(const struct emo_layer *l, size_t n, const REAL *x, const REAL *w,    \
                             const REAL *b, size_t from, size_t to, REAL *y);                      \
    void NAME(dense_backward_data)(const struct emo_layer *l, size_t n, const REAL *gy,            \
                                   const REAL *w, size_t from, size_t to, REAL *gx);               \
    void NAME(dense_backward_weights)(const struct emo_layer *l, size_t n, const REAL *x,          \
                                      const REAL *gy, size_t from, size_t to, REAL *gw, REAL *gb); \
    void NAME(compose)(const struct emo_fold *f, const REAL *a, const REAL *a_bias, const REAL *b, \
                       const REAL *b_bias, REAL *w, REAL *bias);                                   \
    void NAME(chain)(const struct emo_fold *f, const REAL *a, const REAL *a_bias, const REAL *b,   \
                     const REAL *gw, const REAL *gbias, REAL *ga, REAL *ga_bias, REAL *gb,         \
                     REAL *gb_bias);
/* NOLINTEND(bugprone-macro-parentheses) */

#define EMO_PLAIN_F(x) emo_f_##x
#define EMO_PLAIN_D(x) emo_d_##x
EMO_PLAIN_DECLARE(float, EMO_PLAIN_F)
EMO_PLAIN_DECLARE(double, EMO_PLAIN_D)

#endif
