/* Scores clips with a trained network: folds that are prepared, or sound files as they are. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint.h"
#include "choose_kernels.h"
#include "clip_set.h"
#include "command_line.h"
#include "decode.h"
#include "engine.h"
#include "layers.h"
#include "log_mel.h"
#include "network.h"

enum { CLIPS_A_THREAD = 4 };

/* Whether a file begins as a .npy file does. */
static int is_fold(const char *path)
{
    char start[6] = {0};
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        die("cannot open '%s'", path);
    size_t got = fread(start, 1, sizeof start, stream);
    fclose(stream);
    return got == sizeof start && memcmp(start, "\x93NUMPY", sizeof start) == 0;
}

static void print_header(const struct checkpoint *checkpoint)
{
    fputs("key\ttruth", stdout);
    for (int k = 0; k < checkpoint->class_count; k++)
        printf("\t%s", checkpoint->classes[k]);
    putchar('\n');
}

static void print_row(const struct checkpoint *checkpoint, const char *key, const char *truth, const float *logits)
{
    double *probabilities = allocate_or_die((size_t)checkpoint->class_count, sizeof *probabilities);
    softmax(probabilities, logits, checkpoint->class_count);
    printf("%s\t%s", key, truth);
    for (int k = 0; k < checkpoint->class_count; k++) {
        if (!isfinite(probabilities[k]))
            die("clip '%s': the network gives %g for class '%s'", key, probabilities[k], checkpoint->classes[k]);
        printf("\t%.9g", probabilities[k]);
    }
    putchar('\n');
    free(probabilities);
}

static struct network *make_network(struct checkpoint *checkpoint, int height, int width, size_t clips,
                                    const struct kernels *kernels, struct parallel *parallel)
{
    struct error error;
    struct network *network = network_new(checkpoint, height, width, (int)clips, kernels, parallel, &error);
    if (network == NULL)
        die_error(&error);
    return network;
}

static void predict_folds(struct checkpoint *checkpoint, char **paths, int count, const struct kernels *kernels,
                          struct parallel *parallel)
{
    struct error error;
    struct clip_set set;
    size_t most = CLIPS_A_THREAD * (size_t)parallel_threads(parallel), classes = (size_t)checkpoint->class_count;
    if (clip_set_open(&set, paths, count, checkpoint->class_count, &error) != 0)
        die_error(&error);
    if (set.count == 0)
        die("%s: holds no clips", paths[0]);
    struct network *network = make_network(checkpoint, set.height, set.width, most, kernels, parallel);
    const float **x = allocate_or_die(most, sizeof *x);
    float *logits = allocate_or_die(most * classes, sizeof *logits);
    for (size_t first = 0; first < set.count; first += most) {
        size_t here = set.count - first < most ? set.count - first : most;
        for (size_t i = 0; i < here; i++)
            x[i] = set.clips[first + i].x;
        network_predict(network, x, (int)here, logits);
        for (size_t i = 0; i < here; i++)
            print_row(checkpoint, set.clips[first + i].key, checkpoint->classes[set.clips[first + i].label],
                      logits + i * classes);
    }
    free(x);
    free(logits);
    network_free(network);
    clip_set_release(&set);
}

static int has_control_character(const char *text)
{
    while ((unsigned char)*text >= ' ' && *text != 0x7f)
        text++;
    return *text != '\0';
}

static void predict_sounds(struct checkpoint *checkpoint, char **paths, int count, const struct kernels *kernels,
                           struct parallel *parallel)
{
    struct error error;
    const struct feature_parameters *features = &checkpoint->features;
    size_t samples = (size_t)(features->clip_seconds * (double)features->sample_rate + 0.5);
    struct log_mel *log_mel = decode_prepare(&error) == 0 ? log_mel_new(features, samples, &error) : NULL;
    if (log_mel == NULL)
        die_error(&error);
    struct clip_shape shape = log_mel_shape(log_mel);
    struct network *network = make_network(checkpoint, shape.sizes[1], shape.sizes[2], 1, kernels, parallel);
    float *waveform = allocate_or_die(samples, sizeof *waveform);
    float *spectrogram = allocate_or_die(clip_shape_values(&shape), sizeof *spectrogram);
    float *logits = allocate_or_die((size_t)checkpoint->class_count, sizeof *logits);
    for (int i = 0; i < count; i++) {
        if (has_control_character(paths[i]))
            die("%s: a control character in the name cannot stand in a table", paths[i]);
        int file = open(paths[i], O_RDONLY | O_CLOEXEC);
        if (file < 0)
            die("cannot open '%s'", paths[i]);
        if (decode_sound(file, (int)features->sample_rate, samples, waveform, &error) != 0 ||
            log_mel_compute(log_mel, waveform, spectrogram, &error) != 0)
            die("%s: %s", paths[i], error.message);
        close(file);
        const float *x = spectrogram;
        network_predict(network, &x, 1, logits);
        print_row(checkpoint, paths[i], "?", logits);
    }
    free(waveform);
    free(spectrogram);
    free(logits);
    network_free(network);
    log_mel_free(log_mel);
}

int main(int argc, char **argv)
{
    const char *model = NULL, *engine = "exact", *set = NULL;
    int64_t threads = 0;
    const struct option options[] = {
        {"model", OPTION_TEXT, &model, 0, 0, "CHECKPOINT", "a file, instead of standard input"},
        {"engine", OPTION_CHOICE, &engine, 0, 0, ENGINE_CHOICES, "exact: the same bytes everywhere"},
        {"threads", OPTION_INTEGER, &threads, 0, PARALLEL_THREADS_MAX, NULL, "0: one a processor; changes no byte"},
        {"kernels", OPTION_CHOICE, &set, 0, 0, KERNELS_CHOICES, CHOOSE_KERNELS_HELP},
        {0},
    };
    const struct command command = {
        "predict", "FOLD... | SOUND... < CHECKPOINT", "Give each clip's probability of every class.",
        "Reads a checkpoint and prepared folds (.npy), or sound files of any format that libsndfile reads, which are\n"
        "decoded and transformed as the checkpoint's training clips were. Writes a table: key, truth ('?' for a sound\n"
        "file) and a column a class.\n"
        "Example: predict --model=epoch-004.safetensors fold-5.npy | score",
        options, 1, -1,
    };
    int at = command_line_parse(&command, argc, argv);
    struct error error;
    struct checkpoint checkpoint;
    struct kernels kernels;
    if (choose_kernels(&kernels, engine, set, &error) != 0)
        die_error(&error);
    FILE *stream = model != NULL ? fopen(model, "rb") : stdin;
    if (stream == NULL)
        die("--model: cannot open '%s'", model);
    if (checkpoint_read(&checkpoint, stream, model != NULL ? model : "standard input", &error) != 0)
        die_error(&error);
    fclose(stream);
    struct parallel *parallel = parallel_new((int)threads, &error);
    if (parallel == NULL)
        die_error(&error);
    print_header(&checkpoint);
    if (is_fold(argv[at]))
        predict_folds(&checkpoint, argv + at, argc - at, &kernels, parallel);
    else
        predict_sounds(&checkpoint, argv + at, argc - at, &kernels, parallel);
    parallel_free(parallel);
    checkpoint_release(&checkpoint);
    return close_output();
}
