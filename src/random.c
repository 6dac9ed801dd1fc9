#include "random.h"

#include <math.h>

#include "elementary.h"

struct random_block random_philox(const uint32_t counter[4], const uint32_t key[2])
{
    enum { ROUNDS = 10 };
    static const uint32_t multipliers[2] = {0xD2511F53, 0xCD9E8D57};
    static const uint32_t key_steps[2] = {0x9E3779B9, 0xBB67AE85};
    struct random_block block = {{counter[0], counter[1], counter[2], counter[3]}};
    uint32_t *words = block.words;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t product0 = (uint64_t)multipliers[0] * words[0], product1 = (uint64_t)multipliers[1] * words[2];
        uint32_t key0 = key[0] + round * key_steps[0], key1 = key[1] + round * key_steps[1];
        words[0] = (uint32_t)(product1 >> 32) ^ words[1] ^ key0;
        words[1] = (uint32_t)product1;
        words[2] = (uint32_t)(product0 >> 32) ^ words[3] ^ key1;
        words[3] = (uint32_t)product0;
    }
    return block;
}

struct random_block random_at(uint64_t seed, enum random_purpose purpose, uint32_t epoch, uint64_t index)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), epoch, (uint32_t)purpose};
    return random_philox(counter, key);
}

static double uniform(uint32_t high, uint32_t low)
{
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

double random_uniform_double(struct random_block block)
{
    return uniform(block.words[0], block.words[1]);
}

float random_uniform_float(struct random_block block)
{
    return (float)(block.words[0] >> 8) * 0x1p-24f;
}

double random_normal(struct random_block block)
{
    double radius_uniform = 1.0 - uniform(block.words[0], block.words[1]); /* in (0, 1]: log(0) cannot happen */
    double angle_turns = uniform(block.words[2], block.words[3]);
    return sqrt(-2.0 * elementary_log(radius_uniform)) * elementary_sin_turns(angle_turns);
}
