#include "network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fixed_sum.h"
#include "layers.h"

enum { LAST = CONVOLUTIONS - 1, TENSORS_A_LAYER = 7 };
static const double epsilon = 1e-5, momentum = 0.1;

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
    size_t scratch_values;
    /* the batch at work */
    const float *const *x;
    const int *labels;
    double *losses;
    int count, layer, training;
    struct adam_rates rates;
};

/* --- Memory --- */

static float *tensor(const struct checkpoint *checkpoint, int layer, int row)
{
    struct checkpoint_tensor table[CHECKPOINT_TENSORS];
    checkpoint_tensors(table, checkpoint->filters, checkpoint->class_count);
    return checkpoint_floats(checkpoint, table[layer * TENSORS_A_LAYER + row].name);
}

static void *allocate(size_t count, size_t size)
{
    return calloc(count, size);
}

static int make_layer(struct network *network, int number, int height, int width)
{
    struct layer *layer = &network->layers[number];
    const struct checkpoint *checkpoint = network->checkpoint;
    size_t clips = (size_t)network->clips;
    layer->shape = checkpoint_convolution(number, checkpoint->filters);
    layer->pooled = number % 2 == 1;
    layer->input_planes = planes_make(layer->shape.inputs, height, width, layer->shape.kernel / 2);
    layer->output_planes = planes_like(&layer->input_planes, layer->shape.outputs);
    layer->input = planes_allocate(&layer->input_planes, clips);
    layer->output = planes_allocate(&layer->output_planes, clips);
    float **parts[] = {&layer->weight, &layer->bias, &layer->scale, &layer->shift, &layer->running_mean,
                       &layer->running_variance};
    for (int row = 0; row < TENSORS_A_LAYER - 1; row++)
        *parts[row] = tensor(checkpoint, number, row);
    layer->batches = (int64_t *)(void *)tensor(checkpoint, number, TENSORS_A_LAYER - 1);
    int kernel = layer->shape.kernel, inputs = layer->shape.inputs;
    size_t outputs = (size_t)layer->shape.outputs;
    layer->weights = outputs * (size_t)inputs * (size_t)(kernel * kernel);
    layer->packed = allocate(convolution_packed_values(layer->shape.outputs, inputs, kernel), sizeof(float));
    layer->packed_transposed = allocate(convolution_packed_values(inputs, layer->shape.outputs, kernel), sizeof(float));
    layer->dweight = allocate(clips * layer->weights, sizeof(float));
    layer->dscale = allocate(outputs, sizeof(float));
    layer->dshift = allocate(outputs, sizeof(float));
    layer->sums = allocate(clips * outputs * 2, sizeof(double));
    layer->mean = allocate(outputs, sizeof(double));
    layer->inverse_deviation = allocate(outputs, sizeof(double));
    layer->affine = allocate(outputs, sizeof(struct affine));
    layer->line = allocate(outputs, sizeof(struct affine));
    size_t scratch = network->kernels.convolution_scratch_values(layer->shape.outputs, inputs, kernel);
    size_t scratch_transposed = network->kernels.convolution_scratch_values(inputs, layer->shape.outputs, kernel);
    scratch = scratch > scratch_transposed ? scratch : scratch_transposed;
    network->scratch_values = network->scratch_values > scratch ? network->scratch_values : scratch;
    return layer->input != NULL && layer->output != NULL && layer->packed != NULL && layer->packed_transposed != NULL &&
                   layer->dweight != NULL && layer->dscale != NULL && layer->dshift != NULL && layer->sums != NULL &&
                   layer->mean != NULL && layer->inverse_deviation != NULL && layer->affine != NULL &&
                   layer->line != NULL
               ? 0 : -1;
}

static int make_network(struct network *network, int height, int width)
{
    int status = 0;
    for (int number = 0; number < CONVOLUTIONS; number++) {
        status |= make_layer(network, number, height, width);
        height /= network->layers[number].pooled ? 2 : 1;
        width /= network->layers[number].pooled ? 2 : 1;
    }
    network->pooled_planes = planes_make(network->features, height, width, 0);
    size_t clips = (size_t)network->clips, classes = (size_t)network->classes, features = (size_t)network->features;
    network->linear_weight = tensor(network->checkpoint, CONVOLUTIONS, 0);
    network->linear_bias = tensor(network->checkpoint, CONVOLUTIONS, 1);
    network->pooled = planes_allocate(&network->pooled_planes, clips);
    network->means = allocate(clips * features, sizeof(float));
    network->dmeans = allocate(clips * features, sizeof(float));
    network->logits = allocate(clips * classes, sizeof(float));
    network->dlogits = allocate(clips * classes, sizeof(float));
    network->dlinear_weight = allocate(classes * features, sizeof(float));
    network->dlinear_bias = allocate(classes, sizeof(float));
    network->zeros = allocate(features, sizeof(float));
    network->scratch = allocate((size_t)parallel_threads(network->parallel) * network->scratch_values, sizeof(float));
    int all = network->pooled != NULL && network->means != NULL && network->dmeans != NULL && network->logits != NULL &&
              network->dlogits != NULL && network->dlinear_weight != NULL && network->dlinear_bias != NULL &&
              network->zeros != NULL && network->scratch != NULL;
    return status == 0 && all ? 0 : -1;
}

struct network *network_new(struct checkpoint *checkpoint, int height, int width, int clips,
                            const struct kernels *kernels, struct parallel *parallel, struct error *error)
{
    if (height < 4 || width < 4) {
        error_set(error, "the clips are %d x %d, expected at least 4 x 4 for two poolings", height, width);
        return NULL;
    }
    struct network *network = allocate(1, sizeof *network);
    if (network != NULL) {
        network->checkpoint = checkpoint;
        network->kernels = *kernels;
        network->parallel = parallel;
        network->clips = clips;
        network->classes = checkpoint->class_count;
        network->features = checkpoint_convolution(LAST, checkpoint->filters).outputs;
        if (make_network(network, height, width) == 0)
            return network;
    }
    network_free(network);
    error_set(error, "no memory for %d clips of %d x %d at once", clips, height, width);
    return NULL;
}

void network_free(struct network *network)
{
    if (network == NULL)
        return;
    for (int number = 0; number < CONVOLUTIONS; number++) {
        struct layer *layer = &network->layers[number];
        void *parts[] = {layer->input, layer->output, layer->packed, layer->packed_transposed, layer->dweight,
                         layer->dscale, layer->dshift, layer->sums, layer->mean, layer->inverse_deviation,
                         layer->affine, layer->line};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            free(parts[i]);
    }
    void *parts[] = {network->pooled, network->means, network->dmeans, network->logits, network->dlogits,
                     network->dlinear_weight, network->dlinear_bias, network->zeros, network->scratch, network};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        free(parts[i]);
}

static float *input_of(const struct layer *layer, size_t clip)
{
    return layer->input + clip * planes_total(&layer->input_planes);
}

static float *output_of(const struct layer *layer, size_t clip)
{
    return layer->output + clip * planes_total(&layer->output_planes);
}

static float *pooled_of(const struct network *network, size_t clip)
{
    return network->pooled + clip * planes_total(&network->pooled_planes);
}

static double *sums_of(const struct layer *layer, size_t clip)
{
    return layer->sums + clip * (size_t)layer->shape.outputs * 2;
}

static float *scratch_of(const struct network *network, int thread)
{
    return network->scratch + (size_t)thread * network->scratch_values;
}

/* --- Forward --- */

static void copy_input(const struct network *network, size_t clip)
{
    const struct layer *first = &network->layers[0];
    const struct planes *planes = &first->input_planes;
    float *to = planes_channel(planes, input_of(first, clip), 0);
    for (int row = 0; row < planes->height; row++)
        memcpy(to + (size_t)row * (size_t)planes->stride, network->x[clip] + (size_t)row * (size_t)planes->width,
               (size_t)planes->width * sizeof *to);
}

/* Batch norm, ReLU and, if there is one, the pooling of `layer`, into the planes of what comes next. */
static void activate(const struct network *network, const struct layer *layer, size_t clip, float *to,
                     const struct planes *to_planes)
{
    for (int channel = 0; channel < layer->shape.outputs; channel++) {
        float *y = planes_channel(to_planes, to, channel);
        const float *c = planes_channel_const(&layer->output_planes, output_of(layer, clip), channel);
        if (layer->pooled)
            network->kernels.batch_norm_relu_max_pool(y, c, layer->affine[channel], to_planes, &layer->output_planes);
        else
            network->kernels.batch_norm_relu(y, c, layer->affine[channel], to_planes, &layer->output_planes);
    }
}

/* The input of layer network->layer, its convolution and, in training, the sums for its batch norm. */
static void forward_turn(void *context, size_t clip, int thread)
{
    const struct network *network = context;
    const struct layer *layer = &network->layers[network->layer];
    if (network->layer == 0)
        copy_input(network, clip);
    else
        activate(network, layer - 1, clip, input_of(layer, clip), &layer->input_planes);
    network->kernels.convolution(output_of(layer, clip), input_of(layer, clip), layer->packed, layer->bias,
                                 scratch_of(network, thread), &layer->output_planes, &layer->input_planes);
    for (int channel = 0; channel < layer->shape.outputs && network->training; channel++)
        network->kernels.batch_norm_sums(sums_of(layer, clip) + 2 * channel,
                                         planes_channel_const(&layer->output_planes, output_of(layer, clip), channel),
                                         &layer->output_planes);
}

/* The mean of each pooled channel, and the logits. */
static void classify(const struct network *network, size_t clip)
{
    const struct planes *planes = &network->pooled_planes;
    float *means = network->means + clip * (size_t)network->features;
    activate(network, &network->layers[LAST], clip, pooled_of(network, clip), planes);
    for (int channel = 0; channel < network->features; channel++) {
        double sums[2];
        network->kernels.batch_norm_sums(sums, planes_channel_const(planes, pooled_of(network, clip), channel), planes);
        means[channel] = (float)(sums[0] / (planes->height * planes->width));
    }
    linear_forward(network->logits + clip * (size_t)network->classes, means, network->linear_weight,
                   network->linear_bias, network->features, network->classes);
}

static void classify_turn(void *context, size_t clip, int thread)
{
    (void)thread;
    classify(context, clip);
}

/* The two sums of a channel over all clips of the batch, clips in ascending order. */
static void add_clips(const struct network *network, const struct layer *layer, int channel, double total[2])
{
    total[0] = total[1] = 0.0;
    for (size_t clip = 0; clip < (size_t)network->count; clip++) {
        total[0] += sums_of(layer, clip)[2 * channel];
        total[1] += sums_of(layer, clip)[2 * channel + 1];
    }
}

static void set_affine(struct layer *layer, int channel, double mean, double variance)
{
    double inverse_deviation = 1.0 / sqrt(variance + epsilon);
    double scale = (double)layer->scale[channel] * inverse_deviation;
    layer->mean[channel] = mean;
    layer->inverse_deviation[channel] = inverse_deviation;
    layer->affine[channel] = (struct affine){(float)scale, (float)((double)layer->shift[channel] - mean * scale)};
}

/* Values of one channel in the whole batch. */
static double batch_values(const struct network *network, const struct layer *layer)
{
    return (double)network->count * layer->output_planes.height * layer->output_planes.width;
}

static void batch_statistics(const struct network *network, struct layer *layer)
{
    double values = batch_values(network, layer), unbiased = values / (values - 1.0);
    for (int channel = 0; channel < layer->shape.outputs; channel++) {
        double total[2];
        add_clips(network, layer, channel, total);
        double mean = total[0] / values, variance = total[1] / values - mean * mean;
        variance = variance > 0.0 ? variance : variance == variance ? 0.0 : variance;
        set_affine(layer, channel, mean, variance);
        float *running_mean = &layer->running_mean[channel], *running_variance = &layer->running_variance[channel];
        *running_mean = (float)((1.0 - momentum) * (double)*running_mean + momentum * mean);
        *running_variance = (float)((1.0 - momentum) * (double)*running_variance + momentum * (variance * unbiased));
    }
    ++*layer->batches;
}

static void forward(struct network *network)
{
    for (network->layer = 0; network->layer < CONVOLUTIONS; network->layer++) {
        struct layer *layer = &network->layers[network->layer];
        network->kernels.convolution_pack(layer->packed, layer->weight, layer->shape.outputs, layer->shape.inputs,
                                          layer->shape.kernel, 0);
        parallel_for(network->parallel, (size_t)network->count, forward_turn, network);
        for (int channel = 0; channel < layer->shape.outputs && !network->training; channel++)
            set_affine(layer, channel, (double)layer->running_mean[channel], (double)layer->running_variance[channel]);
        if (network->training)
            batch_statistics(network, layer);
    }
}

void network_predict(struct network *network, const float *const x[], int count, float *logits)
{
    network->x = x;
    network->count = count;
    network->training = 0;
    forward(network);
    parallel_for(network->parallel, (size_t)count, classify_turn, network);
    memcpy(logits, network->logits, (size_t)count * (size_t)network->classes * sizeof *logits);
}

/* --- Backward --- */

/* The sums that batch norm's gradient needs, from the gradient of what `layer` gave to the next. */
static void backward_sums(const struct network *network, const struct layer *layer, size_t clip, const float *dy,
                          const struct planes *dy_planes)
{
    for (int channel = 0; channel < layer->shape.outputs; channel++) {
        const float *dy_channel = planes_channel_const(dy_planes, dy, channel);
        const float *c = planes_channel_const(&layer->output_planes, output_of(layer, clip), channel);
        double *sums = sums_of(layer, clip) + 2 * channel;
        if (layer->pooled)
            network->kernels.batch_norm_relu_max_pool_backward_sums(sums, dy_channel, c, layer->affine[channel],
                                                                    dy_planes, &layer->output_planes);
        else
            network->kernels.batch_norm_relu_backward_sums(sums, dy_channel, c, layer->affine[channel], dy_planes,
                                                           &layer->output_planes);
    }
}

/* Loss, the gradient of the logits and of the pooled planes (each pooled value has the same share of its mean). */
static void loss_turn(void *context, size_t clip, int thread)
{
    (void)thread;
    const struct network *network = context;
    const struct planes *planes = &network->pooled_planes;
    size_t features = (size_t)network->features, classes = (size_t)network->classes;
    classify(network, clip);
    const float *logits = network->logits + clip * classes;
    float *dlogits = network->dlogits + clip * classes;
    network->losses[clip] = cross_entropy(logits, network->labels[clip], network->classes);
    cross_entropy_backward(dlogits, logits, network->labels[clip], network->classes, network->count);
    float *dmeans = network->dmeans + clip * features;
    linear_backward_input(dmeans, dlogits, network->linear_weight, network->features, network->classes);
    for (int channel = 0; channel < network->features; channel++) {
        float share = dmeans[channel] / (float)(planes->height * planes->width);
        float *to = planes_channel(planes, pooled_of(network, clip), channel);
        for (int i = 0; i < planes->height * planes->width; i++)
            to[i] = share;
    }
    backward_sums(network, &network->layers[LAST], clip, pooled_of(network, clip), planes);
}

/* The gradients of batch norm's scale and shift, and the line of kernels.h: with M values in the channel, s =
 * inverse_deviation, n = (c - mean) s, dshift = sum g and dscale = sum g n,
 *     dc = scale s (g - dshift / M - n dscale / M)
 *        = affine.scale g - c (scale s s dscale / M) + (scale s s mean dscale / M - scale s dshift / M). */
static void batch_norm_gradients(const struct network *network, struct layer *layer)
{
    double values = batch_values(network, layer);
    for (int channel = 0; channel < layer->shape.outputs; channel++) {
        double total[2], mean = layer->mean[channel], inverse = layer->inverse_deviation[channel];
        add_clips(network, layer, channel, total);
        double dshift = total[0], dscale = inverse * (total[1] - mean * total[0]);
        double scale = (double)layer->scale[channel] * inverse, slope = scale * inverse * dscale / values;
        layer->dshift[channel] = (float)dshift;
        layer->dscale[channel] = (float)dscale;
        layer->line[channel] = (struct affine){(float)-slope, (float)(slope * mean - scale * dshift / values)};
    }
}

/* Layer network->layer: the gradient of its output, of its weight for this clip, of its input (which takes the input's
 * place), and the sums for the layer before. */
static void backward_turn(void *context, size_t clip, int thread)
{
    const struct network *network = context;
    const struct layer *layer = &network->layers[network->layer];
    const struct planes *planes = &layer->output_planes;
    const struct planes *dy_planes = network->layer == LAST ? &network->pooled_planes : &layer[1].input_planes;
    const float *dy = network->layer == LAST ? pooled_of(network, clip) : input_of(&layer[1], clip);
    float *output = output_of(layer, clip), *input = input_of(layer, clip);
    for (int channel = 0; channel < layer->shape.outputs; channel++) {
        float *c = planes_channel(planes, output, channel);
        const float *dy_channel = planes_channel_const(dy_planes, dy, channel);
        if (layer->pooled)
            network->kernels.batch_norm_relu_max_pool_backward(c, dy_channel, layer->affine[channel],
                                                               layer->line[channel], dy_planes, planes);
        else
            network->kernels.batch_norm_relu_backward(c, dy_channel, layer->affine[channel], layer->line[channel],
                                                      dy_planes, planes);
    }
    network->kernels.convolution_backward_weight(layer->dweight + clip * layer->weights, output, input,
                                                 scratch_of(network, thread), planes, &layer->input_planes);
    if (network->layer == 0)
        return;
    network->kernels.convolution(input, output, layer->packed_transposed, NULL, scratch_of(network, thread),
                                 &layer->input_planes, planes);
    backward_sums(network, layer - 1, clip, input, &layer->input_planes);
}

/* --- Adam --- */

static void update_tensor(const struct network *network, int row, const float *gradient)
{
    struct checkpoint_tensor table[CHECKPOINT_TENSORS];
    char m[96], v[96];
    const struct checkpoint *checkpoint = network->checkpoint;
    checkpoint_tensors(table, checkpoint->filters, checkpoint->class_count);
    size_t values = safetensors_find(&checkpoint->file, table[row].name)->values;
    snprintf(m, sizeof m, "adam.exp_avg.%s", table[row].name);
    snprintf(v, sizeof v, "adam.exp_avg_sq.%s", table[row].name);
    adam_update(checkpoint_floats(checkpoint, table[row].name), checkpoint_floats(checkpoint, m),
                checkpoint_floats(checkpoint, v), gradient, values, network->rates);
}

/* One layer's tensors, or after the last the linear layer's. */
static void update_turn(void *context, size_t number, int thread)
{
    (void)thread;
    const struct network *network = context;
    int row = (int)number * TENSORS_A_LAYER;
    if (number == CONVOLUTIONS) {
        update_tensor(network, row, network->dlinear_weight);
        update_tensor(network, row + 1, network->dlinear_bias);
        return;
    }
    const struct layer *layer = &network->layers[number];
    fixed_sum_clips(layer->dweight, layer->dweight, (size_t)network->count, layer->weights);
    const float *gradients[] = {layer->dweight, network->zeros, layer->dscale, layer->dshift};
    for (int part = 0; part < 4; part++)
        update_tensor(network, row + part, gradients[part]);
}

void network_train(struct network *network, const float *const x[], const int labels[], int count,
                   double learning_rate, double *losses, float *logits)
{
    network->x = x;
    network->labels = labels;
    network->count = count;
    network->losses = losses;
    network->training = 1;
    forward(network);
    parallel_for(network->parallel, (size_t)count, loss_turn, network);
    for (network->layer = LAST; network->layer >= 0; network->layer--) {
        struct layer *layer = &network->layers[network->layer];
        batch_norm_gradients(network, layer);
        network->kernels.convolution_pack(layer->packed_transposed, layer->weight, layer->shape.outputs,
                                          layer->shape.inputs, layer->shape.kernel, 1);
        parallel_for(network->parallel, (size_t)count, backward_turn, network);
    }
    linear_backward_weight(network->dlinear_weight, network->dlinear_bias, network->dlogits, network->means, count,
                           network->features, network->classes);
    int64_t *step = checkpoint_integers(network->checkpoint, "adam.step");
    network->rates = adam_rates(learning_rate, ++*step);
    parallel_for(network->parallel, CONVOLUTIONS + 1, update_turn, network);
    memcpy(logits, network->logits, (size_t)count * (size_t)network->classes * sizeof *logits);
}
