#!/bin/bash
# The same bytes of every checkpoint, log, prediction, score, table and figure, whatever must not matter.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"
export STORE= # everything is made, nothing restored

reference=$scratch/reference
make_reference() {
    project
    small_make sweep FILTERS='2 3' EPOCHS='1 2' THREADS=1
    digests >"$reference"
    grep -q 'plots/sweep.pdf$' "$reference"
    grep -q 'epoch-002.safetensors$' "$reference"
}

# same [NAME=VALUE...] ARGUMENT...: with these in the environment, make with these arguments makes the same files.
same() {
    rm -rf data results plots/*.pdf plots/*.png plots/selection.txt plots/.made
    env "$@" bash -c ". $top/tests/project.sh; scratch='$scratch' checks='$checks'; small_make sweep \
        FILTERS='2 3' EPOCHS='1 2' \"\${@}\"" sh "${arguments[@]}"
    digests | diff "$reference" -
}

threads() {
    project
    local arguments option
    for option in THREADS=1 THREADS=2 THREADS=3 THREADS=8 -j1 -j4; do
        arguments=("$option")
        same LANG=C
    done
}

places() {
    project 'another place'
    local arguments=(THREADS=2)
    same LANG=de_DE.UTF-8 TZ=Asia/Tokyo
    same OPENBLAS_CORETYPE=Prescott GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA
    same OPENBLAS_CORETYPE=Haswell OMP_NUM_THREADS=1
}

check "a first time" make_reference
check "any number of threads and jobs" threads
check "another place, locale, time zone, processor type" places
done_testing
