/* Batch normalisation, ReLU and pooling, each in one pass over memory. */
#include "kernel/kernel.h"

#include "fixed_sum.h"
#include "kernel/vector.h"

static inline float larger(float a, float b)
{
    return a > b ? a : b;
}

void KERNEL(batch_norm_sums)(double sums[2], const float *c, const struct planes *c_planes)
{
    double sum[LANES] = {0}, squares[LANES] = {0};
    int whole = c_planes->width / LANES * LANES;
    for (int y = 0; y < c_planes->height; y++, c += c_planes->stride) {
        for (int x = 0; x < whole; x += LANES)
            for (int lane = 0; lane < LANES; lane++) {
                double value = (double)c[x + lane];
                sum[lane] += value;
                squares[lane] += value * value;
            }
        for (int x = whole; x < c_planes->width; x++) {
            double value = (double)c[x];
            sum[x - whole] += value;
            squares[x - whole] += value * value;
        }
    }
    sums[0] = fixed_sum_fold_double(sum);
    sums[1] = fixed_sum_fold_double(squares);
}

void KERNEL(batch_norm_relu)(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                             const struct planes *c_planes)
{
    for (int row = 0; row < c_planes->height; row++, c += c_planes->stride, y += y_planes->stride)
        for (int x = 0; x < c_planes->width; x++)
            y[x] = larger(scalar_fma(c[x], affine.scale, affine.shift), 0.0f);
}

void KERNEL(batch_norm_relu_max_pool)(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                                      const struct planes *c_planes)
{
    for (int row = 0; row < y_planes->height; row++, c += 2 * c_planes->stride, y += y_planes->stride) {
        const float *below = c + c_planes->stride;
        for (int x = 0; x < y_planes->width; x++) {
            float top_left = scalar_fma(c[2 * x], affine.scale, affine.shift);
            float top_right = scalar_fma(c[2 * x + 1], affine.scale, affine.shift);
            float bottom_left = scalar_fma(below[2 * x], affine.scale, affine.shift);
            float bottom_right = scalar_fma(below[2 * x + 1], affine.scale, affine.shift);
            y[x] = larger(larger(larger(top_left, top_right), larger(bottom_left, bottom_right)), 0.0f);
        }
    }
}

void KERNEL(batch_norm_relu_backward_sums)(double sums[2], const float *dy, const float *c, struct affine affine,
                                           const struct planes *dy_planes, const struct planes *c_planes)
{
    double sum[LANES] = {0}, products[LANES] = {0};
    int whole = c_planes->width / LANES * LANES;
    for (int row = 0; row < c_planes->height; row++, c += c_planes->stride, dy += dy_planes->stride) {
        for (int x = 0; x < whole; x += LANES)
            for (int lane = 0; lane < LANES; lane++) {
                float y = scalar_fma(c[x + lane], affine.scale, affine.shift);
                double g = (double)(y > 0.0f ? dy[x + lane] : 0.0f);
                sum[lane] += g;
                products[lane] += g * (double)c[x + lane];
            }
        for (int x = whole; x < c_planes->width; x++) {
            float y = scalar_fma(c[x], affine.scale, affine.shift);
            double g = (double)(y > 0.0f ? dy[x] : 0.0f);
            sum[x - whole] += g;
            products[x - whole] += g * (double)c[x];
        }
    }
    sums[0] = fixed_sum_fold_double(sum);
    sums[1] = fixed_sum_fold_double(products);
}

/* The first largest of the square at c, normalised: 0 top left, 1 top right, 2 bottom left, 3 bottom right, or -1 where
 * none is above zero and ReLU lets nothing through. */
static inline int first_largest(const float *c, int stride, struct affine affine)
{
    float values[4] = {
        scalar_fma(c[0], affine.scale, affine.shift),
        scalar_fma(c[1], affine.scale, affine.shift),
        scalar_fma(c[stride], affine.scale, affine.shift),
        scalar_fma(c[stride + 1], affine.scale, affine.shift),
    };
    int largest = values[1] > values[0] ? 1 : 0;
    float value = larger(values[1], values[0]);
    largest = values[2] > value ? 2 : largest;
    value = larger(values[2], value);
    largest = values[3] > value ? 3 : largest;
    value = larger(values[3], value);
    return value > 0.0f ? largest : -1;
}

void KERNEL(batch_norm_relu_max_pool_backward_sums)(double sums[2], const float *dy, const float *c,
                                                    struct affine affine, const struct planes *dy_planes,
                                                    const struct planes *c_planes)
{
    double sum[LANES] = {0}, products[LANES] = {0};
    for (int row = 0; row < dy_planes->height; row++, c += 2 * c_planes->stride, dy += dy_planes->stride) {
        for (int x = 0; x < dy_planes->width; x++) {
            const float *square = c + 2 * x;
            int largest = first_largest(square, c_planes->stride, affine);
            const float *at = square + (largest >> 1 & 1) * c_planes->stride + (largest & 1);
            double g = (double)(largest >= 0 ? dy[x] : 0.0f);
            sum[x % LANES] += g;
            products[x % LANES] += g * (double)(largest >= 0 ? *at : 0.0f);
        }
    }
    sums[0] = fixed_sum_fold_double(sum);
    sums[1] = fixed_sum_fold_double(products);
}

void KERNEL(batch_norm_relu_backward)(float *c, const float *dy, struct affine affine, struct affine line,
                                      const struct planes *dy_planes, const struct planes *c_planes)
{
    for (int row = 0; row < c_planes->height; row++, c += c_planes->stride, dy += dy_planes->stride) {
        for (int x = 0; x < c_planes->width; x++) {
            float y = scalar_fma(c[x], affine.scale, affine.shift);
            float g = y > 0.0f ? dy[x] : 0.0f;
            c[x] = scalar_fma(g, affine.scale, scalar_fma(c[x], line.scale, line.shift));
        }
    }
}

void KERNEL(batch_norm_relu_max_pool_backward)(float *c, const float *dy, struct affine affine, struct affine line,
                                               const struct planes *dy_planes, const struct planes *c_planes)
{
    int stride = c_planes->stride;
    for (int row = 0; row < c_planes->height; row++) {
        float *values = c + (size_t)row * (size_t)stride;
        int pooled_row = row / 2 < dy_planes->height;
        for (int x = 0; x < c_planes->width; x++) {
            /* The rows of a square are done together, with the upper one. */
            if (row % 2 == 1 && pooled_row && x / 2 < dy_planes->width)
                continue;
            if (!pooled_row || x / 2 >= dy_planes->width) {
                values[x] = scalar_fma(0.0f, affine.scale, scalar_fma(values[x], line.scale, line.shift));
                continue;
            }
            if (x % 2 == 1)
                continue;
            float *square = values + x;
            int largest = first_largest(square, stride, affine);
            float g = dy[(size_t)(row / 2) * (size_t)dy_planes->stride + (size_t)(x / 2)];
            for (int i = 0; i < 4; i++) {
                float *at = square + (i >> 1) * stride + (i & 1);
                *at = scalar_fma(i == largest ? g : 0.0f, affine.scale, scalar_fma(*at, line.scale, line.shift));
            }
        }
    }
}
