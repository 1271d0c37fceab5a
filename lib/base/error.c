#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int emo_error(struct emo_error *e, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    e->status = status;
    return status;
}

int emo_error_errno(struct emo_error *e, const char *format, ...)
{
    int saved = errno;
    va_list args;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    size_t n = strlen(e->text);
    snprintf(e->text + n, sizeof e->text - n, ": %s", strerror(saved));
    e->status = EMO_FAILED;
    return e->status;
}

int emo_error_memory(struct emo_error *e, size_t bytes, const char *what)
{
    return emo_error(e, EMO_FAILED, "out of memory: %zu bytes for %s", bytes, what);
}

int emo_error_prefix(struct emo_error *e, const char *format, ...)
{
    char old[EMO_ERROR_TEXT];
    memcpy(old, e->text, sizeof old);
    va_list args;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    size_t n = strlen(e->text);
    snprintf(e->text + n, sizeof e->text - n, ": %s", old);
    return e->status;
}
