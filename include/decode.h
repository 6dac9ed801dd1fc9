/* From a sound file to a waveform: any format, rate and channel count that libsndfile reads; mono, at one
 * rate, of one length.
 *
 * 1. libsndfile decodes to float32: whole numbers are scaled to [-1, 1), floats are taken as they are.
 * 2. Mono is the mean of the channels, in double.
 * 3. If the file's rate differs, libsoxr (0.1.3) resamples by its recipe SOXR_HQ in double. Its filter is
 *    linear-phase and its delay is taken out: a sound keeps its place in time. With L the lower of the two rates: pass
 *    band from 0 to 0.9137 L/2, ripple under 0.01 dB; stop band from L/2, rejection over 120 dB (soxr.h: passband_end,
 *    stopband_begin, 20 bits of precision). At 8000 Hz the pass band ends at 3655 Hz. tests/resample.py measures this
 *    with sines. Beyond its ends a sound is taken to be zero. What comes out is rounded to steps of 2^-24, those of
 *    24-bit sound.
 * 4. The result is cut, or filled up with zeros, at its end.
 *
 * The whole file is read and checked, also what is cut off. Failures: a file that is empty, not a sound, or has no
 * samples; one shorter than its header promises (by libsndfile's log for WAV and its relatives, AIFF and AU; by the
 * number of samples for FLAC and MP3; by the last page for Ogg; by the chunks for CAF); a damaged Ogg page or FLAC
 * frame; a sample that is not finite. What cannot be seen is damage to samples of a format without checksums, and the
 * end missing from an MP3 without a count of its frames.
 *
 * The bytes are the same on every processor: libsoxr is told to use its plain code, whatever it would choose, and what
 * is left - filters computed with libm's functions, multiply-adds that Debian's arm64 compiler fused - changes the last
 * bits of doubles, about 1e-16, which vanish in the rounding but for one sample in some hundred million.
 * tests/processors.sh and tests/aarch64.sh compare what comes out, between all usual rates. Ogg Vorbis, Opus and MP3 are
 * decoded in float32 by libraries of their own: the same on every x86-64 processor, but not on aarch64;
 * tests/aarch64.sh says how far off. */
#ifndef BITFAST_DECODE_H
#define BITFAST_DECODE_H

#include <stddef.h>

#include "error.h"

/* Takes from the environment what libsoxr would read there, so that it cannot change a byte, and lets it set up what its
 * resamplers share: when two threads did so, one of them spoilt the other's first clip, once in some thousand runs. Call
 * it once, before any thread is started. */
int decode_prepare(struct error *error);

/* Decodes the open file into x (`samples` floats). Threads may call it at the same time. Messages do not
 * name the file. */
int decode_sound(int file, int sample_rate, size_t samples, float *x, struct error *error);

#endif
