/* Random numbers without a state: each is a function of what it is for.
 *
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3; SC'11), key = (seed low, seed
 * high), counter = (index low, index high, epoch, purpose). Numbers of different purposes, epochs or indices are
 * independent, in whatever order and on whatever thread they are drawn, and there is nothing to save. */
#ifndef BITFAST_RANDOM_H
#define BITFAST_RANDOM_H

#include <stdint.h>

/* A new purpose goes at the end: these numbers decide bytes. */
enum random_purpose {
    RANDOM_WEIGHTS = 1,  /* initial weights; epoch = the tensor's number in the network's table */
    RANDOM_SHUFFLE = 2,  /* order of the training clips; index = the clip */
    RANDOM_SYNTHESIS = 3 /* the demo data set; epoch = the clip */
};

struct random_block {
    uint32_t words[4];
};

/* The generator itself, for tests against published answers. */
struct random_block random_philox(const uint32_t counter[4], const uint32_t key[2]);

struct random_block random_at(uint64_t seed, enum random_purpose purpose, uint32_t epoch, uint64_t index);

/* Uniform in [0, 1), a multiple of 2^-53 (words 0 and 1) and of 2^-24 (word 0). */
double random_uniform_double(struct random_block block);
float random_uniform_float(struct random_block block);

/* Standard normal by Box and Muller (Ann. Math. Stat. 29, 1958) from words 0..3, with elementary.h's functions. */
double random_normal(struct random_block block);

#endif
