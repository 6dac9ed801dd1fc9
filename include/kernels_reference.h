/* The kernels of kernels.h as plain loops with fmaf, in the order that fixed_sum.h states. Tests only: every set of
 * kernels must equal these bit for bit. */
#ifndef BITFAST_KERNELS_REFERENCE_H
#define BITFAST_KERNELS_REFERENCE_H

#include "kernels.h"

/* `weight` is not packed here: (C_out, C_in, k, k), or with `transposed` the weight whose input gradient is wanted. */
void convolution_reference(float *y, const float *x, const float *weight, const float *bias, int transposed,
                           const struct planes *y_planes, const struct planes *x_planes);
/* Of one part (fixed_sum.h) of a clip. */
void convolution_backward_weight_reference(float *dweight, const float *dy, const float *x, int part,
                                           const struct planes *dy_planes, const struct planes *x_planes);
void batch_norm_sums_reference(double sums[2], const float *c, const struct planes *c_planes);
void batch_norm_relu_reference(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                               const struct planes *c_planes);
void batch_norm_relu_max_pool_reference(float *y, const float *c, struct affine affine, const struct planes *y_planes,
                                        const struct planes *c_planes);
void batch_norm_relu_backward_sums_reference(double sums[2], const float *dy, const float *c, struct affine affine,
                                             const struct planes *dy_planes, const struct planes *c_planes);
void batch_norm_relu_max_pool_backward_sums_reference(double sums[2], const float *dy, const float *c,
                                                      struct affine affine, const struct planes *dy_planes,
                                                      const struct planes *c_planes);
void batch_norm_relu_backward_reference(float *dc, const float *c, const float *dy, struct affine affine,
                                        struct affine line, const struct planes *dy_planes,
                                        const struct planes *c_planes);
void batch_norm_relu_max_pool_backward_reference(float *dc, const float *c, const float *dy, struct affine affine,
                                                 struct affine line, const struct planes *dy_planes,
                                                 const struct planes *c_planes);

#endif
