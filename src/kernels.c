#include "kernels.h"

#include <string.h>

/* src/kernel/table.c, for the sets that the Makefile compiles for this architecture */
extern const struct kernels kernels_baseline, kernels_avx2, kernels_avx512, kernels_neon;

const struct kernels *kernels_select(const char *name)
{
    const struct kernels *sets[3]; /* that this processor has, the fastest first */
    int count = 0, any = name == NULL || strcmp(name, "auto") == 0;
#if defined(__x86_64__)
    int has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    if (has_avx512)
        sets[count++] = &kernels_avx512;
    if (has_avx2)
        sets[count++] = &kernels_avx2;
#elif defined(__aarch64__)
    sets[count++] = &kernels_neon; /* every aarch64 has it */
#endif
    sets[count++] = &kernels_baseline;
    for (int i = 0; i < count; i++)
        if (any || strcmp(name, sets[i]->name) == 0)
            return sets[i];
    return NULL;
}

static size_t packed_outputs(int outputs)
{
    return ((size_t)outputs + PACKED_OUTPUTS - 1) / PACKED_OUTPUTS * PACKED_OUTPUTS;
}

size_t convolution_packed_values(int outputs, int inputs, int kernel)
{
    size_t values = winograd_chosen(outputs, inputs, kernel) ? 16 : (size_t)(kernel * kernel);
    return packed_outputs(outputs) * (size_t)inputs * values;
}
