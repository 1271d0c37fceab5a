/*
 * What a fuzz target is, and what they share.
 *
 * A target is a function that takes any bytes and returns; whatever else
 * happens - a crash, a leak, undefined behaviour, abort() because a promise was
 * broken - is a find. libFuzzer and AFL++ call it with bytes that they make up;
 * replay.c calls it with files.
 */
#ifndef EMO_TESTS_FUZZ_TARGET_H
#define EMO_TESTS_FUZZ_TARGET_H

#include "exchange/import.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* A path by which a file of these bytes can be opened, until the next call. */
const char *fuzz_file(const uint8_t *bytes, size_t n);

/* The same as a pipe, to be closed with *fd; NULL where they are more than a pipe takes. */
const char *fuzz_pipe(const uint8_t *bytes, size_t n, int *fd);
void fuzz_pipe_close(int fd);

/* How much of a stream is made right that its writer would have computed. */
enum fuzz_repair {
    FUZZ_AS_IS,
    FUZZ_HEADERS, /* header_crc: what the headers say is believed */
    FUZZ_ALL,     /* also the CRCs of texts, metadata and data, counts and lengths of END */
};
/* Bytes that no one computed never get past a CRC: computes them. Changes bytes in place. */
void fuzz_repair(uint8_t *bytes, size_t n, enum fuzz_repair how);

/* The same for a zip: the CRCs of entries that are stored, not compressed. */
void fuzz_repair_zip(uint8_t *bytes, size_t n);

/* Imports a file, and holds it to what a writer of streams takes; writes them to the file `to`, unless
   it is NULL. Was it accepted? */
bool fuzz_import(const struct emo_import *in, const char *path, const char *to);

/* abort() where a promise is broken; NDEBUG does not take it away. */
#define FUZZ_PROMISE(x)                                                                            \
    do {                                                                                           \
        if (!(x))                                                                                  \
            fuzz_broken(__FILE__, __LINE__, #x);                                                   \
    } while (0)
_Noreturn void fuzz_broken(const char *file, int line, const char *what);

#endif
