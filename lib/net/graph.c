#include "net/graph.h"

#include "net/net.h"
#include "stream/frame.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 8
static_assert(EMO_CAP_TENSOR * sizeof(float) <= EMO_CAP_PAYLOAD, "a model must be readable");

static const char baseline[] = "conv 64 3 stride 2\nconv 64 3 stride 2\nmaxpool 2\n"
                               "conv 128 3 stride 2\nconv 128 3 stride 2\nmaxpool 2\n"
                               "flatten\ndense 256 relu\ndropout 0.5\ndense 512 relu\n"
                               "dropout 0.5\noutput\n";
static const char vgg[] = "conv 64 3 stride 2 relu\nconv 64 3 stride 2 relu\nmaxpool 2\n"
                          "conv 128 3 stride 2 relu\nconv 128 3 stride 2 relu\nmaxpool 2\n"
                          "flatten\ndense 256 relu\ndropout 0.5\ndense 512 relu\n"
                          "dropout 0.5\noutput\n";

const char *emo_net_builtin(const char *name)
{
    return strcmp(name, "baseline") == 0 ? baseline : strcmp(name, "vgg") == 0 ? vgg : NULL;
}

void emo_graph_free(struct emo_graph *g)
{
    free(g->layers);
    free(g->tensors);
    emo_text_free(&g->text);
    *g = (struct emo_graph){0};
}

/* One line being read. */
struct line {
    unsigned number;
    char *words[MAX_WORDS];
    size_t count, at;
    char units[24]; /* a word that was left out */
};

static int wrong(const struct line *line, struct emo_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int wrong(const struct line *line, struct emo_error *err, const char *format, ...)
{
    char text[EMO_ERROR_TEXT - 64];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return emo_error(err, EMO_USAGE, "network line %u: %s", line->number, text);
}

static int number(struct line *line, const char *what, uint32_t low, uint32_t high,
                  uint32_t *value, struct emo_error *err)
{
    char quoted[EMO_QUOTE_SIZE];
    uint64_t v;
    if (line->at == line->count)
        return wrong(line, err, "%s: %s is missing", line->words[0], what);
    const char *word = line->words[line->at++];
    if (!emo_parse_uint(word, &v) || v < low || v > high)
        return wrong(line, err, "%s: %s is a whole number from %" PRIu32 " to %" PRIu32 ", not %s",
                     line->words[0], what, low, high,
                     emo_quote(quoted, sizeof quoted, word, strlen(word)));
    *value = (uint32_t)v;
    return EMO_OK;
}

static bool next_is(struct line *line, const char *word)
{
    if (line->at < line->count && strcmp(line->words[line->at], word) == 0) {
        line->at++;
        return true;
    }
    return false;
}

static bool activation(struct line *line, enum emo_activation *a)
{
    static const char *const names[] = {"none", "relu", "sigmoid", "softmax"};
    for (int i = 0; i < 4; i++) {
        if (next_is(line, names[i])) {
            *a = (enum emo_activation)i;
            return true;
        }
    }
    return false;
}

static int tensor(struct emo_graph *g, const struct emo_layer *l, const char *part, uint8_t order,
                  uint8_t rank, const uint32_t *dim, struct emo_error *err)
{
    struct emo_tensor *more = realloc(g->tensors, (g->tensor_count + 1) * sizeof *more);
    uint64_t n = 1;
    if (more == NULL)
        return emo_error_memory(err, (g->tensor_count + 1) * sizeof *more, "the network");
    g->tensors = more;
    struct emo_tensor *t = &more[g->tensor_count];
    *t = (struct emo_tensor){.order = order, .rank = rank};
    snprintf(t->name, sizeof t->name, "%s.%s", l->name, part);
    for (unsigned i = 0; i < rank; i++) {
        t->dim[i] = dim[i];
        if (__builtin_mul_overflow(n, (uint64_t)dim[i], &n) || n > EMO_CAP_TENSOR)
            return emo_error(err, EMO_USAGE, "network line %u: %s on %" PRIu32 "x%" PRIu32
                             "x%" PRIu32 " has too many parameters", l->line, l->name, l->h, l->w,
                             l->c);
    }
    t->count = (size_t)n;
    t->fan_in = (double)l->kernel_h * l->kernel_w * l->c;
    t->fan_out = (double)l->kernel_h * l->kernel_w * l->oc;
    g->parameters += t->count;
    g->tensor_count++;
    return EMO_OK;
}

static int weights(struct emo_graph *g, struct emo_layer *l, struct emo_error *err)
{
    uint32_t hwio[] = {l->kernel_h, l->kernel_w, l->c, l->oc}, io[] = {l->c, l->oc};
    bool conv = l->kind == EMO_CONV;
    l->weight = (int)g->tensor_count;
    l->bias = l->weight + 1;
    int status = tensor(g, l, "weight", conv ? EMO_HWIO : EMO_IO, conv ? 4 : 2, conv ? hwio : io,
                        err);
    return status == EMO_OK ? tensor(g, l, "bias", EMO_ORDER_NONE, 1, &l->oc, err) : status;
}

/* The output's height and width from the window; the message has the shapes. */
static int slide(const struct line *line, struct emo_layer *l, bool same, struct emo_error *err)
{
    if (same) {
        /* As Keras: what is odd goes to the bottom and right. */
        uint32_t oh = (l->h - 1) / l->stride + 1, ow = (l->w - 1) / l->stride + 1;
        uint64_t nh = (uint64_t)(oh - 1) * l->stride + l->kernel_h;
        uint64_t nw = (uint64_t)(ow - 1) * l->stride + l->kernel_w;
        uint32_t ph = nh > l->h ? (uint32_t)(nh - l->h) : 0;
        uint32_t pw = nw > l->w ? (uint32_t)(nw - l->w) : 0;
        l->top = ph / 2;
        l->bottom = ph - l->top;
        l->left = pw / 2;
        l->right = pw - l->left;
    }
    if (l->kernel_h > l->h + l->top + l->bottom || l->kernel_w > l->w + l->left + l->right)
        return wrong(line, err, "%s: a window of %" PRIu32 "x%" PRIu32 " does not fit into its "
                     "input of %" PRIu32 "x%" PRIu32 "x%" PRIu32, l->name, l->kernel_h,
                     l->kernel_w, l->h, l->w, l->c);
    l->oh = (l->h + l->top + l->bottom - l->kernel_h) / l->stride + 1;
    l->ow = (l->w + l->left + l->right - l->kernel_w) / l->stride + 1;
    return EMO_OK;
}

static int read_conv(struct emo_graph *g, struct line *line, struct emo_layer *l,
                     struct emo_error *err)
{
    bool same = false;
    l->stride = 1;
    int status = number(line, "the number of filters", 1, 65535, &l->oc, err);
    if (status == EMO_OK)
        status = number(line, "the kernel's size", 1, 255, &l->kernel_h, err);
    l->kernel_w = l->kernel_h;
    while (status == EMO_OK && line->at < line->count) {
        if (next_is(line, "stride"))
            status = number(line, "the stride", 1, 255, &l->stride, err);
        else if (next_is(line, "same"))
            same = true;
        else if (!next_is(line, "valid") && !activation(line, &l->activation))
            break;
    }
    if (status == EMO_OK)
        status = slide(line, l, same, err);
    return status == EMO_OK ? weights(g, l, err) : status;
}

static int read_pool(struct line *line, struct emo_layer *l, struct emo_error *err)
{
    int status = number(line, "the window's size", 1, 255, &l->kernel_h, err);
    l->kernel_w = l->stride = l->kernel_h;
    if (status == EMO_OK && next_is(line, "stride"))
        status = number(line, "the stride", 1, 255, &l->stride, err);
    l->oc = l->c;
    return status == EMO_OK ? slide(line, l, false, err) : status;
}

static int read_dense(struct emo_graph *g, struct line *line, struct emo_layer *l,
                      struct emo_error *err)
{
    int status = number(line, "the number of units", 1, 1u << 24, &l->oc, err);
    l->oh = l->ow = l->kernel_h = l->kernel_w = 1;
    if (status == EMO_OK)
        (void)activation(line, &l->activation);
    if (status == EMO_OK && (l->h != 1 || l->w != 1))
        return wrong(line, err, "%s: its input is %" PRIu32 "x%" PRIu32 "x%" PRIu32
                     "; a flatten or globalavgpool has to come before", l->name, l->h, l->w, l->c);
    return status == EMO_OK ? weights(g, l, err) : status;
}

static int read_rate(struct line *line, struct emo_layer *l, struct emo_error *err)
{
    if (line->at == line->count || !emo_parse_real(line->words[line->at], &l->rate) ||
        l->rate < 0 || l->rate >= 1)
        return wrong(line, err, "dropout: a rate from 0 to below 1 is needed");
    line->at++;
    return EMO_OK;
}

static void name_layer(const struct emo_graph *g, struct emo_layer *l, const char *word)
{
    unsigned n = 1;
    for (size_t i = 0; i < g->count; i++)
        n += strncmp(g->layers[i].name, word, strlen(word)) == 0;
    snprintf(l->name, sizeof l->name, "%.16s%u", word, n);
}

static int check_input(const struct emo_graph *g, const struct line *line, struct emo_error *err)
{
    uint32_t h, w, c;
    char end;
    if (line->count != 2 ||
        sscanf(line->words[1], "%5" SCNu32 "x%5" SCNu32 "x%5" SCNu32 "%c", &h, &w, &c, &end) != 3)
        return wrong(line, err, "input: HxWxC is needed");
    if (h != g->height || w != g->width || c != g->channels)
        return wrong(line, err, "input: the network is for %" PRIu32 "x%" PRIu32 "x%" PRIu32
                     ", but the images are %" PRIu32 "x%" PRIu32 "x%" PRIu32, h, w, c, g->height,
                     g->width, g->channels);
    return EMO_OK;
}

/* Counts h x w x c numbers; false: too many. */
static bool add_activations(struct emo_graph *g, uint32_t h, uint32_t w, uint32_t c)
{
    uint64_t n = (uint64_t)h * w;
    if (__builtin_mul_overflow(n, (uint64_t)c, &n) || n > EMO_CAP_ACTIVATIONS - g->activations)
        return false;
    g->activations += (size_t)n;
    return true;
}

static int read_layer(struct emo_graph *g, struct line *line, struct emo_error *err)
{
    static const struct {
        const char *word;
        enum emo_layer_kind kind;
    } kinds[] = {{"conv", EMO_CONV}, {"maxpool", EMO_MAXPOOL}, {"avgpool", EMO_AVGPOOL},
                 {"globalavgpool", EMO_AVGPOOL}, {"flatten", EMO_FLATTEN}, {"dense", EMO_DENSE},
                 {"dropout", EMO_DROPOUT}, {"output", EMO_DENSE}};
    static char sigmoid[] = "sigmoid", softmax[] = "softmax";
    char quoted[EMO_QUOTE_SIZE];
    const char *word = line->words[0];
    size_t k = 0, kind_count = sizeof kinds / sizeof *kinds;
    while (k < kind_count && strcmp(kinds[k].word, word) != 0)
        k++;
    if (k == kind_count)
        return wrong(line, err, "unknown layer %s; there are conv, maxpool, avgpool, globalavgpool, "
                     "flatten, dense, dropout, output",
                     emo_quote(quoted, sizeof quoted, word, strlen(word)));
    struct emo_layer *more = realloc(g->layers, (g->count + 1) * sizeof *more);
    if (more == NULL)
        return emo_error_memory(err, (g->count + 1) * sizeof *more, "the network");
    g->layers = more;
    const struct emo_layer *last = g->count > 0 ? &more[g->count - 1] : NULL;
    struct emo_layer l = {
        .kind = kinds[k].kind, .line = line->number, .number = (unsigned)g->count, .weight = -1, .bias = -1, .stride = 1,
        .h = last != NULL ? last->oh : g->height, .w = last != NULL ? last->ow : g->width,
        .c = last != NULL ? last->oc : g->channels,
        .flat = kinds[k].kind == EMO_FLATTEN || (last != NULL && last->flat),
    };
    bool output = strcmp(word, "output") == 0, global = strcmp(word, "globalavgpool") == 0;
    if (output && line->count == 1) {
        snprintf(line->units, sizeof line->units, "%zu", g->outputs);
        line->words[1] = line->units;
        line->words[2] = g->outputs == 1 ? sigmoid : softmax;
        line->count = 3;
    }
    name_layer(g, &l, output ? "dense" : word);
    l.oh = l.h;
    l.ow = l.w;
    l.oc = l.c;
    int status = EMO_OK;
    switch (l.kind) {
    case EMO_CONV: status = read_conv(g, line, &l, err); break;
    case EMO_MAXPOOL: status = read_pool(line, &l, err); break;
    case EMO_AVGPOOL:
        l.kernel_h = l.h;
        l.kernel_w = l.w;
        if (global)
            l.oh = l.ow = 1;
        else
            status = read_pool(line, &l, err);
        break;
    case EMO_FLATTEN: l.oc = l.h * l.w * l.c; l.oh = l.ow = 1; break;
    case EMO_DENSE: status = read_dense(g, line, &l, err); l.flat = true; break;
    case EMO_DROPOUT: status = read_rate(line, &l, err); break;
    }
    if (status != EMO_OK)
        return status;
    if (line->at < line->count)
        return wrong(line, err, "%s: %s is not understood", word,
                     emo_quote(quoted, sizeof quoted, line->words[line->at],
                               strlen(line->words[line->at])));
    if (l.flat && (l.kind == EMO_CONV || l.kind == EMO_MAXPOOL || l.kind == EMO_AVGPOOL))
        return wrong(line, err, "%s: cannot work on a vector of %" PRIu32, l.name, l.c);
    if (!add_activations(g, l.oh, l.ow, l.oc))
        return wrong(line, err, "%s: its output of %" PRIu32 "x%" PRIu32 "x%" PRIu32 " is too large",
                     l.name, l.oh, l.ow, l.oc);
    if (g->count >= EMO_CAP_LAYERS || g->parameters > EMO_CAP_PARAMETERS)
        return wrong(line, err, "more layers or parameters than are possible");
    g->layers[g->count++] = l;
    g->spatial += !l.flat;
    return EMO_OK;
}

static int finish(struct emo_graph *g, struct emo_error *err)
{
    struct emo_layer *l = g->count > 0 ? &g->layers[g->count - 1] : NULL;
    if (l == NULL || l->kind != EMO_DENSE || l->oc != g->outputs ||
        l->activation != (g->outputs == 1 ? EMO_SIGMOID : EMO_SOFTMAX))
        return emo_error(err, EMO_USAGE, "network: its last layer has to be output, or for %zu "
                         "classes dense %zu %s", g->classes, g->outputs,
                         g->outputs == 1 ? "sigmoid" : "softmax");
    g->tensors[l->weight].output = true;
    return EMO_OK;
}

/* Splits s into words; a comment ends it. */
static int split(char *s, struct line *line, struct emo_error *err)
{
    s[strcspn(s, "#\r")] = '\0';
    line->count = 0;
    line->at = 1;
    for (char *save = NULL, *w = strtok_r(s, " \t", &save); w != NULL;
         w = strtok_r(NULL, " \t", &save)) {
        if (line->count == MAX_WORDS)
            return wrong(line, err, "more words than any layer has");
        line->words[line->count++] = w;
    }
    return EMO_OK;
}

int emo_graph_make(struct emo_graph *g, const char *text, uint32_t height, uint32_t width,
                   uint32_t channels, size_t classes, struct emo_error *err)
{
    const char *builtin = emo_net_builtin(text);
    struct line line = {0};
    *g = (struct emo_graph){.height = height, .width = width, .channels = channels,
                            .classes = classes, .outputs = classes == 2 ? 1 : classes};
    char *copy = strdup(builtin != NULL ? builtin : text);
    int status = copy != NULL ? EMO_OK : emo_error_memory(err, strlen(text), "network text");
    if (status == EMO_OK && classes < 2)
        status = emo_error(err, EMO_INPUT, "%zu classes; at least 2 are needed", classes);
    if (status == EMO_OK && !add_activations(g, height, width, channels))
        status = emo_error(err, EMO_INPUT, "images of %" PRIu32 "x%" PRIu32 "x%" PRIu32
                           " are too large for a network", height, width, channels);
    for (char *s = copy; status == EMO_OK && *s != '\0';) {
        size_t n = strcspn(s, "\n");
        char *next = s + n + (s[n] == '\n');
        s[n] = '\0';
        line.number++;
        status = split(s, &line, err);
        if (status == EMO_OK && line.count > 0) {
            for (size_t i = 0; i < line.count; i++)
                emo_text_printf(&g->text, "%s%s", i > 0 ? " " : "", line.words[i]);
            emo_text_add(&g->text, "\n", 1);
            status = strcmp(line.words[0], "input") == 0 ? check_input(g, &line, err)
                                                         : read_layer(g, &line, err);
        }
        s = next;
    }
    if (status == EMO_OK)
        status = finish(g, err);
    if (status == EMO_OK && g->text.failed)
        status = emo_error_memory(err, strlen(text), "network text");
    free(copy);
    if (status != EMO_OK)
        emo_graph_free(g);
    return status;
}

void emo_graph_summary(const struct emo_graph *g, struct emo_text *out)
{
    size_t total = 0;
    emo_text_printf(out, "%-14s  %-9s  %-16s  %12s\n", "layer", "activation", "output",
                    "parameters");
    emo_text_printf(out, "%-14s  %-9s  %" PRIu32 "x%" PRIu32 "x%" PRIu32 "\n", "input", "",
                    g->height, g->width, g->channels);
    for (size_t i = 0; i < g->count; i++) {
        static const char *const names[] = {"", "relu", "sigmoid", "softmax"};
        const struct emo_layer *l = &g->layers[i];
        char shape[48];
        if (l->flat)
            snprintf(shape, sizeof shape, "%" PRIu32, l->oc);
        else
            snprintf(shape, sizeof shape, "%" PRIu32 "x%" PRIu32 "x%" PRIu32, l->oh, l->ow, l->oc);
        size_t n = l->weight < 0 ? 0 : g->tensors[l->weight].count + g->tensors[l->bias].count;
        emo_text_printf(out, "%-14s  %-9s  %-16s  %12zu\n", l->name, names[l->activation], shape,
                        n);
        total += n;
    }
    emo_text_printf(out, "%zu parameters\n", total);
}
