/* number.h: what is a number, and which name is nearest. */
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "number.h"

static void whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0}, {"-0", 0}, {"007", 7}, {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    static const char *const bad[] = {"", " ", "1 ", " 1", "+1", "-", "--1", "1.0", "1e3", "0x1", "nan", "inf",
                                      "9223372036854775808", "-9223372036854775809", "123456789012345678901234567890"};
    struct error error;
    int64_t value;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(number_parse_integer(good[i].text, INT64_MIN, INT64_MAX, &value, &error), 0);
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        value = 42;
        assert_int_equal(number_parse_integer(bad[i], INT64_MIN, INT64_MAX, &value, &error), -1);
        assert_true(value == 42);
        assert_non_null(strstr(error.message, bad[i]));
    }
    assert_int_equal(number_parse_integer("1\n", INT64_MIN, INT64_MAX, &value, &error), -1);
    assert_non_null(strstr(error.message, "'1?'")); /* messages keep to one line */
    assert_int_equal(number_parse_integer("3", 3, 3, &value, &error), 0);
    assert_int_equal(number_parse_integer("2", 3, 5, &value, &error), -1);
    assert_string_equal(error.message, "2 is out of range, expected 3 to 5");
    assert_int_equal(number_parse_integer("6", 3, 5, &value, &error), -1);
}

static void real_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0}, {".5", 0.5}, {"1.", 1}, {"-2.5e1", -25}, {"1E+2", 100}, {"0.1", 0.1}, {"1e-400", 0},
                {"1.7976931348623157e308", 0x1.fffffffffffffp+1023}};
    static const char *const bad[] = {"", " ", "1 ", " 1", "+1", "-", ".", "e5", "1e", "0x10", "0x1p3", "nan", "-nan",
                                      "inf", "-inf", "infinity", "NAN", "INF", "1,5", "1_000", "1e400", "-1e400", "1f"};
    struct error error;
    double value;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(number_parse_real(good[i].text, -DBL_MAX, DBL_MAX, &value, &error), 0);
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        value = 42;
        assert_int_equal(number_parse_real(bad[i], -DBL_MAX, DBL_MAX, &value, &error), -1);
        assert_true(value == 42);
        assert_non_null(strstr(error.message, bad[i]));
    }
    assert_int_equal(number_parse_real("0.25", 0.25, 0.25, &value, &error), 0);
    assert_int_equal(number_parse_real("0.3", 0, 0.25, &value, &error), -1);
    assert_string_equal(error.message, "0.3 is out of range, expected 0 to 0.25");
}

/* Distances by hand: EPOCS lacks one letter; FITLERS has two swapped; SEDE is SEED with two swapped. */
static void nearest_names(void **state)
{
    (void)state;
    static const char *const names[] = {"EPOCHS", "FILTERS", "SEED", "BATCH_SIZE", "N_FFT", "N_MELS"};
    const size_t count = sizeof names / sizeof names[0];
    assert_string_equal(number_nearest_name("EPOCS", names, count), "EPOCHS");
    assert_string_equal(number_nearest_name("FITLERS", names, count), "FILTERS");
    assert_string_equal(number_nearest_name("SEDE", names, count), "SEED");
    assert_string_equal(number_nearest_name("BATCHSIZES", names, count), "BATCH_SIZE");
    assert_string_equal(number_nearest_name("SEED", names, count), "SEED");
    assert_null(number_nearest_name("MOMENTUM", names, count));
    assert_null(number_nearest_name("", names, count));
    assert_null(number_nearest_name("SEED", names, 0));
}

static void nearest_of_equals_and_long_names(void **state)
{
    (void)state;
    static const char *const equals[] = {"ab", "ac", "ad"};
    assert_string_equal(number_nearest_name("ax", equals, 3), "ab");
    char longest[64], longer[65];
    memset(longest, 'a', 63);
    memset(longer, 'a', 64);
    longest[63] = longer[64] = '\0';
    const char *const names[] = {longer, longest};
    assert_ptr_equal(number_nearest_name(longest, names, 2), longest);
    assert_null(number_nearest_name(longer, names, 2));
}

/* As printf writes them: numbers of all lengths, and those next to halves. */
static void fixed_numbers(void **state)
{
    (void)state;
    static const char *const hard[] = {"0", "-0", ".5", "-.5", "1.", "0.99995", "9.99996", "0.00005", "0.000049999999",
                                       "-0.00001", "99999999999999", "0.12345", "0.12355", "0.5", "2.5", "0.1250"};
    static const char *const others[] = {"", "-", ".", "+1", "1e3", "nan", "1.2.3", " 1", "1 ", "0x1", "123456789012345",
                                         "12345678901.0001", "1.00000000000001", "--1"};
    char fixed[NUMBER_FIXED_BYTES], expected[64], text[64];
    int written = 0;
    for (int decimals = 0; decimals <= 9; decimals++) {
        for (size_t i = 0; i < sizeof hard / sizeof hard[0]; i++) {
            snprintf(expected, sizeof expected, "%.*f", decimals, strtod(hard[i], NULL));
            if (number_fixed(hard[i], decimals, fixed))
                assert_string_equal(fixed, expected);
        }
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            if (strcmp(others[i], "12345678901.0001") != 0 || decimals > 3)
                assert_false(number_fixed(others[i], decimals, fixed));
    }
    srand(1);
    for (int i = 0; i < 200000; i++) {
        int decimals = rand() % 10, before = rand() % 9, after = rand() % 9, at = 0;
        if (rand() % 4 == 0)
            text[at++] = '-';
        text[at++] = (char)('0' + rand() % 10);
        for (int digit = 0; digit < before + after; digit++) {
            if (digit == before)
                text[at++] = '.';
            text[at++] = rand() % 3 == 0 ? "0059"[rand() % 4] : (char)('0' + rand() % 10);
        }
        text[at] = '\0';
        if (!number_fixed(text, decimals, fixed))
            continue;
        snprintf(expected, sizeof expected, "%.*f", decimals, strtod(text, NULL));
        assert_string_equal(fixed, expected);
        written++;
    }
    assert_true(written > 100000);
    assert_true(number_fixed("0.525", 4, fixed));
    assert_string_equal(fixed, "0.5250");
    assert_false(number_fixed("0.12345", 4, fixed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(real_numbers),
        cmocka_unit_test(fixed_numbers),
        cmocka_unit_test(nearest_names),
        cmocka_unit_test(nearest_of_equals_and_long_names),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
