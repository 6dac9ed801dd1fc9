/* Early stopping: a training ends when its monitored metric has not become better for some epochs.
 *
 * All state is in the checkpoint's metadata, so that a training that is resumed stops where one in a single go does:
 *     monitor, mode        the metric, and whether less (min) or more (max) is better
 *     best, best_epoch     its best value and when; only a value better by more than min_delta becomes the new best
 *     stopped              the epoch, once it is `patience` epochs after best_epoch; no later epoch is then trained
 * The values compared are those of the metadata and of log.csv: 9 digits. A checkpoint without early stopping has none of
 * these texts; early stopping that starts with a later epoch, or with another monitor or mode, knows none before it. */
#ifndef BITFAST_EARLY_STOPPING_H
#define BITFAST_EARLY_STOPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "checkpoint.h"
#include "error.h"

#define EARLY_STOPPING_MONITORS "val_loss|val_acc|train_loss|train_acc"
#define EARLY_STOPPING_MODES "auto|min|max" /* auto: min of a loss, max of an accuracy */
enum { PATIENCE_MAX = 9999 };

struct early_stopping {
    int64_t patience; /* epochs; 0: off */
    double min_delta;
    const char *monitor, *mode;
};

/* What the metadata say; the texts are the checkpoint's. Without early stopping monitor is NULL. */
struct early_stopping_state {
    const char *monitor, *mode, *best;
    double best_value;
    int64_t best_epoch;
    bool stopped; /* with the checkpoint's epoch */
};

/* Refuses texts that early_stopping_update would not have written. */
int early_stopping_read(struct early_stopping_state *state, const struct checkpoint *checkpoint, struct error *error);

/* After checkpoint_finish_epoch: brings the texts up to date; with patience 0 takes them out. Refuses a metric that the
 * epoch does not have. */
int early_stopping_update(struct checkpoint *checkpoint, const struct early_stopping *options, struct error *error);

#endif
