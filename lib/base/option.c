#include "base/option.h"

#include <stdlib.h>
#include <string.h>

static const char *const split_names[] = {"none", "train", "valid", "test"};

static bool parse_splits(const char *s, unsigned *mask)
{
    unsigned m = 0;
    while (true) {
        size_t n = strcspn(s, ",");
        unsigned i = 0;
        while (i < 4 && (strlen(split_names[i]) != n || memcmp(split_names[i], s, n) != 0))
            i++;
        if (i == 4)
            return false;
        m |= 1u << i;
        if (s[n] == '\0')
            break;
        s += n + 1;
    }
    *mask = m;
    return true;
}

static bool parse_choice(const char *s, const char *const *choices, int *index)
{
    for (int i = 0; choices[i]; i++)
        if (strcmp(choices[i], s) == 0) {
            *index = i;
            return true;
        }
    return false;
}

/* The rule that the value of o must keep, for the message. */
static void rule(const struct emo_option *o, struct emo_text *out)
{
    switch (o->kind) {
    case EMO_INT: emo_text_printf(out, "a whole number from %.0f to %.0f", o->low, o->high); break;
    case EMO_REAL: emo_text_printf(out, "a number from %g to %g", o->low, o->high); break;
    case EMO_SIZE: emo_text_printf(out, "a size such as 65536, 512M or 2G"); break;
    case EMO_SHAPE: emo_text_printf(out, "HEIGHTxWIDTH, such as 400x500"); break;
    case EMO_PART: emo_text_printf(out, "I/N with I from 1 to N, such as 1/5"); break;
    case EMO_RATIO: emo_text_printf(out, "a number from 0 to 1 with at most 9 decimals"); break;
    case EMO_SPLITS: emo_text_printf(out, "one or more of none,train,valid,test"); break;
    case EMO_CHOICE:
        emo_text_printf(out, "one of");
        for (int i = 0; o->choices[i]; i++)
            emo_text_printf(out, "%s %s", i ? "," : "", o->choices[i]);
        break;
    case EMO_FLAG:
    case EMO_STRING:
    case EMO_STRINGS: break;
    }
}

static bool store(struct emo_option *o, const char *s, bool *memory)
{
    int64_t whole;
    double real;
    switch (o->kind) {
    case EMO_FLAG: *(bool *)o->value = true; return true;
    case EMO_STRING: *(const char **)o->value = s; return true;
    case EMO_STRINGS: {
        struct emo_strings *list = o->value;
        const char **at = realloc(list->at, (list->count + 1) * sizeof *at);
        if (!at) {
            *memory = true;
            return false;
        }
        at[list->count++] = s;
        list->at = at;
        return true;
    }
    case EMO_INT:
        if (!emo_parse_int(s, &whole) || (double)whole < o->low || (double)whole > o->high)
            return false;
        *(int64_t *)o->value = whole;
        return true;
    case EMO_REAL:
        if (!emo_parse_real(s, &real) || real < o->low || real > o->high)
            return false;
        *(double *)o->value = real;
        return true;
    case EMO_SIZE: return emo_parse_size(s, o->value);
    case EMO_SHAPE: {
        struct emo_shape *shape = o->value;
        return emo_parse_shape(s, &shape->height, &shape->width);
    }
    case EMO_PART: {
        struct emo_part *part = o->value;
        return emo_parse_part(s, &part->i, &part->n);
    }
    case EMO_RATIO: {
        struct emo_ratio *ratio = o->value;
        return emo_parse_ratio(s, &ratio->p, &ratio->q);
    }
    case EMO_CHOICE: return parse_choice(s, o->choices, o->value);
    case EMO_SPLITS: return parse_splits(s, o->value);
    }
    return false;
}

static int take(struct emo_option *o, const char *shown, const char *s, struct emo_error *err)
{
    bool memory = false;
    if (store(o, s, &memory)) {
        o->given = true;
        return EMO_OK;
    }
    if (memory)
        return emo_error_memory(err, sizeof s, "options");
    char quoted[EMO_QUOTE_SIZE];
    struct emo_text text = {0};
    rule(o, &text);
    emo_error(err, EMO_USAGE, "%s: %s is not %s", shown,
              emo_quote(quoted, sizeof quoted, s, strlen(s)), text.bytes ? text.bytes : "valid");
    emo_text_free(&text);
    return EMO_USAGE;
}

static int parse_long(struct emo_option *table, size_t count, int argc, char **argv, int *at,
                      struct emo_error *err)
{
    const char *name = argv[*at] + 2;
    size_t n = strcspn(name, "=");
    char shown[64] = "--";
    for (size_t i = 0; i < count; i++) {
        struct emo_option *o = &table[i];
        if (strlen(o->name) != n || memcmp(o->name, name, n) != 0)
            continue;
        memcpy(shown + 2, name, n < sizeof shown - 3 ? n : sizeof shown - 3);
        if (o->kind == EMO_FLAG)
            return name[n] ? emo_error(err, EMO_USAGE, "%s takes no value", shown)
                           : take(o, shown, "", err);
        if (name[n])
            return take(o, shown, name + n + 1, err);
        if (*at + 1 >= argc)
            return emo_error(err, EMO_USAGE, "%s wants a value, %s", shown, o->argument);
        return take(o, shown, argv[++*at], err);
    }
    char quoted[EMO_QUOTE_SIZE];
    return emo_error(err, EMO_USAGE, "unknown option %s",
                     emo_quote(quoted, sizeof quoted, argv[*at], n + 2));
}

static int parse_letters(struct emo_option *table, size_t count, int argc, char **argv, int *at,
                         struct emo_error *err)
{
    for (const char *p = argv[*at] + 1; *p; p++) {
        char shown[3] = {'-', *p, '\0'}, quoted[EMO_QUOTE_SIZE];
        size_t i = 0;
        while (i < count && table[i].letter != *p)
            i++;
        if (i == count)
            return emo_error(err, EMO_USAGE, "unknown option %s",
                             emo_quote(quoted, sizeof quoted, shown, 2));
        struct emo_option *o = &table[i];
        int status;
        if (o->kind == EMO_FLAG) {
            status = take(o, shown, "", err);
            if (status)
                return status;
            continue;
        }
        if (p[1])
            return take(o, shown, p + 1, err);
        if (*at + 1 >= argc)
            return emo_error(err, EMO_USAGE, "%s wants a value, %s", shown, o->argument);
        return take(o, shown, argv[++*at], err);
    }
    return EMO_OK;
}

int emo_options_parse(struct emo_option *table, size_t count, int argc, char **argv,
                      size_t *operands, struct emo_error *err)
{
    int kept = 1;
    bool only_operands = false;
    for (int i = 1; i < argc; i++) {
        char *s = argv[i];
        int status = EMO_OK;
        if (only_operands || s[0] != '-' || s[1] == '\0')
            argv[kept++] = s;
        else if (strcmp(s, "--") == 0)
            only_operands = true;
        else if (s[1] == '-')
            status = parse_long(table, count, argc, argv, &i, err);
        else
            status = parse_letters(table, count, argc, argv, &i, err);
        if (status)
            return status;
    }
    *operands = (size_t)(kept - 1);
    return EMO_OK;
}

static void add_value(const struct emo_option *o, struct emo_text *out)
{
    const struct emo_shape *shape = o->value;
    const struct emo_part *part = o->value;
    const struct emo_ratio *ratio = o->value;
    const char *separator = "";
    switch (o->kind) {
    case EMO_FLAG: break;
    case EMO_STRING: emo_text_printf(out, "%s", *(const char *const *)o->value); break;
    case EMO_STRINGS: break;
    case EMO_INT: emo_text_printf(out, "%lld", (long long)*(const int64_t *)o->value); break;
    case EMO_REAL: emo_text_printf(out, "%.17g", *(const double *)o->value); break;
    case EMO_SIZE:
        emo_text_printf(out, "%llu", (unsigned long long)*(const uint64_t *)o->value);
        break;
    case EMO_SHAPE: emo_text_printf(out, "%ux%u", shape->height, shape->width); break;
    case EMO_PART: emo_text_printf(out, "%u/%u", part->i, part->n); break;
    case EMO_RATIO:
        emo_text_printf(out, "%llu/%llu", (unsigned long long)ratio->p,
                        (unsigned long long)ratio->q);
        break;
    case EMO_CHOICE: emo_text_printf(out, "%s", o->choices[*(const int *)o->value]); break;
    case EMO_SPLITS:
        for (unsigned i = 0; i < 4; i++)
            if (*(const unsigned *)o->value & 1u << i) {
                emo_text_printf(out, "%s%s", separator, split_names[i]);
                separator = ",";
            }
        break;
    }
}

void emo_option_value(const struct emo_option *o, struct emo_text *out)
{
    const char *string = "";
    if (o->kind == EMO_FLAG)
        string = *(const bool *)o->value ? "yes" : "no";
    else if (o->kind == EMO_STRING && *(const char *const *)o->value != NULL)
        string = *(const char *const *)o->value;
    if (o->kind == EMO_FLAG || o->kind == EMO_STRING)
        emo_text_add(out, string, strlen(string));
    else
        add_value(o, out);
}

static int conflict(const struct emo_option *o, const char *mine, const char *value,
                    struct emo_error *err)
{
    char a[EMO_QUOTE_SIZE], b[EMO_QUOTE_SIZE];
    return emo_error(err, EMO_USAGE, "--%s is %s here, but %s in the run that is to go on", o->name,
                     emo_quote(a, sizeof a, mine, strlen(mine)),
                     emo_quote(b, sizeof b, value, strlen(value)));
}

int emo_option_restore(struct emo_option *o, const char *value, struct emo_error *err)
{
    struct emo_text mine = {0};
    char quoted[EMO_QUOTE_SIZE];
    bool memory = false;
    int status = EMO_OK;
    emo_option_value(o, &mine);
    if (mine.failed)
        status = emo_error_memory(err, mine.length, "options");
    else if (mine.length == strlen(value) && memcmp(mine.length > 0 ? mine.bytes : "", value,
                                                    mine.length) == 0)
        status = EMO_OK;
    else if (o->given)
        status = conflict(o, mine.length > 0 ? mine.bytes : "", value, err);
    else if (o->kind == EMO_FLAG ? strcmp(value, "yes") != 0 : !store(o, value, &memory))
        status = emo_error(err, EMO_INPUT, "--%s cannot be %s", o->name,
                           emo_quote(quoted, sizeof quoted, value, strlen(value)));
    else if (o->kind == EMO_FLAG)
        *(bool *)o->value = true;
    emo_text_free(&mine);
    return status;
}

void emo_options_recorded(const struct emo_option *table, size_t count, struct emo_text *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct emo_option *o = &table[i];
        if (!o->recorded || !o->given)
            continue;
        const struct emo_strings *list = o->value;
        size_t times = o->kind == EMO_STRINGS ? list->count : 1;
        for (size_t k = 0; k < times; k++) {
            emo_text_printf(out, "%s--%s", out->length ? " " : "", o->name);
            if (o->kind == EMO_STRINGS)
                emo_text_printf(out, " %s", list->at[k]);
            else if (o->kind != EMO_FLAG) {
                emo_text_add(out, " ", 1);
                add_value(o, out);
            }
        }
    }
}

void emo_options_help(const struct emo_option *table, size_t count, struct emo_text *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct emo_option *o = &table[i];
        struct emo_text left = {0};
        if (o->letter)
            emo_text_printf(&left, "  -%c, --%s", o->letter, o->name);
        else
            emo_text_printf(&left, "      --%s", o->name);
        if (o->argument)
            emo_text_printf(&left, " %s", o->argument);
        emo_text_printf(out, "%-30s %s", left.bytes ? left.bytes : "", o->help);
        if (o->kind == EMO_CHOICE) {
            emo_text_printf(out, " (");
            for (int k = 0; o->choices[k]; k++)
                emo_text_printf(out, "%s%s", k ? ", " : "", o->choices[k]);
            emo_text_printf(out, ")");
        }
        emo_text_add(out, "\n", 1);
        if (left.failed)
            out->failed = true;
        emo_text_free(&left);
    }
}

bool emo_option_given(const struct emo_option *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].given;
    return false;
}
