#define _GNU_SOURCE /* memmem */
/*
 * The formats of other programs: every truncation and every flipped bit of small files is taken
 * without a crash, and found wherever the format lets it be found.
 */
#include "check.h"
#include "exchange/gather.h"
#include "exchange/npy.h"
#include "exchange/npz.h"
#include "exchange/pnm.h"
#include "exchange/safetensors.h"

#include "base/file.h"
#include "base/hash.h"
#include "stream/writer.h"

#include <fcntl.h>
#include <unistd.h>


static const char *const stream = "unit-exchange.emo", *const file = "unit-exchange.file",
                         *const damaged = "unit-exchange.damaged",
                         *const model = "unit-exchange.model";

/* Three images of 2 x 2 x 3 in two classes, with metadata that one of them lacks. */
static void make_stream(void)
{
    static const char *const classes[] = {"happy", "sad"};
    struct emo_head head;
    struct emo_writer *w;
    struct emo_record r = {0};
    uint8_t pixels[12];
    emo_head_begin(&head, EMO_IMAGES);
    head.records_expected = 3;
    CHECK(emo_head_set_classes(&head, classes, 2, &err) == EMO_OK);
    CHECK(emo_head_set_key(&head, "input", "2x2x3", &err) == EMO_OK);
    CHECK(emo_writer_create(&w, stream, &head, &err) == EMO_OK);
    for (unsigned i = 0; i < 3; i++) {
        memset(pixels, (int)(40 * i + 1), sizeof pixels);
        emo_record_shape(&r, EMO_U8, EMO_HWC, 3, (uint32_t[]){2, 2, 3});
        r.payload = pixels;
        r.id = 10 + i;
        r.label = (int16_t)(i % 2);
        r.split = (uint8_t)(i + 1);
        r.metadata.length = 0;
        emo_metadata_set_text(&r.metadata, "name", "a/\xc3\xa4", 4);
        if (i != 1)
            emo_metadata_set_i64(&r.metadata, "origin", -7);
        CHECK(emo_writer_record(w, &r, &err) == EMO_OK);
    }
    CHECK(emo_writer_finish(w, &err) == EMO_OK);
    emo_record_free(&r);
    emo_head_free(&head);
}

static void write_arrays(bool npz)
{
    struct emo_gathered g = {0};
    struct emo_reader *reader;
    struct emo_output *output;
    struct emo_text lost = {0};
    CHECK(emo_reader_open(&reader, &stream, 1, 1u << EMO_IMAGES, &err) == EMO_OK);
    CHECK(emo_gather(&g, reader, 1u << 20, &err) == EMO_OK);
    CHECK(emo_output_open(&output, file, true, &err) == EMO_OK);
    CHECK((npz ? emo_npz_write(&g, output, &lost, &err) : emo_npy_write(&g, output, &err)) ==
          EMO_OK);
    CHECK(emo_output_commit(output, &err) == EMO_OK);
    CHECK(lost.length == 0);
    emo_gathered_free(&g);
    emo_reader_close(reader);
}

/* The stream's images, one behind the other. */
static void write_pnm(void)
{
    struct emo_reader *reader;
    struct emo_record r = {0};
    struct emo_text text = {0};
    bool got = true;
    CHECK(emo_reader_open(&reader, &stream, 1, 1u << EMO_IMAGES, &err) == EMO_OK);
    while (emo_reader_next(reader, &r, &got, &err) == EMO_OK && got)
        CHECK(emo_pnm_format(&r, &text, &err) == EMO_OK);
    FILE *f = fopen(file, "wb");
    CHECK(f != NULL && fwrite(text.bytes, 1, text.length, f) == text.length && fclose(f) == 0);
    emo_text_free(&text);
    emo_record_free(&r);
    emo_reader_close(reader);
}

/* A small model with origins, and as safetensors. */
static void write_safetensors(enum emo_layout layout)
{
    static const char *const classes[] = {"happy", "sad"};
    int64_t origins[] = {-5, 7};
    struct emo_model m = {.origins = origins, .origin_count = 2};
    const struct emo_net_options o = {.text = "conv 2 2 relu\nflatten\noutput\n", .height = 3,
                                      .width = 4, .channels = 1, .classes = 2,
                                      .backend = EMO_BACKEND_REFERENCE, .jobs = 1, .batch = 1,
                                      .seed = 3};
    struct emo_net *net;
    struct emo_output *output;
    struct emo_weights w = {0};
    emo_head_begin(&m.head, EMO_MODEL);
    CHECK(emo_head_set_classes(&m.head, classes, 2, &err) == EMO_OK);
    CHECK(emo_head_set_key(&m.head, "input", "3x4x1", &err) == EMO_OK);
    CHECK(emo_head_set_net(&m.head, o.text, &err) == EMO_OK);
    CHECK(emo_net_open(&net, &o, &err) == EMO_OK);
    emo_net_initialise(net);
    CHECK(emo_output_open(&output, model, true, &err) == EMO_OK);
    CHECK(emo_model_write(output, &m, net, &err) == EMO_OK);
    emo_net_close(net);
    emo_head_free(&m.head);
    CHECK(emo_weights_open(&w, model, &err) == EMO_OK);
    CHECK(emo_output_open(&output, file, true, &err) == EMO_OK);
    CHECK(emo_safetensors_write(&w, layout, output, &err) == EMO_OK);
    CHECK(emo_output_commit(output, &err) == EMO_OK);
    emo_weights_close(&w);
    unlink(model);
}

static uint8_t *load(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    static uint8_t bytes[1u << 20];
    CHECK(f != NULL);
    *n = fread(bytes, 1, sizeof bytes, f);
    CHECK(*n < sizeof bytes && !ferror(f));
    fclose(f);
    return bytes;
}

/* All records of path: a CRC over what must not change unnoticed. */
static int read_all(const struct emo_import *in, const char *path, uint32_t *crc, size_t *count)
{
    void *state = NULL;
    struct emo_head head = {0};
    struct emo_record r = {0};
    bool got = true;
    *crc = 0;
    *count = 0;
    int status = in->open(&state, &path, 1, &head, &err);
    for (size_t i = 0; status == EMO_OK && i < head.class_count; i++)
        *crc = emo_crc32(*crc, head.classes[i], strlen(head.classes[i]));
    while (status == EMO_OK && got) {
        status = in->next(state, &r, &got, &err);
        if (status != EMO_OK || !got)
            break;
        *crc = emo_crc32(*crc, &r.id, sizeof r.id);
        *crc = emo_crc32(*crc, &r.label, sizeof r.label);
        *crc = emo_crc32(*crc, &r.split, sizeof r.split);
        *crc = emo_crc32(*crc, r.payload, (size_t)r.payload_length);
        ++*count;
    }
    emo_record_free(&r);
    emo_head_free(&head);
    in->close(state);
    return status;
}

/*
 * Flips every bit of file, then cuts it everywhere. A cut must be noticed. checked: so must a
 * flipped bit, or else what is read is what was written; where the format has no checksums, it
 * need only do no harm. period: a cut after a multiple of so many bytes cannot be noticed.
 */
static void damage(const char *name, const struct emo_import *in, bool checked, size_t period)
{
    uint32_t crc, now;
    size_t n, count, found = 0;
    CHECK(read_all(in, file, &crc, &count) == EMO_OK);
    CHECK(count >= 3);
    uint8_t *bytes = load(file, &n);
    int fd = open(damaged, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && emo_write(fd, bytes, n) == 0);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        uint8_t byte = bytes[bit / 8] ^ (uint8_t)(1u << bit % 8);
        CHECK(pwrite(fd, &byte, 1, (off_t)(bit / 8)) == 1);
        int status = read_all(in, damaged, &now, &count);
        CHECK(pwrite(fd, &bytes[bit / 8], 1, (off_t)(bit / 8)) == 1);
        bool good = status == EMO_INPUT || (status == EMO_OK && (!checked || now == crc));
        if (!good)
            fprintf(stderr, "%s: bit %zu of byte %zu: status %d\n", name, bit % 8, bit / 8, status);
        CHECK(good);
        found += status == EMO_INPUT;
    }
    for (size_t at = n; at-- > 0;) {
        CHECK(ftruncate(fd, (off_t)at) == 0);
        err.text[0] = '\0';
        int status = read_all(in, damaged, &now, &count);
        if (period > 0 && at > 0 && at % period == 0) {
            CHECK(status == EMO_OK && count == at / period);
            continue;
        }
        if (status != EMO_INPUT)
            fprintf(stderr, "%s: cut at byte %zu of %zu: status %d\n", name, at, n, status);
        CHECK(status == EMO_INPUT && err.text[0] != '\0');
    }
    close(fd);
    unlink(damaged);
    printf("%s: %zu bytes; every cut is found, and %zu of %zu flipped bits\n", name, n, found,
           8 * n);
}

/* A .npy whose header is text, and a row or two of zeros. */
static int read_npy(const char *text, size_t zeros)
{
    static const uint8_t nothing[256];
    uint32_t crc;
    size_t count, n = strlen(text);
    uint8_t prefix[10] = "\x93NUMPY\1\0";
    prefix[8] = (uint8_t)n;
    prefix[9] = (uint8_t)(n >> 8);
    int fd = open(damaged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && emo_write(fd, prefix, sizeof prefix) == 0 && emo_write(fd, text, n) == 0 &&
          emo_write(fd, nothing, zeros) == 0);
    close(fd);
    return read_all(&emo_import_npy, damaged, &crc, &count);
}

static void test_npy_headers(void)
{
#define SHAPE(type, shape) "{'descr': '" type "', 'fortran_order': False, 'shape': " shape ", }\n"
    CHECK(read_npy(SHAPE("|u1", "(2, 1, 1, 3)"), 6) == EMO_OK);
    CHECK(read_npy(SHAPE("<u1", "(2, 2, 3)"), 12) == EMO_OK);
    CHECK(read_npy("{\"shape\":(1,1,1,1),\"descr\":\"|u1\",\"fortran_order\":False}  \n", 1) ==
          EMO_OK);
    CHECK(read_npy(SHAPE("|u1", "(0, 4, 4, 3)"), 0) == EMO_OK);
    CHECK(read_npy(SHAPE("|u1", "(2, 1, 1, 3)"), 5) == EMO_INPUT);
    SAID("cut short in row 1 of 2");
    CHECK(read_npy(SHAPE("|u1", "(2, 1, 1, 3)"), 7) == EMO_INPUT);
    SAID("more bytes");
    CHECK(read_npy(SHAPE("|u1", "(1, 0, 1, 3)"), 0) == EMO_INPUT);
    CHECK(read_npy(SHAPE("|u1", "(1, 4294967296, 1, 3)"), 9) == EMO_INPUT);
    CHECK(read_npy(SHAPE("|u1", "(1, 65535, 65535, 3)"), 9) == EMO_INPUT);
    SAID("larger than the");
    CHECK(read_npy(SHAPE("|u1", "(18446744073709551615, 3, 3, 3)"), 9) == EMO_INPUT);
    CHECK(read_npy(SHAPE("|u1", "(18446744073709551616, 3, 3, 3)"), 9) == EMO_INPUT);
    CHECK(read_npy(SHAPE("|u1", "(2, 3, 8, 8)"), 9) == EMO_INPUT);
    SAID("transpose");
    CHECK(read_npy(SHAPE("|u1", "(2, 1, 1, 3"), 6) == EMO_INPUT);
    CHECK(read_npy(SHAPE("|u1", "(2, 1, 1, -3)"), 6) == EMO_INPUT);
    CHECK(read_npy(SHAPE("|u1", "(1, 1, 1, 1, 1, 1)"), 6) == EMO_INPUT);
    CHECK(read_npy(SHAPE("<f4", "(2, 1, 1, 3)"), 24) == EMO_INPUT);
    SAID("uint8");
    CHECK(read_npy(SHAPE(">i4", "(2, 1, 1, 3)"), 24) == EMO_INPUT);
    SAID("big-endian");
    CHECK(read_npy(SHAPE("|O", "(2, 1, 1, 3)"), 24) == EMO_INPUT);
    SAID("Python objects");
    CHECK(read_npy(SHAPE("|V3", "(2, 1, 1, 3)"), 24) == EMO_INPUT);
    CHECK(read_npy(SHAPE("<U99999999", "(2,)"), 24) == EMO_INPUT);
    CHECK(read_npy("{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (1,), }\n", 1) ==
          EMO_INPUT);
    SAID("structured");
    CHECK(read_npy("{'descr': '|u1', 'fortran_order': True, 'shape': (1, 1, 1, 1), }\n", 1) ==
          EMO_INPUT);
    SAID("Fortran");
    CHECK(read_npy("{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1)"
                   "}\n", 1) == EMO_INPUT);
    CHECK(read_npy("{'descr': '|u1', 'shape': (1, 1, 1, 1), }\n", 1) == EMO_INPUT);
    CHECK(read_npy(SHAPE("|u1", "(1, 1, 1, 1)") "x\n", 1) == EMO_INPUT);
    CHECK(read_npy("", 0) == EMO_INPUT);
    unlink(damaged);
}

/* What the bytes text, of n bytes, hold as PNM. */
static int read_pnm(const char *text, size_t n, uint8_t *first)
{
    void *state = NULL;
    struct emo_head head = {0};
    struct emo_record r = {0};
    bool got = true;
    int fd = open(damaged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && emo_write(fd, text, n) == 0 && close(fd) == 0);
    int status = emo_import_pnm.open(&state, &damaged, 1, &head, &err);
    for (size_t i = 0; status == EMO_OK && got; i++) {
        status = emo_import_pnm.next(state, &r, &got, &err);
        if (status == EMO_OK && got && i == 0)
            memcpy(first, r.payload, (size_t)(r.payload_length < 4 ? r.payload_length : 4));
    }
    emo_record_free(&r);
    emo_head_free(&head);
    emo_import_pnm.close(state);
    return status;
}
#define PNM(text) read_pnm(text, sizeof text - 1, p)

static void test_pnm_headers(void)
{
    uint8_t p[4] = {0};
    CHECK(PNM("P5\n2 1\n255\nab") == EMO_OK && p[0] == 'a' && p[1] == 'b');
    CHECK(PNM("P5 #c\n#d\n 2\t#e\r1\r\n15\n\0\17") == EMO_OK && p[0] == 0 && p[1] == 255);
    CHECK(PNM("P5 2 1 65535\n\377\377\200\0") == EMO_OK && p[0] == 255 && p[1] == 128);
    CHECK(PNM("P5 2 1 1000 \3\350\1\364") == EMO_OK && p[0] == 255 && p[1] == 128);
    CHECK(PNM("P5 2 1 1000 \3\351\1\364") == EMO_INPUT);
    SAID("above the largest");
    CHECK(PNM("P6 1 1 255 abcP6 1 1 255 def") == EMO_OK);
    CHECK(PNM("P6 1 1 255 abcP5 1 1 255 d") == EMO_INPUT);
    SAID("picture 2");
    SAID("1x1x1");
    CHECK(PNM("P6 1 1 255 abc\n") == EMO_INPUT);
    CHECK(PNM("P3 1 1 255 1 2 3") == EMO_INPUT);
    SAID("pnmtopnm");
    CHECK(PNM("P4 8 1 x") == EMO_INPUT);
    SAID("pbmtopgm");
    CHECK(PNM("P7\nWIDTH 1") == EMO_INPUT);
    CHECK(PNM("") == EMO_INPUT);
    SAID("empty");
    CHECK(PNM("P5 0 1 255 ") == EMO_INPUT);
    CHECK(PNM("P5 -1 1 255 ") == EMO_INPUT);
    CHECK(PNM("P5 99999 1 255 ") == EMO_INPUT);
    CHECK(PNM("P5 4294967297 1 255 a") == EMO_INPUT);
    CHECK(PNM("P6 65535 65535 255 a") == EMO_INPUT);
    SAID("larger than any");
    CHECK(PNM("P6 9999 9999 255 a") == EMO_INPUT);
    SAID("cut short");
    CHECK(PNM("P5 1 1 65536 aa") == EMO_INPUT);
    CHECK(PNM("P5 1 1 255a") == EMO_INPUT);
    CHECK(PNM("P5 1 1 #255 a") == EMO_INPUT);
    unlink(damaged);
}

/* file with the first `was` in its header replaced by `is`, padded to the same length. */
static int with(const char *was, const char *is)
{
    uint32_t crc;
    size_t n, count, a = strlen(was), b = strlen(is);
    uint8_t *bytes = load(file, &n);
    char *at = memmem(bytes, n, was, a);
    CHECK(at != NULL && b <= a);
    memset(at, ' ', a);
    memcpy(at, is, b);
    int fd = open(damaged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && emo_write(fd, bytes, n) == 0 && close(fd) == 0);
    int status = read_all(&emo_import_safetensors, damaged, &crc, &count);
    unlink(damaged);
    return status;
}

static void test_safetensors_headers(void)
{
    CHECK(with("{", "{") == EMO_OK);
    CHECK(with("\"torch\"", "\"keras\"") == EMO_INPUT);
    SAID("its shape is not");
    CHECK(with("\"torch\"", "\"t\"") == EMO_INPUT);
    SAID("neither torch nor keras");
    CHECK(with("emo.layout", "emo.other") == EMO_INPUT);
    SAID("save it with the metadata");
    CHECK(with("[2,1,2,2]", "[1,2,2,2]") == EMO_INPUT);
    CHECK(with("[2,1,2,2]", "[2,1,4]") == EMO_INPUT);
    CHECK(with("[2,1,2,2]", "[2,1,2,-2") == EMO_INPUT);
    CHECK(with("F32", "F16") == EMO_INPUT);
    SAID("F32");
    CHECK(with("conv1.bias", "conv2.bias") == EMO_INPUT);
    SAID("no parameter of its network");
    CHECK(with("conv1.bias", "conv1.wei") == EMO_INPUT);
    CHECK(with("[16,48]", "[15,47]") == EMO_INPUT);
    SAID("gaps");
    CHECK(with("[16,48]", "[16,40]") == EMO_INPUT);
    CHECK(with("\"I64\"", "\"U64\"") == EMO_INPUT);
    CHECK(with("3x4x1", "3x4x2") == EMO_INPUT);
    CHECK(with("flatten", "nosuch") == EMO_INPUT);
    CHECK(with("{\"__meta", "[\"__meta") == EMO_INPUT);
}

int main(void)
{
    make_stream();
    test_npy_headers();
    write_arrays(false);
    damage("npy", &emo_import_npy, false, 0);
    write_arrays(true);
    damage("npz", &emo_import_npz, true, 0);
    test_pnm_headers();
    write_pnm();
    damage("pnm", &emo_import_pnm, false, sizeof "P6\n2 2\n255\n" - 1 + 12);
    write_safetensors(EMO_LAYOUT_KERAS);
    damage("safetensors", &emo_import_safetensors, false, 0);
    write_safetensors(EMO_LAYOUT_TORCH);
    test_safetensors_headers();
    unlink(stream);
    unlink(file);
    return 0;
}
