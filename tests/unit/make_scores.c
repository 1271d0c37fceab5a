/*
 * Makes a scores stream of a table, emo-text(5), for the suites: make_scores TABLE STREAM [f64].
 * Without arguments, as a unit test, it checks that table and stream are read as the same scores.
 */
#include "metrics/scores.h"
#include "stream/writer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_scores(struct emo_writer *w, const struct emo_scores *s, bool wide,
                        struct emo_error *err)
{
    struct emo_record r = {0};
    float single[16];
    uint32_t dim[1] = {(uint32_t)s->class_count};
    int status = s->class_count <= 16 ? EMO_OK : emo_error(err, EMO_USAGE, "over 16 classes");
    for (size_t i = 0; status == EMO_OK && i < s->count; i++) {
        const double *p = s->p + i * s->class_count;
        for (size_t k = 0; k < s->class_count; k++)
            single[k] = (float)p[k];
        r.id = i;
        r.label = s->at[i].label;
        r.split = s->at[i].split;
        emo_metadata_remove(&r.metadata, "seen");
        if (s->at[i].seen != EMO_SEEN_UNKNOWN)
            emo_metadata_set_i64(&r.metadata, "seen", s->at[i].seen);
        emo_record_shape(&r, wide ? EMO_F64 : EMO_F32, EMO_ORDER_NONE, 1, dim);
        r.payload = wide ? (const void *)p : single;
        status = emo_writer_record(w, &r, err);
    }
    emo_record_free(&r);
    return status;
}

static int make(const char *table, const char *stream, bool wide, struct emo_error *err)
{
    struct emo_scores s;
    struct emo_head head;
    struct emo_writer *w = NULL;
    emo_head_begin(&head, EMO_SCORES);
    int status = emo_scores_read(&s, &table, 1, err);
    if (status == EMO_OK)
        status = emo_head_set_classes(&head, (const char *const *)s.classes, s.class_count, err);
    if (status == EMO_OK)
        status = emo_writer_create(&w, stream, &head, err);
    if (status == EMO_OK)
        status = write_scores(w, &s, wide, err);
    if (w != NULL)
        status = emo_writer_close(w, NULL, "make_scores", status, err);
    emo_head_free(&head);
    emo_scores_free(&s);
    return status;
}

static int same(const char *a, const char *b, struct emo_error *err)
{
    struct emo_scores x, y = {0};
    int status = emo_scores_read(&x, &a, 1, err);
    if (status == EMO_OK)
        status = emo_scores_read(&y, &b, 1, err);
    if (status == EMO_OK &&
        (x.count != y.count || x.class_count != y.class_count ||
         memcmp(x.at, y.at, x.count * sizeof *x.at) != 0 ||
         memcmp(x.p, y.p, x.count * x.class_count * sizeof *x.p) != 0 || !x.text || y.text))
        status = emo_error(err, EMO_FAILED, "table and stream differ");
    emo_scores_free(&x);
    emo_scores_free(&y);
    return status;
}

static int check_itself(struct emo_error *err)
{
    static const char table[] = "seen\tlabel\tp:b c\tsplit\tp:a\\tb\n"
                                "0\ta\\tb\t0.25\tvalid\t0.75\n"
                                "1\tNA\t1\t\t0\r\n"
                                "NA\tb c\t.5\ttrain\t5e-1\n";
    static const char path[] = "unit-scores.tsv", stream[] = "unit-scores.emo";
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs(table, f) == EOF || fclose(f) != 0)
        return emo_error_errno(err, "%s", path);
    int status = EMO_OK;
    for (int wide = 0; status == EMO_OK && wide < 2; wide++) {
        status = make(path, stream, wide, err);
        if (status == EMO_OK)
            status = same(path, stream, err);
    }
    unlink(path);
    unlink(stream);
    if (status == EMO_OK)
        puts("ok a table and the stream made of it");
    return status;
}

int main(int argc, char **argv)
{
    struct emo_error err = {0};
    int status = argc < 3 ? check_itself(&err) : make(argv[1], argv[2], argc > 3, &err);
    if (status != EMO_OK)
        fprintf(stderr, "make_scores: %s\n", err.text);
    return status;
}
