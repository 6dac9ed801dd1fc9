/* The kernels where the time goes: convolution, and batch normalisation with ReLU and pooling in one pass.
 *
 * Written once in src/kernel/, compiled once for each instruction set, chosen at run time; all sets give the same bits
 * (the sums' shapes are in fixed_sum.h), and equal the plain loops of kernels_reference.h. The convolutions are the
 * seam between the engines: `exact` (these) and `openblas` (im2col and sgemm, engine.h).
 *
 * Shapes: C channels, H rows, W columns, K classes, k kernel size; the weight of a convolution is (C_out, C_in, k, k).
 * x, y, c, dy, ... are the planes of one clip, or one channel of them where the comment says so; or a band of them,
 * some rows (planes_band). Sizes are not checked: network.c makes them once. Outputs come first, then inputs, then
 * sizes. */
#ifndef BITFAST_KERNELS_H
#define BITFAST_KERNELS_H

#include <stddef.h>

#include "fixed_sum.h"
#include "planes.h"

enum { PACKED_OUTPUTS = 8 };

/* Inputs times outputs; below, the transforms take longer than they save. */
enum { WINOGRAD_LEAST = 256, WINOGRAD_WEIGHT_LEAST = 512 };

/* Whether a convolution goes by tiles (fixed_sum.h): a choice by its shape alone, the same for the input gradient. */
static inline int winograd_chosen(int outputs, int inputs, int kernel)
{
    return kernel == 3 && (long)outputs * inputs >= WINOGRAD_LEAST;
}

/* The same for the gradient of the weight. */
static inline int winograd_weight_chosen(int outputs, int inputs, int kernel)
{
    return kernel == 3 && (long)outputs * inputs >= WINOGRAD_WEIGHT_LEAST;
}

/* A channel's normalisation as one line: batch_norm(c) = c * scale + shift, one fused multiply-add. */
struct affine {
    float scale, shift;
};

struct kernels {
    const char *name;

    /* Floats of scratch memory that the functions on convolutions below need, for one call; aligned to 64 bytes. */
    size_t (*convolution_scratch_values)(int outputs, int inputs, int kernel);

    /* Brings a weight into the order that `convolution` reads: packed has convolution_packed_values floats. With
     * `transposed`, the weight of the input gradient: its outputs are the C_in inputs, turned by 180 degrees:
     * weight'[i][o][ky][kx] = weight[o][i][k-1-ky][k-1-kx]. */
    void (*convolution_pack)(float *packed, const float *weight, int outputs, int inputs, int kernel, int transposed);

    /* y[o][p] = sum over (i, ky, kx) of weight[o][i][ky][kx] * x[i][p + (ky - pad) * stride + (kx - pad)], in the order
     * of fixed_sum.h, then + bias[o] if bias is not NULL. y has x's geometry; k = 2 * pad + 1; a band begins at an even
     * row, and what is outside it stays as it is: threads may write bands side by side. The input gradient of a
     * convolution is the same with dy for x and the transposed weight. */
    void (*convolution)(float *y, const float *x, const float *packed, const float *bias, float *scratch,
                        const struct planes *y_planes, const struct planes *x_planes);

    /* dweight[o][i][ky][kx] = sum over p of dy[o][p] * x[i][p + (ky - pad) * stride + (kx - pad)], for one part of a
     * clip: convolution_add_strip adds a strip to `sums` (convolution_sums_values floats, aligned to 64 bytes, zero at
     * first), strips in ascending order; convolution_end_sums makes the part's dweight of them. Of dy
     * its rows are read, and after an odd number of them one of zeros; of x pad rows before and after too, and after
     * those LANES + pad values, which must be finite. */
    size_t (*convolution_sums_values)(int outputs, int inputs, int kernel);
    void (*convolution_add_strip)(float *sums, const float *dy, const float *x, float *scratch,
                                  const struct planes *dy_planes, const struct planes *x_planes);
    void (*convolution_end_sums)(float *dweight, const float *sums, int outputs, int inputs, int kernel);

    /* One channel: adds to the lanes of the sum of c and of the sum of c * c. Bands come in ascending order. */
    void (*batch_norm_sums)(struct channel_sums *sums, const float *c, const struct planes *c_planes);

    /* One channel: y = max(0, c * scale + shift); not a number stays what it is, here and in pooling. */
    void (*batch_norm_relu)(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                            const struct planes *c_planes);

    /* One channel: the same, then the largest of each 2x2 square; an odd last row or column is left out. */
    void (*batch_norm_relu_max_pool)(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                                     const struct planes *c_planes);

    /* One channel, dy the gradient of batch_norm_relu's y; g = dy where y > 0, else 0: adds to the lanes of the sum of
     * g and of the sum of g * c. With _max_pool, g belongs to the square's first largest c * scale + shift, and the
     * lanes are those of the pooled columns. Bands come in ascending order. */
    void (*batch_norm_relu_backward_sums)(struct channel_sums *sums, const float *dy, const float *c,
                                          struct affine affine, const struct planes *dy_planes,
                                          const struct planes *c_planes);
    void (*batch_norm_relu_max_pool_backward_sums)(struct channel_sums *sums, const float *dy, const float *c,
                                                   struct affine affine, const struct planes *dy_planes,
                                                   const struct planes *c_planes);

    /* One channel: dc = g * affine.scale + (c * line.scale + line.shift), g as above; dc has c's geometry. */
    void (*batch_norm_relu_backward)(float *dc, const float *c, const float *dy, struct affine affine,
                                     struct affine line, const struct planes *dy_planes,
                                     const struct planes *c_planes);
    void (*batch_norm_relu_max_pool_backward)(float *dc, const float *c, const float *dy, struct affine affine,
                                              struct affine line, const struct planes *dy_planes,
                                              const struct planes *c_planes);
};

/* The fastest set that this processor has, or the one of that name ("baseline"; on x86-64 "avx2", "avx512"; on
 * aarch64 "neon"); NULL if the processor lacks it or there is none of that name. "auto" or NULL: the fastest. */
const struct kernels *kernels_select(const char *name);
#define KERNELS_CHOICES "auto|baseline|avx2|avx512|neon"

size_t convolution_packed_values(int outputs, int inputs, int kernel);

#endif
