/* Makes the built-in demo data set; include/synthesis.h says what it is, include/synthesis_set.h how it is stored. */
#include <inttypes.h>

#include "command_line.h"
#include "feature_parameters.h"
#include "parallel.h"
#include "synthesis_set.h"

enum { FOLDS_MAX = 100, CLIPS_PER_CLASS_MAX = 100000 };
#define SEED_MAX 9007199254740991.0 /* 2^53 - 1 */

int main(int argc, char **argv)
{
    int64_t seed = 0, clips_per_class = 40, folds = 5, sample_rate = 16000, threads = 0;
    double seconds = 5.0;
    const struct option options[] = {
        {"seed", OPTION_INTEGER, &seed, 0, SEED_MAX, NULL, "of the random numbers"},
        {"clips-per-class", OPTION_INTEGER, &clips_per_class, 1, CLIPS_PER_CLASS_MAX, NULL, "a multiple of the folds"},
        {"folds", OPTION_INTEGER, &folds, 1, FOLDS_MAX, NULL, "number of folds"},
        {"sample-rate", OPTION_INTEGER, &sample_rate, SYNTHESIS_SAMPLE_RATE_MIN, SAMPLE_RATE_MAX, NULL, "Hz"},
        {"seconds", OPTION_REAL, &seconds, CLIP_SECONDS_MIN, CLIP_SECONDS_MAX, NULL, "length of a clip"},
        {"threads", OPTION_INTEGER, &threads, 0, PARALLEL_THREADS_MAX, NULL, "0: one a processor; changes no byte"},
        {0},
    };
    const struct command command = {
        "synth-clips", "DIRECTORY", "Make the built-in demo data set: ten classes of synthetic sound.",
        "Makes DIRECTORY, which must not exist, in the layout of ESC-50: meta/demo.csv and\n"
        "audio/{fold}-{recording}-{take}-{target}.wav, mono, 16-bit.\n"
        "example: synth-clips --seed=1 data/demo", options, 1, 1,
    };
    const char *directory = argv[command_line_parse(&command, argc, argv)];
    if (clips_per_class % folds != 0)
        die_usage("--clips-per-class=%" PRId64 " is not a multiple of --folds=%" PRId64, clips_per_class, folds);
    struct error error;
    struct parallel *parallel = parallel_new((int)threads, &error);
    if (parallel == NULL)
        die_error(&error);
    const struct synthesis_set set = {
        .seed = (uint64_t)seed,
        .folds = (int)folds,
        .clips_per_class = (int)clips_per_class,
        .sample_rate = (int)sample_rate,
        .samples = (size_t)(seconds * (double)sample_rate + 0.5),
    };
    if (synthesis_set_write(&set, directory, parallel, &error) != 0)
        die_error(&error);
    parallel_free(parallel);
    return close_output();
}
