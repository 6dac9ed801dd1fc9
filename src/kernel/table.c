#include "kernel/kernel.h"

#define KERNEL_TEXT(set) #set
#define KERNEL_SET_TEXT(set) KERNEL_TEXT(set)

extern const struct kernels KERNEL(kernels);

const struct kernels KERNEL(kernels) = {
    .name = KERNEL_SET_TEXT(KERNEL_SET),
    .convolution_scratch_values = KERNEL(convolution_scratch_values),
    .convolution_pack = KERNEL(convolution_pack),
    .convolution = KERNEL(convolution),
    .convolution_sums_values = KERNEL(convolution_sums_values),
    .convolution_add_strip = KERNEL(convolution_add_strip),
    .convolution_end_sums = KERNEL(convolution_end_sums),
    .batch_norm_sums = KERNEL(batch_norm_sums),
    .batch_norm_relu = KERNEL(batch_norm_relu),
    .batch_norm_relu_max_pool = KERNEL(batch_norm_relu_max_pool),
    .batch_norm_relu_backward_sums = KERNEL(batch_norm_relu_backward_sums),
    .batch_norm_relu_max_pool_backward_sums = KERNEL(batch_norm_relu_max_pool_backward_sums),
    .batch_norm_relu_backward = KERNEL(batch_norm_relu_backward),
    .batch_norm_relu_max_pool_backward = KERNEL(batch_norm_relu_max_pool_backward),
};
