/*
 * One table per program, from which come the parser, the -h page, the usage
 * line and the provenance line.
 *
 * Options stand anywhere among the operands; "--" ends them; long names are
 * given whole, with "--name value" or "--name=value"; letters may be joined
 * (-qj2). A number is read whole and range-checked. The last of an option given
 * twice counts, except EMO_STRINGS, which collects.
 */
#ifndef EMO_BASE_OPTION_H
#define EMO_BASE_OPTION_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum emo_option_kind { /* value points to: */
    EMO_FLAG,          /* bool, set true */
    EMO_STRING,        /* const char * */
    EMO_STRINGS,       /* struct emo_strings, in the order given; free .at */
    EMO_INT,           /* int64_t, within low..high */
    EMO_REAL,          /* double, within low..high */
    EMO_SIZE,          /* uint64_t, bytes */
    EMO_SHAPE,         /* struct emo_shape */
    EMO_PART,          /* struct emo_part */
    EMO_RATIO,         /* struct emo_ratio, 0 to 1 */
    EMO_CHOICE,        /* int, index into choices (NULL-terminated) */
    EMO_SPLITS,        /* unsigned, bit 1 << split of each of none,train,valid,test named */
};

struct emo_strings {
    const char **at;
    size_t count;
};
struct emo_shape {
    uint32_t height, width;
};
struct emo_part {
    uint32_t i, n;
};
struct emo_ratio {
    uint64_t p, q;
};

struct emo_option {
    char letter;          /* 0: none */
    const char *name;     /* the long name */
    const char *argument; /* "HxW"; NULL for a flag */
    const char *help;     /* one line, without the final stop */
    enum emo_option_kind kind;
    void *value;
    double low, high;
    const char *const *choices;
    bool recorded; /* can change the output: goes into @PG when given */
    bool given;    /* set by the parser */
};

/* The options that every program has, to be put first in its table. */
struct emo_common {
    bool help, version, quiet, verbose, progress, no_pg, no_sandbox;
    const char *output; /* NULL or "-": standard output */
    int64_t jobs;
};

#define EMO_OPTIONS_HELP(c)                                                                        \
    {.letter = 'h', .name = "help", .help = "print this page", .kind = EMO_FLAG,                   \
     .value = &(c).help},                                                                          \
    {.letter = 'V', .name = "version", .help = "print the version", .kind = EMO_FLAG,              \
     .value = &(c).version},                                                                       \
    {.letter = 'q', .name = "quiet", .help = "no summary, no progress; errors only",               \
     .kind = EMO_FLAG, .value = &(c).quiet},                                                       \
    {.letter = 'v', .name = "verbose", .help = "say more of what is done", .kind = EMO_FLAG,       \
     .value = &(c).verbose}
#define EMO_OPTIONS_OUTPUT(c)                                                                      \
    {.letter = 'o', .name = "output", .argument = "FILE",                                          \
     .help = "write FILE, whole or not at all, instead of standard output", .kind = EMO_STRING,    \
     .value = &(c).output}
#define EMO_OPTIONS_JOBS(c)                                                                        \
    {.letter = 'j', .name = "jobs", .argument = "N",                                               \
     .help = "threads; never changes the output", .kind = EMO_INT, .value = &(c).jobs, .low = 1,   \
     .high = 1024}
#define EMO_OPTIONS_PROGRESS(c)                                                                    \
    {.name = "progress", .help = "show progress even where standard error is no terminal",         \
     .kind = EMO_FLAG, .value = &(c).progress}
#define EMO_OPTIONS_NO_PG(c)                                                                       \
    {.name = "no-pg", .help = "leave this program's line out of the stream's provenance",          \
     .kind = EMO_FLAG, .value = &(c).no_pg}

/*
 * Parses argv[1..]. The operands are gathered at the front of argv (argv[0] overwritten is not:
 * they start at argv[1]) and counted in *operands. Returns EMO_OK or EMO_USAGE with a message.
 */
int emo_options_parse(struct emo_option *table, size_t count, int argc, char **argv,
                      size_t *operands, struct emo_error *err);

/* The recorded options that were given, canonically: "--size 400x500 --gray", in table order. */
void emo_options_recorded(const struct emo_option *table, size_t count, struct emo_text *out);

/* For a program that goes on where an earlier run of it stopped. The value as the command line would
   give it, "yes" or "no" for a flag; not for EMO_STRINGS. */
void emo_option_value(const struct emo_option *o, struct emo_text *out);
/* Takes over the earlier run's value. EMO_USAGE: this run was given another; EMO_INPUT: it is no
   value. A string must outlive the table. */
int emo_option_restore(struct emo_option *o, const char *value, struct emo_error *err);

/* The lines of the -h page, one an option. */
void emo_options_help(const struct emo_option *table, size_t count, struct emo_text *out);

/* Was the option of this long name given? */
bool emo_option_given(const struct emo_option *table, size_t count, const char *name);

#endif
