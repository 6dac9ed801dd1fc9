#!/bin/bash
# make push and make pull with a directory as the remote: what is sent, and what is not.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"
. "$top/tests/servers.sh"

only_what_is_missing() {
    trained_project
    rm -rf data/.store
    make push REMOTE=../remote
    remote_is_right
    # All that the run came from, by its own record.
    /usr/bin/python3 - results/*/*/record.json >expected <<'END'
import json, sys
record = json.load(open(sys.argv[1]))
print("\n".join(sorted({step["sha256"] for step in record["steps"] if "origin" not in step["path"]})))
END
    find ../remote/objects -type f -printf '%f\n' | sort | comm -13 - expected | tee lacking
    [ ! -s lacking ]
    cmp results/*/*/record.json ../remote/runs/*/*/record.json
    find ../remote -type f -printf '%p %i\n' | sort >before
    make push REMOTE=../remote | grep ': 0 objects, 0 B, 0 steps; 0 '
    small_make local_train EPOCHS=3
    make push REMOTE=../remote | tee pushed
    # Epoch 3 and nine files of the run, its record and what is beside it.
    grep -q '^pushed    2 runs: 1[0-9] objects' pushed
    find ../remote -type f -printf '%p %i\n' | sort | comm -23 before - | tee replaced
    [ ! -s replaced ]
    clone other
    make pull REMOTE=../remote
    same_as_project EPOCHS=3
    # What is deleted comes back from the store.
    rm -r results
    small_make local_train EPOCHS=3
    trained 0
}

some_runs() {
    trained_project
    small_make local_train EPOCHS=1
    mkdir -p results/.tags
    run=$(dirname results/*/*epochs-2/log.csv)
    printf '%s\nthe first\n' "${run#results/}" >results/.tags/baseline
    make push REMOTE=../remote RUNS=data
    [ ! -e ../remote/runs ]
    clone folds
    make pull REMOTE=../remote RUNS=data
    ls data/prepared/small/*/fold-5.npy
    [ ! -e results ]
    small_make prepare
    ! grep '^prepare ' said
    cd ../project
    make push REMOTE=../remote RUNS=baseline
    [ "$(find ../remote/runs -name steps.tsv)" = "../remote/runs/${run#results/}/steps.tsv" ]
    make push REMOTE=../remote
    clone by-id
    rm -rf results
    make pull REMOTE=../remote RUNS="$(printf %s "${run#results/}" | sha256sum | cut -c 1-7)"
    [ "$(ls results/*/*/log.csv)" = "$run/log.csv" ]
    clone other
    make pull REMOTE=../remote RUNS=baseline
    cmp results/.tags/baseline ../project/results/.tags/baseline
    [ -e "$run/log.csv" ]
    [ ! -e "${run%2}1" ]
    must_fail 2 make pull REMOTE=../remote RUNS=none
    says "found no run or tag 'none' in ../remote"
    must_fail 2 make pull REMOTE=../remote RUNS=small
    says "'small' begins 2 runs"
    must_fail 2 make pull REMOTE=../nothing
    says '../nothing: found nothing that was pushed'
    must_fail 2 make pull
    says 'REMOTE: found none'
    must_fail 2 make push REMOTE=nowhere:there
    says 'nowhere:there: '
}

two_at_once() {
    trained_project
    clone other
    small_make local_train EPOCHS=3
    make push REMOTE=../remote >said.1 2>&1 &
    local first=$!
    (cd ../project && make push REMOTE=../remote) >said.2 2>&1
    wait $first
    cat said.1 said.2
    remote_is_right
    [ "$(find ../remote/runs -name steps.tsv | wc -l)" -eq 2 ]
    make push REMOTE=../remote | grep ': 0 objects, 0 B, 0 steps; 0 '
    # And killed: the next one goes on.
    rm -r ../remote
    local i
    for i in 1 2 3 4 5 6; do
        setsid make push REMOTE=../remote >/dev/null 2>&1 &
        first=$!
        sleep "1.$i"
        kill -KILL -- "-$first" || true
        wait $first || true
    done
    make push REMOTE=../remote
    rm -rf ../remote/tmp
    remote_is_right
}

check "only what is missing is sent; a fresh clone trains nothing" only_what_is_missing
check "some runs, by tag; the folds alone; runs that are not there" some_runs
check "two pushes at once, and six that are killed" two_at_once
done_testing
