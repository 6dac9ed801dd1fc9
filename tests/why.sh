#!/bin/bash
# make why: says of each step why it would run, from what to what, and makes nothing.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"

# tree: every file below data, results and plots with its bytes and times.
tree() {
    find data results plots -type f -exec stat -c '%n %s %.9Y %i' {} + 2>/dev/null | sort || true
}

# why TEXT... -- ARGUMENT...: make why says all of these and leaves everything as it is.
why() {
    local text texts=()
    while [ "$1" != -- ]; do texts+=("$1"); shift; done
    shift
    tree >tree
    small_make why "$@"
    tree | diff tree -
    for text in "${texts[@]}"; do grep -qF -- "$text" said || { echo "it does not say '$text'"; return 1; }; done
}

# The lines of steps, as "FATE NAME".
steps_said() {
    sed -n 's/^  \(runs\|restored\|may run\)  *\([^ ]*\) .*/\1 \2/p' said
}

nothing_made() {
    project
    why 'clips.tsv               is missing' 'epoch-002.safetensors   is missing' --
    [ ! -e data ] && [ ! -e results ]
    # What it says runs is what then runs.
    steps_said | sed 's/^runs //' | sort >expected
    small_make local_train STORE=
    find data results plots -path '*/.made/*' ! -name times -printf '%f\n' | sort | diff expected -
    why 'local_train is up to date' --
    [ "$(wc -l <said)" -eq 1 ]
}

missing_file() {
    project
    small_make local_train
    model=$(echo results/*/epoch-002.safetensors)
    why "$model is up to date" -- TARGET="$model"
    rm "$model"
    why 'restored  epoch-002.safetensors   is missing; the store has it' -- TARGET="$model"
    [ "$(steps_said)" = 'restored epoch-002.safetensors' ]
    why 'runs      epoch-002.safetensors   is missing' -- TARGET="$model" STORE=
    small_make "$model" STORE=
    why "$model is up to date" -- TARGET="$model"
    why 'runs      epoch-003.safetensors   is missing' -- EPOCHS=3 TARGET="${model%2.safe*}3.safetensors"
    [ "$(steps_said | paste -s -d ' ')" = 'runs parameters.mk runs epoch-003.safetensors' ]
}

changed_tool() {
    project
    small_make local_train
    before=$(sha256sum <bin/train-epoch)
    printf '\n' >>bin/train-epoch
    touch -d '1 hour' bin/train-epoch
    after=$(sha256sum <bin/train-epoch)
    why "runs      epoch-001.safetensors   tool bin/train-epoch: sha256 ${before::12} -> ${after::12}" \
        'may run   test_scores.json        predictions.tsv is made again' \
        'may run   log.csv                 epoch-001.safetensors, epoch-002.safetensors are made again' --
    model=$(echo results/*/epoch-002.safetensors)
    why "tool bin/train-epoch: sha256 ${before::12} -> ${after::12}" -- TARGET="$model"
    [ "$(steps_said | paste -s -d ' ')" = 'runs epoch-001.safetensors runs epoch-002.safetensors' ]
}

changed_input() {
    project
    small_make local_train
    fold=$(echo data/prepared/small/rate*/fold-4.npy)
    before=$(sha256sum <"$fold")
    printf 'X' | dd of="$fold" bs=1 seek=9000 conv=notrunc status=none
    after=$(sha256sum <"$fold")
    touch -d '1 hour' "$fold"
    why "input $fold: sha256 ${before::12} -> ${after::12}" -- TARGET="$(echo results/*/epoch-001.safetensors)"
    touch -d '2 hours' data/prepared/small/fold-4.tsv
    why "was changed after it was made: sha256 ${before::12} -> ${after::12}" -- TARGET="$fold"
}

changed_command() {
    project
    small_make local_train
    model=$(echo results/*/epoch-001.safetensors)
    record=results/*/.made/epoch-001.safetensors
    # shellcheck disable=SC2086 # one file
    sed -i '/^command/s/--learning-rate=0.0003/--learning-rate=0.001/; /^command/s/ < / --fast < /' $record
    touch -d '1 hour' data/prepared/small/rate*/fold-1.npy
    why 'learning-rate: 0.001 -> 0.0003' 'command: --fast is no longer there' -- TARGET="$model"
    ! grep batch-size said
}

touched() {
    project
    small_make local_train
    touch data/prepared/small/*.tsv
    why 'files: tool, inputs and command have the same bytes' --
    [ "$(steps_said | wc -l)" -eq 0 ]
    small_make local_train
    ! grep -E '^(prepare|train|test) ' said
}

changed_data() {
    project
    small_make local_train
    sleep 0.01
    touch "$scratch/$checks"/small/audio/*
    why 'runs      clips.tsv               a file in data/small is newer' 'may run   fold-1.tsv' --
}

damaged_record() {
    project
    small_make local_train
    model=$(echo results/*/epoch-002.safetensors)
    head -c 100 /dev/urandom >"$(dirname "$model")/.made/epoch-002.safetensors"
    touch -d '1 hour' "$(dirname "$model")/epoch-001.safetensors"
    why 'restored  epoch-002.safetensors   has no record of how it was made; the store has it' -- TARGET="$model"
    small_make "$model"
    restored 1
}

no_such_target() {
    project
    must_fail 2 make --no-print-directory why TARGET=nothing
    says "make: why: No rule to make target 'nothing'"
    must_fail 2 make --no-print-directory why FILTER=8
    says 'FILTER: no such parameter; the nearest is FILTERS'
}

tool() {
    must_fail 1 step-why <<<'x'
    says 'standard input: ends within a step'
    must_fail 1 sh -c 'printf "a\0\0" | step-why'
    says 'a step has no target and command'
    must_fail 1 sh -c 'printf "a\0b\0missing\0\0" | step-why'
    says 'missing: cannot be read: No such file or directory'
    must_fail 1 sh -c 'printf "a\0true\0\0" | step-why >/dev/full'
    printf 'a\0--x=1 y\0\0' | step-why >out
    printf './\n  runs      a                       is missing\n' | diff - out
    step-why one two </dev/null >out
    printf 'one is up to date\ntwo is up to date\n' | diff - out
    must_fail 2 step-why --stor=x
    says "the nearest is '--store'"
}

check "nothing is made or touched" nothing_made
check "a missing file; the store" missing_file
check "a tool that changed" changed_tool
check "an input that changed" changed_input
check "a command, word by word" changed_command
check "files that are only touched" touched
check "a data set that changed" changed_data
check "a damaged record" damaged_record
check "a target that no rule makes" no_such_target
check "step-why by itself" tool
done_testing
