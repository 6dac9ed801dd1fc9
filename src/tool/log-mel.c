#include <stdlib.h>
#include <string.h>

#include "clips.h"
#include "command_line.h"
#include "feature_parameters.h"
#include "log_mel.h"
#include "parallel.h"

/* The clips of a stream, several transformed at the same time, each in a slot of its own. */
struct transforming {
    const struct log_mel *log_mel;
    struct clips_stream *clips;
    struct clip_shape shape;
    size_t samples, values, slots;
    struct clip_head *heads; /* one a slot */
    float *waveforms;        /* samples a slot */
    float *spectrograms;     /* values a slot */
    struct error *errors;    /* one a slot; an empty message means success */
    struct error error;      /* why the stream ended early */
};

static int read_clip(void *context, size_t index)
{
    struct transforming *work = context;
    size_t slot = index % work->slots;
    return clips_stream_next(work->clips, &work->heads[slot], work->waveforms + slot * work->samples, &work->error);
}

static void transform_clip(void *context, size_t index, int thread)
{
    const struct transforming *work = context;
    size_t slot = index % work->slots;
    (void)thread;
    work->errors[slot].message[0] = '\0';
    log_mel_compute(work->log_mel, work->waveforms + slot * work->samples, work->spectrograms + slot * work->values,
                    &work->errors[slot]);
}

static int write_clip(void *context, size_t index)
{
    struct transforming *work = context;
    size_t slot = index % work->slots;
    work->error = work->errors[slot];
    if (work->error.message[0] != '\0')
        return -1;
    return clips_write(stdout, &work->shape, &work->heads[slot], work->spectrograms + slot * work->values,
                       &work->error);
}

static void transform_stream(struct transforming *work, struct parallel *parallel)
{
    struct error error;
    const struct parallel_stream stream = {read_clip, transform_clip, write_clip, work};
    work->shape = log_mel_shape(work->log_mel);
    work->values = clip_shape_values(&work->shape);
    work->slots = parallel_slots(parallel);
    work->heads = allocate_or_die(work->slots, sizeof *work->heads);
    work->waveforms = allocate_or_die(work->slots * work->samples, sizeof *work->waveforms);
    work->spectrograms = allocate_or_die(work->slots * work->values, sizeof *work->spectrograms);
    work->errors = allocate_or_die(work->slots, sizeof *work->errors);
    if (clips_write_header(stdout, &work->shape, work->clips->count, &error) != 0)
        die_error(&error);
    if (parallel_in_order(parallel, &stream) != 0)
        die_error(&work->error);
    free(work->heads);
    free(work->waveforms);
    free(work->spectrograms);
    free(work->errors);
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
    struct transforming work = {.clips = &clips, .samples = clip_shape_values(&clips.shape)};
    struct log_mel *log_mel = log_mel_new(&parameters, work.samples, &error);
    struct parallel *parallel = log_mel != NULL ? parallel_new((int)threads, &error) : NULL;
    if (parallel == NULL)
        die_error(&error);
    work.log_mel = log_mel;
    transform_stream(&work, parallel);
    parallel_free(parallel);
    log_mel_free(log_mel);
    return close_output();
}
