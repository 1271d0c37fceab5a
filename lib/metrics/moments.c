#include "metrics/moments.h"

#include <inttypes.h>
#include <math.h>

void emo_moments_join(struct emo_moments *m, const struct emo_moments *other)
{
    uint64_t not_finite = m->not_finite + other->not_finite;
    if (m->count == 0) {
        *m = *other;
    } else if (other->count > 0) {
        double n = (double)m->count, k = (double)other->count, delta = other->mean - m->mean;
        m->count += other->count;
        m->least = fmin(m->least, other->least);
        m->greatest = fmax(m->greatest, other->greatest);
        m->mean += delta * (k / (n + k));
        m->squares += other->squares + delta * delta * (n * (k / (n + k)));
    }
    m->not_finite = not_finite;
}

double emo_moments_deviation(const struct emo_moments *m)
{
    return m->count > 0 ? sqrt(m->squares / (double)m->count) : NAN;
}

/* Of n values, of which value i comes times[i] times. */
static void of_bytes(struct emo_moments *m, const uint64_t times[256])
{
    double sum = 0;
    *m = (struct emo_moments){.least = 255};
    for (unsigned v = 0; v < 256; v++)
        if (times[v] > 0) {
            m->least = fmin(m->least, v);
            m->greatest = v;
            m->count += times[v];
            sum += (double)v * (double)times[v];
        }
    m->mean = sum / (double)m->count;
    for (unsigned v = 0; v < 256; v++)
        m->squares += (double)times[v] * (v - m->mean) * (v - m->mean);
}

/* Of every channels-th element from the first. */
static void of_elements(struct emo_moments *m, const struct emo_record *r, size_t first,
                        size_t channels)
{
    size_t n = emo_record_elements(r);
    double sum = 0;
    *m = (struct emo_moments){.least = INFINITY, .greatest = -INFINITY};
    for (size_t i = first; i < n; i += channels) {
        double x = emo_record_value(r, i);
        if (!isfinite(x)) {
            m->not_finite++;
            continue;
        }
        m->count++;
        sum += x;
        m->least = fmin(m->least, x);
        m->greatest = fmax(m->greatest, x);
    }
    if (m->count == 0)
        return;
    m->mean = sum / (double)m->count;
    for (size_t i = first; i < n; i += channels) {
        double x = emo_record_value(r, i);
        if (isfinite(x))
            m->squares += (x - m->mean) * (x - m->mean);
    }
}

static void of_channel(struct emo_moments *m, const struct emo_record *r, size_t first,
                       size_t channels)
{
    if (r->dtype != EMO_U8) {
        of_elements(m, r, first, channels);
        return;
    }
    uint64_t times[256] = {0};
    const uint8_t *bytes = r->payload;
    size_t n = emo_record_elements(r);
    for (size_t i = first; i < n; i += channels)
        times[bytes[i]]++;
    of_bytes(m, times);
}

void emo_stream_moments_add(struct emo_stream_moments *s, const struct emo_record *r,
                            struct emo_moments *own)
{
    uint32_t channels = r->order == EMO_HWC && r->rank == 3 ? r->dim[2] : 0;
    bool joins = r->dtype != EMO_I32 && r->dtype != EMO_I64 && r->dtype != EMO_U64;
    if (channels > EMO_CHANNELS_MOST)
        channels = 0;
    s->mixed = s->mixed || channels == 0 || (s->channels > 0 && channels != s->channels);
    s->channels = s->mixed ? 0 : channels;
    *own = (struct emo_moments){0};
    for (uint32_t c = 0; c < (channels > 0 ? channels : 1); c++) {
        struct emo_moments part;
        of_channel(&part, r, c, channels > 0 ? channels : 1);
        emo_moments_join(own, &part);
        if (channels > 0 && joins)
            emo_moments_join(&s->channel[c], &part);
    }
    if (joins)
        emo_moments_join(&s->all, own);
}

void emo_moments_columns(struct emo_text *out)
{
    emo_text_printf(out, "id\tepoch\tchannel\tcount\tnot_finite\tmin\tmax\tmean\tstd\tname");
}

/* The first three fields; missing is NA or null. */
static void add_subject(struct emo_text *out, const struct emo_record *r, int channel, bool json)
{
    const char *missing = json ? "null" : "NA";
    emo_text_printf(out, "%s", json ? "{\"id\":" : "");
    if (r != NULL)
        emo_text_printf(out, "%" PRIu64, r->id);
    else
        emo_text_printf(out, "%s", missing);
    emo_text_printf(out, "%s", json ? ",\"epoch\":" : "\t");
    if (r != NULL && r->epoch > 0)
        emo_text_printf(out, "%u", r->epoch);
    else
        emo_text_printf(out, "%s", missing);
    emo_text_printf(out, "%s", json ? ",\"channel\":" : "\t");
    if (channel >= 0)
        emo_text_printf(out, "%d", channel);
    else
        emo_text_printf(out, "%s", missing);
}

void emo_moments_row(struct emo_text *out, const struct emo_record *r, int channel,
                     const struct emo_moments *m)
{
    const double figures[] = {m->least, m->greatest, m->mean, emo_moments_deviation(m)};
    size_t n = 0;
    const char *name = r != NULL ? emo_metadata_text(&r->metadata, "name", &n) : NULL;
    add_subject(out, r, channel, false);
    emo_text_printf(out, "\t%" PRIu64 "\t%" PRIu64, m->count, m->not_finite);
    for (size_t i = 0; i < 4; i++)
        if (m->count > 0)
            emo_text_printf(out, "\t%.9g", figures[i]);
        else
            emo_text_printf(out, "\tNA");
    emo_text_field(out, name, n);
}

void emo_moments_object(struct emo_text *out, const struct emo_record *r, int channel,
                        const struct emo_moments *m)
{
    static const char *const keys[] = {"min", "max", "mean", "std"};
    const double figures[] = {m->least, m->greatest, m->mean, emo_moments_deviation(m)};
    size_t n = 0;
    const char *name = r != NULL ? emo_metadata_text(&r->metadata, "name", &n) : NULL;
    add_subject(out, r, channel, true);
    emo_text_printf(out, ",\"count\":%" PRIu64 ",\"not_finite\":%" PRIu64, m->count,
                    m->not_finite);
    for (size_t i = 0; i < 4; i++)
        if (m->count > 0 && isfinite(figures[i]))
            emo_text_printf(out, ",\"%s\":%.9g", keys[i], figures[i]);
        else
            emo_text_printf(out, ",\"%s\":null", keys[i]);
    emo_text_printf(out, ",\"name\":");
    emo_text_json(out, name, n);
}
