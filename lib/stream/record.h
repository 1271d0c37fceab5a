/*
 * One record: a tensor, what it is called and what is known of it.
 */
#ifndef EMO_STREAM_RECORD_H
#define EMO_STREAM_RECORD_H

#include "stream/frame.h"
#include "stream/metadata.h"

/*
 * Zero-initialise; emo_record_free() frees the metadata. payload is borrowed: from the reader or
 * the pool until the next call, or from the caller.
 */
struct emo_record {
    uint64_t id;
    int16_t label; /* -1: none */
    uint8_t split, dtype, rank, order;
    uint16_t epoch, may;
    uint32_t dim[4];
    struct emo_metadata metadata;
    const void *payload;
    uint64_t payload_length;
    uint32_t data_crc;
    bool data_crc_known; /* clear it when the payload changes */

    /* Where it was read, for messages; file NULL: nowhere. */
    const char *file;
    uint64_t number; /* in its file, from 1 */
    uint64_t offset; /* of its first byte in its file */
    uint32_t header_crc; /* which covers all of it, through the other CRCs */
};

void emo_record_free(struct emo_record *r);

/* Sets dtype, order, rank and dims, and from them payload_length; forgets the CRC. */
void emo_record_shape(struct emo_record *r, enum emo_dtype dtype, enum emo_order order,
                      unsigned rank, const uint32_t *dim);

/* Copies everything but payload and where it was read. */
int emo_record_copy_header(struct emo_record *to, const struct emo_record *from,
                           struct emo_error *err);

/* The name, or "" of length 0. */
const char *emo_record_name(const struct emo_record *r, size_t *n);

/* EMO_INPUT where it is no image of 1 or 3 channels: HEIGHTxWIDTHxCHANNELS of u8. */
int emo_record_check_image(const struct emo_record *r, struct emo_error *err);

/* `faces.emo: record 17 "a/b.jpg"`, for messages; returns out. */
#define EMO_WHERE_SIZE 900
char *emo_record_where(const struct emo_record *r, char *out, size_t size);

/* Elements of the payload, and one of them as a number (whole ones beyond 2^53 are rounded). */
size_t emo_record_elements(const struct emo_record *r);
double emo_record_value(const struct emo_record *r, size_t i);

/* "400x500x3", or "scalar"; returns out (48 bytes are enough). */
char *emo_record_dims(const struct emo_record *r, char *out, size_t size);

#endif
