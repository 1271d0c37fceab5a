/*
 * The reader against emo-stream(5), rule by rule: streams that are right but for one thing, all
 * of whose checksums are right, so that the rule itself is met.
 */
#include "check.h"

#include "base/file.h"
#include "base/hash.h"
#include "stream/reader.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH "reader.emo"
#define CLASSES "@CLASS\t0\ta\n@CLASS\t1\tb\n"

/* The stream that is built. */
static uint8_t bytes[1 << 18];
static size_t length, segment;
static uint32_t head_crc, running_crc;
static uint64_t count;

/* What the frame built next lies about; its header's checksum is right all the same. */
static void (*lie)(void *frame);
static size_t lie_after; /* frames built before it */
static size_t built;

static uint8_t *put(const void *data, size_t n)
{
    uint8_t *at = bytes + length;
    CHECK(length + n + 64 < sizeof bytes);
    memset(at, 0, (size_t)emo_pad64(n));
    if (n > 0)
        memcpy(at, data, n);
    length += (size_t)emo_pad64(n);
    return at;
}

/* Lets the frame's header lie, if it is its turn, and makes its checksum. */
static uint32_t seal(void *frame)
{
    struct emo_head_frame *f = frame; /* header_crc is at the same place in all three */
    if (lie != NULL && built++ == lie_after)
        lie(frame);
    f->header_crc = emo_header_crc(frame);
    return f->header_crc;
}

static void reset(void (*what)(void *), size_t after)
{
    length = built = 0;
    lie = what;
    lie_after = after;
}

static void head_text(const char *text, size_t n)
{
    struct emo_head_frame f = {.frame_length = 64 + emo_pad64(n), .text_length = (uint32_t)n,
                               .text_crc = emo_crc32(0, text, n), .major = 1,
                               .records_expected = EMO_UNKNOWN, .shards = 1, .kind = EMO_IMAGES};
    memcpy(f.magic, EMO_MAGIC, 8);
    segment = length;
    head_crc = seal(&f);
    running_crc = 0;
    count = 0;
    put(&f, sizeof f);
    put(text, n);
}

static void head(void)
{
    head_text(CLASSES, strlen(CLASSES));
}

/* id, two pixels, and metadata. */
static void record(uint64_t id, const void *metadata, size_t n)
{
    static const uint8_t pixels[2] = {1, 2};
    struct emo_record_frame f = {.tag = {'E', 'M', 'O', 'R'}, .frame_length = 128 + emo_pad64(n),
                                 .metadata_length = (uint32_t)n,
                                 .metadata_crc = emo_crc32(0, metadata, n),
                                 .data_crc = emo_crc32(0, pixels, 2), .id = id, .label = 1,
                                 .split = EMO_VALID, .dtype = EMO_U8, .rank = 1, .dim = {2}};
    uint32_t crc = seal(&f);
    running_crc = emo_crc32(running_crc, &crc, 4);
    count++;
    put(&f, sizeof f);
    put(metadata, n);
    put(pixels, 2);
}

static void end(const char *reason)
{
    size_t n = reason == NULL ? 0 : strlen(reason);
    struct emo_end_frame f = {.tag = {'E', 'M', 'O', 'E'}, .frame_length = 64 + emo_pad64(n),
                              .text_length = (uint32_t)n, .text_crc = emo_crc32(0, reason, n),
                              .head_crc = head_crc, .record_count = count,
                              .running_crc = running_crc, .status = reason != NULL};
    f.segment_length = length - segment + f.frame_length;
    (void)seal(&f);
    put(&f, sizeof f);
    put(reason, n);
}

static void store(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && emo_write(fd, bytes, length) == 0 && close(fd) == 0);
}

static uint64_t ids[32];
static size_t id_count;
static char reason[EMO_CAP_REASON + 1];

static int read_paths(const char *const *paths, size_t n, unsigned kinds)
{
    struct emo_reader *r;
    struct emo_record rec = {0};
    bool got = true;
    id_count = 0;
    reason[0] = '\0';
    err.text[0] = '\0';
    int status = emo_reader_open(&r, paths, n, kinds, &err);
    while (status == EMO_OK && got) {
        status = emo_reader_next(r, &rec, &got, &err);
        if (got) {
            CHECK(id_count < 32 && (uintptr_t)rec.payload % 64 == 0);
            ids[id_count++] = rec.id;
        }
    }
    if (r != NULL && status != EMO_OK && emo_reader_reason(r) != NULL)
        snprintf(reason, sizeof reason, "%s", emo_reader_reason(r));
    /* Once over, it stays over. */
    struct emo_error again;
    if (r != NULL)
        CHECK(emo_reader_next(r, &rec, &got, &again) == status && !got);
    emo_record_free(&rec);
    emo_reader_close(r);
    return status;
}

static int read_stored(void)
{
    static const char *const path = PATH;
    store(PATH);
    return read_paths(&path, 1, 1u << EMO_IMAGES);
}

/* HEAD, two RECORDs, END, of which frame number after lies. */
static void refused(void (*what)(void *), size_t after, const char *says)
{
    reset(what, after);
    head();
    record(0, NULL, 0);
    record(1, NULL, 0);
    end(NULL);
    if (read_stored() != EMO_INPUT || strstr(err.text, says) == NULL) {
        fprintf(stderr, "frame %zu: wanted a message with \"%s\", got \"%s\"\n", after, says,
                err.text);
        exit(1);
    }
    CHECK(strncmp(err.text, PATH ": ", strlen(PATH) + 2) == 0);
}

#define LIE(type, name, statement)                                                                 \
    static void name(void *frame)                                                                  \
    {                                                                                              \
        struct emo_##type##_frame *f = frame;                                                      \
        statement;                                                                                 \
    }
LIE(head, h_major, f->major = 2)
LIE(head, h_major0, f->major = 0)
LIE(head, h_must, f->must = 0x8000)
LIE(head, h_kind0, f->kind = 0)
LIE(head, h_kind5, f->kind = 5)
LIE(head, h_model, f->kind = EMO_MODEL)
LIE(head, h_zero16, f->zero16 = 1)
LIE(head, h_zero64, f->zero64 = UINT64_C(1) << 63)
LIE(head, h_cap, f->text_length = (1u << 20) + 1; f->frame_length = 64 + (1u << 20) + 64)
LIE(head, h_length, f->frame_length += 64)
LIE(head, h_length_max, f->frame_length = UINT64_MAX)
LIE(head, h_shards0, f->shards = 0)
LIE(head, h_shard, f->shard = 1)
LIE(head, h_shards, f->shards = EMO_CAP_SHARDS + 1)
LIE(head, h_text_crc, f->text_crc ^= 1)
LIE(head, h_may, f->may = 0xffff; f->minor = 77)
LIE(record, r_must, f->must = 1)
LIE(record, r_tag, f->tag[3] = 'S')
LIE(record, r_metadata_cap, f->metadata_length = (64u << 10) + 1; f->frame_length += (64u << 10) + 64)
LIE(record, r_dtype0, f->dtype = 0)
LIE(record, r_dtype8, f->dtype = 8)
LIE(record, r_rank, f->rank = 5)
LIE(record, r_dim0, f->dim[0] = 0)
LIE(record, r_dim1, f->dim[1] = 1)
LIE(record, r_overflow, f->rank = 4; f->dtype = EMO_F64; memset(f->dim, 0xff, 16))
LIE(record, r_wraps, f->rank = 3; f->dtype = EMO_F64; f->dim[0] = 1u << 31; f->dim[1] = 1u << 30;
    f->dim[2] = 1)
LIE(record, r_cap, f->dim[0] = (1u << 30) + 1; f->frame_length = 64 + (1u << 30) + 64)
LIE(record, r_length, f->frame_length -= 64)
LIE(record, r_length_max, f->frame_length = UINT64_MAX - 63)
LIE(record, r_split, f->split = 4)
LIE(record, r_order, f->order = 4)
LIE(record, r_label_low, f->label = -2)
LIE(record, r_label_high, f->label = 2)
LIE(record, r_data_crc, f->data_crc ^= 0x80000000u)
LIE(record, r_metadata_crc, f->metadata_crc = 1)
LIE(record, r_may, f->may = 0xffff)
LIE(end, e_must, f->must = 2)
LIE(end, e_zero, f->zero64 = 1)
LIE(end, e_status, f->status = 2)
LIE(end, e_length, f->frame_length += 64)
LIE(end, e_head, f->head_crc ^= 1)
LIE(end, e_count_low, f->record_count = 1)
LIE(end, e_count_high, f->record_count = 3)
LIE(end, e_segment, f->segment_length -= 64)
LIE(end, e_running, f->running_crc ^= 1)
LIE(end, e_text_crc, f->text_crc = 5)
LIE(end, e_may, f->may = 0xffff)
LIE(end, e_text_cap, f->status = 1; f->text_length = 4097; f->frame_length = 64 + 4160)

static void rules(void)
{
    static const struct {
        void (*lie)(void *);
        size_t frame;
        const char *says;
    } wrong[] = {
        {h_major, 0, "newer version"},      {h_major0, 0, "version 0"},
        {h_must, 0, "newer version"},       {h_kind0, 0, "unknown kind"},
        {h_kind5, 0, "unknown kind"},       {h_model, 0, "model"},
        {h_zero16, 0, "reserved"},          {h_zero64, 0, "reserved"},
        {h_cap, 0, "cap"},                  {h_length, 0, "lengths"},
        {h_length_max, 0, "lengths"},       {h_shards0, 0, "shard"},
        {h_shard, 0, "shard"},              {h_shards, 0, "shard"},
        {h_text_crc, 0, "CRC"},             {r_must, 1, "newer version"},
        {r_tag, 1, "record 1"},             {r_metadata_cap, 1, "cap"},
        {r_dtype0, 1, "type"},              {r_dtype8, 1, "type"},
        {r_rank, 2, "record 2"},            {r_dim0, 2, "dimensions"},
        {r_dim1, 2, "dimensions"},          {r_overflow, 1, "dimensions"},
        {r_wraps, 1, "dimensions"},         {r_cap, 1, "cap"},
        {r_length, 1, "lengths"},           {r_length_max, 2, "lengths"},
        {r_split, 1, "field"},              {r_order, 1, "field"},
        {r_label_low, 1, "label"},          {r_label_high, 2, "label"},
        {r_data_crc, 2, "record 2"},        {r_metadata_crc, 1, "CRC"},
        {e_must, 3, "newer version"},       {e_zero, 3, "end mark"},
        {e_status, 3, "end mark"},          {e_length, 3, "lengths"},
        {e_head, 3, "another stream"},      {e_count_low, 3, "number of records"},
        {e_count_high, 3, "number of rec"}, {e_segment, 3, "length"},
        {e_running, 3, "running CRC"},      {e_text_crc, 3, "CRC"},
        {e_text_cap, 3, "end mark"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refused(wrong[i].lie, wrong[i].frame, wrong[i].says);
    static void (*const right[])(void *) = {h_may, r_may, r_may, e_may};
    for (size_t i = 0; i < 4; i++) {
        reset(right[i], i);
        head();
        record(0, NULL, 0);
        record(1, NULL, 0);
        end(NULL);
        CHECK(read_stored() == EMO_OK && id_count == 2);
    }
    printf("%zu rules of headers, and bits that may be set\n", sizeof wrong / sizeof *wrong);
}

static void padding(void)
{
    for (int i = 0; i < 4; i++) {
        size_t at[4];
        reset(NULL, 0);
        head();
        at[0] = length - 1;
        record(0, "\x01\x01\0\0\0\0\0\0k", 9);
        at[1] = length - 65;
        at[2] = length - 62;
        end("why");
        at[3] = length - 1;
        CHECK(read_stored() == EMO_INPUT && id_count == 1);
        SAID("why");
        bytes[at[i]] = 0x10;
        CHECK(read_stored() == EMO_INPUT && id_count == (i < 3 ? 0 : 1));
        SAID("padding");
    }
    puts("padding must be zero");
}

static void texts(void)
{
    static const char *const wrong[][2] = {
        {"@CLASS\t0\ta", "no end"},
        {"x\n", "begin with @"},
        {"\n", "begin with @"},
        {"@CLASS\n", "without a name"},
        {"@CLASS\t\n", "without a name"},
        {"@CLASS\t0\n", "without a name"},
        {"@CLASS\t1\ta\n", "numbered"},
        {"@CLASS\t0\ta\n@CLASS\t2\tb\n", "numbered"},
        {"@CLASS\t0\ta\n@CLASS\t0\tb\n", "numbered"},
        {"@CLASS\t-0\ta\n", "numbered"},
        {"@CLASS\t0\ta\tb\n", "numbered"},
        {"@CLASS\t0\tb\n@CLASS\t1\ta\n", "byte order"},
        {"@CLASS\t0\ta\n@CLASS\t1\ta\n", "byte order"},
        {"@CLASS\t0\t\xc3\n@CLASS\t1\tz\n", "byte order"},
        {"@CLASS\t0\ta\\q\n", "escaped"},
        {"@CLASS\t0\ta\\x00\n", "escaped"},
        {"@CLASS\t0\ta\\\n", "escaped"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        reset(NULL, 0);
        head_text(wrong[i][0], strlen(wrong[i][0]));
        end(NULL);
        CHECK(read_stored() == EMO_INPUT);
        SAID(wrong[i][1]);
        SAID(PATH);
    }
    reset(NULL, 0);
    head_text("@X\t\0\n", 5);
    end(NULL);
    CHECK(read_stored() == EMO_INPUT);
    reset(NULL, 0);
    static const char mixed[] = "@CLASSY\n@A\n@CLASS\t0\t\\x01\n@B\tc\n@CLASS\t1\tz\n";
    head_text(mixed, strlen(mixed));
    end(NULL);
    CHECK(read_stored() == EMO_OK);
    puts("rules of HEAD text");
}

static void metadata(void)
{
#define META(s) {s, sizeof s - 1}
    static const struct {
        const char *at;
        size_t n;
    } wrong[] = {
        META("\x01"), META("\x01\x01\0\0\0\0\0"), META("\x01\x01\0\0\0\0\0\0"),
        META("\x01\x00\0\0\0\0\0\0"), META("\x01\x01\x01\0\0\0\0\0k"),
        META("\x01\x01\0\x80\0\0\0\0k"), META("\x01\x01\0\0\x01\0\0\0k"),
        META("\x01\x01\0\0\xff\xff\xff\xffk"), META("\x01\xff\0\0\0\0\0\0k"),
        META("\x01\x01\0\0\0\0\0\0\0"), META("\x03\x01\0\0\x07\0\0\0k1234567"),
        META("\x84\x01\0\0\x09\0\0\0k123456789"), META("\x05\x01\0\0\x09\0\0\0k123456789"),
        META("\x01\x01\0\0\0\0\0\0b\x01\x01\0\0\0\0\0\0a"),
        META("\x01\x01\0\0\0\0\0\0a\x01\x01\0\0\0\0\0\0a"),
        META("\x01\x02\0\0\0\0\0\0aa\x01\x01\0\0\0\0\0\0a"),
        META("\x01\x01\0\0\0\0\0\0\xff\x01\x01\0\0\0\0\0\0a"),
        META("\x01\x01\0\0\0\0\0\0a\0"),
    }, right[] = {
        META("\x7f\x01\0\0\x01\0\0\0k1"), META("\x01\x01\0\0\0\0\0\0a\x01\x02\0\0\0\0\0\0aa"),
        META("\x80\x01\0\0\0\0\0\0a\x00\x01\0\0\0\0\0\0\xff"), META("\x05\x01\0\0\0\0\0\0k"),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong + sizeof right / sizeof *right; i++) {
        bool good = i >= sizeof wrong / sizeof *wrong;
        size_t k = good ? i - sizeof wrong / sizeof *wrong : i;
        reset(NULL, 0);
        head();
        record(0, good ? right[k].at : wrong[k].at, good ? right[k].n : wrong[k].n);
        end(NULL);
        if (read_stored() != (good ? EMO_OK : EMO_INPUT)) {
            fprintf(stderr, "metadata %zu is %s\n", k, good ? "refused" : "taken");
            exit(1);
        }
    }
    puts("rules of metadata");
}

static void several(void)
{
    static const char *const both[] = {PATH, "second.emo"};
    /* Bytes after END, and a further segment of another kind or with other classes. */
    reset(NULL, 0);
    head();
    end(NULL);
    put("x", 1);
    CHECK(read_stored() == EMO_INPUT);
    length -= 63;
    CHECK(read_stored() == EMO_INPUT);
    reset(NULL, 0);
    head();
    end(NULL);
    lie = h_model;
    lie_after = built = 0;
    head();
    lie = NULL;
    end(NULL);
    store(PATH);
    CHECK(read_paths(both, 1, ~0u) == EMO_INPUT);
    SAID("a model stream after");
    reset(NULL, 0);
    head();
    end(NULL);
    head_text("@CLASS\t0\ta\n", 11);
    end(NULL);
    CHECK(read_stored() == EMO_INPUT);
    SAID("classes");
    reset(NULL, 0);
    head();
    end("aborted");
    head();
    end(NULL);
    CHECK(read_stored() == EMO_INPUT && strcmp(reason, "aborted") == 0);

    /* Two files: ids are raised; the second's end counts, too. */
    reset(NULL, 0);
    head();
    record(5, NULL, 0);
    record(2, NULL, 0);
    end(NULL);
    store(PATH);
    store("second.emo");
    CHECK(read_paths(both, 2, 2) == EMO_OK && id_count == 4);
    CHECK(ids[0] == 5 && ids[1] == 2 && ids[2] == 11 && ids[3] == 8);
    length -= 64;
    store("second.emo");
    CHECK(read_paths(both, 2, 2) == EMO_INPUT && id_count == 4);
    SAID("second.emo: after 2 records");
    length = 0;
    store("second.emo");
    CHECK(read_paths(both, 2, 2) == EMO_INPUT && id_count == 2);
    SAID("second.emo: empty");
    CHECK(unlink("second.emo") == 0 && read_paths(both, 2, 2) == EMO_FAILED);
    SAID("second.emo");
    reset(NULL, 0);
    head();
    record(UINT64_MAX - 1, NULL, 0);
    end(NULL);
    CHECK(read_stored() == EMO_OK);
    head();
    record(1, NULL, 0);
    end(NULL);
    CHECK(read_stored() == EMO_INPUT);
    SAID("id");
    puts("several segments and files");
}

static uint32_t shard_at, shards_at;
LIE(head, h_is_shard, f->shard = shard_at; f->shards = shards_at)

/* A segment that is a shard, with one record. */
static void shard(uint32_t i, uint32_t n, uint64_t id)
{
    shard_at = i;
    shards_at = n;
    lie = h_is_shard;
    lie_after = built = 0;
    head();
    lie = NULL;
    record(id, NULL, 0);
    end(NULL);
}

static void shards(void)
{
    reset(NULL, 0);
    shard(2, 3, 2);
    shard(0, 3, 0);
    CHECK(read_stored() == EMO_INPUT && id_count == 2);
    SAID("only 2 of 3 shards");
    shard(1, 3, 1);
    CHECK(read_stored() == EMO_OK && ids[0] == 2 && ids[1] == 0 && ids[2] == 1);
    shard(0, 2, 0);
    CHECK(read_stored() == EMO_INPUT);
    shard(1, 2, 4);
    CHECK(read_stored() == EMO_OK && id_count == 5 && ids[3] == 3 && ids[4] == 7);
    shard(0, 1, 0);
    CHECK(read_stored() == EMO_OK && ids[5] == 8);
    reset(NULL, 0);
    shard(0, 2, 0);
    shard(0, 2, 0);
    CHECK(read_stored() == EMO_INPUT);
    SAID("second time");
    reset(NULL, 0);
    shard(0, 2, 0);
    shard(0, 1, 0);
    CHECK(read_stored() == EMO_INPUT);
    SAID("shard");
    puts("shards: all of them, each once");
}

/* The stream through standard input, step bytes at a time. */
static int through_pipe(size_t step)
{
    int ends[2], saved = dup(0);
    CHECK(saved >= 0 && pipe(ends) == 0);
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(ends[0]);
        for (size_t at = 0; at < length; at += step)
            if (emo_write(ends[1], bytes + at, step < length - at ? step : length - at) != 0)
                _exit(1);
        _exit(0);
    }
    CHECK(dup2(ends[0], 0) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
    int status = read_paths(NULL, 0, 2);
    CHECK(waitpid(child, NULL, 0) == child && dup2(saved, 0) == 0 && close(saved) == 0);
    return status;
}

static void pipes(void)
{
    reset(NULL, 0);
    head();
    for (unsigned i = 0; i < 20; i++)
        record(i, "\x01\x01\0\0\x03\0\0\0kabc", 12);
    end(NULL);
    static const size_t steps[] = {1, 7, 63, 64, 65, 1000};
    for (size_t i = 0; i < 6; i++)
        CHECK(through_pipe(steps[i]) == EMO_OK && id_count == 20);
    length -= 64; /* ends between two records */
    CHECK(through_pipe(1) == EMO_INPUT && id_count == 20);
    SAID("<stdin>: after 20 records");
    SAID("cut short");
    length = 0;
    CHECK(through_pipe(1) == EMO_INPUT);
    SAID("<stdin>: empty");
    puts("pipes, a byte at a time");
}

static void blocking(void)
{
    struct emo_reader *r;
    struct emo_record rec = {0};
    bool got;
    int ends[2], saved = dup(0);
    reset(NULL, 0);
    head();
    size_t first = length;
    record(0, NULL, 0);
    record(1, NULL, 0);
    size_t second = length;
    end(NULL);
    size_t last = length;
    CHECK(pipe(ends) == 0 && dup2(ends[0], 0) == 0 && close(ends[0]) == 0);
    CHECK(emo_write(ends[1], bytes, first + 128 + 30) == 0);
    CHECK(emo_reader_open(&r, NULL, 0, 2, &err) == EMO_OK);
    CHECK(!emo_reader_would_block(r));
    CHECK(emo_reader_next(r, &rec, &got, &err) == EMO_OK && got);
    CHECK(emo_reader_would_block(r)); /* with 30 bytes of the next record buffered */
    CHECK(emo_write(ends[1], bytes + first + 158, second - first - 158) == 0);
    CHECK(!emo_reader_would_block(r));
    CHECK(emo_reader_next(r, &rec, &got, &err) == EMO_OK && got && emo_reader_would_block(r));
    CHECK(emo_write(ends[1], bytes + second, last - second) == 0 && !emo_reader_would_block(r));
    CHECK(close(ends[1]) == 0 && !emo_reader_would_block(r)); /* the end of file is to be read */
    CHECK(emo_reader_next(r, &rec, &got, &err) == EMO_OK && !got && !emo_reader_would_block(r));
    emo_record_free(&rec);
    emo_reader_close(r);
    CHECK(dup2(saved, 0) == 0 && close(saved) == 0);
    puts("would the next read block");
}

LIE(record, r_gigabyte, f->dim[0] = 1u << 30; f->frame_length = 64 + (1u << 30))

/* What is claimed is not allocated before it arrives. */
static void claims(void)
{
    reset(r_gigabyte, 1);
    head();
    record(0, NULL, 0);
    end(NULL);
    store(PATH);
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
#if !defined(__SANITIZE_ADDRESS__)
        struct rlimit most = {128u << 20, 128u << 20};
        CHECK(setrlimit(RLIMIT_AS, &most) == 0);
#endif
        CHECK(read_stored() == EMO_INPUT);
        SAID("cut short");
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    puts("a gigabyte claimed is not a gigabyte allocated");
}

static void in_two_steps(void)
{
    static const char *const path = PATH;
    struct emo_reader *r;
    struct emo_record rec = {0};
    uint8_t mine[2];
    bool got;
    reset(r_data_crc, 2);
    head();
    record(0, NULL, 0);
    record(1, NULL, 0);
    end(NULL);
    store(PATH);
    CHECK(emo_reader_open(&r, &path, 1, 2, &err) == EMO_OK);
    CHECK(emo_reader_header(r, &rec, &got, &err) == EMO_OK && got && rec.payload_length == 2);
    CHECK(emo_reader_payload(r, &rec, mine, &err) == EMO_OK && rec.payload == mine);
    CHECK(mine[0] == 1 && mine[1] == 2 && emo_reader_count(r) == 1);
    CHECK(emo_reader_header(r, &rec, &got, &err) == EMO_OK && got);
    CHECK(emo_reader_payload(r, &rec, mine, &err) == EMO_INPUT);
    CHECK(emo_reader_header(r, &rec, &got, &err) == EMO_INPUT && !got);
    emo_reader_close(r);
    CHECK(emo_reader_open(&r, &path, 1, 2, &err) == EMO_OK);
    emo_reader_caps(r, 1, 0);
    CHECK(emo_reader_next(r, &rec, &got, &err) == EMO_INPUT && !got);
    SAID("cap");
    emo_reader_close(r);
    emo_reader_close(NULL);
    emo_record_free(&rec);
    puts("header and payload in two steps; caps");
}

int main(void)
{
    rules();
    padding();
    texts();
    metadata();
    several();
    shards();
    pipes();
    blocking();
    claims();
    in_two_steps();
    CHECK(unlink(PATH) == 0);
    return 0;
}
