#!/bin/bash
# Each call that changes a file fails once, with "no space left" and with "input/output error", or from there on all
# that need space: make says so in words that name a file or a tool, or was not harmed; nothing half made has its name;
# the next make goes on to the same bytes. WRITES: how many of these, "each" for every call once, in one of the ways, or
# "all" for every call in every way; KILL_SEED chooses.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"
GOALS=
. "$top/tests/faults.sh"
goals=(data prepare train local_train)
writes=${WRITES:-100}

# What is there before a stage: all that the stage before it made.
begin() {
    remove_made
    [ "$1" -eq 0 ] || cp -a "tree.$(($1 - 1))/." .
}

# one_failure STAGE CALL OPTION...: prints what is wrong.
one_failure() {
    local status=0 at=$2
    goal "$1"
    begin "$1"
    shift 2
    run_make "$injector" --at="$at" --list=calls "$@" || status=$?
    cp said first
    call=$(sed -n "${at}s/^[0-9]* //p" calls)
    [ -n "$call" ] || return 0
    twins=
    [[ $call != *" unlink "* ]] || twins=yes # a part could not be removed
    all_gone || return 1
    if [ "$status" -ne 0 ] && ! grep -qE '^[^ ]+: .*(No space left on device|Input/output error)' said; then
        echo "no word about it"
        return 1
    fi
    whole "$stage" && run_make && all_gone && sound "$stage"
}

ways=(--fail=ENOSPC --fail=EIO '--fail=ENOSPC --lasting')

# CALL WAY TOTAL: whether that is to be done, where there are TOTAL calls.
chosen() {
    case $writes in
        all) ;;
        each) [ $((($1 + seed) % ${#ways[@]})) -eq "$2" ] ;;
        *) [ $((((RANDOM << 15) | RANDOM) % (${#ways[@]} * $3 * ${#stores[@]}))) -lt "$writes" ] ;;
    esac
}

# SEED STORE: all calls of each stage, or a share of them.
fail_once() {
    local stage at total=0 tried=0 wrong=0 way call seed=$1
    local -a ahead
    faults_project "$2"
    for stage in "${!goals[@]}"; do
        reference "$stage"
        begin "$stage"
        run_make "$injector" --list=calls
        ahead[stage]=$(wc -l <calls)
        total=$((total + ahead[stage]))
    done
    RANDOM=$1
    for stage in "${!goals[@]}"; do
        for ((at = 1; at <= ahead[stage]; at++)); do
            for way in "${!ways[@]}"; do
                chosen "$at" "$way" "$total" || continue
                tried=$((tried + 1))
                # shellcheck disable=SC2086 # a list of options
                one_failure "$stage" "$at" ${ways[way]} >wrong 2>&1 && continue
                wrong=$((wrong + 1))
                echo "${goals[stage]} $2, call $at, ${ways[way]}, $call:"
                cat wrong
                { grep -E '^[^ ]+: ' first || true; } | tail -n 4 | sed 's/^/said: /'
            done
        done
    done
    echo "$tried calls failed, of ${#ways[@]} * $total; $wrong went wrong"
    [ "$wrong" -eq 0 ] && [ "$tried" -gt 0 ]
}

# The calls of a command whose calls are known.
injected() {
    printf '%s\n' 'echo one >a' 'mv a b' 'rm b' >script
    "$injector" --list=calls sh script >out
    cut -d ' ' -f 2-3 calls | paste -s -d , |
        grep -x 'sh open,\(sh close,\)\?sh write,\(sh close,\)*mv rename,rm unlink'
    local rename
    rename=$(sed -n 's/ mv rename .*//p' calls)
    "$injector" --at="$rename" --kill=group --when=entry sh script && return 1
    [ "$(ls a b 2>/dev/null)" = a ]
    rm a
    "$injector" --at="$rename" --kill=make --when=exit sh script && return 1
    [ "$(ls a b 2>/dev/null)" = b ]
    rm b
    "$injector" --at="$rename" --fail=EIO sh -c 'echo one >a; mv a b || echo no' 2>err | grep -qx no
    grep -q 'Input/output error' err
    must_fail 2 "$injector" --at=3 sh script
    says 'belong together'
    must_fail 1 "$injector" ./no-such-command
}

check "the injector counts, fails and kills at the call that is meant" injected
for store in "${stores[@]}"; do
    check "every call that changes a file fails once: $writes${store:+, $store}" fail_once "${KILL_SEED:-1}" "$store"
done
done_testing
