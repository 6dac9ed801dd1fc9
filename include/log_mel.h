/* From a waveform to its log-mel spectrogram.
 *
 * With S = sample_rate, N = n_fft, H = hop_length, M = n_mels, that of torchaudio (0.13) MelSpectrogram(S, N,
 * hop_length=H, n_mels=M) and AmplitudeToDB('power', top_db):
 *   frames   1 + (samples + 2 floor(N/2) - N) / H, which is 1 + samples / H for even N; frame t is centred on sample
 *            t H; beyond its ends the waveform is mirrored without repeating the outermost sample
 *   window   Hann, periodic: w[n] = sin^2(pi n / N)
 *   power    |DFT|^2 in K = 1 + floor(N/2) bins, no scaling
 *   bands    triangles with corners at M + 2 frequencies equally spaced in mel = 2595 log10(1 + f/700) (O'Shaughnessy,
 *            Speech Communication, 1987; "HTK") from 0 to F = floor(S/2); height 1. Bin k stands for k F / (K - 1) Hz,
 *            as torchaudio has it, also for odd N. A band too narrow to hold a bin is 0 throughout, so -100 dB;
 *            torchaudio warns and does the same.
 *   dB       10 log10(max(power, 1e-10)), rounded to a multiple of 1/256, then not less than the clip's
 *            maximum - top_db
 *
 * Why it is rounded. All sums are in double, but OpenBLAS adds a product in an order that depends on the processor. The
 * powers are not negative, so nothing cancels: orders differ by about 1e-15 of the sum, 1e-14 dB. Two such values round
 * to the same multiple of 1/256 unless a boundary lies between them: 1 in about 4e11 values. What remains is that
 * chance: a data set of 400 clips has 1e7 values, and would show one that differs, by 1/256 dB, with a probability of
 * some 3e-5. Everything before the product is the same on every processor: FFTW in long double, which has no vector
 * code and whose plan is estimated, never timed; and elementary.h. */
#ifndef BITFAST_LOG_MEL_H
#define BITFAST_LOG_MEL_H

#include <stddef.h>

#include "clips.h"
#include "error.h"
#include "feature_parameters.h"

/* What all clips share: window, filter bank, plan. Made and freed by one thread, used by any number. */
struct log_mel;

/* For waveforms of `samples` values; more than floor(n_fft/2) are needed to mirror. NULL on failure, with the error
 * set. Sets OpenBLAS to one thread: ours are the threads. */
struct log_mel *log_mel_new(const struct feature_parameters *parameters, size_t samples, struct error *error);
void log_mel_free(struct log_mel *log_mel);

/* (1, n_mels, frames) */
struct clip_shape log_mel_shape(const struct log_mel *log_mel);

/* waveform: `samples` finite values; spectrogram: (n_mels, frames). Threads may call it at the same time. */
int log_mel_compute(const struct log_mel *log_mel, const float *waveform, float *spectrogram, struct error *error);

/* The filter bank, (n_mels, 1 + n_fft/2), valid until free; for tests. */
const double *log_mel_bank(const struct log_mel *log_mel);

#endif
