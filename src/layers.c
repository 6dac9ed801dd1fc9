#include "layers.h"

#include <math.h>

#include "elementary.h"

void linear_forward(float *logits, const float *x, const float *weight, const float *bias, int features, int classes)
{
    for (int k = 0; k < classes; k++, weight += features) {
        float sum = 0.0f;
        for (int c = 0; c < features; c++)
            sum = fmaf(weight[c], x[c], sum);
        logits[k] = sum + bias[k];
    }
}

void linear_backward_input(float *dx, const float *dlogits, const float *weight, int features, int classes)
{
    for (int c = 0; c < features; c++) {
        float sum = 0.0f;
        for (int k = 0; k < classes; k++)
            sum = fmaf(dlogits[k], weight[(size_t)k * (size_t)features + (size_t)c], sum);
        dx[c] = sum;
    }
}

void linear_backward_weight(float *dweight, float *dbias, const float *dlogits, const float *x, int clips,
                            int features, int classes)
{
    for (int k = 0; k < classes; k++) {
        float total = 0.0f;
        for (int n = 0; n < clips; n++)
            total = total + dlogits[n * classes + k];
        dbias[k] = total;
        for (int c = 0; c < features; c++) {
            float sum = 0.0f;
            for (int n = 0; n < clips; n++)
                sum = fmaf(dlogits[n * classes + k], x[n * features + c], sum);
            *dweight++ = sum;
        }
    }
}

int largest_index(const float *values, int count)
{
    int largest = 0;
    for (int i = 1; i < count; i++)
        if (values[i] > values[largest])
            largest = i;
    return largest;
}

/* The sum of e^(z - largest), in ascending order. */
static double exponential_sum(const float *logits, double largest, int classes)
{
    double sum = 0.0;
    for (int k = 0; k < classes; k++)
        sum += elementary_exp((double)logits[k] - largest);
    return sum;
}

void softmax(double *probabilities, const float *logits, int classes)
{
    double largest = (double)logits[largest_index(logits, classes)];
    double sum = exponential_sum(logits, largest, classes);
    for (int k = 0; k < classes; k++)
        probabilities[k] = elementary_exp((double)logits[k] - largest) / sum;
}

double cross_entropy(const float *logits, int label, int classes)
{
    double largest = (double)logits[largest_index(logits, classes)];
    return elementary_log(exponential_sum(logits, largest, classes)) - ((double)logits[label] - largest);
}

void cross_entropy_backward(float *dlogits, const float *logits, int label, int classes, int clips)
{
    double largest = (double)logits[largest_index(logits, classes)];
    double sum = exponential_sum(logits, largest, classes);
    for (int k = 0; k < classes; k++) {
        double probability = elementary_exp((double)logits[k] - largest) / sum;
        dlogits[k] = (float)((probability - (k == label ? 1.0 : 0.0)) / clips);
    }
}

/* base^exponent by repeated squaring: products only, so the same bits everywhere. */
static double power(double base, int64_t exponent)
{
    double result = 1.0;
    for (; exponent > 0; exponent /= 2) {
        if (exponent % 2 == 1)
            result *= base;
        base *= base;
    }
    return result;
}

struct adam_rates adam_rates(double learning_rate, int64_t step)
{
    return (struct adam_rates){
        .step_size = (float)(learning_rate / (1.0 - power(0.9, step))),
        .second_root = (float)sqrt(1.0 - power(0.999, step)),
    };
}

void adam_update(float *w, float *m, float *v, const float *gradient, size_t count, struct adam_rates rates)
{
    const float epsilon = 1e-8f;
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i];
        m[i] = 0.9f * m[i] + (float)(1.0 - 0.9) * g;
        v[i] = 0.999f * v[i] + (float)(1.0 - 0.999) * (g * g);
        w[i] = w[i] - rates.step_size * (m[i] / (sqrtf(v[i]) / rates.second_root + epsilon));
    }
}
