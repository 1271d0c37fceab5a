/* lib/base/option: one table, its parser, its help, its provenance line. */
#include "check.h"

#include "base/option.h"

static struct emo_common common;
static bool flag;
static const char *string;
static struct emo_strings strings;
static int64_t whole;
static double real;
static uint64_t size;
static struct emo_shape shape;
static struct emo_part part;
static struct emo_ratio ratio;
static int choice;
static unsigned splits;
static const char *const choices[] = {"red", "green", NULL};

static const struct emo_option blank[] = {
    EMO_OPTIONS_HELP(common),
    EMO_OPTIONS_OUTPUT(common),
    EMO_OPTIONS_JOBS(common),
    {.letter = 'f', .name = "flag", .help = "f", .kind = EMO_FLAG, .value = &flag,
     .recorded = true},
    {.name = "string", .argument = "S", .help = "s", .kind = EMO_STRING, .value = &string,
     .recorded = true},
    {.letter = 'c', .name = "class", .argument = "S", .help = "c", .kind = EMO_STRINGS,
     .value = &strings, .recorded = true},
    {.letter = 'e', .name = "epochs", .argument = "N", .help = "e", .kind = EMO_INT,
     .value = &whole, .low = 1, .high = 65535, .recorded = true},
    {.name = "lr", .argument = "R", .help = "r", .kind = EMO_REAL, .value = &real, .low = 0,
     .high = 10, .recorded = true},
    {.name = "memory", .argument = "SIZE", .help = "m", .kind = EMO_SIZE, .value = &size},
    {.letter = 's', .name = "size", .argument = "HxW", .help = "s", .kind = EMO_SHAPE,
     .value = &shape, .recorded = true},
    {.name = "fold", .argument = "I/K", .help = "k", .kind = EMO_PART, .value = &part,
     .recorded = true},
    {.letter = 'r', .name = "valid", .argument = "R", .help = "r", .kind = EMO_RATIO,
     .value = &ratio, .recorded = true},
    {.name = "colour", .argument = "C", .help = "c", .kind = EMO_CHOICE, .value = &choice,
     .choices = choices, .recorded = true},
    {.name = "only", .argument = "SPLITS", .help = "o", .kind = EMO_SPLITS, .value = &splits,
     .recorded = true},
};
#define COUNT (sizeof blank / sizeof *blank)
static struct emo_option table[COUNT];
static char *operand[40];
static size_t operands;

/* Parses a line of words, each of which one blank separates. */
static int parse(const char *line)
{
    static char words[256];
    char *argv[40] = {"test"};
    int argc = 1;
    memcpy(table, blank, sizeof table);
    free(strings.at);
    strings = (struct emo_strings){0};
    common = (struct emo_common){0};
    flag = false;
    snprintf(words, sizeof words, "%s", line);
    for (char *p = words; p != NULL && *line != '\0';) {
        char *blank_at = strchr(p, ' ');
        argv[argc++] = p;
        p = blank_at == NULL ? NULL : blank_at + 1;
        if (blank_at != NULL)
            *blank_at = '\0';
    }
    int status = emo_options_parse(table, COUNT, argc, argv, &operands, &err);
    memcpy(operand, argv, sizeof operand);
    return status;
}

static void accepted(void)
{
    CHECK(parse("") == EMO_OK && operands == 0);
    CHECK(parse("a -f b -e 3 - c") == EMO_OK && operands == 4 && flag && whole == 3);
    CHECK(strcmp(operand[1], "a") == 0 && strcmp(operand[3], "-") == 0);
    CHECK(parse("-qfe5 x") == EMO_OK && common.quiet && flag && whole == 5 && operands == 1);
    CHECK(parse("--epochs=7 --epochs 8") == EMO_OK && whole == 8);
    CHECK(parse("-f -- -e --x") == EMO_OK && operands == 2 && strcmp(operand[2], "--x") == 0);
    CHECK(parse("-c a --class b -c=c") == EMO_OK && strings.count == 3);
    CHECK(strcmp(strings.at[0], "a") == 0 && strcmp(strings.at[2], "=c") == 0);
    CHECK(parse("--string=") == EMO_OK && strcmp(string, "") == 0);
    CHECK(parse("--string -x") == EMO_OK && strcmp(string, "-x") == 0 && operands == 0);
    CHECK(parse("--lr 1e-3 --memory 2K --size 3x4 --fold 2/5 -r .2 --colour green "
                "--only none,test") == EMO_OK);
    CHECK(real == 1e-3 && size == 2048 && shape.height == 3 && shape.width == 4 && part.n == 5);
    CHECK(ratio.p == 1 && ratio.q == 5 && choice == 1 && splits == 9);
    CHECK(emo_option_given(table, COUNT, "lr") && !emo_option_given(table, COUNT, "flag"));
    CHECK(!emo_option_given(table, COUNT, "nosuch"));
    puts("what is right");
}

static void refused(void)
{
    static const char *const wrong[][2] = {
        {"--nosuch", "--nosuch"},        {"-z", "-z"},
        {"-fz", "-z"},                   {"--epoch 3", "--epoch"},
        {"--epochs", "wants a value"},   {"-e", "wants a value"},
        {"-e 0", "from 1 to 65535"},     {"-e 65536", "from 1 to 65535"},
        {"-e -1", "\"-1\""},             {"-e 3x", "\"3x\""},
        {"--flag=1", "takes no value"},  {"--lr nan", "\"nan\""},
        {"--lr inf", "\"inf\""},         {"--lr 11", "from 0 to 10"},
        {"--memory 1X", "512M"},         {"--size 3", "HEIGHTxWIDTH"},
        {"--fold 6/5", "I/N"},           {"-r 2", "from 0 to 1"},
        {"--colour blue", "red, green"}, {"--only train,nosuch", "none,train,valid,test"},
        {"--only ", "none,train"},       {"-j 0", "from 1 to"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK(parse(wrong[i][0]) == EMO_USAGE);
        SAID(wrong[i][1]);
        CHECK(strchr(err.text, '\n') == NULL);
    }
    CHECK(parse("--no\nsuch\x01") == EMO_USAGE);
    SAID("\\n");
    puts("what is wrong");
}

static void recorded(void)
{
    struct emo_text t = {0};
    CHECK(parse("--only test,train -e 3 -c x -c y -q -j 7 -f -r 0.20 --memory 5 --lr 0.001 "
                "-s 4x5 --colour red") == EMO_OK);
    emo_options_recorded(table, COUNT, &t);
    CHECK(strcmp(t.bytes, "--flag --class x --class y --epochs 3 --lr 0.001 --size 4x5 "
                          "--valid 1/5 --colour red --only train,test") == 0);
    t.length = 0;
    emo_options_help(table, COUNT, &t);
    CHECK(strstr(t.bytes, "-e, --epochs N") != NULL && strstr(t.bytes, "(red, green)") != NULL);
    CHECK(strstr(t.bytes, "      --lr R") != NULL);
    emo_text_free(&t);
    free(strings.at);
    puts("what is recorded");
}

static struct emo_option *named(const char *name)
{
    size_t i = 0;
    while (i < COUNT && strcmp(table[i].name, name) != 0)
        i++;
    CHECK(i < COUNT);
    return &table[i];
}

static void restored(void)
{
    struct emo_text t = {0};
    CHECK(parse("-e 3 --lr 0.10 --colour green --string x") == EMO_OK);
    emo_option_value(named("lr"), &t);
    CHECK(strcmp(t.bytes, "0.10000000000000001") == 0);
    CHECK(emo_option_restore(named("lr"), t.bytes, &err) == EMO_OK);
    /* Given here, and the same or not. */
    CHECK(emo_option_restore(named("epochs"), "3", &err) == EMO_OK);
    CHECK(emo_option_restore(named("epochs"), "4", &err) == EMO_USAGE);
    SAID("--epochs is \"3\" here, but \"4\"");
    CHECK(emo_option_restore(named("string"), "", &err) == EMO_USAGE);
    CHECK(emo_option_restore(named("colour"), "red", &err) == EMO_USAGE && whole == 3);
    /* Not given here. */
    CHECK(emo_option_restore(named("flag"), "no", &err) == EMO_OK && !flag);
    CHECK(emo_option_restore(named("flag"), "yes", &err) == EMO_OK && flag);
    CHECK(emo_option_restore(named("memory"), "77", &err) == EMO_OK && size == 77);
    CHECK(!named("memory")->given);
    CHECK(parse("-f") == EMO_OK);
    CHECK(emo_option_restore(named("flag"), "no", &err) == EMO_USAGE);
    CHECK(emo_option_restore(named("epochs"), "65536", &err) == EMO_INPUT);
    CHECK(emo_option_restore(named("colour"), "blue", &err) == EMO_INPUT);
    emo_text_free(&t);
    puts("what is taken over");
}

int main(void)
{
    accepted();
    restored();
    refused();
    recorded();
    return 0;
}
