#include "network_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float *tensor(const struct checkpoint *checkpoint, int layer, int row)
{
    struct checkpoint_tensor table[CHECKPOINT_TENSORS];
    checkpoint_tensors(table, checkpoint->filters, checkpoint->class_count);
    return checkpoint_floats(checkpoint, table[layer * TENSORS_A_LAYER + row].name);
}

static struct trained trained(const struct checkpoint *checkpoint, int layer, int row)
{
    struct checkpoint_tensor table[CHECKPOINT_TENSORS];
    char first[96], second[96];
    checkpoint_tensors(table, checkpoint->filters, checkpoint->class_count);
    const char *name = table[layer * TENSORS_A_LAYER + row].name;
    snprintf(first, sizeof first, "adam.exp_avg.%s", name);
    snprintf(second, sizeof second, "adam.exp_avg_sq.%s", name);
    return (struct trained){checkpoint_floats(checkpoint, name), checkpoint_floats(checkpoint, first),
                            checkpoint_floats(checkpoint, second)};
}

static void *allocate(size_t count, size_t size)
{
    return calloc(count, size);
}

/* Zeros for each thread, aligned to 64 bytes as every thread's part is. */
static float *allocate_for_threads(const struct network *network, size_t values)
{
    size_t bytes = (size_t)parallel_threads(network->parallel) * values * sizeof(float);
    float *memory = aligned_alloc(64, bytes);
    return memory != NULL ? memset(memory, 0, bytes) : NULL;
}

static size_t aligned(size_t values)
{
    return (values + 15) / 16 * 16;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Rows of a layer at a time going forward: few enough that what one step leaves in the second-level cache is there for
 * the next; an even number, since convolutions by tiles take two. */
static int forward_rows(const struct layer *layer)
{
    const size_t cached_values = (size_t)64 << 10;
    size_t row = (size_t)(layer->shape.inputs + layer->shape.outputs) * (size_t)layer->input_planes.stride;
    return (int)larger(cached_values / row / 2 * 2, STRIP_ROWS);
}

static int make_strips(const struct network *network, struct layer *layer)
{
    layer->forward_rows = forward_rows(layer);
    layer->input_strip_planes = planes_strip(&layer->input_planes, layer->forward_rows + 2 * STRIP_MARGIN);
    layer->doutput_strip_planes = planes_strip(&layer->output_planes, STRIP_ROWS + 2 * STRIP_MARGIN);
    if (layer->input == NULL)
        layer->input_strips = allocate_for_threads(network, planes_total(&layer->input_strip_planes));
    layer->doutput_strips = allocate_for_threads(network, planes_total(&layer->doutput_strip_planes));
    return (layer->input != NULL || layer->input_strips != NULL) && layer->doutput_strips != NULL ? 0 : -1;
}

static void find_tensors(const struct checkpoint *checkpoint, struct layer *layer, int number)
{
    layer->weight = trained(checkpoint, number, 0);
    layer->bias = trained(checkpoint, number, 1);
    layer->scale = trained(checkpoint, number, 2);
    layer->shift = trained(checkpoint, number, 3);
    layer->running_mean = tensor(checkpoint, number, 4);
    layer->running_variance = tensor(checkpoint, number, 5);
    layer->batches = (int64_t *)(void *)tensor(checkpoint, number, 6);
}

static int make_layer(struct network *network, int number, int height, int width)
{
    struct layer *layer = &network->layers[number];
    const struct kernels *kernels = &network->kernels;
    size_t clips = (size_t)network->clips;
    layer->shape = checkpoint_convolution(number, network->checkpoint->filters);
    layer->pooled = number % 2 == 1;
    layer->input_planes = planes_make(layer->shape.inputs, height, width, layer->shape.kernel / 2);
    layer->output_planes = planes_like(&layer->input_planes, layer->shape.outputs);
    int kept = number == 0 || layer[-1].pooled, failed = 0;
    if (kept)
        failed |= (layer->input = planes_allocate(&layer->input_planes, clips)) == NULL;
    if (number > 0)
        failed |= (layer->dinput = planes_allocate(&layer->input_planes, clips)) == NULL;
    layer->output = planes_allocate(&layer->output_planes, clips);
    find_tensors(network->checkpoint, layer, number);
    int kernel = layer->shape.kernel, inputs = layer->shape.inputs;
    size_t outputs = (size_t)layer->shape.outputs;
    layer->weights = outputs * (size_t)inputs * (size_t)(kernel * kernel);
    layer->weight_sums = aligned(kernels->convolution_sums_values(layer->shape.outputs, inputs, kernel));
    layer->packed = allocate(convolution_packed_values(layer->shape.outputs, inputs, kernel), sizeof(float));
    layer->packed_transposed = allocate(convolution_packed_values(inputs, layer->shape.outputs, kernel), sizeof(float));
    layer->weight_sum = allocate_for_threads(network, layer->weight_sums);
    layer->dweight = allocate(clips * PARTS * layer->weights, sizeof(float));
    layer->dscale = allocate(outputs, sizeof(float));
    layer->dshift = allocate(outputs, sizeof(float));
    layer->sums = allocate(clips * PARTS * outputs * 2, sizeof(double));
    layer->mean = allocate(outputs, sizeof(double));
    layer->inverse_deviation = allocate(outputs, sizeof(double));
    layer->affine = allocate(outputs, sizeof(struct affine));
    layer->line = allocate(outputs, sizeof(struct affine));
    size_t forth = kernels->convolution_scratch_values(layer->shape.outputs, inputs, kernel);
    size_t back = kernels->convolution_scratch_values(inputs, layer->shape.outputs, kernel);
    network->scratch_values = larger(network->scratch_values, aligned(larger(forth, back)));
    return make_strips(network, layer) == 0 && !failed && layer->output != NULL && layer->packed != NULL &&
                   layer->packed_transposed != NULL && layer->weight_sum != NULL && layer->dweight != NULL &&
                   layer->dscale != NULL && layer->dshift != NULL && layer->sums != NULL && layer->mean != NULL &&
                   layer->inverse_deviation != NULL && layer->affine != NULL && layer->line != NULL
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
    network->linear_weight = trained(network->checkpoint, CONVOLUTIONS, 0);
    network->linear_bias = trained(network->checkpoint, CONVOLUTIONS, 1);
    network->pooled = planes_allocate(&network->pooled_planes, clips);
    network->means = allocate(clips * features, sizeof(float));
    network->dmeans = allocate(clips * features, sizeof(float));
    network->logits = allocate(clips * classes, sizeof(float));
    network->dlogits = allocate(clips * classes, sizeof(float));
    network->dlinear_weight = allocate(classes * features, sizeof(float));
    network->dlinear_bias = allocate(classes, sizeof(float));
    network->zeros = allocate(features, sizeof(float));
    network->scratch = allocate_for_threads(network, network->scratch_values);
    network->lanes = allocate((size_t)parallel_threads(network->parallel) * features, sizeof *network->lanes);
    int all = network->lanes != NULL && network->pooled != NULL && network->means != NULL &&
              network->dmeans != NULL && network->logits != NULL && network->dlogits != NULL &&
              network->dlinear_weight != NULL && network->dlinear_bias != NULL &&
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
        size_t clips = (size_t)network->clips;
        planes_free(layer->input, &layer->input_planes, clips);
        planes_free(layer->dinput, &layer->input_planes, clips);
        planes_free(layer->output, &layer->output_planes, clips);
        void *parts[] = {layer->input_strips, layer->doutput_strips, layer->packed, layer->packed_transposed,
                         layer->weight_sum, layer->dweight, layer->dscale, layer->dshift, layer->sums, layer->mean,
                         layer->inverse_deviation, layer->affine, layer->line};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            free(parts[i]);
    }
    planes_free(network->pooled, &network->pooled_planes, (size_t)network->clips);
    void *parts[] = {network->means, network->dmeans, network->logits, network->dlogits,
                     network->dlinear_weight, network->dlinear_bias, network->zeros, network->scratch, network->lanes,
                     network};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        free(parts[i]);
}
