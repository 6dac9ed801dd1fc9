#include <math.h>
#include <string.h>

#include "network_memory.h"

static const double epsilon = 1e-5, momentum = 0.1;

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

/* Rows of a layer at a time: few enough that what one step leaves in the second-level cache is there for the next; an
 * even number, since convolutions by tiles take two. */
static int band_rows(const struct layer *layer)
{
    const size_t cached_values = (size_t)64 << 10;
    size_t row = (size_t)(layer->shape.inputs + layer->shape.outputs) * (size_t)layer->input_planes.stride;
    return cached_values / row > 8 ? (int)(cached_values / row / 2 * 2) : 8;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Batch norm, ReLU and, if there is one, the pooling of `layer`: rows first to end - 1 of what comes next. */
static void activate(const struct network *network, const struct layer *layer, size_t clip, float *to,
                     const struct planes *to_planes, int first, int end)
{
    const struct planes *planes = &layer->output_planes;
    struct planes to_band = planes_band(to_planes, end - first), band = planes_band(planes, end - first);
    for (int channel = 0; channel < layer->shape.outputs; channel++) {
        float *y = planes_channel(to_planes, to, channel) + planes_row(to_planes, first);
        const float *c = planes_channel_const(planes, output_of(layer, clip), channel) +
                         planes_row(planes, layer->pooled ? 2 * first : first);
        if (layer->pooled)
            network->kernels.batch_norm_relu_max_pool(y, c, layer->affine[channel], &to_band, planes);
        else
            network->kernels.batch_norm_relu(y, c, layer->affine[channel], &to_band, &band);
    }
}

/* The lanes of the sums of a thread's clip, and what they come to. */
static struct channel_sums *start_sums(const struct network *network, int channels, int thread)
{
    struct channel_sums *lanes = network->lanes + (size_t)thread * (size_t)network->features;
    memset(lanes, 0, (size_t)channels * sizeof *lanes);
    return lanes;
}

static void end_sums(const struct layer *layer, size_t clip, const struct channel_sums *lanes)
{
    for (int channel = 0; channel < layer->shape.outputs; channel++) {
        sums_of(layer, clip)[2 * channel] = fixed_sum_fold_double(lanes[channel].sum);
        sums_of(layer, clip)[2 * channel + 1] = fixed_sum_fold_double(lanes[channel].products);
    }
}

/* The input of layer network->layer, its convolution and, in training, the sums for its batch norm; in bands. */
static void forward_turn(void *context, size_t clip, int thread)
{
    const struct network *network = context;
    const struct layer *layer = &network->layers[network->layer];
    const struct planes *planes = &layer->output_planes;
    struct channel_sums *lanes = start_sums(network, layer->shape.outputs, thread);
    int rows = band_rows(layer), activated = 0;
    if (network->layer == 0)
        copy_input(network, clip);
    for (int first = 0; first < planes->height; first += rows) {
        int end = smaller(first + rows, planes->height), needed = smaller(end + planes->pad, planes->height);
        struct planes band = planes_band(planes, end - first);
        struct planes input_band = planes_band(&layer->input_planes, end - first);
        if (network->layer > 0)
            activate(network, layer - 1, clip, input_of(layer, clip), &layer->input_planes, activated, needed);
        activated = needed;
        float *output = output_of(layer, clip) + planes_row(planes, first);
        network->kernels.convolution(output, input_of(layer, clip) + planes_row(&layer->input_planes, first),
                                     layer->packed, layer->bias, scratch_of(network, thread), &band, &input_band);
        for (int channel = 0; channel < layer->shape.outputs && network->training; channel++)
            network->kernels.batch_norm_sums(&lanes[channel], planes_channel_const(planes, output, channel), &band);
    }
    end_sums(layer, clip, lanes);
}

/* The mean of each pooled channel, and the logits. */
static void classify(const struct network *network, size_t clip)
{
    const struct planes *planes = &network->pooled_planes;
    float *means = network->means + clip * (size_t)network->features;
    activate(network, &network->layers[LAST], clip, pooled_of(network, clip), planes, 0, planes->height);
    for (int channel = 0; channel < network->features; channel++) {
        struct channel_sums sums = {0};
        network->kernels.batch_norm_sums(&sums, planes_channel_const(planes, pooled_of(network, clip), channel),
                                         planes);
        means[channel] = (float)(fixed_sum_fold_double(sums.sum) / (planes->height * planes->width));
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

/* Adds to the sums that batch norm's gradient needs, from rows first to end - 1 of the gradient of what `layer` gave to
 * the next. */
static void backward_sums(const struct network *network, const struct layer *layer, size_t clip, const float *dy,
                          const struct planes *dy_planes, int first, int end, struct channel_sums *lanes)
{
    const struct planes *planes = &layer->output_planes;
    struct planes dy_band = planes_band(dy_planes, end - first), band = planes_band(planes, end - first);
    for (int channel = 0; channel < layer->shape.outputs; channel++) {
        const float *dy_channel = planes_channel_const(dy_planes, dy, channel) + planes_row(dy_planes, first);
        const float *c = planes_channel_const(planes, output_of(layer, clip), channel) +
                         planes_row(planes, layer->pooled ? 2 * first : first);
        if (layer->pooled)
            network->kernels.batch_norm_relu_max_pool_backward_sums(&lanes[channel], dy_channel, c,
                                                                    layer->affine[channel], &dy_band, planes);
        else
            network->kernels.batch_norm_relu_backward_sums(&lanes[channel], dy_channel, c, layer->affine[channel],
                                                           &dy_band, &band);
    }
}

/* Loss, the gradient of the logits and of the pooled planes (each pooled value has the same share of its mean). */
static void loss_turn(void *context, size_t clip, int thread)
{
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
    struct channel_sums *lanes = start_sums(network, network->features, thread);
    backward_sums(network, &network->layers[LAST], clip, pooled_of(network, clip), planes, 0, planes->height, lanes);
    end_sums(&network->layers[LAST], clip, lanes);
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
    struct channel_sums *lanes = start_sums(network, layer->shape.inputs, thread);
    for (int rows = band_rows(layer), first = 0; first < planes->height; first += rows) {
        int end = smaller(first + rows, planes->height);
        struct planes band = planes_band(planes, end - first);
        struct planes input_band = planes_band(&layer->input_planes, end - first);
        network->kernels.convolution(input + planes_row(&layer->input_planes, first),
                                     output + planes_row(planes, first), layer->packed_transposed, NULL,
                                     scratch_of(network, thread), &input_band, &band);
        backward_sums(network, layer - 1, clip, input, &layer->input_planes, first, end, lanes);
    }
    end_sums(layer - 1, clip, lanes);
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
