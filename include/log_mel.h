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
 * All sums are in double and in one order on every processor: FFTW is kept to its plain code (FFTW_NO_SIMD) and to an
 * estimated plan, never a timed one; a band is the chain of its bins in ascending order; and elementary.h. So the bits
 * depend on FFTW's release and compiler alone, and the rounding takes that away too: another order of the same sums
 * moves a bin that is 80 dB below its frame by some 1e-11 dB, and a typical one by 1e-13 dB; a multiple of 1/256
 * changes only if a boundary lies between, for 1 in 4e10 typical values. */
#ifndef BITFAST_LOG_MEL_H
#define BITFAST_LOG_MEL_H

#include <stddef.h>

#include "clips.h"
#include "error.h"
#include "feature_parameters.h"

/* What all clips share: window, filter bank, plan. Made and freed by one thread, used by any number. */
struct log_mel;

/* For waveforms of `samples` values; more than floor(n_fft/2) are needed to mirror. NULL on failure, with the error
 * set. */
struct log_mel *log_mel_new(const struct feature_parameters *parameters, size_t samples, struct error *error);
void log_mel_free(struct log_mel *log_mel);

/* (1, n_mels, frames) */
struct clip_shape log_mel_shape(const struct log_mel *log_mel);

/* waveform: `samples` finite values; spectrogram: (n_mels, frames). Threads may call it at the same time. */
int log_mel_compute(const struct log_mel *log_mel, const float *waveform, float *spectrogram, struct error *error);

#endif
