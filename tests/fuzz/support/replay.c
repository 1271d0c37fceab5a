/*
 * Gives a target the files that are named, and those in the directories that
 * are, each once: for compilers without libFuzzer.
 */
#include "target.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static unsigned long files;

static int give_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    /* Of its own, so that a sanitizer or valgrind sees reading past its end. */
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    if (f == NULL || bytes == NULL || fread(bytes, 1, size, f) != size) {
        perror(path);
        return 1;
    }
    fclose(f);
    (void)LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    files++;
    return 0;
}

static int give(const char *path)
{
    struct stat s;
    char inner[4096];
    int status = 0;
    if (stat(path, &s) != 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(s.st_mode))
        return give_file(path, (size_t)s.st_size);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        perror(path);
        return 1;
    }
    for (struct dirent *d; status == 0 && (d = readdir(dir)) != NULL;) {
        if (d->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, d->d_name);
        status = give(inner);
    }
    closedir(dir);
    return status;
}

int main(int argc, char **argv)
{
    int status = 0;
    for (int i = 1; status == 0 && i < argc; i++)
        status = give(argv[i]);
    printf("%lu files\n", files);
    return status != 0 || files == 0;
}
