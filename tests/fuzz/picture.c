/* Picture files: JPEG, PNG, WebP, EXIF; decoded, turned and resized. */
#include "support/target.h"

#include "image/decode.h"
#include "image/resize.h"

#include <stdlib.h>

static void decode(const uint8_t *bytes, size_t n, bool gray, uint32_t size)
{
    struct emo_error err = {0};
    struct emo_pixels p;
    uint8_t out[8 * 8 * 3];
    int status = emo_decode(bytes, n, gray, size, size, 1u << 20, &p, &err);
    FUZZ_PROMISE(status == EMO_OK || (status == EMO_INPUT && err.text[0] != '\0'));
    FUZZ_PROMISE((p.bytes != NULL) == (status == EMO_OK));
    if (status != EMO_OK)
        return;
    FUZZ_PROMISE(p.height > 0 && p.width > 0 && p.channels == (gray ? 1 : 3));
    unsigned sum = 0;
    for (size_t i = 0; i < (size_t)p.height * p.width * p.channels; i++)
        sum += p.bytes[i];
    FUZZ_PROMISE(emo_resize(p.bytes, p.height, p.width, p.channels,
                            (enum emo_fit)(sum % 3), out, 8, 8, &err) == EMO_OK);
    free(p.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    decode(bytes, n, false, 0);
    decode(bytes, n, true, 8);
    return 0;
}
