#include "kernels_reference.h"

#include <math.h>

#include "fixed_sum.h"

/* x[channel][row][column], zero outside the plane. */
static float at(const float *x, const struct planes *planes, int channel, int row, int column)
{
    if (row < 0 || row >= planes->height || column < 0 || column >= planes->width)
        return 0.0f;
    return planes_channel_const(planes, x, channel)[row * planes->stride + column];
}

void convolution_reference(float *y, const float *x, const float *weight, const float *bias, int transposed,
                           const struct planes *y_planes, const struct planes *x_planes)
{
    int pad = x_planes->pad, kernel = 2 * pad + 1;
    for (int o = 0; o < y_planes->channels; o++)
        for (int row = 0; row < y_planes->height; row++)
            for (int column = 0; column < y_planes->width; column++) {
                float sum = 0.0f;
                for (int i = 0; i < x_planes->channels; i++)
                    for (int ky = 0; ky < kernel; ky++)
                        for (int kx = 0; kx < kernel; kx++) {
                            size_t w = transposed ? (((size_t)i * (size_t)y_planes->channels + (size_t)o) *
                                                         (size_t)kernel + (size_t)(kernel - 1 - ky)) *
                                                            (size_t)kernel + (size_t)(kernel - 1 - kx)
                                                  : (((size_t)o * (size_t)x_planes->channels + (size_t)i) *
                                                         (size_t)kernel + (size_t)ky) * (size_t)kernel + (size_t)kx;
                            sum = fmaf(weight[w], at(x, x_planes, i, row + ky - pad, column + kx - pad), sum);
                        }
                planes_channel(y_planes, y, o)[row * y_planes->stride + column] = bias != NULL ? sum + bias[o] : sum;
            }
}

void convolution_backward_weight_reference(float *dweight, const float *dy, const float *x,
                                           const struct planes *dy_planes, const struct planes *x_planes)
{
    int pad = x_planes->pad, kernel = 2 * pad + 1;
    size_t positions = (planes_positions(x_planes) + LANES - 1) / LANES * LANES;
    for (int o = 0; o < dy_planes->channels; o++)
        for (int i = 0; i < x_planes->channels; i++)
            for (int ky = 0; ky < kernel; ky++)
                for (int kx = 0; kx < kernel; kx++) {
                    const float *dy_channel = planes_channel_const(dy_planes, dy, o);
                    const float *shifted = planes_channel_const(x_planes, x, i) +
                                           (ptrdiff_t)(ky - pad) * x_planes->stride + (kx - pad);
                    float total[LANES] = {0};
                    for (size_t block = 0; block < positions; block += BLOCK_POSITIONS) {
                        float lanes[LANES] = {0};
                        for (size_t p = block; p < block + BLOCK_POSITIONS && p < positions; p++)
                            lanes[p % LANES] = fmaf(dy_channel[p], shifted[p], lanes[p % LANES]);
                        for (int lane = 0; lane < LANES; lane++)
                            total[lane] = total[lane] + lanes[lane];
                    }
                    *dweight++ = fixed_sum_fold(total);
                }
}

void batch_norm_sums_reference(double sums[2], const float *c, const struct planes *c_planes)
{
    double sum[LANES] = {0}, squares[LANES] = {0};
    for (int row = 0; row < c_planes->height; row++)
        for (int column = 0; column < c_planes->width; column++) {
            double value = (double)c[row * c_planes->stride + column];
            sum[column % LANES] += value;
            squares[column % LANES] += value * value;
        }
    sums[0] = fixed_sum_fold_double(sum);
    sums[1] = fixed_sum_fold_double(squares);
}

static float normalised(const float *c, const struct planes *planes, struct affine affine, int row, int column)
{
    return fmaf(c[row * planes->stride + column], affine.scale, affine.shift);
}

void batch_norm_relu_reference(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                               const struct planes *c_planes)
{
    for (int row = 0; row < c_planes->height; row++)
        for (int column = 0; column < c_planes->width; column++) {
            float value = normalised(c, c_planes, affine, row, column);
            y[row * y_planes->stride + column] = value <= 0.0f ? 0.0f : value;
        }
}

/* The row and column of the square's first largest value, or of the last that is not a number; returns that value. */
static float largest_of_square(const float *c, const struct planes *planes, struct affine affine, int pooled_row,
                               int pooled_column, int *row, int *column)
{
    float largest = 0.0f;
    for (int i = 0; i < 4; i++) {
        float value = normalised(c, planes, affine, 2 * pooled_row + i / 2, 2 * pooled_column + i % 2);
        if (i == 0 || value > largest || isnan(value)) {
            largest = value;
            *row = 2 * pooled_row + i / 2;
            *column = 2 * pooled_column + i % 2;
        }
    }
    return largest;
}

void batch_norm_relu_max_pool_reference(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                                        const struct planes *c_planes)
{
    int at_row, at_column;
    for (int row = 0; row < y_planes->height; row++)
        for (int column = 0; column < y_planes->width; column++) {
            float value = largest_of_square(c, c_planes, affine, row, column, &at_row, &at_column);
            y[row * y_planes->stride + column] = value <= 0.0f ? 0.0f : value;
        }
}

void batch_norm_relu_backward_sums_reference(double sums[2], const float *dy, const float *c, struct affine affine,
                                             const struct planes *dy_planes, const struct planes *c_planes)
{
    double sum[LANES] = {0}, products[LANES] = {0};
    for (int row = 0; row < c_planes->height; row++)
        for (int column = 0; column < c_planes->width; column++) {
            int passed = normalised(c, c_planes, affine, row, column) > 0.0f;
            double g = (double)(passed ? dy[row * dy_planes->stride + column] : 0.0f);
            sum[column % LANES] += g;
            products[column % LANES] += g * (double)c[row * c_planes->stride + column];
        }
    sums[0] = fixed_sum_fold_double(sum);
    sums[1] = fixed_sum_fold_double(products);
}

void batch_norm_relu_max_pool_backward_sums_reference(double sums[2], const float *dy, const float *c,
                                                      struct affine affine, const struct planes *dy_planes,
                                                      const struct planes *c_planes)
{
    double sum[LANES] = {0}, products[LANES] = {0};
    int at_row = 0, at_column = 0;
    for (int row = 0; row < dy_planes->height; row++)
        for (int column = 0; column < dy_planes->width; column++) {
            if (!(largest_of_square(c, c_planes, affine, row, column, &at_row, &at_column) > 0.0f))
                continue;
            double g = (double)dy[row * dy_planes->stride + column];
            sum[column % LANES] += g;
            products[column % LANES] += g * (double)c[at_row * c_planes->stride + at_column];
        }
    sums[0] = fixed_sum_fold_double(sum);
    sums[1] = fixed_sum_fold_double(products);
}

void batch_norm_relu_backward_reference(float *c, const float *dy, struct affine affine, struct affine line,
                                        const struct planes *dy_planes, const struct planes *c_planes)
{
    for (int row = 0; row < c_planes->height; row++)
        for (int column = 0; column < c_planes->width; column++) {
            float *value = &c[row * c_planes->stride + column];
            float g = normalised(c, c_planes, affine, row, column) > 0.0f ? dy[row * dy_planes->stride + column] : 0.0f;
            *value = fmaf(g, affine.scale, fmaf(*value, line.scale, line.shift));
        }
}

void batch_norm_relu_max_pool_backward_reference(float *c, const float *dy, struct affine affine, struct affine line,
                                                 const struct planes *dy_planes, const struct planes *c_planes)
{
    /* From the last square to the first, each value only after its whole square was looked at. */
    for (int row = (c_planes->height - 1) / 2; row >= 0; row--)
        for (int column = (c_planes->width - 1) / 2; column >= 0; column--) {
            int at_row = -1, at_column = -1;
            int pooled = row < dy_planes->height && column < dy_planes->width;
            if (pooled && !(largest_of_square(c, c_planes, affine, row, column, &at_row, &at_column) > 0.0f))
                at_row = -1;
            for (int i = 0; i < 4; i++) {
                int r = 2 * row + i / 2, k = 2 * column + i % 2;
                if (r >= c_planes->height || k >= c_planes->width)
                    continue;
                float g = r == at_row && k == at_column ? dy[row * dy_planes->stride + column] : 0.0f;
                float *value = &c[r * c_planes->stride + k];
                *value = fmaf(g, affine.scale, fmaf(*value, line.scale, line.shift));
            }
        }
}
