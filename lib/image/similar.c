#include "image/similar.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a piece, and columns that stay in the first-level cache meanwhile. */
#define ROWS 256u
#define COLUMNS 2048u
#define FOUND 1024u
#define FLAT (EMO_PHASH_GRAY * EMO_PHASH_GRAY) /* n^2 times a variance of one level squared */

struct picture {
    uint64_t bytes;
    int64_t variance; /* of gray, times n^2 */
    uint32_t sum;     /* of gray */
    int16_t label;
    uint8_t nearest, contradicting;
    uint8_t gray[EMO_PHASH_GRAY];
};

struct emo_similar {
    struct emo_similar_rule rule;
    struct picture *at;
    uint64_t *phash, *dhash;
    size_t *parent; /* of a tree for each group; a root is its lowest number */
    size_t count, room;
    /* Those to be compared: one of each that have equal bytes, and not flat. */
    size_t *compared;
    size_t compared_count;
    uint64_t *compared_phash, *compared_dhash;
    pthread_mutex_t lock; /* of nearest, contradicting and parent, during a search */
};

/* Places in compared whose hashes are near. */
struct found {
    size_t a[FOUND], b[FOUND], count;
};

int emo_similar_open(struct emo_similar **similar, const struct emo_similar_rule *rule,
                     struct emo_error *err)
{
    struct emo_similar *s = calloc(1, sizeof *s);
    *similar = s;
    if (s == NULL)
        return emo_error_memory(err, sizeof *s, "near-duplicates");
    s->rule = *rule;
    pthread_mutex_init(&s->lock, NULL);
    return EMO_OK;
}

void emo_similar_close(struct emo_similar *s)
{
    if (s == NULL)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s->at);
    free(s->phash);
    free(s->dhash);
    free(s->parent);
    free(s->compared);
    free(s->compared_phash);
    free(s->compared_dhash);
    free(s);
}

/* False: *array is left as it was. */
static bool grow(uint64_t **array, size_t room)
{
    uint64_t *new = realloc(*array, room * sizeof **array);
    if (new != NULL)
        *array = new;
    return new != NULL;
}

static int make_room(struct emo_similar *s, struct emo_error *err)
{
    size_t room = s->room > 0 ? 2 * s->room : 1024;
    struct picture *at = realloc(s->at, room * sizeof *at);
    if (at != NULL)
        s->at = at;
    size_t *parent = realloc(s->parent, room * sizeof *parent);
    if (parent != NULL)
        s->parent = parent;
    if (at == NULL || parent == NULL || !grow(&s->phash, room) || !grow(&s->dhash, room))
        return emo_error_memory(err, room * sizeof *at, "hashes");
    s->room = room;
    return EMO_OK;
}

int emo_similar_add(struct emo_similar *s, const struct emo_phash *hash, uint64_t bytes,
                    int16_t label, struct emo_error *err)
{
    int status = s->count == s->room ? make_room(s, err) : EMO_OK;
    if (status != EMO_OK)
        return status;
    size_t i = s->count++;
    struct picture *p = &s->at[i];
    *p = (struct picture){
        .bytes = bytes, .label = label, .nearest = EMO_APART, .contradicting = EMO_APART};
    memcpy(p->gray, hash->gray, sizeof p->gray);
    int64_t squares = 0;
    for (size_t k = 0; k < EMO_PHASH_GRAY; k++) {
        p->sum += p->gray[k];
        squares += p->gray[k] * p->gray[k];
    }
    p->variance = (int64_t)EMO_PHASH_GRAY * squares - (int64_t)p->sum * p->sum;
    s->phash[i] = hash->phash;
    s->dhash[i] = hash->dhash;
    s->parent[i] = i;
    return EMO_OK;
}

size_t emo_similar_count(const struct emo_similar *s)
{
    return s->count;
}

bool emo_similar_flat(const struct emo_similar *s, size_t i)
{
    return s->at[i].variance < (int64_t)FLAT;
}

uint64_t emo_similar_phash(const struct emo_similar *s, size_t i)
{
    return s->phash[i];
}

uint64_t emo_similar_dhash(const struct emo_similar *s, size_t i)
{
    return s->dhash[i];
}

static size_t root(struct emo_similar *s, size_t i)
{
    while (s->parent[i] != i)
        i = s->parent[i] = s->parent[s->parent[i]];
    return i;
}

static bool contradict(const struct picture *a, const struct picture *b)
{
    return a->label != b->label && a->label >= 0 && b->label >= 0;
}

/* Only minima are kept, so the order in which pairs come changes nothing. */
static void join(struct emo_similar *s, size_t i, size_t j, unsigned distance)
{
    struct picture *a = &s->at[i], *b = &s->at[j];
    uint8_t d = (uint8_t)distance;
    size_t x = root(s, i), y = root(s, j);
    s->parent[x > y ? x : y] = x > y ? y : x;
    a->nearest = d < a->nearest ? d : a->nearest;
    b->nearest = d < b->nearest ? d : b->nearest;
    if (contradict(a, b)) {
        a->contradicting = d < a->contradicting ? d : a->contradicting;
        b->contradicting = d < b->contradicting ? d : b->contradicting;
    }
}

static bool correlate(const struct emo_similar *s, const struct picture *a,
                      const struct picture *b)
{
    int64_t products = 0;
    for (size_t k = 0; k < EMO_PHASH_GRAY; k++)
        products += a->gray[k] * b->gray[k];
    int64_t covariance = (int64_t)EMO_PHASH_GRAY * products - (int64_t)a->sum * b->sum;
    return (double)covariance >=
           s->rule.correlation * sqrt((double)a->variance) * sqrt((double)b->variance);
}

static unsigned bits(uint64_t x)
{
    return (unsigned)__builtin_popcountll(x);
}

/* Confirms, under the lock, what a piece has found. A pair that could change nothing any more is
   passed over: that keeps a thousand frames of one scene from costing a million correlations. */
static void confirm(struct emo_similar *s, struct found *f)
{
    pthread_mutex_lock(&s->lock);
    for (size_t k = 0; k < f->count; k++) {
        size_t i = s->compared[f->a[k]], j = s->compared[f->b[k]];
        struct picture *a = &s->at[i], *b = &s->at[j];
        unsigned d = bits(s->phash[i] ^ s->phash[j]);
        bool known = root(s, i) == root(s, j) && d >= a->nearest && d >= b->nearest &&
                     (!contradict(a, b) || (d >= a->contradicting && d >= b->contradicting));
        if (!known && correlate(s, a, b))
            join(s, i, j, d);
    }
    f->count = 0;
    pthread_mutex_unlock(&s->lock);
}

/* Places from first to end - 1 whose hashes are near those of place i go to near. Their number. */
static inline size_t scan(const struct emo_similar *s, size_t i, size_t first, size_t end,
                          size_t *near)
{
    uint64_t p = s->compared_phash[i], d = s->compared_dhash[i];
    size_t n = 0;
    for (size_t j = first; j < end; j++)
        if (bits(p ^ s->compared_phash[j]) <= s->rule.distance &&
            bits(d ^ s->compared_dhash[j]) <= s->rule.distance)
            near[n++] = j;
    return n;
}

static size_t scan_plain(const struct emo_similar *s, size_t i, size_t first, size_t end,
                         size_t *near)
{
    return scan(s, i, first, end, near);
}

#ifdef __x86_64__
/* Three times as fast where the processor counts bits; the same bits. */
__attribute__((target("popcnt"))) static size_t scan_popcnt(const struct emo_similar *s, size_t i,
                                                            size_t first, size_t end, size_t *near)
{
    return scan(s, i, first, end, near);
}
#endif

static size_t (*scanner(void))(const struct emo_similar *, size_t, size_t, size_t, size_t *)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("popcnt"))
        return scan_popcnt;
#endif
    return scan_plain;
}

/* Rows piece * ROWS and on, each with all that come after it. */
static void search(void *context, size_t piece, unsigned worker)
{
    struct emo_similar *s = context;
    size_t (*scan_some)(const struct emo_similar *, size_t, size_t, size_t, size_t *) = scanner();
    size_t near[COLUMNS], first = piece * ROWS, n = s->compared_count;
    size_t last = n - first < ROWS ? n : first + ROWS;
    struct found f = {.count = 0};
    (void)worker;
    for (size_t column = first + 1; column < n; column += COLUMNS) {
        size_t end = n - column < COLUMNS ? n : column + COLUMNS;
        for (size_t i = first; i < last; i++) {
            size_t hits = scan_some(s, i, i >= column ? i + 1 : column, end, near);
            for (size_t k = 0; k < hits; k++) {
                f.a[f.count] = i;
                f.b[f.count++] = near[k];
                if (f.count == FOUND)
                    confirm(s, &f);
            }
        }
    }
    confirm(s, &f);
}

struct by_bytes {
    uint64_t bytes;
    size_t i;
};

static int compare_bytes(const void *a, const void *b)
{
    const struct by_bytes *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

static int compare_places(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

/* Joins those of equal bytes; the first of each is left to be compared. */
static int join_equal(struct emo_similar *s, struct emo_error *err)
{
    struct by_bytes *order = malloc((s->count + 1) * sizeof *order);
    if (order == NULL)
        return emo_error_memory(err, s->count * sizeof *order, "comparing");
    for (size_t i = 0; i < s->count; i++)
        order[i] = (struct by_bytes){s->at[i].bytes, i};
    if (s->count > 1)
        qsort(order, s->count, sizeof *order, compare_bytes);
    for (size_t k = 0, first = 0, labelled = 0; k < s->count; k++) {
        if (k == 0 || order[k].bytes != order[first].bytes) {
            first = labelled = k;
            if (!emo_similar_flat(s, order[k].i))
                s->compared[s->compared_count++] = order[k].i;
            continue;
        }
        join(s, order[first].i, order[k].i, 0);
        if (s->at[order[labelled].i].label < 0)
            labelled = k;
        else
            join(s, order[labelled].i, order[k].i, 0);
    }
    free(order);
    if (s->compared_count > 1)
        qsort(s->compared, s->compared_count, sizeof *s->compared, compare_places);
    return EMO_OK;
}

int emo_similar_find(struct emo_similar *s, struct emo_threads *team, struct emo_error *err)
{
    size_t room = s->count + 1;
    s->compared_count = 0;
    s->compared = malloc(room * sizeof *s->compared);
    s->compared_phash = malloc(room * sizeof *s->compared_phash);
    s->compared_dhash = malloc(room * sizeof *s->compared_dhash);
    if (s->compared == NULL || s->compared_phash == NULL || s->compared_dhash == NULL)
        return emo_error_memory(err, room * 3 * sizeof *s->compared, "comparing");
    int status = join_equal(s, err);
    for (size_t k = 0; status == EMO_OK && k < s->compared_count; k++) {
        s->compared_phash[k] = s->phash[s->compared[k]];
        s->compared_dhash[k] = s->dhash[s->compared[k]];
    }
    if (status == EMO_OK)
        emo_threads_run(team, (s->compared_count + ROWS - 1) / ROWS, search, s);
    for (size_t i = 0; status == EMO_OK && i < s->count; i++)
        s->parent[i] = root(s, i);
    return status;
}

size_t emo_similar_group(const struct emo_similar *s, size_t i)
{
    return s->parent[i];
}

unsigned emo_similar_nearest(const struct emo_similar *s, size_t i)
{
    return s->at[i].nearest;
}

unsigned emo_similar_contradicting(const struct emo_similar *s, size_t i)
{
    return s->at[i].contradicting;
}
