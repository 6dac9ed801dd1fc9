#!/bin/bash
# runs show, runs diff and the names of runs, on two runs by hand.
. "$(dirname "$0")/lib.sh"
. "$top/tests/runs_lib.sh"

first=demo_filters-16_seed-0/four
second=demo_filters-32_seed-1/five

# found NAME: the run that show finds under the name
found() {
    runs show --format=json "$1" | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["run"])'
}

names() {
    two_runs
    runs tag baseline "$first"
    local name
    for name in results/$first results/$first/ "$PWD/results/$first" $first demo_filters-16 demo_filters-16_seed-0/ \
        baseline "$(id $first)" "$(id $first | cut -c -4)"; do
        [ "$(found "$name")" = $first ] || { echo "$name"; return 1; }
    done
    [ "$(cd results && runs show --format=json --results=. $second | grep -c five)" -gt 0 ]
    [ "$(cd results/$first && runs show --format=json . | grep -c '"baseline"')" -eq 1 ]
    must_fail 1 runs show demo_
    says "'demo_' fits 2 runs: $first ($(id $first)), $second ($(id $second))"
    must_fail 1 runs show baselin
    says "the nearest tag is 'baseline'"
    must_fail 1 runs show nothing-like-it
    says "no run of 'results' is called 'nothing-like-it'"
    must_fail 1 runs show ''
    must_fail 1 runs show "$(id $first | cut -c -3)"
    must_fail 1 runs show --results=none baseline
    says "cannot open 'none'"
    rm -r results/demo_filters-16_seed-0
    must_fail 1 runs show baseline
    says "the tag 'baseline' names the run '$first', which is not in 'results'"
}

shown() {
    two_runs
    runs tag --note=$'before the change\nof width' baseline $first
    runs show $first >out
    grep -qx "run                     $first" out
    grep -qx "id                      $(id $first)" out
    grep -qx 'state                   done' out
    grep -qx 'tag                     baseline  before the change' out
    grep -qx '                          of width' out
    grep -qx '  FILTERS               16' out
    grep -qx '  val_acc               0.5' out
    grep -qx '  epoch-001             1.25' out
    sha256=$(sha256sum <results/$first/log.csv | cut -c -64)
    grep -Eqx "  log.csv +$(wc -c <results/$first/log.csv)  recorded +$sha256" out
    grep -q '^  environment.json  .* not recorded  ' out
    grep -qx '    fftw                3.3.10' out
    grep -qx '    dirty               no' out
    runs show --format=json $first >out.json
    (cd results/$first && stat -c '%n %s' -- * && sha256sum -- *) >files
    /usr/bin/python3 - $first <<'PYTHON'
import json, sys
run = json.load(open('out.json'))
assert run['run'] == sys.argv[1] and run['state'] == 'done' and run['directory'] == 'results/' + sys.argv[1]
assert run['tags'] == [{'name': 'baseline', 'note': 'before the change\nof width'}]
assert run['parameters'] == {'DATASET': 'demo', 'FILTERS': 16, 'SEED': 0}
assert run['metrics'] == {'train_loss': 1.5, 'train_acc': 0.5, 'val_loss': 1.75, 'val_acc': 0.5,
                          'test_loss': 1.25, 'test_acc': 0.5}
assert run['times'] == {'epoch-001': 1.25, 'epoch-002': 2}
assert run['tools'] == {'bin/train-epoch': 'b' * 64, 'bin/score': 'c' * 64}
assert run['environment'] == json.load(open('results/' + sys.argv[1] + '/environment.json'))
words = [line.split() for line in open('files')]
count = len(words) // 2
expected = {name: (int(size), sha256) for (name, size), (sha256, _) in zip(words[:count], words[count:])}
assert {f['name']: (f['bytes'], f['sha256']) for f in run['files']} == expected
PYTHON
}

# state RUN: as show tells it, and the files that are not as they were
state() {
    runs show "$1" | awk '$1 == "state" { print $2 } $3 == "changed" || $3 == "missing" { print $1, $3 }' | xargs
}

states() {
    two_runs
    echo 3,1,1,1,1 >>results/$first/log.csv
    [ "$(state $first)" = 'changed log.csv changed' ]
    runs --format=tsv --columns=state results/$first | grep -x done
    rm results/$second/test_scores.json
    [ "$(state $second)" = 'changed test_scores.json missing' ]
    rm results/$first/record.json
    [ "$(state $first)" = interrupted ]
    : >results/$first/.run.tsv.1.part
    { flock 8; [ "$(state $first)" = running ]; } 8>results/$first/.run.tsv.1.part
    [ "$(state $first)" = interrupted ]
    rm results/$first/run.tsv results/$first/environment.json
    [ "$(state $first)" = interrupted ]
    runs show $first | grep -qx '  FILTERS               16'
}

compared() {
    two_runs
    runs diff --format=tsv $first $second >out
    {
        printf 'what\tname\tfirst\tsecond\tdifference\nparameter\tFILTERS\t16\t32\t16\nparameter\tSEED\t0\t1\t1\n'
        printf 'metric\tval_acc\t0.5\t0.625\t0.125\n'
        printf 'tool\tbin/train-epoch\t%s\t%s\t-\n' "$(printf 'b%.0s' {1..64})" "$(printf 'a%.0s' {1..64})"
        printf 'version\tfftw\t3.3.10\t3.3.9\t-\n'
        printf 'code\trevision\t%s\t%s\t-\n' "$(printf 'e%.0s' {1..40})" "$(printf 'f%.0s' {1..40})"
        printf 'code\tdirty\tno\tyes\t-\ncode\tdiff\t-\t%s\t-\n' "$(printf 'a change\n' | sha256sum | cut -d ' ' -f 1)"
    } | diff - out
    runs diff $first $second | grep -E '^parameter +FILTERS +16 +32 +16$'
    runs diff --format=json $first $second >out
    /usr/bin/python3 -c 'import json; assert len(json.load(open("out"))) == 8'
    [ "$(runs diff $first $first)" = 'no difference in parameters, metrics, tools, data, versions, machine, code' ]
    [ "$(runs diff --format=tsv $first $first | wc -l)" -eq 1 ]
    rm results/*/*/record.json results/$first/environment.json
    runs diff $first $second >out
    grep -qx 'not compared: tools, data (neither run has a record.json)' out
    grep -E '^version +compiler +- +gcc 12.2.0 +-$' out
    rm results/$second/environment.json
    runs diff $first $second | grep 'not compared: versions, machine, code'
    must_fail 2 runs diff $first
    must_fail 1 runs diff $first none
}

# bad FILE TEXT MESSAGE: this file in the first run's directory must be refused.
bad() {
    cp results/$first/"$1" kept
    printf "$2" >results/$first/"$1"
    must_fail 1 runs show $first
    says "$first/$1: $3"
    must_fail 1 runs diff $second $first
    mv kept results/$first/"$1"
}

malformed() {
    two_runs
    bad record.json '' 'line 1:'
    bad record.json '{"format": "bitfast-run-1"' 'line 1:'
    bad record.json '[]' 'is no JSON object'
    bad record.json '{"format": "x"}' "has the format 'x', expected 'bitfast-run-1'"
    bad record.json '{"format": "bitfast-run-1"}' "has no object 'parameters'"
    bad record.json '{"format": "bitfast-run-1", "parameters": {"A": 1}}' "the parameter 'A' is no text"
    local head='{"format": "bitfast-run-1", "parameters": {}, "tools": '
    bad record.json "$head{}}" "has no list 'tools'"
    bad record.json "$head[1]}" "'tools', item 1: is no object with a path and a sha256"
    bad record.json "$head[{\"path\": \"x\", \"sha256\": \"12\"}]}" "'tools', item 1"
    bad record.json "$head[], \"inputs\": []}" "has no list 'outputs'"
    bad environment.json 'x' 'line 1:'
    bad environment.json '1' 'line 1:'
    printf 'step\nx\n' >results/$first/times.tsv
    must_fail 1 runs show $first
    says "$first/times.tsv: has no column 'seconds'"
    rm results/$first/times.tsv
    rm results/$second/code.diff
    must_fail 1 runs diff $first $second
    says 'code.diff'
    must_fail 1 sh -c "runs show $first >/dev/full"
    says 'No space left on device'
    must_fail 1 sh -c "runs diff $first $second >/dev/full"
    must_fail 2 runs show
    must_fail 2 runs show --format=tsv $first
}

check 'a run is found by path, name, tag, and the beginning of name or id' names
check 'show: all that is known, as text and as JSON' shown
check 'show: the state, from the bytes of the outputs' states
check 'diff: parameters, metrics, tools, versions, code' compared
check 'malformed records, a full disk' malformed
done_testing
