/*
 * Writes the encoding of Protocol Buffers: fields of a number and a value, one
 * after the other. A message within a message is made first, and then put as
 * bytes.
 */
#ifndef EMO_EXCHANGE_PROTOBUF_H
#define EMO_EXCHANGE_PROTOBUF_H

#include "base/text.h"

#include <string.h>

/* 7 bits a byte, the lowest first; the top bit: more come. */
static inline void emo_protobuf_varint(struct emo_text *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        emo_text_add(out, (char[]){(char)(0x80 | (v & 0x7f))}, 1);
    emo_text_add(out, (char[]){(char)v}, 1);
}

static inline void emo_protobuf_int(struct emo_text *out, unsigned field, uint64_t v)
{
    emo_protobuf_varint(out, (uint64_t)field << 3 | 0);
    emo_protobuf_varint(out, v);
}

/* The beginning of a field of n bytes, which are to follow. */
static inline void emo_protobuf_length(struct emo_text *out, unsigned field, uint64_t n)
{
    emo_protobuf_varint(out, (uint64_t)field << 3 | 2);
    emo_protobuf_varint(out, n);
}

static inline void emo_protobuf_string(struct emo_text *out, unsigned field, const char *s)
{
    emo_protobuf_length(out, field, strlen(s));
    emo_text_add(out, s, strlen(s));
}

/* Puts message and empties it. */
static inline void emo_protobuf_message(struct emo_text *out, unsigned field,
                                        struct emo_text *message)
{
    emo_protobuf_length(out, field, message->length);
    emo_text_add(out, message->bytes, message->length);
    out->failed = out->failed || message->failed;
    message->length = 0;
}

#endif
