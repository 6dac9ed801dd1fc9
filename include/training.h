/* One epoch: every training clip once, in random batches; then the validation clips. */
#ifndef BITFAST_TRAINING_H
#define BITFAST_TRAINING_H

#include <stdint.h>

#include "checkpoint.h"
#include "clip_set.h"
#include "network.h"

/* Called after each batch, for a tool's progress line; may be NULL. */
struct training_progress {
    void (*report)(void *context, size_t clips_done, size_t clips, double mean_loss);
    void *context;
};

/* order[i] = the clip that epoch `epoch` (1, 2, ...) trains on as its i-th: clips sorted by the 64 random bits that
 * words 0 (low) and 1 of random_at(seed, RANDOM_SHUFFLE, epoch, clip) give them, of equals the smaller index first. */
int training_order(size_t *order, size_t count, uint64_t seed, int64_t epoch, struct error *error);

/* Trains on batches of batch_size (the last may be smaller). step_loss holds as many floats as there are batches. Fails
 * when a loss, or what a step makes of the checkpoint, is not finite, naming the step. */
int training_epoch(struct network *network, const struct clip_set *set, const struct checkpoint *checkpoint,
                   const struct epoch_options *options, struct training_progress progress, float *step_loss,
                   struct epoch_metrics *metrics, struct error *error);

/* Mean loss and accuracy of a set with the running statistics; `batch` clips at a time. */
int training_evaluate(struct network *network, const struct clip_set *set, int classes, size_t batch, double *loss,
                      double *accuracy, struct error *error);

#endif
