/* Every set of kernels that this processor has equals the plain loops bit for bit: fixed and random shapes, with zeros,
 * subnormal and large numbers, and once more with infinities and what is not a number (NaN, whose bits may differ; it
 * must be in the same places). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels.h"
#include "kernels_reference.h"

static const char *const sets[] = {"baseline", "avx2", "avx512", "neon"};

struct shape {
    int inputs, outputs, height, width, pad;
};

static const struct shape shapes[] = {
    {1, 1, 1, 1, 1},   {1, 3, 5, 7, 5},    {2, 9, 12, 17, 1},  {3, 8, 2, 2, 0},
    {8, 4, 16, 31, 1}, {5, 17, 33, 50, 1}, {1, 16, 25, 67, 5}, {16, 7, 9, 201, 2},
    /* by tiles */
    {16, 16, 1, 1, 1}, {9, 31, 2, 2, 1},   {16, 17, 7, 50, 1}, {3, 101, 12, 67, 1},
    {33, 8, 9, 201, 1}, {32, 16, 1, 1, 1}, {20, 33, 9, 67, 1}, {3, 175, 4, 3, 1},
};

enum { RANDOM_SHAPES = 24 };

/* A small generator of the test's own, so that it does not lean on the code under test. */
static uint32_t state = 1;

static int special; /* now and then an infinity or NaN too */

static uint32_t next(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static float noise(void)
{
    if (special && next() % 1021 == 0)
        return next() % 2 == 0 ? NAN : next() % 2 == 0 ? INFINITY : -INFINITY;
    state = state * 1664525u + 1013904223u;
    float value = (float)(int32_t)state * 0x1p-31f;
    /* Now and then a zero, a subnormal or a large number. */
    return state >> 28 == 3 ? 0.0f : state >> 28 == 5 ? value * 0x1p-130f : state >> 28 == 7 ? value * 0x1p12f : value;
}

static float *noisy_planes(const struct planes *planes)
{
    float *memory = planes_allocate(planes, 1);
    for (int channel = 0; channel < planes->channels; channel++)
        for (int row = 0; row < planes->height; row++)
            for (int x = 0; x < planes->width; x++)
                planes_channel(planes, memory, channel)[row * planes->stride + x] = noise();
    return memory;
}

static float *noisy_values(size_t count)
{
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = noise();
    return values;
}

static void assert_same(const float *found, const float *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(isnan(found[i]) && isnan(expected[i])) && memcmp(&found[i], &expected[i], sizeof found[i]) != 0)
            fail_msg("value %zu of %zu is %a, expected %a", i, count, (double)found[i], (double)expected[i]);
}

/* Sizes 1, primes, multiples of nothing; kernels of 1 to 11; 1 to 128 channels, many only in small planes. */
static struct shape random_shape(void)
{
    static const int sizes[] = {1, 2, 3, 5, 7, 11, 13, 17, 23, 31, 48, 49, 53, 97};
    static const int channels[] = {1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 31, 32, 64, 127, 128};
    struct shape shape = {channels[next() % 15], channels[next() % 15], sizes[next() % 14], sizes[next() % 14],
                          (int)(next() % 6)};
    int kernel = 2 * shape.pad + 1;
    while ((long long)shape.inputs * shape.outputs * shape.height * shape.width * (kernel * kernel) > 4000000) {
        shape.inputs = (shape.inputs + 1) / 2;
        shape.height = (shape.height + 1) / 2;
    }
    return shape;
}

static void each_case(void (*one)(const struct kernels *, const struct shape *))
{
    for (size_t set = 0; set < sizeof sets / sizeof sets[0]; set++) {
        const struct kernels *kernels = kernels_select(sets[set]);
        if (kernels == NULL) {
            print_message("# this processor has no %s\n", sets[set]);
            continue;
        }
        assert_string_equal(kernels->name, sets[set]);
        for (special = 0; special < 2; special++) {
            for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
                one(kernels, &shapes[i]);
            for (int i = 0; i < RANDOM_SHAPES; i++) {
                struct shape shape = random_shape();
                one(kernels, &shape);
            }
        }
    }
}

static float *scratch_memory(const struct kernels *kernels, int outputs, int inputs, int kernel)
{
    size_t bytes = kernels->convolution_scratch_values(outputs, inputs, kernel) * sizeof(float);
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void check_convolution(const struct kernels *kernels, const struct shape *shape)
{
    int kernel = 2 * shape->pad + 1;
    struct planes x_planes = planes_make(shape->inputs, shape->height, shape->width, shape->pad);
    struct planes y_planes = planes_like(&x_planes, shape->outputs);
    float *x = noisy_planes(&x_planes);
    size_t weights = (size_t)(shape->inputs * shape->outputs * kernel * kernel);
    float *weight = noisy_values(weights), *bias = noisy_values((size_t)shape->outputs);
    for (int transposed = 0; transposed < 2; transposed++) {
        /* With `transposed` the weight belongs to a convolution from outputs to inputs. */
        int outputs = transposed ? shape->inputs : shape->outputs, inputs = transposed ? shape->outputs : shape->inputs;
        float *y = noisy_planes(&y_planes), *expected = planes_allocate(&y_planes, 1);
        float *packed = malloc(convolution_packed_values(shape->outputs, shape->inputs, kernel) * sizeof *packed);
        kernels->convolution_pack(packed, weight, outputs, inputs, kernel, transposed);
        float *scratch = scratch_memory(kernels, shape->outputs, shape->inputs, kernel);
        /* In two bands, the second one first: neither touches the other. */
        int rows = shape->height / 4 * 2;
        struct planes x_upper = planes_band(&x_planes, rows), x_lower = planes_band(&x_planes, shape->height - rows);
        struct planes y_upper = planes_band(&y_planes, rows), y_lower = planes_band(&y_planes, shape->height - rows);
        const float *offset = transposed ? NULL : bias;
        kernels->convolution(y + planes_row(&y_planes, rows), x + planes_row(&x_planes, rows), packed, offset, scratch,
                             &y_lower, &x_lower);
        kernels->convolution(y, x, packed, offset, scratch, &y_upper, &x_upper);
        convolution_reference(expected, x, weight, transposed ? NULL : bias, transposed, &y_planes, &x_planes);
        assert_same(y, expected, planes_total(&y_planes));
        planes_free(y, &y_planes, 1);
        planes_free(expected, &y_planes, 1);
        free(packed);
        free(scratch);
    }
    planes_free(x, &x_planes, 1);
    free(weight);
    free(bias);
}

/* What the strips of one part come to. */
static void part_backward_weight(const struct kernels *kernels, float *dweight, const float *dy, const float *x,
                                 int part, const struct planes *dy_planes, const struct planes *x_planes)
{
    int outputs = dy_planes->channels, inputs = x_planes->channels, kernel = 2 * x_planes->pad + 1;
    float *scratch = scratch_memory(kernels, outputs, inputs, kernel);
    size_t bytes = (kernels->convolution_sums_values(outputs, inputs, kernel) * sizeof(float) + 63) / 64 * 64;
    float *sums = memset(aligned_alloc(64, bytes), 0, bytes);
    struct rows rows = fixed_sum_part(x_planes->height, part);
    for (int first = rows.first; first < rows.end; first += STRIP_ROWS) {
        int count = rows.end - first < STRIP_ROWS ? rows.end - first : STRIP_ROWS;
        struct planes dy_strip = planes_band(dy_planes, count), x_strip = planes_band(x_planes, count);
        kernels->convolution_add_strip(sums, dy + planes_row(dy_planes, first), x + planes_row(x_planes, first),
                                       scratch, &dy_strip, &x_strip);
    }
    kernels->convolution_end_sums(dweight, sums, outputs, inputs, kernel);
    free(scratch);
    free(sums);
}

static void check_backward_weight(const struct kernels *kernels, const struct shape *shape)
{
    int kernel = 2 * shape->pad + 1;
    struct planes x_planes = planes_make(shape->inputs, shape->height, shape->width, shape->pad);
    struct planes dy_planes = planes_like(&x_planes, shape->outputs);
    size_t weights = (size_t)(shape->inputs * shape->outputs * kernel * kernel);
    float *x = noisy_planes(&x_planes), *dy = noisy_planes(&dy_planes);
    float *dweight = noisy_values(weights), *expected = noisy_values(weights);
    for (int part = 0; part < PARTS; part++) {
        part_backward_weight(kernels, dweight, dy, x, part, &dy_planes, &x_planes);
        convolution_backward_weight_reference(expected, dy, x, part, &dy_planes, &x_planes);
        assert_same(dweight, expected, weights);
    }
    planes_free(x, &x_planes, 1);
    planes_free(dy, &dy_planes, 1);
    free(dweight);
    free(expected);
}

/* A kernel's lanes, folded, are the reference's sums. */
static void assert_sums(const struct channel_sums *found, const double expected[2])
{
    double sums[2] = {fixed_sum_fold_double(found->sum), fixed_sum_fold_double(found->products)};
    for (int i = 0; i < 2; i++)
        assert_true((isnan(sums[i]) && isnan(expected[i])) || memcmp(&sums[i], &expected[i], sizeof sums[i]) == 0);
}

static void check_batch_norm(const struct kernels *kernels, const struct shape *shape)
{
    struct planes c_planes = planes_make(1, shape->height, shape->width, shape->pad);
    struct planes y_planes = planes_make(1, shape->height, shape->width, 1);
    float *c = noisy_planes(&c_planes), *y = planes_allocate(&y_planes, 1), *expected = planes_allocate(&y_planes, 1);
    struct affine affine = {noise(), noise()}, line = {noise(), noise()};
    struct channel_sums sums = {0};
    double expected_sums[2];
    size_t m = c_planes.margin, my = y_planes.margin;
    /* In two bands. */
    int rows = shape->height / 3;
    struct planes upper = planes_band(&c_planes, rows), lower = planes_band(&c_planes, shape->height - rows);
    kernels->batch_norm_sums(&sums, c + m, &upper);
    kernels->batch_norm_sums(&sums, c + m + planes_row(&c_planes, rows), &lower);
    batch_norm_sums_reference(expected_sums, c + m, &c_planes);
    assert_sums(&sums, expected_sums);
    kernels->batch_norm_relu(y + my, c + m, affine, &y_planes, &c_planes);
    batch_norm_relu_reference(expected + my, c + m, affine, &y_planes, &c_planes);
    assert_same(y, expected, planes_total(&y_planes));
    float *dy = noisy_planes(&y_planes);
    sums = (struct channel_sums){0};
    kernels->batch_norm_relu_backward_sums(&sums, dy + my, c + m, affine, &y_planes, &c_planes);
    batch_norm_relu_backward_sums_reference(expected_sums, dy + my, c + m, affine, &y_planes, &c_planes);
    assert_sums(&sums, expected_sums);
    float *dc = planes_allocate(&c_planes, 1), *expected_dc = planes_allocate(&c_planes, 1);
    kernels->batch_norm_relu_backward(dc + m, c + m, dy + my, affine, line, &y_planes, &c_planes);
    batch_norm_relu_backward_reference(expected_dc + m, c + m, dy + my, affine, line, &y_planes, &c_planes);
    assert_same(dc, expected_dc, planes_total(&c_planes));
    planes_free(c, &c_planes, 1);
    planes_free(dc, &c_planes, 1);
    planes_free(expected_dc, &c_planes, 1);
    planes_free(y, &y_planes, 1);
    planes_free(dy, &y_planes, 1);
    planes_free(expected, &y_planes, 1);
}

static void check_max_pool(const struct kernels *kernels, const struct shape *shape)
{
    if (shape->height < 2 || shape->width < 2)
        return;
    struct planes c_planes = planes_make(1, shape->height, shape->width, shape->pad);
    struct planes y_planes = planes_make(1, shape->height / 2, shape->width / 2, 1);
    float *c = noisy_planes(&c_planes), *y = planes_allocate(&y_planes, 1), *expected = planes_allocate(&y_planes, 1);
    struct affine affine = {noise(), noise()}, line = {noise(), noise()};
    struct channel_sums sums = {0};
    double expected_sums[2];
    size_t m = c_planes.margin, my = y_planes.margin;
    kernels->batch_norm_relu_max_pool(y + my, c + m, affine, &y_planes, &c_planes);
    batch_norm_relu_max_pool_reference(expected + my, c + m, affine, &y_planes, &c_planes);
    assert_same(y, expected, planes_total(&y_planes));
    float *dy = noisy_planes(&y_planes);
    kernels->batch_norm_relu_max_pool_backward_sums(&sums, dy + my, c + m, affine, &y_planes, &c_planes);
    batch_norm_relu_max_pool_backward_sums_reference(expected_sums, dy + my, c + m, affine, &y_planes, &c_planes);
    assert_sums(&sums, expected_sums);
    float *dc = planes_allocate(&c_planes, 1), *expected_dc = planes_allocate(&c_planes, 1);
    kernels->batch_norm_relu_max_pool_backward(dc + m, c + m, dy + my, affine, line, &y_planes, &c_planes);
    batch_norm_relu_max_pool_backward_reference(expected_dc + m, c + m, dy + my, affine, line, &y_planes, &c_planes);
    assert_same(dc, expected_dc, planes_total(&c_planes));
    planes_free(c, &c_planes, 1);
    planes_free(dc, &c_planes, 1);
    planes_free(expected_dc, &c_planes, 1);
    planes_free(y, &y_planes, 1);
    planes_free(dy, &y_planes, 1);
    planes_free(expected, &y_planes, 1);
}

/* A weight gradient over the positions of a whole clip against the same sum in double, and what a plain chain in float
 * would have made of it. The bound is that of fixed_sum.h: roundings of one term, of 2^-24 each, times the sum of the
 * terms' sizes. */
static void test_error(void **unused)
{
    (void)unused;
    struct planes planes = planes_make(1, 128, 201, 1);
    special = 0;
    float *x = noisy_planes(&planes), *dy = noisy_planes(&planes), dweight[9], parts[9 * PARTS];
    const struct kernels *kernels = kernels_select("auto");
    for (int part = 0; part < PARTS; part++)
        part_backward_weight(kernels, parts + 9 * part, dy, x, part, &planes, &planes);
    fixed_sum_terms(dweight, parts, PARTS, 9, 9);
    const struct rows rows = fixed_sum_part(planes.height, 0);
    size_t positions = planes_positions(&planes), strip = (size_t)(STRIP_ROWS * planes.stride);
    size_t blocks = (strip + BLOCK_POSITIONS - 1) / BLOCK_POSITIONS * (size_t)((rows.end - rows.first) / STRIP_ROWS);
    double roundings = (double)(BLOCK_POSITIONS / LANES + blocks + 4 + PARTS), worst = 0.0, worst_chain = 0.0;
    for (int w = 0; w < 9; w++) {
        const float *shifted = x + planes.margin + (w / 3 - 1) * planes.stride + (w % 3 - 1);
        double exact = 0.0, sizes = 0.0;
        float chain = 0.0f;
        for (size_t p = 0; p < positions; p++) {
            double term = (double)dy[planes.margin + p] * (double)shifted[p];
            exact += term;
            sizes += fabs(term);
            chain = fmaf(dy[planes.margin + p], shifted[p], chain);
        }
        worst = fmax(worst, fabs((double)dweight[w] - exact) / sizes);
        worst_chain = fmax(worst_chain, fabs((double)chain - exact) / sizes);
    }
    print_message("# error over the sum of the terms' sizes: %.2g, of a plain chain %.2g, bound %.2g\n", worst,
                  worst_chain, roundings * 0x1p-24);
    assert_true(worst <= roundings * 0x1p-24 && worst < worst_chain);
    planes_free(x, &planes, 1);
    planes_free(dy, &planes, 1);
}

static void test_convolution(void **unused) { (void)unused; each_case(check_convolution); }
static void test_backward_weight(void **unused) { (void)unused; each_case(check_backward_weight); }
static void test_batch_norm(void **unused) { (void)unused; each_case(check_batch_norm); }
static void test_max_pool(void **unused) { (void)unused; each_case(check_max_pool); }

static void test_select(void **unused)
{
    (void)unused;
    assert_non_null(kernels_select(NULL));
    assert_ptr_equal(kernels_select(NULL), kernels_select("auto"));
    assert_non_null(kernels_select("baseline"));
    assert_null(kernels_select("sse"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select),     cmocka_unit_test(test_convolution), cmocka_unit_test(test_backward_weight),
        cmocka_unit_test(test_batch_norm), cmocka_unit_test(test_max_pool), cmocka_unit_test(test_error),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
