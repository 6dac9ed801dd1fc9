/* The parameters of decoding and of the log-mel spectrogram: defaults and legal ranges, once for all tools.
 *
 * Defaults are those of the reference (torchaudio.transforms.MelSpectrogram at 8000 Hz, AmplitudeToDB(top_db=80)). */
#ifndef BITFAST_FEATURE_PARAMETERS_H
#define BITFAST_FEATURE_PARAMETERS_H

#include <stdint.h>

struct feature_parameters {
    int64_t sample_rate;  /* Hz */
    double clip_seconds;  /* every clip is cut or filled with zeros at its end to this length */
    int64_t n_fft;        /* samples in a window */
    int64_t hop_length;   /* samples from one window to the next */
    int64_t n_mels;       /* bands of the mel filter bank, from 0 Hz to half the sampling rate */
    double top_db;        /* dB under the clip's loudest value where it is cut off */
};

enum {
    SAMPLE_RATE_MIN = 1000, SAMPLE_RATE_MAX = 192000,
    N_FFT_MIN = 16, N_FFT_MAX = 16384,
    HOP_LENGTH_MIN = 1, HOP_LENGTH_MAX = 16384,
    N_MELS_MIN = 1, N_MELS_MAX = 1024,
    TOP_DB_MIN = 1, TOP_DB_MAX = 200
};
#define CLIP_SECONDS_MIN 0.05
#define CLIP_SECONDS_MAX 60.0

static const struct feature_parameters feature_parameters_default = {
    .sample_rate = 8000, .clip_seconds = 5.0, .n_fft = 400, .hop_length = 200, .n_mels = 128, .top_db = 80.0,
};

#endif
