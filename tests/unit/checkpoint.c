/*
 * The golden checkpoint, which was made from the description of its layout alone: what is read of
 * it, and that it is written again with the same bytes. And checkpoints that make no sense, though
 * their checksums are right.
 */
#include "base/file.h"
#include "learn/checkpoint.h"
#include "stream/writer.h"

#include "check.h"

#include <math.h>
#include <stdint.h>
#include <unistd.h>

#define GIVEN "checkpoint.given"
#define WRITTEN "checkpoint.written"

/* Pairs of hexadecimal digits; "#" begins a comment. */
static void load_golden(void)
{
    char path[4096];
    const char *root = getenv("ROOT");
    unsigned byte;
    snprintf(path, sizeof path, "%s/tests/golden/checkpoint.hex", root != NULL ? root : ".");
    FILE *from = fopen(path, "r"), *to = fopen(GIVEN, "wb");
    CHECK(from != NULL && to != NULL);
    for (int c; (c = fgetc(from)) != EOF;) {
        if (c == '#')
            while (c != '\n' && c != EOF)
                c = fgetc(from);
        else if (c != ' ' && c != '\n') {
            ungetc(c, from);
            CHECK(fscanf(from, "%2x", &byte) == 1);
            fputc((int)byte, to);
        }
    }
    fclose(from);
    CHECK(fclose(to) == 0);
}

static void check_same_files(void)
{
    FILE *a = fopen(GIVEN, "rb"), *b = fopen(WRITTEN, "rb");
    int c;
    CHECK(a != NULL && b != NULL);
    do {
        c = fgetc(a);
        CHECK(c == fgetc(b));
    } while (c != EOF);
    fclose(a);
    fclose(b);
}

static struct emo_net *open_net(void)
{
    const struct emo_net_options o = {
        .text = "flatten\noutput\n", .height = 1, .width = 2, .channels = 1, .classes = 2,
        .backend = EMO_BACKEND_REFERENCE, .jobs = 1, .batch = 2, .training = true,
    };
    struct emo_net *net;
    CHECK(emo_net_open(&net, &o, &err) == EMO_OK);
    return net;
}

static void check_golden(void)
{
    struct emo_checkpoint c = {0};
    struct emo_training t = {0};
    struct emo_text text = {0};
    struct emo_net *net = open_net();
    unsigned next;
    size_t n;
    CHECK(emo_checkpoint_open(&c, GIVEN, &err) == EMO_OK);
    CHECK(emo_checkpoint_option(&c, "batch", &text) && strcmp(text.bytes, "2") == 0);
    CHECK(emo_checkpoint_option(&c, "init", &text) && text.length == 0);
    CHECK(!emo_checkpoint_option(&c, "lr", &text));
    CHECK(emo_checkpoint_next_epoch(&c, &next, &err) == EMO_OK && next == 2);
    CHECK(emo_checkpoint_restore(&c, net, &t, &err) == EMO_OK);
    CHECK(t.epoch == 2 && !t.whole && t.images == 2 && t.right == 1 && t.loss == 1.5);
    CHECK(t.history.count == 1 && t.history.steps == 3 && t.history.images == 5);
    CHECK(t.history.at[0].accuracy == 1.0 / 3 && isnan(t.history.at[0].valid_auc));
    CHECK(t.history.at[0].images_per_second == 1e300 && t.seconds == 0.25);
    CHECK(t.trail.count == 3 && t.trail.at[0].crc == 0xfedcba98 && t.trail.at[1].records == 3);
    CHECK(c.train == 3 && c.train_sum == UINT64_MAX);
    CHECK(c.origins.count == 2 && c.origins.at[0] == INT64_MIN);
    CHECK(t.best.epoch == 1 && t.best.value == 0.75 && t.best.values[0] == 3.5f);
    CHECK(t.best.values[2] == 3);
    const struct emo_parameter *p = emo_net_parameters(net, &n);
    CHECK(n == 2 && p[0].values[0] == 0.5f && p[0].m[0] == 1.5f && p[1].v[0] == 2);
    CHECK(emo_net_steps(net) == 3);
    CHECK(emo_checkpoint_write(&c, WRITTEN, &t, &c.origins, net, &err) == EMO_OK);
    check_same_files();
    emo_text_free(&text);
    emo_checkpoint_free(&c);
    emo_training_free(&t);
    emo_net_close(net);
    puts("ok: the golden checkpoint, both ways");
}

/* Writes the golden one with key set to value (NULL: as it is), or without record number without
   (from 0), or with it twice; reads that. */
static void refused(const char *key, const char *value, size_t without, unsigned times,
                    const char *words)
{
    static const char *const paths[] = {GIVEN};
    struct emo_reader *reader;
    struct emo_writer *writer;
    struct emo_head head;
    struct emo_record r = {0};
    struct emo_checkpoint c = {0};
    struct emo_training t = {0};
    struct emo_net *net = open_net();
    bool got = true;
    CHECK(emo_reader_open(&reader, paths, 1, 1u << EMO_CHECKPOINT, &err) == EMO_OK);
    CHECK(emo_head_copy(&head, emo_reader_head(reader), &err) == EMO_OK);
    if (key != NULL)
        CHECK(emo_head_set_key(&head, key, value, &err) == EMO_OK);
    CHECK(emo_writer_create(&writer, WRITTEN, &head, &err) == EMO_OK);
    for (size_t i = 0; got; i++) {
        CHECK(emo_reader_next(reader, &r, &got, &err) == EMO_OK);
        for (unsigned k = 0; got && k < (i == without ? times : 1); k++)
            CHECK(emo_writer_record(writer, &r, &err) == EMO_OK);
    }
    CHECK(emo_writer_finish(writer, &err) == EMO_OK);
    emo_reader_close(reader);
    emo_head_free(&head);
    emo_record_free(&r);

    int status = emo_checkpoint_open(&c, WRITTEN, &err);
    if (status == EMO_OK)
        status = emo_checkpoint_restore(&c, net, &t, &err);
    CHECK(status == EMO_INPUT);
    SAID(words);
    emo_checkpoint_free(&c);
    emo_training_free(&t);
    emo_net_close(net);
}

int main(void)
{
    static const char *const keys[][2] = {
        {"checkpoint", "2"},     {"epoch", "-1"},        {"epoch", "65536"}, {"epoch", "4"},
        {"epoch", "0"},          {"whole", "2"},         {"epoch_images", "x"},
        {"epoch_images", "0"},   {"epoch_images", "99"}, {"epoch_right", "3"},
        {"epoch_loss", "nan"},   {"steps", "0"},         {"steps", "99999999999999999999"},
        {"best_epoch", "2"},     {"best_epoch", "3"},    {"best_epoch", "0"},
        {"best_value", "inf"},   {"epoch_seconds", ""},
    };
    load_golden();
    check_golden();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        refused(keys[i][0], keys[i][1], SIZE_MAX, 1, "");
    puts("ok: numbers that make no sense");
    refused(NULL, NULL, 0, 0, "trail");
    refused(NULL, NULL, 1, 0, "history");
    for (size_t i = 0; i < 11; i++) {
        if (i >= 3)
            refused(NULL, NULL, i, 0, "lacks some");
        refused(NULL, NULL, i, 2, "record");
    }
    puts("ok: what is missing, or there twice");
    unlink(GIVEN);
    unlink(WRITTEN);
    return 0;
}
