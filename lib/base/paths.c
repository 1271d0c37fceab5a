#include "base/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int emo_paths_add(struct emo_strings *paths, const char *path, struct emo_error *err)
{
    size_t n = paths->count;
    if ((n & (n - 1)) == 0) { /* room for a power of two is used up */
        const char **more = realloc(paths->at, (n > 0 ? 2 * n : 1) * sizeof *more);
        if (more == NULL)
            return emo_error_memory(err, 2 * n * sizeof *more, "paths");
        paths->at = more;
    }
    paths->at[n] = strdup(path);
    if (paths->at[n] == NULL)
        return emo_error_memory(err, strlen(path), "paths");
    paths->count++;
    return EMO_OK;
}

int emo_paths_read(struct emo_strings *paths, const char *list, bool null, struct emo_error *err)
{
    FILE *f = strcmp(list, "-") == 0 ? stdin : fopen(list, "r");
    if (f == NULL)
        return emo_error_errno(err, "%s", list);
    char *line = NULL, end = null ? '\0' : '\n';
    size_t room = 0;
    ssize_t length;
    int status = EMO_OK;
    while (status == EMO_OK && (length = getdelim(&line, &room, end, f)) >= 0) {
        if (length > 0 && line[length - 1] == end)
            line[length - 1] = '\0';
        if (*line != '\0')
            status = emo_paths_add(paths, line, err);
    }
    if (status == EMO_OK && !feof(f))
        status = emo_error_errno(err, "%s", list);
    if (f != stdin)
        (void)fclose(f);
    free(line);
    return status;
}

void emo_paths_free(struct emo_strings *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free((char *)paths->at[i]);
    free(paths->at);
    *paths = (struct emo_strings){0};
}
