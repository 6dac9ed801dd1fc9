#include "synthesis_set.h"

#include <errno.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, NAME_BYTES = 64 };

/* A data set in the making. */
struct making {
    const struct synthesis_set *set;
    const char *directory; /* the unfinished one */
    int16_t *samples;      /* set->samples for each thread */
    struct error *errors;  /* one for each thread, empty while all is well */
};

static void clip_name(const struct synthesis_set *set, size_t index, char name[NAME_BYTES])
{
    struct synthesis_clip clip = synthesis_clip(set, index);
    snprintf(name, NAME_BYTES, "%d-%d-%c-%d.wav", clip.fold, clip.recording, clip.take, clip.label);
}

static void clip_path(const struct making *making, size_t index, char path[PATH_BYTES])
{
    char name[NAME_BYTES];
    clip_name(making->set, index, name);
    snprintf(path, PATH_BYTES, "%s/audio/%s", making->directory, name);
}

static int write_clip(const char *path, int sample_rate, const int16_t *samples, size_t count, struct error *error)
{
    SF_INFO information = {.samplerate = sample_rate, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    SNDFILE *file = sf_open(path, SFM_WRITE, &information);
    if (file == NULL)
        return error_set(error, "cannot make '%s': %s", path, sf_strerror(NULL));
    errno = 0;
    int complete = sf_write_short(file, samples, (sf_count_t)count) == (sf_count_t)count;
    if (sf_close(file) != 0 || !complete)
        return error_set_errno(error, "cannot write '%s'", path);
    return 0;
}

static void make_clip(void *context, size_t index, int thread)
{
    const struct making *making = context;
    char path[PATH_BYTES];
    if (making->errors[thread].message[0] != '\0')
        return;
    int16_t *samples = making->samples + (size_t)thread * making->set->samples;
    clip_path(making, index, path);
    synthesis_samples(making->set, index, samples);
    write_clip(path, making->set->sample_rate, samples, making->set->samples, &making->errors[thread]);
}

static int write_table(const struct making *making, struct error *error)
{
    char path[PATH_BYTES], name[NAME_BYTES];
    snprintf(path, sizeof path, "%s/meta/demo.csv", making->directory);
    FILE *table = fopen(path, "w");
    if (table == NULL)
        return error_set_errno(error, "cannot make '%s'", path);
    fprintf(table, "filename,fold,target,category,esc10,src_file,take\n");
    for (size_t index = 0; index < synthesis_count(making->set); index++) {
        struct synthesis_clip clip = synthesis_clip(making->set, index);
        clip_name(making->set, index, name);
        fprintf(table, "%s,%d,%d,%s,False,%d,%c\n", name, clip.fold, clip.label, synthesis_class_name(clip.label),
                clip.recording, clip.take);
    }
    int failed = ferror(table);
    if (fclose(table) != 0 || failed)
        return error_set_errno(error, "cannot write '%s'", path);
    return 0;
}

static int make_directory(const struct making *making, const char *below, struct error *error)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s%s", making->directory, below);
    return mkdir(path, 0777) == 0 ? 0 : error_set_errno(error, "cannot make the directory '%s'", path);
}

static int make_all(struct making *making, struct parallel *parallel, struct error *error)
{
    if (make_directory(making, "", error) != 0 || make_directory(making, "/audio", error) != 0 ||
        make_directory(making, "/meta", error) != 0 || write_table(making, error) != 0)
        return -1;
    parallel_for(parallel, synthesis_count(making->set), make_clip, making);
    for (int thread = 0; thread < parallel_threads(parallel); thread++)
        if (making->errors[thread].message[0] != '\0')
            return error_set(error, "%s", making->errors[thread].message);
    return 0;
}

/* What make_all made, as far as it came. */
static void remove_all(const struct making *making)
{
    char path[PATH_BYTES];
    for (size_t index = 0; index < synthesis_count(making->set); index++) {
        clip_path(making, index, path);
        unlink(path);
    }
    static const char *const rest[] = {"/meta/demo.csv", "/meta", "/audio", ""};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++) {
        snprintf(path, sizeof path, "%s%s", making->directory, rest[i]);
        remove(path);
    }
}

/* Makes all under the name `unfinished` and moves it to `directory`. */
static int make_and_move(struct making *making, const char *unfinished, const char *directory,
                         struct parallel *parallel, struct error *error)
{
    making->directory = unfinished;
    int result = make_all(making, parallel, error);
    if (result == 0 && rename(unfinished, directory) != 0)
        result = error_set_errno(error, "cannot rename '%s' to '%s'", unfinished, directory);
    if (result != 0)
        remove_all(making);
    return result;
}

int synthesis_set_write(const struct synthesis_set *set, const char *directory, struct parallel *parallel,
                        struct error *error)
{
    struct stat status;
    char unfinished[PATH_BYTES];
    size_t threads = (size_t)parallel_threads(parallel), length = strlen(directory);
    if (lstat(directory, &status) == 0)
        return error_set(error, "'%s' exists, expected the name of a new directory", directory);
    while (length > 1 && directory[length - 1] == '/')
        length--;
    if (length == 0 || length > PATH_BYTES - 2 * NAME_BYTES)
        return error_set(error, "the directory's name has %zu bytes, expected 1 to %d", length,
                         PATH_BYTES - 2 * NAME_BYTES);
    snprintf(unfinished, sizeof unfinished, "%.*s.%ld.tmp", (int)length, directory, (long)getpid());
    struct making making = {
        .set = set,
        .samples = calloc(threads * set->samples, sizeof *making.samples),
        .errors = calloc(threads, sizeof *making.errors),
    };
    int result = making.samples != NULL && making.errors != NULL
                     ? make_and_move(&making, unfinished, directory, parallel, error)
                     : error_set(error, "no memory for %zu clips of %zu samples", threads, set->samples);
    free(making.samples);
    free(making.errors);
    return result;
}
