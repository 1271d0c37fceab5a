/*
 * What the name of a record says: by a pattern, or by a table in a file.
 */
#ifndef EMO_LEARN_NAMES_H
#define EMO_LEARN_NAMES_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A POSIX extended regular expression. */
struct emo_pattern;

/* EMO_USAGE with regerror's words when it is not one. Free with close, which takes NULL. */
int emo_pattern_open(struct emo_pattern **p, const char *regex, struct emo_error *err);
void emo_pattern_close(struct emo_pattern *p);

/* Puts into out (emptied first) what the first group captures in name, or the whole match where
   the pattern has no group. *found false: no match, or the group took no part in it. */
int emo_pattern_capture(const struct emo_pattern *p, const char *name, size_t n,
                        struct emo_text *out, bool *found, struct emo_error *err);

/* train, training; valid, validation, val, dev; test, testing; in any case of letters.
   EMO_SPLIT_NONE: none of them. */
uint8_t emo_split_of_word(const char *word);

/*
 * A TSV file with a header line that names the columns "name" and "group", among any others.
 * Names and groups are escaped as in base/text.h. The same name twice with different groups, a
 * short line and a name without a group are EMO_INPUT.
 */
struct emo_group_file;

int emo_group_file_open(struct emo_group_file **f, const char *path, struct emo_error *err);
/* The same with another column, say "class", in the place of "group". */
int emo_group_file_open_column(struct emo_group_file **f, const char *path, const char *column,
                               struct emo_error *err);
/* Names alone ("-": standard input), one a line, escaped; null: each ended by a NUL, as it is.
   Their groups are empty. */
int emo_group_file_open_list(struct emo_group_file **f, const char *path, bool null,
                             struct emo_error *err);
void emo_group_file_close(struct emo_group_file *f);

/* Groups are numbered from 0 in the order in which the file first names them. */
size_t emo_group_file_count(const struct emo_group_file *f);
/* How many different names are in group i; its own name. */
size_t emo_group_file_size(const struct emo_group_file *f, size_t i);
const char *emo_group_file_group(const struct emo_group_file *f, size_t i, size_t *length);
/* The number of a name's group; SIZE_MAX: the name is not in the file. */
size_t emo_group_file_number(const struct emo_group_file *f, const char *name, size_t n);

/* The group of a name, of *length bytes; NULL: the name is not in the file. */
const char *emo_group_file_find(const struct emo_group_file *f, const char *name, size_t n,
                                size_t *length);
/* How many different names there are; the index of one; false: it is not in the file. */
size_t emo_group_file_names(const struct emo_group_file *f);
bool emo_group_file_index(const struct emo_group_file *f, const char *name, size_t n, size_t *i);
/* The group at an index, of *length bytes. */
const char *emo_group_file_at(const struct emo_group_file *f, size_t i, size_t *length);

#endif
