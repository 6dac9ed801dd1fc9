/* Trains one epoch: a checkpoint in, the next one out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "checkpoint.h"
#include "choose_kernels.h"
#include "clip_set.h"
#include "command_line.h"
#include "early_stopping.h"
#include "engine.h"
#include "training.h"

enum { BATCH_SIZE_MIN = 1, BATCH_SIZE_MAX = 4096, VALIDATION_FILES_MAX = 999 };

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct progress_line {
    int64_t epoch;
    double start;
};

static void report_progress(void *context, size_t done, size_t clips, double mean_loss)
{
    const struct progress_line *line = context;
    double seconds = seconds_now() - line->start;
    fprintf(stderr, "\repoch %3d  %5zu of %zu clips  loss %.4f  %.0f clips/s  %4.0f s left ", (int)line->epoch, done,
            clips, mean_loss, (double)done / seconds, seconds / (double)done * (double)(clips - done));
    if (done == clips)
        fputs("\r\033[K", stderr);
}

/* The largest resident size so far, in megabytes, pages of the mapped folds among it. getrusage would count the process
 * that started this one too: between fork and exec they share their memory. */
static double peak_memory(void)
{
    char line[128];
    double kibibytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kibibytes = strtod(line + 6, NULL);
    if (status != NULL)
        fclose(status);
    return kibibytes * 1024e-6;
}

int main(int argc, char **argv)
{
    double start = seconds_now();
    struct epoch_options epoch = {.batch_size = 8, .learning_rate = 0.0003, .engine = "exact"};
    struct early_stopping stopping = {0, 0, "val_loss", "auto"};
    struct early_stopping_state before;
    const char *set = NULL, *validation[VALIDATION_FILES_MAX + 1] = {NULL};
    int64_t threads = 0;
    bool quiet = false, verbose = false;
    const struct option options[] = {
        {"validation", OPTION_TEXTS, validation, 0, VALIDATION_FILES_MAX, "FOLD", "score this fold after; repeatable"},
        {"batch-size", OPTION_INTEGER, &epoch.batch_size, BATCH_SIZE_MIN, BATCH_SIZE_MAX, NULL, "clips in a step"},
        {"learning-rate", OPTION_REAL, &epoch.learning_rate, 1e-9, 1, NULL, "of Adam"},
        {"engine", OPTION_CHOICE, &epoch.engine, 0, 0, ENGINE_CHOICES, "exact: the same bytes everywhere"},
        {"patience", OPTION_INTEGER, &stopping.patience, 0, PATIENCE_MAX, NULL, "epochs without a better one; 0: never"},
        {"min-delta", OPTION_REAL, &stopping.min_delta, 0, 1e9, NULL, "better is better by more than this"},
        {"monitor", OPTION_CHOICE, &stopping.monitor, 0, 0, EARLY_STOPPING_MONITORS, "the metric that --patience watches"},
        {"mode", OPTION_CHOICE, &stopping.mode, 0, 0, EARLY_STOPPING_MODES, "better is less or more; auto by --monitor"},
        {"threads", OPTION_INTEGER, &threads, 0, PARALLEL_THREADS_MAX, NULL, "0: one a processor; changes no byte"},
        {"kernels", OPTION_CHOICE, &set, 0, 0, KERNELS_CHOICES, CHOOSE_KERNELS_HELP},
        {"quiet", OPTION_FLAG, &quiet, 0, 0, NULL, "no progress line on the terminal"},
        {"verbose", OPTION_FLAG, &verbose, 0, 0, NULL, "say at the end what it took: memory, kernels, threads, times"},
        {0},
    };
    const struct command command = {
        "train-epoch", "FOLD... < CHECKPOINT > CHECKPOINT", "Train one epoch on the clips of some folds.",
        "Reads a checkpoint, takes every clip of the FOLDs (.npy files of log-mel) once, in an order that the seed in\n"
        "the checkpoint and the epoch decide, and writes the next checkpoint, with the epoch's metrics in it.\n"
        "With --patience a checkpoint that was not better for so many epochs is marked as stopped; that one is from then\n"
        "on written as it is. Without, the training goes on.\n"
        "Example: init-model | train-epoch fold-1.npy fold-2.npy | train-epoch fold-1.npy fold-2.npy > epoch-2",
        options, 1, -1,
    };
    int at = command_line_parse(&command, argc, argv);
    struct error error;
    struct checkpoint checkpoint;
    struct clip_set clips, validation_clips;
    struct kernels kernels;
    if (choose_kernels(&kernels, epoch.engine, set, &error) != 0)
        die_error(&error);
    if (checkpoint_read(&checkpoint, stdin, "standard input", &error) != 0)
        die_error(&error);
    if (early_stopping_read(&before, &checkpoint, &error) != 0) {
        error_prefix(&error, "standard input");
        die_error(&error);
    }
    if (before.stopped && stopping.patience > 0) {
        if (checkpoint_write(&checkpoint, stdout, &error) != 0)
            die_error(&error);
        checkpoint_release(&checkpoint);
        return close_output();
    }
    int validation_count = 0;
    while (validation[validation_count] != NULL)
        validation_count++;
    if (clip_set_open(&clips, argv + at, argc - at, checkpoint.class_count, &error) != 0 ||
        clip_set_open(&validation_clips, (char *const *)(void *)validation, validation_count, checkpoint.class_count,
                      &error) != 0 ||
        clip_set_check_classes(&clips, checkpoint.classes, checkpoint.class_count, &error) != 0 ||
        clip_set_check_apart(&clips, &validation_clips, &error) != 0)
        die_error(&error);
    if (validation_count > 0 && validation_clips.count == 0)
        die("--validation: %s: holds no clips", validation[0]);
    if ((size_t)epoch.batch_size > clips.count)
        die("--batch-size: %d is more than the %zu training clips", (int)epoch.batch_size, clips.count);
    if (stopping.patience > 0 && validation_count == 0 && strncmp(stopping.monitor, "val_", 4) == 0)
        die("--monitor=%s: there is no validation fold; give one, or --monitor=train_loss", stopping.monitor);
    struct parallel *parallel = parallel_new((int)threads, &error);
    if (parallel == NULL)
        die_error(&error);
    struct network *network = network_new(&checkpoint, clips.height, clips.width, (int)epoch.batch_size, &kernels,
                                          parallel, &error);
    if (network == NULL)
        die_error(&error);

    struct progress_line line = {checkpoint.epoch + 1, seconds_now()};
    struct training_progress progress = {!quiet && isatty(STDERR_FILENO) ? report_progress : NULL, &line};
    struct epoch_metrics metrics = {.val_clips = (int64_t)validation_clips.count};
    float *step_loss = allocate_or_die(clips.count, sizeof *step_loss);
    if (training_epoch(network, &clips, &checkpoint, &epoch, progress, step_loss, &metrics, &error) != 0)
        die_error(&error);
    double trained = seconds_now();
    if (metrics.val_clips > 0 &&
        training_evaluate(network, &validation_clips, checkpoint.class_count, (size_t)epoch.batch_size,
                          &metrics.val_loss, &metrics.val_acc, &error) != 0)
        die_error(&error);
    if (checkpoint_finish_epoch(&checkpoint, &epoch, &metrics, &error) != 0 ||
        early_stopping_update(&checkpoint, &stopping, &error) != 0 ||
        checkpoint_write(&checkpoint, stdout, &error) != 0)
        die_error(&error);
    if (verbose)
        fprintf(stderr, "train-epoch: peak memory %.1f MB, kernels %s, threads %d, before the first step %.1f ms, "
                "a step %.2f ms\n", peak_memory(), kernels.name, parallel_threads(parallel),
                1e3 * (line.start - start), 1e3 * (trained - line.start) / (double)metrics.steps);
    network_free(network);
    parallel_free(parallel);
    free(step_loss);
    clip_set_release(&clips);
    clip_set_release(&validation_clips);
    checkpoint_release(&checkpoint);
    return close_output();
}
