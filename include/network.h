/* AudioNet in memory: forward, backward and Adam on one batch, the weights in a checkpoint.
 *
 * convolution 1 (11x11) BN ReLU, convolution 2 (3x3) BN ReLU max-pool 2, convolution 3 (3x3) BN ReLU, convolution 4
 * (3x3) BN ReLU max-pool 2, mean of each channel, linear (checkpoint.h has the sizes). Batch norm: Ioffe and Szegedy,
 * ICML 2015; epsilon 1e-5, momentum 0.1, running variance unbiased, as torch.nn.BatchNorm2d.
 *
 * The gradient of a convolution's bias is zero: batch norm subtracts the channel's mean over the batch, and the bias
 * with it, so the loss does not depend on it. What PyTorch computes there is rounding noise, which Adam, dividing it by
 * its own size, turns into steps of a whole learning rate. Here it is the exact zero, and these biases keep their first
 * values. */
#ifndef BITFAST_NETWORK_H
#define BITFAST_NETWORK_H

#include <stdint.h>

#include "checkpoint.h"
#include "error.h"
#include "kernels.h"
#include "parallel.h"

struct network;

/* A network over the weights of `checkpoint`, which must outlive it and is changed by training, for clips of shape
 * (1, height, width) and at most `clips` of them at a time. `kernels` and `parallel` must outlive it too. NULL on
 * failure: an input smaller than 4x4 (there are two poolings) or no memory. */
struct network *network_new(struct checkpoint *checkpoint, int height, int width, int clips,
                            const struct kernels *kernels, struct parallel *parallel, struct error *error);
void network_free(struct network *network);

/* One step of Adam on the mean cross-entropy of a batch: x[n] are (height, width), labels within the classes, count >=
 * 1. losses (count) are the clips' own, logits (count, classes) as before the step. */
void network_train(struct network *network, const float *const x[], const int labels[], int count,
                   double learning_rate, double *losses, float *logits);

/* logits (count, classes) with the running statistics; count <= clips. */
void network_predict(struct network *network, const float *const x[], int count, float *logits);

#endif
