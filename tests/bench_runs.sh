#!/bin/bash
# Prints how long the table of 10000 runs takes: all are listed, which is checked; the time is not judged.
# usage: bench_runs.sh [TSV [REPEATS]]
. "$(dirname "$0")/lib.sh"
tsv=${1-}
repeats=${2-5}
set -eu -o pipefail

make_runs() {
    mkdir -p "$scratch"/results/run-{00000..09999}
    awk -v results="$scratch/results" 'BEGIN {
        head = "run"
        for (k = 0; k < 15; k++) head = head "\tPARAMETER_" k
        head = head "\ttrain_loss\ttrain_acc\tval_loss\tval_acc\ttest_loss\ttest_acc"
        for (i = 0; i < 10000; i++) {
            name = sprintf("run-%05d", i)
            line = name
            for (k = 0; k < 15; k++) line = line "\t" i % (k + 2)
            for (k = 0; k < 6; k++) line = line "\t0.123456789"
            file = results "/" name "/run.tsv"
            print head "\n" line >file
            close(file)
            file = results "/" name "/times.tsv"
            print "step\tseconds\ntrain\t1.5" >file
            close(file)
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
done
echo "The table of 10000 runs, each a file of its own, median of $repeats interleaved turns:"
for word in text tsv filtered_and_sorted; do
    sort -n "$scratch/$word" | awk -v word="$word" -v tsv="$tsv" '
        { ms[NR] = $1 }
        END {
            median = ms[int(NR / 2) + 1]
            printf "  %s ms %s\n", median, word == "text" ? "as text" : word == "tsv" ? "as TSV" : "filtered and sorted"
            if (tsv != "")
                print "runs_table\t-\t-\t-\t" word "\tbitfast\t" median "\tms\t" ms[1] "\t" ms[NR] "\t-" >>tsv
        }'
done
