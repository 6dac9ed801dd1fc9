#!/bin/bash
# All benchmarks in one go, as `make bench` calls it: prints the report, writes results/bench.tsv (a row a number) and
# plots/bench.pdf and .png. What is compared takes its turns one after the other, so that whatever else the machine does
# hits all alike; no time is judged.
#
# Environment: BENCH_REPEATS, the turns (default 5); PYTHON, an interpreter with the PyTorch to compare with; ESC10_DIR,
# a data set for the features instead of the demo's.
. "$(dirname "$0")/lib.sh"
set -eu -o pipefail
repeats=${BENCH_REPEATS:-5}
# The layers take three times as many turns, as they are short; bench_kernels keeps at most 101.
if [[ ! $repeats =~ ^[0-9]{1,2}$ ]] || ((10#$repeats < 1 || 10#$repeats > 33)); then
    echo "BENCH_REPEATS: '$repeats' is not a number from 1 to 33" >&2
    exit 2
fi
repeats=$((10#$repeats))
if [[ -n ${ESC10_DIR-} && ! -d $ESC10_DIR ]]; then
    echo "ESC10_DIR: '$ESC10_DIR' is not a folder" >&2
    exit 2
fi
folder=${ESC10_DIR:+$(realpath "$ESC10_DIR")}
cd "$top"
rows=$scratch/bench.tsv
driver=$(command -v /usr/bin/python3 || command -v python3 || true)
started=$SECONDS

row() {
    local IFS=$'\t'
    echo "$*" >>"$rows"
}

# Jiffies that the processors were busy, or another machine had them, and all that passed; and `own`, those of this
# shell and its children.
busy() {
    awk '$1 == "cpu" { print $2 + $3 + $4 + $7 + $8 + $9, $5 + $6 + $2 + $3 + $4 + $7 + $8 + $9 }' /proc/stat
}
own() {
    times >"$scratch/times" # two lines, the shell's and its children's: 0m1.234s 0m0.123s
    own=$(tr 'ms' '  ' <"$scratch/times" | awk -v ticks="$(getconf CLK_TCK)" '
        { seconds += 60 * ($1 + $3) + $2 + $4 } END { print seconds * ticks }')
}

section() {
    printf '\n== %s ==\n\n' "$1"
}

# --- What is measured ----------------------------------------------------------------------------------------------
processor=$(sed -n 's/^model name[[:space:]]*: *//p' /proc/cpuinfo | head -n 1)
row what filters threads layer operation variant value unit min max share_of_peak
row machine - "$(nproc)" - - "${processor:-unknown}" "$(nproc)" processors - - -
echo "bitfast on ${processor:-an unknown processor}, $(nproc) processors."
echo "Each number is the median of interleaved turns in this run. BENCH_REPEATS=$repeats."
read -r busy_before all_before <<<"$(busy)"
own
own_before=$own

section 'Layers'
build/tests/bench_kernels --tsv="$rows" $((3 * repeats)) 8 16 32
if [[ -n $driver ]]; then
    section 'Training and evaluation'
    "$driver" tests/bench_training.py "$rows" "$repeats"
    section 'Features'
    "$driver" tests/bench_features.py "$rows" "$repeats" "$folder"
else
    section 'Training, evaluation, features'
    echo "Not measured: there is no python3 (make check-deps)."
fi
section 'Experiments'
tests/run tests/bench_runs.sh "$rows" "$repeats"
tests/run tests/bench_graph.sh "$rows"

# --- Figure --------------------------------------------------------------------------------------------------------
# panel-OPERATION-THREADS.tsv: for each F, share of the peak with its ends and ms, of exact, openblas, PyTorch's best.
prepare_figure() {
    awk -F'\t' -v scratch="$scratch" '
        $1 == "peak" && $3 == 1 && $7 > peak { peak = $7 }
        $1 == "machine" { machine = $6 }
        $1 == "pytorch" { sub(/[+].*/, "", $6); pytorch = "PyTorch " $6 }
        $1 == "ratio" && $6 ~ /^pytorch_/ { split($6, names, "/"); best[$5, $3, $2] = names[1] }
        $1 == "step" && $11 != "-" {
            key = $5 SUBSEP $3 SUBSEP $2
            if (!(key in seen)) { seen[key] = 1; keys[++count] = key }
            bar[key, $6] = sprintf("%.5g\t%.5g\t%.5g\t%.4g", 100 * $11, 100 * $11 * $7 / $10, 100 * $11 * $7 / $9, $7)
            if ($3 > most) most = $3
            if (100 * $11 > highest) highest = 100 * $11
        }
        END {
            if (count == 0) exit 1
            none = "NaN\tNaN\tNaN\tNaN"
            for (i = 1; i <= count; i++) {
                split(keys[i], part, SUBSEP)
                line = part[3] "\t" bar[keys[i], "exact"] "\t" bar[keys[i], "openblas"] "\t"
                line = line (keys[i] in best ? bar[keys[i], best[keys[i]]] : none)
                print line >(scratch "/panel-" part[1] "-" part[2] ".tsv")
            }
            gsub(/["\\]/, "", machine)
            printf "n = %d\nlabels = \"\"\nmachine = \"%s\"\npytorch = \"%s\"\n", pytorch == "" ? 2 : 3, machine,
                pytorch >(scratch "/choice.gp")
            printf "peak = %.4g\nmost = %d\nhighest = %.4g\n", peak, most, highest >(scratch "/choice.gp")
        }' "$rows"
}

draw() {
    local format
    for format in pdf png; do
        gnuplot -e "format = '$format'; scratch = '$scratch'" plots/style.gp plots/bench.gp >"$scratch/figure.$format"
    done
    for format in pdf png; do
        cp "$scratch/figure.$format" "plots/.bench.$format.$$.part"
        mv "plots/.bench.$format.$$.part" "plots/bench.$format"
    done
}

section 'Written'
read -r busy_after all_after <<<"$(busy)"
own
others=$(awk -v busy=$((busy_after - busy_before)) -v all=$((all_after - all_before)) \
    -v own="$own" -v before="$own_before" 'BEGIN {
        share = all > 0 ? (busy - (own - before)) / all : 0
        printf "%.0f", (share > 0 ? 100 * share : 0) }')
row other_programs - - - - - "$others" percent - - -
mkdir -p results
cp "$rows" "results/.bench.tsv.$$.part"
mv "results/.bench.tsv.$$.part" results/bench.tsv
echo "results/bench.tsv   $(($(wc -l <results/bench.tsv) - 1)) rows"
if ! command -v gnuplot >/dev/null; then
    echo 'no figure: there is no gnuplot (make deps)'
elif ! prepare_figure; then
    echo 'no figure: nothing was measured against a peak'
else
    draw
    echo 'plots/bench.pdf, plots/bench.png   training steps and evaluations as shares of the FMA peak'
fi
echo "It took $((SECONDS - started)) s; other programs used $others% of the processors meanwhile$( ((others < 5)) ||
    echo ', so that the times are those of a busy machine')."
