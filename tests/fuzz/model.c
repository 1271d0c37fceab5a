/* Model files: the network, its input, parameters and origins. */
#include "support/target.h"

#include "net/model.h"

#include <stdlib.h>
#include <string.h>

#define SMALL 20000u

static void read_model(const char *path)
{
    struct emo_error err = {0};
    struct emo_model m;
    struct emo_net *net;
    const struct emo_net_options o = {.backend = EMO_BACKEND_REFERENCE, .jobs = 1, .batch = 1};
    int status = emo_model_read(path, &o, &m, &net, &err);
    FUZZ_PROMISE(status == EMO_OK || (status == EMO_INPUT && err.text[0] != '\0'));
    FUZZ_PROMISE((net != NULL) == (status == EMO_OK));
    if (status == EMO_OK) {
        size_t count, parameters = 0, image = (size_t)m.height * m.width * m.channels;
        const struct emo_parameter *p = emo_net_parameters(net, &count);
        for (size_t i = 0; i < count; i++)
            parameters += p[i].count;
        if (parameters <= SMALL && image <= SMALL && m.head.class_count <= SMALL) {
            uint8_t *pixels = calloc(1, image);
            float *scores = calloc(m.head.class_count, sizeof *scores);
            FUZZ_PROMISE(pixels != NULL && scores != NULL);
            FUZZ_PROMISE(emo_net_predict(net, (const uint8_t *const[]){pixels}, 1, scores, &err) ==
                         EMO_OK);
            free(pixels);
            free(scores);
        }
        for (size_t i = 0; i < m.origin_count; i++)
            FUZZ_PROMISE(emo_model_saw(&m, m.origins[i]));
        emo_net_close(net);
    }
    uint32_t height = m.height;
    emo_model_free(&m);
    /* Of another shape than the images it is to take. */
    struct emo_net_options other = o;
    other.height = height + 1;
    FUZZ_PROMISE(emo_model_read(path, &other, &m, &net, &err) == EMO_INPUT && net == NULL);
    int about = emo_model_read_about(path, &m, &err);
    FUZZ_PROMISE(status != EMO_OK || about == EMO_OK);
    if (about == EMO_OK)
        emo_model_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    FUZZ_PROMISE(copy != NULL);
    memcpy(copy, bytes, n);
    fuzz_repair(copy, n, FUZZ_ALL);
    read_model(fuzz_file(copy, n));
    free(copy);
    return 0;
}
