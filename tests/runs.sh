#!/bin/bash
# runs: the table of experiments, from three hand-made runs.
. "$(dirname "$0")/lib.sh"

# An older run without LEARNING_RATE; one without validation; one with times. The id of a run is the beginning of the
# sha256 of its name: printf a | sha256sum.
three_runs() {
    mkdir -p results/demo/a results/demo/b results/c results/.hidden results/unfinished
    printf 'run\tDATASET\tFILTERS\tEPOCHS\tSEED\ttrain_loss\ttrain_acc\tval_loss\tval_acc\ttest_loss\ttest_acc\n' >head
    { cat head; printf 'a\tdemo\t8\t4\t0\t1.5\t0.5\t1.75\t0.4375\t1.8\t0.41666666\n'; } >results/demo/a/run.tsv
    { cat head; printf 'b\tdemo\t16\t4\t0\t1.25\t0.625\t\t\t1.4\t0.5\n'; } >results/demo/b/run.tsv
    printf 'run\tDATASET\tFILTERS\tLEARNING_RATE\tEPOCHS\tSEED\ttrain_loss\ttrain_acc\tval_loss\t' >results/c/run.tsv
    printf 'val_acc\ttest_loss\ttest_acc\n' >>results/c/run.tsv
    printf 'c\tdemo\t32\t3e-4\t4\t0\t1\t0.75\t1.5\t0.5625\t1.2\t0.58333333\n' >>results/c/run.tsv
    printf 'step\tseconds\nepoch-001\t1.25\nepoch-002\t1.5\ntest\t0.5\n' >results/c/times.tsv
    cp results/demo/a/run.tsv results/.hidden/run.tsv
    ln -s ../demo results/unfinished/link
    : >results/demo/a/record.json
    : >results/demo/b/record.json
    : >results/c/record.json
}

text() {
    three_runs
    runs results >out
    cat >expected <<'END'
FILTERS  LEARNING_RATE  train_loss  train_acc  val_loss  val_acc  test_loss  test_acc  seconds  id
     32           3e-4      1.0000     0.7500    1.5000   0.5625     1.2000    0.5833      3.2  2e7d2c03
      8              -      1.5000     0.5000    1.7500   0.4375     1.8000    0.4167        -  ca978112
     16              -      1.2500     0.6250         -        -     1.4000    0.5000        -  3e23e816
END
    diff expected out
    runs results/demo/a >out
    cat >expected <<'END'
FILTERS  EPOCHS  SEED  train_loss  train_acc  val_loss  val_acc  test_loss  test_acc  seconds  id
      8       4     0      1.5000     0.5000    1.7500   0.4375     1.8000    0.4167        -  ca978112
END
    diff expected out
    runs --all-columns results | grep -q '^run  DATASET  FILTERS  LEARNING_RATE  EPOCHS  SEED  train_loss'
}

# The order of the columns: the first run's parameters, then those that only later ones have, then the metrics.
formats() {
    three_runs
    runs --format=tsv results >out
    printf 'run\tDATASET\tFILTERS\tLEARNING_RATE\tEPOCHS\tSEED\ttrain_loss\ttrain_acc\t' >expected
    printf 'val_loss\tval_acc\ttest_loss\ttest_acc\n' >>expected
    printf 'c\tdemo\t32\t3e-4\t4\t0\t1\t0.75\t1.5\t0.5625\t1.2\t0.58333333\n' >>expected
    printf 'a\tdemo\t8\t-\t4\t0\t1.5\t0.5\t1.75\t0.4375\t1.8\t0.41666666\n' >>expected
    printf 'b\tdemo\t16\t-\t4\t0\t1.25\t0.625\t-\t-\t1.4\t0.5\n' >>expected
    diff expected out
    runs --format=tsv results/demo/a results/c | head -1 |
        grep -qP '^run\tDATASET\tFILTERS\tEPOCHS\tSEED\tLEARNING_RATE\ttrain_loss'
    sed -i 's/demo\t32/a "good", one\t32/' results/c/run.tsv
    runs --format=csv results >out.csv
    runs --format=json results >out.json
    runs --format=tsv results >out.tsv
    /usr/bin/python3 - <<'PYTHON'
import csv, json
with open('out.tsv') as file:
    header, *rows = [line.rstrip('\n').split('\t') for line in file]
with open('out.csv', newline='') as file:
    assert list(csv.reader(file)) == [header, *rows]
with open('out.json') as file:
    found = json.load(file, parse_float=str, parse_int=str)
expected = [{k: None if v == '-' else v for k, v in zip(header, row)} for row in rows]
assert found == expected, (found, expected)
with open('out.json') as file:
    assert json.load(file)[0]['FILTERS'] == 32
PYTHON
}

columns() {
    three_runs
    runs --format=tsv --columns=test_acc,run,seconds results >out
    printf 'test_acc\trun\tseconds\n0.58333333\tc\t3.25\n0.41666666\ta\t-\n0.5\tb\t-\n' | diff - out
    must_fail 2 runs --columns=run,FILTER results
    says "no run has a column 'FILTER'; the nearest is 'FILTERS'"
    must_fail 2 runs --columns= results
    must_fail 2 runs --columns=run, results
    must_fail 2 runs --columns=run --all-columns results
}

# order OPTION...: the names of the runs, in order
order() {
    runs --columns=run --format=tsv "$@" results | tail -n +2 | tr -d '\n'
}

sorting() {
    three_runs
    [ "$(order)" = cab ]
    [ "$(order --sort=FILTERS)" = abc ]
    [ "$(order --sort=FILTERS --reverse)" = cba ]
    [ "$(order --sort=val_acc)" = acb ]
    [ "$(order --sort=val_acc --reverse)" = cab ]
    [ "$(order --sort=SEED)" = cab ]
    [ "$(order --sort=SEED --reverse)" = cab ]
    [ "$(order --sort=run --reverse)" = cba ]
    [ "$(order --sort=seconds --reverse --top=2)" = ca ]
    [ "$(order --sort=test_loss --top=1)" = c ]
    [ "$(order --best)" = c ]
    sed -i 's/\t8\t/\t8x\t/' results/demo/a/run.tsv
    [ "$(order --sort=FILTERS)" = bca ]
    must_fail 2 runs --sort=val_ac results
    says "the nearest is 'val_acc'"
    must_fail 2 runs --best --sort=run results
    must_fail 2 runs --reverse results
    must_fail 1 runs --best results/demo/b
    says 'no run has a val_acc'
}

filters() {
    three_runs
    [ "$(order --filter='FILTERS=16')" = b ]
    [ "$(order --filter='FILTERS==16.0')" = b ]
    [ "$(order --filter='FILTERS != 16')" = ca ]
    [ "$(order --filter='FILTERS>8')" = cb ]
    [ "$(order --filter='FILTERS >= 8')" = cab ]
    [ "$(order --filter='FILTERS<32')" = ab ]
    [ "$(order --filter='FILTERS<=16' --filter='FILTERS>8')" = b ]
    [ "$(order --filter='LEARNING_RATE=0.0003')" = c ]
    [ "$(order --filter='LEARNING_RATE!=0.0003')" = ab ]
    [ "$(order --filter='val_acc<1')" = ca ]
    [ "$(order --filter='run>=b')" = cb ]
    [ "$(order --filter='seconds>3.2')" = c ]
    [ "$(order --filter='DATASET=esc10')" = '' ]
    [ "$(runs --format=json --filter='DATASET=esc10' results | tr -d '\n')" = '[]' ]
    must_fail 2 runs --filter=FILTER=3 results
    says "no run has a column 'FILTER'; the nearest is 'FILTERS'"
    local bad
    for bad in '' ' ' = '=3' FILTERS 'FILTERS!3' ' <3'; do
        must_fail 2 runs "--filter=$bad" results
        says 'is not a condition'
    done
    must_fail 2 runs "--filter=$(printf 'x%.0s' {1..300})=1" results
    says 'no run has a column'
}

# Several conditions in one, names in any case; a value goes on until the next name and operator.
conditions() {
    three_runs
    [ "$(order --filter='filters>=16 val_acc>0.5')" = c ]
    [ "$(order --filter='  Filters >= 8   SEED = 0  test_acc<.55 ')" = ab ]
    [ "$(order --filter='filters!=8 filters!=16 Run!=x')" = c ]
    [ "$(order --filter='learning_rate!=3e-4 test_ACC>=0.5')" = b ]
    [ "$(order --filter='state=done')" = cab ]
    sed -i 's/demo/one = two/' results/c/run.tsv
    [ "$(order --filter='dataset=one = two filters=32')" = c ]
    sed -i 's/one = two/one two 3/' results/c/run.tsv
    [ "$(order --filter='dataset=one two 3 filters=32')" = c ]
    [ "$(order --filter='filters=32 dataset=one two 3')" = c ]
    must_fail 2 runs --filter='val_acc>0.1 filter=16' results
    says "no run has a column 'filter'; the nearest is 'FILTERS'"
    sed -i '1s/train_loss/filters/' results/demo/b/run.tsv
    [ "$(order --filter='filters=1.25')" = b ]
    must_fail 2 runs --filter='Filters=8' results
    says "the column 'Filters' may be 'FILTERS' or 'filters'"
}

only_changed() {
    three_runs
    [ "$(runs --only-changed --columns=run,SEED,EPOCHS,FILTERS,DATASET results | sed -n 1p | xargs)" = 'run FILTERS' ]
    sed -i 's/1.8\t/1.4\t/; s/\t16\t/\t8\t/' results/demo/*/run.tsv
    runs --only-changed --format=tsv results/demo >out
    printf 'run\ttrain_loss\ttrain_acc\tval_loss\tval_acc\ttest_acc\n' >expected
    printf 'a\t1.5\t0.5\t1.75\t0.4375\t0.41666666\n' >>expected
    printf 'b\t1.25\t0.625\t-\t-\t0.5\n' >>expected
    diff expected out
    runs --only-changed --format=tsv results/c | head -n 1 | grep -x run
    runs --only-changed results/c # a table of one column is left
}

# As GitHub reads it; the values are what the text table has.
markdown() {
    three_runs
    sed -i 's/demo\t32/a|b *c* \\ `d` <e>\t32/' results/c/run.tsv
    runs --format=markdown --columns=run,DATASET,FILTERS,val_acc results >out
    /usr/bin/python3 - <<'PYTHON'
import re
lines = open('out').read().splitlines()
def cells(line):
    assert line.startswith('| ') and line.endswith(' |'), line
    parts = re.split(r'(?<!\\)\|', line)[1:-1]
    return [re.sub(r'\\(.)', r'\1', part.strip()) for part in parts]
rows = [cells(line) for line in lines]
assert rows[0] == ['run', 'DATASET', 'FILTERS', 'val_acc'], rows[0]
assert rows[1] == ['---', '---', '---:', '---:'], rows[1]
assert rows[2] == ['c', 'a|b *c* \\ `d` <e>', '32', '0.5625'], rows[2]
assert rows[3:] == [['a', 'demo', '8', '0.4375'], ['b', 'demo', '16', '-']], rows[3:]
PYTHON
}

# What a run is without run.tsv or record.json, and while someone makes it.
states() {
    three_runs
    mkdir -p results/t/one results/t/two results/t/three
    printf 'DATASET = demo\nFOLDS_TRAIN = 1 2 3\nFILTERS = 4\n' |
        tee results/t/{one,two}/parameters.mk >results/t/three/parameters.mk
    : >results/t/three/record.json
    rm results/demo/b/record.json
    state() {
        runs --format=tsv --columns=run,state "$@" results | tail -n +2 | tr '\t\n' '= '
    }
    [ "$(state)" = 'c=done a=done b=interrupted t/one=interrupted t/three=changed t/two=interrupted ' ]
    : >results/t/one/.log.csv.123.part
    : >results/t/.epoch-001.safetensors.9.part
    [ "$(state --filter=run=t/one)" = 't/one=interrupted ' ]
    {
        flock 8
        [ "$(state)" = 'c=done a=done b=interrupted t/one=running t/three=changed t/two=interrupted ' ]
    } 8>results/t/one/.log.csv.123.part
    {
        flock 8
        [ "$(state '--filter=run>=t')" = 't/one=running t/three=changed t/two=running ' ]
    } 8>results/t/.epoch-001.safetensors.9.part
    runs --format=tsv --columns=run,FILTERS,FOLDS_TRAIN,val_acc results/t/two >out
    printf 'run\tFILTERS\tFOLDS_TRAIN\tval_acc\nt/two\t4\t1+2+3\t-\n' | diff - out
    runs results | head -n 1 | grep -q '  seconds  state  *id$'
    printf 'FILTERS 4\n' >results/t/two/parameters.mk
    must_fail 1 runs results
    says "results/t/two/parameters.mk: line 1: found 'FILTERS 4', expected NAME = VALUE"
    printf 'FILTERS = 4\0\n' >results/t/two/parameters.mk
    must_fail 1 runs results
    says 'results/t/two/parameters.mk: holds the control character 0x00'
}

difference() {
    three_runs
    runs --diff results/demo/a results/demo/b >out
    cat >expected <<'END'
name        first       second  difference
run         a           b                -
FILTERS     8           16               8
train_loss  1.5         1.25         -0.25
train_acc   0.5         0.625        0.125
val_loss    1.75        -                -
val_acc     0.4375      -                -
test_loss   1.8         1.4           -0.4
test_acc    0.41666666  0.5     0.08333334
END
    diff expected out
    runs --diff --format=tsv results/c results/demo/a | grep -qP '^LEARNING_RATE\t3e-4\t-\t-$'
    must_fail 1 runs --diff results
    says '--diff compares two runs, found 3'
    must_fail 2 runs --diff --sort=run results
}

# Which engine computed a run is seen wherever one was not exact, even if all have the same.
engines() {
    three_runs
    local run engine
    for run in demo/a:exact demo/b:openblas c:openblas; do
        engine=${run#*:}
        sed -i "1s/\$/\tENGINE/; 2s/\$/\t$engine/" results/"${run%:*}"/run.tsv
    done
    runs --filter='FILTERS<=16' results >out
    cat >expected <<'END'
FILTERS  ENGINE    train_loss  train_acc  val_loss  val_acc  test_loss  test_acc  seconds  id
      8  exact         1.5000     0.5000    1.7500   0.4375     1.8000    0.4167        -  ca978112
     16  openblas      1.2500     0.6250         -        -     1.4000    0.5000        -  3e23e816
END
    diff expected out
    runs results/c >out
    head -n 1 out | grep -q '^FILTERS  EPOCHS  SEED  ENGINE  '
    tail -n 1 out | grep -q ' openblas '
    runs --filter='ENGINE=openblas' results | grep -c ' openblas ' | grep -qx 2
    ! runs results/demo/a | grep -q ENGINE || return 1
    runs --diff results/demo/a results/demo/b | grep -q '^ENGINE  *exact  *openblas  *-$'
    [ "$(order --filter='ENGINE=openblas')" = cb ]
    runs --format=tsv --columns=run,ENGINE results >out
    printf 'run\tENGINE\nc\topenblas\na\texact\nb\topenblas\n' | diff - out
}

records() {
    three_runs
    runs --columns=run results/c/run.tsv | grep c
    (cd results/c && runs --columns=seconds --format=tsv run.tsv | grep -x 3.25)
    must_fail 1 runs results/unfinished
    says 'results/unfinished: holds no run'
    must_fail 1 runs none
    says "cannot open 'none'"
    must_fail 1 runs results/c none
    # bad TEXT MESSAGE: this run.tsv must be refused with its name.
    bad() {
        printf "$1" >results/c/run.tsv
        must_fail 1 runs results
        says "results/c/run.tsv: $2"
    }
    bad '' 'is empty'
    bad 'run\tFILTERS\n' 'has 0 rows, expected one'
    bad 'run\tFILTERS\nc\t1\nd\t2\n' 'has 2 rows, expected one'
    bad 'run\tFILTERS\nc\n' 'line 2: has 1 fields, expected 2'
    bad 'FILTERS\n1\n' "has no column 'run'"
    bad 'run\tFILTERS\tFILTERS\nc\t1\t2\n' "the column 'FILTERS' is there twice"
    bad 'run\tseconds\nc\t1\n' "has the column 'seconds'"
    bad 'run\tstate\nc\t1\n' "has the column 'state', which no file of a run has"
    bad 'run\ttags\nc\t1\n' "has the column 'tags'"
    bad 'run\tid\nc\t1\n' "has the column 'id'"
    bad 'run\tFILTERS\nc\t1\0\n' 'line 2: holds the control character'
    printf 'run\tFILTERS\nc\t1\n' >results/c/run.tsv
    printf 'step\tseconds\nx\t1\ny\t-1\n' >results/c/times.tsv
    must_fail 1 runs results
    says "results/c/times.tsv: line 3, column 'seconds': -1 is out of range"
    runs --format=tsv results
    printf 'run\tFILTERS\n\xff\t1\n' >results/c/run.tsv
    must_fail 1 runs --format=json results
    says 'is not UTF-8'
    rm results/c/run.tsv
    mkdir results/c/run.tsv
    must_fail 1 runs results
    says 'results/c/run.tsv: cannot be read: Is a directory'
}

full_disk() {
    three_runs
    for format in text tsv csv json markdown; do
        must_fail 1 sh -c "runs --format=$format results >/dev/full"
        says 'No space left on device'
    done
}

# What is printed does not depend on the order in which the file system lists names.
many_runs() {
    local i
    for i in $(shuf -i 100-399 --random-source=/bin/sh); do
        mkdir -p "results/$i"
        printf 'run\tSEED\tval_acc\n%s\t%s\t0.5\n' "$i" "$i" >"results/$i/run.tsv"
    done
    runs --format=tsv --columns=run results | tail -n +2 >out
    seq 100 399 | diff - out
}

check 'the text table' text
check 'TSV, CSV and JSON hold the same, exactly' formats
check 'chosen columns' columns
check 'sorting, the first and the best' sorting
check 'filters' filters
check 'several conditions in one, names in any case' conditions
check 'two runs side by side' difference
check 'only columns that differ' only_changed
check 'Markdown' markdown
check 'done, running, interrupted, changed' states
check 'another engine is always named' engines
check 'records: directories, files, bad ones' records
check 'a full disk is noticed' full_disk
check 'many runs come in the order of their names' many_runs
done_testing
