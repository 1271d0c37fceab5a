/*
 * Backward in tiles, as first_amx.h describes it.
 */
#include "net/kernels/first_amx_gradients.h"

/* Under windows four by four: rows of a tile. */
static inline void put_fours(const struct piece *piece, size_t pieces, size_t step, size_t rows,
                             uint8_t *to)
{
#ifdef __AVX512VBMI__
    uint8_t order[EMO_TILE_BYTES];
    for (size_t i = 0; i < EMO_TILE_BYTES; i++)
        order[i] = (uint8_t)(i % 4 * (step > 16 ? 16 : step) + i / 4);
    const __m512i at = _mm512_loadu_si512(order);
    for (size_t r = 0; r < rows; r++, to += EMO_TILE_BYTES) {
        __m512i all = _mm512_setzero_si512(), x;
        for (size_t i = 0; i < pieces; i++) {
            const uint8_t *from = piece[i].from + 4 * r * step;
            if (step <= 16) {
                x = _mm512_loadu_si512(from);
            } else {
                uint8_t windows[4][16];
                for (size_t w = 0; w < 4; w++)
                    memcpy(windows[w], from + w * step, 16);
                x = _mm512_loadu_si512(windows);
            }
            __mmask64 bits = _mm512_movepi8_mask(_mm512_movm_epi32((__mmask16)piece[i].bits));
            all = _mm512_mask_permutexvar_epi8(all, bits, at, x);
        }
        _mm512_store_si512(to, all);
    }
#else
    memset(to, 0, rows * EMO_TILE_BYTES);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < pieces; i++)
            for (size_t k = 0; k < EMO_TILE; k++)
                for (size_t w = 0; w < 4 && (piece[i].bits >> k & 1) != 0; w++)
                    to[r * EMO_TILE_BYTES + 4 * k + w] = piece[i].from[(4 * r + w) * step + k];
#endif
}

/* Numbers k to k + 15 of the kernel under a row of the map, as so many rows of tiles. */
static inline void put_pixels(const struct emo_first *f, const struct sizes *s, struct rows rows,
                              size_t k, size_t fours, uint8_t *to)
{
    struct piece piece[EMO_TILE];
    size_t n = cut(f, rows, k, EMO_TILE, piece);
    if (n == 1 && s->step <= 16)
        put_fours(piece, 1, s->step, fours, to);
    else if (n == 2 && s->step <= 16)
        put_fours(piece, 2, s->step, fours, to);
    else
        put_fours(piece, n, s->step, fours, to);
}

/* Sums over so many tiles of columns: 16 channels by twice 16 numbers of the kernel: [digit]. */
static inline void backward_tiles(const struct sizes *s, size_t columns, const float *g,
                                  const float *x, size_t apart, float *sums)
{
    size_t next = s->groups * s->digits * EMO_TILE_NUMBERS;
    for (size_t t = 0; t < s->digits; t++, g += EMO_TILE_NUMBERS, sums += 2 * EMO_TILE_NUMBERS) {
        EMO_TILE_ZERO(0);
        EMO_TILE_ZERO(1);
        for (size_t i = 0; i < columns; i++) {
            const float *at = x + i * EMO_TILE_NUMBERS;
            EMO_TILE_LOAD_ONCE(2, g + i * next, 64);
            EMO_TILE_LOAD(3, at, 64);
            EMO_TILE_MULTIPLY_BYTES(0, 2, 3);
            EMO_TILE_ZERO(3);
            EMO_TILE_LOAD(3, at + apart, 64);
            EMO_TILE_MULTIPLY_BYTES(1, 2, 3);
            EMO_TILE_ZERO(3);
            EMO_TILE_ZERO(2);
        }
        EMO_TILE_STORE(0, sums, 64);
        EMO_TILE_STORE(1, sums + EMO_TILE_NUMBERS, 64);
    }
}

/* Those sums of 16 numbers of the kernel, put together, to those of all. */
static inline void add_sums(size_t digits, const float *sums, const float *scales, float *to)
{
    for (size_t c = 0; c < EMO_TILE; c++, sums += EMO_TILE, to += EMO_TILE) {
        floats x;
        emo_digits_together(digits, sums, 2 * EMO_TILE_NUMBERS, &x);
        *(floats *)(void *)to += x * scales[c];
    }
}

/* n rows of an image from y: where they are, or copied to `to`, where what is beside pixels is zero. */
static struct rows load_rows(const struct emo_first *f, const struct sizes *s, const uint8_t *image,
                             int64_t y, size_t n, uint8_t *to)
{
    /* What is read of a row may begin 15 bytes before it. */
    if (y > 0 && in_place(f, s, y, n) && f->pitch >= EMO_TILE)
        return (struct rows){.at = image + (size_t)y * f->pitch, .pitch = f->pitch};
    for (size_t r = 0; r < n; r++)
        load_part(f, image, y + (int64_t)r, 0, s->row, to + r * s->row);
    return (struct rows){.at = to, .pitch = s->row};
}

/* n pooled rows of an image from py. */
static void add_band(const struct emo_first *f, const struct sizes *s, const uint8_t *image,
                     const void *g, const uint16_t *place, size_t py, size_t n, float *all,
                     float *gb, uint8_t *rows, float *buffers)
{
    size_t stride = f->conv->stride, columns = columns_of(s, s->band), tile = EMO_TILE_NUMBERS;
    size_t row_tiles = columns_of(s, 1), here = (n - 1) * 2 * stride + band(f);
    float *sums = buffers, *scales = sums + s->digits * 2 * tile;
    float *gradients = scales + s->groups * EMO_TILE;
    float *pixels = gradients + columns * s->groups * s->digits * tile;
    const struct rows under = load_rows(f, s, image, (int64_t)(py * 2 * stride) - f->conv->top, here,
                                        rows);
    struct ahead ahead = ahead_of(f, image, (int64_t)(py * 2 * stride + here) - f->conv->top,
                                  s->band * 2 * stride);
    if (f->halves)
        measure(f, s, true, g, py, n, scales, gb);
    else
        measure(f, s, false, g, py, n, scales, gb);
    for (size_t i = 0; i < n; i++) {
        float *to = gradients + i * row_tiles * s->groups * s->digits * tile;
        if (f->halves)
            put_gradients(f, s, true, 2, g, py + i, place, scales, (uint8_t *)(void *)to);
        else if (s->digits == 2)
            put_gradients(f, s, false, 2, g, py + i, place, scales, (uint8_t *)(void *)to);
        else
            put_gradients(f, s, false, 3, g, py + i, place, scales, (uint8_t *)(void *)to);
    }
    for (size_t k = 0; k < s->tiles; k += 2) {
        size_t fours = s->narrow ? EMO_TILE / 2 : s->across * EMO_TILE;
        for (size_t h = 0; h < 2; h++)
            for (size_t r = 0; r < 2 * n; r++) {
                struct rows from = {under.at + r * stride * under.pitch, under.pitch};
                float *to = pixels + h * columns * tile + r * fours * EMO_TILE;
                if ((k + h) * EMO_TILE >= s->kernel)
                    memset(to, 0, fours * EMO_TILE_BYTES);
                else
                    put_pixels(f, s, from, (k + h) * EMO_TILE, fours, (uint8_t *)(void *)to);
            }
        fetch(&ahead, 128);
        for (size_t o = 0; o < s->groups; o++) {
            backward_tiles(s, columns_of(s, n), gradients + o * s->digits * tile, pixels,
                           columns * tile, sums);
            for (size_t h = 0; h < 2; h++)
                add_sums(s->digits, sums + h * tile, scales + o * EMO_TILE,
                         all + ((k + h) * s->groups + o) * tile);
        }
    }
}

static void backward(const struct emo_first *f, size_t n, const uint8_t *const *images,
                     const void *gy, const uint16_t *place, bool first, bool last, float *gw,
                     float *gb, float *scratch)
{
    const struct sizes s = sizes(f);
    size_t oc = f->conv->oc, out = (size_t)f->ph * f->pw * oc;
    size_t tiles = s.tiles * s.groups;
    float *all = scratch, *rows = all + tiles * EMO_TILE_NUMBERS + PAIR;
    float *buffers = rows + ((s.band - 1) * 2 * f->conv->stride + band(f)) * s.row / 4;
    if (first) {
        memset(all, 0, (size_t)((char *)buffers - (char *)all));
        memset(gb, 0, oc * sizeof *gb);
    }
    EMO_TILES_BEGIN();
    size_t bytes = out * (f->halves ? sizeof(uint16_t) : sizeof(float));
    for (size_t r = 0; r < n; r++, place += places(f))
        for (size_t py = 0; py < f->ph; py += s.band)
            add_band(f, &s, images[r], (const char *)gy + r * bytes, place, py, f->ph - py < s.band ? f->ph - py : s.band, all,
                     gb, (uint8_t *)(void *)rows, buffers);
    EMO_TILES_END();
    for (size_t k = 0; last && k < s.kernel; k++)
        for (size_t o = 0; o < oc; o++)
            gw[k * oc + o] = all[(k / EMO_TILE * s.groups + o / EMO_TILE) * EMO_TILE_NUMBERS +
                                 o % EMO_TILE * EMO_TILE + k % EMO_TILE] * (1.0f / 255.0f);
}
