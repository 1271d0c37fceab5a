#include "stream/provenance.h"

int emo_provenance_add(struct emo_head *head, const struct emo_program *program,
                       const uint64_t *seed, struct emo_error *err)
{
    struct emo_text given = {0};
    if (program->common->no_pg)
        return EMO_OK;
    emo_options_recorded(program->options, program->count, &given);
    int status = given.failed
                     ? emo_error_memory(err, given.length, "options")
                     : emo_head_add_pg(head, program->name, EMO_VERSION,
                                       given.bytes != NULL ? given.bytes : "", seed, err);
    emo_text_free(&given);
    return status;
}
