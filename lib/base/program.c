#define _GNU_SOURCE /* sched_getaffinity */
#include "base/program.h"

#include "base/completion.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int64_t emo_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? n : 1;
}

/* Fills a closed 0, 1 or 2 with a descriptor of the wrong direction: its use fails with EBADF. */
static void guard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            int filler = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
            if (filler >= 0 && filler != fd)
                close(filler);
        }
}

static void usage(const struct emo_program *p, FILE *f)
{
    fprintf(f, "usage: %s [options]%s%s\n", p->name, *p->operands ? " " : "", p->operands);
}

/* The whole answer of a program that does nothing else; frees it. */
static int print(const struct emo_program *p, struct emo_text *text)
{
    struct emo_error err = {0};
    int status = EMO_OK;
    if (text->failed)
        status = emo_error_memory(&err, text->length, "help");
    else
        fputs(text->bytes, stdout);
    emo_text_free(text);
    return emo_program_end(p, status, &err);
}

static int answer(const struct emo_program *p, bool help)
{
    struct emo_text text = {0};
    if (help) {
        emo_text_printf(&text, "usage: %s [options]%s%s\n%s.\n\n", p->name,
                        *p->operands ? " " : "", p->operands, p->purpose);
        emo_options_help(p->options, p->count, &text);
        emo_text_printf(&text, "\nThe manual: man %s\n", p->name);
    } else {
        emo_text_printf(&text, "%s %s\n", p->name, EMO_VERSION);
        if (p->details)
            p->details(&text);
    }
    return print(p, &text);
}

static int complete(const struct emo_program *p, const char *shell)
{
    struct emo_text text = {0};
    struct emo_error err = {0};
    if (!emo_completion(&text, shell, p->name, p->options, p->count))
        return emo_program_end(p, emo_error(&err, EMO_USAGE, "--completion bash, zsh or fish"),
                               &err);
    return print(p, &text);
}

/* The lists of options, where the program ends before it has begun. */
static void forget_options(const struct emo_program *p)
{
    for (size_t i = 0; i < p->count; i++) {
        struct emo_strings *list = p->options[i].kind == EMO_STRINGS ? p->options[i].value : NULL;
        if (list != NULL) {
            free(list->at);
            *list = (struct emo_strings){0};
        }
    }
}

int emo_program_begin(const struct emo_program *p, int argc, char **argv, size_t *operands)
{
    guard_descriptors();
    setlocale(LC_CTYPE, "C.UTF-8");
    if (argc == 3 && strcmp(argv[1], "--completion") == 0)
        return complete(p, argv[2]);
    struct emo_error err = {0};
    int status = emo_options_parse(p->options, p->count, argc, argv, operands, &err);
    bool answers = p->common->help || p->common->version;
    if (status || answers)
        forget_options(p);
    if (status)
        return emo_program_end(p, status, &err);
    if (answers)
        return answer(p, p->common->help);
    return -1;
}

int emo_program_end(const struct emo_program *p, int status, const struct emo_error *err)
{
    if (status) {
        emo_program_warn(p, "%s", err->text);
        if (status == EMO_USAGE)
            usage(p, stderr);
    }
    errno = 0;
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    /* Closing a descriptor that was never there is no failure: nothing was lost. */
    if (fclose(stdout) != 0 && errno != EBADF)
        failed = true;
    if (failed && !status) {
        emo_program_warn(p, "standard output: %s", errno ? strerror(errno) : "write error");
        status = EMO_FAILED;
    }
    return status;
}

static void speak(const struct emo_program *p, const char *format, va_list args)
{
    char line[EMO_ERROR_TEXT];
    vsnprintf(line, sizeof line, format, args);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    fprintf(stderr, "%s: %s\n", p->name, line);
}

void emo_program_warn(const struct emo_program *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    speak(p, format, args);
    va_end(args);
}

void emo_program_say(const struct emo_program *p, const char *format, ...)
{
    if (p->common->quiet)
        return;
    va_list args;
    va_start(args, format);
    speak(p, format, args);
    va_end(args);
}

bool emo_program_shows_progress(const struct emo_program *p)
{
    if (p->common->quiet)
        return false;
    if (p->common->progress)
        return true;
    struct stat out;
    bool pipe = fstat(STDOUT_FILENO, &out) == 0 && S_ISFIFO(out.st_mode);
    return isatty(STDERR_FILENO) && !pipe;
}

void emo_program_progress(const struct emo_program *p, struct emo_progress *progress,
                          const char *unit, uint64_t total)
{
    emo_progress_begin(progress, emo_program_shows_progress(p), p->name, unit, total);
}
