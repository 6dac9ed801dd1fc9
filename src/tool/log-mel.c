#include <stdlib.h>
#include <string.h>

#include "clips.h"
#include "command_line.h"
#include "feature_parameters.h"
#include "log_mel.h"
#include "parallel.h"

enum { CLIPS_A_THREAD = 4 };

/* Some clips in a row, transformed at the same time. */
struct chunk {
    const struct log_mel *log_mel;
    size_t samples, values;
    struct clip_head *heads;
    float *waveforms;     /* samples a clip */
    float *spectrograms;  /* values a clip */
    struct error *errors; /* one a clip; an empty message means success */
};

static void transform_clip(void *context, size_t index, int thread)
{
    struct chunk *chunk = context;
    (void)thread;
    log_mel_compute(chunk->log_mel, chunk->waveforms + index * chunk->samples,
                    chunk->spectrograms + index * chunk->values, &chunk->errors[index]);
}

/* Reads up to `most` clips; returns how many there were. */
static size_t read_chunk(struct clips_stream *clips, struct chunk *chunk, size_t most)
{
    struct error error;
    size_t count = 0;
    for (int status = 1; count < most; count++) {
        status = clips_stream_next(clips, &chunk->heads[count], chunk->waveforms + count * chunk->samples, &error);
        if (status < 0)
            die_error(&error);
        if (status == 0)
            break;
    }
    return count;
}

static void transform_stream(struct clips_stream *clips, struct chunk *chunk, struct parallel *parallel)
{
    struct error error;
    struct clip_shape shape = log_mel_shape(chunk->log_mel);
    size_t count, most = CLIPS_A_THREAD * (size_t)parallel_threads(parallel);
    chunk->values = clip_shape_values(&shape);
    chunk->heads = allocate_or_die(most, sizeof *chunk->heads);
    chunk->waveforms = allocate_or_die(most * chunk->samples, sizeof *chunk->waveforms);
    chunk->spectrograms = allocate_or_die(most * chunk->values, sizeof *chunk->spectrograms);
    chunk->errors = allocate_or_die(most, sizeof *chunk->errors);
    if (clips_write_header(stdout, &shape, clips->count, &error) != 0)
        die_error(&error);
    while ((count = read_chunk(clips, chunk, most)) > 0) {
        parallel_for(parallel, count, transform_clip, chunk);
        for (size_t i = 0; i < count; i++) {
            if (chunk->errors[i].message[0] != '\0')
                die_error(&chunk->errors[i]);
            if (clips_write(stdout, &shape, &chunk->heads[i], chunk->spectrograms + i * chunk->values, &error) != 0)
                die_error(&error);
        }
    }
    free(chunk->heads);
    free(chunk->waveforms);
    free(chunk->spectrograms);
    free(chunk->errors);
}

int main(int argc, char **argv)
{
    struct feature_parameters parameters = feature_parameters_default;
    int64_t threads = 0;
    const struct option options[] = {
        {"sample-rate", OPTION_INTEGER, &parameters.sample_rate, SAMPLE_RATE_MIN, SAMPLE_RATE_MAX, NULL,
         "Hz, of the waveforms"},
        {"n-fft", OPTION_INTEGER, &parameters.n_fft, N_FFT_MIN, N_FFT_MAX, NULL, "samples in a window"},
        {"hop-length", OPTION_INTEGER, &parameters.hop_length, HOP_LENGTH_MIN, HOP_LENGTH_MAX, NULL,
         "samples from one window to the next"},
        {"n-mels", OPTION_INTEGER, &parameters.n_mels, N_MELS_MIN, N_MELS_MAX, NULL, "bands of the mel filter bank"},
        {"top-db", OPTION_REAL, &parameters.top_db, TOP_DB_MIN, TOP_DB_MAX, NULL,
         "dB under the clip's maximum where it is cut off"},
        {"threads", OPTION_INTEGER, &threads, 0, PARALLEL_THREADS_MAX, NULL, "0: one a processor; changes no byte"},
        {0},
    };
    const struct command command = {
        .name = "log-mel",
        .synopsis = "<WAVEFORMS >SPECTROGRAMS",
        .purpose = "Compute the log-mel spectrogram of each waveform.",
        .details = "Input:   clips (.npy), x of shape (1, samples), as decode-audio writes them.\n"
                   "Output:  clips (.npy), x of shape (1, mel bands, 1 + samples / hop length), in dB.\n"
                   "Example: decode-audio <manifest.tsv | log-mel --n-mels=64 >features.npy",
        .options = options,
        .operands_min = 0,
        .operands_max = 0,
    };
    struct error error;
    struct clips_stream clips;
    char shape[CLIP_SHAPE_TEXT_BYTES];
    command_line_parse(&command, argc, argv);
    if (clips_stream_open(&clips, stdin, "standard input", &error) != 0)
        die_error(&error);
    if (clips.shape.rank != 2 || clips.shape.sizes[0] != 1)
        die("standard input: holds clips of shape %s, expected waveforms, 1x(samples)",
            clip_shape_text(&clips.shape, shape));
    struct chunk chunk = {.samples = clip_shape_values(&clips.shape)};
    struct log_mel *log_mel = log_mel_new(&parameters, chunk.samples, &error);
    struct parallel *parallel = log_mel != NULL ? parallel_new((int)threads, &error) : NULL;
    if (parallel == NULL)
        die_error(&error);
    chunk.log_mel = log_mel;
    transform_stream(&clips, &chunk, parallel);
    parallel_free(parallel);
    log_mel_free(log_mel);
    return close_output();
}
