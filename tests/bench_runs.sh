#!/bin/bash
# Prints how long the table of 10000 runs takes: all are listed, which is checked; the time is not judged.
# usage: bench_runs.sh [TSV [REPEATS]]
. "$(dirname "$0")/lib.sh"
tsv=${1-}
repeats=${2-5}
set -eu -o pipefail

# Two runs a training, each with the files that a run has.
make_runs() {
    mkdir -p "$scratch"/results/training-{0000..4999}/run-{0,1}
    awk -v results="$scratch/results" 'BEGIN {
        files = split("record.json environment.json parameters.mk log.csv steps.csv test_scores.json predictions.tsv " \
            "classes.tsv confusion.tsv roc.tsv summary.txt", other, " ")
        head = "run"
        for (k = 0; k < 15; k++) head = head "\tPARAMETER_" k
        head = head "\ttrain_loss\ttrain_acc\tval_loss\tval_acc\ttest_loss\ttest_acc"
        for (i = 0; i < 10000; i++) {
            name = sprintf("training-%04d/run-%d", i / 2, i % 2)
            line = name
            for (k = 0; k < 15; k++) line = line "\t" i % (k + 2)
            for (k = 0; k < 6; k++) line = line "\t0.123456789"
            file = results "/" name "/run.tsv"
            print head "\n" line >file
            close(file)
            file = results "/" name "/times.tsv"
            print "step\tseconds\nepoch-001\t1.5\nepoch-002\t1.25\npredictions\t0.5" >file
            close(file)
            for (k = 1; k <= files; k++) {
                file = results "/" name "/" other[k]
                printf "" >file
                close(file)
            }
        }
    }'
}

# lists WORD LINES OPTION...: one time into the file WORD.
lists() {
    local word=$1 lines=$2 start
    shift 2
    start=${EPOCHREALTIME/./}
    runs "$@" "$scratch/results" >"$scratch/out"
    echo $(((${EPOCHREALTIME/./} - start) / 1000)) >>"$scratch/$word"
    [[ $(wc -l <"$scratch/out") -eq $lines ]] || { echo "runs $*: not $lines lines" >&2; exit 1; }
}

make_runs
for ((turn = 0; turn < repeats; turn++)); do
    lists text 10001
    lists tsv 10001 --format=tsv
    # i mod 5 is 2, 3 or 4 for three in five.
    lists filtered_and_sorted 6001 '--filter=PARAMETER_3>1' --sort=PARAMETER_7
    lists first_ten 11 --sort=val_acc --reverse --top=10
    # Without the others than i mod 2 and i mod 3 there are six.
    lists grouped 7 "--group-by=$(seq -s, -f 'parameter_%g' 2 14)"
done
echo "The table of 10000 runs, each a file of its own, median of $repeats interleaved turns:"
for word in text tsv filtered_and_sorted first_ten grouped; do
    sort -n "$scratch/$word" | awk -v word="$word" -v tsv="$tsv" '
        { ms[NR] = $1 }
        END {
            median = ms[int(NR / 2) + 1]
            gsub("_", " ", word)
            printf "  %s ms %s\n", median, word
            gsub(" ", "_", word)
            if (tsv != "")
                print "runs_table\t-\t-\t-\t" word "\tbitfast\t" median "\tms\t" ms[1] "\t" ms[NR] "\t-" >>tsv
        }'
done
