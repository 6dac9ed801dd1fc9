#include "elementary.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { MANTISSA_BITS = 52, EXPONENT_BIAS = 1023 };

/* ln 2 in two parts, from its binary expansion: the first cut to 29 bits, so that its product with an exponent (11
 * bits) is exact, the second the rest rounded to double. */
static const double ln2_high = 0x1.62e42fep-1, ln2_low = 0x1.f473de6af278fp-30;

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^exponent, for normal numbers. */
static double power_of_two(int exponent)
{
    return from_bits((uint64_t)(exponent + EXPONENT_BIAS) << MANTISSA_BITS);
}

static double horner(double x, const double *coefficients, int count)
{
    double sum = coefficients[count - 1];
    for (int i = count - 2; i >= 0; i--)
        sum = sum * x + coefficients[i];
    return sum;
}

/* x = k ln 2 + r, |r| <= ln(2)/2; e^r = 1 + r + r^2 P(r), P from the Taylor series to r^14, whose rest is below 2^-63.
 * The three large terms are added with what each addition loses, so that only the last rounding counts. */
double elementary_exp(double x)
{
    static const double taylor[] = {1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
                                    1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800,
                                    1.0 / 87178291200};
    static const double inverse_ln2 = 0x1.71547652b82fep0, to_whole = 0x1.8p52;
    if (isnan(x))
        return x;
    if (x > 709.79)
        return INFINITY;
    if (x < -745.2)
        return 0.0;
    double k = (x * inverse_ln2 + to_whole) - to_whole;
    double high = x - k * ln2_high, low = k * ln2_low; /* high is exact */
    double r = high - low, r_rest = (high - r) - low;
    double tail = r * r * horner(r, taylor, sizeof taylor / sizeof taylor[0]) + (r_rest + r_rest * r);
    double head = 1.0 + r, head_rest = (1.0 - head) + r;
    double result = head + (head_rest + tail);
    int half = (int)k / 2; /* in two steps: 2^k itself may be out of range */
    return result * power_of_two(half) * power_of_two((int)k - half);
}

/* log(x 2^exponent), x positive and normal: without a branch, so that a compiler makes vectors of it.
 * x 2^exponent = 2^k (1 + f), sqrt(1/2) < 1 + f <= sqrt(2). With s = f / (2 + f),
 *     log(1 + f) = 2 artanh(s) = f - s f + 2 s (s^2/3 + s^4/5 + ...) = f - f^2/2 + s (f^2/2 + s^2 Q(s^2)),
 * Q from the Taylor series to s^22, whose rest is below 2^-60 of the result. f - f^2/2 is kept exactly: the square of
 * the upper half of f fits into a double. */
static inline double log_of_normal(double x, double exponent)
{
    static const double taylor[] = {2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17,
                                    2.0 / 19, 2.0 / 21, 2.0 / 23};
    static const uint64_t mantissa_mask = (UINT64_C(1) << MANTISSA_BITS) - 1, upper_half = ~UINT64_C(0) << 27;
    static const double sqrt2 = 0x1.6a09e667f3bcdp0, two_to_52 = 0x1p52;
    double mantissa = from_bits((bits_of(x) & mantissa_mask) | bits_of(1.0));
    double biased = from_bits(bits_of(x) >> MANTISSA_BITS | bits_of(two_to_52)) - two_to_52; /* a vector can do this */
    double k = exponent + biased - (mantissa > sqrt2 ? EXPONENT_BIAS - 1.0 : EXPONENT_BIAS);
    mantissa *= mantissa > sqrt2 ? 0.5 : 1.0;
    double f = mantissa - 1.0;
    double f_high = from_bits(bits_of(f) & upper_half), f_low = f - f_high;
    double square_high = 0.5 * f_high * f_high, square_low = 0.5 * f_low * (f + f_high);
    double s = f / (2.0 + f), z = s * s;
    double rest = s * (0.5 * f * f + z * horner(z, taylor, sizeof taylor / sizeof taylor[0]));
    double whole = k * ln2_high; /* exact */
    double sum = whole + f, sum_rest = (whole - sum) + f;
    double head = sum - square_high, head_rest = (sum - head) - square_high;
    return head + (head_rest + (sum_rest + (k * ln2_low + (rest - square_low))));
}

double elementary_log(double x)
{
    static const double smallest_normal = 0x1p-1022, scale = 0x1p54;
    if (isnan(x) || x == INFINITY)
        return x;
    if (x == 0.0)
        return -INFINITY;
    if (x < 0.0)
        return NAN;
    return x < smallest_normal ? log_of_normal(x * scale, -54.0) : log_of_normal(x, 0.0);
}

void elementary_log_normal(double *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = log_of_normal(x[i], 0.0);
}

/* Reduced without error to a quarter turn, then the Taylor series of sine to y^21, whose rest is below 2e-18. */
double elementary_sin_turns(double x)
{
    static const double taylor[] = {1.0, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800,
                                    1.0 / 6227020800, -1.0 / 1307674368000, 1.0 / 355687428096000,
                                    -1.0 / 121645100408832000, 1.0 / 51090942171709440000.0};
    static const double two_pi = 0x1.921fb54442d18p2, to_whole = 0x1p52;
    double turns = fabs(x);
    turns -= (turns + to_whole) - to_whole;
    if (turns > 0.25)
        turns = 0.5 - turns;
    else if (turns < -0.25)
        turns = -0.5 - turns;
    double y = two_pi * turns;
    double sine = y * horner(y * y, taylor, sizeof taylor / sizeof taylor[0]);
    return x < 0.0 ? -sine : sine;
}

float elementary_expf(float x)
{
    return (float)elementary_exp((double)x);
}

float elementary_logf(float x)
{
    return (float)elementary_log((double)x);
}
