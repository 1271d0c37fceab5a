/* PGM and PPM pictures one behind the other, as emo-convert imports them, from files and pipes. */
#include "support/target.h"

#include "exchange/pnm.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    int fd;
    fuzz_import(&emo_import_pnm, fuzz_file(bytes, n), NULL);
    const char *path = fuzz_pipe(bytes, n, &fd);
    if (path != NULL)
        fuzz_import(&emo_import_pnm, path, NULL);
    fuzz_pipe_close(fd);
    return 0;
}
