#!/bin/bash
# runs --group-by: the statistics of runs that differ in a parameter, against numpy's.
. "$(dirname "$0")/lib.sh"

# Two widths, two rates, seeds and folds; one run lacks its validation, one group has one run, val_acc is all the same
# in another.
runs_of_seeds() {
    /usr/bin/python3 - <<'PYTHON'
import os, random
random.seed(7)
names = 'run FILTERS LEARNING_RATE SEED FOLDS_TEST train_loss train_acc val_loss val_acc test_loss test_acc'.split()
for filters in '8', '16', '32':
    for rate in '0.001', '0.0003':
        for seed in range(3 if filters != '32' else 1):
            for test in '5', '4':
                folder = f'results/f{filters}-r{rate}-s{seed}/t{test}'
                metrics = ['%.9g' % random.random() for i in range(6)]
                if (filters, rate) == ('8', '0.001'):
                    metrics[3] = '0.1'
                if (filters, rate, seed, test) == ('16', '0.001', 2, '5'):
                    metrics[2:4] = ['', '']
                row = [folder[8:], filters, rate, str(seed), test, *metrics]
                os.makedirs(folder)
                with open(folder + '/run.tsv', 'w') as file:
                    file.write('\t'.join(names) + '\n' + '\t'.join(row) + '\n')
                with open(folder + '/times.tsv', 'w') as file:
                    file.write(f'step\tseconds\nepoch-001\t{random.random():.3f}\nepoch-002\t1.5\n')
PYTHON
}

against_numpy() {
    runs_of_seeds
    local over columns=train_loss,train_acc,val_loss,val_acc,test_loss,test_acc,seconds
    runs --format=tsv --columns=FILTERS,LEARNING_RATE,SEED,FOLDS_TEST,$columns results >rows.tsv
    for over in seed SEED,folds_test FILTERS; do
        runs --group-by=$over --format=json results >groups.json
        runs --group-by=$over --format=csv results >groups.csv
        runs --group-by=$over --format=tsv --columns=runs,seconds_n,seconds_mean,seconds results >seconds.tsv
        /usr/bin/python3 - "$over" <<'PYTHON'
import csv, json, sys
import numpy
over = sys.argv[1].upper().split(',')
parameters = [p for p in 'FILTERS LEARNING_RATE SEED FOLDS_TEST'.split() if p not in over]
metrics = 'train_loss train_acc val_loss val_acc test_loss test_acc'.split()
with open('rows.tsv') as file:
    rows = list(csv.DictReader(file, delimiter='\t'))
groups = {}
for row in rows:
    groups.setdefault(tuple(row[p] for p in parameters), []).append(row)
found = json.load(open('groups.json'), parse_int=str, parse_float=str)
assert len(found) == len(groups) and list(found[0])[:len(parameters) + 1] == parameters + ['runs']
close = lambda text, number: abs(float(text) - number) <= 5.1e-9 * abs(number) + 1e-15 # 9 digits
for group, (key, members) in zip(found, groups.items()): # in the order of the first of each
    assert tuple(group[p] for p in parameters) == key, (group, key)
    assert group['runs'] == str(len(members))
    for metric in metrics:
        texts = [m[metric] for m in members if m[metric] != '-']
        values = numpy.array(texts, dtype=float)
        assert group[metric + '_n'] == str(len(values))
        assert close(group[metric + '_mean'], values.mean()), (metric, group, values)
        if len(values) > 1:
            assert close(group[metric + '_sd'], values.std(ddof=1)), (metric, group, values)
            assert min(values) < max(values) or group[metric + '_sd'] == '0'
        else:
            assert group[metric + '_sd'] is None
        assert group[metric + '_min'] == min(texts, key=float) and group[metric + '_max'] == max(texts, key=float)
with open('groups.csv', newline='') as file:
    assert [{k: None if v == '-' else v for k, v in row.items()} for row in csv.DictReader(file)] == found
with open('seconds.tsv') as file:
    lines = [line.rstrip('\n').split('\t') for line in file]
for line, members in zip(lines[1:], groups.values()):
    assert line[:2] == [str(len(members))] * 2 and line[2] == line[3]
    assert close(line[2], numpy.mean([float(m['seconds']) for m in members]))
PYTHON
    done
}

# By hand: 1, 2, 4: mean 7/3, squares 16/9 + 1/9 + 25/9 = 42/9, over 2 is 7/3, its root 1.527525232.
text() {
    local seed value
    for seed in 0 1 2; do
        value=$((1 << seed))
        mkdir -p results/$seed
        printf 'run\tFILTERS\tSEED\tval_acc\ttest_acc\n%s\t8\t%s\t%s\t0.1\n' $seed $seed $value >results/$seed/run.tsv
    done
    mkdir results/other
    printf 'run\tFILTERS\tSEED\tval_acc\ttest_acc\nother\t16\t0\t\t0.5\n' >results/other/run.tsv
    runs --group-by=seed results | cut -c -76 >out
    cat >expected <<'END'
FILTERS  runs  val_acc_n  val_acc_mean  val_acc_sd  val_acc_min  val_acc_max
      8     3          3        2.3333      1.5275       1.0000       4.0000
     16     1          0             -           -            -            -
END
    diff expected out
    runs --group-by=seed results | cut -c 78- | head -n 2 >out
    cat >expected <<'END'
 test_acc_mean  test_acc_sd  test_acc_min  test_acc_max
        0.1000       0.0000        0.1000        0.1000
END
    diff expected out
    runs --group-by=seed --format=tsv --columns=val_acc_sd,val_acc_mean,test_acc_sd,test_acc results >out
    printf 'val_acc_sd\tval_acc_mean\ttest_acc_sd\ttest_acc_mean\n1.52752523\t2.33333333\t0\t0.1\n-\t-\t-\t0.5\n' |
        diff - out
    runs --group-by=seed --format=markdown results | sed -n 3p | grep -qF '| 8 | 3 | 3 | 2.3333 | 1.5275 |'
}

# names OPTION...: FILTERS of the groups, in order
names() {
    runs --group-by=SEED,FOLDS_TEST,LEARNING_RATE --format=tsv --columns=FILTERS "$@" results | tail -n +2 | xargs
}

sorted_and_chosen() {
    runs_of_seeds
    [ "$(names)" = '16 32 8' ]
    [ "$(names --sort=FILTERS)" = '8 16 32' ]
    [ "$(names --sort=val_acc)" = "$(names --sort=val_acc_mean)" ]
    [ "$(names --sort=filters --reverse --top=2)" = '32 16' ]
    [ "$(names --filter='filters<32 seed=0' --sort=FILTERS)" = '8 16' ]
    [ "$(names --only-changed --sort=FILTERS)" = '8 16 32' ]
    runs --group-by=SEED --only-changed --filter='filters=32' --format=tsv --columns=FILTERS,LEARNING_RATE,runs \
        results | sed -n 1p | grep -x LEARNING_RATE
    [ "$(runs --group-by=SEED --filter='filters=99' --format=json results | tr -d '\n')" = '[]' ]
}

refused() {
    runs_of_seeds
    must_fail 2 runs --group-by=SEEDS results
    says "--group-by: no run has a column 'SEEDS'; the nearest is 'SEED'"
    must_fail 2 runs --group-by=val_acc results
    says "'val_acc' is not a parameter"
    must_fail 2 runs --group-by=run results
    says "'run' is not a parameter"
    must_fail 2 runs --group-by= results
    must_fail 2 runs --group-by=SEED --best results
    must_fail 2 runs --group-by=SEED --diff results
    must_fail 2 runs --group-by=SEED --columns=SEED results
    says "no run has a column 'SEED'"
    must_fail 2 runs --group-by=SEED --sort=SEED results
    sed -i 's/\t4\t0\./\t4\tx0./' results/f8-r0.001-s1/t4/run.tsv
    must_fail 1 runs --group-by=SEED results
    says "results/f8-r0.001-s1/t4/run.tsv: column 'train_loss': 'x0."
    must_fail 1 sh -c 'runs --group-by=FILTERS results/f16* >/dev/full'
    says 'No space left on device'
}

check "numpy has the same n, mean, sd, min and max" against_numpy
check "by hand; one run has no sd" text
check "groups are sorted, cut and chosen like runs" sorted_and_chosen
check "what is refused" refused
done_testing
