#include "base/completion.h"

#include <string.h>

/* What a value can be. */
enum value { NOTHING, ANYTHING, FILES, WORDS, SPLITS };

static enum value value_of(const struct emo_option *o)
{
    static const char *const files[] = {"FILE", "MODEL", "NET", NULL};
    if (o->kind == EMO_FLAG)
        return NOTHING;
    if (o->kind == EMO_CHOICE)
        return WORDS;
    if (o->kind == EMO_SPLITS)
        return SPLITS;
    if (o->kind == EMO_STRING || o->kind == EMO_STRINGS)
        for (size_t i = 0; files[i] != NULL; i++)
            if (strcmp(o->argument, files[i]) == 0)
                return FILES;
    return ANYTHING;
}

static void add_words(struct emo_text *out, const struct emo_option *o)
{
    if (o->kind == EMO_SPLITS)
        emo_text_printf(out, "none train valid test");
    for (int i = 0; o->kind == EMO_CHOICE && o->choices[i] != NULL; i++)
        emo_text_printf(out, "%s%s", i > 0 ? " " : "", o->choices[i]);
}

/* Adds the text with a backslash before each of these characters, and quotes as the shell has them
   within single quotes. */
static void add_escaped(struct emo_text *out, const char *text, const char *escaped,
                        const char *quote)
{
    for (const char *p = text; *p != '\0'; p++)
        if (*p == '\'')
            emo_text_printf(out, "%s", quote);
        else
            emo_text_printf(out, "%s%c", strchr(escaped, *p) != NULL ? "\\" : "", *p);
}

/* A case of the word before: of one option with this value. */
static void bash_case(struct emo_text *out, const struct emo_option *o)
{
    enum value value = value_of(o);
    emo_text_printf(out, "    ");
    if (o->letter)
        emo_text_printf(out, "-%c | ", o->letter);
    emo_text_printf(out, "--%s)\n", o->name);
    if (value == WORDS || value == SPLITS) {
        if (value == SPLITS)
            emo_text_printf(out, "        case $cur in *,*) before=${cur%%,*}, ;; esac\n");
        emo_text_printf(out, "        mapfile -t COMPREPLY < <(compgen -P \"$before\" -W '");
        add_words(out, o);
        emo_text_printf(out, "' -- \"${cur#\"$before\"}\")\n");
    } else if (value == FILES) {
        emo_text_printf(out, "        compopt -o filenames 2>/dev/null\n"
                             "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n");
    }
    emo_text_printf(out, "        return ;;\n");
}

static void bash(struct emo_text *out, const char *program, const struct emo_option *table,
                 size_t count)
{
    emo_text_printf(out, "# Completion of %s for bash, made from its option table.\n", program);
    emo_text_printf(out, "_%s() {\n"
                         "    local cur=${COMP_WORDS[COMP_CWORD]} before=\n"
                         "    local last=${COMP_WORDS[COMP_CWORD - 1]}\n"
                         "    COMPREPLY=()\n"
                         "    # --name=value comes as three words.\n"
                         "    if [ \"$cur\" = = ]; then\n"
                         "        cur=\n"
                         "    elif [ \"$last\" = = ]; then\n"
                         "        last=${COMP_WORDS[COMP_CWORD - 2]}\n"
                         "    fi\n"
                         "    case $last in\n", program);
    for (size_t i = 0; i < count; i++)
        if (table[i].kind != EMO_FLAG)
            bash_case(out, &table[i]);
    emo_text_printf(out, "    esac\n"
                         "    case $cur in\n"
                         "    -*)\n"
                         "        mapfile -t COMPREPLY < <(compgen -W '");
    for (size_t i = 0; i < count; i++) {
        emo_text_printf(out, "%s--%s", i > 0 ? " " : "", table[i].name);
        if (table[i].letter)
            emo_text_printf(out, " -%c", table[i].letter);
    }
    emo_text_printf(out, "' -- \"$cur\") ;;\n"
                         "    *)\n"
                         "        compopt -o filenames 2>/dev/null\n"
                         "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
                         "    esac\n"
                         "}\n"
                         "complete -F _%s %s\n", program, program);
}

static void zsh(struct emo_text *out, const char *program, const struct emo_option *table,
                size_t count)
{
    emo_text_printf(out, "#compdef %s\n# Completion for zsh, made from the option table.\n"
                         "_arguments -s -S \\\n", program);
    for (size_t i = 0; i < count; i++) {
        const struct emo_option *o = &table[i];
        enum value value = value_of(o);
        const char *star = o->kind == EMO_STRINGS ? "*" : "";
        const char *equals = value != NOTHING ? "=" : "";
        if (o->letter && *star != '\0')
            emo_text_printf(out, "    '*'{-%c%s,--%s%s}'[", o->letter, value != NOTHING ? "+" : "",
                            o->name, equals);
        else if (o->letter)
            emo_text_printf(out, "    '(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter,
                            value != NOTHING ? "+" : "", o->name, equals);
        else
            emo_text_printf(out, "    '%s--%s%s[", star, o->name, equals);
        add_escaped(out, o->help, "\\[]", "'\\''");
        emo_text_printf(out, "]");
        if (value != NOTHING) {
            emo_text_printf(out, ":");
            add_escaped(out, o->argument, "\\:", "'\\''");
            emo_text_printf(out, ":");
        }
        if (value == FILES)
            emo_text_printf(out, "_files");
        if (value == WORDS)
            emo_text_printf(out, "(");
        if (value == SPLITS)
            emo_text_printf(out, "_values -s , split ");
        add_words(out, o);
        emo_text_printf(out, "%s' \\\n", value == WORDS ? ")" : "");
    }
    emo_text_printf(out, "    '*:file:_files'\n");
}

static void fish(struct emo_text *out, const char *program, const struct emo_option *table,
                 size_t count)
{
    emo_text_printf(out, "# Completion of %s for fish, made from its option table.\n", program);
    for (size_t i = 0; i < count; i++) {
        const struct emo_option *o = &table[i];
        enum value value = value_of(o);
        emo_text_printf(out, "complete -c %s -l %s", program, o->name);
        if (o->letter)
            emo_text_printf(out, " -s %c", o->letter);
        if (value == FILES)
            emo_text_printf(out, " -r -F");
        else if (value != NOTHING)
            emo_text_printf(out, " -x");
        if (value == WORDS || value == SPLITS) {
            emo_text_printf(out, " -a '");
            add_words(out, o);
            emo_text_printf(out, "'");
        }
        emo_text_printf(out, " -d '");
        add_escaped(out, o->help, "\\", "\\'");
        emo_text_printf(out, "'\n");
    }
}

bool emo_completion(struct emo_text *out, const char *shell, const char *program,
                    const struct emo_option *table, size_t count)
{
    static const struct {
        const char *shell;
        void (*write)(struct emo_text *, const char *, const struct emo_option *, size_t);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (strcmp(shell, shells[i].shell) == 0) {
            shells[i].write(out, program, table, count);
            return true;
        }
    return false;
}
