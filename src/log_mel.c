#include "log_mel.h"

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
    double *window;     /* n_fft */
    struct band *bands; /* n_mels */
    double *heights;    /* of all bands' bins, one band after the other */
    fftw_plan plan;
};

/* The bins in which a triangle is above zero. */
struct band {
    size_t first, count;
};

/* One thread's memory for one clip. */
struct scratch {
    double *frame;          /* n_fft */
    fftw_complex *spectrum; /* bins */
    double *power;          /* bins */
    double *mel;            /* (n_mels, BLOCK_FRAMES) */
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
    scratch->power = calloc(log_mel->bins, sizeof *scratch->power);
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

/* Writes the heights above zero, and returns how many there are; heights = NULL: only counts them. */
static size_t fill_band(struct band *band, double *heights, int m, const struct log_mel *log_mel, double frequency_max)
{
    double left = corner_frequency(m, log_mel->n_mels, frequency_max);
    double centre = corner_frequency(m + 1, log_mel->n_mels, frequency_max);
    double right = corner_frequency(m + 2, log_mel->n_mels, frequency_max);
    *band = (struct band){0};
    for (size_t k = 0; k < log_mel->bins; k++) {
        double frequency = frequency_max * (double)k / (double)(log_mel->bins - 1);
        double up = (frequency - left) / (centre - left), down = (right - frequency) / (right - centre);
        double height = up < down ? up : down;
        if (!(height > 0))
            continue;
        if (band->count == 0)
            band->first = k;
        if (heights != NULL)
            heights[band->count] = height;
        band->count++;
    }
    return band->count;
}

static int prepare_bands(struct log_mel *log_mel, double frequency_max)
{
    size_t total = 0;
    log_mel->bands = calloc((size_t)log_mel->n_mels, sizeof *log_mel->bands);
    if (log_mel->bands == NULL)
        return -1;
    for (int m = 0; m < log_mel->n_mels; m++)
        total += fill_band(&log_mel->bands[m], NULL, m, log_mel, frequency_max);
    log_mel->heights = calloc(total + 1, sizeof *log_mel->heights);
    if (log_mel->heights == NULL)
        return -1;
    double *heights = log_mel->heights;
    for (int m = 0; m < log_mel->n_mels; m++)
        heights += fill_band(&log_mel->bands[m], heights, m, log_mel, frequency_max);
    return 0;
}

static int prepare(struct log_mel *log_mel, double frequency_max, struct error *error)
{
    struct scratch scratch;
    log_mel->window = calloc(log_mel->n_fft, sizeof *log_mel->window);
    if (log_mel->window == NULL || prepare_bands(log_mel, frequency_max) != 0 || scratch_init(&scratch, log_mel) != 0)
        return error_set(error, "no memory for the filter bank");
    fill_window(log_mel->window, log_mel->n_fft);
    log_mel->plan = fftw_plan_dft_r2c_1d((int)log_mel->n_fft, scratch.frame, scratch.spectrum,
                                         FFTW_ESTIMATE | FFTW_UNALIGNED | FFTW_NO_SIMD);
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
        fftw_destroy_plan(log_mel->plan);
    free(log_mel->window);
    free(log_mel->bands);
    free(log_mel->heights);
    free(log_mel);
}

struct clip_shape log_mel_shape(const struct log_mel *log_mel)
{
    return (struct clip_shape){.rank = 3, .sizes = {1, log_mel->n_mels, (int)log_mel->frames}};
}

/* The windowed frame that begins floor(n_fft/2) samples before sample `centre`. */
static void take_frame(const struct log_mel *log_mel, const float *waveform, size_t centre, double *frame)
{
    ptrdiff_t first = (ptrdiff_t)centre - (ptrdiff_t)(log_mel->n_fft / 2), last = (ptrdiff_t)log_mel->samples - 1;
    if (first >= 0 && first + (ptrdiff_t)log_mel->n_fft - 1 <= last) {
        for (size_t n = 0; n < log_mel->n_fft; n++)
            frame[n] = (double)waveform[(size_t)first + n] * log_mel->window[n];
        return;
    }
    for (size_t n = 0; n < log_mel->n_fft; n++) {
        ptrdiff_t at = first + (ptrdiff_t)n;
        at = at < 0 ? -at : at > last ? 2 * last - at : at;
        frame[n] = (double)waveform[at] * log_mel->window[n];
    }
}

/* The bands of frame t, into a column of scratch->mel; not less than power_min. */
static void compute_bands(const struct log_mel *log_mel, const float *waveform, size_t t, struct scratch *scratch)
{
    const double *height = log_mel->heights;
    take_frame(log_mel, waveform, t * log_mel->hop, scratch->frame);
    fftw_execute_dft_r2c(log_mel->plan, scratch->frame, scratch->spectrum);
    for (size_t k = 0; k < log_mel->bins; k++) {
        double real = scratch->spectrum[k][0], imaginary = scratch->spectrum[k][1];
        scratch->power[k] = real * real + imaginary * imaginary;
    }
    for (size_t m = 0; m < (size_t)log_mel->n_mels; m++) {
        double sum = 0;
        const double *power = scratch->power + log_mel->bands[m].first;
        for (size_t k = 0; k < log_mel->bands[m].count; k++)
            sum += *height++ * power[k];
        scratch->mel[m * BLOCK_FRAMES + t % BLOCK_FRAMES] = sum > power_min ? sum : power_min;
    }
}

/* Powers to decibels, rounded; returns the largest. */
static double decibels(double *values, size_t count)
{
    static const double ten_over_log_of_ten = 4.342944819032518, to_whole = 0x1.8p52;
    double maximum = -INFINITY;
    elementary_log_normal(values, count);
    for (size_t i = 0; i < count; i++) {
        values[i] = ((ten_over_log_of_ten * steps_per_db * values[i] + to_whole) - to_whole) / steps_per_db;
        maximum = values[i] > maximum ? values[i] : maximum;
    }
    return maximum;
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
        for (size_t t = first; t < first + count; t++)
            compute_bands(log_mel, waveform, t, &scratch);
        for (size_t m = 0; m < n_mels; m++) {
            double *values = scratch.mel + m * BLOCK_FRAMES, largest = decibels(values, count);
            maximum = largest > maximum ? largest : maximum;
            for (size_t t = 0; t < count; t++)
                spectrogram[m * frames + first + t] = (float)values[t];
        }
    }
    scratch_release(&scratch);
    float floor_value = (float)(maximum - log_mel->top_db);
    for (size_t i = 0; i < n_mels * frames; i++)
        spectrogram[i] = spectrogram[i] > floor_value ? spectrogram[i] : floor_value;
    return 0;
}
