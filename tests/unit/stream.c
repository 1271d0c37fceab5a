/* A stream written, read back whole, and refused at every truncation and every flipped bit. */
#include "base/file.h"
#include "stream/pool.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORDS 20
#define PATH "unit-stream.emo"

static struct emo_error err;

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #x, err.text);                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static const char *const classes[] = {"a b:c", "c\td\n"};

static void fill(struct emo_record *r, unsigned char pixels[48], unsigned i)
{
    uint32_t dim[] = {4, 4, 3};
    emo_record_shape(r, EMO_U8, EMO_HWC, 3, dim);
    for (unsigned j = 0; j < 48; j++)
        pixels[j] = (unsigned char)(i * 7 + j);
    r->payload = pixels;
    r->id = i;
    r->label = (int16_t)(i % 2);
    emo_metadata_set_text(&r->metadata, "name", "q/r.jpg", 7);
    emo_metadata_set_i64(&r->metadata, "origin", -(int64_t)i);
    emo_metadata_set(&r->metadata, EMO_META_I64 | EMO_META_PAYLOAD_ONLY, "blur", &r->id, 8);
}

static void write_stream(void)
{
    struct emo_head head;
    struct emo_writer *w;
    struct emo_record r = {0};
    unsigned char pixels[48];
    emo_head_begin(&head, EMO_IMAGES);
    CHECK(emo_head_set_classes(&head, classes, 2, &err) == 0);
    CHECK(emo_head_set_key(&head, "input", "4x4x3", &err) == 0);
    CHECK(emo_head_set_key(&head, "input", "4x4x3 \n", &err) == 0);
    CHECK(emo_head_add_pg(&head, "unit", EMO_MAJOR ? "1" : "0", "--a b", NULL, &err) == 0);
    CHECK(emo_writer_create(&w, PATH, &head, &err) == 0);
    for (unsigned i = 0; i < RECORDS; i++) {
        fill(&r, pixels, i);
        CHECK(emo_writer_record(w, &r, &err) == 0);
    }
    CHECK(access(PATH, F_OK) != 0);
    CHECK(emo_writer_finish(w, &err) == 0);
    emo_record_free(&r);
    emo_head_free(&head);
}

/* Reads all of path; the status, and how many records came. */
static int read_all(const char *path, unsigned *count)
{
    struct emo_reader *reader;
    struct emo_record r = {0};
    bool got = true;
    *count = 0;
    int status = emo_reader_open(&reader, &path, 1, 1u << EMO_IMAGES, &err);
    while (status == EMO_OK && got) {
        status = emo_reader_next(reader, &r, &got, &err);
        *count += got;
    }
    emo_record_free(&r);
    emo_reader_close(reader);
    return status;
}

static size_t load(unsigned char **bytes)
{
    FILE *f = fopen(PATH, "rb");
    CHECK(f != NULL && fseek(f, 0, SEEK_END) == 0);
    long n = ftell(f);
    CHECK(n > 0 && (*bytes = malloc((size_t)n)) != NULL);
    rewind(f);
    CHECK(fread(*bytes, 1, (size_t)n, f) == (size_t)n);
    fclose(f);
    return (size_t)n;
}

static int store_and_read(const unsigned char *bytes, size_t n, unsigned *count)
{
    int fd = open(PATH ".cut", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && emo_write(fd, bytes, n) == 0 && close(fd) == 0);
    return read_all(PATH ".cut", count);
}

static void twice(void)
{
    static const char *const paths[] = {PATH, PATH};
    struct emo_reader *reader;
    struct emo_record r = {0};
    struct emo_text text = {0};
    unsigned char pixels[48];
    bool got;
    CHECK(emo_reader_open(&reader, paths, 2, 1u << EMO_IMAGES, &err) == 0);
    CHECK(emo_head_key(emo_reader_head(reader), "input", &text));
    CHECK(strcmp(text.bytes, "4x4x3 \n") == 0);
    CHECK(emo_head_class_index(emo_reader_head(reader), classes[1]) == 1);
    for (unsigned i = 0; i < 2 * RECORDS; i++) {
        struct emo_record same = {0};
        fill(&same, pixels, i % RECORDS);
        CHECK(emo_reader_next(reader, &r, &got, &err) == 0 && got);
        CHECK(r.id == i && r.label == same.label && r.payload_length == 48);
        CHECK(memcmp(r.payload, pixels, 48) == 0);
        CHECK(r.metadata.length == same.metadata.length);
        CHECK(memcmp(r.metadata.bytes, same.metadata.bytes, same.metadata.length) == 0);
        emo_metadata_payload_changed(&r.metadata);
        CHECK(r.metadata.length < same.metadata.length);
        emo_record_free(&same);
    }
    CHECK(emo_reader_next(reader, &r, &got, &err) == 0 && !got);
    emo_record_free(&r);
    emo_text_free(&text);
    emo_reader_close(reader);
}

static void pool(void)
{
    struct emo_pool *p;
    struct emo_pool_view v = {0};
    struct emo_record r = {0};
    unsigned char pixels[48];
    CHECK(emo_pool_open(&p, 500, &err) == 0);
    for (unsigned i = 0; i < RECORDS; i++) {
        fill(&r, pixels, i);
        CHECK(emo_pool_add(p, &r, &err) == 0);
    }
    CHECK(emo_pool_spilled(p) && emo_pool_count(p) == RECORDS);
    for (unsigned i = RECORDS; i-- > 0;) {
        fill(&r, pixels, i);
        CHECK(emo_pool_get(p, i, &v, &err) == 0);
        CHECK(v.record.id == i && memcmp(v.record.payload, pixels, 48) == 0);
        CHECK(v.record.metadata.length == r.metadata.length);
    }
    emo_pool_view_free(&v);
    emo_record_free(&r);
    emo_pool_close(p);
}

int main(void)
{
    unsigned char *bytes = NULL;
    unsigned count;
    write_stream();
    CHECK(read_all(PATH, &count) == EMO_OK && count == RECORDS);
    twice();
    pool();
    size_t n = load(&bytes);
    for (size_t cut = 0; cut < n; cut++)
        CHECK(store_and_read(bytes, cut, &count) == EMO_INPUT);
    puts("every truncation is refused");
    for (size_t bit = 0; bit < 8 * n; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        CHECK(store_and_read(bytes, n, &count) == EMO_INPUT);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    puts("every flipped bit is refused");
    free(bytes);
    unlink(PATH);
    unlink(PATH ".cut");
    return 0;
}
