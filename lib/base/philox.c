#include "base/philox.h"

void emo_philox(uint64_t seed, uint64_t id, uint16_t epoch, uint16_t purpose, uint32_t block,
                uint32_t out[4])
{
    out[0] = (uint32_t)id;
    out[1] = (uint32_t)(id >> 32);
    out[2] = (uint32_t)epoch << 16 | purpose;
    out[3] = block;
    emo_philox_rounds(seed, out);
}

uint64_t emo_draw64(uint64_t seed, uint64_t id, uint16_t epoch, uint16_t purpose)
{
    uint32_t out[4];
    emo_philox(seed, id, epoch, purpose, 0, out);
    return (uint64_t)out[1] << 32 | out[0];
}
