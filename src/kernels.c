#include "kernels.h"

#include <string.h>

extern const struct kernels kernels_baseline, kernels_avx2, kernels_avx512; /* src/kernel/table.c */

const struct kernels *kernels_select(const char *name)
{
    int any = name == NULL || strcmp(name, "auto") == 0;
    int has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    if ((any || strcmp(name, kernels_avx512.name) == 0) && has_avx512)
        return &kernels_avx512;
    if ((any || strcmp(name, kernels_avx2.name) == 0) && has_avx2)
        return &kernels_avx2;
    if (any || strcmp(name, kernels_baseline.name) == 0)
        return &kernels_baseline;
    return NULL;
}

static size_t packed_outputs(int outputs)
{
    return ((size_t)outputs + PACKED_OUTPUTS - 1) / PACKED_OUTPUTS * PACKED_OUTPUTS;
}

size_t convolution_packed_values(int outputs, int inputs, int kernel)
{
    return packed_outputs(outputs) * (size_t)inputs * (size_t)(kernel * kernel);
}
