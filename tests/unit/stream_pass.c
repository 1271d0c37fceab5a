/*
 * Passing over payloads: with a check and without one, from a file and through a pipe, at every
 * length that a stream may be cut to.
 */
#include "check.h"

#include "base/file.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH "pass.emo"
#define SMALL 7u
#define LARGE 600000u /* more than any buffer */

enum way { CHECK_IT, SKIP_IT, TAKE_IT };

static uint8_t *bytes, *payload;
static size_t length;

/* A small record, a large one, a small one. */
static void make(void)
{
    struct emo_head h = {0};
    struct emo_writer *w;
    struct emo_record r = {.label = -1};
    payload = malloc(LARGE);
    CHECK(payload != NULL);
    for (size_t i = 0; i < LARGE; i++)
        payload[i] = (uint8_t)(i * 7 + i / 256);
    emo_head_begin(&h, EMO_IMAGES);
    CHECK(emo_writer_create(&w, PATH, &h, &err) == EMO_OK);
    for (r.id = 0; r.id < 3; r.id++) {
        emo_record_shape(&r, EMO_U8, EMO_ORDER_NONE, 1, (uint32_t[]){r.id == 1 ? LARGE : SMALL});
        r.payload = payload;
        CHECK(emo_writer_record(w, &r, &err) == EMO_OK);
    }
    CHECK(emo_writer_finish(w, &err) == EMO_OK);
    emo_head_free(&h);
    int fd = open(PATH, O_RDONLY);
    length = (size_t)lseek(fd, 0, SEEK_END);
    bytes = malloc(length);
    CHECK(bytes != NULL && pread(fd, bytes, length, 0) == (ssize_t)length && close(fd) == 0);
}

static void store(size_t n)
{
    int fd = open(PATH, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && emo_write(fd, bytes, n) == 0 && close(fd) == 0);
}

/* Reads path this way; the status, and how many payloads were not looked at. */
static int pass(const char *path, enum way way, unsigned *skips)
{
    struct emo_reader *r = NULL;
    struct emo_record record = {0};
    struct emo_error after;
    bool got = true, skipped;
    uint8_t *to = malloc(LARGE);
    CHECK(to != NULL);
    *skips = 0;
    int status = emo_reader_open(&r, &path, 1, 1u << EMO_IMAGES, &err);
    while (status == EMO_OK) {
        status = emo_reader_header(r, &record, &got, &err);
        if (status != EMO_OK || !got)
            break;
        skipped = false;
        status = way == CHECK_IT  ? emo_reader_check(r, &record, &err)
                 : way == SKIP_IT ? emo_reader_skip(r, &record, &skipped, &err)
                                  : emo_reader_payload(r, &record, to, &err);
        *skips += skipped;
    }
    if (status == EMO_OK)
        CHECK(emo_reader_count(r) == 3);
    else if (r != NULL)
        CHECK(emo_reader_header(r, &record, &got, &after) == status && !got);
    emo_record_free(&record);
    emo_reader_close(r);
    free(to);
    return status;
}

/* The first n bytes come through a pipe. */
static int pass_pipe(size_t n, enum way way, unsigned *skips)
{
    int ends[2], input = dup(STDIN_FILENO);
    CHECK(pipe(ends) == 0 && input >= 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(ends[0]);
        _exit(emo_write(ends[1], bytes, n) != 0);
    }
    close(ends[1]);
    CHECK(dup2(ends[0], STDIN_FILENO) >= 0);
    close(ends[0]);
    int status = pass("-", way, skips);
    CHECK(dup2(input, STDIN_FILENO) >= 0);
    close(input);
    CHECK(waitpid(child, NULL, 0) == child);
    return status;
}

int main(void)
{
    unsigned skips;
    make();
    for (enum way way = CHECK_IT; way <= TAKE_IT; way++) {
        CHECK(pass(PATH, way, &skips) == EMO_OK);
        CHECK(skips == (way == SKIP_IT ? 3 : 0));
        /* A pipe cannot seek, so there all is checked. */
        CHECK(pass_pipe(length, way, &skips) == EMO_OK && skips == 0);
    }

    /* Cut at the edges of everything, and in the middle of the large payload. */
    store(length);
    for (size_t n = length; n-- > 0;) {
        if (n > 700 && n + 700 < length)
            n = n > 50700 ? n - 50000 : 700;
        CHECK(truncate(PATH, (off_t)n) == 0);
        for (enum way way = CHECK_IT; way <= TAKE_IT; way++)
            CHECK(pass(PATH, way, &skips) == EMO_INPUT);
    }
    CHECK(pass_pipe(length - 64, SKIP_IT, &skips) == EMO_INPUT);
    CHECK(pass_pipe(1000, CHECK_IT, &skips) == EMO_INPUT);

    /* A flipped bit of a payload shows wherever payloads are looked at. */
    bytes[400000] ^= 16;
    store(length);
    CHECK(pass(PATH, TAKE_IT, &skips) == EMO_INPUT);
    CHECK(pass(PATH, CHECK_IT, &skips) == EMO_INPUT);
    SAID("record 2");
    SAID("CRC mismatch");
    CHECK(pass(PATH, SKIP_IT, &skips) == EMO_OK);
    CHECK(pass_pipe(length, SKIP_IT, &skips) == EMO_INPUT);
    bytes[400000] ^= 16;

    /* So does padding; behind a payload of 7 bytes lie 57. */
    size_t padding = 64 + 64 + SMALL + 1;
    bytes[padding] = 1;
    store(length);
    CHECK(pass(PATH, CHECK_IT, &skips) == EMO_INPUT);
    SAID("padding");
    CHECK(pass(PATH, SKIP_IT, &skips) == EMO_OK);
    unlink(PATH);
    free(bytes);
    free(payload);
    puts("ok");
    return 0;
}
