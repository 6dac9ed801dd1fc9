/* Prints the speed of the convolutions, one thread: for each layer of AudioNet on a clip of 1 x 128 x 201, each
 * operation and each engine, the median of GFLOP/s (2 k k C_in C_out H W operations a clip) and the percentage of the
 * peak, which is measured in the same run: fused multiply-adds on registers, in the widest vectors (x86-64; elsewhere
 * nan).
 *
 * usage: bench_kernels [REPEATS [FILTERS]...], default 7 8 16 32. Asserts nothing. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "kernels.h"
#include "layers.h"
#include "planes.h"

enum { HEIGHT = 128, WIDTH = 201, LAYERS = 4, REPEATS_MAX = 101, CLIPS = 2 };
static const char *const operations[] = {"forward", "input gradient", "weight gradient"};
#if defined(__x86_64__)
static const char *const engines[] = {"avx512", "avx2", "baseline", "openblas"};
#else
static const char *const engines[] = {"neon", "baseline", "openblas"};
#endif
enum { OPERATIONS = 3, ENGINES = sizeof engines / sizeof engines[0] };

struct layer {
    int inputs, outputs, kernel, height, width;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void *need(void *memory)
{
    if (memory == NULL) {
        fputs("bench_kernels: no memory\n", stderr);
        exit(1);
    }
    return memory;
}

/* Zeros, aligned as the planes are. */
static float *floats(size_t count)
{
    size_t bytes = (count * sizeof(float) + 63) / 64 * 64;
    return memset(need(aligned_alloc(64, bytes)), 0, bytes);
}

static void fill(float *values, const struct planes *planes)
{
    for (int channel = 0; channel < planes->channels; channel++)
        for (int y = 0; y < planes->height; y++)
            for (int x = 0; x < planes->width; x++)
                planes_channel(planes, values, channel)[y * planes->stride + x] =
                    (float)((channel * 7 + y * 13 + x * 29) % 101 - 50) / 64.0f;
}

/* --- Peak --- */

#if defined(__x86_64__)
#define PEAK(name, isa, type, width, fma)                                                                           \
    __attribute__((target(isa))) static double name(void)                                                           \
    {                                                                                                                  \
        typedef float vector __attribute__((vector_size(sizeof(float) * (width))));                                    \
        enum { CHAINS = 12, TURNS = 200000 };                                                                          \
        vector sums[CHAINS], factor, addend;                                                                           \
        memset(&sums, 0, sizeof sums);                                                                                 \
        for (int i = 0; i < (width); i++)                                                                              \
            factor[i] = 0.5f, addend[i] = 1.0f;                                                                        \
        double start = now();                                                                                          \
        for (int turn = 0; turn < TURNS; turn++) {                                                                     \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++)                                                  \
                sums[i] = (vector)fma((type)sums[i], (type)factor, (type)addend);                                      \
            __asm__ volatile("" : "+v"(factor));                                                                       \
        }                                                                                                              \
        double seconds = now() - start;                                                                                \
        volatile float sink = 0.0f;                                                                                    \
        for (int i = 0; i < CHAINS; i++)                                                                               \
            sink = sink + sums[i][0];                                                                                  \
        return 2.0 * (width) * CHAINS * TURNS / seconds / 1e9;                                                         \
    }
#include <immintrin.h>
PEAK(peak_avx512, "avx512f", __m512, 16, _mm512_fmadd_ps)
PEAK(peak_avx2, "avx2,fma", __m256, 8, _mm256_fmadd_ps)

static double peak(void)
{
    double best = 0.0;
    for (int i = 0; i < 5; i++) {
        double speed = 0.0;
        if (__builtin_cpu_supports("avx512f"))
            speed = peak_avx512();
        else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
            speed = peak_avx2();
        best = speed > best ? speed : best;
    }
    return best;
}
#else
static double peak(void) { return NAN; }
#endif

/* --- One layer --- */

struct workspace {
    struct planes x_planes, y_planes;
    float *x, *y, *weight, *packed, *packed_transposed, *dweight, *bias, *scratch;
    size_t weights;
};

static void run(const struct kernels *kernels, int operation, const struct workspace *work, int clip)
{
    float *x = work->x + (size_t)clip * planes_total(&work->x_planes);
    float *y = work->y + (size_t)clip * planes_total(&work->y_planes);
    if (operation == 0)
        kernels->convolution(y, x, work->packed, work->bias, work->scratch, &work->y_planes, &work->x_planes);
    else if (operation == 1)
        kernels->convolution(x, y, work->packed_transposed, NULL, work->scratch, &work->x_planes, &work->y_planes);
    else
        kernels->convolution_backward_weight(work->dweight, y, x, work->scratch, &work->y_planes, &work->x_planes);
}

static double median_speed(const struct kernels *kernels, int operation, const struct workspace *work, double operands,
                           int repeats)
{
    double speeds[REPEATS_MAX];
    for (int i = -1; i < repeats; i++) {
        fill(work->x, &work->x_planes);
        double start = now();
        for (int clip = 0; clip < CLIPS; clip++)
            run(kernels, operation, work, clip);
        if (i >= 0)
            speeds[i] = operands * CLIPS / (now() - start) / 1e9;
    }
    qsort(speeds, (size_t)repeats, sizeof speeds[0], ascending);
    return speeds[repeats / 2];
}

/* The median speed with one engine, or -1 if this processor lacks it. */
static double bench_engine(const char *engine, int operation, const struct layer *layer, struct workspace *work,
                           int repeats)
{
    struct kernels kernels;
    struct error error;
    int openblas = strcmp(engine, "openblas") == 0, inputs = layer->inputs, outputs = layer->outputs;
    if (engine_select(&kernels, openblas ? engine : "exact", openblas ? "auto" : engine, &error) != 0)
        return -1;
    work->packed = floats(convolution_packed_values(outputs, inputs, layer->kernel));
    work->packed_transposed = floats(convolution_packed_values(inputs, outputs, layer->kernel));
    size_t forth = kernels.convolution_scratch_values(outputs, inputs, layer->kernel);
    size_t back = kernels.convolution_scratch_values(inputs, outputs, layer->kernel);
    work->scratch = floats(forth > back ? forth : back);
    kernels.convolution_pack(work->packed, work->weight, outputs, inputs, layer->kernel, 0);
    kernels.convolution_pack(work->packed_transposed, work->weight, outputs, inputs, layer->kernel, 1);
    double operands = 2.0 * (double)work->weights * layer->height * layer->width;
    int slow = strcmp(engine, "baseline") == 0;
    double speed = median_speed(&kernels, operation, work, operands, slow ? 1 : repeats);
    free(work->packed);
    free(work->packed_transposed);
    free(work->scratch);
    return speed;
}

static void bench_layer(const struct layer *layer, double fma_peak, int repeats)
{
    struct workspace work;
    work.x_planes = planes_make(layer->inputs, layer->height, layer->width, layer->kernel / 2);
    work.y_planes = planes_like(&work.x_planes, layer->outputs);
    work.weights = (size_t)layer->outputs * (size_t)layer->inputs * (size_t)(layer->kernel * layer->kernel);
    work.x = need(planes_allocate(&work.x_planes, CLIPS));
    work.y = need(planes_allocate(&work.y_planes, CLIPS));
    for (int clip = 0; clip < CLIPS; clip++)
        fill(work.y + (size_t)clip * planes_total(&work.y_planes), &work.y_planes);
    work.weight = floats(work.weights);
    work.dweight = floats(work.weights);
    work.bias = floats((size_t)layer->outputs);
    for (size_t i = 0; i < work.weights; i++)
        work.weight[i] = (float)(i % 17) / 16.0f - 0.5f;
    for (int operation = 0; operation < OPERATIONS; operation++) {
        if (operation == 1 && layer->inputs == 1)
            continue;
        printf("%2dx%-2d %3d -> %-3d  %-16s", layer->kernel, layer->kernel, layer->inputs, layer->outputs,
               operations[operation]);
        for (int engine = 0; engine < ENGINES; engine++) {
            double speed = bench_engine(engines[engine], operation, layer, &work, repeats);
            if (speed < 0)
                printf(" %14s", "-");
            else
                printf(" %7.1f (%3.0f%%)", speed, 100 * speed / fma_peak);
            fflush(stdout);
        }
        putchar('\n');
    }
    free(work.x);
    free(work.y);
    free(work.weight);
    free(work.dweight);
    free(work.bias);
}

int main(int argc, char **argv)
{
    int repeats = argc > 1 ? atoi(argv[1]) : 7;
    if (repeats < 1 || repeats > REPEATS_MAX) {
        fputs("usage: bench_kernels [REPEATS [FILTERS]...]\n", stderr);
        return 2;
    }
    double fma_peak = peak();
    printf("convolutions, one thread, GFLOP/s; in brackets the share of the measured peak, %.0f GFLOP/s\n", fma_peak);
    for (int i = 2; i < argc || i < 5; i++) {
        int filters = i < argc ? atoi(argv[i]) : argc > 2 ? 0 : 4 << (i - 1);
        if (filters == 0)
            break;
        const struct layer layers[LAYERS] = {
            {1, filters, 11, HEIGHT, WIDTH},
            {filters, filters, 3, HEIGHT, WIDTH},
            {filters, 2 * filters, 3, HEIGHT / 2, WIDTH / 2},
            {2 * filters, 4 * filters, 3, HEIGHT / 2, WIDTH / 2},
        };
        printf("F = %d%32s", filters, "");
        for (int engine = 0; engine < ENGINES; engine++)
            printf(" %14s", engines[engine]);
        putchar('\n');
        for (int layer = 0; layer < LAYERS; layer++)
            bench_layer(&layers[layer], fma_peak, repeats);
    }
    return 0;
}
