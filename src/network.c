#include <math.h>
#include <string.h>

#include "network_memory.h"

static const double epsilon = 1e-5, momentum = 0.1;

/* A loop's turns are the parts of all clips (fixed_sum.h), so that threads share out a small batch too. */
static size_t turns(const struct network *network)
{
    return (size_t)network->count * PARTS;
}

static size_t clip_of(size_t turn)
{
    return turn / PARTS;
}

static struct rows rows_of(const struct planes *planes, size_t turn)
{
    return fixed_sum_part(planes->height, (int)(turn % PARTS));
}

/* --- Where things are --- */

/* What is read or written of one clip, at row `row`: kernels take it for the first row of a band. */
static const float *from_row(const float *clips, const struct planes *planes, size_t clip, int row)
{
    return clips + clip * planes_total(planes) + planes_row(planes, row);
}

static float *to_row(float *clips, const struct planes *planes, size_t clip, int row)
{
    return clips + clip * planes_total(planes) + planes_row(planes, row);
}

static double *sums_of(const struct layer *layer, size_t turn)
{
    return layer->sums + turn * (size_t)layer->shape.outputs * 2;
}

static float *scratch_of(const struct network *network, int thread)
{
    return network->scratch + (size_t)thread * network->scratch_values;
}

/* The gradient of what layer network->layer gave to the next one. */
static const float *dy_of(const struct network *network, const struct planes **planes)
{
    const struct layer *next = &network->layers[network->layer + 1];
    *planes = network->layer == LAST ? &network->pooled_planes : &next->input_planes;
    return network->layer == LAST ? network->pooled : next->dinput;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* --- Sums of a channel --- */

/* A thread's lanes, for its next part. */
static struct channel_sums *start_sums(const struct network *network, int channels, int thread)
{
    struct channel_sums *lanes = network->lanes + (size_t)thread * (size_t)network->features;
    memset(lanes, 0, (size_t)channels * sizeof *lanes);
    return lanes;
}

static void end_sums(const struct layer *layer, size_t turn, const struct channel_sums *lanes)
{
    for (int channel = 0; channel < layer->shape.outputs; channel++) {
        sums_of(layer, turn)[2 * channel] = fixed_sum_fold_double(lanes[channel].sum);
        sums_of(layer, turn)[2 * channel + 1] = fixed_sum_fold_double(lanes[channel].products);
    }
}

/* The two sums of a channel over all parts of all clips of the batch, in ascending order. */
static void add_parts(const struct network *network, const struct layer *layer, int channel, double total[2])
{
    total[0] = total[1] = 0.0;
    for (size_t turn = 0; turn < turns(network); turn++) {
        total[0] += sums_of(layer, turn)[2 * channel];
        total[1] += sums_of(layer, turn)[2 * channel + 1];
    }
}

/* --- Strips --- */

/* Rows first to end - 1 of what batch norm, ReLU and pooling make of a layer's output; row `first` goes to `to`. */
static void activate(const struct network *network, const struct layer *layer, size_t clip, float *to,
                     const struct planes *to_planes, int first, int end)
{
    const struct planes *planes = &layer->output_planes;
    struct planes to_band = planes_band(to_planes, end - first), band = planes_band(planes, end - first);
    const float *output = from_row(layer->output, planes, clip, layer->pooled ? 2 * first : first);
    for (int channel = 0; channel < layer->shape.outputs; channel++) {
        float *y = planes_channel(to_planes, to, channel);
        const float *c = planes_channel_const(planes, output, channel);
        if (layer->pooled)
            network->kernels.batch_norm_relu_max_pool(y, c, layer->affine[channel], &to_band, planes);
        else
            network->kernels.batch_norm_relu(y, c, layer->affine[channel], &to_band, &band);
    }
}

/* Sets some values from row `row` of a strip on to zero. */
static void clear_row(float *strip, const struct planes *planes, int row, int values)
{
    for (int channel = 0; channel < planes->channels; channel++)
        memset(planes_channel(planes, strip, channel) + planes_row(planes, row), 0, (size_t)values * sizeof *strip);
}

/* A strip of `rows` rows is followed by the next one: the rows from its last one to `after` rows after it are that one's
 * rows from -1 on. */
static void slide_strip(float *strip, const struct planes *planes, int rows, int after)
{
    for (int channel = 0; channel < planes->channels; channel++) {
        float *row = planes_channel(planes, strip, channel);
        memmove(row + planes_row(planes, -1), row + planes_row(planes, rows - 1),
                (size_t)planes_row(planes, 1 + after) * sizeof *row);
    }
}

/* The input of layer network->layer, rows first to end - 1 of `part` and its pad: where its row `first` is, and the
 * planes. The strips of a part are asked for in ascending order, each of `rows` rows but the last. */
static const float *input_strip(const struct network *network, size_t clip, int thread, struct rows part, int first,
                                int rows, const struct planes **planes)
{
    const struct layer *layer = &network->layers[network->layer];
    const int pad = 1, height = layer->input_planes.height, end = smaller(first + rows, part.end);
    *planes = &layer->input_planes;
    if (layer->input != NULL)
        return from_row(layer->input, *planes, clip, first);
    const struct planes *strip_planes = *planes = &layer->input_strip_planes;
    float *strip = to_row(layer->input_strips, strip_planes, (size_t)thread, STRIP_MARGIN);
    int from = first + pad, to = smaller(end + pad, height);
    if (first > part.first)
        slide_strip(strip, strip_planes, rows, pad);
    else
        from = larger(first - pad, 0);
    if (from < to)
        activate(network, layer - 1, clip, strip + planes_row(strip_planes, from - first), strip_planes, from, to);
    if (first == 0)
        clear_row(strip, strip_planes, -1, strip_planes->stride);
    if (end == height)
        clear_row(strip, strip_planes, end - first, strip_planes->stride);
    clear_row(strip, strip_planes, end - first + pad, LANES + pad); /* kernels.h: to be read, but not to count */
    return strip;
}

/* Rows from to end - 1 of the gradient of the output of layer network->layer; row `from` goes to `to`. */
static void output_backward(const struct network *network, size_t clip, float *to, const struct planes *to_planes,
                            int from, int end)
{
    const struct layer *layer = &network->layers[network->layer];
    const struct planes *planes = &layer->output_planes, *dy_planes;
    int down = layer->pooled ? 2 : 1;
    const float *dy = dy_of(network, &dy_planes), *output = from_row(layer->output, planes, clip, from);
    struct planes dy_band = planes_band(dy_planes, (end - from) / down), band = planes_band(planes, end - from);
    dy = from_row(dy, dy_planes, clip, from / down);
    for (int channel = 0; channel < layer->shape.outputs; channel++) {
        float *dc = planes_channel(to_planes, to, channel);
        const float *c = planes_channel_const(planes, output, channel);
        const float *dy_channel = planes_channel_const(dy_planes, dy, channel);
        if (layer->pooled)
            network->kernels.batch_norm_relu_max_pool_backward(dc, c, dy_channel, layer->affine[channel],
                                                               layer->line[channel], &dy_band, &band);
        else
            network->kernels.batch_norm_relu_backward(dc, c, dy_channel, layer->affine[channel], layer->line[channel],
                                                      &dy_band, &band);
    }
}

/* The gradient of the output of layer network->layer, likewise; in the first layer, whose input has no gradient, without
 * the rows before and after. */
static const float *doutput_strip(const struct network *network, size_t clip, int thread, struct rows part, int first)
{
    const struct layer *layer = &network->layers[network->layer];
    const struct planes *strip_planes = &layer->doutput_strip_planes;
    const int height = layer->output_planes.height, margin = layer->pooled ? 2 : network->layer > 0 ? 1 : 0;
    const int end = smaller(first + STRIP_ROWS, part.end);
    float *strip = to_row(layer->doutput_strips, strip_planes, (size_t)thread, STRIP_MARGIN);
    int from = first + margin, to = smaller(end + margin, height);
    if (first > part.first && margin > 0)
        slide_strip(strip, strip_planes, STRIP_ROWS, margin);
    else
        from = larger(first - margin, 0);
    if (from < to)
        output_backward(network, clip, strip + planes_row(strip_planes, from - first), strip_planes, from, to);
    if (first == 0)
        clear_row(strip, strip_planes, -1, strip_planes->stride);
    if (end == height)
        clear_row(strip, strip_planes, end - first, strip_planes->stride);
    return strip;
}

/* --- Forward --- */

static void copy_turn(void *context, size_t clip, int thread)
{
    (void)thread;
    const struct network *network = context;
    const struct layer *first = &network->layers[0];
    const struct planes *planes = &first->input_planes;
    float *to = planes_channel(planes, to_row(first->input, planes, clip, 0), 0);
    for (int row = 0; row < planes->height; row++)
        memcpy(to + planes_row(planes, row), network->x[clip] + (size_t)row * (size_t)planes->width,
               (size_t)planes->width * sizeof *to);
}

/* Layer network->layer: its convolution and, in training, the sums for its batch norm. */
static void forward_turn(void *context, size_t turn, int thread)
{
    const struct network *network = context;
    const struct layer *layer = &network->layers[network->layer];
    const struct planes *planes = &layer->output_planes, *input_planes;
    struct channel_sums *lanes = start_sums(network, layer->shape.outputs, thread);
    struct rows part = rows_of(planes, turn);
    for (int first = part.first; first < part.end; first += layer->forward_rows) {
        int end = smaller(first + layer->forward_rows, part.end);
        const float *input = input_strip(network, clip_of(turn), thread, part, first, layer->forward_rows,
                                         &input_planes);
        struct planes band = planes_band(planes, end - first), input_band = planes_band(input_planes, end - first);
        float *output = to_row(layer->output, planes, clip_of(turn), first);
        network->kernels.convolution(output, input, layer->packed, layer->bias.values, scratch_of(network, thread),
                                     &band, &input_band);
        for (int channel = 0; channel < layer->shape.outputs && network->training; channel++)
            network->kernels.batch_norm_sums(&lanes[channel], planes_channel_const(planes, output, channel), &band);
    }
    end_sums(layer, turn, lanes);
}

/* The input of layer network->layer, after a pooling: a quarter of what it is made of, so it is kept. */
static void input_turn(void *context, size_t turn, int thread)
{
    (void)thread;
    const struct network *network = context;
    const struct layer *layer = &network->layers[network->layer];
    struct rows part = rows_of(&layer->input_planes, turn);
    if (part.first < part.end)
        activate(network, layer - 1, clip_of(turn), to_row(layer->input, &layer->input_planes, clip_of(turn), part.first),
                 &layer->input_planes, part.first, part.end);
}

/* What the last layer gives, and the sums of each channel. */
static void pool_turn(void *context, size_t turn, int thread)
{
    const struct network *network = context;
    const struct layer *layer = &network->layers[LAST];
    const struct planes *planes = &network->pooled_planes;
    struct channel_sums *lanes = start_sums(network, network->features, thread);
    struct rows part = rows_of(planes, turn);
    struct planes band = planes_band(planes, part.end - part.first);
    float *pooled = to_row(network->pooled, planes, clip_of(turn), part.first);
    activate(network, layer, clip_of(turn), pooled, planes, part.first, part.end);
    for (int channel = 0; channel < network->features; channel++)
        network->kernels.batch_norm_sums(&lanes[channel], planes_channel_const(planes, pooled, channel), &band);
    end_sums(layer, turn, lanes);
}

/* The mean of each pooled channel, and the logits. */
static void classify_turn(void *context, size_t clip, int thread)
{
    (void)thread;
    const struct network *network = context;
    const struct planes *planes = &network->pooled_planes;
    float *means = network->means + clip * (size_t)network->features;
    for (int channel = 0; channel < network->features; channel++) {
        double sum = 0.0;
        for (size_t part = 0; part < PARTS; part++)
            sum += sums_of(&network->layers[LAST], clip * PARTS + part)[2 * channel];
        means[channel] = (float)(sum / (planes->height * planes->width));
    }
    linear_forward(network->logits + clip * (size_t)network->classes, means, network->linear_weight.values,
                   network->linear_bias.values, network->features, network->classes);
}

static void set_affine(struct layer *layer, int channel, double mean, double variance)
{
    double inverse_deviation = 1.0 / sqrt(variance + epsilon);
    double scale = (double)layer->scale.values[channel] * inverse_deviation;
    layer->mean[channel] = mean;
    layer->inverse_deviation[channel] = inverse_deviation;
    layer->affine[channel] = (struct affine){(float)scale, (float)((double)layer->shift.values[channel] - mean * scale)};
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
        add_parts(network, layer, channel, total);
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
    parallel_for(network->parallel, (size_t)network->count, copy_turn, network);
    for (network->layer = 0; network->layer < CONVOLUTIONS; network->layer++) {
        struct layer *layer = &network->layers[network->layer];
        network->kernels.convolution_pack(layer->packed, layer->weight.values, layer->shape.outputs,
                                          layer->shape.inputs, layer->shape.kernel, 0);
        if (network->layer > 0 && layer->input != NULL)
            parallel_for(network->parallel, turns(network), input_turn, network);
        parallel_for(network->parallel, turns(network), forward_turn, network);
        for (int channel = 0; channel < layer->shape.outputs && !network->training; channel++)
            set_affine(layer, channel, (double)layer->running_mean[channel], (double)layer->running_variance[channel]);
        if (network->training)
            batch_statistics(network, layer);
    }
    parallel_for(network->parallel, turns(network), pool_turn, network);
    parallel_for(network->parallel, (size_t)network->count, classify_turn, network);
}

void network_predict(struct network *network, const float *const x[], int count, float *logits)
{
    network->x = x;
    network->count = count;
    network->training = 0;
    forward(network);
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
    const float *output = from_row(layer->output, planes, clip, layer->pooled ? 2 * first : first);
    dy = from_row(dy, dy_planes, clip, first);
    for (int channel = 0; channel < layer->shape.outputs; channel++) {
        const float *dy_channel = planes_channel_const(dy_planes, dy, channel);
        const float *c = planes_channel_const(planes, output, channel);
        if (layer->pooled)
            network->kernels.batch_norm_relu_max_pool_backward_sums(&lanes[channel], dy_channel, c,
                                                                    layer->affine[channel], &dy_band, planes);
        else
            network->kernels.batch_norm_relu_backward_sums(&lanes[channel], dy_channel, c, layer->affine[channel],
                                                           &dy_band, &band);
    }
}

/* Loss, and the gradients of the logits and of the means. */
static void loss_turn(void *context, size_t clip, int thread)
{
    (void)thread;
    const struct network *network = context;
    size_t features = (size_t)network->features, classes = (size_t)network->classes;
    const float *logits = network->logits + clip * classes;
    float *dlogits = network->dlogits + clip * classes;
    network->losses[clip] = cross_entropy(logits, network->labels[clip], network->classes);
    cross_entropy_backward(dlogits, logits, network->labels[clip], network->classes, network->count);
    linear_backward_input(network->dmeans + clip * features, dlogits, network->linear_weight.values,
                          network->features, network->classes);
}

/* The gradient of the pooled planes, where each value has the same share of its mean. */
static void mean_backward_turn(void *context, size_t turn, int thread)
{
    const struct network *network = context;
    const struct planes *planes = &network->pooled_planes;
    const float *dmeans = network->dmeans + clip_of(turn) * (size_t)network->features;
    struct rows part = rows_of(planes, turn);
    float *dpooled = to_row(network->pooled, planes, clip_of(turn), part.first);
    for (int channel = 0; channel < network->features; channel++) {
        float share = dmeans[channel] / (float)(planes->height * planes->width);
        float *to = planes_channel(planes, dpooled, channel);
        for (int i = 0; i < (part.end - part.first) * planes->width; i++)
            to[i] = share;
    }
    struct channel_sums *lanes = start_sums(network, network->features, thread);
    backward_sums(network, &network->layers[LAST], clip_of(turn), network->pooled, planes, part.first, part.end, lanes);
    end_sums(&network->layers[LAST], turn, lanes);
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
        add_parts(network, layer, channel, total);
        double dshift = total[0], dscale = inverse * (total[1] - mean * total[0]);
        double scale = (double)layer->scale.values[channel] * inverse, slope = scale * inverse * dscale / values;
        layer->dshift[channel] = (float)dshift;
        layer->dscale[channel] = (float)dscale;
        layer->line[channel] = (struct affine){(float)-slope, (float)(slope * mean - scale * dshift / values)};
    }
}

/* Layer network->layer: the gradients of its output, of its weight for this part, of its input, and the sums for the
 * layer before. */
static void backward_turn(void *context, size_t turn, int thread)
{
    const struct network *network = context;
    const struct layer *layer = &network->layers[network->layer];
    const struct planes *planes = &layer->input_planes, *input_planes;
    float *scratch = scratch_of(network, thread), *weight_sum = layer->weight_sum + (size_t)thread * layer->weight_sums;
    struct channel_sums *lanes = start_sums(network, layer->shape.inputs, thread);
    struct rows part = rows_of(planes, turn);
    memset(weight_sum, 0, layer->weight_sums * sizeof *weight_sum);
    for (int first = part.first; first < part.end; first += STRIP_ROWS) {
        int end = smaller(first + STRIP_ROWS, part.end);
        const float *input = input_strip(network, clip_of(turn), thread, part, first, STRIP_ROWS, &input_planes);
        const float *doutput = doutput_strip(network, clip_of(turn), thread, part, first);
        struct planes input_band = planes_band(input_planes, end - first), dinput_band = planes_band(planes, end - first);
        struct planes doutput_band = planes_band(&layer->doutput_strip_planes, end - first);
        network->kernels.convolution_add_strip(weight_sum, doutput, input, scratch, &doutput_band, &input_band);
        if (network->layer == 0)
            continue;
        network->kernels.convolution(to_row(layer->dinput, planes, clip_of(turn), first), doutput,
                                     layer->packed_transposed, NULL, scratch, &dinput_band, &doutput_band);
        backward_sums(network, layer - 1, clip_of(turn), layer->dinput, planes, first, end, lanes);
    }
    network->kernels.convolution_end_sums(layer->dweight + turn * layer->weights, weight_sum, layer->shape.outputs,
                                          layer->shape.inputs, layer->shape.kernel);
    if (network->layer > 0)
        end_sums(layer - 1, turn, lanes);
}

/* --- Adam --- */

static void update(const struct network *network, const struct trained *tensor, const float *gradient, size_t first,
                   size_t count)
{
    adam_update(tensor->values + first, tensor->first_moment + first, tensor->second_moment + first, gradient, count,
                network->rates);
}

/* One output of a layer; after the last layer's, the linear layer. */
static void update_turn(void *context, size_t number, int thread)
{
    (void)thread;
    const struct network *network = context;
    const struct layer *layer = network->layers;
    for (; layer < network->layers + CONVOLUTIONS && number >= (size_t)layer->shape.outputs; layer++)
        number -= (size_t)layer->shape.outputs;
    if (layer == network->layers + CONVOLUTIONS) {
        size_t classes = (size_t)network->classes;
        update(network, &network->linear_weight, network->dlinear_weight, 0, classes * (size_t)network->features);
        update(network, &network->linear_bias, network->dlinear_bias, 0, classes);
        return;
    }
    size_t count = layer->weights / (size_t)layer->shape.outputs, first = number * count;
    fixed_sum_terms(layer->dweight + first, layer->dweight + first, turns(network), layer->weights, count);
    update(network, &layer->weight, layer->dweight + first, first, count);
    update(network, &layer->bias, network->zeros, number, 1);
    update(network, &layer->scale, layer->dscale + number, number, 1);
    update(network, &layer->shift, layer->dshift + number, number, 1);
}

/* The turns of update_turn. */
static size_t updates(const struct network *network)
{
    size_t count = 1;
    for (int number = 0; number < CONVOLUTIONS; number++)
        count += (size_t)network->layers[number].shape.outputs;
    return count;
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
    parallel_for(network->parallel, turns(network), mean_backward_turn, network);
    for (network->layer = LAST; network->layer >= 0; network->layer--) {
        struct layer *layer = &network->layers[network->layer];
        batch_norm_gradients(network, layer);
        if (network->layer > 0)
            network->kernels.convolution_pack(layer->packed_transposed, layer->weight.values, layer->shape.outputs,
                                              layer->shape.inputs, layer->shape.kernel, 1);
        parallel_for(network->parallel, turns(network), backward_turn, network);
    }
    linear_backward_weight(network->dlinear_weight, network->dlinear_bias, network->dlogits, network->means, count,
                           network->features, network->classes);
    int64_t *step = checkpoint_integers(network->checkpoint, "adam.step");
    network->rates = adam_rates(learning_rate, ++*step);
    parallel_for(network->parallel, updates(network), update_turn, network);
    memcpy(logits, network->logits, (size_t)count * (size_t)network->classes * sizeof *logits);
}
