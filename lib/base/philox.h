/*
 * Random numbers without state: Philox4x32-10 (Salmon, Moraes, Dror, Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", 2011).
 *
 * A draw is a function of (seed, id, epoch, purpose, block) and of nothing else,
 * so neither the order of records nor the number of threads can change it.
 *     key     = seed low, seed high
 *     counter = id low, id high, epoch << 16 | purpose, block
 */
#ifndef EMO_BASE_PHILOX_H
#define EMO_BASE_PHILOX_H

#include <stdint.h>

/* Numbers are for ever: a new purpose takes a new one. */
enum emo_purpose {
    EMO_DRAW_SPLIT = 1,      /* id: hash of class and window */
    EMO_DRAW_GROUP = 2,      /* id: hash of the group's name */
    EMO_DRAW_SHUFFLE = 3,    /* id: the record's */
    EMO_DRAW_WARP = 4,       /* id: the record's; block 0 geometry, block 1 flips */
    EMO_DRAW_INITIALISE = 5, /* id: the tensor's ordinal; block: index / 4 and redraws */
    EMO_DRAW_SAMPLE = 6,
    EMO_DRAW_DROPOUT = 256,  /* + the layer's index; id: the record's; block: unit / 4 */
};

/* The ten rounds, of a counter in place. Without a branch or a table: a loop over it can become
   vectors. */
static inline void emo_philox_rounds(uint64_t seed, uint32_t c[4])
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    _Pragma("GCC unroll 10") for (int i = 0; i < 10; i++) {
        uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t c1 = c[1], c3 = c[3];
        c[0] = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c[1] = (uint32_t)b;
        c[2] = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c[3] = (uint32_t)a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

void emo_philox(uint64_t seed, uint64_t id, uint16_t epoch, uint16_t purpose, uint32_t block,
                uint32_t out[4]);

/* [0, 1): the upper 24 bits times 2^-24. */
static inline float emo_uniform(uint32_t draw)
{
    return (float)(draw >> 8) * 0x1p-24f;
}

/* Block 0's first two words: the key by which permutations sort. */
uint64_t emo_draw64(uint64_t seed, uint64_t id, uint16_t epoch, uint16_t purpose);

#endif
