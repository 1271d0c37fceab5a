#include "learn/score.h"

#include "metrics/curve.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t emo_predicted(const float *p, size_t classes)
{
    if (classes == 2)
        return p[1] >= 0.5f;
    size_t best = 0;
    for (size_t k = 1; k < classes; k++)
        if (p[k] > p[best])
            best = k;
    return best;
}

static bool finite_row(const float *p, size_t classes)
{
    for (size_t k = 0; k < classes; k++)
        if (!isfinite(p[k]))
            return false;
    return true;
}

int emo_score_summarise(const float *probabilities, const int *labels, size_t count,
                        size_t classes, struct emo_score_summary *out, struct emo_error *err)
{
    size_t right = 0;
    *out = (struct emo_score_summary){0};
    for (size_t i = 0; i < count; i++) {
        const float *p = probabilities + i * classes;
        if (!finite_row(p, classes)) {
            out->not_finite++;
            continue;
        }
        double q = (double)p[labels[i]];
        out->loss -= log(fmin(fmax(q, FLT_EPSILON), 1 - FLT_EPSILON));
        right += emo_predicted(p, classes) == (size_t)labels[i];
    }
    out->loss = out->not_finite > 0 || count == 0 ? NAN : out->loss / (double)count;
    out->accuracy = count > 0 ? (double)right / (double)count : NAN;
    out->auc = NAN;
    if (out->not_finite > 0 || count == 0)
        return EMO_OK;
    double *scores = malloc(count * sizeof *scores);
    uint8_t *positive = malloc(count);
    if (scores == NULL || positive == NULL) {
        free(scores);
        free(positive);
        return emo_error_memory(err, count * sizeof *scores, "scores");
    }
    double sum = 0;
    int status = EMO_OK;
    size_t first = classes == 2 ? 1 : 0;
    for (size_t k = first; status == EMO_OK && k < classes; k++) {
        double auc;
        for (size_t i = 0; i < count; i++) {
            scores[i] = (double)probabilities[i * classes + k];
            positive[i] = (size_t)labels[i] == k;
        }
        status = emo_auc(scores, positive, count, &auc, err);
        sum += auc;
    }
    out->auc = sum / (double)(classes - first);
    free(scores);
    free(positive);
    return status;
}

static int predict_pool(struct emo_net *n, const struct emo_pool *pool, const size_t *records,
                        size_t count, size_t batch, size_t classes, bool (*stop)(void),
                        float *probabilities, int *labels, struct emo_error *err)
{
    const uint8_t **images = malloc(batch * sizeof *images);
    struct emo_pool_view *views = calloc(batch, sizeof *views);
    int status = EMO_OK;
    if (images == NULL || views == NULL)
        status = emo_error_memory(err, batch * sizeof *views, "a batch");
    for (size_t at = 0; status == EMO_OK && at < count && (stop == NULL || !stop());) {
        size_t m = count - at < batch ? count - at : batch;
        for (size_t k = 0; status == EMO_OK && k < m; k++) {
            status = emo_pool_get(pool, records[at + k], &views[k], err);
            images[k] = views[k].record.payload;
            labels[at + k] = views[k].record.label;
        }
        if (status == EMO_OK)
            status = emo_net_predict(n, images, m, probabilities + at * classes, err);
        at += m;
    }
    for (size_t k = 0; views != NULL && k < batch; k++)
        emo_pool_view_free(&views[k]);
    free(images);
    free(views);
    return status;
}

int emo_score_pool(struct emo_net *n, const struct emo_pool *pool, const size_t *records,
                   size_t count, size_t batch, size_t classes, bool (*stop)(void),
                   struct emo_score_summary *out, struct emo_error *err)
{
    size_t rows = count > 0 ? count : 1;
    float *probabilities = malloc(rows * classes * sizeof *probabilities);
    int *labels = malloc(rows * sizeof *labels);
    int status = EMO_OK;
    if (probabilities == NULL || labels == NULL)
        status = emo_error_memory(err, rows * classes * sizeof *probabilities, "scores");
    if (status == EMO_OK)
        status = predict_pool(n, pool, records, count, batch, classes, stop, probabilities, labels,
                              err);
    if (status == EMO_OK && (stop == NULL || !stop()))
        status = emo_score_summarise(probabilities, labels, count, classes, out, err);
    free(probabilities);
    free(labels);
    return status;
}

int emo_score_record(struct emo_record *score, const struct emo_record *image, int16_t label,
                     bool seen, const float *probabilities, size_t classes, struct emo_error *err)
{
    uint32_t dim[1] = {(uint32_t)classes};
    int status = emo_record_copy_header(score, image, err);
    if (status != EMO_OK)
        return status;
    emo_metadata_payload_changed(&score->metadata);
    emo_metadata_set_i64(&score->metadata, "seen", seen);
    if (score->metadata.failed)
        return emo_error_memory(err, score->metadata.length, "metadata");
    score->label = label;
    emo_record_shape(score, EMO_F32, EMO_ORDER_NONE, 1, dim);
    score->payload = probabilities;
    return EMO_OK;
}

void emo_score_tsv_header(struct emo_text *out, const struct emo_head *head)
{
    emo_text_printf(out, "id\tname\tsplit\tlabel\tpredicted\tscore\tseen");
    for (size_t k = 0; k < head->class_count; k++) {
        emo_text_printf(out, "\tp:");
        emo_text_escaped(out, head->classes[k], strlen(head->classes[k]));
    }
    emo_text_printf(out, "\n");
}

/* Where a probability is not finite, nothing is predicted. */
static const char *predicted_name(const struct emo_head *head, const float *p, double *score)
{
    size_t k = head->class_count;
    *score = NAN;
    if (!finite_row(p, k))
        return NULL;
    k = emo_predicted(p, k);
    *score = (double)p[head->class_count == 2 ? 1 : k];
    return head->classes[k];
}

static void tsv_number(struct emo_text *out, double x)
{
    if (isfinite(x))
        emo_text_printf(out, "\t%.9g", x);
    else
        emo_text_printf(out, "\tNA");
}

void emo_score_tsv(struct emo_text *out, const struct emo_head *head,
                   const struct emo_record *r)
{
    const float *p = r->payload;
    size_t n;
    double score;
    int64_t seen = 0;
    const char *name = emo_metadata_text(&r->metadata, "name", &n);
    const char *label = r->label >= 0 ? head->classes[r->label] : NULL;
    const char *predicted = predicted_name(head, p, &score);
    emo_text_printf(out, "%" PRIu64, r->id);
    emo_text_field(out, name, name != NULL ? n : 0);
    emo_text_printf(out, "\t%s", emo_split_name(r->split));
    emo_text_field(out, label, label != NULL ? strlen(label) : 0);
    emo_text_field(out, predicted, predicted != NULL ? strlen(predicted) : 0);
    tsv_number(out, score);
    if (emo_metadata_i64(&r->metadata, "seen", &seen))
        emo_text_printf(out, "\t%" PRId64, seen);
    else
        emo_text_printf(out, "\tNA");
    for (size_t k = 0; k < head->class_count; k++)
        tsv_number(out, (double)p[k]);
    emo_text_printf(out, "\n");
}

static void json_text(struct emo_text *out, const char *key, const char *s, size_t n)
{
    emo_text_printf(out, ",\"%s\":", key);
    emo_text_json(out, s, n);
}

/* As %.9g, which float32 needs and no more. */
static void json_number(struct emo_text *out, double x)
{
    if (isfinite(x))
        emo_text_printf(out, "%.9g", x);
    else
        emo_text_printf(out, "null");
}

void emo_score_json(struct emo_text *out, const struct emo_head *head,
                    const struct emo_record *r)
{
    const float *p = r->payload;
    size_t n;
    double score;
    int64_t seen = 0;
    const char *name = emo_metadata_text(&r->metadata, "name", &n);
    const char *label = r->label >= 0 ? head->classes[r->label] : NULL;
    const char *predicted = predicted_name(head, p, &score);
    emo_text_printf(out, "{\"id\":%" PRIu64, r->id);
    json_text(out, "name", name, name != NULL ? n : 0);
    json_text(out, "split", emo_split_name(r->split), strlen(emo_split_name(r->split)));
    json_text(out, "label", label, label != NULL ? strlen(label) : 0);
    json_text(out, "predicted", predicted, predicted != NULL ? strlen(predicted) : 0);
    emo_text_printf(out, ",\"score\":");
    json_number(out, score);
    if (emo_metadata_i64(&r->metadata, "seen", &seen))
        emo_text_printf(out, ",\"seen\":%" PRId64, seen);
    else
        emo_text_printf(out, ",\"seen\":null");
    for (size_t k = 0; k < head->class_count; k++) {
        struct emo_text key = {0};
        emo_text_printf(&key, "p:");
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): no class is NULL */
        emo_text_add(&key, head->classes[k], strlen(head->classes[k]));
        emo_text_printf(out, ",");
        if (key.failed)
            out->failed = true;
        else
            emo_text_json(out, key.bytes, key.length);
        emo_text_printf(out, ":");
        json_number(out, (double)p[k]);
        emo_text_free(&key);
    }
    emo_text_printf(out, "}\n");
}
