/*
 * What the reader takes from a source, each piece with all its checks.
 */
#ifndef EMO_STREAM_TAKE_H
#define EMO_STREAM_TAKE_H

#include "stream/frame.h"
#include "stream/head.h"
#include "stream/source.h"

#define EMO_CUT_SHORT "the stream is cut short here; what wrote it failed or was killed"

/* EMO_INPUT: "FILE: PLACE, byte OFFSET: ..." where offset is that of the frame. */
int emo_broken(const struct emo_source *s, struct emo_error *err, const char *place,
               uint64_t offset, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Holds a text or metadata with its padding. Zero-initialise; free bytes. */
struct emo_scratch {
    uint8_t *bytes;
    size_t room;
};

/* n bytes of text or metadata, and their padding, of the frame at start. */
int emo_take_text(struct emo_source *s, const char *place, uint64_t start, size_t n, uint32_t crc,
                  struct emo_scratch *scratch, struct emo_error *err);

/* A whole HEAD: its 64 bytes in f, its text with padding in scratch, and what they say in head,
   to be freed where *got is true. *got false: the file ends here, after a segment. */
int emo_take_head(struct emo_source *s, struct emo_head_frame *f, struct emo_scratch *scratch,
                  struct emo_head *head, bool *got, struct emo_error *err);

#endif
