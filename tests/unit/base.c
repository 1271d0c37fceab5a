/* lib/base: text and numbers, hashes, random numbers, threads. */
#include "check.h"

#include "base/hash.h"
#include "base/pages.h"
#include "base/philox.h"
#include "base/text.h"
#include "base/threads.h"

#include <stdatomic.h>
#include <stdint.h>

static void escapes(void)
{
    struct emo_text t = {0};
    char all[256], quoted[EMO_QUOTE_SIZE], small[12];
    for (int i = 0; i < 256; i++)
        all[i] = (char)(unsigned char)i;
    emo_text_escaped(&t, all, sizeof all);
    CHECK(!t.failed && strlen(t.bytes) == t.length);
    for (size_t i = 0; i < t.length; i++)
        CHECK((unsigned char)t.bytes[i] >= 0x20 && t.bytes[i] != 0x7f);
    size_t n = t.length;
    CHECK(emo_unescape(t.bytes, &n) && n == 256 && memcmp(t.bytes, all, 256) == 0);
    emo_text_free(&t);
    emo_text_escaped(&t, "a\\b\tc\nd\re\x01\x7f\xc3\xa9", 13);
    CHECK(strcmp(t.bytes, "a\\\\b\\tc\\nd\\re\\x01\\x7F\xc3\xa9") == 0);
    emo_text_free(&t);
    static const char *const wrong[] = {"\\", "a\\", "\\q", "\\x", "\\x1", "\\x1g", "\\xg1", "\\N"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char copy[8];
        snprintf(copy, sizeof copy, "%s", wrong[i]);
        n = strlen(copy);
        CHECK(!emo_unescape(copy, &n));
    }
    CHECK(strcmp(emo_quote(quoted, sizeof quoted, "a\"\n", 3), "\"a\"\\n\"") == 0);
    CHECK(strlen(emo_quote(small, sizeof small, "aaaaaaaaaaaaaaaaaaaa", 20)) < sizeof small);
    CHECK(strcmp(small, "\"aaaaaa...\"") == 0);
    CHECK(strcmp(emo_quote(small, sizeof small, "\n\n\n\n\n\n\n\n", 8), "\"\\n\\n\\n...\"") == 0);
    puts("escapes");
}

static void json(void)
{
    struct emo_text t = {0};
    emo_text_json(&t, "a\"\\\n\x7f\xc3\xa9\xff\xed\xa0\x80", 11);
    CHECK(strcmp(t.bytes, "\"a\\\"\\\\\\u000a\\u007f\xc3\xa9"
                          "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") == 0);
    t.length = 0;
    emo_text_json_number(&t, 0.1);
    emo_text_json_number(&t, 1e308 * 10);
    CHECK(strcmp(t.bytes, "0.1null") == 0);
    emo_text_free(&t);
    CHECK(emo_is_utf8("\xf4\x8f\xbf\xbf", 4) && emo_is_utf8("", 0));
    CHECK(!emo_is_utf8("\xf4\x90\x80\x80", 4) && !emo_is_utf8("\xc0\x80", 2));
    CHECK(!emo_is_utf8("\xe0\x80\x80", 3) && !emo_is_utf8("\xc3", 1) && !emo_is_utf8("\x80", 1));
    puts("JSON and UTF-8");
}

static void integers(void)
{
    static const char *const none[] = {"", " 1", "1 ", "+1", "0x10", "1e3", "1.0", "-", "--1",
                                       "9223372036854775808", "-9223372036854775809", "nan"};
    int64_t i;
    uint64_t u;
    for (size_t k = 0; k < sizeof none / sizeof *none; k++)
        CHECK(!emo_parse_int(none[k], &i));
    CHECK(emo_parse_int("-9223372036854775808", &i) && i == INT64_MIN);
    CHECK(emo_parse_int("9223372036854775807", &i) && i == INT64_MAX);
    CHECK(emo_parse_uint("18446744073709551615", &u) && u == UINT64_MAX);
    CHECK(!emo_parse_uint("18446744073709551616", &u) && !emo_parse_uint("-1", &u));
    CHECK(!emo_parse_uint("99999999999999999999999", &u) && !emo_parse_uint("", &u));
    CHECK(emo_parse_size("512M", &u) && u == 512u << 20);
    CHECK(emo_parse_size("2G", &u) && u == UINT64_C(2) << 30);
    CHECK(emo_parse_size("0", &u) && u == 0);
    CHECK(emo_parse_size("16777215T", &u) && u == UINT64_C(16777215) << 40);
    CHECK(!emo_parse_size("16777216T", &u) && !emo_parse_size("1m", &u));
    CHECK(!emo_parse_size("1GB", &u) && !emo_parse_size("-1", &u) && !emo_parse_size("1.5G", &u));
    puts("whole numbers and sizes");
}

static void other_numbers(void)
{
    static const char *const none[] = {"", "nan", "inf", "-inf", "NAN", " 1", "1 ", "1e", "0x1p3",
                                       "1e999", ".", "-", "+", "1,5", "-nan", "infinity"};
    double r;
    uint32_t h, w;
    uint64_t p, q;
    for (size_t k = 0; k < sizeof none / sizeof *none; k++)
        CHECK(!emo_parse_real(none[k], &r));
    CHECK(emo_parse_real("-1.5e-3", &r) && r == -0.0015);
    CHECK(emo_parse_real(".5", &r) && r == 0.5 && emo_parse_real("5.", &r) && r == 5);
    CHECK(emo_parse_shape("400x500", &h, &w) && h == 400 && w == 500);
    CHECK(emo_parse_shape("1x65535", &h, &w) && w == 65535);
    CHECK(!emo_parse_shape("0x5", &h, &w) && !emo_parse_shape("65536x1", &h, &w));
    CHECK(!emo_parse_shape("4x4x3", &h, &w) && !emo_parse_shape("4X4", &h, &w));
    CHECK(!emo_parse_shape("4", &h, &w) && !emo_parse_shape("4x", &h, &w));
    CHECK(emo_parse_part("3/3", &h, &w) && h == 3 && w == 3);
    CHECK(!emo_parse_part("0/3", &h, &w) && !emo_parse_part("4/3", &h, &w));
    CHECK(!emo_parse_part("1/4294967296", &h, &w) && !emo_parse_part("1", &h, &w));
    CHECK(emo_parse_ratio("0.2", &p, &q) && p == 1 && q == 5);
    CHECK(emo_parse_ratio(".25", &p, &q) && p == 1 && q == 4);
    CHECK(emo_parse_ratio("1/3", &p, &q) && p == 1 && q == 3);
    CHECK(emo_parse_ratio("0", &p, &q) && p == 0 && q == 1);
    CHECK(emo_parse_ratio("1", &p, &q) && p == 1 && q == 1);
    CHECK(emo_parse_ratio("1.000", &p, &q) && p == 1 && q == 1);
    CHECK(emo_parse_ratio("0.123456789", &p, &q) && p == 123456789 && q == 1000000000);
    static const char *const no_ratio[] = {"2", "1.1", "-0.1", "", ".", "1/", "1/0", "/2", "3/2",
                                           "0.1234567890", "0.2 ", "nan", "1e-1", "1/2/3", "0.5/2"};
    for (size_t k = 0; k < sizeof no_ratio / sizeof *no_ratio; k++)
        CHECK(!emo_parse_ratio(no_ratio[k], &p, &q));
    puts("real numbers, shapes, parts, ratios");
}

static void hashes(void)
{
    /* The check value of CRC-32/ISO-HDLC, and XXH3's of nothing. */
    CHECK(emo_crc32(0, "123456789", 9) == 0xcbf43926);
    CHECK(emo_crc32(emo_crc32(0, "1234", 4), "56789", 5) == 0xcbf43926);
    CHECK(emo_crc32(0, NULL, 0) == 0 && emo_crc32(7, NULL, 0) == 7);
    CHECK(emo_xxh3("", 0) == UINT64_C(0x2d06800538d394c2));
    puts("hashes");
}

/* philox4x32 10 of kat_vectors, which comes with Random123. */
static void random_numbers(void)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const uint32_t *c = known[i].counter, *k = known[i].key;
        uint32_t out[4];
        uint64_t seed = (uint64_t)k[1] << 32 | k[0], id = (uint64_t)c[1] << 32 | c[0];
        uint16_t epoch = (uint16_t)(c[2] >> 16), purpose = (uint16_t)c[2];
        emo_philox(seed, id, epoch, purpose, c[3], out);
        CHECK(memcmp(out, known[i].out, sizeof out) == 0);
        emo_philox(seed, id, epoch, purpose, 0, out);
        CHECK(emo_draw64(seed, id, epoch, purpose) == ((uint64_t)out[1] << 32 | out[0]));
    }
    CHECK(emo_uniform(0) == 0.0f && emo_uniform(UINT32_MAX) < 1.0f);
    CHECK(emo_uniform(0x80000000u) == 0.5f && emo_uniform(255) == 0.0f);
    puts("Philox");
}

struct sum {
    atomic_uint calls[1000];
    atomic_uint worker_too_high;
    unsigned workers;
};

static void piece(void *context, size_t i, unsigned worker)
{
    struct sum *s = context;
    atomic_fetch_add(&s->calls[i], 1);
    if (worker >= s->workers)
        atomic_fetch_add(&s->worker_too_high, 1);
}

static void threads(void)
{
    for (unsigned n = 1; n <= 5; n += 2) {
        static struct sum s;
        struct emo_threads *t;
        memset(&s, 0, sizeof s);
        s.workers = n;
        CHECK(emo_threads_open(&t, n, &err) == EMO_OK && emo_threads_count(t) == n);
        emo_threads_run(t, 0, piece, &s);
        for (unsigned round = 1; round <= 50; round++) {
            emo_threads_run(t, 1000, piece, &s);
            for (size_t i = 0; i < 1000; i++)
                CHECK(s.calls[i] == round);
        }
        emo_threads_run(t, 1, piece, &s);
        CHECK(s.calls[0] == 51 && s.calls[1] == 50 && s.worker_too_high == 0);
        emo_threads_close(t);
    }
    emo_threads_close(NULL);
    puts("threads");
}

static void errors(void)
{
    char longer[3 * EMO_ERROR_TEXT];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    CHECK(emo_error(&err, EMO_INPUT, "%s", longer) == EMO_INPUT && err.status == EMO_INPUT);
    CHECK(strlen(err.text) == EMO_ERROR_TEXT - 1);
    CHECK(emo_error_prefix(&err, "a%d", 1) == EMO_INPUT && strlen(err.text) < EMO_ERROR_TEXT);
    CHECK(strncmp(err.text, "a1: xxx", 7) == 0);
    emo_error(&err, EMO_USAGE, "wrong");
    CHECK(emo_error_prefix(&err, "f") == EMO_USAGE && strcmp(err.text, "f: wrong") == 0);
    CHECK(emo_error_memory(&err, 17, "y") == EMO_FAILED);
    SAID("17 bytes for y");
    puts("errors");
}

/* Of any size aligned, and all of it there. */
static void pages(void)
{
    const size_t sizes[] = {0, 1, 63, 64, 4095, (4 << 20) - 1, 4 << 20, (7 << 20) + 5};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *p = emo_pages(sizes[i]);
        CHECK(p != NULL && (uintptr_t)p % 64 == 0);
        memset(p, 0x5a, sizes[i]);
        CHECK(sizes[i] == 0 || (p[0] == 0x5a && p[sizes[i] - 1] == 0x5a));
        free(p);
    }
    CHECK(emo_pages(SIZE_MAX) == NULL);
}

int main(void)
{
    escapes();
    json();
    integers();
    other_numbers();
    hashes();
    random_numbers();
    threads();
    pages();
    errors();
    return 0;
}
