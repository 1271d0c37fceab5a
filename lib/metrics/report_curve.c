#include "metrics/report.h"

#include "stream/frame.h"

#include <math.h>
#include <string.h>

static const char *const seen_words[] = {"0", "1", "NA"};

void emo_report_curve_header(struct emo_text *out, enum emo_curve_kind kind)
{
    emo_text_printf(out, "split\tseen\tclass\t%s\tthreshold\n",
                    kind == EMO_CURVE_ROC ? "fpr\ttpr" : "recall\tprecision");
}

static void add_points(struct emo_text *out, const struct emo_curve *c, const char *class,
                       const struct emo_group *g)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct emo_point *p = &c->points[i];
        emo_text_printf(out, "%s\t%s\t", emo_split_name(g->split), seen_words[g->seen]);
        emo_text_escaped(out, class, strlen(class));
        emo_text_printf(out, "\t");
        emo_text_number(out, p->x);
        emo_text_printf(out, "\t");
        emo_text_number(out, p->y);
        emo_text_printf(out, "\t");
        emo_text_number(out, p->threshold);
        emo_text_printf(out, "\n");
    }
}

int emo_report_curve(struct emo_text *out, enum emo_curve_kind kind, const struct emo_report *r,
                     const struct emo_group *g, const struct emo_evaluation *e,
                     struct emo_error *err)
{
    const struct emo_scores *s = r->scores;
    for (size_t k = 0; k < s->class_count; k++) {
        struct emo_ranking ranking;
        struct emo_curve curve = {0};
        if (isnan(e->ranked[k].auc) || (s->class_count == 2 && k != r->rules.positive))
            continue;
        int status = emo_scores_rank(s, g->rows, g->count, k, r->rules.positive, &ranking, err);
        if (status == EMO_OK && kind == EMO_CURVE_ROC)
            status = emo_curve_roc(&curve, &ranking, err);
        else if (status == EMO_OK)
            status = emo_curve_pr(&curve, &ranking, err);
        add_points(out, &curve, s->classes[k], g);
        emo_curve_free(&curve);
        emo_ranking_free(&ranking);
        if (status != EMO_OK)
            return status;
    }
    return EMO_OK;
}
