/* What a network keeps in memory, shared by network_memory.c, which plans it once, and network.c, which uses it. */
#ifndef BITFAST_NETWORK_MEMORY_H
#define BITFAST_NETWORK_MEMORY_H

#include "layers.h"
#include "network.h"

enum { LAST = CONVOLUTIONS - 1, TENSORS_A_LAYER = 7 };
/* Rows around a strip: a convolution after the first reads one, and pooling comes in pairs. */
enum { STRIP_MARGIN = 2 };

/* A tensor that Adam trains, in the checkpoint. */
struct trained {
    float *values, *first_moment, *second_moment;
};

/* One convolution with its batch norm and, after the second and the fourth, the pooling.
 * In memory are, for `clips` clips, every convolution's output, and the inputs of the first one and of the one after a
 * pooling. What batch norm and ReLU alone make of an output is made again, strip by strip, for the next convolution and
 * for its weight's gradient; so is the gradient of an output: neither is fetched from memory. */
struct layer {
    struct convolution_shape shape;
    int pooled;
    struct planes input_planes, output_planes;
    float *input;           /* of the first layer, and after a pooling */
    float *dinput;          /* its gradient; not of the first layer */
    float *output;
    int forward_rows;       /* of a strip; backward it is STRIP_ROWS */
    struct planes input_strip_planes, doutput_strip_planes;
    float *input_strips, *doutput_strips;    /* (threads) */
    struct trained weight, scale, shift, bias;
    float *running_mean, *running_variance;  /* in the checkpoint */
    int64_t *batches;
    float *packed, *packed_transposed;
    size_t weights;         /* values of weight */
    size_t weight_sums;     /* of one thread */
    float *weight_sum;      /* (threads, weight_sums) */
    float *dweight;         /* (clips, PARTS, weights), then their sum in the first */
    float *dscale, *dshift; /* (outputs) */
    double *sums;           /* (clips, PARTS, outputs, 2) */
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
    struct trained linear_weight, linear_bias;
    float *dlinear_weight, *dlinear_bias;
    float *zeros;                /* the gradient of the convolutions' biases */
    float *scratch;              /* (threads, scratch_values) */
    struct channel_sums *lanes;  /* (threads, features) */
    size_t scratch_values;
    /* the batch at work */
    const float *const *x;
    const int *labels;
    double *losses;
    int count, layer, training;
    struct adam_rates rates;
};

#endif
