/* NumPy's arrays, as emo-convert imports them: .npy and .npz, from files and pipes. */
#include "support/target.h"

#include "exchange/npz.h"

#include <stdlib.h>
#include <string.h>

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
    fuzz_import(in, fuzz_file(copy, n), NULL);
    const char *path = fuzz_pipe(copy, n, &fd);
    if (path != NULL)
        fuzz_import(in, path, NULL);
    fuzz_pipe_close(fd);
    free(copy);
    return 0;
}
