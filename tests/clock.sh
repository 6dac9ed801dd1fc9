#!/bin/bash
# A clock that was set back ten years between two makes: all that is there is of the future. make says so, nothing is
# lost, the bytes are the same, and a change of the data is noticed.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"
GOALS=
. "$top/tests/faults.sh"
goals=(local_train 'local_train EPOCHS=3')

# What such a clock looks like from within: every time is ten years later.
ten_years_later() {
    find . "$scratch/$checks/small" ! -type l -printf '%T@ %p\n' | while read -r seconds file; do
        printf '%s\0' "$file"
        touch -d "@$((${seconds%.*} + 315360000)).${seconds#*.}" "$file"
    done | wc -c
}

clock_set_back() {
    local file
    faults_project "$1"
    reference 1
    remove_made
    reference 0
    ten_years_later
    goal 0
    run_make
    cat said
    grep -q 'modification time .* in the future' said
    ! grep -E '^(prepare|train|test) ' said || return 1
    digests | diff digests.0 -
    goal 1
    run_make
    trained 1
    digests | grep -vF -f digests.1 | grep 'plots/\|test-5_epochs-3\|epoch-003' && return 1
    # A sound that is another one now, with the time of now.
    file=$(find "$scratch/$checks/small/audio" -name '2-*' | sort | sed -n 1p)
    cat "$(find "$scratch/$checks/small/audio" -name '1-*' | sort | sed -n 1p)" >"$file"
    goal 0
    run_make
    cat said
    grep -q '^prepare *small fold 2 ' said
    trained 2
    digests | grep -v epochs-3 >now
    remove_made
    run_make
    digests | diff now - | grep -v 'epoch-003\|epochs-3' | grep '^[<>]' && return 1
    return 0
}

for store in "${stores[@]}"; do
    check "a clock set back ten years: the same bytes${store:+, $store}" clock_set_back "$store"
done
done_testing
