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

/* weight[o][i][ky][kx] of a 3x3 convolution, or of the input gradient of one. */
static float weight_at(const float *weight, int outputs, int inputs, int transposed, int o, int i, int ky, int kx)
{
    return transposed ? weight[((i * outputs + o) * 3 + (2 - ky)) * 3 + (2 - kx)]
                      : weight[((o * inputs + i) * 3 + ky) * 3 + kx];
}

/* U = G g G^T. */
static void weight_elements(float u[4][4], const float g[3][3])
{
    float down[4][3];
    for (int kx = 0; kx < 3; kx++) {
        down[0][kx] = g[0][kx];
        down[1][kx] = ((g[0][kx] + g[2][kx]) + g[1][kx]) / 2.0f;
        down[2][kx] = ((g[0][kx] + g[2][kx]) - g[1][kx]) / 2.0f;
        down[3][kx] = g[2][kx];
    }
    for (int y = 0; y < 4; y++) {
        u[y][0] = down[y][0];
        u[y][1] = ((down[y][0] + down[y][2]) + down[y][1]) / 2.0f;
        u[y][2] = ((down[y][0] + down[y][2]) - down[y][1]) / 2.0f;
        u[y][3] = down[y][2];
    }
}

/* V = B^T d B of the tile of d whose outputs begin at (row, column). */
static void input_elements(float v[4][4], const float *x, const struct planes *planes, int i, int row, int column)
{
    float down[4][4];
    for (int c = 0; c < 4; c++) {
        float d[4];
        for (int r = 0; r < 4; r++)
            d[r] = at(x, planes, i, row - 1 + r, column - 1 + c);
        down[0][c] = d[0] - d[2];
        down[1][c] = d[1] + d[2];
        down[2][c] = d[2] - d[1];
        down[3][c] = d[1] - d[3];
    }
    for (int r = 0; r < 4; r++) {
        v[r][0] = down[r][0] - down[r][2];
        v[r][1] = down[r][1] + down[r][2];
        v[r][2] = down[r][2] - down[r][1];
        v[r][3] = down[r][1] - down[r][3];
    }
}

/* Y = A^T M A. */
static void output_elements(float y[2][2], const float m[4][4])
{
    float down[2][4];
    for (int c = 0; c < 4; c++) {
        down[0][c] = (m[0][c] + m[1][c]) + m[2][c];
        down[1][c] = (m[1][c] - m[2][c]) - m[3][c];
    }
    for (int r = 0; r < 2; r++) {
        y[r][0] = (down[r][0] + down[r][1]) + down[r][2];
        y[r][1] = (down[r][1] - down[r][2]) - down[r][3];
    }
}

static void winograd_reference(float *y, const float *x, const float *weight, const float *bias, int transposed,
                               const struct planes *y_planes, const struct planes *x_planes)
{
    for (int o = 0; o < y_planes->channels; o++)
        for (int row = 0; row < y_planes->height; row += 2)
            for (int column = 0; column < y_planes->width; column += 2) {
                float m[4][4] = {{0}}, outputs[2][2];
                for (int i = 0; i < x_planes->channels; i++) {
                    float g[3][3], u[4][4], v[4][4];
                    for (int k = 0; k < 9; k++)
                        g[k / 3][k % 3] = weight_at(weight, y_planes->channels, x_planes->channels, transposed, o, i,
                                                    k / 3, k % 3);
                    weight_elements(u, g);
                    input_elements(v, x, x_planes, i, row, column);
                    for (int e = 0; e < 16; e++)
                        m[e / 4][e % 4] = fmaf(u[e / 4][e % 4], v[e / 4][e % 4], m[e / 4][e % 4]);
                }
                output_elements(outputs, m);
                for (int e = 0; e < 4; e++)
                    if (row + e / 2 < y_planes->height && column + e % 2 < y_planes->width)
                        planes_channel(y_planes, y, o)[(row + e / 2) * y_planes->stride + column + e % 2] =
                            bias != NULL ? outputs[e / 2][e % 2] + bias[o] : outputs[e / 2][e % 2];
            }
}

void convolution_reference(float *y, const float *x, const float *weight, const float *bias, int transposed,
                           const struct planes *y_planes, const struct planes *x_planes)
{
    int pad = x_planes->pad, kernel = 2 * pad + 1;
    if (winograd_chosen(y_planes->channels, x_planes->channels, kernel)) {
        winograd_reference(y, x, weight, bias, transposed, y_planes, x_planes);
        return;
    }
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

/* G^T m. */
static void weight_sums(float w[3], const float m[4])
{
    w[0] = m[0] + (m[1] + m[2]) / 2.0f;
    w[1] = (m[1] - m[2]) / 2.0f;
    w[2] = (m[1] + m[2]) / 2.0f - m[3];
}

/* The strip that begins at row `first`, to the elements' sums. */
static void add_winograd_strip(float total[16], const float *dy, const float *x, int o, int i, int first, int end,
                               const struct planes *dy_planes, const struct planes *x_planes)
{
    int tiles_a_row = (x_planes->width + 1) / 2, tiles = tiles_a_row * ((end - first + 1) / 2);
    for (int block = 0; block < tiles; block += WINOGRAD_TILES) {
        float sums[16] = {0};
        for (int tile = block; tile < block + WINOGRAD_TILES && tile < tiles; tile++) {
            int row = first + tile / tiles_a_row * 2, column = tile % tiles_a_row * 2;
            float v[4][4], d[2][2], spread[4][2];
            input_elements(v, x, x_planes, i, row, column);
            for (int k = 0; k < 4; k++)
                d[k / 2][k % 2] = at(dy, dy_planes, o, row + k / 2, column + k % 2);
            for (int c = 0; c < 2; c++) {
                spread[0][c] = d[0][c];
                spread[1][c] = d[0][c] + d[1][c];
                spread[2][c] = d[0][c] - d[1][c];
                spread[3][c] = d[1][c];
            }
            for (int r = 0; r < 4; r++) {
                const float elements[4] = {spread[r][0], spread[r][0] + spread[r][1], spread[r][0] - spread[r][1],
                                           spread[r][1]};
                for (int c = 0; c < 4; c++)
                    sums[4 * r + c] = fmaf(elements[c], v[r][c], sums[4 * r + c]);
            }
        }
        for (int e = 0; e < 16; e++)
            total[e] = total[e] + sums[e];
    }
}

static void winograd_part_reference(float *dweight, const float *dy, const float *x, int o, int i, struct rows part,
                                    const struct planes *dy_planes, const struct planes *x_planes)
{
    float total[16] = {0}, down[3][4];
    for (int first = part.first; first < part.end; first += STRIP_ROWS)
        add_winograd_strip(total, dy, x, o, i, first, first + STRIP_ROWS < part.end ? first + STRIP_ROWS : part.end,
                           dy_planes, x_planes);
    for (int c = 0; c < 4; c++) {
        float w[3];
        weight_sums(w, (const float[4]){total[c], total[4 + c], total[8 + c], total[12 + c]});
        for (int ky = 0; ky < 3; ky++)
            down[ky][c] = w[ky];
    }
    for (int ky = 0; ky < 3; ky++)
        weight_sums(dweight + 3 * ky, down[ky]);
}

/* One weight's lanes of the strip of `positions` positions that begins at dy and, shifted, at x. */
static void add_strip(float total[LANES], const float *dy, const float *x, size_t positions)
{
    size_t whole = (positions + LANES - 1) / LANES * LANES;
    for (size_t block = 0; block < whole; block += BLOCK_POSITIONS) {
        float lanes[LANES] = {0};
        for (size_t p = block; p < block + BLOCK_POSITIONS && p < whole; p++)
            lanes[p % LANES] = fmaf(p < positions ? dy[p] : 0.0f, x[p], lanes[p % LANES]);
        for (int lane = 0; lane < LANES; lane++)
            total[lane] = total[lane] + lanes[lane];
    }
}

void convolution_backward_weight_reference(float *dweight, const float *dy, const float *x, int part,
                                           const struct planes *dy_planes, const struct planes *x_planes)
{
    int pad = x_planes->pad, kernel = 2 * pad + 1;
    struct rows rows = fixed_sum_part(x_planes->height, part);
    for (int o = 0; o < dy_planes->channels; o++)
        for (int i = 0; i < x_planes->channels; i++) {
            if (winograd_weight_chosen(dy_planes->channels, x_planes->channels, kernel)) {
                winograd_part_reference(dweight, dy, x, o, i, rows, dy_planes, x_planes);
                dweight += 9;
                continue;
            }
            for (int ky = 0; ky < kernel; ky++)
                for (int kx = 0; kx < kernel; kx++) {
                    const float *dy_channel = planes_channel_const(dy_planes, dy, o);
                    const float *shifted = planes_channel_const(x_planes, x, i) +
                                           (ptrdiff_t)(ky - pad) * x_planes->stride + (kx - pad);
                    float total[LANES] = {0};
                    for (int first = rows.first; first < rows.end; first += STRIP_ROWS) {
                        int end = first + STRIP_ROWS < rows.end ? first + STRIP_ROWS : rows.end;
                        add_strip(total, dy_channel + planes_row(dy_planes, first),
                                  shifted + planes_row(x_planes, first), (size_t)((end - first) * x_planes->stride));
                    }
                    *dweight++ = fixed_sum_fold(total);
                }
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

void batch_norm_relu_backward_reference(float *dc, const float *c, const float *dy, struct affine affine,
                                        struct affine line, const struct planes *dy_planes,
                                        const struct planes *c_planes)
{
    for (int row = 0; row < c_planes->height; row++)
        for (int column = 0; column < c_planes->width; column++) {
            int at = row * c_planes->stride + column;
            float g = normalised(c, c_planes, affine, row, column) > 0.0f ? dy[row * dy_planes->stride + column] : 0.0f;
            dc[at] = fmaf(g, affine.scale, fmaf(c[at], line.scale, line.shift));
        }
}

void batch_norm_relu_max_pool_backward_reference(float *dc, const float *c, const float *dy, struct affine affine,
                                                 struct affine line, const struct planes *dy_planes,
                                                 const struct planes *c_planes)
{
    for (int row = 0; row < (c_planes->height + 1) / 2; row++)
        for (int column = 0; column < (c_planes->width + 1) / 2; column++) {
            int at_row = -1, at_column = -1;
            int pooled = row < dy_planes->height && column < dy_planes->width;
            if (pooled && !(largest_of_square(c, c_planes, affine, row, column, &at_row, &at_column) > 0.0f))
                at_row = -1;
            for (int i = 0; i < 4; i++) {
                int r = 2 * row + i / 2, k = 2 * column + i % 2;
                if (r >= c_planes->height || k >= c_planes->width)
                    continue;
                float g = r == at_row && k == at_column ? dy[row * dy_planes->stride + column] : 0.0f;
                int at = r * c_planes->stride + k;
                dc[at] = fmaf(g, affine.scale, fmaf(c[at], line.scale, line.shift));
            }
        }
}
