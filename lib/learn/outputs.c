#include "learn/outputs.h"

#include "base/interrupt.h"

#include <string.h>

static bool is_standard(const char *path)
{
    return path == NULL || strcmp(path, "-") == 0;
}

int emo_outputs_check(const struct emo_outputs *o, struct emo_error *err)
{
    const char *history = o->history_path, *checkpoint = o->checkpoint_path;
    bool model_out = is_standard(o->model_path);
    if (history != NULL && strcmp(history, "-") == 0 && model_out)
        return emo_error(err, EMO_USAGE, "the model and the history cannot both go to standard "
                         "output; give -o FILE");
    if (history != NULL && !model_out && strcmp(history, o->model_path) == 0)
        return emo_error(err, EMO_USAGE, "the model and the history are the same file");
    if (checkpoint != NULL && ((!model_out && strcmp(checkpoint, o->model_path) == 0) ||
                               (history != NULL && strcmp(checkpoint, history) == 0)))
        return emo_error(err, EMO_USAGE, "the checkpoint and another output are the same file");
    return EMO_OK;
}

static int open_one(struct emo_output **slot, const char *path, bool binary, struct emo_error *err)
{
    emo_interrupts_lock();
    int status = emo_output_open(slot, path, binary, err);
    if (status != EMO_OK)
        *slot = NULL;
    emo_interrupts_unlock();
    return status;
}

int emo_outputs_open(struct emo_outputs *o, struct emo_error *err)
{
    int status = open_one(&o->model, o->model_path, true, err);
    if (status == EMO_OK && o->history_path != NULL)
        status = open_one(&o->history, o->history_path, false, err);
    /* Where it cannot be written, that should be known before the first epoch is over. */
    if (status == EMO_OK && o->checkpoint_path != NULL) {
        struct emo_output *trial;
        status = emo_output_open(&trial, o->checkpoint_path, true, err);
        if (status == EMO_OK)
            emo_output_discard(trial);
    }
    return status;
}

static int write_history(struct emo_outputs *o, const struct emo_text *table,
                         struct emo_error *err)
{
    if (emo_write(emo_output_fd(o->history), table->bytes, table->length) != 0)
        return emo_error_errno(err, "%s", emo_output_name(o->history));
    int status = emo_output_commit(o->history, err);
    o->history = NULL;
    return status;
}

int emo_outputs_write(struct emo_outputs *o, const struct emo_model *model, struct emo_net *net,
                      const struct emo_history *history, struct emo_error *err)
{
    struct emo_text table = {0};
    emo_history_tsv(&table, history);
    int status = EMO_OK;
    if (table.failed)
        status = emo_error_memory(err, table.length, "the history");
    if (status == EMO_OK) {
        status = emo_model_write(o->model, model, net, err);
        o->model = NULL;
    }
    if (status == EMO_OK && o->history != NULL) {
        status = write_history(o, &table, err);
        if (status != EMO_OK)
            (void)emo_error_prefix(err, "the model is whole, its history is not written");
    }
    emo_text_free(&table);
    return status;
}

void emo_outputs_discard(struct emo_outputs *o)
{
    emo_output_discard(o->model);
    emo_output_discard(o->history);
    o->model = o->history = NULL;
}
