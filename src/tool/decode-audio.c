#include <malloc.h>
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

enum { KEPT_BYTES = 32 << 20 }; /* the most that glibc takes for M_MMAP_THRESHOLD */

/* The clips of a manifest, several decoded at the same time, each in a slot of its own. */
struct decoding {
    const char *root;
    const struct manifest *manifest;
    int sample_rate;
    struct clip_shape shape;
    size_t samples, slots;
    float *x;             /* samples a slot */
    struct error *errors; /* one a slot; an empty message means success */
    struct error error;   /* why the stream ended early */
};

static int decode_file(const struct manifest_clip *clip, int file, const struct decoding *decoding, float *x,
                       struct error *error)
{
    char sha256[DIGEST_TEXT_BYTES];
    if (clip->sha256[0] != '\0') {
        if (digest_file(file, sha256, error) != 0)
            return -1;
        if (strcmp(sha256, clip->sha256) != 0)
            return error_set(error, "has changed since it was listed: sha256 %s, expected %s", sha256, clip->sha256);
    }
    return decode_sound(file, decoding->sample_rate, decoding->samples, x, error);
}

static int begin_clip(void *context, size_t index)
{
    const struct decoding *decoding = context;
    return index < decoding->manifest->count;
}

static void decode_clip(void *context, size_t index, int thread)
{
    const struct decoding *decoding = context;
    const struct manifest_clip *clip = &decoding->manifest->clips[index];
    size_t slot = index % decoding->slots;
    struct error *error = &decoding->errors[slot];
    (void)thread;
    error->message[0] = '\0';
    int file = inner_path_open(decoding->root, clip->path, error);
    if (file < 0)
        return;
    if (decode_file(clip, file, decoding, decoding->x + slot * decoding->samples, error) != 0)
        error_prefix(error, "%s/%s", decoding->root, clip->path);
    close(file);
}

static int write_clip(void *context, size_t index)
{
    struct decoding *decoding = context;
    const struct manifest_clip *clip = &decoding->manifest->clips[index];
    size_t slot = index % decoding->slots;
    struct clip_head head;
    decoding->error = decoding->errors[slot];
    if (decoding->error.message[0] != '\0' ||
        clip_head_set(&head, clip->key, clip->fold, clip->label, &decoding->error) != 0)
        return -1;
    return clips_write(stdout, &decoding->shape, &head, decoding->x + slot * decoding->samples, &decoding->error);
}

static void decode_manifest(struct decoding *decoding, struct parallel *parallel)
{
    struct error error;
    const struct parallel_stream stream = {begin_clip, decode_clip, write_clip, decoding};
    decoding->slots = parallel_slots(parallel);
    decoding->x = allocate_or_die(decoding->slots * decoding->samples, sizeof *decoding->x);
    decoding->errors = allocate_or_die(decoding->slots, sizeof *decoding->errors);
    if (clips_write_header(stdout, &decoding->shape, decoding->manifest->count, &error) != 0)
        die_error(&error);
    if (parallel_in_order(parallel, &stream) != 0)
        die_error(&decoding->error);
    free(decoding->x);
    free(decoding->errors);
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
    /* The libraries take megabytes for each file and give them back: what is given back stays with the process. */
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
    mallopt(M_TRIM_THRESHOLD, 4 * KEPT_BYTES);
    if (decode_prepare(&error) != 0 || manifest_read(&manifest, stdin, "standard input", &error) != 0)
        die_error(&error);
    struct parallel *parallel = parallel_new((int)threads, &error);
    if (parallel == NULL)
        die_error(&error);
    struct decoding decoding = {.root = root, .manifest = &manifest, .sample_rate = (int)parameters.sample_rate};
    decoding.samples = (size_t)floor(parameters.clip_seconds * (double)parameters.sample_rate + 0.5);
    decoding.shape = (struct clip_shape){.rank = 2, .sizes = {1, (int)decoding.samples}};
    decode_manifest(&decoding, parallel);
    parallel_free(parallel);
    manifest_release(&manifest);
    return close_output();
}
