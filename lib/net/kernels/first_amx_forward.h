/*
 * Forward in tiles, as first_amx.h describes it.
 */
#include "net/kernels/first_amx_results.h"

/* Tiles [16 channels][digit][depth], then the channels' scales. */
static void pack(const struct emo_first *f, const float *hwio, float *packed)
{
    struct sizes s = sizes(f);
    size_t oc = f->conv->oc, n = taps(f);
    int8_t *to = (int8_t *)(void *)packed;
    float *scales = packed + packed_tiles(&s) * EMO_TILE_NUMBERS;
    memset(packed, 0, packed_floats(f) * sizeof *packed);
    for (size_t o = 0; o < oc; o += EMO_TILE) {
        ints most = {0};
        for (size_t k = 0; k < s.kernel; k++)
            emo_digits_larger(&most, hwio + k * oc + o);
        floats scale = (floats)most / emo_digits_greatest(s.digits);
        for (size_t k = 0; k < s.kernel; k++) {
            floats whole = *(const loose *)(const void *)(hwio + k * oc + o) / scale;
            ints x;
            emo_digits_of(&whole, &x);
            size_t at = k / n * s.fours * 4 + k % n, depth = at / EMO_TILE_BYTES;
            for (size_t t = 0; t < s.digits; t++, x >>= 8) {
                size_t tile = (o / EMO_TILE * s.digits + t) * s.depths + depth;
                int8_t *byte = to + tile * EMO_TILE * EMO_TILE_BYTES + at % EMO_TILE_BYTES;
                for (size_t i = 0; i < EMO_TILE; i++)
                    byte[i * EMO_TILE_BYTES] = (int8_t)x[i];
            }
        }
        *(loose *)(void *)(scales + o) = scale * (1.0f / 255.0f);
    }
}

/* The sums of a block's row of the map, [digit][left or right][channel][place]. Between
   multiplications a little of what is beside them is done: while the tiles are at work there is time
   for about a hundred instructions, and no more of them are looked at. */
static inline __attribute__((always_inline)) void
forward_tiles(const struct emo_first *f, const struct sizes *s, bool halves, size_t digits,
              size_t depths, bool lower, const uint8_t *left, const uint8_t *right, const float *w,
              float *sums, struct beside *b)
{
    const size_t depth = EMO_TILE * EMO_TILE_BYTES, times = digits * depths;
    const size_t share = times > 5 ? 4 : EMO_TILE, pools = EMO_TILE / share;
    for (size_t t = 0; t < digits; t++, sums += 2 * EMO_TILE_NUMBERS) {
        EMO_TILE_ZERO(0);
        EMO_TILE_ZERO(1);
#pragma GCC unroll 3
        for (size_t d = 0; d < depths; d++, w += EMO_TILE_NUMBERS) {
            EMO_TILE_LOAD_ONCE(2, w, EMO_TILE_BYTES);
            EMO_TILE_LOAD(3, left + d * depth, EMO_TILE_BYTES);
            EMO_TILE_MULTIPLY_BYTES(0, 2, 3);
            EMO_TILE_ZERO(3);
            EMO_TILE_LOAD(3, right + d * depth, EMO_TILE_BYTES);
            EMO_TILE_MULTIPLY_BYTES(1, 2, 3);
            EMO_TILE_ZERO(3);
            EMO_TILE_ZERO(2);
            if (t * depths + d < pools)
                pool(halves, digits, !lower, b, (t * depths + d) * share, share);
            else
                add_rows(f, s, &b->next, b->rows);
        }
        EMO_TILE_STORE(0, sums, EMO_TILE_BYTES);
        EMO_TILE_STORE(1, sums + EMO_TILE_NUMBERS, EMO_TILE_BYTES);
    }
    if (!lower)
        put_results(f, halves, b);
}

/* 16 places of pooled row py from px; what is before them is pooled, and their last block's lower row
   is left. */
static inline __attribute__((always_inline)) void
forward_row(const struct emo_first *f, const struct sizes *s, bool halves, size_t digits, size_t depths,
            size_t py, size_t px, const struct streams *now, const float *packed, const float *bias,
            void *y, uint16_t *place, float *sums, struct beside *b)
{
    const size_t weights = digits * depths * EMO_TILE_NUMBERS, half = 2 * digits * EMO_TILE_NUMBERS;
    const uint8_t *left = now->left, *right = now->right;
    size_t down = f->conv->stride * s->fours * EMO_TILE_BYTES, at = py * f->pw + px;
    const float *scales = packed + packed_tiles(s) * EMO_TILE_NUMBERS;
    for (size_t o = 0; o < f->conv->oc; o += EMO_TILE, packed += weights) {
        fetch_results(f, halves, y, at, o);
        forward_tiles(f, s, halves, digits, depths, false, left, right, packed, sums, b);
        b->sums = sums;
        b->block = (struct block){
            .n = f->pw - px < EMO_TILE ? f->pw - px : EMO_TILE, .scales = scales + o,
            .bias = bias + o, .y = result_at(f, y, at, o),
            .place = place + place_at(f, o, py, px) + px / EMO_TILE % 2,
        };
        forward_tiles(f, s, halves, digits, depths, true, left + down, right + down, packed,
                      sums + half, b);
        b->sums = sums + half;
    }
}

/* The streams of pooled row py from px. */
static void begin_streams(const struct emo_first *f, const struct sizes *s, size_t py, size_t px,
                          struct streams *to)
{
    to->px = px;
    to->y = (int64_t)(py * 2 * f->conv->stride) - f->conv->top;
    to->from = NULL;
    if (in_place(f, s, to->y, band(f)))
        to->from = to->image + (size_t)to->y * f->pitch + 2 * px * s->step;
    to->done = to->shared = 0;
}

/* The streams that come after those of pooled row py from px, in the other of two buffers. */
static struct streams streams_after(const struct emo_first *f, const struct sizes *s, size_t py,
                                    size_t px, const struct streams *now, uint8_t *planes)
{
    struct streams next = *now;
    size_t step = (size_t)2 * f->conv->stride, bytes = s->fours * EMO_TILE_BYTES;
    bool below = py + 1 < f->ph, right = px + EMO_TILE < f->pw;
    begin_streams(f, s, below ? py + 1 : 0, below ? px : px + EMO_TILE, &next);
    if (below && band(f) > step)
        next.shared = band(f) - step;
    if (!below && !right)
        next.done = band(f);
    next.left_before = now->left + step * bytes;
    next.right_before = now->right + step * bytes;
    next.left = now->left == planes ? planes + 2 * s->plane : planes;
    next.right = next.left + s->plane;
    return next;
}

static void forward(const struct emo_first *f, const uint8_t *image, const float *packed,
                    const float *bias, void *y, uint16_t *place, float *scratch)
{
    const struct sizes s = sizes(f);
    float *sums = scratch + 2 * EMO_TILE_NUMBERS;
    uint16_t *halves = (uint16_t *)(void *)(scratch + EMO_TILE_NUMBERS);
    uint8_t *planes = (uint8_t *)(void *)(sums + 4 * s.digits * EMO_TILE_NUMBERS);
    struct streams now = {.image = image, .part = planes + 4 * s.plane, .left = planes,
                          .right = planes + s.plane};
    struct beside b = {.most = scratch, .halves = halves, .right = halves + EMO_TILE_NUMBERS,
                       .rows = (band(f) + 4 * s.groups - 1) / (4 * s.groups)};
    /* Before the first block there is one whose results go nowhere, and whose places the first one
       replaces. */
    b.sums = sums;
    b.block = (struct block){.scales = scratch, .bias = scratch, .place = place};
    memset(scratch, 0, (2 + 4 * s.digits) * EMO_TILE_NUMBERS * sizeof *scratch);
    memset(planes, 0, 4 * s.plane);
    begin_streams(f, &s, 0, 0, &now);
    EMO_TILES_BEGIN();
    add_rows(f, &s, &now, band(f));
    for (size_t px = 0; px < f->pw; px += EMO_TILE)
        for (size_t py = 0; py < f->ph; py++, now = b.next) {
            b.next = streams_after(f, &s, py, px, &now, planes);
            if (s.digits == 2 && s.depths == 3 && f->halves)
                forward_row(f, &s, true, 2, 3, py, px, &now, packed, bias, y, place, sums, &b);
            else if (s.digits == 3 && s.depths == 3 && !f->halves)
                forward_row(f, &s, false, 3, 3, py, px, &now, packed, bias, y, place, sums, &b);
            else
                forward_row(f, &s, f->halves, s.digits, s.depths, py, px, &now, packed, bias, y,
                            place, sums, &b);
            add_rows(f, &s, &b.next, band(f));
        }
    EMO_TILES_END();
    pool(f->halves, s.digits, true, &b, 0, EMO_TILE);
    put_results(f, f->halves, &b);
}
