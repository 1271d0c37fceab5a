/* Models as safetensors, as emo-convert imports them; what it accepts, emo-predict does too. */
#include "support/target.h"

#include "base/file.h"
#include "exchange/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void import_model(const char *path)
{
    static char model[4096];
    if (model[0] == '\0')
        snprintf(model, sizeof model, "%s/emo-fuzz-%ld", emo_temporary_folder(), (long)getpid());
    if (!fuzz_import(&emo_import_safetensors, path, model))
        return;
    struct emo_error err = {0};
    struct emo_model m;
    struct emo_net *net;
    const struct emo_net_options o = {.backend = EMO_BACKEND_REFERENCE, .jobs = 1, .batch = 1};
    FUZZ_PROMISE(emo_model_read(model, &o, &m, &net, &err) == EMO_OK);
    emo_net_close(net);
    emo_model_free(&m);
    unlink(model);
}

/* Sets the length of the header to that of the object at its beginning, so that more than one name
   in it can be changed. */
static void repair_length(uint8_t *bytes, size_t n)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 8; i < n; i++) {
        if (quoted)
            i += bytes[i] == '\\';
        else if (bytes[i] == '{')
            depth++;
        else if (bytes[i] == '}' && --depth == 0) {
            for (i++; i < n && bytes[i] == ' ' && i % 8 != 0;)
                i++;
            uint64_t length = i - 8;
            memcpy(bytes, &length, sizeof length);
            return;
        }
        if (i < n && bytes[i] == '"')
            quoted = !quoted;
        if (depth == 0)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    FUZZ_PROMISE(copy != NULL);
    memcpy(copy, bytes, n);
    int fd;
    const char *path = fuzz_pipe(copy, n, &fd);
    if (path != NULL)
        import_model(path);
    fuzz_pipe_close(fd);
    repair_length(copy, n);
    import_model(fuzz_file(copy, n));
    free(copy);
    return 0;
}
