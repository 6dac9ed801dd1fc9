#!/bin/bash
# The same bits of elementary.h and random.h from every compiler, optimisation and instruction set.
. "$(dirname "$0")/lib.sh"

# Digests values that cover the functions' ranges, compiled with "$@".
digest() {
    cat >digest.c <<'END'
#include <stdio.h>
#include "elementary.h"
#include "random.h"

int main(void)
{
    for (uint64_t i = 0; i < 200000; i++) {
        double u = random_uniform_double(random_at(3, RANDOM_WEIGHTS, 0, i));
        double values[] = {elementary_exp(1456.0 * u - 746.0), elementary_exp(u - 0.5), elementary_log(u + 0.5),
                           elementary_log(u * u * u * 1e9), elementary_sin_turns(100.0 * u - 50.0),
                           random_normal(random_at(3, RANDOM_WEIGHTS, 1, i))};
        float floats[] = {elementary_expf((float)u * 180.0f - 100.0f), elementary_logf((float)u * 10.0f)};
        if (fwrite(values, sizeof values, 1, stdout) != 1 || fwrite(floats, sizeof floats, 1, stdout) != 1)
            return 1;
    }
    return 0;
}
END
    "$@" -std=c11 -ffp-contract=off -fno-math-errno -I"$top/include" -o digest digest.c "$top"/src/elementary.c \
        "$top"/src/random.c -lm
    ./digest | sha256sum
}

same_bits() {
    digest gcc -O2 >expected
    digest gcc -O0 >found
    cmp expected found
    digest clang -O2 >found
    cmp expected found
    digest clang -O3 -march=x86-64-v3 >found
    cmp expected found
    digest gcc -O3 -mavx2 -mfma >found
    cmp expected found
}

# The check itself must be able to fail: with contraction allowed the bits differ.
contraction_shows() {
    digest gcc -O2 >expected
    gcc -O3 -mavx2 -mfma -std=gnu11 -ffp-contract=fast -I"$top/include" -o digest digest.c "$top"/src/elementary.c \
        "$top"/src/random.c -lm
    ./digest | sha256sum >found
    ! cmp -s expected found
}

check "same bits from gcc and clang, with and without AVX2 and FMA" same_bits
check "the digest notices fused operations" contraction_shows
done_testing
