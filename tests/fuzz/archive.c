/* Archives, pictures and anything else that emo-unzip may be given: listed, unpacked, decoded. */
#include "support/target.h"

#include "image/decode.h"
#include "image/inputs.h"

#include <stdlib.h>

#define MOST_PIXELS (1u << 20)

static void take(struct emo_inputs *in, const char *path, bool prefixed)
{
    struct emo_error err = {0};
    int status = emo_inputs_add(in, path, true, prefixed, &err);
    FUZZ_PROMISE(status == EMO_OK || (status == EMO_INPUT && err.text[0] != '\0'));
    for (size_t i = 0; status == EMO_OK && i < in->count; i++) {
        uint8_t *file;
        size_t length;
        bool spoilt;
        struct emo_pixels p;
        status = emo_inputs_bytes(in, i, &file, &length, &spoilt, &err);
        FUZZ_PROMISE(status == EMO_OK || (status == EMO_INPUT && err.text[0] != '\0'));
        FUZZ_PROMISE(in->entries[i].name != NULL && (spoilt || length <= in->most_file));
        if (status == EMO_OK && !spoilt &&
            emo_decode(file, length, false, 8, 8, MOST_PIXELS, &p, &err) == EMO_OK)
            free(p.bytes);
        free(file);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct emo_inputs in;
    const char *file = fuzz_file(bytes, n);
    emo_inputs_begin(&in);
    take(&in, file, false);
    emo_inputs_close(&in);
    /* With bounds so low that they are met, and through a pipe. */
    emo_inputs_begin(&in);
    in.most_unpacked = 4096;
    take(&in, file, false);
    emo_inputs_close(&in);
    emo_inputs_begin(&in);
    in.most_unpacked = 4096;
    in.most_file = 1024;
    int fd;
    const char *path = fuzz_pipe(bytes, n, &fd);
    if (path != NULL)
        take(&in, path, true);
    fuzz_pipe_close(fd);
    emo_inputs_close(&in);
    return 0;
}
