/*
 * Runs a program once for each way in which a stream can be damaged, the damaged bytes as its
 * standard input or as a file, and checks how it ends: with status 3, a message, and no output
 * that a reader would take for complete.
 *
 * usage: mutate [options] STREAM PROGRAM [argument ...]
 *     --cuts STEP     every STEPth truncation (1: every one)
 *     --flips STEP    every STEPth bit of all the stream
 *     --frames STEP   every STEPth bit of HEAD, the first RECORD, END, and a byte of padding
 *     -j N            runs at once
 * An argument "@" is replaced by the name of the damaged file; without one it is standard input.
 * An argument "%" is replaced by the name of an output file, which must not be there afterwards.
 *
 * As a unit test, without arguments, it turns on itself: on a program that reads well, and on
 * one that does not look.
 */
#include "base/file.h"
#include "stream/frame.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum way { CUT, FLIP };
struct job {
    enum way way;
    size_t at; /* byte to cut at; bit to flip */
};

static const uint8_t *stream;
static size_t length;
static struct job *jobs;
static size_t job_count;
static char *const *program;
static bool tell = true;

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

static void add(enum way way, size_t at)
{
    if ((job_count & (job_count - 1)) == 0) {
        jobs = realloc(jobs, (job_count > 0 ? 2 * job_count : 1) * sizeof *jobs);
        if (jobs == NULL)
            die("mutate");
    }
    jobs[job_count++] = (struct job){way, at};
}

static void add_bits(size_t from, size_t to, size_t step)
{
    for (size_t bit = 8 * from; bit < 8 * to; bit += step)
        add(FLIP, bit);
}

/* HEAD, first RECORD, END, and the first byte of padding of any frame. */
static void add_frames(size_t step)
{
    bool padded = false;
    unsigned records = 0;
    for (size_t at = 0; at + EMO_FRAME_SIZE <= length;) {
        struct emo_record_frame f;
        uint64_t payload = 0;
        memcpy(&f, stream + at, sizeof f);
        bool record = memcmp(f.tag, EMO_TAG_RECORD, 4) == 0;
        if (record)
            (void)emo_payload_length(f.dtype, f.rank, f.dim, &payload);
        if (!record || records++ == 0) {
            add_bits(at, at + (size_t)f.frame_length, step);
        } else if (!padded && payload % EMO_FRAME_SIZE != 0) {
            size_t end = at + (size_t)f.frame_length;
            add_bits(end - 1, end, 1);
            padded = true;
        }
        at += (size_t)f.frame_length;
    }
}

/* Would a reader take what lies in fd for a complete stream? */
static bool looks_complete(int fd)
{
    struct emo_end_frame end;
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < (off_t)sizeof end ||
        pread(fd, &end, sizeof end, size - (off_t)sizeof end) != (ssize_t)sizeof end)
        return false;
    return memcmp(end.tag, EMO_TAG_END, 4) == 0 && emo_header_crc(&end) == end.header_crc &&
           end.status == EMO_COMPLETE;
}

struct files {
    char in[32], out[32], kept[32], errors[32];
};

static int scratch(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        die(path);
    return fd;
}

static void become_program(const struct files *f, int in, int out, int errors)
{
    char *argv[64];
    size_t n = 0;
    bool named = false;
    for (; program[n] != NULL && n < 63; n++) {
        named = named || strcmp(program[n], "@") == 0;
        argv[n] = strcmp(program[n], "@") == 0   ? (char *)(uintptr_t)f->in
                  : strcmp(program[n], "%") == 0 ? (char *)(uintptr_t)f->kept
                                                 : program[n];
    }
    argv[n] = NULL;
    int from = named ? open("/dev/null", O_RDONLY) : in;
    if (dup2(from, 0) < 0 || dup2(out, 1) < 0 || dup2(errors, 2) < 0)
        _exit(126);
    execvp(argv[0], argv);
    _exit(127);
}

/* What is wrong with how the program took the damaged stream; NULL: nothing. */
static const char *run(const struct files *f, const uint8_t *bytes, size_t n, int *status)
{
    int in = scratch(f->in), out = scratch(f->out), errors = scratch(f->errors);
    const char *wrong = NULL;
    unlink(f->kept);
    if (emo_write(in, bytes, n) != 0 || lseek(in, 0, SEEK_SET) != 0)
        die(f->in);
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0)
        become_program(f, in, out, errors);
    while (waitpid(pid, status, 0) < 0)
        if (errno != EINTR)
            die("waitpid");
    if (!WIFEXITED(*status) || WEXITSTATUS(*status) != EMO_INPUT)
        wrong = "wrong status";
    else if (lseek(errors, 0, SEEK_END) == 0)
        wrong = "no message";
    else if (looks_complete(out))
        wrong = "its output looks complete";
    else if (access(f->kept, F_OK) == 0)
        wrong = "its output file is there";
    close(in);
    close(out);
    close(errors);
    return wrong;
}

/* Every Nth job; the number of those that went wrong, at most 100 of them told. */
static int work(unsigned worker, unsigned workers)
{
    struct files f;
    uint8_t *bytes = malloc(length);
    unsigned wrongs = 0;
    if (bytes == NULL)
        die("mutate");
    memcpy(bytes, stream, length);
    snprintf(f.in, sizeof f.in, "mutate.%u.in", worker);
    snprintf(f.out, sizeof f.out, "mutate.%u.out", worker);
    snprintf(f.kept, sizeof f.kept, "mutate.%u.kept", worker);
    snprintf(f.errors, sizeof f.errors, "mutate.%u.err", worker);
    for (size_t i = worker; i < job_count; i += workers) {
        struct job j = jobs[i];
        int status;
        if (j.way == FLIP)
            bytes[j.at / 8] ^= (uint8_t)(1u << j.at % 8);
        const char *wrong = run(&f, bytes, j.way == CUT ? j.at : length, &status);
        if (j.way == FLIP)
            bytes[j.at / 8] ^= (uint8_t)(1u << j.at % 8);
        if (wrong == NULL)
            continue;
        if (tell && wrongs < 20)
            fprintf(stderr, "%s %zu: %s (%s %d)\n", j.way == CUT ? "cut at byte" : "flipped bit",
                    j.at, wrong, WIFEXITED(status) ? "status" : "signal",
                    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        wrongs++;
    }
    unlink(f.in);
    unlink(f.out);
    unlink(f.kept);
    unlink(f.errors);
    free(bytes);
    return wrongs < 100 ? (int)wrongs : 100;
}

/* All jobs, by as many processes; the number that went wrong. */
static unsigned run_all(unsigned workers)
{
    unsigned wrongs = 0;
    pid_t pid[64];
    for (unsigned w = 0; w < workers; w++) {
        pid[w] = fork();
        if (pid[w] < 0)
            die("fork");
        if (pid[w] == 0)
            _exit(work(w, workers));
    }
    for (unsigned w = 0; w < workers; w++) {
        int status;
        if (waitpid(pid[w], &status, 0) < 0)
            die("waitpid");
        wrongs += WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : 100;
    }
    return wrongs;
}

/* "--read": ends as the reader does. */
static int read_input(void)
{
    struct emo_error err = {0};
    struct emo_reader *reader;
    struct emo_record r = {0};
    bool got = true;
    int status = emo_reader_open(&reader, NULL, 0, ~0u, &err);
    while (status == EMO_OK && got)
        status = emo_reader_next(reader, &r, &got, &err);
    if (status != EMO_OK)
        fprintf(stderr, "%s\n", err.text);
    emo_record_free(&r);
    emo_reader_close(reader);
    return status;
}

static void load(const char *path)
{
    FILE *f = fopen(path, "rb");
    long n = 0;
    uint8_t *bytes;
    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) <= 0)
        die(path);
    rewind(f);
    bytes = malloc((size_t)n);
    if (bytes == NULL || fread(bytes, 1, (size_t)n, f) != (size_t)n)
        die(path);
    fclose(f);
    stream = bytes;
    length = (size_t)n;
}

static void make_small(const char *path)
{
    struct emo_error err = {0};
    struct emo_head head;
    struct emo_writer *w;
    struct emo_record r = {.label = -1};
    static const uint8_t pixels[3] = {1, 2, 3};
    emo_head_begin(&head, EMO_IMAGES);
    int status = emo_writer_create(&w, path, &head, &err);
    for (unsigned i = 0; i < 2 && status == EMO_OK; i++) {
        emo_record_shape(&r, EMO_U8, EMO_HWC, 3, (uint32_t[]){1, 1, 3});
        r.payload = pixels;
        r.id = i;
        status = emo_writer_record(w, &r, &err);
    }
    emo_record_free(&r);
    emo_head_free(&head);
    if (status != EMO_OK || emo_writer_finish(w, &err) != EMO_OK)
        die(err.text);
}

/* Does it find nothing in a reader that looks, and everything in programs that do not? */
static int check_itself(char *self)
{
    static char blind[] = "cat >/dev/null; exit 0";
    static char silent[] = "cat >/dev/null; exit 3";
    static char killed[] = "kill -9 $$";
    static char copies[] = "cat; echo no >&2; exit 3";
    static char keeps[] = "echo >\"$0\"; echo no >&2; exit 3";
    static char sh[] = "sh", c[] = "-c", kept[] = "%", option[] = "--read";
    char *const bad[][5] = {{sh, c, blind, NULL}, {sh, c, silent, NULL}, {sh, c, killed, NULL},
                            {sh, c, keeps, kept, NULL}};
    char *const good[] = {self, option, NULL}, *const copy[] = {sh, c, copies, NULL};
    make_small("mutate.emo");
    load("mutate.emo");
    unlink("mutate.emo");
    for (size_t at = 0; at < length; at += 7)
        add(CUT, at);
    add_frames(13);
    program = good;
    if (run_all(2) != 0)
        return 1;
    printf("a reader that looks stands %zu ways of damage\n", job_count);
    tell = false;
    job_count = 0;
    add(FLIP, 8 * 128); /* leaves END as it is */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        program = bad[i];
        if (run_all(1) != 1) {
            fprintf(stderr, "program %zu, which does not look, was not found out\n", i);
            return 1;
        }
    }
    program = copy;
    if (run_all(1) != 1) {
        fprintf(stderr, "an output that looks complete was not found out\n");
        return 1;
    }
    puts("programs that do not look are found out");
    return 0;
}

int main(int argc, char **argv)
{
    unsigned workers = 2;
    size_t cuts = 0, flips = 0, frames = 0;
    int i = 1;
    if (argc == 1)
        return check_itself(argv[0]);
    if (strcmp(argv[1], "--read") == 0)
        return read_input();
    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        size_t n = (size_t)strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--cuts") == 0)
            cuts = n;
        else if (strcmp(argv[i], "--flips") == 0)
            flips = n;
        else if (strcmp(argv[i], "--frames") == 0)
            frames = n;
        else if (strcmp(argv[i], "-j") == 0 && n >= 1 && n <= 64)
            workers = (unsigned)n;
        else
            return 2;
    }
    if (i + 1 >= argc)
        return 2;
    load(argv[i]);
    program = argv + i + 1;
    for (size_t at = 0; cuts > 0 && at < length; at += cuts)
        add(CUT, at);
    if (flips > 0)
        add_bits(0, length, flips);
    if (frames > 0)
        add_frames(frames);
    unsigned wrongs = run_all(workers);
    printf("%zu runs, %u%s wrong\n", job_count, wrongs, wrongs >= 100 ? " or more" : "");
    return wrongs != 0 || job_count == 0;
}
