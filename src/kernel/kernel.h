/* The kernels of the set being compiled (KERNEL_SET, given by the Makefile), as table.c gathers them. kernels.h says
 * what each does. */
#ifndef BITFAST_KERNEL_KERNEL_H
#define BITFAST_KERNEL_KERNEL_H

#include "kernel/vector.h"
#include "kernels.h"

size_t KERNEL(convolution_scratch_values)(int outputs, int inputs, int kernel);
void KERNEL(convolution_pack)(float *packed, const float *weight, int outputs, int inputs, int kernel, int transposed);
void KERNEL(convolution)(float *y, const float *x, const float *packed, const float *bias, float *scratch,
                         const struct planes *y_planes, const struct planes *x_planes);
/* The same for convolutions that are winograd_chosen (winograd.c); convolution.c calls them. */
size_t KERNEL(winograd_scratch_values)(int inputs);
void KERNEL(winograd_pack)(float *packed, const float *weight, int outputs, int inputs, int transposed);
void KERNEL(winograd)(float *y, const float *x, const float *packed, const float *bias, float *scratch,
                      const struct planes *y_planes, const struct planes *x_planes);
size_t KERNEL(winograd_weight_scratch_values)(int inputs);
size_t KERNEL(winograd_sums_values)(int outputs, int inputs);
void KERNEL(winograd_add_strip)(float *sums, const float *dy, const float *x, float *scratch,
                                const struct planes *dy_planes, const struct planes *x_planes);
void KERNEL(winograd_end_sums)(float *dweight, const float *sums, int outputs, int inputs);
size_t KERNEL(convolution_sums_values)(int outputs, int inputs, int kernel);
void KERNEL(convolution_add_strip)(float *sums, const float *dy, const float *x, float *scratch,
                                   const struct planes *dy_planes, const struct planes *x_planes);
void KERNEL(convolution_end_sums)(float *dweight, const float *sums, int outputs, int inputs, int kernel);
void KERNEL(batch_norm_sums)(struct channel_sums *sums, const float *c, const struct planes *c_planes);
void KERNEL(batch_norm_relu)(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                             const struct planes *c_planes);
void KERNEL(batch_norm_relu_max_pool)(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                                      const struct planes *c_planes);
void KERNEL(batch_norm_relu_backward_sums)(struct channel_sums *sums, const float *dy, const float *c,
                                           struct affine affine, const struct planes *dy_planes,
                                           const struct planes *c_planes);
void KERNEL(batch_norm_relu_max_pool_backward_sums)(struct channel_sums *sums, const float *dy, const float *c,
                                                    struct affine affine, const struct planes *dy_planes,
                                                    const struct planes *c_planes);
void KERNEL(batch_norm_relu_backward)(float *dc, const float *c, const float *dy, struct affine affine,
                                      struct affine line, const struct planes *dy_planes,
                                      const struct planes *c_planes);
void KERNEL(batch_norm_relu_max_pool_backward)(float *dc, const float *c, const float *dy, struct affine affine,
                                               struct affine line, const struct planes *dy_planes,
                                               const struct planes *c_planes);

#endif
