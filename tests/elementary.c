/* elementary.h against MPFR: the largest error over random and structured arguments, and the special values. With an
 * operand (build/tests/elementary all): the rounding of the float functions for every float. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <mpfr.h>

#include "elementary.h"
#include "random.h"

enum { RANDOM_ARGUMENTS = 100000, RANDOM_FLOATS = 2000000, REFERENCE_BITS = 120, WRONG_LOGARITHMS = 5 };

typedef int (*mpfr_function)(mpfr_t result, const mpfr_t argument, mpfr_rnd_t rounding);

/* One function under test: the reference's value is kept with REFERENCE_BITS. */
struct comparison {
    double (*function)(double x);
    mpfr_function reference;
    mpfr_t argument, expected, difference;
    double largest, largest_at; /* error in units in the last place of the expected value */
};

static void comparison_init(struct comparison *comparison, double (*function)(double x), mpfr_function reference)
{
    *comparison = (struct comparison){.function = function, .reference = reference};
    mpfr_inits2(REFERENCE_BITS, comparison->argument, comparison->expected, comparison->difference, (mpfr_ptr)0);
}

static void comparison_end(struct comparison *comparison, const char *name, double bound)
{
    printf("# %s: largest error %.4f units in the last place, at %a\n", name, comparison->largest,
           comparison->largest_at);
    mpfr_clears(comparison->argument, comparison->expected, comparison->difference, (mpfr_ptr)0);
    assert_true(comparison->largest < bound);
}

/* The unit in the last place of doubles near x: 2^-1074 at and below 2^-1022. */
static double unit_of(double x)
{
    int exponent;
    frexp(x, &exponent);
    return ldexp(1.0, exponent - DBL_MANT_DIG < -1074 ? -1074 : exponent - DBL_MANT_DIG);
}

static void compare(struct comparison *comparison, double x)
{
    double found = comparison->function(x);
    mpfr_set_d(comparison->argument, x, MPFR_RNDN);
    comparison->reference(comparison->expected, comparison->argument, MPFR_RNDN);
    double expected = mpfr_get_d(comparison->expected, MPFR_RNDZ);
    if (isinf(found)) /* right if the expected value rounds to infinity as well */
        assert_true(mpfr_get_d(comparison->expected, MPFR_RNDN) == found);
    else {
        mpfr_sub_d(comparison->difference, comparison->expected, found, MPFR_RNDN);
        mpfr_div_d(comparison->difference, comparison->difference, unit_of(expected), MPFR_RNDN);
        double error = fabs(mpfr_get_d(comparison->difference, MPFR_RNDN));
        assert_false(isnan(error));
        if (error > comparison->largest) {
            comparison->largest = error;
            comparison->largest_at = x;
        }
    }
}

static double random_between(double low, double high, uint64_t index)
{
    return low + (high - low) * random_uniform_double(random_at(1, RANDOM_WEIGHTS, 0, index));
}

static uint64_t random_bits(uint64_t index)
{
    struct random_block block = random_at(2, RANDOM_WEIGHTS, 0, index);
    return (uint64_t)block.words[0] << 32 | block.words[1];
}

static double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void exp_accuracy(void **state)
{
    struct comparison comparison;
    (void)state;
    comparison_init(&comparison, elementary_exp, mpfr_exp);
    for (uint64_t i = 0; i < RANDOM_ARGUMENTS; i++) {
        compare(&comparison, random_between(-746.0, 710.0, i));
        compare(&comparison, random_between(-1.0, 1.0, i));
    }
    for (int k = -1076; k <= 1025; k++)
        for (int side = -1; side <= 1; side++) { /* around the ends of the reduced range, and of the results' range */
            compare(&comparison, ((double)k + 0.5 + side * 0x1p-40) * 0.6931471805599453);
            compare(&comparison, ((double)k + side * 0x1p-40) * 0.6931471805599453);
        }
    for (int exponent = -1074; exponent < 10; exponent++) {
        compare(&comparison, ldexp(1.0, exponent));
        compare(&comparison, -ldexp(1.0, exponent));
    }
    comparison_end(&comparison, "exp", 0.7);
}

static void exp_of_subnormal_results(void **state)
{
    struct comparison comparison;
    (void)state;
    comparison_init(&comparison, elementary_exp, mpfr_exp);
    for (uint64_t i = 0; i < RANDOM_ARGUMENTS; i++)
        compare(&comparison, random_between(-745.2, -708.3, i));
    comparison_end(&comparison, "exp, subnormal results", 1.0);
}

static void log_accuracy(void **state)
{
    struct comparison comparison;
    (void)state;
    comparison_init(&comparison, elementary_log, mpfr_log);
    for (uint64_t i = 0; i < RANDOM_ARGUMENTS; i++) {
        compare(&comparison, double_of(random_bits(i) % UINT64_C(0x7ff0000000000000))); /* all magnitudes */
        compare(&comparison, random_between(0.25, 4.0, i));
        compare(&comparison, double_of(1 + random_bits(i) % (UINT64_C(1) << 52))); /* subnormal */
        compare(&comparison, 1.0 + ldexp(random_between(-1.0, 1.0, i), -(int)(i % 50) - 2));
    }
    for (int exponent = -1074; exponent < 1024; exponent++)
        for (int side = -1; side <= 1; side++) {
            compare(&comparison, ldexp(1.0, exponent) * (1.0 + side * DBL_EPSILON));
            if (exponent < 1023)
                compare(&comparison, ldexp(1.4142135623730951 + side * DBL_EPSILON, exponent));
        }
    comparison_end(&comparison, "log", 0.7);
}

static void several_logarithms(void **state)
{
    double x[1000], expected[1000];
    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        x[i] = i % 2 == 0 ? random_between(0.25, 4.0, i) : ldexp(random_between(1.0, 2.0, i), (int)(i % 2045) - 1022);
        expected[i] = elementary_log(x[i]);
    }
    elementary_log_normal(x, 1000);
    assert_memory_equal(x, expected, sizeof x);
}

static void sin_turns_accuracy(void **state)
{
    mpfr_t expected, two_pi;
    double largest = 0.0;
    (void)state;
    mpfr_inits2(REFERENCE_BITS, expected, two_pi, (mpfr_ptr)0);
    mpfr_const_pi(two_pi, MPFR_RNDN);
    mpfr_mul_ui(two_pi, two_pi, 2, MPFR_RNDN);
    for (uint64_t i = 0; i < RANDOM_ARGUMENTS; i++) {
        double x = ldexp(random_between(-1.0, 1.0, i), (int)(i % 72) - 20);
        x = i % 5 == 0 ? round(x * 8.0) / 8.0 + random_between(-1e-9, 1e-9, i) : x; /* near the folds */
        mpfr_set_d(expected, x - trunc(x), MPFR_RNDN);
        mpfr_mul(expected, expected, two_pi, MPFR_RNDN);
        mpfr_sin(expected, expected, MPFR_RNDN);
        mpfr_sub_d(expected, expected, elementary_sin_turns(x), MPFR_RNDN);
        largest = fmax(largest, fabs(mpfr_get_d(expected, MPFR_RNDN)));
    }
    mpfr_clears(expected, two_pi, (mpfr_ptr)0);
    printf("# sin: largest error %.3g\n", largest);
    assert_true(largest < 1e-15);
}

static void special_values(void **state)
{
    (void)state;
    assert_true(elementary_exp(0.0) == 1.0 && elementary_exp(-0.0) == 1.0);
    assert_true(elementary_exp(INFINITY) == INFINITY && elementary_exp(-INFINITY) == 0.0);
    assert_true(isnan(elementary_exp(NAN)));
    assert_true(elementary_exp(710.0) == INFINITY && elementary_exp(DBL_MAX) == INFINITY);
    assert_true(elementary_exp(-746.0) == 0.0 && elementary_exp(-DBL_MAX) == 0.0);
    assert_true(elementary_exp(709.782712893384) < INFINITY && elementary_exp(-745.13) == DBL_TRUE_MIN);
    assert_true(elementary_log(1.0) == 0.0);
    assert_true(elementary_log(0.0) == -INFINITY && elementary_log(-0.0) == -INFINITY);
    assert_true(isnan(elementary_log(-DBL_TRUE_MIN)) && isnan(elementary_log(-INFINITY)) && isnan(elementary_log(NAN)));
    assert_true(elementary_log(INFINITY) == INFINITY);
    assert_true(elementary_sin_turns(0.0) == 0.0 && elementary_sin_turns(0x1p51) == 0.0);
    assert_true(elementary_sin_turns(0.25) == 1.0 && elementary_sin_turns(-0.25) == -1.0);
    assert_true(elementary_sin_turns(0.5) == 0.0 && elementary_sin_turns(1e9 + 0.75) == -1.0);
    assert_true(elementary_expf(89.0f) == INFINITY && elementary_expf(-104.0f) == 0.0f);
    assert_true(elementary_expf(-103.0f) == FLT_TRUE_MIN && isnan(elementary_expf(NAN)));
    assert_true(elementary_logf(0.0f) == -INFINITY && isnan(elementary_logf(-1.0f)) && isnan(elementary_logf(NAN)));
}

/* A float function, and its references: one that is quick and right to 2^-60 (not under valgrind, whose long double is
 * a double), and MPFR for what that leaves open. */
struct rounding {
    float (*function)(float x);
    long double (*quick)(long double x);
    mpfr_function reference;
    mpfr_t scratch;
    int wrong;
};

static void round_and_compare(struct rounding *rounding, float x)
{
    long double near = rounding->quick((long double)x);
    float expected = (float)(near * (1.0L - 0x1p-60L)), found = rounding->function(x);
    if (expected != (float)(near * (1.0L + 0x1p-60L))) {
        mpfr_set_flt(rounding->scratch, x, MPFR_RNDN);
        rounding->reference(rounding->scratch, rounding->scratch, MPFR_RNDN);
        expected = mpfr_get_flt(rounding->scratch, MPFR_RNDN);
    }
    if (found != expected) {
        rounding->wrong++;
        printf("# wrongly rounded at %a\n", (double)x);
    }
}

static void roundings_init(struct rounding *of_exp, struct rounding *of_log)
{
    *of_exp = (struct rounding){.function = elementary_expf, .quick = expl, .reference = mpfr_exp};
    *of_log = (struct rounding){.function = elementary_logf, .quick = logl, .reference = mpfr_log};
    mpfr_inits2(REFERENCE_BITS, of_exp->scratch, of_log->scratch, (mpfr_ptr)0);
}

/* A random sample over the whole range, and every float from 1/2 to 4. */
static void float_rounding(void **state)
{
    struct rounding of_exp, of_log;
    (void)state;
    roundings_init(&of_exp, &of_log);
    for (uint32_t i = 0; i < RANDOM_FLOATS; i++) {
        round_and_compare(&of_exp, (float)random_between(-104.0, 89.0, i));
        round_and_compare(&of_exp, (i % 2 ? 1.0f : -1.0f) * float_of((uint32_t)(random_bits(i) % 0x42d00000)));
        round_and_compare(&of_log, float_of((uint32_t)(1 + random_bits(i) % 0x7f7fffff)));
    }
    for (uint32_t bits = 0x3f000000; bits < 0x40800000; bits++) {
        round_and_compare(&of_exp, float_of(bits));
        round_and_compare(&of_exp, -float_of(bits));
        round_and_compare(&of_log, float_of(bits));
    }
    mpfr_clears(of_exp.scratch, of_log.scratch, (mpfr_ptr)0);
    assert_int_equal(of_exp.wrong, 0);
    assert_int_equal(of_log.wrong, 0);
}

/* All floats but those for which nothing is left to compute: some minutes. */
static void every_float(void **state)
{
    struct rounding of_exp, of_log;
    (void)state;
    roundings_init(&of_exp, &of_log);
    for (uint32_t bits = 0x32000000; bits <= 0x42d10000; bits++) { /* 2^-27 to 104.5 */
        round_and_compare(&of_exp, float_of(bits));
        round_and_compare(&of_exp, -float_of(bits));
    }
    for (uint32_t bits = 1; bits < 0x7f800000; bits++)
        round_and_compare(&of_log, float_of(bits));
    mpfr_clears(of_exp.scratch, of_log.scratch, (mpfr_ptr)0);
    assert_int_equal(of_exp.wrong, 0);
    assert_int_equal(of_log.wrong, WRONG_LOGARITHMS);
}

/* The arguments that every_float found: the value is within 2^-29 of half way between two floats. */
static void wrongly_rounded_logarithms(void **state)
{
    static const float arguments[WRONG_LOGARITHMS] = {0x1.827a74p-7f, 0x1.2f1fd6p+3f, 0x1.bacb4ap+25f, 0x1.b121a6p+76f,
                                                      0x1.6351d8p+95f};
    struct rounding of_exp, of_log;
    (void)state;
    roundings_init(&of_exp, &of_log);
    for (int i = 0; i < WRONG_LOGARITHMS; i++)
        round_and_compare(&of_log, arguments[i]);
    mpfr_clears(of_exp.scratch, of_log.scratch, (mpfr_ptr)0);
    assert_int_equal(of_log.wrong, WRONG_LOGARITHMS);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_values), cmocka_unit_test(exp_accuracy), cmocka_unit_test(exp_of_subnormal_results),
        cmocka_unit_test(log_accuracy), cmocka_unit_test(several_logarithms),
        cmocka_unit_test(sin_turns_accuracy), cmocka_unit_test(float_rounding),
        cmocka_unit_test(wrongly_rounded_logarithms),
    };
    static const struct CMUnitTest exhaustive[] = {cmocka_unit_test(every_float)};
    (void)argv;
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return argc > 1 ? cmocka_run_group_tests(exhaustive, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
