/*
 * Text: a growing string, escapes, and numbers read whole.
 *
 * Escapes. Streams' HEAD text, TSV and messages share one: \\ \t \n \r, and
 * \xHH for other control bytes. emo_text_escaped() writes it, emo_unescape()
 * reads it back; any bytes survive the round trip.
 *
 * Numbers. Each reader takes the whole string or nothing (no blanks, no
 * trailing text, no overflow, no NaN) and returns true when it did.
 */
#ifndef EMO_BASE_TEXT_H
#define EMO_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; free with emo_text_free(). bytes is NUL-terminated when not NULL.
   An allocation that fails sets failed and later calls do nothing: check once at the end. */
struct emo_text {
    char *bytes;
    size_t length, room;
    bool failed;
};

void emo_text_free(struct emo_text *t);
void emo_text_add(struct emo_text *t, const char *bytes, size_t n);
void emo_text_printf(struct emo_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void emo_text_escaped(struct emo_text *t, const char *bytes, size_t n);
/* A field of a table after the first: a TAB and the bytes escaped; bytes NULL: NA. */
void emo_text_field(struct emo_text *t, const char *bytes, size_t n);
/* For the eye: escaped, and bytes that are not UTF-8 become U+FFFD. */
void emo_text_shown(struct emo_text *t, const char *bytes, size_t n);
/* As a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD; bytes NULL: null. */
void emo_text_json(struct emo_text *t, const char *bytes, size_t n);
/* The shortest decimal that reads back as the same double; NA for NaN, inf and -inf. */
void emo_text_number(struct emo_text *t, double value);
/* The same as a JSON number, or null where it is not finite. */
void emo_text_json_number(struct emo_text *t, double value);

/* Undoes the escapes in place; n becomes the new length. False: not a valid escape. */
bool emo_unescape(char *bytes, size_t *n);

/* For messages: s in double quotes, escaped, cut to fit; returns out. */
char *emo_quote(char *out, size_t size, const char *s, size_t n);
#define EMO_QUOTE_SIZE 300

/* Byte order, as of strings: less than 0, 0 or more than 0. */
int emo_compare(const char *a, size_t a_length, const char *b, size_t b_length);

/* Is it well-formed UTF-8? */
bool emo_is_utf8(const char *bytes, size_t n);

bool emo_parse_int(const char *s, int64_t *value);
bool emo_parse_uint(const char *s, uint64_t *value);
bool emo_parse_real(const char *s, double *value);
/* 4096, 512K, 512M, 2G, 1T: powers of 1024. */
bool emo_parse_size(const char *s, uint64_t *value);
/* "HxW", both 1 to 65535. */
bool emo_parse_shape(const char *s, uint32_t *height, uint32_t *width);
/* "I/N", 1 <= I <= N. */
bool emo_parse_part(const char *s, uint32_t *i, uint32_t *n);
/* A decimal from 0 to 1 ("0.2", ".25", "1", "1/3"), exactly, as p/q in lowest terms, q <= 10^9. */
bool emo_parse_ratio(const char *s, uint64_t *p, uint64_t *q);

#endif
