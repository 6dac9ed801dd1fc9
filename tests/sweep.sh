#!/bin/bash
# Sweeps: experiments share their epochs, -j their cores; -k goes on past a failure; a sweep that was stopped goes on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"

epochs_are_shared() {
    project
    small_make sweep EPOCHS='3 4' FILTERS='2 3 4'
    trained 12
    [ "$(grep -c '^test ' said)" -eq 6 ]
    [ "$(wc -l <"$(echo results/sweeps/*/table.tsv)")" -eq 7 ]
    small_make sweep EPOCHS='3 4' FILTERS='2 3 4'
    [ "$(wc -l <said)" -eq 1 ]
    small_make sweep EPOCHS='3 4' FILTERS='2 3 4 5'
    trained 4
}

# The tools note how many threads they were given, and sleep; no more than two may run at a time.
threads_are_shared() {
    project
    mv bin/train-epoch bin/train-epoch.real
    cat >bin/train-epoch <<'END'
#!/bin/bash
for option; do [[ $option != --threads=* ]] || threads=${option#*=}; done
echo "$threads" >>"$NOTES"
[ "$(find "$RUNNING" -type f | wc -l)" -lt 2 ] || echo "too many at a time" >>"$NOTES"
: >"$RUNNING/$$"
sleep 0.1
train-epoch.real "$@"
status=$?
rm "$RUNNING/$$"
exit $status
END
    chmod +x bin/train-epoch
    mkdir running
    touch -d '1 hour' bin/train-epoch
    export NOTES=$PWD/notes RUNNING=$PWD/running
    small_make -j2 sweep FILTERS='2 3 4' THREADS=6
    [ "$(sort -u notes)" = 3 ]
    rm notes
    small_make sweep FILTERS='5 6' THREADS=6
    [ "$(sort -u notes)" = 6 ]
    rm notes
    small_make -j8 sweep FILTERS='7' THREADS=6
    [ "$(sort -u notes)" = 6 ]
    rm notes
    taskset -c 0 make SMALL_DIR="$scratch/$checks/small" $small sweep FILTERS='8' # on one processor
    [ "$(sort -u notes)" = 1 ]
}

goes_on_past_a_failure() {
    project
    mv bin/train-epoch bin/train-epoch.real
    cat >bin/train-epoch <<'END'
#!/bin/bash
[[ " $* " != *" --batch-size=4 "* ]] || { echo "train-epoch: the loss is not finite" >&2; exit 1; }
exec train-epoch.real "$@"
END
    chmod +x bin/train-epoch
    touch -d '1 hour' bin/train-epoch
    ! small_make -k sweep BATCH_SIZE='4 8' || return 1
    grep -q 'Error 1' said
    grep -q 'batch-4_.*epoch-001' said
    [ "$(find results -name summary.txt ! -path '*/.made/*' | wc -l)" -le 1 ]
    ls results/*batch-8*/*/test_scores.json
    ! ls results/*batch-4*/epoch-001.safetensors
    make runs >out
    sed -n 2,3p out
    grep -E '^ +4 .* interrupted ' out
    grep -E '^ +8 .* done ' out
}

# The table says of each run which engine computed it; the two share no file.
engines() {
    project
    small_make sweep ENGINE='exact openblas'
    trained 4
    grep -E '^ENGINE +train_loss' said
    grep -E '^exact ' said
    grep -E '^openblas ' said
    make runs >out
    grep -E '^ENGINE +train_loss' out
    [ "$(runs --format=tsv --columns=ENGINE results | sort | paste -s -d ' ')" = 'ENGINE exact openblas' ]
    tensor-print --metadata results/*seed-0/epoch-002.safetensors | grep -E 'engine[^a-z]+exact'
    tensor-print --metadata results/*openblas/epoch-002.safetensors | grep -E 'engine[^a-z]+openblas'
    { tensor-compare results/*/epoch-002.safetensors || true; } | grep 'comparable on like machines only'
    rm -r results/*seed-0
    make runs | grep ENGINE
}

check "runs that differ in EPOCHS share their epochs" epochs_are_shared
check "-j shares the threads out" threads_are_shared
check "engines are told apart" engines
check "-k goes on past a failed run" goes_on_past_a_failure
done_testing
