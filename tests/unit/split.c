/* The split against its definition: windows, ratios at every point, folds, groups, names. */
#include "learn/groups.h"
#include "learn/names.h"
#include "learn/split.h"
#include "stream/frame.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N 20000
#define CLASSES 3

static struct emo_error err;
static const char *const classes[CLASSES] = {"Negative", "Neutral \t", "Positive"};

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #x, err.text);                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static void split_class(const struct emo_split_rule *rule, int16_t label, uint8_t out[N])
{
    struct emo_splitter *s;
    CHECK(emo_splitter_open(&s, rule, classes, CLASSES, &err) == EMO_OK);
    for (size_t i = 0; i < N; i++) {
        out[i] = emo_splitter_next(s, label);
        /* Another class's records between must not matter. */
        if (i % 3 == 0)
            (void)emo_splitter_next(s, label == 0 ? 1 : 0);
    }
    emo_splitter_close(s);
}

static void check_windows(struct emo_ratio valid, struct emo_ratio test)
{
    struct emo_split_rule rule = {.valid = valid, .test = test, .seed = 21};
    static uint8_t splits[N];
    split_class(&rule, 0, splits);
    uint64_t p = valid.p * test.q + test.p * valid.q, q = valid.q * test.q;
    double r = (double)p / (double)q, rho = p > 0 ? (double)(test.p * valid.q) / (double)p : 0;
    uint64_t held = 0, tests = 0, in_window = 0;
    for (uint64_t i = 0; i < N; i++) {
        in_window += splits[i] != EMO_TRAIN;
        held += splits[i] != EMO_TRAIN;
        tests += splits[i] == EMO_TEST;
        double n = (double)(i + 1);
        CHECK(fabs((double)held - n * r) <= 1 + 1e-9);
        CHECK(fabs((double)tests - (double)held * rho) <= 1 + 1e-9);
        if ((i + 1) * p / q > i * p / q) { /* the window ends here */
            CHECK(in_window == 1);
            in_window = 0;
        } else {
            CHECK(in_window <= 1);
        }
    }
}

static void check_uniform(void)
{
    struct emo_split_rule rule = {.valid = {1, 5}, .test = {0, 1}};
    static uint8_t splits[N];
    int at[5] = {0}, same = 0;
    for (rule.seed = 0; rule.seed < 10; rule.seed++) {
        split_class(&rule, 2, splits);
        for (size_t i = 0; i < N; i++)
            at[i % 5] += splits[i] == EMO_VALID;
    }
    /* 40,000 picks: 8,000 a place, deviation 80. */
    for (int k = 0; k < 5; k++)
        CHECK(at[k] > 8000 - 400 && at[k] < 8000 + 400);
    static uint8_t other[N];
    rule.seed = 21;
    split_class(&rule, 2, splits);
    split_class(&rule, 0, other);
    for (size_t i = 0; i < N; i++)
        same += splits[i] == EMO_VALID && other[i] == EMO_VALID;
    CHECK(same > 600 && same < 1000); /* classes are drawn apart: 800 of 4,000 meet */
    rule.seed = 22;
    split_class(&rule, 2, other);
    CHECK(memcmp(splits, other, N) != 0);
}

static void check_folds(uint32_t n)
{
    static uint8_t splits[N];
    static uint8_t times[N];
    memset(times, 0, sizeof times);
    for (uint32_t i = 1; i <= n; i++) {
        struct emo_split_rule rule = {.valid = {0, 1}, .test = {0, 1}, .fold = {i, n}, .seed = 3};
        split_class(&rule, -1, splits);
        uint64_t valid = 0;
        for (uint64_t k = 0; k < N; k++) {
            CHECK(splits[k] == EMO_VALID || splits[k] == EMO_TRAIN);
            times[k] = (uint8_t)(times[k] + (splits[k] == EMO_VALID));
            valid += splits[k] == EMO_VALID;
            CHECK(fabs((double)valid - (double)(k + 1) / n) <= 1 + 1e-9);
        }
    }
    for (size_t k = 0; k < N; k++)
        CHECK(times[k] == 1);
}

static void check_refusals(void)
{
    struct emo_split_rule much = {.valid = {3, 5}, .test = {41, 100}};
    struct emo_split_rule one = {.valid = {1, 5}, .test = {0, 1}, .fold = {1, 1}};
    struct emo_split_rule whole = {.valid = {3, 5}, .test = {2, 5}};
    CHECK(emo_split_rule_check(&much, &err) == EMO_USAGE);
    CHECK(emo_split_rule_check(&one, &err) == EMO_USAGE);
    CHECK(emo_split_rule_check(&whole, &err) == EMO_OK);
}

/* Groups of 1 to 12 records, mostly of one class; returns how far a class is off its target. */
static double split_groups(const struct emo_split_rule *rule, uint8_t *splits, size_t *groups,
                           bool backwards)
{
    enum { GROUPS = 400 };
    struct emo_groups *g;
    size_t n = 0, of[GROUPS * 12], label[GROUPS * 12];
    double total[CLASSES] = {0}, valid[CLASSES] = {0}, off = 0;
    CHECK(emo_groups_open(&g, CLASSES, &err) == EMO_OK);
    for (size_t k = 0; k < GROUPS; k++)
        for (size_t m = 0; m <= k * 7 % 12; m++, n++) {
            of[n] = k;
            label[n] = (m == 3 ? k + 1 : k) % CLASSES;
        }
    for (size_t i = 0; i < n; i++) {
        size_t at = backwards ? n - 1 - i : i;
        char name[32];
        int length = snprintf(name, sizeof name, "group %zu", of[at]);
        CHECK(emo_groups_add(g, name, (size_t)length, (int16_t)label[at], EMO_SPLIT_NONE, &err) ==
              EMO_OK);
    }
    CHECK(emo_groups_count(g) == GROUPS);
    CHECK(emo_groups_place(g, rule, &err) == EMO_OK);
    for (size_t i = 0; i < n; i++) {
        splits[i] = emo_groups_split(g, backwards ? n - 1 - i : i);
        groups[i] = of[i];
        total[label[i]]++;
        valid[label[i]] += splits[i] == EMO_VALID;
        CHECK(i == 0 || of[i] != of[i - 1] || splits[i] == splits[i - 1]);
    }
    double ratio = rule->fold.n > 0 ? 1.0 / rule->fold.n
                                    : (double)rule->valid.p / (double)rule->valid.q;
    for (size_t k = 0; k < CLASSES; k++)
        off = fmax(off, fabs(valid[k] - ratio * total[k]));
    emo_groups_close(g);
    return off;
}

static void check_groups(void)
{
    static uint8_t a[400 * 12], b[400 * 12], times[400 * 12];
    static size_t of[400 * 12];
    struct emo_split_rule rule = {.valid = {1, 5}, .test = {1, 10}, .seed = 21};
    CHECK(split_groups(&rule, a, of, false) <= 12);
    CHECK(split_groups(&rule, b, of, true) <= 12);
    CHECK(memcmp(a, b, sizeof a) == 0); /* the order of arrival does not matter */
    rule.seed = 22;
    CHECK(split_groups(&rule, b, of, false) <= 12);
    CHECK(memcmp(a, b, sizeof a) != 0);
    rule.fold.n = 4;
    for (rule.fold.i = 1; rule.fold.i <= 4; rule.fold.i++) {
        CHECK(split_groups(&rule, b, of, false) <= 12);
        for (size_t i = 0; i < sizeof times; i++)
            times[i] = (uint8_t)(times[i] + (b[i] == EMO_VALID));
    }
    size_t n = 0;
    for (size_t k = 0; k < 400; k++)
        n += k * 7 % 12 + 1;
    for (size_t i = 0; i < n; i++)
        CHECK(times[i] == 1);
}

static void check_given_groups(void)
{
    struct emo_split_rule all_valid = {.valid = {1, 1}, .test = {0, 1}, .seed = 21};
    struct emo_groups *g;
    CHECK(emo_groups_open(&g, CLASSES, &err) == EMO_OK);
    CHECK(emo_groups_add(g, "a", 1, 0, EMO_SPLIT_NONE, &err) == EMO_OK);
    CHECK(emo_groups_add(g, "a", 1, 0, EMO_TEST, &err) == EMO_OK);
    CHECK(emo_groups_add(g, "b", 1, -1, EMO_SPLIT_NONE, &err) == EMO_OK);
    CHECK(emo_groups_add(g, "a", 1, 0, EMO_TRAIN, &err) == EMO_INPUT);
    CHECK(emo_groups_place(g, &all_valid, &err) == EMO_OK);
    CHECK(emo_groups_split(g, 0) == EMO_TEST && emo_groups_split(g, 1) == EMO_TEST);
    CHECK(emo_groups_split(g, 2) == EMO_VALID);
    emo_groups_close(g);
}

static void expect_capture(const char *regex, const char *name, const char *expected)
{
    struct emo_pattern *p;
    struct emo_text out = {0};
    bool found;
    CHECK(emo_pattern_open(&p, regex, &err) == EMO_OK);
    CHECK(emo_pattern_capture(p, name, strlen(name), &out, &found, &err) == EMO_OK);
    CHECK(found == (expected != NULL));
    CHECK(!found || (strcmp(out.bytes, expected) == 0 && out.length == strlen(expected)));
    emo_text_free(&out);
    emo_pattern_close(p);
}

static void check_patterns(void)
{
    struct emo_pattern *p;
    expect_capture("([0-9a-f-]+)_", "Positive/1f600-200d_noto.jpg", "1f600-200d");
    expect_capture("^[a-z]+", "train/a.jpg", "train");
    expect_capture("(x)?a", "a", NULL);
    expect_capture("z", "a", NULL);
    expect_capture("/(.)\\.", "b/\xc3\xa9.jpg", NULL); /* bytes, in the C locale of this test */
    CHECK(emo_pattern_open(&p, "((", &err) == EMO_USAGE);
    CHECK(emo_split_of_word("Val") == EMO_VALID && emo_split_of_word("training") == EMO_TRAIN);
    CHECK(emo_split_of_word("TEST") == EMO_TEST && emo_split_of_word("tes") == EMO_SPLIT_NONE);
}

static int open_group_text(const char *text, struct emo_group_file **f)
{
    static const char path[] = "unit-groups.tsv";
    FILE *out = fopen(path, "w");
    CHECK(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
    int status = emo_group_file_open(f, path, &err);
    unlink(path);
    return status;
}

static void check_group_file(void)
{
    struct emo_group_file *f;
    size_t n;
    CHECK(open_group_text("group\tcolour\tname\ng1\tred\tb/x\\ty.jpg\ng2\tblue\ta.jpg\r\n", &f) ==
          EMO_OK);
    const char *group = emo_group_file_find(f, "b/x\ty.jpg", 9, &n);
    CHECK(group != NULL && n == 2 && memcmp(group, "g1", 2) == 0);
    group = emo_group_file_find(f, "a.jpg", 5, &n);
    CHECK(group != NULL && n == 2 && memcmp(group, "g2", 2) == 0);
    CHECK(emo_group_file_find(f, "a.jp", 4, &n) == NULL);
    emo_group_file_close(f);
    CHECK(open_group_text("name\tgroup\na\tg\na\tg\n", &f) == EMO_OK);
    emo_group_file_close(f);
    /* Groups are numbered as the file first names them; a name twice is one. */
    CHECK(open_group_text("name\tgroup\nz\tlate\na\tm\nb\tlate\na\tm\nc\tlat\ny\tlate\n", &f) ==
          EMO_OK);
    CHECK(emo_group_file_count(f) == 3);
    CHECK(emo_group_file_size(f, 0) == 3 && emo_group_file_size(f, 1) == 1);
    CHECK(emo_group_file_size(f, 2) == 1);
    CHECK(emo_group_file_number(f, "b", 1) == 0 && emo_group_file_number(f, "a", 1) == 1);
    CHECK(emo_group_file_number(f, "c", 1) == 2 && emo_group_file_number(f, "d", 1) == SIZE_MAX);
    group = emo_group_file_group(f, 2, &n);
    CHECK(n == 3 && memcmp(group, "lat", 3) == 0);
    emo_group_file_close(f);
    CHECK(open_group_text("name\tgroup\na\tg\na\th\n", &f) == EMO_INPUT);
    CHECK(open_group_text("name\tgroup\na\n", &f) == EMO_INPUT);
    CHECK(open_group_text("name\tgroup\na\t\n", &f) == EMO_INPUT);
    CHECK(open_group_text("name\tgroup\na\\q\tg\n", &f) == EMO_INPUT);
    CHECK(open_group_text("file\tgroup\n", &f) == EMO_INPUT);
    CHECK(open_group_text("", &f) == EMO_INPUT);
    CHECK(emo_group_file_open(&f, "no/such/file", &err) == EMO_FAILED);
}

int main(void)
{
    static const struct emo_ratio none = {0, 1}, all = {1, 1};
    check_windows((struct emo_ratio){1, 5}, none);
    check_windows((struct emo_ratio){1, 3}, none);
    check_windows((struct emo_ratio){333333333, 1000000000}, none);
    check_windows((struct emo_ratio){999999999, 1000000000}, none);
    check_windows((struct emo_ratio){1, 1000000000}, none);
    check_windows(all, none);
    check_windows(none, none);
    check_windows(none, all);
    check_windows((struct emo_ratio){3, 20}, (struct emo_ratio){1, 10});
    check_windows((struct emo_ratio){3, 5}, (struct emo_ratio){2, 5});
    check_windows((struct emo_ratio){1234, 99991}, (struct emo_ratio){1, 99989});
    puts("ok: one pick a window, the ratios within one record at every point");
    check_uniform();
    puts("ok: picks are uniform; classes and seeds differ");
    check_folds(2);
    check_folds(5);
    check_folds(17);
    puts("ok: folds partition and are equal within one record");
    check_refusals();
    puts("ok: rules that make no sense are refused");
    check_groups();
    check_given_groups();
    puts("ok: groups stay whole, near the ratios, whatever the order");
    check_patterns();
    check_group_file();
    puts("ok: patterns and group files");
    return 0;
}
