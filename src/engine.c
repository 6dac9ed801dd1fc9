#include "engine.h"

#include <cblas.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1024 /* positions of a plane at a time: the im2col matrix stays in the second-level cache */ };

static size_t scratch_values(int outputs, int inputs, int kernel)
{
    (void)outputs;
    return (size_t)inputs * (size_t)(kernel * kernel) * CHUNK;
}

/* OpenBLAS is loaded only where it is asked for: it starts threads of its own, which take processors from ours. */
static __typeof__(cblas_sgemm) *sgemm;

static int load_openblas(struct error *error)
{
    void *library = NULL;
    if (setenv("OPENBLAS_NUM_THREADS", "1", 1) == 0)
        library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    void *symbol = library != NULL ? dlsym(library, "cblas_sgemm") : NULL;
    if (symbol == NULL)
        return error_set(error, "cannot load OpenBLAS: %s", library != NULL ? "no cblas_sgemm" : dlerror());
    memcpy(&sgemm, &symbol, sizeof symbol);
    return 0;
}

/* The weight as a plain matrix (outputs, inputs * k * k). */
static void pack(float *packed, const float *weight, int outputs, int inputs, int kernel, int transposed)
{
    int squares = kernel * kernel;
    if (!transposed) {
        memcpy(packed, weight, (size_t)outputs * (size_t)inputs * (size_t)squares * sizeof *packed);
        return;
    }
    for (int i = 0; i < inputs; i++)
        for (int o = 0; o < outputs; o++)
            for (int square = squares - 1; square >= 0; square--)
                *packed++ = weight[((size_t)o * (size_t)inputs + (size_t)i) * (size_t)squares + (size_t)square];
}

/* matrix[(i, ky, kx)][p] = x[i][first + p + (ky - pad) * stride + (kx - pad)]: each row is a shifted piece of a plane.
 * Returns the number of rows. */
static int im2col(float *matrix, const float *x, size_t first, size_t count, const struct planes *x_planes)
{
    int kernel = 2 * x_planes->pad + 1, rows = 0;
    for (int i = 0; i < x_planes->channels; i++)
        for (int ky = 0; ky < kernel; ky++)
            for (int kx = 0; kx < kernel; kx++, rows++)
                memcpy(matrix + (size_t)rows * count,
                       planes_channel_const(x_planes, x, i) + first +
                           (ptrdiff_t)(ky - x_planes->pad) * x_planes->stride + (kx - x_planes->pad),
                       count * sizeof *matrix);
    return rows;
}

static void convolution(float *y, const float *x, const float *packed, const float *bias, float *scratch,
                        const struct planes *y_planes, const struct planes *x_planes)
{
    size_t positions = planes_positions(x_planes);
    for (size_t p = 0; p < positions; p += CHUNK) {
        size_t count = positions - p < CHUNK ? positions - p : CHUNK;
        int rows = im2col(scratch, x, p, count, x_planes);
        sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, y_planes->channels, (int)count, rows, 1.0f, packed,
              rows, scratch, (int)count, 0.0f, planes_channel(y_planes, y, 0) + p, (int)y_planes->size);
    }
    for (int o = 0; o < y_planes->channels; o++) {
        float *row = planes_channel(y_planes, y, o);
        for (int line = 0; line < y_planes->height; line++, row += y_planes->stride) {
            for (int column = 0; bias != NULL && column < y_planes->width; column++)
                row[column] += bias[o];
            memset(row + y_planes->width, 0, (size_t)y_planes->pad * sizeof *row);
        }
    }
}

static size_t sums_values(int outputs, int inputs, int kernel)
{
    return (size_t)outputs * (size_t)inputs * (size_t)(kernel * kernel);
}

static void end_sums(float *dweight, const float *sums, int outputs, int inputs, int kernel)
{
    memcpy(dweight, sums, sums_values(outputs, inputs, kernel) * sizeof *dweight);
}

static void add_strip(float *sums, const float *dy, const float *x, float *scratch, const struct planes *dy_planes,
                      const struct planes *x_planes)
{
    size_t positions = planes_positions(x_planes);
    for (size_t p = 0; p < positions; p += CHUNK) {
        size_t count = positions - p < CHUNK ? positions - p : CHUNK;
        int rows = im2col(scratch, x, p, count, x_planes);
        sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, dy_planes->channels, rows, (int)count, 1.0f,
              planes_channel_const(dy_planes, dy, 0) + p, (int)dy_planes->size, scratch, (int)count, 1.0f, sums,
              rows);
    }
}

int engine_select(struct kernels *kernels, const char *engine, const char *set, struct error *error)
{
    const struct kernels *exact = kernels_select(set);
    if (exact == NULL)
        return error_set(error, "this processor has no kernels '%s'", set);
    *kernels = *exact;
    if (strcmp(engine, "openblas") == 0) {
        if (load_openblas(error) != 0)
            return -1;
        kernels->name = "openblas";
        kernels->convolution_scratch_values = scratch_values;
        kernels->convolution_pack = pack;
        kernels->convolution = convolution;
        kernels->convolution_sums_values = sums_values;
        kernels->convolution_add_strip = add_strip;
        kernels->convolution_end_sums = end_sums;
    } else if (strcmp(engine, "exact") != 0) {
        return error_set(error, "no engine '%s', expected exact or openblas", engine);
    }
    return 0;
}
