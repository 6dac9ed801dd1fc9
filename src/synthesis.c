#include "synthesis.h"

#include <math.h>

#include "elementary.h"
#include "random.h"

enum pitch { PITCH_STEADY, PITCH_RISING, PITCH_FALLING, PITCH_SINE, PITCH_SQUARE };
enum envelope {
    ENVELOPE_STEADY, ENVELOPE_SINE,
    ENVELOPE_REGULAR, ENVELOPE_IRREGULAR, ENVELOPE_FASTER, /* events: a sudden start and a decay */
    ENVELOPE_REVERSED                                      /* a rise and a sudden end */
};

struct range {
    double low, high;
};

static const struct class {
    const char *name;
    enum pitch pitch;
    enum envelope envelope;
    struct range rate;        /* turns of the pitch or events of the envelope, 1/s */
    struct range decay;       /* seconds in which an event's envelope falls by e */
    struct range noise_share; /* of the carrier; the rest is the harmonic tone */
} classes[SYNTHESIS_CLASSES] = {
    {"steady_tone", PITCH_STEADY, ENVELOPE_STEADY, {1.0, 1.0}, {1.0, 1.0}, {0.0, 0.3}},
    {"rising_sweep", PITCH_RISING, ENVELOPE_STEADY, {1.0, 2.5}, {1.0, 1.0}, {0.0, 0.3}},
    {"falling_sweep", PITCH_FALLING, ENVELOPE_STEADY, {1.0, 2.5}, {1.0, 1.0}, {0.0, 0.3}},
    {"warble", PITCH_SINE, ENVELOPE_STEADY, {4.0, 7.0}, {1.0, 1.0}, {0.0, 0.3}},
    {"siren", PITCH_SQUARE, ENVELOPE_STEADY, {1.5, 3.0}, {1.0, 1.0}, {0.0, 0.3}},
    {"tremolo", PITCH_STEADY, ENVELOPE_SINE, {3.0, 6.0}, {1.0, 1.0}, {0.0, 0.3}},
    {"ticking", PITCH_STEADY, ENVELOPE_REGULAR, {5.0, 8.0}, {0.008, 0.015}, {0.6, 1.0}},
    {"crackle", PITCH_STEADY, ENVELOPE_IRREGULAR, {18.0, 30.0}, {0.005, 0.012}, {0.6, 1.0}},
    {"bouncing", PITCH_STEADY, ENVELOPE_FASTER, {2.0, 3.5}, {0.02, 0.04}, {0.0, 0.5}},
    {"swelling", PITCH_STEADY, ENVELOPE_REVERSED, {2.0, 4.0}, {0.06, 0.1}, {0.5, 0.9}},
};

enum { HARMONICS = 4 };

/* The indices of a clip's random numbers: those of its recording (drawn with the number of its take A), its own, those
 * of its events and those of its noise. */
enum {
    INDEX_PITCH, INDEX_RATE, INDEX_RATIO, INDEX_DECAY, INDEX_NOISE_SHARE, INDEX_NOISE_COLOUR, INDEX_NOISE_RATIO,
    INDEX_HARMONICS, INDEX_TAKE = 100, INDEX_ONSET = INDEX_TAKE, INDEX_LENGTH, INDEX_LEVEL, INDEX_PHASE,
    INDEX_EVENTS = 1000, INDEX_NOISE = 1 << 20
};

/* A clip's parameters. */
struct sound {
    const struct class *class;
    double sample_rate;                  /* Hz */
    double pitch;                        /* Hz */
    double rate;                         /* 1/s */
    double log_ratio;                    /* of the highest to the lowest pitch */
    double decay;                        /* seconds in which an event's envelope falls by e */
    double noise_share;                  /* of the carrier */
    double harmonics[HARMONICS];         /* amplitudes, 1 in all */
    double background, background_keep;  /* gain, and the share of the last value that the next one keeps */
    size_t onset, end;                   /* samples */
    double level;                        /* of full scale, for a value of 1 */
};

/* What changes from sample to sample. */
struct motion {
    double turn;      /* [0, 1): within the pitch's turn, or between two events */
    double rate;      /* turns per second */
    double strength;  /* of the last event */
    double envelope;
    double phase;     /* [0, 1): of the fundamental */
    double background;
    uint64_t events;
};

struct source {
    uint64_t seed;
    uint32_t clip;
};

const char *synthesis_class_name(int label)
{
    return classes[label].name;
}

size_t synthesis_count(const struct synthesis_set *set)
{
    return (size_t)SYNTHESIS_CLASSES * (size_t)set->clips_per_class;
}

/* Of three clips of a class in a fold the first two are takes of one recording. */
struct synthesis_clip synthesis_clip(const struct synthesis_set *set, size_t index)
{
    size_t in_class = (size_t)(set->clips_per_class / set->folds), in_fold = in_class * SYNTHESIS_CLASSES;
    int is_second = index % in_class % 3 == 1;
    return (struct synthesis_clip){
        .fold = (int)(index / in_fold) + 1,
        .label = (int)(index % in_fold / in_class),
        .recording = (int)index + 1 - is_second,
        .take = is_second ? 'B' : 'A',
    };
}

static double uniform(struct source source, uint64_t index, struct range range)
{
    double unit = random_uniform_double(random_at(source.seed, RANDOM_SYNTHESIS, source.clip, index));
    return range.low + (range.high - range.low) * unit;
}

static double from_decibel(double decibel)
{
    return elementary_exp(decibel * 0.11512925464970228); /* ln(10) / 20 */
}

static void draw_harmonics(struct sound *sound, struct source recording)
{
    double sum = 0.0;
    for (int i = 0; i < HARMONICS; i++)
        sum += sound->harmonics[i] = uniform(recording, INDEX_HARMONICS + i, (struct range){0.1, 1.0}) / (i + 1);
    for (int i = 0; i < HARMONICS; i++)
        sound->harmonics[i] /= sum;
}

/* The level is such that carrier and background together, each at its largest, stay under -1 dB. */
static struct sound draw_sound(const struct synthesis_set *set, int label, struct source recording, struct source take)
{
    struct sound sound = {.class = &classes[label], .sample_rate = set->sample_rate};
    sound.pitch = uniform(recording, INDEX_PITCH, (struct range){250.0, 700.0});
    sound.rate = uniform(recording, INDEX_RATE, sound.class->rate);
    sound.log_ratio = uniform(recording, INDEX_RATIO, (struct range){0.5, 0.9});
    sound.decay = uniform(recording, INDEX_DECAY, sound.class->decay);
    sound.noise_share = uniform(recording, INDEX_NOISE_SHARE, sound.class->noise_share);
    draw_harmonics(&sound, recording);
    sound.background_keep = uniform(recording, INDEX_NOISE_COLOUR, (struct range){0.0, 0.8});
    double keep = sound.background_keep; /* the filtered noise has variance (1 - keep) / (1 + keep) / 3 */
    double noise_ratio = uniform(recording, INDEX_NOISE_RATIO, (struct range){12.0, 36.0});
    sound.background = 0.3 * from_decibel(-noise_ratio) * sqrt(3.0 * (1.0 + keep) / (1.0 - keep));
    double onset = uniform(take, INDEX_ONSET, (struct range){0.0, 0.15});
    double length = uniform(take, INDEX_LENGTH, (struct range){0.6, 0.85});
    sound.onset = (size_t)(onset * (double)set->samples);
    sound.end = (size_t)((onset + length) * (double)set->samples);
    sound.level = from_decibel(uniform(take, INDEX_LEVEL, (struct range){-12.0, -1.0})) / (1.0 + sound.background);
    return sound;
}

static void start_event(const struct sound *sound, struct source take, struct motion *motion)
{
    enum { BOUNCES = 10 };
    motion->events++;
    motion->strength = 1.0;
    if (sound->class->envelope == ENVELOPE_IRREGULAR) {
        double unit = uniform(take, INDEX_EVENTS + 2 * motion->events, (struct range){0.0, 1.0});
        double interval = -elementary_log(1.0 - unit); /* exponentially distributed, mean 1 */
        motion->rate = sound->rate / fmin(fmax(interval, 0.15), 3.0);
        motion->strength = uniform(take, INDEX_EVENTS + 2 * motion->events + 1, (struct range){0.4, 1.0});
    } else if (sound->class->envelope == ENVELOPE_FASTER) {
        double bounce = (double)(motion->events % BOUNCES);
        motion->rate = sound->rate * elementary_exp(0.25 * bounce);
        motion->strength = elementary_exp(-0.1 * bounce);
    }
    double period = 1.0 / (motion->rate * sound->decay);
    motion->envelope = sound->class->envelope == ENVELOPE_REVERSED ? elementary_exp(-period) : motion->strength;
}

static double envelope_value(const struct sound *sound, double decay_factor, struct motion *motion)
{
    switch (sound->class->envelope) {
    case ENVELOPE_STEADY:
        return 1.0;
    case ENVELOPE_SINE:
        return 0.5 + 0.5 * elementary_sin_turns(motion->turn);
    case ENVELOPE_REVERSED:
        motion->envelope /= decay_factor;
        return fmin(motion->envelope, 1.0);
    default:
        motion->envelope *= decay_factor;
        return motion->envelope;
    }
}

static double pitch_value(const struct sound *sound, double turn)
{
    switch (sound->class->pitch) {
    case PITCH_RISING:
        return sound->pitch * elementary_exp(sound->log_ratio * (turn - 0.5));
    case PITCH_FALLING:
        return sound->pitch * elementary_exp(sound->log_ratio * (0.5 - turn));
    case PITCH_SINE:
        return sound->pitch * elementary_exp(sound->log_ratio * 0.5 * elementary_sin_turns(turn));
    case PITCH_SQUARE:
        return sound->pitch * elementary_exp(sound->log_ratio * (turn < 0.5 ? 0.5 : -0.5));
    default:
        return sound->pitch;
    }
}

/* The sum of the harmonics by sin((n + 1) p) = 2 cos(p) sin(n p) - sin((n - 1) p). */
static double tone_value(const struct sound *sound, double phase)
{
    double before = 0.0, sine = elementary_sin_turns(phase), cosine = elementary_sin_turns(phase + 0.25);
    double sum = sound->harmonics[0] * sine;
    for (int i = 1; i < HARMONICS; i++) {
        double next = 2.0 * cosine * sine - before;
        before = sine;
        sine = next;
        sum += sound->harmonics[i] * sine;
    }
    return sum;
}

/* Uniform in [-1, 1). */
static double noise_value(uint32_t word)
{
    return (double)word * 0x1p-31 - 1.0;
}

void synthesis_samples(const struct synthesis_set *set, size_t index, int16_t *samples)
{
    struct synthesis_clip clip = synthesis_clip(set, index);
    struct source take = {set->seed, (uint32_t)index}, recording = {set->seed, (uint32_t)clip.recording - 1};
    struct sound sound = draw_sound(set, clip.label, recording, take);
    double decay_factor = elementary_exp(-1.0 / (sound.decay * sound.sample_rate));
    double phase = uniform(take, INDEX_PHASE, (struct range){0.0, 1.0});
    struct motion motion = {.turn = 1.0, .rate = sound.rate, .phase = phase}; /* starts with an event */
    struct random_block noise = {{0}};
    for (size_t i = 0; i < set->samples; i++) {
        if (i % 2 == 0) /* two words a sample */
            noise = random_at(set->seed, RANDOM_SYNTHESIS, take.clip, INDEX_NOISE + i / 2);
        const uint32_t *words = &noise.words[i % 2 * 2];
        motion.background += (1.0 - sound.background_keep) * (noise_value(words[0]) - motion.background);
        double value = sound.background * motion.background;
        if (i >= sound.onset && i < sound.end) {
            if (motion.turn >= 1.0) {
                motion.turn -= 1.0;
                start_event(&sound, take, &motion);
            }
            double tone = tone_value(&sound, motion.phase);
            double carrier = tone + sound.noise_share * (noise_value(words[1]) - tone);
            value += carrier * envelope_value(&sound, decay_factor, &motion);
            motion.turn += motion.rate / sound.sample_rate;
            motion.phase += pitch_value(&sound, motion.turn) / sound.sample_rate;
            motion.phase -= motion.phase >= 1.0 ? 1.0 : 0.0;
        }
        samples[i] = (int16_t)lrint(sound.level * value * INT16_MAX);
    }
}
