#!/bin/bash
# Prints how long a make takes that has nothing to do: median of nine, for one run and for a sweep of six.
# usage: bench_graph.sh [TSV]
. "$(dirname "$0")/lib.sh"
. "$top/tests/project.sh"
tsv=${1-}
set -eu -o pipefail

# nothing_to_do WORD TEXT OPTION...
nothing_to_do() {
    local word=$1 text=$2 started
    shift 2
    mkdir "$scratch/$checks"
    cd "$scratch/$checks"
    project
    small_make local_train "$@" >/dev/null || { cat said >&2; exit 1; }
    for ((i = 0; i < 9; i++)); do
        started=${EPOCHREALTIME/./}
        small_make local_train "$@" >/dev/null
        echo $(((${EPOCHREALTIME/./} - started) / 1000))
    done | sort -n >"$scratch/times"
    awk -v word="$word" -v text="$text" -v tsv="$tsv" '
        { ms[NR] = $1 }
        END {
            printf "  %s ms for %s\n", ms[5], text
            if (tsv != "")
                print "empty_make\t-\t-\t-\t" word "\tbitfast\t" ms[5] "\tms\t" ms[1] "\t" ms[NR] "\t-" >>tsv
        }' "$scratch/times"
    checks=$((checks + 1))
}

echo 'A make with nothing left to do, median of 9:'
nothing_to_do one_run 'one run'
nothing_to_do sweep_of_six 'a sweep of six' EPOCHS="3 4" FILTERS="1 2 3"
