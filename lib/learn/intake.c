#include "learn/intake.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int wrong(const struct emo_intake *in, struct emo_error *err, const char *what)
{
    char where[EMO_WHERE_SIZE];
    return emo_error(err, EMO_INPUT, "%s: %s", emo_record_where(&in->record, where, sizeof where),
                     what);
}

static int check_shape(const struct emo_intake *in, struct emo_error *err)
{
    const struct emo_record *r = &in->record;
    char where[EMO_WHERE_SIZE], dims[64];
    if (r->dtype != EMO_U8 || r->rank != 3 || r->order != EMO_HWC)
        return wrong(in, err, "not an image (u8, height x width x channels)");
    if (memcmp(r->dim, in->shape, sizeof in->shape) == 0)
        return EMO_OK;
    return emo_error(err, EMO_INPUT, "%s: %s, but those before it are %ux%ux%u; make all of one "
                     "size with emo-unzip -s HxW",
                     emo_record_where(r, where, sizeof where),
                     emo_record_dims(r, dims, sizeof dims), in->shape[0], in->shape[1],
                     in->shape[2]);
}

static int keep(struct emo_intake *in, struct emo_indices *list, struct emo_error *err)
{
    if (list->count == list->room) {
        size_t room = list->room > 0 ? 2 * list->room : 1024;
        size_t *at = realloc(list->at, room * sizeof *at);
        if (at == NULL)
            return emo_error_memory(err, room * sizeof *at, "the index of the images");
        list->at = at;
        list->room = room;
    }
    list->at[list->count++] = emo_pool_count(in->pool);
    return emo_pool_add(in->pool, &in->record, err);
}

static int note_origin(struct emo_intake *in, struct emo_origins *origins, struct emo_error *err)
{
    int64_t origin;
    return emo_metadata_i64(&in->record.metadata, "origin", &origin)
               ? emo_origins_add(origins, origin, err)
               : EMO_OK;
}

/* Which image it is, however it was warped. */
static uint64_t fingerprint(const struct emo_record *r)
{
    const uint64_t all[] = {r->id, (uint64_t)r->label,
                            emo_xxh3(r->metadata.bytes, r->metadata.length)};
    return emo_xxh3(all, sizeof all);
}

static void count_train(struct emo_intake *in)
{
    const struct emo_record *r = &in->record;
    uint64_t print = fingerprint(r);
    int64_t origin;
    if (r->epoch <= in->first) {
        in->of_class[r->label]++;
        in->counts.train++;
        in->counts.train_sum += print;
        in->counts.train_of_none += r->split == EMO_SPLIT_NONE;
        in->counts.without_origin += !emo_metadata_i64(&r->metadata, "origin", &origin);
    }
    in->in_epoch++;
    in->in_sum += print;
}

/* Is there anything to learn? */
static int check_train(const struct emo_intake *in, struct emo_error *err)
{
    const struct emo_head *head = emo_reader_head(in->reader);
    size_t present = 0, last = 0;
    for (size_t k = 0; k < in->classes; k++)
        if (in->of_class[k] > 0) {
            present++;
            last = k;
        }
    if (present == 0)
        return emo_error(err, EMO_INPUT, "%s: no image to train on: %" PRIu64 " valid, %" PRIu64
                         " test, %" PRIu64 " without a label", emo_reader_file(in->reader),
                         in->counts.valid, in->counts.test, in->counts.unlabelled);
    if (present > 1)
        return EMO_OK;
    char quoted[EMO_QUOTE_SIZE];
    return emo_error(err, EMO_INPUT, "%s: every training image is of the class %s; there is "
                     "nothing to tell apart", emo_reader_file(in->reader),
                     emo_quote(quoted, sizeof quoted, head->classes[last],
                               strlen(head->classes[last])));
}

/* Takes the payload that is pending, for the pool or for nothing. */
static int receive(struct emo_intake *in, struct emo_error *err)
{
    return emo_reader_payload(in->reader, &in->record, in->scratch, err);
}

enum use { LEFT_OUT, FOR_VALIDATION, FOR_TRAINING };

/* Counts the record, except one for training. */
static enum use classify(struct emo_intake *in)
{
    const struct emo_record *r = &in->record;
    if (r->label < 0) {
        in->counts.unlabelled += r->epoch <= in->first;
        return LEFT_OUT;
    }
    if (r->split == EMO_TEST) {
        in->counts.test += r->epoch <= in->first;
        return LEFT_OUT;
    }
    if (r->split == EMO_VALID) {
        in->counts.valid++;
        return FOR_VALIDATION;
    }
    return FOR_TRAINING;
}

/* Epochs out of order: of more than those of training images. */
static int out_of_order(const struct emo_intake *in, unsigned after, struct emo_error *err)
{
    char where[EMO_WHERE_SIZE];
    return emo_error(err, EMO_INPUT, "%s: of epoch %u after epoch %u of %u; the epochs of an "
                     "augmented stream come in order (join before emo-augment, not after)",
                     emo_record_where(&in->record, where, sizeof where), in->record.epoch, after,
                     in->epochs);
}

/* In an augmented stream, valid and test records have no epoch of their own. */
static int walk(struct emo_intake *in, struct emo_error *err)
{
    const struct emo_record *r = &in->record;
    const char *file = emo_reader_file(in->reader);
    size_t number = in->walk.number;
    if (!in->got)
        return emo_walk_end(&in->walk, file, err);
    if (in->augmented && r->split != EMO_VALID && r->split != EMO_TEST)
        number = r->epoch;
    if (number < in->walk.number || (in->augmented && number > in->epochs))
        return out_of_order(in, (unsigned)in->walk.number, err);
    return emo_walk_step(&in->walk, number, r, file, err);
}

/* The header of the next record, its shape checked. */
static int next_header(struct emo_intake *in, struct emo_error *err)
{
    int status = emo_reader_header(in->reader, &in->record, &in->got, err);
    if (status == EMO_OK && in->got)
        status = check_shape(in, err);
    return status == EMO_OK ? walk(in, err) : status;
}

static int keep_valid(struct emo_intake *in, struct emo_error *err)
{
    int status = receive(in, err);
    if (status == EMO_OK)
        status = note_origin(in, &in->validated, err);
    return status == EMO_OK ? keep(in, &in->valid, err) : status;
}

/* The end of an epoch of an augmented stream. */
static int end_epoch(struct emo_intake *in, struct emo_error *err)
{
    if (in->epoch == in->first) {
        int status = check_train(in, err);
        if (status != EMO_OK)
            return status;
        if (in->known_train > 0 &&
            (in->counts.train != in->known_train || in->counts.train_sum != in->known_sum))
            return emo_error(err, EMO_INPUT, "%s: the %" PRIu64 " training images of epoch %u are "
                             "not the %" PRIu64 " that the checkpoint's training saw",
                             emo_reader_file(in->reader), in->counts.train, in->epoch,
                             in->known_train);
    }
    if (in->in_epoch != in->counts.train)
        return emo_error(err, EMO_INPUT, "%s: epoch %u has %" PRIu64 " training images, but the "
                         "first has %" PRIu64 "; some were taken out or joined after emo-augment",
                         emo_reader_file(in->reader), in->epoch, in->in_epoch, in->counts.train);
    if (in->in_sum != in->counts.train_sum)
        return emo_error(err, EMO_INPUT, "%s: the training images of epoch %u are not those of the "
                         "first", emo_reader_file(in->reader), in->epoch);
    return EMO_OK;
}

/* An augmented stream's epochs come whole and in order. Called with the header of a training
   record, or at the end. */
static int check_epoch(struct emo_intake *in, struct emo_error *err)
{
    if (in->got && in->record.epoch == in->epoch && in->epoch > 0)
        return EMO_OK;
    if (in->epoch > 0) {
        int status = end_epoch(in, err);
        if (status != EMO_OK)
            return status;
    }
    if (!in->got) {
        if (in->epoch == 0)
            return check_train(in, err);
        if (in->epoch == in->epochs)
            return EMO_OK;
        return emo_error(err, EMO_INPUT, "%s: it says %u epochs, but ends after epoch %u",
                         emo_reader_file(in->reader), in->epochs, in->epoch);
    }
    unsigned next = in->epoch > 0 ? in->epoch + 1u : in->first;
    if (in->record.epoch != next || in->record.epoch > in->epochs)
        return out_of_order(in, next - 1, err);
    in->epoch = in->record.epoch;
    in->in_epoch = in->in_sum = 0;
    return EMO_OK;
}

/* Left out or kept for validation, that is, not for training. */
static int pass(struct emo_intake *in, enum use use, struct emo_error *err)
{
    if (use == LEFT_OUT)
        return receive(in, err);
    if (in->epoch > 0)
        return wrong(in, err, "a validation image after training images of an augmented stream; "
                     "join before emo-augment, not after");
    return keep_valid(in, err);
}

int emo_intake_next(struct emo_intake *in, struct emo_error *err)
{
    /* The first header was read by open(), and nothing was taken yet. */
    bool pending = in->epoch == 0;
    for (;;) {
        int status = pending ? walk(in, err) : next_header(in, err);
        if (status != EMO_OK)
            return status;
        enum use use = in->got ? classify(in) : FOR_TRAINING;
        if (use == FOR_TRAINING)
            return check_epoch(in, err);
        status = pass(in, use, err);
        if (status != EMO_OK)
            return status;
        pending = false;
    }
}

int emo_intake_all(struct emo_intake *in, struct emo_error *err)
{
    int status = walk(in, err);
    while (status == EMO_OK && in->got) {
        enum use use = classify(in);
        if (use == FOR_VALIDATION)
            status = keep_valid(in, err);
        else
            status = receive(in, err);
        if (status == EMO_OK && use == FOR_TRAINING) {
            if (in->record.epoch != 0)
                return wrong(in, err, "it has an epoch, but the head says nothing of epochs; give "
                             "emo-train what emo-augment wrote, whole");
            count_train(in);
            status = note_origin(in, &in->trained, err);
            if (status == EMO_OK)
                status = keep(in, &in->train, err);
        }
        if (status == EMO_OK)
            status = next_header(in, err);
    }
    return status == EMO_OK ? check_train(in, err) : status;
}

int emo_intake_take(struct emo_intake *in, void *to, struct emo_error *err)
{
    int status = emo_reader_payload(in->reader, &in->record, to, err);
    if (status == EMO_OK)
        count_train(in);
    return status;
}

static int check_epochs(struct emo_intake *in, uint16_t wanted, struct emo_error *err)
{
    int64_t epochs, first;
    in->epochs = wanted;
    in->first = 1;
    in->augmented = emo_head_key_int(emo_reader_head(in->reader), "epochs", &epochs);
    if (!in->augmented)
        return EMO_OK;
    if (!emo_head_key_int(emo_reader_head(in->reader), "first_epoch", &first))
        first = 1;
    if (epochs < 1 || epochs > UINT16_MAX || first < 1 || first > epochs)
        return emo_error(err, EMO_INPUT, "%s: its head says %" PRId64 " epochs, of which the first "
                         "is %" PRId64, emo_reader_file(in->reader), epochs, first);
    in->first = (uint16_t)first;
    if (wanted != 0 && wanted != epochs)
        return emo_error(err, EMO_INPUT, "%s: emo-augment made %" PRId64 " epochs, but -e says "
                         "%u; leave -e away here, or give it to emo-augment",
                         emo_reader_file(in->reader), epochs, wanted);
    in->epochs = (uint16_t)epochs;
    return EMO_OK;
}

int emo_intake_open(struct emo_intake *in, struct emo_reader *reader, uint16_t epochs,
                    uint64_t memory, struct emo_error *err)
{
    in->reader = reader;
    in->classes = emo_reader_head(reader)->class_count;
    int status = check_epochs(in, epochs, err);
    if (status != EMO_OK)
        return status;
    if (in->classes < 2)
        return emo_error(err, EMO_INPUT, "%s: %zu class%s; training takes two or more (emo-unzip "
                         "takes them from the folders' names)", emo_reader_file(reader),
                         in->classes, in->classes == 1 ? "" : "es");
    status = emo_reader_header(reader, &in->record, &in->got, err);
    if (status == EMO_OK && !in->got)
        status = emo_error(err, EMO_INPUT, "%s: no image in it", emo_reader_file(reader));
    if (status != EMO_OK)
        return status;
    memcpy(in->shape, in->record.dim, sizeof in->shape);
    in->payload_length = in->record.payload_length;
    status = check_shape(in, err);
    if (status != EMO_OK)
        return status;
    in->of_class = calloc(in->classes, sizeof *in->of_class);
    in->scratch = aligned_alloc(EMO_FRAME_SIZE, (size_t)emo_pad64(in->payload_length));
    if (in->of_class == NULL || in->scratch == NULL)
        return emo_error_memory(err, (size_t)in->payload_length, "an image");
    return emo_pool_open(&in->pool, memory, err);
}

void emo_intake_close(struct emo_intake *in)
{
    emo_record_free(&in->record);
    emo_pool_close(in->pool);
    emo_origins_free(&in->trained);
    emo_origins_free(&in->validated);
    free(in->valid.at);
    free(in->train.at);
    free(in->scratch);
    free(in->of_class);
}
