#!/bin/bash
# A user's mistake: 50 makes at the same time in one tree, of targets that overlap. Each succeeds, or refuses in words
# as another draws the figures of other runs; afterwards each make finds, or makes, the same bytes as alone.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"
GOALS=
. "$top/tests/faults.sh"
goals=('-j2 sweep FILTERS=2,3 EPOCHS=1,2' data prepare train local_train '-j3 sweep EPOCHS=1,2' train_loss.pdf
    'local_train FILTERS=3' 'confusion_matrix.pdf EPOCHS=1')

fifty_at_once() {
    local i makes=() status refused=0
    faults_project "$1"
    for i in 0 5 7; do reference $i; done
    remove_made
    for i in {1..50}; do
        goal $((i % ${#goals[@]}))
        make "${words[@]}" >"said.$i" 2>&1 &
        makes[i]=$!
    done
    for i in {1..50}; do
        status=0
        wait "${makes[i]}" || status=$?
        [ $status -ne 0 ] || continue
        refused=$((refused + 1))
        grep -q "^figure: .*another make" "said.$i" && continue
        echo "make ${goals[i % ${#goals[@]}]}: exit status $status"
        cat "said.$i"
        return 1
    done
    echo "$refused of 50 refused"
    for i in 0 5 7; do
        goal $i
        run_make || { cat said; return 1; }
        digests | grep -vxF -f - digests.$i && { echo "make ${goals[i]}: these are other bytes or missing"; return 1; }
        make -q "${words[@]}"
    done
    [ -z "$(find data/prepared results plots -name '*.part')" ]
}

for store in "${stores[@]}"; do
    check "50 makes at the same time: the same bytes${store:+, $store}" fifty_at_once "$store"
done
done_testing
