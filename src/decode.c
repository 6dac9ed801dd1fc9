#include "decode.h"

#include <math.h>
#include <sndfile.h>
#include <soxr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_FRAMES = 4096, LOG_BYTES = 16384 };

static int fix_environment(struct error *error)
{
    /* Every getenv of libsoxr 0.1.3. */
    static const char *const names[] = {"SOXR_TRACE", "SOXR_MIN_DFT_SIZE", "SOXR_LARGE_DFT_SIZE", "SOXR_COEFS_SIZE",
                                        "SOXR_NUM_THREADS", "SOXR_COEF_INTERP", "SOXR_STRICT_BUF", "SOXR_NOSMALLINTOPT",
                                        "SOXR_USE_SIMD", "SOXR_USE_SIMD32"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (unsetenv(names[i]) != 0)
            return error_set_errno(error, "cannot change the environment");
    return setenv("SOXR_USE_SIMD64", "0", 1) == 0 ? 0 : error_set_errno(error, "cannot change the environment");
}

/* --- Files that end too early, which libsndfile reads without a word --- */

/* An Ogg stream (RFC 3533) is a row of pages, the last one marked as such. */
static int check_ogg(int file, off_t bytes, struct error *error)
{
    enum { HEADER_BYTES = 27, FLAGS = 5, SEGMENTS = 26, LAST_PAGE = 4 };
    unsigned char page[HEADER_BYTES + 255] = {0};
    off_t at = 0;
    while (at < bytes) {
        ssize_t got = pread(file, page, sizeof page, at);
        if (got < HEADER_BYTES || memcmp(page, "OggS", 4) != 0 || got < HEADER_BYTES + page[SEGMENTS])
            return error_set(error, "has no Ogg page at byte %jd of %jd, expected pages to its end", (intmax_t)at,
                             (intmax_t)bytes);
        at += HEADER_BYTES + page[SEGMENTS];
        for (int i = 0; i < page[SEGMENTS]; i++)
            at += page[HEADER_BYTES + i];
    }
    if (at > bytes || (page[FLAGS] & LAST_PAGE) == 0)
        return error_set(error, "ends before its last Ogg page, after %jd bytes", (intmax_t)bytes);
    return 0;
}

/* A CAF (Apple Core Audio Format Specification 1.0) is a row of chunks; of the data chunk libsndfile lets a few bytes
 * be missing. */
static int check_caf(int file, off_t bytes, struct error *error)
{
    enum { FILE_HEADER_BYTES = 8, CHUNK_HEADER_BYTES = 12, TO_THE_END = -1 };
    unsigned char header[CHUNK_HEADER_BYTES];
    for (int64_t at = FILE_HEADER_BYTES; at < bytes;) {
        uint64_t size = 0;
        if (pread(file, header, sizeof header, at) != CHUNK_HEADER_BYTES)
            return error_set(error, "is truncated: ends within the header of a chunk");
        for (int i = 4; i < CHUNK_HEADER_BYTES; i++)
            size = size << 8 | header[i];
        if ((int64_t)size == TO_THE_END)
            return 0;
        at += CHUNK_HEADER_BYTES;
        if (size > (uint64_t)(bytes - at))
            return error_set(error, "is truncated: its header promises %ju bytes (%.4s), but %jd are there",
                             (uintmax_t)size, (const char *)header, (intmax_t)(bytes - at));
        at += (int64_t)size;
    }
    return 0;
}

/* In its log libsndfile notes sizes that do not fit the file as "data : 88200 (should be 52902)", each format with
 * words of its own, and pages that libogg rejects. */
static int check_log(SNDFILE *sound, struct error *error)
{
    static const char *const sizes[] = {"RIFF", "RIFX", "Riff size", "riff", "data", "FORM", "SSND", "Data Size"};
    char log[LOG_BYTES] = "", *rest = log;
    sf_command(sound, SFC_GET_LOG_INFO, log, sizeof log);
    for (char *line; (line = strtok_r(rest, "\n", &rest)) != NULL;) {
        const char *colon = strchr(line, ':'), *should = strstr(line, "(should be ");
        if (strstr(line, "reports a hole") != NULL)
            return error_set(error, "has a damaged Ogg page");
        if (colon == NULL || should == NULL)
            continue;
        long long promised = strtoll(colon + 1, NULL, 10), found = strtoll(should + strlen("(should be "), NULL, 10);
        line += strspn(line, " ");
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            if (strncmp(line, sizes[i], strlen(sizes[i])) == 0 && promised > found)
                return error_set(error, "is truncated: its header promises %lld bytes (%s), but %lld are there",
                                 promised, sizes[i], found);
    }
    return 0;
}

/* --- The waveform as it is made --- */

struct waveform {
    float *x;
    size_t samples, filled;
    soxr_t resampler; /* NULL: the rate is right already */
};

static int append(struct waveform *waveform, const float *values, size_t count, struct error *error)
{
    for (size_t i = 0; i < count && waveform->filled < waveform->samples; i++) {
        if (!isfinite(values[i]))
            return error_set(error, "holds samples too large to resample");
        waveform->x[waveform->filled++] = values[i];
    }
    return 0;
}

/* To a step of 2^-24, by way of numbers so large that they have no fraction; from 1 on float's own step is larger. */
static void round_samples(float *rounded, const double *values, size_t count)
{
    const double scale = 0x1p24, whole = 0x1.8p52;
    for (size_t i = 0; i < count; i++) {
        double near = (values[i] * scale + whole) - whole;
        rounded[i] = (float)(fabs(values[i]) < 1.0 ? near / scale : values[i]);
    }
}

/* Adds `count` values at the file's rate; values = NULL stands for the end of the file. */
static int add(struct waveform *waveform, const float *values, size_t count, struct error *error)
{
    double resampled[BLOCK_FRAMES];
    float rounded[BLOCK_FRAMES];
    size_t taken = 0, made = 1;
    if (waveform->resampler == NULL)
        return append(waveform, values, count, error);
    while (waveform->filled < waveform->samples && (taken < count || (values == NULL && made > 0))) {
        size_t used = 0;
        soxr_error_t failure = soxr_process(waveform->resampler, values != NULL ? values + taken : NULL, count - taken,
                                            &used, resampled, BLOCK_FRAMES, &made);
        if (failure != NULL || (values != NULL && used == 0 && made == 0))
            return error_set(error, "cannot be resampled (libsoxr: %s)", failure != NULL ? failure : "stopped");
        taken += used;
        round_samples(rounded, resampled, made);
        if (append(waveform, rounded, made, error) != 0)
            return -1;
    }
    return 0;
}

static int start(struct waveform *waveform, int from_rate, int to_rate, struct error *error)
{
    soxr_error_t failure = NULL;
    soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT64_I);
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, SOXR_DOUBLE_PRECISION);
    soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
    if (from_rate == to_rate)
        return 0;
    waveform->resampler = soxr_create(from_rate, to_rate, 1, &failure, &io, &quality, &runtime);
    if (waveform->resampler == NULL)
        return error_set(error, "cannot be resampled from %d to %d Hz (libsoxr: %s)", from_rate, to_rate,
                         failure != NULL ? failure : "failed");
    return 0;
}

int decode_prepare(struct error *error)
{
    struct waveform waveform = {0};
    if (fix_environment(error) != 0 || start(&waveform, 2, 1, error) != 0)
        return -1;
    soxr_delete(waveform.resampler);
    return 0;
}

/* --- Reading --- */

/* `count` frames of `channels` interleaved values; `first` is the number of the first frame, for the message. */
static int mix(const float *frames, size_t count, int channels, sf_count_t first, float *mono, struct error *error)
{
    size_t bad = 0, values = count * (size_t)channels;
    for (size_t i = 0; i < values; i++)
        bad += isfinite(frames[i]) ? 0 : 1;
    if (bad > 0) {
        for (bad = 0; isfinite(frames[bad]); bad++)
            ;
        return error_set(error, "sample %jd is not finite, expected finite numbers",
                         (intmax_t)first + (intmax_t)(bad / (size_t)channels));
    }
    if (channels == 1)
        memcpy(mono, frames, count * sizeof *mono);
    for (size_t i = 0; i < count && channels > 1; i++) {
        double sum = 0;
        for (int channel = 0; channel < channels; channel++)
            sum += (double)frames[i * (size_t)channels + (size_t)channel];
        mono[i] = (float)(sum / channels);
    }
    return 0;
}

static int read_all(SNDFILE *sound, const SF_INFO *info, float *frames, struct waveform *waveform, struct error *error)
{
    float mono[BLOCK_FRAMES];
    sf_count_t total = 0, got;
    while ((got = sf_readf_float(sound, frames, BLOCK_FRAMES)) > 0) {
        if (mix(frames, (size_t)got, info->channels, total, mono, error) != 0 ||
            add(waveform, mono, (size_t)got, error) != 0)
            return -1;
        total += got;
    }
    if (sf_error(sound) != SF_ERR_NO_ERROR)
        return error_set(error, "is damaged or truncated after %jd samples", (intmax_t)total);
    if (check_log(sound, error) != 0)
        return -1;
    if (info->frames != SF_COUNT_MAX && total != info->frames)
        return error_set(error, "is truncated: its header promises %jd samples, but %jd are there",
                         (intmax_t)info->frames, (intmax_t)total);
    if (total == 0)
        return error_set(error, "holds no samples");
    return waveform->resampler != NULL ? add(waveform, NULL, 0, error) : 0;
}

static int read_sound(SNDFILE *sound, const SF_INFO *info, int sample_rate, struct waveform *waveform,
                      struct error *error)
{
    float *frames = malloc((size_t)info->channels * BLOCK_FRAMES * sizeof *frames);
    int result = frames == NULL ? error_set(error, "no memory for %d channels", info->channels) :
                 start(waveform, info->samplerate, sample_rate, error);
    if (result == 0)
        result = read_all(sound, info, frames, waveform, error);
    soxr_delete(waveform->resampler);
    free(frames);
    return result;
}

int decode_sound(int file, int sample_rate, size_t samples, float *x, struct error *error)
{
    struct waveform waveform = {.x = x, .samples = samples};
    struct stat status;
    SF_INFO info = {0};
    if (fstat(file, &status) != 0)
        return error_set_errno(error, "cannot be read");
    if (status.st_size == 0)
        return error_set(error, "is empty, expected a sound file");
    SNDFILE *sound = sf_open_fd(file, SFM_READ, &info, SF_FALSE);
    if (sound == NULL)
        return error_set(error, "is not a sound file that libsndfile can read, or its beginning is damaged");
    memset(x, 0, samples * sizeof *x);
    int result = 0, format = info.format & SF_FORMAT_TYPEMASK;
    if (format == SF_FORMAT_OGG)
        result = check_ogg(file, status.st_size, error);
    if (format == SF_FORMAT_CAF)
        result = check_caf(file, status.st_size, error);
    if (result == 0)
        result = read_sound(sound, &info, sample_rate, &waveform, error);
    sf_close(sound);
    return result;
}
