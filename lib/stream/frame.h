/*
 * The frames of the tensor stream, byte for byte: emo-stream(5).
 *
 * A stream is one or more segments, a segment HEAD RECORD* END. Every frame
 * begins with one of the 64-byte headers below and is a multiple of 64 bytes.
 * Integers are little-endian and naturally aligned, so on the hosts that this
 * builds on the structs are the bytes.
 */
#ifndef EMO_STREAM_FRAME_H
#define EMO_STREAM_FRAME_H

#include "base/error.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian hosts are not supported");

#define EMO_FRAME_SIZE 64u
#define EMO_MAGIC "\x89" "EMO\r\n\x1a\n"
#define EMO_TAG_RECORD "EMOR"
#define EMO_TAG_END "EMOE"
#define EMO_MAJOR 1u
#define EMO_MINOR 0u
#define EMO_UNKNOWN UINT64_MAX /* records_expected */

/* Caps on what a reader takes from outside before it allocates. */
#define EMO_CAP_METADATA (64u << 10)
#define EMO_CAP_TEXT (1u << 20)
#define EMO_CAP_TEXT_MODEL (64u << 20)
#define EMO_CAP_PAYLOAD (UINT64_C(1) << 30)
#define EMO_CAP_CLASSES 32767u
#define EMO_CAP_REASON 4096u
#define EMO_CAP_SHARDS 65536u

enum emo_kind { EMO_IMAGES = 1, EMO_MODEL, EMO_SCORES, EMO_CHECKPOINT };
enum emo_dtype { EMO_U8 = 1, EMO_I32, EMO_I64, EMO_U64, EMO_BF16, EMO_F32, EMO_F64 };
enum emo_order { EMO_ORDER_NONE, EMO_HWC, EMO_HWIO, EMO_IO };
enum emo_split { EMO_SPLIT_NONE, EMO_TRAIN, EMO_VALID, EMO_TEST, EMO_SPLITS_COUNT };
enum { EMO_COMPLETE, EMO_ABORTED };

struct emo_head_frame {
    uint8_t magic[8];
    uint64_t frame_length;
    uint32_t text_length, header_crc, text_crc;
    uint16_t major, minor;
    uint64_t records_expected;
    uint32_t shard, shards;
    uint16_t must, may, kind, zero16;
    uint64_t zero64;
};
struct emo_record_frame {
    uint8_t tag[4];
    uint16_t must, may;
    uint64_t frame_length;
    uint32_t metadata_length, header_crc, metadata_crc, data_crc;
    uint64_t id;
    int16_t label;
    uint8_t split, dtype, rank, order;
    uint16_t epoch;
    uint32_t dim[4];
};
struct emo_end_frame {
    uint8_t tag[4];
    uint16_t must, may;
    uint64_t frame_length;
    uint32_t text_length, header_crc, text_crc, head_crc;
    uint64_t record_count, segment_length;
    uint32_t running_crc, status;
    uint64_t zero64;
};

#define EMO_AT(s, member, offset) \
    static_assert(offsetof(struct s, member) == (offset), #s "." #member)
static_assert(sizeof(struct emo_head_frame) == EMO_FRAME_SIZE, "HEAD");
static_assert(sizeof(struct emo_record_frame) == EMO_FRAME_SIZE, "RECORD");
static_assert(sizeof(struct emo_end_frame) == EMO_FRAME_SIZE, "END");
EMO_AT(emo_head_frame, frame_length, 8);
EMO_AT(emo_head_frame, text_length, 16);
EMO_AT(emo_head_frame, header_crc, 20);
EMO_AT(emo_head_frame, text_crc, 24);
EMO_AT(emo_head_frame, major, 28);
EMO_AT(emo_head_frame, minor, 30);
EMO_AT(emo_head_frame, records_expected, 32);
EMO_AT(emo_head_frame, shard, 40);
EMO_AT(emo_head_frame, shards, 44);
EMO_AT(emo_head_frame, must, 48);
EMO_AT(emo_head_frame, may, 50);
EMO_AT(emo_head_frame, kind, 52);
EMO_AT(emo_head_frame, zero64, 56);
EMO_AT(emo_record_frame, must, 4);
EMO_AT(emo_record_frame, may, 6);
EMO_AT(emo_record_frame, frame_length, 8);
EMO_AT(emo_record_frame, metadata_length, 16);
EMO_AT(emo_record_frame, header_crc, 20);
EMO_AT(emo_record_frame, metadata_crc, 24);
EMO_AT(emo_record_frame, data_crc, 28);
EMO_AT(emo_record_frame, id, 32);
EMO_AT(emo_record_frame, label, 40);
EMO_AT(emo_record_frame, split, 42);
EMO_AT(emo_record_frame, dtype, 43);
EMO_AT(emo_record_frame, rank, 44);
EMO_AT(emo_record_frame, order, 45);
EMO_AT(emo_record_frame, epoch, 46);
EMO_AT(emo_record_frame, dim, 48);
EMO_AT(emo_end_frame, frame_length, 8);
EMO_AT(emo_end_frame, text_length, 16);
EMO_AT(emo_end_frame, header_crc, 20);
EMO_AT(emo_end_frame, text_crc, 24);
EMO_AT(emo_end_frame, head_crc, 28);
EMO_AT(emo_end_frame, record_count, 32);
EMO_AT(emo_end_frame, segment_length, 40);
EMO_AT(emo_end_frame, running_crc, 48);
EMO_AT(emo_end_frame, status, 52);
EMO_AT(emo_end_frame, zero64, 56);

/* The next multiple of 64. */
static inline uint64_t emo_pad64(uint64_t n)
{
    return (n + 63) & ~UINT64_C(63);
}

/* CRC-32 of a 64-byte header with its header_crc field taken as zero. */
uint32_t emo_header_crc(const void *header);

/* Bytes of one element; 0: not a dtype. */
size_t emo_dtype_size(uint8_t dtype);
/* "u8", "f32"; "?" when unknown. */
const char *emo_dtype_name(uint8_t dtype);
/* "images", "model", "scores", "checkpoint"; "?" when unknown. */
const char *emo_kind_name(uint16_t kind);
/* "none", "HWC", "HWIO", "IO"; "?" when unknown. */
const char *emo_order_name(uint8_t order);
/* "none", "train", "valid", "test". */
const char *emo_split_name(uint8_t split);

/*
 * The payload's length from dtype, rank and dims: used dims at least 1, unused 0, rank at most 4;
 * overflow-checked. False: the shape is not valid.
 */
bool emo_payload_length(uint8_t dtype, uint8_t rank, const uint32_t dim[4], uint64_t *length);

#endif
