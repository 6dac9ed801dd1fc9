/* A checkpoint: one safetensors file that holds all state of a training after a number of epochs.
 *
 * Tensors, in this order:
 *     conv1.weight ... fc1.bias       the network's state, under PyTorch's names (checkpoint_tensors)
 *     adam.exp_avg.NAME, adam.exp_avg_sq.NAME   for each trained tensor, its shape
 *     adam.step                       I64 scalar: steps taken
 *     metrics.step_loss               F32 (steps of the last epoch): mean loss of each batch; not there in epoch 0
 * Metadata (texts; the run's parameters under the options' names with '_'):
 *     format, network, classes (JSON array of names), filters, seed, sample_rate, clip_seconds, n_fft, hop_length,
 *     n_mels, top_db, epoch; from epoch 1 on also batch_size, learning_rate, engine, train_loss, train_acc, and with
 *     validation folds val_loss, val_acc. engine is the one of all epochs so far, or "mixed".
 *     Those of early stopping are in early_stopping.h.
 * Random numbers have no state (random.h), so nothing else is needed to go on. */
#ifndef BITFAST_CHECKPOINT_H
#define BITFAST_CHECKPOINT_H

#include <stdint.h>
#include <stdio.h>

#include "error.h"
#include "feature_parameters.h"
#include "safetensors.h"

enum {
    CONVOLUTIONS = 4,
    CHECKPOINT_TENSORS = CONVOLUTIONS * 7 + 2,
    FILTERS_MIN = 1, FILTERS_MAX = 256,
    CLASSES_MIN = 2, CLASSES_MAX = 10000
};
#define CHECKPOINT_SEED_MAX 9007199254740992.0 /* 2^53: exact as a double too */

/* The network (AudioNet of the course "Reproducible Deep Learning"): four convolutions of FILTERS x (1, 1, 2, 4)
 * outputs, each followed by batch norm and ReLU, the second and fourth by 2x2 max pooling; the mean of each channel; a
 * linear layer. */
enum checkpoint_kind {
    TENSOR_TRAINED, /* by Adam */
    TENSOR_RUNNING, /* batch norm's running mean and variance */
    TENSOR_COUNTER  /* batch norm's number of batches, I64 */
};

struct checkpoint_tensor {
    const char *name;
    enum checkpoint_kind kind;
    int rank;
    int64_t sizes[4];
    int fan_in;     /* of a tensor that starts with random values, else 0 */
    float initial;  /* of the others */
};

/* The kernel size, inputs and outputs of convolution 0..3. */
struct convolution_shape {
    int kernel, inputs, outputs;
};
struct convolution_shape checkpoint_convolution(int convolution, int filters);

/* Fills the table of the network's state. */
void checkpoint_tensors(struct checkpoint_tensor table[CHECKPOINT_TENSORS], int filters, int classes);

struct checkpoint {
    struct safetensors file;             /* everything; owned */
    int filters, class_count;
    char **classes;                      /* names; owned */
    int64_t epoch;
    uint64_t seed;
    struct feature_parameters features;
};

void checkpoint_release(struct checkpoint *checkpoint);

/* Epoch 0: weights by torch.nn's defaults, uniform in +-1/sqrt(fan in) for convolutions, linear layer and their biases
 * (Kaiming uniform with a = sqrt(5); He et al., ICCV 2015), 1 and 0 for batch norm. `classes` are copied. */
int checkpoint_initialise(struct checkpoint *checkpoint, int filters, char *const *classes, int class_count,
                          uint64_t seed, const struct feature_parameters *features, struct error *error);

/* Takes the network's state from a safetensors file of PyTorch's state_dict (other tensors are refused) in place of the
 * random weights. */
int checkpoint_take_weights(struct checkpoint *checkpoint, const struct safetensors *weights, const char *name,
                            struct error *error);

/* Reads and checks everything: format, metadata, names, types and shapes of all tensors, finite values, counters from 0
 * to 2^53. On failure
 * *checkpoint is empty. */
int checkpoint_read(struct checkpoint *checkpoint, FILE *stream, const char *name, struct error *error);

int checkpoint_write(const struct checkpoint *checkpoint, FILE *stream, struct error *error);

/* Refuses a tensor that is not finite: after a step, of a training that diverged. */
int checkpoint_check_finite(const struct checkpoint *checkpoint, struct error *error);

/* The data of a tensor that checkpoint_read has checked. */
float *checkpoint_floats(const struct checkpoint *checkpoint, const char *name);
int64_t *checkpoint_integers(const struct checkpoint *checkpoint, const char *name);

/* What one epoch has shown; val_clips = 0: there were no validation folds. */
struct epoch_metrics {
    double train_loss, train_acc; /* mean over the clips, each at the time it was trained on */
    double val_loss, val_acc;
    int64_t val_clips;
    const float *step_loss;
    int64_t steps;
};

/* How an epoch was trained, for the metadata. */
struct epoch_options {
    int64_t batch_size;
    double learning_rate;
    const char *engine;
};

/* Counts the epoch up and puts its metrics into the checkpoint in place of the last epoch's. */
int checkpoint_finish_epoch(struct checkpoint *checkpoint, const struct epoch_options *options,
                            const struct epoch_metrics *metrics, struct error *error);

#endif
