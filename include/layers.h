/* The small layers and the optimiser: linear, cross-entropy, Adam. Plain C, the same code for every engine.
 *
 * N clips in a batch, C features, K classes. */
#ifndef BITFAST_LAYERS_H
#define BITFAST_LAYERS_H

#include <stddef.h>
#include <stdint.h>

/* logits (K) = weight (K,C) x (C) + bias (K), for one clip: each a chain over C, then + bias. */
void linear_forward(float *logits, const float *x, const float *weight, const float *bias, int features, int classes);

/* dx (C) = sum over k of dlogits[k] * weight[k], a chain, for one clip. */
void linear_backward_input(float *dx, const float *dlogits, const float *weight, int features, int classes);

/* dweight (K,C), dbias (K) of a batch: dlogits (N,K), x (N,C); chains over the clips. */
void linear_backward_weight(float *dweight, float *dbias, const float *dlogits, const float *x, int clips,
                            int features, int classes);

/* Softmax in double: probabilities (K) of one clip's logits (K); the largest logit is subtracted first. */
void softmax(double *probabilities, const float *logits, int classes);

/* Returns -log of the label's softmax probability, computed as log(sum of e^(z - max)) - (z[label] - max). */
double cross_entropy(const float *logits, int label, int classes);

/* dlogits = (probability - [k = label]) / clips: the gradient of the batch's mean loss. */
void cross_entropy_backward(float *dlogits, const float *logits, int label, int classes, int clips);

/* The first of the largest. */
int largest_index(const float *values, int count);

/* Adam (Kingma and Ba, ICLR 2015, Algorithm 1) as torch.optim.Adam computes it, beta 0.9 and 0.999, epsilon 1e-8:
 *     m = 0.9 m + 0.1 g;  v = 0.999 v + 0.001 g g;
 *     w = w - learning_rate / (1 - 0.9^step) * m / (sqrt(v) / sqrt(1 - 0.999^step) + epsilon).
 * `step` counts from 1. */
struct adam_rates {
    float step_size;        /* learning_rate / (1 - 0.9^step) */
    float second_root;      /* sqrt(1 - 0.999^step) */
};
struct adam_rates adam_rates(double learning_rate, int64_t step);
void adam_update(float *w, float *m, float *v, const float *gradient, size_t count, struct adam_rates rates);

#endif
