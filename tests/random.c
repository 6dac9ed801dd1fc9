/* random.h against the published answers of its generator, and against what the distributions promise. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "random.h"

enum { SAMPLES = 1000000 };

/* "philox4x32 10" of the file kat_vectors in Random123 1.14. */
static void known_answers(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], words[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct random_block block = random_philox(rows[i].counter, rows[i].key);
        assert_memory_equal(block.words, rows[i].words, sizeof block.words);
    }
}

/* The third published answer again, through the packing of seed, index, epoch and purpose that the header states. */
static void packing(void **state)
{
    static const uint32_t words[4] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
    (void)state;
    struct random_block block = random_at(UINT64_C(0x299f31d0a4093822), (enum random_purpose)0x03707344, 0x13198a2e,
                                          UINT64_C(0x85a308d3243f6a88));
    assert_memory_equal(block.words, words, sizeof words);
}

static void extremes(void **state)
{
    static const struct random_block zeros = {{0, 0, 0, 0}};
    static const struct random_block ones = {{0xffffffff, 0xffffffff, 0x3fffffff, 0xffffffff}};
    (void)state;
    assert_true(random_uniform_double(zeros) == 0.0);
    assert_true(random_uniform_double(ones) == 1.0 - 0x1p-53);
    assert_true(random_uniform_float(zeros) == 0.0f);
    assert_true(random_uniform_float(ones) == 1.0f - 0x1p-24f);
    assert_true(random_normal(zeros) == 0.0);
    /* The farthest value there can be: sqrt(-2 log 2^-53) = 8.571674..., a quarter turn. */
    assert_true(fabs(random_normal(ones) - 8.571674348652905) < 1e-12);
}

/* Mean and variance within 5 standard errors; chi-square of 256 equal cells within 5 of its standard deviations. */
static void uniform_distribution(void **state)
{
    enum { CELLS = 256 };
    size_t cells[2][CELLS] = {{0}};
    double sum[2] = {0}, squares[2] = {0};
    (void)state;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        struct random_block block = random_at(7, RANDOM_SHUFFLE, 1, i);
        double values[2] = {random_uniform_double(block), (double)random_uniform_float(block)};
        for (int kind = 0; kind < 2; kind++) {
            assert_true(values[kind] >= 0.0 && values[kind] < 1.0);
            sum[kind] += values[kind];
            squares[kind] += (values[kind] - 0.5) * (values[kind] - 0.5);
            cells[kind][(int)(values[kind] * CELLS)]++;
        }
    }
    for (int kind = 0; kind < 2; kind++) {
        double chi_square = 0.0, expected = (double)SAMPLES / CELLS;
        for (int cell = 0; cell < CELLS; cell++)
            chi_square += ((double)cells[kind][cell] - expected) * ((double)cells[kind][cell] - expected) / expected;
        assert_true(fabs(sum[kind] / SAMPLES - 0.5) < 5.0 * sqrt(1.0 / 12 / SAMPLES));
        assert_true(fabs(squares[kind] / SAMPLES - 1.0 / 12) < 5.0 * sqrt(1.0 / 180 / SAMPLES));
        assert_true(fabs(chi_square - (CELLS - 1)) < 5.0 * sqrt(2.0 * (CELLS - 1)));
    }
}

/* The first four moments 0, 1, 0, 3 within 5 standard errors (their variances: 1, 2, 15, 96, over the samples), and
 * the share beyond 1, 2 and 3 as in any table of the normal distribution. */
static void normal_distribution(void **state)
{
    static const double moments[4] = {0, 1, 0, 3}, variances[4] = {1, 2, 15, 96};
    static const double beyond[3] = {0.3173105, 0.0455003, 0.0026998};
    double sums[4] = {0}, counts[3] = {0};
    (void)state;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        double value = random_normal(random_at(7, RANDOM_WEIGHTS, 3, i)), power = 1.0;
        for (int moment = 0; moment < 4; moment++)
            sums[moment] += power *= value;
        for (int limit = 0; limit < 3; limit++)
            counts[limit] += fabs(value) > limit + 1;
    }
    for (int moment = 0; moment < 4; moment++)
        assert_true(fabs(sums[moment] / SAMPLES - moments[moment]) < 5.0 * sqrt(variances[moment] / SAMPLES));
    for (int limit = 0; limit < 3; limit++)
        assert_true(fabs(counts[limit] / SAMPLES - beyond[limit]) < 5.0 * sqrt(beyond[limit] / SAMPLES));
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Each of seed, purpose, epoch and index, in its low and its high half, makes another number. */
static void distinct(void **state)
{
    enum { INDICES = 100 };
    static const uint64_t seeds[] = {0, 1, UINT64_C(1) << 32}, offsets[] = {0, UINT64_C(1) << 32};
    static double values[3 * 3 * 3 * 2 * INDICES];
    size_t count = 0;
    (void)state;
    for (int seed = 0; seed < 3; seed++)
        for (int purpose = RANDOM_WEIGHTS; purpose <= RANDOM_SYNTHESIS; purpose++)
            for (uint32_t epoch = 0; epoch < 3; epoch++)
                for (uint64_t i = 0; i < 2 * INDICES; i++)
                    values[count++] = random_uniform_double(random_at(seeds[seed], (enum random_purpose)purpose, epoch,
                                                                      offsets[i / INDICES] + i % INDICES));
    qsort(values, count, sizeof values[0], compare_doubles);
    for (size_t i = 1; i < count; i++)
        assert_true(values[i - 1] < values[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers), cmocka_unit_test(packing), cmocka_unit_test(extremes),
        cmocka_unit_test(uniform_distribution), cmocka_unit_test(normal_distribution), cmocka_unit_test(distinct),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
