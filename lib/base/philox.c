#include "base/philox.h"

static void round_once(uint32_t c[4], const uint32_t k[2])
{
    uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t c1 = c[1], c3 = c[3];
    c[0] = (uint32_t)(b >> 32) ^ c1 ^ k[0];
    c[1] = (uint32_t)b;
    c[2] = (uint32_t)(a >> 32) ^ c3 ^ k[1];
    c[3] = (uint32_t)a;
}

void emo_philox(uint64_t seed, uint64_t id, uint16_t epoch, uint16_t purpose, uint32_t block,
                uint32_t out[4])
{
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    out[0] = (uint32_t)id;
    out[1] = (uint32_t)(id >> 32);
    out[2] = (uint32_t)epoch << 16 | purpose;
    out[3] = block;
    for (int i = 0; i < 10; i++) {
        round_once(out, key);
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
}

uint64_t emo_draw64(uint64_t seed, uint64_t id, uint16_t epoch, uint16_t purpose)
{
    uint32_t out[4];
    emo_philox(seed, id, epoch, purpose, 0, out);
    return (uint64_t)out[1] << 32 | out[0];
}
