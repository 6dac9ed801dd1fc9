#!/bin/bash
# Every compiler and level of optimisation builds without a warning, and gives the same bytes: those of the tree's
# tools, and of the small cases those of tests/digests.txt.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/small_case.sh"

# results DIRECTORY: digests of all steps by its tools, with every set of kernels.
results() {
    PATH=$1:$PATH
    rm -rf set steps
    mkdir steps
    synth-clips --clips-per-class=1 --folds=1 --sample-rate=11025 --seconds=0.2 set
    cat set/meta/demo.csv set/audio/* >steps/set
    list-clips --sha256 set >steps/manifest
    decode-audio --root=set --clip-seconds=0.25 <steps/manifest >steps/waveforms
    log-mel --n-mels=20 <steps/waveforms >steps/fold
    init-model --filters=9 --clip-seconds=0.25 --n-mels=20 >steps/epoch-0
    local set
    for set in $(kernel_sets); do
        train-epoch --kernels="$set" --batch-size=4 steps/fold <steps/epoch-0 >steps/epoch-1-"$set"
        cmp steps/epoch-1-baseline steps/epoch-1-"$set"
        predict --kernels="$set" steps/fold <steps/epoch-1-"$set" >steps/predictions-"$set"
        score <steps/predictions-"$set" >steps/scores-"$set"
    done
    sha256sum steps/*
}

# build ARGUMENT...: into a directory of its own, warnings are errors.
build() {
    MAKEFLAGS= make -s -C "$top" -j2 BUILD="$PWD/build" BIN="$PWD/bin" "$@" build
    results "$top/bin" >expected
    results "$PWD/bin" | diff expected -
    local set tools=$PWD/bin
    for set in $(kernel_sets); do
        small_case env BITFAST_ISA="$set" | listed small
    done
    resampled_case | listed resampled
}

check 'clang' build CC=clang CFLAGS='-O2 -Werror'
check 'gcc -O3' build CC=gcc CFLAGS='-O3 -Werror'
check 'gcc -O2' build CC=gcc CFLAGS='-O2 -Werror'
check 'gcc -O1, stack protector' build CC=gcc CFLAGS='-O1 -Werror -fstack-protector-all'
done_testing
