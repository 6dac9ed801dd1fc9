#!/bin/bash
# The bytes of tests/digests.txt, whatever must not matter. The small cases are also run by other compilers' tools
# (tests/compilers.sh) and on other processors (tests/processors.sh); the folds of ESC-10 are made by tests/esc10.sh.
#
# After a change that is meant to change bytes: make build && tests/digests.sh --print >new && mv new tests/digests.txt
# with ESC10_DIR=FOLDER in the environment if the features changed; without it ESC-10's line is kept.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"
. "$top/tests/small_case.sh"
export STORE= # everything is made, nothing restored

# demo_make NAME=VALUE...: two epochs and the test, by the default parameters but for these.
demo_make() {
    make test EPOCHS=2 "$@"
}

demo_data() {
    echo "$(tree_digest data/demo)  demo sounds"
    echo "$(tree_digest data/prepared/demo/rate-*)  demo folds"
}

# demo_model FILTERS
demo_model() {
    local training
    training=$(echo results/demo_*_filters-"$1"_*)
    sha256sum <"$training/epoch-002.safetensors" | sed "s/-\$/demo filters $1 epoch-2/"
    sha256sum <"$training/test-5_epochs-2/predictions.tsv" | sed "s/-\$/demo filters $1 predictions/"
}

print_list() {
    local esc10=${ESC10_DIR:+$(realpath "$ESC10_DIR")}
    grep '^#' "$top/tests/digests.txt"
    small_case
    resampled_case
    project >&2
    demo_make FILTERS='8 16' >&2
    demo_data
    demo_model 8
    demo_model 16
    if [ -n "$esc10" ]; then
        make prepare DATASET=esc10 ESC10_DIR="$esc10" >&2
        esc10_folds
    else
        grep ' esc10 folds$' "$top/tests/digests.txt"
    fi
}

if [ "${1-}" = --print ]; then
    set -eu -o pipefail
    mkdir "$scratch/0"
    cd "$scratch/0"
    print_list
    exit
fi

small() {
    small_case "$@" | listed small
    resampled_case "$@" | listed resampled
}

demo() {
    project
    ln -s "$PWD" "$scratch/demo"
    demo_make FILTERS='8 16'
    demo_data | listed 'demo (sounds|folds)'
    demo_model 8 | listed 'demo filters 8'
    demo_model 16 | listed 'demo filters 16'
}

# demo_again [NAME=VALUE...]: the narrower model made anew, with these in the environment.
demo_again() {
    cd "$scratch/demo"
    rm -rf results
    env "$@" make test EPOCHS=2 FILTERS=8
    demo_model 8 | listed 'demo filters 8'
}

from_the_sounds_on() {
    rm -rf "$scratch/demo/data"
    demo_again THREADS=3
    demo_data | listed 'demo (sounds|folds)'
}

for set in $(kernel_sets); do
    check "the small cases, $set" small env BITFAST_ISA="$set"
done
for tunables in -AVX2,-FMA,-AVX2_Usable,-FMA_Usable,-FMA4_Usable -AVX512F,-AVX512F_Usable,-AVX512VL,-SSE4_1; do
    check "the small cases, libm without ${tunables//-/}" small env GLIBC_TUNABLES=glibc.cpu.hwcaps=$tunables
done
for core in Prescott Haswell SkylakeX; do
    check "the small cases, OpenBLAS's $core" small env OPENBLAS_CORETYPE=$core OPENBLAS_NUM_THREADS=2
done
check 'the small cases, no environment' small env -i
check 'the demo' demo
check 'the demo, 3 threads, from the sounds on' from_the_sounds_on
for threads in 1 2 8; do
    check "the demo, $threads threads" demo_again THREADS=$threads
done
for set in $(kernel_sets | grep -v baseline); do # too slow
    check "the demo, $set" demo_again BITFAST_ISA="$set"
done
check "the demo, OpenBLAS's Prescott" demo_again OPENBLAS_CORETYPE=Prescott
done_testing
