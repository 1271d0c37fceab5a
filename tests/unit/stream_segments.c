/*
 * The reader over several segments and files, shards, pipes, and in two steps.
 */
#define PATH "segments.emo"
#include "frames.h"

#include <sys/resource.h>
#include <sys/wait.h>

LIE(head, h_model, f->kind = EMO_MODEL)
LIE(record, r_data_crc, f->data_crc ^= 0x80000000u)

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
    several();
    shards();
    pipes();
    blocking();
    claims();
    in_two_steps();
    CHECK(unlink(PATH) == 0);
    return 0;
}
