#include "log_mel.h"

#define FFTW_NO_Complex /* numbers as pairs, whatever cblas.h includes */
#include <cblas.h>
#include <fftw3.h>
#include <math.h>
#include <stdlib.h>

#include "elementary.h"

enum { BLOCK_FRAMES = 64 }; /* so that memory does not grow with the clip */

static const double power_min = 1e-10, steps_per_db = 256, mel_break_frequency = 700;

struct log_mel {
    size_t samples, n_fft, hop, bins, frames;
    int n_mels;
    double top_db;
    double *window;  /* n_fft */
    double *bank;    /* (n_mels, bins) */
    fftwl_plan plan;
};

/* One thread's memory for one clip. */
struct scratch {
    long double *frame;      /* n_fft */
    fftwl_complex *spectrum; /* bins */
    double *power;           /* (BLOCK_FRAMES, bins) */
    double *mel;             /* (n_mels, BLOCK_FRAMES) */
};

static void scratch_release(struct scratch *scratch)
{
    free(scratch->frame);
    free(scratch->spectrum);
    free(scratch->power);
    free(scratch->mel);
}

static int scratch_init(struct scratch *scratch, const struct log_mel *log_mel)
{
    scratch->frame = calloc(log_mel->n_fft, sizeof *scratch->frame);
    scratch->spectrum = calloc(log_mel->bins, sizeof *scratch->spectrum);
    scratch->power = calloc(BLOCK_FRAMES * log_mel->bins, sizeof *scratch->power);
    scratch->mel = calloc((size_t)log_mel->n_mels * BLOCK_FRAMES, sizeof *scratch->mel);
    if (scratch->frame != NULL && scratch->spectrum != NULL && scratch->power != NULL && scratch->mel != NULL)
        return 0;
    scratch_release(scratch);
    return -1;
}

static void fill_window(double *window, size_t n_fft)
{
    for (size_t n = 0; n < n_fft; n++) {
        double sine = elementary_sin_turns((double)n / (2.0 * (double)n_fft));
        window[n] = sine * sine;
    }
}

/* The frequency of corner i of 0 to n_mels + 1. In the inverse of the mel formula, 2595 and the base of the
 * logarithm cancel. */
static double corner_frequency(int i, int n_mels, double frequency_max)
{
    double exponent = elementary_log(1 + frequency_max / mel_break_frequency) * i / (n_mels + 1);
    return mel_break_frequency * (elementary_exp(exponent) - 1);
}

static void fill_bank(double *bank, int n_mels, size_t bins, double frequency_max)
{
    for (int m = 0; m < n_mels; m++) {
        double left = corner_frequency(m, n_mels, frequency_max);
        double centre = corner_frequency(m + 1, n_mels, frequency_max);
        double right = corner_frequency(m + 2, n_mels, frequency_max);
        for (size_t k = 0; k < bins; k++) {
            double frequency = frequency_max * (double)k / (double)(bins - 1);
            double up = (frequency - left) / (centre - left), down = (right - frequency) / (right - centre);
            double height = up < down ? up : down;
            bank[(size_t)m * bins + k] = height > 0 ? height : 0;
        }
    }
}

static int prepare(struct log_mel *log_mel, double frequency_max, struct error *error)
{
    struct scratch scratch;
    log_mel->window = calloc(log_mel->n_fft, sizeof *log_mel->window);
    log_mel->bank = calloc((size_t)log_mel->n_mels * log_mel->bins, sizeof *log_mel->bank);
    if (log_mel->window == NULL || log_mel->bank == NULL || scratch_init(&scratch, log_mel) != 0)
        return error_set(error, "no memory for the filter bank");
    fill_window(log_mel->window, log_mel->n_fft);
    fill_bank(log_mel->bank, log_mel->n_mels, log_mel->bins, frequency_max);
    log_mel->plan = fftwl_plan_dft_r2c_1d((int)log_mel->n_fft, scratch.frame, scratch.spectrum,
                                          FFTW_ESTIMATE | FFTW_UNALIGNED);
    scratch_release(&scratch);
    return log_mel->plan != NULL ? 0 : error_set(error, "FFTW has no plan for %zu points", log_mel->n_fft);
}

struct log_mel *log_mel_new(const struct feature_parameters *parameters, size_t samples, struct error *error)
{
    size_t n_fft = (size_t)parameters->n_fft, padding = n_fft / 2;
    if (samples <= padding) {
        error_set(error, "clips of %zu samples are too short to be mirrored by %zu, half of n_fft %zu", samples,
                  padding, n_fft);
        return NULL;
    }
    struct log_mel *log_mel = calloc(1, sizeof *log_mel);
    if (log_mel == NULL) {
        error_set(error, "no memory for the filter bank");
        return NULL;
    }
    log_mel->samples = samples;
    log_mel->n_fft = n_fft;
    log_mel->hop = (size_t)parameters->hop_length;
    log_mel->bins = padding + 1;
    log_mel->frames = 1 + (samples + 2 * padding - n_fft) / log_mel->hop;
    log_mel->n_mels = (int)parameters->n_mels;
    log_mel->top_db = parameters->top_db;
    openblas_set_num_threads(1);
    if (prepare(log_mel, (double)(parameters->sample_rate / 2), error) != 0) {
        log_mel_free(log_mel);
        return NULL;
    }
    return log_mel;
}

void log_mel_free(struct log_mel *log_mel)
{
    if (log_mel == NULL)
        return;
    if (log_mel->plan != NULL)
        fftwl_destroy_plan(log_mel->plan);
    free(log_mel->window);
    free(log_mel->bank);
    free(log_mel);
}

struct clip_shape log_mel_shape(const struct log_mel *log_mel)
{
    return (struct clip_shape){.rank = 3, .sizes = {1, log_mel->n_mels, (int)log_mel->frames}};
}

const double *log_mel_bank(const struct log_mel *log_mel)
{
    return log_mel->bank;
}

/* The windowed frame that begins floor(n_fft/2) samples before sample `centre`. */
static void take_frame(const struct log_mel *log_mel, const float *waveform, size_t centre, long double *frame)
{
    ptrdiff_t first = (ptrdiff_t)centre - (ptrdiff_t)(log_mel->n_fft / 2), last = (ptrdiff_t)log_mel->samples - 1;
    for (size_t n = 0; n < log_mel->n_fft; n++) {
        ptrdiff_t at = first + (ptrdiff_t)n;
        at = at < 0 ? -at : at > last ? 2 * last - at : at;
        frame[n] = (long double)waveform[at] * log_mel->window[n];
    }
}

/* Bands of `count` frames from `first` on, into scratch->mel. */
static void compute_block(const struct log_mel *log_mel, const float *waveform, size_t first, size_t count,
                          struct scratch *scratch)
{
    int bins = (int)log_mel->bins;
    for (size_t t = 0; t < count; t++) {
        take_frame(log_mel, waveform, (first + t) * log_mel->hop, scratch->frame);
        fftwl_execute_dft_r2c(log_mel->plan, scratch->frame, scratch->spectrum);
        for (size_t k = 0; k < log_mel->bins; k++) {
            double real = (double)scratch->spectrum[k][0], imaginary = (double)scratch->spectrum[k][1];
            scratch->power[t * log_mel->bins + k] = real * real + imaginary * imaginary;
        }
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, log_mel->n_mels, (int)count, bins, 1, log_mel->bank, bins,
                scratch->power, bins, 0, scratch->mel, BLOCK_FRAMES);
}

static double decibels(double power)
{
    static const double ten_over_log_of_ten = 4.342944819032518;
    double exact = ten_over_log_of_ten * elementary_log(power > power_min ? power : power_min);
    return nearbyint(exact * steps_per_db) / steps_per_db;
}

int log_mel_compute(const struct log_mel *log_mel, const float *waveform, float *spectrogram, struct error *error)
{
    struct scratch scratch;
    size_t n_mels = (size_t)log_mel->n_mels, frames = log_mel->frames;
    double maximum = -INFINITY;
    if (scratch_init(&scratch, log_mel) != 0)
        return error_set(error, "no memory for a spectrogram");
    for (size_t first = 0; first < frames; first += BLOCK_FRAMES) {
        size_t count = frames - first < BLOCK_FRAMES ? frames - first : BLOCK_FRAMES;
        compute_block(log_mel, waveform, first, count, &scratch);
        for (size_t m = 0; m < n_mels; m++) {
            for (size_t t = 0; t < count; t++) {
                double value = decibels(scratch.mel[m * BLOCK_FRAMES + t]);
                maximum = value > maximum ? value : maximum;
                spectrogram[m * frames + first + t] = (float)value;
            }
        }
    }
    scratch_release(&scratch);
    float floor_value = (float)(maximum - log_mel->top_db);
    for (size_t i = 0; i < n_mels * frames; i++)
        spectrogram[i] = spectrogram[i] > floor_value ? spectrogram[i] : floor_value;
    return 0;
}
