#include "learn/split.h"

#include "base/hash.h"
#include "base/philox.h"
#include "stream/frame.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum level { HELD_OUT, TEST, FOLD };

/* Where one class stands in windows of rate p/q. */
struct windows {
    uint64_t number;    /* of the window that the next record lies in */
    uint64_t remainder; /* i * p mod q of that record i */
    uint64_t left;      /* records of the window to come; 0: the window begins */
    uint64_t until;     /* records of the window before its pick; meaningless after it */
};

struct class_state {
    uint64_t hash;
    struct windows held_out, test;
    uint64_t count; /* for folds */
};

struct emo_splitter {
    struct emo_split_rule rule;
    struct emo_ratio held_out, test; /* of all; of the held out */
    size_t class_count;
    struct class_state classes[]; /* the last: unlabelled */
};

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b > 0) {
        uint64_t c = a % b;
        a = b;
        b = c;
    }
    return a;
}

static struct emo_ratio lowest(uint64_t p, uint64_t q)
{
    uint64_t d = common_divisor(p, q);
    return (struct emo_ratio){p / d, q / d};
}

/* r + t; the denominators are at most 10^9, so nothing overflows. */
static struct emo_ratio sum(struct emo_ratio r, struct emo_ratio t)
{
    return lowest(r.p * t.q + t.p * r.q, r.q * t.q);
}

int emo_split_rule_check(const struct emo_split_rule *rule, struct emo_error *err)
{
    struct emo_ratio both = sum(rule->valid, rule->test);
    if (both.p > both.q)
        return emo_error(err, EMO_USAGE, "--valid and --test together are more than 1");
    if (rule->fold.n == 1 || rule->fold.n > EMO_FOLDS_MOST)
        return emo_error(err, EMO_USAGE, "--fold: %" PRIu32 " folds; 2 to %u are possible",
                         rule->fold.n, EMO_FOLDS_MOST);
    return EMO_OK;
}

int emo_splitter_open(struct emo_splitter **splitter, const struct emo_split_rule *rule,
                      const char *const *classes, size_t class_count, struct emo_error *err)
{
    *splitter = NULL;
    int status = emo_split_rule_check(rule, err);
    if (status != EMO_OK)
        return status;
    size_t size = sizeof **splitter + (class_count + 1) * sizeof (*splitter)->classes[0];
    struct emo_splitter *s = calloc(1, size);
    if (s == NULL)
        return emo_error_memory(err, size, "the classes' windows");
    s->rule = *rule;
    s->class_count = class_count;
    s->held_out = sum(rule->valid, rule->test);
    uint64_t t = rule->test.p * rule->valid.q, r = rule->valid.p * rule->test.q;
    s->test = t > 0 ? lowest(t, r + t) : (struct emo_ratio){0, 1};
    for (size_t k = 0; k <= class_count; k++) {
        const char *name = k < class_count ? classes[k] : "";
        s->classes[k].hash = emo_xxh3(name, strlen(name));
    }
    *splitter = s;
    return EMO_OK;
}

void emo_splitter_close(struct emo_splitter *s)
{
    free(s);
}

static uint64_t draw(const struct emo_splitter *s, uint64_t class_hash, uint64_t window,
                     enum level level, uint32_t block)
{
    uint64_t identity[2] = {class_hash, window};
    uint32_t out[4];
    emo_philox(s->rule.seed, emo_xxh3(identity, sizeof identity), (uint16_t)level, EMO_DRAW_SPLIT,
               block, out);
    return (uint64_t)out[1] << 32 | out[0];
}

/* Is the next record of these windows its window's pick? rate.p may be 0 (no windows: never). */
static bool pick(const struct emo_splitter *s, uint64_t class_hash, struct windows *w,
                 struct emo_ratio rate, enum level level)
{
    if (rate.p == 0)
        return false;
    if (w->left == 0) {
        uint64_t length = (rate.q - w->remainder + rate.p - 1) / rate.p;
        w->left = length;
        w->until = draw(s, class_hash, w->number, level, 0) % length;
    }
    bool picked = w->until == 0;
    w->until--;
    w->left--;
    w->remainder += rate.p;
    if (w->remainder >= rate.q) {
        w->remainder -= rate.q;
        w->number++;
    }
    return picked;
}

/* The fold (from 1) of record i of a class. */
static uint32_t fold_of(const struct emo_splitter *s, uint64_t class_hash, uint64_t i)
{
    uint32_t n = s->rule.fold.n, place = (uint32_t)(i % n), rank = 0;
    uint64_t mine = draw(s, class_hash, i / n, FOLD, place);
    for (uint32_t j = 0; j < n; j++) {
        uint64_t other = draw(s, class_hash, i / n, FOLD, j);
        rank += other < mine || (other == mine && j < place);
    }
    return rank + 1;
}

uint8_t emo_splitter_next(struct emo_splitter *s, int16_t label)
{
    struct class_state *c = &s->classes[label < 0 ? s->class_count : (size_t)label];
    if (s->rule.fold.n > 0)
        return fold_of(s, c->hash, c->count++) == s->rule.fold.i ? EMO_VALID : EMO_TRAIN;
    if (!pick(s, c->hash, &c->held_out, s->held_out, HELD_OUT))
        return EMO_TRAIN;
    return pick(s, c->hash, &c->test, s->test, TEST) ? EMO_TEST : EMO_VALID;
}
