#!/bin/bash
# The C tests, a whole pipe and refused input under the address and undefined-behaviour sanitizers; threads under the
# thread sanitizer; small pipes under valgrind. Builds of their own, nothing of the tree is touched.
. "$(dirname "$0")/lib.sh"

# A status of their own, so that a finding is not mistaken for a tool's honest exit 1.
export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99 TSAN_OPTIONS=exitcode=99
sanitize=-fsanitize=address,undefined

build() {
    local directory=$1
    shift
    MAKEFLAGS= make -s -C "$top" -j2 BUILD="$scratch/$directory/build" BIN="$scratch/$directory/bin" "$@"
}

build_address() {
    local programs=() name
    for name in "${programs_under_test[@]}"; do programs+=("$scratch/address/build/tests/$name"); done
    build address CFLAGS="-O1 -g $sanitize -fno-sanitize-recover=all" LDFLAGS="$sanitize" build "${programs[@]}"
}

c_test() {
    "$scratch/address/build/tests/$1"
}

# refuse COMMAND...: exit 1 or 2, said by the tool itself; a sanitizer's exit is another.
refuse() {
    local status=0
    "$@" >out 2>err || status=$?
    cat err
    { [ $status -eq 1 ] || [ $status -eq 2 ]; } && ! grep -q 'Sanitizer\|runtime error' err
}

# whole_pipe ARGUMENT...: from sound files to scores, an epoch with each of the arguments.
whole_pipe() {
    synth-clips --clips-per-class=2 --folds=2 --sample-rate=11025 --seconds=0.3 --threads=2 set
    list-clips --sha256 --threads=2 set >manifest.tsv
    decode-audio --root=set --clip-seconds=0.25 --threads=2 <manifest.tsv >waveforms.npy
    log-mel --n-mels=12 --n-fft=128 --hop-length=100 --threads=2 <waveforms.npy >fold.npy
    init-model --filters=3 --clip-seconds=0.25 --n-mels=12 --n-fft=128 --hop-length=100 >model
    local argument
    for argument in "$@"; do
        train-epoch "$argument" --batch-size=6 fold.npy <model >next
        predict "$argument" fold.npy <next >predictions
    done
    for table in scores classes confusion roc; do score --table=$table <predictions >/dev/null; done
    predict --model=next set/audio/*-A-0.wav >/dev/null
    checkpoint-log --steps next >/dev/null
    checkpoint-log next >/dev/null
    tensor-print next >/dev/null
    tensor-compare next next
}

bad_input() {
    local part size
    for file in fold.npy waveforms.npy next; do
        size=$(stat -c %s $file)
        for part in 0 7 60 700 $((size / 2)) $((size - 1)); do
            head -c $part $file >cut
            refuse train-epoch cut <model
            refuse train-epoch fold.npy <cut
            refuse predict --model=next cut
            refuse log-mel <cut
        done
    done
    edit_checkpoint next bad 'values("adam.step")[...] = 2 ** 63 - 1'
    refuse train-epoch fold.npy <bad
    edit_checkpoint next bad 'values("fc1.weight")[...] = 3e38'
    refuse train-epoch --learning-rate=1 fold.npy <bad
    edit_checkpoint next bad 'texts["classes"] = "[[[[\"a\"]], 3"'
    refuse predict --model=bad fold.npy
    edit_checkpoint next bad 'header["conv1.bias"]["shape"] = [2 ** 62, 4]'
    refuse predict --model=bad fold.npy
    refuse init-model --filters=1e9
    refuse init-model --weights=next
    refuse train-epoch --batch-size=4096 fold.npy <model
    printf 'key\ttruth\ta\n' | refuse score
    head -c 100 predictions | refuse score
    head -c 500 /dev/urandom >noise.wav
    refuse predict --model=next noise.wav
    refuse list-clips missing
    refuse decode-audio --root=missing <manifest.tsv
}

# A step that runs, is touched, is restored and explained; damaged records and objects.
steps() {
    local name
    export STORE=store BIN=bin THREADS=2 MAKEFLAGS=
    printf 'b\na\n' >names
    for name in 1 2; do step --say='stage|what' --show sorted 'sort < names | cat' names; done
    rm sorted
    step --say='stage|what' sorted 'sort < names | cat' names | grep restored
    printf '%s\0' sorted 'sort -r < names' names '' | step-why --store=store
    printf 'NAME = value\n' >parameters.mk
    run-steps --run=a/b --parameters=parameters.mk --data=names sorted >record.json
    run-environment --command=typed record.json >/dev/null
    refuse step failed 'echo half; exit 1'
    refuse step failed 'cat missing' missing
    for name in store/steps/*/* .made/sorted; do
        for size in 0 5 70 100; do
            head -c $size $name >cut
            rm -rf sorted
            cat cut >$name
            step sorted 'sort < names | cat' names
        done
    done
    for name in store/objects/*/*; do : >$name; done
    rm sorted
    step sorted 'sort < names | cat' names
    printf 'a\0\0' | refuse step-why
    refuse run-steps --run=a/b --parameters=names --data=x sorted
    refuse run-environment names
}

pipe_and_bad_input() {
    PATH=$scratch/address/bin:$PATH
    whole_pipe --threads=1 --engine=openblas $(kernel_sets | sed 's/^/--kernels=/')
    bad_input
    steps
}

threads() {
    build thread CFLAGS='-O1 -g -fsanitize=thread' LDFLAGS=-fsanitize=thread \
        "$scratch"/thread/bin/{decode-audio,log-mel,init-model,train-epoch,predict}
    make_fold fold.npy 1 9 20 30 3
    PATH=$scratch/thread/bin:$PATH
    init-model --filters=3 --classes=3 >model
    train-epoch --threads=4 --batch-size=4 fold.npy <model >next
    predict --threads=4 fold.npy <next >/dev/null
    train-epoch --threads=1 --batch-size=4 fold.npy <model | cmp - next
    synth-clips --clips-per-class=3 --folds=1 --sample-rate=11025 --seconds=0.2 set
    list-clips set >manifest.tsv
    decode-audio --root=set --clip-seconds=0.2 --threads=4 <manifest.tsv | log-mel --threads=4 >features
    decode-audio --root=set --clip-seconds=0.2 --threads=1 <manifest.tsv | log-mel --threads=1 | cmp - features
    printf 'x\tmissing.wav\t1\t0\tx\n' >>manifest.tsv
    refuse decode-audio --root=set --clip-seconds=0.2 --threads=4 <manifest.tsv
}

# valgrind 3.19 knows no AVX-512.
under_valgrind() {
    run() {
        valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite "$top/bin/$1" "${@:2}"
    }
    make_fold fold.npy 1 5 9 13
    run init-model --filters=2 --classes=2 >model
    run train-epoch --kernels=baseline --threads=2 --batch-size=3 fold.npy <model >next
    train-epoch --batch-size=3 fold.npy <model | cmp - next
    if kernel_sets | grep -q avx2; then
        run train-epoch --kernels=avx2 --threads=2 --batch-size=3 fold.npy <model | cmp - next
    fi
    run train-epoch --engine=openblas --kernels=baseline --batch-size=3 fold.npy <model >/dev/null
    run predict --kernels=baseline fold.npy <next | run score >/dev/null
    run checkpoint-log next >/dev/null
    head -c 3000 next >cut
    local status=0
    run train-epoch --kernels=baseline fold.npy <cut >/dev/null || status=$?
    [ $status -eq 1 ]
    synth-clips --clips-per-class=1 --folds=1 --sample-rate=8000 --seconds=0.1 set
    run list-clips set >manifest.tsv
    run decode-audio --root=set --clip-seconds=0.1 <manifest.tsv >waveforms
    run log-mel --n-mels=12 <waveforms >features
    log-mel --n-mels=12 <waveforms | cmp - features
}

programs_under_test=()
for source in "$top"/tests/*.c; do
    name=$(basename "$source" .c)
    [[ $name == bench_* || $name == fault_injector ]] || programs_under_test+=("$name")
done

check 'builds with the address and undefined-behaviour sanitizers' build_address
for name in "${programs_under_test[@]}"; do
    check "$name under them" c_test "$name"
done
check 'a whole pipe and refused input under them' pipe_and_bad_input
check 'threads under the thread sanitizer' threads
check 'tools under valgrind' under_valgrind
done_testing
