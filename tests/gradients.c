/* Gradients against central differences of a network in double, written here again as plain loops: every kind of
 * tensor, and the small layers by themselves. The tolerance is 1e-4 of the tensor's largest gradient, plus 1e-7: what
 * float32 and the differences' own error leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "layers.h"
#include "network.h"

enum { CLIPS = 3, HEIGHT = 9, WIDTH = 14, FILTERS = 2, CLASSES = 3, POSITIONS = HEIGHT * WIDTH };

/* (clips, channels, height, width) */
struct volume {
    int channels, height, width;
    double *values;
};

static double *at(const struct volume *volume, int clip, int channel, int row, int column)
{
    return &volume->values[((clip * volume->channels + channel) * volume->height + row) * volume->width + column];
}

static struct volume volume_new(int channels, int height, int width)
{
    double *values = calloc((size_t)(CLIPS * channels * height * width), sizeof *values);
    return (struct volume){channels, height, width, values};
}

static struct volume convolve(const struct volume *x, const double *weight, const double *bias, int outputs, int kernel)
{
    struct volume y = volume_new(outputs, x->height, x->width);
    int pad = kernel / 2;
    for (int n = 0; n < CLIPS; n++)
        for (int o = 0; o < outputs; o++)
            for (int row = 0; row < x->height; row++)
                for (int column = 0; column < x->width; column++) {
                    double sum = bias[o];
                    for (int i = 0; i < x->channels; i++)
                        for (int ky = 0; ky < kernel; ky++)
                            for (int kx = 0; kx < kernel; kx++) {
                                int r = row + ky - pad, c = column + kx - pad;
                                if (r >= 0 && r < x->height && c >= 0 && c < x->width)
                                    sum += weight[((o * x->channels + i) * kernel + ky) * kernel + kx] *
                                           *at(x, n, i, r, c);
                            }
                    *at(&y, n, o, row, column) = sum;
                }
    return y;
}

static void batch_norm_relu(struct volume *x, const double *scale, const double *shift)
{
    double count = CLIPS * x->height * x->width;
    for (int channel = 0; channel < x->channels; channel++) {
        double mean = 0, variance = 0;
        for (int pass = 0; pass < 3; pass++)
            for (int n = 0; n < CLIPS; n++)
                for (int row = 0; row < x->height; row++)
                    for (int column = 0; column < x->width; column++) {
                        double *value = at(x, n, channel, row, column);
                        if (pass == 0)
                            mean += *value / count;
                        else if (pass == 1)
                            variance += (*value - mean) * (*value - mean) / count;
                        else
                            *value = fmax(0, (*value - mean) / sqrt(variance + 1e-5) * scale[channel] + shift[channel]);
                    }
    }
}

static struct volume max_pool(const struct volume *x)
{
    struct volume y = volume_new(x->channels, x->height / 2, x->width / 2);
    for (int n = 0; n < CLIPS; n++)
        for (int channel = 0; channel < x->channels; channel++)
            for (int row = 0; row < y.height; row++)
                for (int column = 0; column < y.width; column++)
                    *at(&y, n, channel, row, column) =
                        fmax(fmax(*at(x, n, channel, 2 * row, 2 * column), *at(x, n, channel, 2 * row, 2 * column + 1)),
                             fmax(*at(x, n, channel, 2 * row + 1, 2 * column),
                                  *at(x, n, channel, 2 * row + 1, 2 * column + 1)));
    return y;
}

/* The batch's mean cross-entropy; tensors[i] are the values of the checkpoint's i-th tensor. */
static double network_loss(double *const tensors[], const float *const x[], const int labels[])
{
    struct volume volume = volume_new(1, HEIGHT, WIDTH);
    for (int n = 0; n < CLIPS; n++)
        for (int i = 0; i < POSITIONS; i++)
            volume.values[n * POSITIONS + i] = (double)x[n][i];
    for (int layer = 0; layer < CONVOLUTIONS; layer++) {
        struct convolution_shape shape = checkpoint_convolution(layer, FILTERS);
        double *const *own = tensors + layer * 7;
        struct volume y = convolve(&volume, own[0], own[1], shape.outputs, shape.kernel);
        free(volume.values);
        batch_norm_relu(&y, own[2], own[3]);
        volume = y;
        if (layer % 2 == 1) {
            volume = max_pool(&y);
            free(y.values);
        }
    }
    double loss = 0;
    for (int n = 0; n < CLIPS; n++) {
        double logits[CLASSES], sum = 0;
        for (int k = 0; k < CLASSES; k++) {
            logits[k] = tensors[CHECKPOINT_TENSORS - 1][k];
            for (int channel = 0; channel < volume.channels; channel++)
                for (int i = 0; i < volume.height * volume.width; i++)
                    logits[k] += tensors[CHECKPOINT_TENSORS - 2][k * volume.channels + channel] *
                                 at(&volume, n, channel, 0, 0)[i] / (volume.height * volume.width);
            sum += exp(logits[k]);
        }
        loss += (log(sum) - logits[labels[n]]) / CLIPS;
    }
    free(volume.values);
    return loss;
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("found %.9g, expected %.9g within %g", value, expected, tolerance);
}

static float random_value(void)
{
    static uint32_t state = 7;
    state = state * 1664525u + 1013904223u;
    return (float)(int32_t)state * 0x1p-31f;
}

static void test_network(void **unused)
{
    (void)unused;
    struct error error;
    struct checkpoint checkpoint;
    struct checkpoint_tensor table[CHECKPOINT_TENSORS];
    char *classes[CLASSES] = {"a", "b", "c"};
    float data[CLIPS][POSITIONS], logits[CLIPS * CLASSES];
    const float *x[CLIPS] = {data[0], data[1], data[2]};
    int labels[CLIPS] = {2, 0, 1};
    double losses[CLIPS], *tensors[CHECKPOINT_TENSORS];
    for (int i = 0; i < CLIPS * POSITIONS; i++)
        data[i / POSITIONS][i % POSITIONS] = 3 * random_value();
    assert_int_equal(checkpoint_initialise(&checkpoint, FILTERS, classes, CLASSES, 5, &feature_parameters_default,
                                           &error), 0);
    checkpoint_tensors(table, FILTERS, CLASSES);
    for (int i = 0; i < CHECKPOINT_TENSORS; i++) {
        size_t count = safetensors_find(&checkpoint.file, table[i].name)->values;
        tensors[i] = calloc(count, sizeof *tensors[i]);
        for (size_t v = 0; v < count && table[i].kind != TENSOR_COUNTER; v++) {
            float *value = &checkpoint_floats(&checkpoint, table[i].name)[v];
            /* Batch norm's own 1 and 0 would hide mistakes. */
            if (table[i].kind == TENSOR_TRAINED && table[i].fan_in == 0)
                *value += 0.3f * random_value();
            tensors[i][v] = (double)*value;
        }
    }
    struct kernels kernels;
    struct parallel *parallel = parallel_new(2, &error);
    assert_int_equal(engine_select(&kernels, "exact", "auto", &error), 0);
    struct network *network = network_new(&checkpoint, HEIGHT, WIDTH, CLIPS, &kernels, parallel, &error);
    assert_non_null(network);
    network_train(network, x, labels, CLIPS, 1e-3, losses, logits);
    assert_near((losses[0] + losses[1] + losses[2]) / CLIPS, network_loss(tensors, x, labels), 1e-6);
    for (int i = 0; i < CHECKPOINT_TENSORS; i++) {
        if (table[i].kind != TENSOR_TRAINED)
            continue;
        char name[64];
        snprintf(name, sizeof name, "adam.exp_avg.%s", table[i].name);
        size_t count = safetensors_find(&checkpoint.file, name)->values;
        const float *first_moment = checkpoint_floats(&checkpoint, name);
        double largest = 0, worst = 0;
        for (size_t v = 0; v < count; v++) {
            const double step = 1e-6;
            double value = tensors[i][v];
            tensors[i][v] = value + step;
            double above = network_loss(tensors, x, labels);
            tensors[i][v] = value - step;
            double below = network_loss(tensors, x, labels);
            tensors[i][v] = value;
            double expected = (above - below) / (2 * step);
            largest = fmax(largest, fabs(expected));
            worst = fmax(worst, fabs((double)first_moment[v] / 0.1 - expected));
        }
        if (worst > 1e-4 * largest + 1e-7)
            fail_msg("%s: a gradient is off by %g, the largest is %g", table[i].name, worst, largest);
    }
    for (int i = 0; i < CHECKPOINT_TENSORS; i++)
        free(tensors[i]);
    network_free(network);
    parallel_free(parallel);
    checkpoint_release(&checkpoint);
}

static void test_linear(void **unused)
{
    (void)unused;
    enum { FEATURES = 5 };
    float weight[CLASSES * FEATURES], bias[CLASSES], x[FEATURES], logits[CLASSES], dlogits[CLASSES], dx[FEATURES];
    float dweight[CLASSES * FEATURES], dbias[CLASSES];
    for (int i = 0; i < CLASSES * FEATURES; i++)
        weight[i] = random_value();
    for (int i = 0; i < FEATURES; i++)
        x[i] = random_value();
    for (int k = 0; k < CLASSES; k++)
        bias[k] = random_value();
    linear_forward(logits, x, weight, bias, FEATURES, CLASSES);
    for (int k = 0; k < CLASSES; k++) {
        double sum = (double)bias[k];
        for (int c = 0; c < FEATURES; c++)
            sum += (double)weight[k * FEATURES + c] * (double)x[c];
        assert_near((double)logits[k], sum, 1e-6);
    }
    cross_entropy_backward(dlogits, logits, 1, CLASSES, 1);
    for (int k = 0; k < CLASSES; k++) {
        float moved[CLASSES];
        memcpy(moved, logits, sizeof moved);
        moved[k] = logits[k] + 0x1p-7f;
        double above = cross_entropy(moved, 1, CLASSES);
        moved[k] = logits[k] - 0x1p-7f;
        assert_near((double)dlogits[k], (above - cross_entropy(moved, 1, CLASSES)) / 0x1p-6, 1e-5);
    }
    linear_backward_input(dx, dlogits, weight, FEATURES, CLASSES);
    linear_backward_weight(dweight, dbias, dlogits, x, 1, FEATURES, CLASSES);
    for (int c = 0; c < FEATURES; c++) {
        double sum = 0;
        for (int k = 0; k < CLASSES; k++) {
            sum += (double)weight[k * FEATURES + c] * (double)dlogits[k];
            assert_near((double)dweight[k * FEATURES + c], (double)dlogits[k] * (double)x[c], 1e-7);
            assert_near((double)dbias[k], (double)dlogits[k], 0);
        }
        assert_near((double)dx[c], sum, 1e-6);
    }
}

static void test_softmax(void **unused)
{
    (void)unused;
    double probabilities[3];
    /* e^0 : e^log 2 : e^log 5, by hand; and logits that overflow without the subtraction. */
    softmax(probabilities, (float[]){0.0f, 0.693147181f, 1.60943791f}, 3);
    assert_near(probabilities[0], 0.125, 1e-8);
    assert_near(probabilities[1], 0.25, 1e-8);
    assert_near(probabilities[2], 0.625, 1e-8);
    softmax(probabilities, (float[]){3e4f, -3e4f, 3e4f}, 3);
    assert_near(probabilities[0], 0.5, 0);
    assert_near(probabilities[1], 0, 0);
    assert_near(cross_entropy((float[]){3e4f, -3e4f, 3e4f}, 1, 3), 6e4 + log(2), 1e-3);
    assert_int_equal(largest_index((float[]){1.0f, 3.0f, 3.0f}, 3), 1);
}

static void test_adam(void **unused)
{
    (void)unused;
    /* Two steps with gradients 1 and -0.5, learning rate 0.1, computed by hand from Algorithm 1:
     * step 1: m = 0.1, v = 0.001, w = 1 - 0.1 (1 / (1 + 1e-8)); step 2: m = 0.04, v = 0.001249,
     * w -= 0.1 (0.04 / 0.19) / (sqrt(0.001249 / 0.001999) + 1e-8). */
    float w = 1, m = 0, v = 0, gradient = 1;
    adam_update(&w, &m, &v, &gradient, 1, adam_rates(0.1, 1));
    assert_near((double)w, 0.9, 1e-6);
    gradient = -0.5f;
    adam_update(&w, &m, &v, &gradient, 1, adam_rates(0.1, 2));
    assert_near((double)m, 0.04, 1e-8);
    assert_near((double)v, 0.001249, 1e-9);
    assert_near((double)w, 0.9 - 0.1 * (0.04 / 0.19) / sqrt(0.001249 / 0.001999), 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_adam),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
