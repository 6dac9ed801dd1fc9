#include "network_memory.h"

#include <stdlib.h>
#include <string.h>

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

/* Zeros for each thread, aligned to 64 bytes as every thread's part is. */
static float *allocate_scratch(size_t threads, size_t values)
{
    float *scratch = aligned_alloc(64, threads * values * sizeof *scratch);
    return scratch != NULL ? memset(scratch, 0, threads * values * sizeof *scratch) : NULL;
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
    network->scratch_values = (network->scratch_values + 15) / 16 * 16;
    network->scratch = allocate_scratch((size_t)parallel_threads(network->parallel), network->scratch_values);
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
        void *parts[] = {layer->input, layer->output, layer->packed, layer->packed_transposed, layer->dweight,
                         layer->dscale, layer->dshift, layer->sums, layer->mean, layer->inverse_deviation,
                         layer->affine, layer->line};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            free(parts[i]);
    }
    void *parts[] = {network->pooled, network->means, network->dmeans, network->logits, network->dlogits,
                     network->dlinear_weight, network->dlinear_bias, network->zeros, network->scratch, network->lanes,
                     network};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        free(parts[i]);
}
