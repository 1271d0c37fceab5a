/* Selections against the plain meaning of each step, on every range and many samples. */
#include "check.h"

#include "base/philox.h"
#include "learn/select.h"

#include <stdint.h>

#define MOST 12

static struct emo_head head;

/* Runs n records with ids 0, 1, ... through a selection; what comes out, in out; how many. */
static size_t run(const struct emo_selection *rule, size_t n, uint64_t *out)
{
    struct emo_selector *s;
    struct emo_record r = {0};
    uint64_t held[1000];
    bool wanted[1000];
    size_t count = 0, kept = 0;
    CHECK(n <= 1000 && emo_selector_open(&s, rule, &head, &err) == EMO_OK);
    for (r.id = 0; r.id < n; r.id++) {
        enum emo_selected selected;
        r.label = (int16_t)(r.id % 3) - 1;
        r.split = (uint8_t)(r.id / 3 % 4);
        CHECK(emo_selector_next(s, &r, &selected, &err) == EMO_OK);
        if (selected == EMO_SELECT)
            out[count++] = r.id;
        else if (selected == EMO_HOLD)
            held[kept++] = r.id;
    }
    emo_selector_settle(s, wanted);
    CHECK(kept == 0 || count == 0);
    for (size_t i = 0; i < kept; i++)
        if (wanted[i])
            out[count++] = held[i];
    emo_selector_close(s);
    return count;
}

static void ranges(void)
{
    static const char *const wrong[] = {"", "1", "a:b", "1:2:3", ":x", "1.5:2", "1 :2", "--1:",
                                        "99999999999999999999:", "0000000000000000000000000001:"};
    struct emo_range r;
    uint64_t out[MOST];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(!emo_parse_range(wrong[i], &r));
    for (int n = 0; n <= MOST; n++)
        for (int from = -MOST - 2; from <= MOST + 2; from++)
            for (int to = -MOST - 2; to <= MOST + 3; to++) {
                char text[40];
                struct emo_selection rule = {.limit = -1, .sample = -1};
                if (to == MOST + 3)
                    snprintf(text, sizeof text, "%d:", from);
                else
                    snprintf(text, sizeof text, "%d:%d", from, to);
                CHECK(emo_parse_range(text, &rule.range));
                /* As Python's slices. */
                int first = from < 0 ? (from + n < 0 ? 0 : from + n) : from;
                int last = to < 0 ? to + n : to > n || to == MOST + 3 ? n : to;
                size_t want = last > first ? (size_t)(last - first) : 0;
                CHECK(run(&rule, (size_t)n, out) == want);
                for (size_t i = 0; i < want; i++)
                    CHECK(out[i] == (uint64_t)first + i);
                rule.invert = true;
                CHECK(run(&rule, (size_t)n, out) == (size_t)n - want);
                for (size_t i = 0; i + want < (size_t)n; i++)
                    CHECK(out[i] == i + (i >= (size_t)first ? want : 0));
            }
    CHECK(emo_parse_range(":", &r) && r.from == 0 && r.open);
    CHECK(emo_parse_range(":-9223372036854775808", &r));
}

/* The n least draws of ids 0 to count - 1, by looking at all pairs. */
static bool in_sample(uint64_t id, size_t count, size_t n, uint64_t seed)
{
    uint64_t own = emo_draw64(seed, id, 0, EMO_DRAW_SAMPLE);
    size_t before = 0;
    for (uint64_t i = 0; i < count; i++)
        before += emo_draw64(seed, i, 0, EMO_DRAW_SAMPLE) < own;
    return before < n;
}

static void samples(void)
{
    uint64_t out[1000];
    for (size_t n = 0; n <= 400; n = 2 * n + 1)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            struct emo_selection rule = {.limit = -1, .sample = (int64_t)n, .seed = seed};
            size_t got = run(&rule, 300, out), at = 0;
            CHECK(got == (n < 300 ? n : 300));
            for (uint64_t id = 0; id < 300; id++)
                if (in_sample(id, 300, n, seed))
                    CHECK(at < got && out[at++] == id);
            /* Of the last 100 only: the same rule over those. */
            CHECK(emo_parse_range("-100:", &rule.range));
            got = run(&rule, 300, out);
            CHECK(got == (n < 100 ? n : 100) && (got == 0 || out[0] >= 200));
            /* The shards of a sample are its parts, and the rest is not in it. */
            rule.range.given = false;
            rule.invert = true;
            CHECK(run(&rule, 300, out) == 300 - (n < 300 ? n : 300));
            rule.invert = false;
            size_t all = 0;
            for (uint32_t i = 1; i <= 3; i++) {
                rule.shard = (struct emo_part){i, 3};
                all += run(&rule, 300, out);
            }
            CHECK(all == (n < 300 ? n : 300));
        }
}

static void steps(void)
{
    const char *a[] = {"a"}, *b[] = {"x"};
    uint64_t out[300];
    struct emo_selector *s;
    /* Labels go -1, 0, 1; splits change every three records. */
    struct emo_selection rule = {.limit = 2, .sample = -1, .splits = 1u << 1 | 1u << 3};
    CHECK(run(&rule, 60, out) == 6);
    CHECK(out[0] == 3 && out[2] == 5 && out[3] == 9 && out[5] == 11);
    rule.classes = (struct emo_strings){a, 1};
    CHECK(run(&rule, 60, out) == 2 && out[0] == 4 && out[1] == 10);
    rule.limit = -1;
    CHECK(run(&rule, 60, out) == 10);
    CHECK(emo_parse_range("1:3", &rule.range));
    CHECK(run(&rule, 60, out) == 2 && out[0] == 10 && out[1] == 16);
    rule.invert = true;
    CHECK(run(&rule, 60, out) == 58);
    rule.shard = (struct emo_part){1, 2};
    CHECK(emo_selection_check(&rule, &err) == EMO_USAGE);
    rule.classes = (struct emo_strings){b, 1};
    rule.invert = false;
    CHECK(emo_selection_check(&rule, &err) == EMO_OK);
    CHECK(emo_selector_open(&s, &rule, &head, &err) == EMO_USAGE);
    SAID("\"x\"");
}

int main(void)
{
    static const char *const names[] = {"a", "b"};
    CHECK(emo_head_set_classes(&head, names, 2, &err) == EMO_OK);
    ranges();
    samples();
    steps();
    emo_head_free(&head);
    puts("ok");
    return 0;
}
