/* Network text, for images of several sizes and several numbers of classes. */
#include "support/target.h"

#include "net/graph.h"
#include "net/net.h"

#include <stdlib.h>
#include <string.h>

/* Networks of more are made in the same way, but take long to ask. */
#define SMALL 20000u

static const struct {
    uint32_t height, width, channels;
    size_t classes;
} inputs[] = {{4, 5, 3, 2}, {32, 32, 1, 7}, {400, 500, 3, 2}, {65535, 65535, 3, 3}, {1, 1, 1, 1}};

/* Trains and asks a small network once. */
static void use(const struct emo_graph *g, const char *text)
{
    struct emo_error err = {0};
    struct emo_net *net;
    struct emo_step_result result;
    size_t work = g->parameters, image = (size_t)g->height * g->width * g->channels;
    for (size_t i = 0; i < g->count; i++)
        work += emo_layer_out(&g->layers[i]) *
                (g->layers[i].weight >= 0 ? g->tensors[g->layers[i].weight].count : 1);
    if (work > SMALL || image > SMALL)
        return;
    uint8_t *pixels = calloc(1, image);
    float p[8] = {0};
    const uint8_t *images[] = {pixels};
    const struct emo_net_options o = {
        .text = text, .height = g->height, .width = g->width, .channels = g->channels,
        .classes = g->classes, .backend = EMO_BACKEND_REFERENCE, .jobs = 1, .batch = 1,
        .training = true, .seed = 21};
    FUZZ_PROMISE(pixels != NULL && emo_net_open(&net, &o, &err) == EMO_OK);
    emo_net_initialise(net);
    FUZZ_PROMISE(emo_net_step(net, images, (const int[]){0}, (const uint64_t[]){0}, 1, 1, 0.001,
                              &result, &err) == EMO_OK);
    FUZZ_PROMISE(emo_net_predict(net, images, 1, p, &err) == EMO_OK);
    emo_net_close(net);
    free(pixels);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char *text = malloc(n + 1);
    FUZZ_PROMISE(text != NULL);
    memcpy(text, bytes, n);
    text[n] = '\0';
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        struct emo_error err = {0};
        struct emo_graph g, again;
        struct emo_text summary = {0};
        int status = emo_graph_make(&g, text, inputs[i].height, inputs[i].width,
                                    inputs[i].channels, inputs[i].classes, &err);
        FUZZ_PROMISE(status == EMO_OK || status == EMO_USAGE || status == EMO_INPUT);
        if (status != EMO_OK)
            continue;
        emo_graph_summary(&g, &summary);
        FUZZ_PROMISE(!summary.failed);
        /* The normalised text means the same, and is itself normal. */
        FUZZ_PROMISE(emo_graph_make(&again, g.text.bytes, inputs[i].height, inputs[i].width,
                                    inputs[i].channels, inputs[i].classes, &err) == EMO_OK);
        FUZZ_PROMISE(again.parameters == g.parameters && again.count == g.count &&
                     strcmp(again.text.bytes, g.text.bytes) == 0);
        use(&g, text);
        emo_text_free(&summary);
        emo_graph_free(&again);
        emo_graph_free(&g);
    }
    free(text);
    return 0;
}
