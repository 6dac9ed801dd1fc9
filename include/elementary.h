/* exp, log, sin: the elementary functions that libm rounds differently from place to place, as ours.
 *
 * Only + - * / and integer operations on double, no contraction: the same bits on every machine. The largest errors are
 * stated here and checked by tests/elementary.c against MPFR. */
#ifndef BITFAST_ELEMENTARY_H
#define BITFAST_ELEMENTARY_H

#include <stddef.h>

/* e^x within 0.7 ulp. 0 below -745.2, infinite above 709.78; NaN for NaN. Results under 2^-1022 within 1 ulp of the
 * subnormal. */
double elementary_exp(double x);

/* Natural logarithm within 0.7 ulp. -infinity for 0, NaN below 0 and for NaN, infinity for infinity. */
double elementary_log(double x);

/* x[i] = elementary_log(x[i]), several at a time; each x[i] must be positive, normal and finite. */
void elementary_log_normal(double *x, size_t count);

/* sin(2 pi x), x in turns, within 1e-15 absolutely, for |x| < 2^52. */
double elementary_sin_turns(double x);

/* float versions: the double result rounded once. Correctly rounded for every argument (expf) and for all but 5 of the
 * 2^32 (logf; they are named in tests/elementary.c, which goes through all of them when called with an operand). */
float elementary_expf(float x);
float elementary_logf(float x);

#endif
