/* Prints the speed of the convolutions, one thread: for each layer of AudioNet on a clip of 1 x 128 x 201, each
 * operation and each variant, the median of GFLOP/s and its share of the peak of the instruction set that the variant
 * is written for: fused multiply-adds on registers, measured in every turn.
 * OpenBLAS chooses for itself, so its share is of the widest vectors. `baseline` has no peak of its own. Counted are
 * the operations of a direct convolution, 2 k k C_in C_out H W a clip, whatever a kernel does instead: one that needs
 * fewer may pass its peak.
 *
 * Every turn measures everything once, so that whatever else the machine does meanwhile hits all alike.
 *
 * usage: bench_kernels [--tsv=FILE] [REPEATS [FILTERS]...], default 15 8 16 32. --tsv appends a row for each number
 * (columns: tests/bench_report.sh). Asserts nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "kernels.h"
#include "layers.h"
#include "parallel.h"
#include "planes.h"

/* Whole strips. */
enum { HEIGHT = 128, WIDTH = 201, LAYERS = 4, REPEATS_MAX = 101, WIDTHS_MAX = 8, CLIPS = 2 };
static const char *const operations[] = {"forward", "input gradient", "weight gradient"};
static const char *const operation_words[] = {"forward", "input_gradient", "weight_gradient"};
enum { OPERATIONS = 3 };
#ifdef __x86_64__
enum { AVX512, AVX2, BASELINE, OPENBLAS, VARIANTS };
static const char *const variants[] = {"avx512", "avx2", "baseline", "openblas"};
#else
enum { NEON, BASELINE, OPENBLAS, VARIANTS };
static const char *const variants[] = {"neon", "baseline", "openblas"};
#endif

struct layer {
    int number, inputs, outputs, kernel, height, width;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
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

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The numbers of one measurement, a turn each; sorted before they are read. */
struct sample {
    int count;
    double values[REPEATS_MAX];
};

static void sample_add(struct sample *sample, double value)
{
    sample->values[sample->count++] = value;
}

static double sample_min(const struct sample *sample)
{
    return sample->values[0];
}

static double sample_median(const struct sample *sample)
{
    return sample->values[sample->count / 2];
}

static double sample_max(const struct sample *sample)
{
    return sample->values[sample->count - 1];
}

static void sample_sort(struct sample *sample)
{
    qsort(sample->values, (size_t)sample->count, sizeof sample->values[0], ascending);
}

/* --- Peak: only x86-64 has one here, as its vectors are named --- */

#ifdef __x86_64__
#include <immintrin.h>
#define PEAK(name, isa, type, width, fma)                                                                           \
    __attribute__((target(isa))) static double name(int turns)                                                      \
    {                                                                                                                  \
        typedef float vector __attribute__((vector_size(sizeof(float) * (width))));                                    \
        enum { CHAINS = 12 };                                                                                          \
        vector sums[CHAINS], factor, addend;                                                                           \
        memset(&sums, 0, sizeof sums);                                                                                 \
        for (int i = 0; i < (width); i++)                                                                              \
            factor[i] = 0.5f, addend[i] = 1.0f;                                                                        \
        double start = now();                                                                                          \
        for (int turn = 0; turn < turns; turn++) {                                                                     \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++)                                                  \
                sums[i] = (vector)fma((type)sums[i], (type)factor, (type)addend);                                      \
            __asm__ volatile("" : "+v"(factor));                                                                       \
        }                                                                                                              \
        double seconds = now() - start;                                                                                \
        volatile float sink = 0.0f;                                                                                    \
        for (int i = 0; i < CHAINS; i++)                                                                               \
            sink = sink + sums[i][0];                                                                                  \
        return 2.0 * (width) * CHAINS * turns / seconds / 1e9;                                                         \
    }
PEAK(peak_avx512, "avx512f", __m512, 16, _mm512_fmadd_ps)
PEAK(peak_avx2, "avx2,fma", __m256, 8, _mm256_fmadd_ps)
static double (*const measure_peak[VARIANTS])(int turns) = {[AVX512] = peak_avx512, [AVX2] = peak_avx2};

/* Instructions of nothing, over additions that wait for one another, one a cycle: how many instructions a cycle the core
 * takes from us. The chains of the peak above ask for two; a convolution asks for about three and a half, so that it
 * suffers, and the peak does not, where another thread of the core has its share. */
static double measure_slots(void)
{
    enum { TURNS = 20000 };
    size_t sum = 0;
    double start = now();
    for (int turn = 0; turn < TURNS; turn++)
        __asm__ volatile(".rept 32; nop; .endr");
    double nops = now() - start;
    start = now();
    for (int turn = 0; turn < TURNS; turn++)
        __asm__ volatile(".rept 32; add $1, %0; .endr" : "+r"(sum));
    return (now() - start) / nops;
}
#else
static double (*const measure_peak[VARIANTS])(int turns) = {NULL};
static double measure_slots(void)
{
    return 0.0;
}
#endif

/* About 0.3 ms; on all cores at once 20 ms, as the threads do not start together. */
enum { PEAK_TURNS = 200000, PEAK_TURNS_TOGETHER = 12000000 };

struct peaks {
    struct sample one[VARIANTS], together[VARIANTS], slots;
    int widest, processors;
};

static void peaks_measure(struct peaks *peaks)
{
    for (int variant = 0; variant < VARIANTS; variant++) {
        double best = 0.0;
        if (measure_peak[variant] == NULL || kernels_select(variants[variant]) == NULL)
            continue;
        for (int i = 0; i < 10; i++) {
            double speed = measure_peak[variant](PEAK_TURNS);
            best = speed > best ? speed : best;
        }
        sample_add(&peaks->one[variant], best);
    }
    sample_add(&peaks->slots, measure_slots());
}

struct together {
    double (*measure)(int turns);
    pthread_barrier_t barrier;
    double *speeds;
};

static void together_turn(void *context, size_t index, int thread)
{
    (void)thread;
    struct together *together = context;
    pthread_barrier_wait(&together->barrier); /* no thread takes a second turn before all have their first */
    together->speeds[index] = together->measure(PEAK_TURNS_TOGETHER);
}

/* The sum over all processors, while all of them work. */
static void peaks_measure_together(struct peaks *peaks, struct parallel *parallel)
{
    struct together together;
    unsigned threads = (unsigned)parallel_threads(parallel);
    pthread_barrier_init(&together.barrier, NULL, threads);
    together.speeds = need(calloc(threads, sizeof *together.speeds));
    for (int variant = 0; variant < VARIANTS; variant++) {
        double sum = 0.0;
        if (peaks->one[variant].count == 0)
            continue;
        together.measure = measure_peak[variant];
        parallel_for(parallel, threads, together_turn, &together);
        for (unsigned i = 0; i < threads; i++)
            sum += together.speeds[i];
        sample_add(&peaks->together[variant], sum);
    }
    free(together.speeds);
    pthread_barrier_destroy(&together.barrier);
}

/* The best turn: a peak is a bound, and what disturbs it only lowers it. 0 if there is none. */
static double peak_of(const struct peaks *peaks, int variant)
{
    const struct sample *sample = &peaks->one[variant == OPENBLAS ? peaks->widest : variant];
    return sample->count > 0 ? sample_max(sample) : 0.0;
}

/* --- One layer --- */

struct bench {
    struct layer layer;
    int filters;
    struct planes x_planes, y_planes;
    float *x, *y, *weight, *dweight, *bias;
    float *packed[VARIANTS], *packed_transposed[VARIANTS], *scratch[VARIANTS], *sums[VARIANTS];
    size_t weights;
    struct sample speeds[OPERATIONS][VARIANTS];
};

static void fill(float *values, const struct planes *planes)
{
    for (int channel = 0; channel < planes->channels; channel++)
        for (int y = 0; y < planes->height; y++)
            for (int x = 0; x < planes->width; x++)
                planes_channel(planes, values, channel)[y * planes->stride + x] =
                    (float)((channel * 7 + y * 13 + x * 29) % 101 - 50) / 64.0f;
}

static void bench_prepare(struct bench *bench, const struct kernels *const kernels[VARIANTS])
{
    const struct layer *layer = &bench->layer;
    int inputs = layer->inputs, outputs = layer->outputs, kernel = layer->kernel;
    bench->x_planes = planes_make(inputs, layer->height, layer->width, kernel / 2);
    bench->y_planes = planes_like(&bench->x_planes, outputs);
    bench->weights = (size_t)outputs * (size_t)inputs * (size_t)(kernel * kernel);
    bench->x = need(planes_allocate(&bench->x_planes, CLIPS));
    bench->y = need(planes_allocate(&bench->y_planes, CLIPS));
    bench->weight = floats(bench->weights);
    bench->dweight = floats(bench->weights);
    bench->bias = floats((size_t)outputs);
    for (size_t i = 0; i < bench->weights; i++)
        bench->weight[i] = (float)(i % 17) / 16.0f - 0.5f;
    for (int variant = 0; variant < VARIANTS; variant++) {
        const struct kernels *set = kernels[variant];
        if (set == NULL)
            continue;
        size_t forth = set->convolution_scratch_values(outputs, inputs, kernel);
        size_t back = set->convolution_scratch_values(inputs, outputs, kernel);
        bench->scratch[variant] = floats(forth > back ? forth : back);
        bench->sums[variant] = floats(set->convolution_sums_values(outputs, inputs, kernel));
        bench->packed[variant] = floats(convolution_packed_values(outputs, inputs, kernel));
        bench->packed_transposed[variant] = floats(convolution_packed_values(inputs, outputs, kernel));
        set->convolution_pack(bench->packed[variant], bench->weight, outputs, inputs, kernel, 0);
        set->convolution_pack(bench->packed_transposed[variant], bench->weight, outputs, inputs, kernel, 1);
    }
}

static void bench_release(struct bench *bench)
{
    for (int variant = 0; variant < VARIANTS; variant++) {
        free(bench->packed[variant]);
        free(bench->packed_transposed[variant]);
        free(bench->scratch[variant]);
        free(bench->sums[variant]);
    }
    planes_free(bench->x, &bench->x_planes, CLIPS);
    planes_free(bench->y, &bench->y_planes, CLIPS);
    free(bench->weight);
    free(bench->dweight);
    free(bench->bias);
}

static void convolve(const struct kernels *kernels, float *to, const float *from, const float *packed,
                     const float *bias, float *scratch, const struct planes *to_planes,
                     const struct planes *from_planes)
{
    for (int first = 0; first < from_planes->height; first += STRIP_ROWS) {
        struct planes to_band = planes_band(to_planes, STRIP_ROWS), from_band = planes_band(from_planes, STRIP_ROWS);
        kernels->convolution(to + planes_row(to_planes, first), from + planes_row(from_planes, first), packed, bias,
                             scratch, &to_band, &from_band);
    }
}

static void weigh(const struct kernels *kernels, int variant, const struct bench *bench, const float *dy,
                  const float *x)
{
    const struct layer *layer = &bench->layer;
    size_t values = kernels->convolution_sums_values(layer->outputs, layer->inputs, layer->kernel);
    struct planes dy_band = planes_band(&bench->y_planes, STRIP_ROWS);
    struct planes x_band = planes_band(&bench->x_planes, STRIP_ROWS);
    for (int part = 0; part < PARTS; part++) {
        struct rows rows = fixed_sum_part(layer->height, part);
        memset(bench->sums[variant], 0, values * sizeof(float));
        for (int first = rows.first; first < rows.end; first += STRIP_ROWS)
            kernels->convolution_add_strip(bench->sums[variant], dy + planes_row(&bench->y_planes, first),
                                           x + planes_row(&bench->x_planes, first), bench->scratch[variant], &dy_band,
                                           &x_band);
        kernels->convolution_end_sums(bench->dweight, bench->sums[variant], layer->outputs, layer->inputs,
                                      layer->kernel);
    }
}

/* As network.c does it, strip by strip. */
static void run(const struct kernels *kernels, int operation, int variant, const struct bench *bench, int clip)
{
    float *x = bench->x + (size_t)clip * planes_total(&bench->x_planes), *scratch = bench->scratch[variant];
    float *y = bench->y + (size_t)clip * planes_total(&bench->y_planes);
    if (operation == 0)
        convolve(kernels, y, x, bench->packed[variant], bench->bias, scratch, &bench->y_planes, &bench->x_planes);
    else if (operation == 1)
        convolve(kernels, x, y, bench->packed_transposed[variant], NULL, scratch, &bench->x_planes, &bench->y_planes);
    else
        weigh(kernels, variant, bench, y, x);
}

static double speed(const struct kernels *kernels, int operation, int variant, struct bench *bench)
{
    int slow = variant == BASELINE, clips = slow ? 1 : CLIPS;
    for (int clip = 0; clip < CLIPS; clip++) {
        fill(bench->x + (size_t)clip * planes_total(&bench->x_planes), &bench->x_planes);
        fill(bench->y + (size_t)clip * planes_total(&bench->y_planes), &bench->y_planes);
    }
    if (!slow)
        run(kernels, operation, variant, bench, 0); /* its code and its scratch memory are in the cache after this */
    double start = now();
    for (int clip = 0; clip < clips; clip++)
        run(kernels, operation, variant, bench, clip);
    return 2.0 * (double)bench->weights * bench->layer.height * bench->layer.width * clips / (now() - start) / 1e9;
}

/* The input of the first layer has no gradient. */
static int exists(const struct bench *bench, int operation)
{
    return operation != 1 || bench->layer.inputs > 1;
}

static void bench_turn(struct bench *bench, const struct kernels *const kernels[VARIANTS], int turn)
{
    for (int operation = 0; operation < OPERATIONS; operation++)
        for (int variant = 0; variant < VARIANTS && exists(bench, operation); variant++)
            if (kernels[variant] != NULL && (variant != BASELINE || turn == 0)) /* a hundred times slower: once */
                sample_add(&bench->speeds[operation][variant], speed(kernels[variant], operation, variant, bench));
}

/* --- Report --- */

static void row(FILE *tsv, const char *what, const struct bench *bench, int threads, const char *operation,
                const char *variant, double value, const struct sample *sample, double peak)
{
    if (tsv == NULL)
        return;
    if (bench != NULL)
        fprintf(tsv, "%s\t%d\t%d\tconv%d\t", what, bench->filters, threads, bench->layer.number);
    else
        fprintf(tsv, "%s\t-\t%d\t-\t", what, threads);
    fprintf(tsv, "%s\t%s\t%.4g\tGFLOP/s\t%.4g\t%.4g\t", operation, variant, value, sample_min(sample),
            sample_max(sample));
    if (peak > 0)
        fprintf(tsv, "%.3f\n", value / peak);
    else
        fputs("-\n", tsv);
}

static void print_peaks(struct peaks *peaks, FILE *tsv)
{
    puts("Peak of this processor in fused multiply-adds, the best of this run (in brackets the median), GFLOP/s:");
    for (int variant = 0; variant < VARIANTS; variant++) {
        struct sample *one = &peaks->one[variant], *together = &peaks->together[variant];
        if (one->count == 0)
            continue;
        sample_sort(one);
        sample_sort(together);
        printf("  %-8s one core %.0f (%.0f), %d cores at once %.0f (%.0f)\n", variants[variant], sample_max(one),
               sample_median(one), peaks->processors, sample_max(together), sample_median(together));
        row(tsv, "peak", NULL, 1, "-", variants[variant], sample_max(one), one, 0);
        if (peaks->processors > 1)
            row(tsv, "peak", NULL, peaks->processors, "-", variants[variant], sample_max(together), together, 0);
    }
    sample_sort(&peaks->slots);
    if (sample_max(&peaks->slots) > 0)
        printf("Instructions a cycle that a core took from us, median %.1f (%.1f - %.1f). The peak needs 2; the convolutions'\n"
               "loops need 3.2 (avx512) and 3.7 (avx2) to reach it. Less: another program shares the core.\n",
               sample_median(&peaks->slots), sample_min(&peaks->slots), sample_max(&peaks->slots));
    if (tsv != NULL)
        fprintf(tsv, "slots\t-\t1\t-\t-\t-\t%.3g\tinstructions/cycle\t%.3g\t%.3g\t-\n",
                sample_median(&peaks->slots), sample_min(&peaks->slots), sample_max(&peaks->slots));
    if (peak_of(peaks, peaks->widest) == 0)
        puts("  not known for this processor: no shares");
}

/* The processor that OpenBLAS chose its kernels for; the engine has loaded it. */
static const char *openblas_core(void)
{
    char *(*name)(void) = NULL;
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_NOLOAD);
    void *symbol = library != NULL ? dlsym(library, "openblas_get_corename") : NULL;
    memcpy(&name, &symbol, sizeof symbol);
    return name != NULL ? name() : "unknown";
}

struct lowest {
    double share;
    int operation;
    const struct bench *bench;
};

static void print_bench(struct bench *bench, const struct peaks *peaks, FILE *tsv, struct lowest lowest[VARIANTS])
{
    const struct layer *layer = &bench->layer;
    for (int operation = 0; operation < OPERATIONS; operation++) {
        if (!exists(bench, operation))
            continue;
        printf("%3d  conv%d %2dx%-2d %3d -> %-3d  %-16s", bench->filters, layer->number, layer->kernel, layer->kernel,
               layer->inputs, layer->outputs, operations[operation]);
        for (int variant = 0; variant < VARIANTS; variant++) {
            struct sample *sample = &bench->speeds[operation][variant];
            if (sample->count == 0) {
                printf(" %14s", "-");
                continue;
            }
            sample_sort(sample);
            double value = sample_median(sample), peak = peak_of(peaks, variant), share = peak > 0 ? value / peak : 0;
            if (peak > 0)
                printf(" %7.1f (%3.0f%%)", value, 100 * share);
            else
                printf(" %7.1f       ", value);
            row(tsv, "convolution", bench, 1, operation_words[operation], variants[variant], value, sample, peak);
            if (bench->filters >= 16 && peak > 0 && (lowest[variant].bench == NULL || share < lowest[variant].share))
                lowest[variant] = (struct lowest){share, operation, bench};
        }
        putchar('\n');
    }
}

static void print_lowest(const struct lowest lowest[VARIANTS])
{
    for (int variant = 0; variant < VARIANTS; variant++) {
        const struct bench *bench = lowest[variant].bench;
        if (bench != NULL)
            printf("Lowest share at F >= 16, %s: %.0f%% (F = %d, conv%d, %s).\n", variants[variant],
                   100 * lowest[variant].share, bench->filters, bench->layer.number,
                   operations[lowest[variant].operation]);
    }
}

static void print_all(struct bench *benches, int count, int repeats, struct peaks *peaks, FILE *tsv)
{
    struct lowest lowest[VARIANTS] = {{0}};
    print_peaks(peaks, tsv);
    printf("\nThe convolutions alone, one thread: GFLOP/s, median of %d interleaved turns (baseline: one), and the\n"
           "share of the peak above: each variant of its own, openblas (its kernels for %s) of the widest.\n"
           "Counted as direct convolutions; a kernel that needs fewer operations may pass 100%%.\n",
           repeats, openblas_core());
    if (tsv != NULL)
        fprintf(tsv, "openblas\t-\t-\t-\t-\t%s\t-\t-\t-\t-\t-\n", openblas_core());
    printf("%3s  %-38s", "F", "layer and operation");
    for (int variant = 0; variant < VARIANTS; variant++)
        printf(" %14s", variants[variant]);
    putchar('\n');
    for (int i = 0; i < count; i++)
        print_bench(&benches[i], peaks, tsv, lowest);
    print_lowest(lowest);
}

static void usage(void)
{
    fputs("usage: bench_kernels [--tsv=FILE] [REPEATS [FILTERS]...]\n", stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    static struct bench benches[WIDTHS_MAX * LAYERS];
    static struct peaks peaks;
    static struct kernels selected[VARIANTS];
    const struct kernels *kernels[VARIANTS] = {NULL};
    int widths[WIDTHS_MAX] = {8, 16, 32}, width_count = 3, at = 1, count = 0;
    struct error error;
    FILE *tsv = NULL;
    if (argc > at && strncmp(argv[at], "--tsv=", 6) == 0 && (tsv = fopen(argv[at++] + 6, "a")) == NULL) {
        perror("bench_kernels");
        return 1;
    }
    int repeats = argc > at ? atoi(argv[at++]) : 15;
    if (argc > at)
        for (width_count = 0; at < argc && width_count < WIDTHS_MAX; at++)
            if ((widths[width_count++] = atoi(argv[at])) < 1)
                usage();
    if (repeats < 1 || repeats > REPEATS_MAX || at < argc)
        usage();
    for (int variant = 0; variant < VARIANTS; variant++)
        if (engine_select(&selected[variant], variant == OPENBLAS ? "openblas" : "exact",
                          variant == OPENBLAS ? "auto" : variants[variant], &error) == 0)
            kernels[variant] = &selected[variant];
    for (int i = 0; i < width_count; i++) {
        int filters = widths[i];
        const struct layer layers[LAYERS] = {
            {1, 1, filters, 11, HEIGHT, WIDTH},
            {2, filters, filters, 3, HEIGHT, WIDTH},
            {3, filters, 2 * filters, 3, HEIGHT / 2, WIDTH / 2},
            {4, 2 * filters, 4 * filters, 3, HEIGHT / 2, WIDTH / 2},
        };
        for (int number = 0; number < LAYERS; number++, count++) {
            benches[count].layer = layers[number];
            benches[count].filters = filters;
            bench_prepare(&benches[count], kernels);
        }
    }
    struct parallel *parallel = parallel_new(0, &error);
    if (parallel == NULL) {
        fprintf(stderr, "bench_kernels: %s\n", error.message);
        return 1;
    }
    peaks.processors = parallel_threads(parallel);
    while (peaks.widest < BASELINE && kernels[peaks.widest] == NULL)
        peaks.widest++; /* the widest vectors come first */
    for (int turn = 0; turn < repeats; turn++) {
        for (int i = 0; i < count; i++)
            bench_turn(&benches[i], kernels, turn);
        peaks_measure(&peaks);
        peaks_measure_together(&peaks, parallel);
    }
    parallel_free(parallel);
    print_all(benches, count, repeats, &peaks, tsv);
    for (int i = 0; i < count; i++)
        bench_release(&benches[i]);
    return tsv != NULL && fclose(tsv) != 0;
}
