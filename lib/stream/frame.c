#include "stream/frame.h"

#include "base/hash.h"

#include <string.h>

uint32_t emo_header_crc(const void *header)
{
    uint8_t copy[EMO_FRAME_SIZE];
    memcpy(copy, header, sizeof copy);
    memset(copy + offsetof(struct emo_head_frame, header_crc), 0, 4);
    return emo_crc32(0, copy, sizeof copy);
}

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    {"?", 0},           [EMO_U8] = {"u8", 1},     [EMO_I32] = {"i32", 4}, [EMO_I64] = {"i64", 8},
    [EMO_U64] = {"u64", 8}, [EMO_BF16] = {"bf16", 2}, [EMO_F32] = {"f32", 4}, [EMO_F64] = {"f64", 8},
};

size_t emo_dtype_size(uint8_t dtype)
{
    return dtype <= EMO_F64 ? dtypes[dtype].size : 0;
}

const char *emo_dtype_name(uint8_t dtype)
{
    return dtype <= EMO_F64 ? dtypes[dtype].name : "?";
}

const char *emo_kind_name(uint16_t kind)
{
    static const char *const names[] = {"?", "images", "model", "scores", "checkpoint"};
    return kind <= EMO_CHECKPOINT ? names[kind] : names[0];
}

const char *emo_order_name(uint8_t order)
{
    static const char *const names[] = {"none", "HWC", "HWIO", "IO"};
    return order <= EMO_IO ? names[order] : "?";
}

const char *emo_split_name(uint8_t split)
{
    static const char *const names[] = {"none", "train", "valid", "test"};
    return split <= EMO_TEST ? names[split] : "?";
}

bool emo_payload_length(uint8_t dtype, uint8_t rank, const uint32_t dim[4], uint64_t *length)
{
    uint64_t n = emo_dtype_size(dtype);
    if (n == 0 || rank > 4)
        return false;
    for (unsigned i = 0; i < 4; i++) {
        if (i >= rank) {
            if (dim[i] != 0)
                return false;
        } else if (dim[i] == 0 || __builtin_mul_overflow(n, (uint64_t)dim[i], &n)) {
            return false;
        }
    }
    *length = n;
    return n <= UINT64_MAX / 2; /* so that adding padding and headers cannot overflow */
}
