#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clips.h"
#include "command_line.h"
#include "decode.h"
#include "feature_parameters.h"
#include "inner_path.h"
#include "manifest.h"
#include "parallel.h"

enum { CLIPS_A_THREAD = 4 };

/* Some clips in a row, decoded at the same time. */
struct chunk {
    const char *root;
    const struct manifest_clip *clips;
    int sample_rate;
    size_t samples;
    float *x;             /* samples a clip */
    struct error *errors; /* one a clip; an empty message means success */
};

static int decode_file(const struct manifest_clip *clip, int file, struct chunk *chunk, float *x, struct error *error)
{
    char sha256[DIGEST_TEXT_BYTES];
    if (clip->sha256[0] != '\0') {
        if (digest_file(file, sha256, error) != 0)
            return -1;
        if (strcmp(sha256, clip->sha256) != 0)
            return error_set(error, "has changed since it was listed: sha256 %s, expected %s", sha256, clip->sha256);
    }
    return decode_sound(file, chunk->sample_rate, chunk->samples, x, error);
}

static void decode_clip(void *context, size_t index, int thread)
{
    struct chunk *chunk = context;
    struct error *error = &chunk->errors[index];
    const struct manifest_clip *clip = &chunk->clips[index];
    (void)thread;
    int file = inner_path_open(chunk->root, clip->path, error);
    if (file < 0)
        return;
    if (decode_file(clip, file, chunk, chunk->x + index * chunk->samples, error) != 0)
        error_prefix(error, "%s/%s", chunk->root, clip->path);
    close(file);
}

static void decode_manifest(const struct manifest *manifest, struct chunk *chunk, struct parallel *parallel)
{
    struct error error;
    struct clip_shape shape = {.rank = 2, .sizes = {1, (int)chunk->samples}};
    size_t most = CLIPS_A_THREAD * (size_t)parallel_threads(parallel);
    chunk->x = allocate_or_die(most * chunk->samples, sizeof *chunk->x);
    chunk->errors = allocate_or_die(most, sizeof *chunk->errors);
    if (clips_write_header(stdout, &shape, manifest->count, &error) != 0)
        die_error(&error);
    for (size_t first = 0; first < manifest->count; first += most) {
        size_t count = manifest->count - first < most ? manifest->count - first : most;
        chunk->clips = manifest->clips + first;
        parallel_for(parallel, count, decode_clip, chunk);
        for (size_t i = 0; i < count; i++) {
            const struct manifest_clip *clip = &chunk->clips[i];
            struct clip_head head;
            if (chunk->errors[i].message[0] != '\0')
                die_error(&chunk->errors[i]);
            if (clip_head_set(&head, clip->key, clip->fold, clip->label, &error) != 0 ||
                clips_write(stdout, &shape, &head, chunk->x + i * chunk->samples, &error) != 0)
                die_error(&error);
        }
    }
    free(chunk->x);
    free(chunk->errors);
}

int main(int argc, char **argv)
{
    struct feature_parameters parameters = feature_parameters_default;
    const char *root = ".";
    int64_t threads = 0;
    const struct option options[] = {
        {"root", OPTION_TEXT, &root, 0, 0, "DIR", "the data set that the manifest's paths are relative to"},
        {"sample-rate", OPTION_INTEGER, &parameters.sample_rate, SAMPLE_RATE_MIN, SAMPLE_RATE_MAX, NULL, "Hz"},
        {"clip-seconds", OPTION_REAL, &parameters.clip_seconds, CLIP_SECONDS_MIN, CLIP_SECONDS_MAX, NULL,
         "s; clips are cut or filled with zeros at their end"},
        {"threads", OPTION_INTEGER, &threads, 0, PARALLEL_THREADS_MAX, NULL, "0: one a processor; changes no byte"},
        {0},
    };
    const struct command command = {
        .name = "decode-audio",
        .synopsis = "<MANIFEST >WAVEFORMS",
        .purpose = "Decode sound files to mono waveforms of one rate and one length.",
        .details = "Input:   a manifest, as list-clips prints it.\n"
                   "Output:  clips (.npy), x of shape (1, samples), in the manifest's order.\n"
                   "Example: list-clips ESC-50 | decode-audio --root=ESC-50 | log-mel > features.npy",
        .options = options,
        .operands_min = 0,
        .operands_max = 0,
    };
    struct error error;
    struct manifest manifest;
    command_line_parse(&command, argc, argv);
    if (decode_fix_environment(&error) != 0 || manifest_read(&manifest, stdin, "standard input", &error) != 0)
        die_error(&error);
    struct parallel *parallel = parallel_new((int)threads, &error);
    if (parallel == NULL)
        die_error(&error);
    struct chunk chunk = {.root = root, .sample_rate = (int)parameters.sample_rate};
    chunk.samples = (size_t)floor(parameters.clip_seconds * (double)parameters.sample_rate + 0.5);
    decode_manifest(&manifest, &chunk, parallel);
    parallel_free(parallel);
    manifest_release(&manifest);
    return close_output();
}
