/* NumPy's arrays, as emo-convert imports them: .npy and .npz, from files and pipes. */
#include "support/target.h"

#include "exchange/npz.h"

#include <stdlib.h>
#include <string.h>

static void import(const struct emo_import *in, const char *path)
{
    struct emo_error err = {0};
    struct emo_head head = {0};
    struct emo_record r = {0};
    void *state = NULL;
    bool got = true;
    int status = in->open(&state, &path, 1, &head, &err);
    FUZZ_PROMISE(status == EMO_OK || (status == EMO_INPUT && err.text[0] != '\0'));
    while (status == EMO_OK && got) {
        status = in->next(state, &r, &got, &err);
        FUZZ_PROMISE(status == EMO_OK || (status == EMO_INPUT && err.text[0] != '\0'));
        if (status != EMO_OK || !got)
            break;
        /* What a writer takes, and a reader after it. */
        uint64_t length;
        FUZZ_PROMISE(emo_payload_length(r.dtype, r.rank, r.dim, &length) &&
                     length == r.payload_length && length <= EMO_CAP_PAYLOAD);
        FUZZ_PROMISE(r.label >= -1 && (r.label < 0 || (size_t)r.label < head.class_count));
        FUZZ_PROMISE(r.split <= EMO_TEST);
        FUZZ_PROMISE(emo_metadata_check(r.metadata.bytes, r.metadata.length) == NULL);
        unsigned sum = 0;
        for (uint64_t i = 0; i < r.payload_length; i++)
            sum += ((const uint8_t *)r.payload)[i];
        FUZZ_PROMISE(sum <= 255u * (r.payload_length + 1));
    }
    emo_record_free(&r);
    emo_head_free(&head);
    in->close(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    FUZZ_PROMISE(copy != NULL);
    memcpy(copy, bytes, n);
    bool zip = n >= 2 && memcmp(bytes, "PK", 2) == 0;
    const struct emo_import *in = zip ? &emo_import_npz : &emo_import_npy;
    if (zip)
        fuzz_repair_zip(copy, n);
    int fd;
    import(in, fuzz_file(copy, n));
    const char *path = fuzz_pipe(copy, n, &fd);
    if (path != NULL)
        import(in, path);
    fuzz_pipe_close(fd);
    free(copy);
    return 0;
}
