/* The built-in demo data set: sounds of ten classes that differ in how they change over time, not in their spectrum.
 *
 * Every sound is a carrier (a harmonic tone with a share of noise) under an envelope, within background noise. Pitch,
 * harmonics, onset, length, level, colour of the background and signal-to-noise ratio are drawn from the same ranges
 * for all classes; a class is how the pitch and the envelope go and how noisy the carrier is (the table in
 * synthesis.c). All from random.h (purpose RANDOM_SYNTHESIS, epoch = the clip) and elementary.h, so the samples are the
 * same on every machine.
 *
 * As in ESC-50, clips are takes of recordings: takes A and B of one recording share everything but noise, onset, length
 * and level, and a recording never spans folds. */
#ifndef BITFAST_SYNTHESIS_H
#define BITFAST_SYNTHESIS_H

#include <stddef.h>
#include <stdint.h>

enum { SYNTHESIS_CLASSES = 10, SYNTHESIS_SAMPLE_RATE_MIN = 8000 /* the harmonics reach almost to 4000 Hz */ };

struct synthesis_set {
    uint64_t seed;
    int folds;
    int clips_per_class; /* a multiple of folds */
    int sample_rate;     /* Hz, at least SYNTHESIS_SAMPLE_RATE_MIN */
    size_t samples;      /* of a clip */
};

struct synthesis_clip {
    int fold;      /* 1, 2, ... */
    int label;     /* 0, ..., SYNTHESIS_CLASSES - 1 */
    int recording; /* 1, 2, ...: one more than the index of its take A */
    char take;     /* 'A' or 'B' */
};

/* The classes' names, such as "rising_sweep". */
const char *synthesis_class_name(int label);

/* The number of clips in the set, and what clip `index` of them is: fold by fold, class by class. */
size_t synthesis_count(const struct synthesis_set *set);
struct synthesis_clip synthesis_clip(const struct synthesis_set *set, size_t index);

/* Computes the clip's samples (set->samples of them): 16-bit, peak at most -1 dB of full scale. */
void synthesis_samples(const struct synthesis_set *set, size_t index, int16_t *samples);

#endif
