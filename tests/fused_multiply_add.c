/* The fused multiply-add that the baseline kernels write in double equals libm's fmaf, which is rounded once, where a
 * second rounding would show: sums next to the middle between two floats, subnormals, overflow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "kernel/vector.h"

static uint32_t state = 99;

static uint32_t next(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 3;
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void check_one(float a, float b, float c)
{
    float found = scalar_fma(a, b, c), expected = fmaf(a, b, c);
    if (isnan(expected) ? !isnan(found) : memcmp(&found, &expected, sizeof found) != 0)
        fail_msg("fma(%a, %a, %a): found %a, expected %a", (double)a, (double)b, (double)c, (double)found,
                 (double)expected);
}

/* (1 + i 2^-12)(1 + j 2^-12) has bits down to 2^-24, half the last place of a float in [1, 2): i j odd is a middle, and
 * a far smaller c decides. */
static void test_middles(void **unused)
{
    (void)unused;
    for (int i = 1; i < 64; i += 2)
        for (int j = 1; j < 64; j += 2)
            for (int exponent = -149; exponent < -20; exponent++)
                for (int sign = -1; sign <= 1; sign += 2)
                    for (int side = -1; side <= 1; side += 2)
                        check_one((float)side * (1.0f + (float)i * 0x1p-12f), 1.0f + (float)j * 0x1p-12f,
                                  (float)sign * ldexpf(1.0f, exponent));
}

static void test_any_bits(void **unused)
{
    (void)unused;
    for (int i = 0; i < 2000000; i++) {
        float a = from_bits(next() << 8 ^ next()), b = from_bits(next() << 8 ^ next()), c = from_bits(next() << 8 ^ next());
        check_one(a, b, c);
        /* An addend near the product, and results among the subnormals. */
        check_one(a, b, -a * b);
        check_one(a * 0x1p-70f, b * 0x1p-70f, c * 0x1p-140f);
    }
}

static void test_specials(void **unused)
{
    (void)unused;
    static const float values[] = {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN, 0x1p-149f, -0x1p-149f,
                                   0x1.fffffep127f, -0x1.fffffep127f, 0x1p-126f, 0x1.000002p0f};
    enum { COUNT = sizeof values / sizeof values[0] };
    for (int i = 0; i < COUNT * COUNT * COUNT; i++)
        check_one(values[i % COUNT], values[i / COUNT % COUNT], values[i / COUNT / COUNT]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_middles),
        cmocka_unit_test(test_any_bits),
        cmocka_unit_test(test_specials),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
