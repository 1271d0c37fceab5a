/*
 * The header of a NumPy array file, both ways, as numpy.lib.format describes it:
 * the magic, a version, the length of a header, and the header, a Python
 * dictionary of descr (type), fortran_order and shape; then the elements.
 *
 * Versions 1, 2 and 3 are read, 1 is written, padded so that the elements begin
 * at a multiple of 64 bytes. Elements are little-endian and row-major.
 */
#ifndef EMO_EXCHANGE_NPY_H
#define EMO_EXCHANGE_NPY_H

#include "base/error.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

#define EMO_NPY_RANK 5
/* Bytes of a header; NumPy itself reads no longer one without being asked to. */
#define EMO_CAP_NPY_HEADER 10000u
/* Characters of a string: a line of a stream's HEAD is no longer. */
#define EMO_CAP_NPY_STRING (1u << 20)

struct emo_npy {
    char kind;      /* u unsigned, i signed, f float, b bool, U UCS-4 text, S bytes */
    uint32_t width; /* bytes of an element */
    unsigned rank;
    uint64_t dim[EMO_NPY_RANK];
};

/* Where the bytes of an array come from: as emo_source_take(). name is for messages. */
struct emo_npy_input {
    int (*take)(void *context, void *to, size_t n, size_t *got, struct emo_error *err);
    void *context;
    const char *name;
};

/* Appends the header. */
void emo_npy_format(const struct emo_npy *a, struct emo_text *out);

/* Reads the header. EMO_INPUT: damaged, or of a type or layout that is not taken; the message says
   how to save it in one that is. */
int emo_npy_read(struct emo_npy *a, const struct emo_npy_input *in, struct emo_error *err);

/* Bytes of one row, which is what the first dimension counts; of a rank of 0, of the element.
   Overflow was excluded by emo_npy_read(). */
uint64_t emo_npy_row(const struct emo_npy *a);

/* Takes n bytes into *bytes, behind the kept bytes that are there, and grows it (from *room) with
   what really arrives. *got is less than n only at the end. */
int emo_npy_take(const struct emo_npy_input *in, uint8_t **bytes, size_t *room, size_t kept,
                 size_t n, size_t *got, struct emo_error *err);

/* "u1, 20 x 4 x 4 x 3", for messages; returns out (160 bytes are enough). */
char *emo_npy_describe(const struct emo_npy *a, char *out, size_t size);

#endif
