/* What a network keeps in memory, shared by network_memory.c, which plans it once, and network.c, which uses it. */
#ifndef BITFAST_NETWORK_MEMORY_H
#define BITFAST_NETWORK_MEMORY_H

#include "layers.h"
#include "network.h"

enum { LAST = CONVOLUTIONS - 1, TENSORS_A_LAYER = 7 };

/* One convolution with its batch norm and, after the second and the fourth, the pooling.
 * `input` is the layer's x until its gradient takes its place; `output` is the convolution's result until its gradient
 * does; both hold `clips` clips. */
struct layer {
    struct convolution_shape shape;
    int pooled;
    struct planes input_planes, output_planes;
    float *input, *output;
    float *weight, *bias, *scale, *shift, *running_mean, *running_variance; /* in the checkpoint */
    int64_t *batches;
    float *packed, *packed_transposed;
    size_t weights;         /* values of weight */
    float *dweight;         /* (clips, weights), then their sum in the first */
    float *dscale, *dshift; /* (outputs) */
    double *sums;           /* (clips, outputs, 2) */
    double *mean, *inverse_deviation;        /* (outputs), of this batch */
    struct affine *affine, *line;            /* (outputs): forward, and backward */
};

struct network {
    struct checkpoint *checkpoint;
    struct kernels kernels;
    struct parallel *parallel;
    int clips, classes, features;
    struct layer layers[CONVOLUTIONS];
    struct planes pooled_planes; /* after the last pooling */
    float *pooled;               /* (clips), then its gradient */
    float *means, *dmeans;       /* (clips, features) */
    float *logits, *dlogits;     /* (clips, classes) */
    float *linear_weight, *linear_bias, *dlinear_weight, *dlinear_bias;
    float *zeros;                /* the gradient of the convolutions' biases */
    float *scratch;              /* one piece a thread */
    struct channel_sums *lanes;  /* (threads, features) */
    size_t scratch_values;
    /* the batch at work */
    const float *const *x;
    const int *labels;
    double *losses;
    int count, layer, training;
    struct adam_rates rates;
};

static inline float *input_of(const struct layer *layer, size_t clip)
{
    return layer->input + clip * planes_total(&layer->input_planes);
}

static inline float *output_of(const struct layer *layer, size_t clip)
{
    return layer->output + clip * planes_total(&layer->output_planes);
}

static inline float *pooled_of(const struct network *network, size_t clip)
{
    return network->pooled + clip * planes_total(&network->pooled_planes);
}

static inline double *sums_of(const struct layer *layer, size_t clip)
{
    return layer->sums + clip * (size_t)layer->shape.outputs * 2;
}

static inline float *scratch_of(const struct network *network, int thread)
{
    return network->scratch + (size_t)thread * network->scratch_values;
}

#endif
