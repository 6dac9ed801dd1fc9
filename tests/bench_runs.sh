#!/bin/bash
# 10000 runs: all are listed; how long that takes is printed, not judged.
. "$(dirname "$0")/lib.sh"

make_runs() {
    /usr/bin/python3 - <<'PYTHON'
import os
metrics = ['train_loss', 'train_acc', 'val_loss', 'val_acc', 'test_loss', 'test_acc']
names = ['run', *[f'PARAMETER_{k}' for k in range(15)], *metrics]
for i in range(10000):
    values = [f'run-{i:05}', *[str(i % (k + 2)) for k in range(15)], *['0.123456789'] * len(metrics)]
    os.makedirs(f'results/run-{i:05}')
    with open(f'results/run-{i:05}/run.tsv', 'w') as file:
        file.write('\t'.join(names) + '\n' + '\t'.join(values) + '\n')
    with open(f'results/run-{i:05}/times.tsv', 'w') as file:
        file.write('step\tseconds\ntrain\t1.5\n')
PYTHON
}

# lists LINES OPTION...
lists() {
    local lines=$1 start
    shift
    start=$(date +%s%N)
    runs "$@" "$scratch/results" >out
    echo "# runs $*: $((($(date +%s%N) - start) / 1000000)) ms" >&3
    [ "$(wc -l <out)" -eq "$lines" ]
}

exec 3>&1
(cd "$scratch" && make_runs) || exit 1
check '10000 runs as text' lists 10001
check '10000 runs as TSV' lists 10001 --format=tsv
# i mod 5 is 2, 3 or 4 for three in five.
check '10000 runs filtered and sorted' lists 6001 '--filter=PARAMETER_3>1' --sort=PARAMETER_7
done_testing
