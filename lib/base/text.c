#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void emo_text_free(struct emo_text *t)
{
    free(t->bytes);
    *t = (struct emo_text){0};
}

/* Room for n more bytes and the NUL. */
static bool grow(struct emo_text *t, size_t n)
{
    if (t->failed)
        return false;
    if (n > SIZE_MAX / 4 - t->length) {
        t->failed = true;
        return false;
    }
    size_t need = t->length + n + 1;
    if (need <= t->room)
        return true;
    size_t room = need < 64 ? 64 : need + need / 2;
    char *bytes = realloc(t->bytes, room);
    if (!bytes) {
        t->failed = true;
        return false;
    }
    t->bytes = bytes;
    t->room = room;
    return true;
}

void emo_text_add(struct emo_text *t, const char *bytes, size_t n)
{
    if (!grow(t, n))
        return;
    if (n)
        memcpy(t->bytes + t->length, bytes, n);
    t->length += n;
    t->bytes[t->length] = '\0';
}

void emo_text_printf(struct emo_text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        t->failed = true;
    else if (grow(t, (size_t)n)) {
        vsnprintf(t->bytes + t->length, (size_t)n + 1, format, again);
        t->length += (size_t)n;
    }
    va_end(again);
}

/* One byte escaped into out (5 bytes with the NUL); returns its length. */
static size_t escape_byte(unsigned char c, char out[5])
{
    const char *pair = NULL;
    switch (c) {
    case '\\': pair = "\\\\"; break;
    case '\t': pair = "\\t"; break;
    case '\n': pair = "\\n"; break;
    case '\r': pair = "\\r"; break;
    default: break;
    }
    if (pair) {
        memcpy(out, pair, 3);
        return 2;
    }
    if (c < 0x20 || c == 0x7f) {
        snprintf(out, 5, "\\x%02X", c);
        return 4;
    }
    out[0] = (char)c;
    out[1] = '\0';
    return 1;
}

void emo_text_escaped(struct emo_text *t, const char *bytes, size_t n)
{
    char one[5];
    size_t plain = 0; /* bytes before i that stand for themselves */
    for (size_t i = 0; i < n; i++) {
        size_t length = escape_byte((unsigned char)bytes[i], one);
        if (length == 1) {
            plain++;
            continue;
        }
        emo_text_add(t, bytes + i - plain, plain);
        emo_text_add(t, one, length);
        plain = 0;
    }
    emo_text_add(t, bytes + n - plain, plain);
}

void emo_text_field(struct emo_text *t, const char *bytes, size_t n)
{
    emo_text_add(t, "\t", 1);
    if (bytes == NULL)
        emo_text_add(t, "NA", 2);
    else
        emo_text_escaped(t, bytes, n);
}

/* Length of the well-formed UTF-8 sequence at s (n bytes left), 0 when there is none. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    if (s[0] < 0x80)
        return 1;
    size_t length = s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : s[0] >= 0xe0 && s[0] <= 0xef ? 3
                  : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : 0;
    if (length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] > 0x9f;
    bool beyond = s[0] == 0xf4 && s[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

bool emo_is_utf8(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t length = utf8_length((const unsigned char *)bytes + i, n - i);
        if (!length)
            return false;
        i += length;
    }
    return true;
}

void emo_text_shown(struct emo_text *t, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t length = utf8_length((const unsigned char *)bytes + i, n - i);
        if (length == 0)
            emo_text_add(t, "\xef\xbf\xbd", 3);
        else
            emo_text_escaped(t, bytes + i, length);
        i += length > 0 ? length : 1;
    }
}

void emo_text_json(struct emo_text *t, const char *bytes, size_t n)
{
    if (bytes == NULL) {
        emo_text_add(t, "null", 4);
        return;
    }
    emo_text_add(t, "\"", 1);
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)bytes[i];
        size_t length = utf8_length((const unsigned char *)bytes + i, n - i);
        if (length == 0) {
            emo_text_add(t, "\xef\xbf\xbd", 3);
            i++;
        } else if (length > 1) {
            emo_text_add(t, bytes + i, length);
            i += length;
        } else {
            if (c == '"' || c == '\\')
                emo_text_printf(t, "\\%c", c);
            else if (c < 0x20 || c == 0x7f)
                emo_text_printf(t, "\\u%04x", c);
            else
                emo_text_add(t, bytes + i, 1);
            i++;
        }
    }
    emo_text_add(t, "\"", 1);
}

void emo_text_number(struct emo_text *t, double value)
{
    char digits[40];
    if (isnan(value)) {
        emo_text_add(t, "NA", 2);
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (precision == 17 || strtod(digits, NULL) == value)
            break;
    }
    emo_text_add(t, digits, strlen(digits));
}

void emo_text_json_number(struct emo_text *t, double value)
{
    if (isfinite(value))
        emo_text_number(t, value);
    else
        emo_text_add(t, "null", 4);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool emo_unescape(char *bytes, size_t *n)
{
    size_t out = 0;
    for (size_t i = 0; i < *n; i++) {
        if (bytes[i] != '\\') {
            bytes[out++] = bytes[i];
            continue;
        }
        if (++i == *n)
            return false;
        switch (bytes[i]) {
        case '\\': bytes[out++] = '\\'; break;
        case 't': bytes[out++] = '\t'; break;
        case 'n': bytes[out++] = '\n'; break;
        case 'r': bytes[out++] = '\r'; break;
        case 'x': {
            if (*n - i < 3)
                return false;
            int high = hex_digit(bytes[i + 1]), low = hex_digit(bytes[i + 2]);
            if (high < 0 || low < 0)
                return false;
            bytes[out++] = (char)(unsigned char)(high * 16 + low);
            i += 2;
            break;
        }
        default: return false;
        }
    }
    *n = out;
    return true;
}

char *emo_quote(char *out, size_t size, const char *s, size_t n)
{
    size_t at = 0;
    out[at++] = '"';
    for (size_t i = 0; i < n; i++) {
        char one[5];
        size_t length = escape_byte((unsigned char)s[i], one);
        if (at + length + 5 > size) { /* room for ... " NUL */
            memcpy(out + at, "...", 3);
            at += 3;
            break;
        }
        memcpy(out + at, one, length);
        at += length;
    }
    out[at++] = '"';
    out[at] = '\0';
    return out;
}

int emo_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t n = a_length < b_length ? a_length : b_length;
    int c = n > 0 ? memcmp(a, b, n) : 0;
    return c != 0 ? c : a_length < b_length ? -1 : a_length > b_length;
}

bool emo_parse_int(const char *s, int64_t *value)
{
    if (!(*s == '-' || (*s >= '0' && *s <= '9')))
        return false;
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (errno || end == s || *end)
        return false;
    *value = v;
    return true;
}

/* Leading decimal digits of s into *value; returns what follows, NULL when none or too large. */
static const char *digits(const char *s, uint64_t *value)
{
    uint64_t v = 0;
    const char *p = s;
    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t d = (uint64_t)(*p - '0');
        if (v > (UINT64_MAX - d) / 10)
            return NULL;
        v = v * 10 + d;
    }
    *value = v;
    return p == s ? NULL : p;
}

bool emo_parse_uint(const char *s, uint64_t *value)
{
    uint64_t v;
    const char *end = digits(s, &v);
    if (!end || *end)
        return false;
    *value = v;
    return true;
}

bool emo_parse_real(const char *s, double *value)
{
    const char *p = *s == '-' || *s == '+' ? s + 1 : s;
    if (!((*p >= '0' && *p <= '9') || *p == '.'))
        return false; /* no blanks, inf or nan */
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
        return false;
    char *end;
    errno = 0;
    double v = strtod(s, &end);
    if (end == s || *end || !isfinite(v))
        return false;
    *value = v;
    return true;
}

bool emo_parse_size(const char *s, uint64_t *value)
{
    uint64_t v;
    const char *end = digits(s, &v);
    if (!end)
        return false;
    static const char units[] = "KMGT";
    unsigned shift = 0;
    if (*end) {
        const char *unit = strchr(units, *end);
        if (!unit || end[1])
            return false;
        shift = 10u * (unsigned)(unit - units + 1);
    }
    if (v > UINT64_MAX >> shift)
        return false;
    *value = v << shift;
    return true;
}

bool emo_parse_shape(const char *s, uint32_t *height, uint32_t *width)
{
    uint64_t h, w;
    const char *p = digits(s, &h);
    if (!p || *p != 'x')
        return false;
    p = digits(p + 1, &w);
    if (!p || *p || h < 1 || w < 1 || h > 65535 || w > 65535)
        return false;
    *height = (uint32_t)h;
    *width = (uint32_t)w;
    return true;
}

bool emo_parse_part(const char *s, uint32_t *i, uint32_t *n)
{
    uint64_t a, b;
    const char *p = digits(s, &a);
    if (!p || *p != '/')
        return false;
    p = digits(p + 1, &b);
    if (!p || *p || a < 1 || a > b || b > UINT32_MAX)
        return false;
    *i = (uint32_t)a;
    *n = (uint32_t)b;
    return true;
}

bool emo_parse_ratio(const char *s, uint64_t *p, uint64_t *q)
{
    const uint64_t most = 1000000000;
    uint64_t a = 0, b = 1;
    const char *at = s;
    if (*at != '.') {
        at = digits(at, &a);
        if (!at || a > most)
            return false;
    }
    if (*at == '/') {
        at = digits(at + 1, &b);
        if (!at || b == 0 || b > most)
            return false;
    } else if (*at == '.') {
        const char *first = ++at;
        for (; *at >= '0' && *at <= '9'; at++) {
            if (b >= most)
                return false;
            a = a * 10 + (uint64_t)(*at - '0');
            b *= 10;
        }
        if (at == first)
            return false;
    }
    if (*at || a > b)
        return false;
    uint64_t x = a, y = b;
    while (y) {
        uint64_t r = x % y;
        x = y;
        y = r;
    }
    *p = a / x;
    *q = b / x;
    return true;
}
