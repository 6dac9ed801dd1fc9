#!/bin/bash
# A network that learns can learn one batch by heart: 8 clips of the demo data set, a class each, at full size.
. "$(dirname "$0")/lib.sh"

overfit() {
    synth-clips --clips-per-class=1 --folds=1 set
    list-clips set | awk -F '\t' 'NR == 1 || $4 < 8' >manifest.tsv
    decode-audio --root=set <manifest.tsv | log-mel >batch.npy
    init-model --filters=4 --classes=8 >epoch-0
    local epoch
    for epoch in {1..60}; do
        train-epoch --learning-rate=0.03 batch.npy <epoch-$((epoch - 1)) >epoch-$epoch
    done
    checkpoint-log $(printf 'epoch-%s ' {1..60}) | tee log.csv
    # chance is ln 8 = 2.08
    awk -F , 'NR == 2 && $2 < 1 { exit 1 } END { exit !($2 < 0.01 && $3 == 1) }' log.csv
}

check 'one batch is overfitted to a loss < 0.01' overfit
done_testing
