#!/bin/bash
# Prints how long a make takes that has nothing to do: median of nine, for one run and for a sweep of six.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/project.sh"

nothing_to_do() {
    project
    small_make local_train "$@"
    for ((i = 0; i < 9; i++)); do
        started=${EPOCHREALTIME/./}
        small_make local_train "$@" >/dev/null
        echo $(((${EPOCHREALTIME/./} - started) / 1000))
    done | sort -n | sed -n 5p >"$scratch/median"
}

check "one run" nothing_to_do
echo "# a second make of one run: $(cat "$scratch/median") ms"
check "a sweep of six" nothing_to_do EPOCHS="3 4" FILTERS="1 2 3"
echo "# a second make of a sweep of six: $(cat "$scratch/median") ms"
done_testing
