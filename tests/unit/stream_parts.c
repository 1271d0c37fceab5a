/* Metadata, HEAD, writer and pool. */
#include "check.h"

#include "base/file.h"
#include "base/threads.h"
#include "stream/pool.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH "parts.emo"

/* The keys, each followed by a comma. */
static const char *keys(const struct emo_metadata *m)
{
    static struct emo_text t;
    struct emo_metadata_entry e;
    t.length = 0;
    emo_text_printf(&t, "%s", "");
    for (size_t at = 0; emo_metadata_next(m, &at, &e);) {
        emo_text_add(&t, e.key, e.key_length);
        emo_text_add(&t, ",", 1);
    }
    return t.bytes;
}

static void metadata(void)
{
    struct emo_metadata m = {0};
    static const char big[EMO_CAP_METADATA + 1];
    char long_key[257];
    size_t n;
    int64_t i;
    double d;
    CHECK(strcmp(keys(&m), "") == 0 && emo_metadata_text(&m, "a", &n) == NULL);
    emo_metadata_set_text(&m, "name", "x/y", 3);
    emo_metadata_set_i64(&m, "b", INT64_MIN);
    emo_metadata_set_f64(&m, "zz", -0.5);
    emo_metadata_set(&m, EMO_META_BYTES | EMO_META_PAYLOAD_ONLY, "c", NULL, 0);
    emo_metadata_set(&m, EMO_META_TEXT | EMO_META_PAYLOAD_ONLY, "\xff", "p", 1);
    emo_metadata_set_i64(&m, "a", 1);
    emo_metadata_set_i64(&m, "aa", 2);
    CHECK(strcmp(keys(&m), "a,aa,b,c,name,zz,\xff,") == 0 && !m.failed);
    CHECK(emo_metadata_check(m.bytes, m.length) == NULL);
    CHECK(emo_metadata_i64(&m, "b", &i) && i == INT64_MIN);
    CHECK(emo_metadata_f64(&m, "zz", &d) && d == -0.5);
    CHECK(!emo_metadata_i64(&m, "zz", &i) && !emo_metadata_f64(&m, "b", &d));
    CHECK(!emo_metadata_i64(&m, "ab", &i) && emo_metadata_text(&m, "b", &n) == NULL);
    /* A payload-only entry is read as another is. */
    CHECK(memcmp(emo_metadata_text(&m, "\xff", &n), "p", 1) == 0 && n == 1);
    emo_metadata_set_text(&m, "b", "longer than it was", 18);
    emo_metadata_set_text(&m, "name", "", 0);
    CHECK(emo_metadata_text(&m, "b", &n) != NULL && n == 18);
    CHECK(emo_metadata_text(&m, "name", &n) != NULL && n == 0);
    CHECK(emo_metadata_check(m.bytes, m.length) == NULL);
    emo_metadata_payload_changed(&m);
    CHECK(strcmp(keys(&m), "a,aa,b,name,zz,") == 0);
    emo_metadata_remove(&m, "a");
    emo_metadata_remove(&m, "zz");
    emo_metadata_remove(&m, "nosuch");
    CHECK(strcmp(keys(&m), "aa,b,name,") == 0 && !m.failed);
    emo_metadata_set_text(&m, "", "x", 1);
    CHECK(m.failed);
    m.failed = false;
    memset(long_key, 'k', sizeof long_key);
    long_key[256] = '\0';
    emo_metadata_set_text(&m, long_key, "x", 1);
    CHECK(m.failed);
    m.failed = false;
    long_key[255] = '\0';
    emo_metadata_set_text(&m, long_key, "x", 1);
    CHECK(!m.failed && emo_metadata_check(m.bytes, m.length) == NULL);
    size_t before = m.length;
    emo_metadata_set(&m, EMO_META_BYTES, "w", big, EMO_CAP_METADATA - before - 9 + 1);
    CHECK(m.failed && m.length == before);
    m.failed = false;
    emo_metadata_set(&m, EMO_META_BYTES, "w", big, EMO_CAP_METADATA - before - 9);
    CHECK(!m.failed && m.length == EMO_CAP_METADATA);
    emo_metadata_set(&m, EMO_META_BYTES, "w", big, sizeof big);
    CHECK(m.failed);
    emo_metadata_free(&m);
    puts("metadata");
}

static const char *key(const struct emo_head *h, const char *name)
{
    static struct emo_text t;
    return emo_head_key(h, name, &t) ? t.bytes : NULL;
}

static void head(void)
{
    static const char *const names[] = {"", "a", "a\tb\n", "\xc3\xa9"}, *const bad[] = {"b", "a"};
    struct emo_head h, copy;
    struct emo_text text = {0}, again = {0}, net = {0};
    int64_t i;
    uint64_t seed = UINT64_MAX;
    emo_head_begin(&h, EMO_MODEL);
    CHECK(h.shards == 1 && h.records_expected == EMO_UNKNOWN && key(&h, "x") == NULL);
    CHECK(emo_head_set_classes(&h, bad, 2, &err) == EMO_INPUT);
    CHECK(emo_head_set_classes(&h, names, 4, &err) == EMO_OK);
    CHECK(emo_head_class_index(&h, "a\tb\n") == 2 && emo_head_class_index(&h, "b") == -1);
    CHECK(emo_head_set_key(&h, "x", "1\t\\\n", &err) == EMO_OK);
    CHECK(emo_head_set_key(&h, "x y", "17", &err) == EMO_OK);
    CHECK(emo_head_add_pg(&h, "p", "1", "--a\tb", &seed, &err) == EMO_OK);
    CHECK(emo_head_set_net(&h, "conv 1 1\n\nflatten\toutput", &err) == EMO_OK);
    CHECK(emo_head_set_key(&h, "e", "", &err) == EMO_OK);
    CHECK(strcmp(key(&h, "x"), "1\t\\\n") == 0 && strcmp(key(&h, "e"), "") == 0);
    CHECK(emo_head_key_int(&h, "x y", &i) && i == 17 && !emo_head_key_int(&h, "x", &i));
    CHECK(key(&h, "x ") == NULL && key(&h, "") == NULL);
    CHECK(emo_head_set_key(&h, "x", "2", &err) == EMO_OK && strcmp(key(&h, "x"), "2") == 0);
    CHECK(emo_head_net(&h, &net) && strcmp(net.bytes, "conv 1 1\n\nflatten\toutput\n") == 0);
    CHECK(emo_head_format(&h, &text, &err) == EMO_OK);
    CHECK(strcmp(text.bytes,
                 "@CLASS\t0\t\n@CLASS\t1\ta\n@CLASS\t2\ta\\tb\\n\n@CLASS\t3\t\xc3\xa9\n"
                 "@KEY\tx\t2\n@KEY\tx y\t17\n@PG\tp\t1\t--a\\tb\t18446744073709551615\n"
                 "@NET\tconv 1 1\n@NET\t\n@NET\tflatten\\toutput\n@KEY\te\t\n") == 0);
    h.shard = 1;
    h.shards = 2;
    h.may = 7;
    CHECK(emo_head_copy(&copy, &h, &err) == EMO_OK);
    CHECK(emo_head_same_classes(&h, &copy) && copy.shards == 1 && copy.shard == 0);
    CHECK(copy.may == 7 && copy.kind == EMO_MODEL);
    emo_head_free(&h);
    emo_head_begin(&h, EMO_MODEL);
    CHECK(emo_head_parse(&h, text.bytes, text.length, &err) == EMO_OK);
    CHECK(emo_head_format(&h, &again, &err) == EMO_OK && strcmp(again.bytes, text.bytes) == 0);
    CHECK(emo_head_set_net(&h, "output\n", &err) == EMO_OK);
    net.length = 0;
    CHECK(emo_head_net(&h, &net) && strcmp(net.bytes, "output\n") == 0);
    emo_head_remove_key(&h, "x");
    emo_head_remove_key(&h, "nosuch");
    CHECK(key(&h, "x") == NULL && key(&h, "x y") != NULL);
    CHECK(emo_head_set_classes(&h, names, 3, &err) == EMO_OK && !emo_head_same_classes(&h, &copy));
    CHECK(emo_head_set_classes(&h, NULL, 0, &err) == EMO_OK && h.class_count == 0);
    emo_head_free(&h);
    emo_head_free(&copy);
    emo_text_free(&text);
    emo_text_free(&again);
    emo_text_free(&net);
    puts("HEAD");
}

static void head_caps(void)
{
    static char big[EMO_CAP_TEXT + 1], names[EMO_CAP_CLASSES + 1][8];
    static const char *list[EMO_CAP_CLASSES + 1];
    struct emo_text text = {0};
    struct emo_head h;
    for (size_t i = 0; i <= EMO_CAP_CLASSES; i++) {
        snprintf(names[i], sizeof names[i], "%05zu", i);
        list[i] = names[i];
    }
    emo_head_begin(&h, EMO_IMAGES);
    CHECK(emo_head_set_classes(&h, list, EMO_CAP_CLASSES + 1, &err) == EMO_INPUT);
    CHECK(emo_head_set_classes(&h, list, EMO_CAP_CLASSES, &err) == EMO_OK);
    CHECK(emo_head_format(&h, &text, &err) == EMO_OK);
    struct emo_head again;
    emo_head_begin(&again, EMO_IMAGES);
    CHECK(emo_head_parse(&again, text.bytes, text.length, &err) == EMO_OK);
    CHECK(again.class_count == EMO_CAP_CLASSES && emo_head_same_classes(&h, &again));
    emo_head_free(&again);
    emo_text_printf(&text, "@CLASS\t%u\tz\n", EMO_CAP_CLASSES);
    emo_head_begin(&again, EMO_IMAGES);
    CHECK(emo_head_parse(&again, text.bytes, text.length, &err) == EMO_INPUT);
    SAID("32767");
    emo_head_free(&again);
    memset(big, 'x', sizeof big - 1);
    CHECK(emo_head_set_key(&h, "big", big, &err) == EMO_OK);
    text.length = 0;
    CHECK(emo_head_format(&h, &text, &err) == EMO_INPUT);
    h.kind = EMO_MODEL;
    text.length = 0;
    CHECK(emo_head_format(&h, &text, &err) == EMO_OK);
    emo_head_free(&h);
    emo_text_free(&text);
    puts("caps of HEAD");
}

static uint8_t pixels[300000];

static void fill(struct emo_record *r, uint64_t id, uint32_t n)
{
    char name[32];
    emo_record_shape(r, EMO_U8, EMO_ORDER_NONE, 1, &n);
    for (uint32_t i = 0; i < n; i++)
        pixels[i] = (uint8_t)(i * 31 + id);
    r->payload = pixels;
    r->id = id;
    r->label = -1;
    snprintf(name, sizeof name, "%u", (unsigned)id);
    emo_metadata_set_text(&r->metadata, "name", name, strlen(name));
}

static struct emo_writer *begin(const char *path)
{
    struct emo_head h;
    struct emo_writer *w;
    emo_head_begin(&h, EMO_IMAGES);
    CHECK(emo_writer_create(&w, path, &h, &err) == EMO_OK);
    emo_head_free(&h);
    return w;
}

static void writer(void)
{
    static const char *const path = PATH;
    static const uint32_t sizes[] = {1, 63, 64, 65, 262143, 262144, 262145, 300000};
    struct emo_writer *w = begin(PATH);
    struct emo_record r = {0};
    struct emo_reader *reader;
    bool got;
    for (size_t i = 0; i < 8; i++) {
        fill(&r, i, sizes[i]);
        CHECK(emo_writer_record(w, &r, &err) == EMO_OK);
    }
    CHECK(emo_writer_count(w) == 8 && access(PATH, F_OK) != 0);
    CHECK(emo_writer_close(w, NULL, "test", EMO_OK, &err) == EMO_OK);
    CHECK(emo_reader_open(&reader, &path, 1, 2, &err) == EMO_OK);
    for (size_t i = 0; i < 8; i++) {
        CHECK(emo_reader_next(reader, &r, &got, &err) == EMO_OK && got);
        CHECK(r.payload_length == sizes[i]);
        struct emo_record same = {0};
        fill(&same, i, sizes[i]);
        CHECK(memcmp(r.payload, pixels, sizes[i]) == 0);
        emo_record_free(&same);
    }
    CHECK(emo_reader_next(reader, &r, &got, &err) == EMO_OK && !got);
    emo_reader_close(reader);

    /* An aborted run leaves what was there, and nothing beside it. */
    struct stat before, after;
    CHECK(stat(PATH, &before) == 0);
    w = begin(PATH);
    fill(&r, 0, 5);
    CHECK(emo_writer_record(w, &r, &err) == EMO_OK);
    emo_writer_abort(w, "enough");
    CHECK(stat(PATH, &after) == 0 && before.st_ino == after.st_ino);
    w = begin(PATH);
    emo_error(&err, EMO_INPUT, "upstream");
    CHECK(emo_writer_close(w, NULL, "test", EMO_INPUT, &err) == EMO_INPUT);
    CHECK(stat(PATH, &after) == 0 && before.st_ino == after.st_ino);
    CHECK(system("test -z \"$(ls -A | grep '^\\.parts')\"") == 0);
    emo_writer_abort(NULL, "nothing");

    /* Records that make no sense are refused. */
    w = begin(PATH);
    r.label = 0;
    CHECK(emo_writer_record(w, &r, &err) == EMO_FAILED);
    r.label = -1;
    r.payload_length++;
    CHECK(emo_writer_record(w, &r, &err) == EMO_FAILED);
    fill(&r, 0, 5);
    r.metadata.failed = true;
    CHECK(emo_writer_record(w, &r, &err) == EMO_FAILED);
    r.metadata.failed = false;
    emo_writer_abort(w, "");
    emo_record_free(&r);
    unlink(PATH);
    puts("writer");
}

static void full_disk(void)
{
    struct emo_record r = {0};
    struct emo_writer *w = begin("/dev/full");
    fill(&r, 0, 5);
    CHECK(emo_writer_record(w, &r, &err) == EMO_OK); /* still buffered */
    CHECK(emo_writer_flush(w, &err) == EMO_FAILED);
    SAID("/dev/full: No space left");
    CHECK(emo_writer_finish(w, &err) == EMO_FAILED);
    w = begin("/dev/full");
    CHECK(emo_writer_finish(w, &err) == EMO_FAILED);
    w = begin("/dev/full");
    fill(&r, 0, 300000);
    CHECK(emo_writer_record(w, &r, &err) == EMO_FAILED);
    emo_writer_abort(w, "full");
    emo_record_free(&r);
    puts("a full disk");
}

/* What upstream gave as the reason is passed on as it came, however long. */
static void reasons(void)
{
    static const char *const path = "/dev/fd/9";
    static char longest[EMO_CAP_REASON + 10];
    memset(longest, 'r', sizeof longest - 1);
    memcpy(longest, "\xc3\xa9\t\"\n", 5);
    struct emo_reader *reader;
    struct emo_record r = {0};
    bool got;
    int ends[2];
    for (int hop = 0; hop < 2; hop++) {
        CHECK(pipe(ends) == 0 && dup2(ends[1], 9) == 9 && close(ends[1]) == 0);
        struct emo_writer *w = begin(path);
        fill(&r, 0, 5);
        CHECK(emo_writer_record(w, &r, &err) == EMO_OK);
        emo_writer_abort(w, longest);
        CHECK(close(9) == 0 && dup2(ends[0], 9) == 9 && close(ends[0]) == 0);
        CHECK(emo_reader_open(&reader, &path, 1, 2, &err) == EMO_OK);
        CHECK(emo_reader_next(reader, &r, &got, &err) == EMO_OK && got);
        CHECK(emo_reader_next(reader, &r, &got, &err) == EMO_INPUT && !got);
        SAID("aborted upstream after 1 records");
        const char *reason = emo_reader_reason(reader);
        CHECK(strlen(reason) == EMO_CAP_REASON && memcmp(reason, longest, EMO_CAP_REASON) == 0);
        int next[2];
        CHECK(pipe(next) == 0 && close(9) == 0 && dup2(next[1], 9) == 9 && close(next[1]) == 0);
        w = begin(path);
        CHECK(emo_writer_close(w, reader, "test", EMO_INPUT, &err) == EMO_INPUT);
        CHECK(close(9) == 0 && dup2(next[0], 9) == 9 && close(next[0]) == 0);
        struct emo_reader *far;
        CHECK(emo_reader_open(&far, &path, 1, 2, &err) == EMO_OK);
        CHECK(emo_reader_next(far, &r, &got, &err) == EMO_INPUT);
        CHECK(strcmp(emo_reader_reason(far), reason) == 0);
        emo_reader_close(far);
        emo_reader_close(reader);
        CHECK(close(9) == 0);
    }
    emo_record_free(&r);
    puts("reasons for aborting are passed on unchanged");
}

struct readers {
    const struct emo_pool *pool;
    struct emo_pool_view view[3];
    int wrong;
};

static void read_one(void *context, size_t i, unsigned worker)
{
    struct readers *r = context;
    struct emo_error e;
    const struct emo_record *rec = &r->view[worker].record;
    if (emo_pool_get(r->pool, i, &r->view[worker], &e) != EMO_OK || rec->id != i ||
        rec->payload_length != 100 + i || ((const uint8_t *)rec->payload)[99] != (uint8_t)(99 * 31 + i))
        r->wrong = 1;
}

static void pool(void)
{
    static const uint64_t memories[] = {0, 10000, UINT64_MAX};
    struct emo_record r = {0};
    struct emo_threads *threads;
    CHECK(emo_threads_open(&threads, 3, &err) == EMO_OK);
    for (size_t k = 0; k < 3; k++) {
        struct readers readers = {0};
        struct emo_pool *p;
        CHECK(emo_pool_open(&p, memories[k], &err) == EMO_OK && !emo_pool_spilled(p));
        for (uint32_t i = 0; i < 500; i++) {
            fill(&r, i, 100 + i);
            r.epoch = (uint16_t)(i + 1);
            CHECK(emo_pool_add(p, &r, &err) == EMO_OK);
        }
        CHECK(emo_pool_spilled(p) == (k < 2) && emo_pool_count(p) == 500);
        CHECK(emo_pool_entry(p, 499).id == 499 && emo_pool_entry(p, 499).epoch == 500);
        readers.pool = p;
        emo_threads_run(threads, 500, read_one, &readers);
        CHECK(!readers.wrong);
        for (int i = 0; i < 3; i++)
            emo_pool_view_free(&readers.view[i]);
        emo_pool_close(p);
    }
    emo_threads_close(threads);
    emo_record_free(&r);
    emo_pool_close(NULL);
    puts("pool");
}

/* The pool's file, found among the descriptors, comes back changed or short. */
static void bad_spill(void)
{
    struct emo_pool *p;
    struct emo_pool_view v = {0};
    struct emo_record r = {0};
    int fd = dup(0);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK(emo_pool_open(&p, 0, &err) == EMO_OK);
    for (uint32_t i = 0; i < 3; i++) {
        fill(&r, i, 100);
        CHECK(emo_pool_add(p, &r, &err) == EMO_OK);
    }
    CHECK(emo_pool_get(p, 1, &v, &err) == EMO_OK);
    uint8_t byte;
    CHECK(pread(fd, &byte, 1, 164 + 70) == 1);
    byte ^= 1;
    CHECK(pwrite(fd, &byte, 1, 164 + 70) == 1);
    CHECK(emo_pool_get(p, 1, &v, &err) == EMO_FAILED);
    SAID("other bytes");
    CHECK(emo_pool_get(p, 2, &v, &err) == EMO_OK && emo_pool_get(p, 0, &v, &err) == EMO_OK);
    CHECK(ftruncate(fd, 400) == 0 && emo_pool_get(p, 2, &v, &err) == EMO_FAILED);
    SAID("cut short");
    emo_pool_view_free(&v);
    emo_pool_close(p);

    struct rlimit old, small;
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    small = old;
    small.rlim_cur = 1000;
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0 && emo_pool_open(&p, 0, &err) == EMO_OK);
    fill(&r, 0, 900);
    CHECK(emo_pool_add(p, &r, &err) == EMO_OK && emo_pool_add(p, &r, &err) == EMO_FAILED);
    SAID("temporary file of the pool");
    CHECK(emo_pool_count(p) == 1 && setrlimit(RLIMIT_FSIZE, &old) == 0);
    emo_pool_close(p);
    CHECK(setenv("TMPDIR", "/nosuch", 1) == 0 && emo_pool_open(&p, 0, &err) == EMO_OK);
    CHECK(emo_pool_add(p, &r, &err) == EMO_FAILED && emo_pool_count(p) == 0);
    emo_pool_close(p);
    emo_record_free(&r);
    puts("a pool whose disk fails");
}

int main(void)
{
    metadata();
    head();
    head_caps();
    writer();
    full_disk();
    reasons();
    pool();
    bad_spill();
    return 0;
}
