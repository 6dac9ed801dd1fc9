#!/bin/bash
# SIGKILL of make, or of all that it started, at KILLS moments, half of them by time and half at a system call that
# changes a file: nothing half made has its name, and the next make goes on to the same bytes. KILL_SEED chooses the
# moments, GOALS a target. SIGINT is tidy.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"
. "$top/tests/faults.sh"
kills=${KILLS:-200}

# A whole number from 0 to $1 - 1, in `chance`; a subshell would draw the same ones again and again.
chance() {
    chance=$((((RANDOM << 15) | RANDOM) % $1))
}

# Something to begin with: nothing, or the finished goal without some of its files.
begin() {
    local file
    remove_made
    chance 3
    [ "$chance" -ne 0 ] || { began="nothing"; return 0; }
    cp -a "tree.$1/." .
    began="all but:"
    while read -r file; do
        chance 4
        [ "$chance" -ne 0 ] || { rm "$file"; began+=" ${file##*results/}"; }
    done < <(find data results plots -type f ! -path '*/.made/*' ! -name '*.gp' | sort)
}

# Lets make run, and kills it; says how in `killed`, which is empty if make was quicker. `whom` is make or group.
kill_once() {
    local when process
    chance 2
    whom=$([ "$chance" -eq 0 ] && echo group || echo make)
    # Rather early than late: often most of the work is done.
    chance 1000
    local share=$chance
    chance 1000
    share=$((share * chance)) # in millionths
    chance 2
    if [ "$chance" -eq 0 ]; then
        killed="$whom after $((share * seconds[$1] / 1000000)) microseconds"
        { flock -s 9 && exec setsid make "${words[@]}"; } 9>>alive >said 2>&1 &
        process=$!
        sleep "$(printf '0.%06d' $((share * seconds[$1] / 1000000)))"
        if [ "$whom" = group ]; then process=-$process; fi
        kill -KILL -- "$process" 2>/dev/null || killed=
        wait $! 2>/dev/null || true
    else
        chance 3
        when=(entry middle exit)
        when=${when[chance]}
        share=$((1 + share * calls[$1] / 1000000))
        run_make "$injector" --at="$share" --kill="$whom" --when="$when" --list=calls || true
        killed=$(sed -n "${share}s/^/$whom at the $when of /p" calls)
    fi
}

# SEED STORE KILLS
kill_and_go_on() {
    local number done=0 count how
    faults_project "$2"
    for number in "${!goals[@]}"; do reference "$number"; done
    RANDOM=$1
    while :; do
        chance "${#goals[@]}"
        number=$chance
        goal "$number"
        begin "$number"
        how=
        twins=
        chance 6
        for ((count = chance; count >= 0; count--)); do
            kill_once "$number"
            [ -n "$killed" ] || break
            done=$((done + 1))
            how+="; $killed"
            # The children of a make that was killed alone live on beside the next one.
            if [ "$whom" = make ]; then twins=yes; elif ! whole "$number"; then break 2; fi
        done
        { run_make && all_gone && sound "$number"; } || break
        [ "$done" -lt "$3" ] || return 0
    done
    cat said
    echo "$done kills; goal: ${goals[number]} $2; from $began$how"
    return 1
}

interrupted() {
    project
    goals=(-j2 sweep "FILTERS=2 3" "EPOCHS=1 2")
    mv bin/train-epoch bin/train-epoch.real
    printf '#!/bin/sh\n[ ! -e slow ] || { : >begun; sleep 600; }\nexec train-epoch.real "$@"\n' >bin/train-epoch
    chmod +x bin/train-epoch
    touch -d '1 hour' bin/train-epoch
    touch slow
    local signal process
    for signal in INT TERM; do
        rm -f begun
        # shellcheck disable=SC2086 # a list of words
        /usr/bin/python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL) # which the shell ignores in what it puts into the background
os.setsid()
os.execvp("make", sys.argv[1:])' make SMALL_DIR="$scratch/$checks/small" $small "${goals[@]}" >said 2>&1 &
        process=$!
        until [ -e begun ] || ! kill -0 $process; do sleep 0.01; done
        kill -s $signal -- -$process
        wait $process || true
        cat said
        grep -q 'interrupted; the same command goes on from here' said
        [ -z "$(find data results -name '*.part')" ]
    done
    rm slow
    small_make "${goals[@]}"
    trained 4
}

for store in "${stores[@]}"; do
    check "killed $((kills / ${#stores[@]})) times, make goes on to the same bytes${store:+, $store}" \
        kill_and_go_on "${KILL_SEED:-1}" "$store" $((kills / ${#stores[@]}))
done
check "interrupted: a message, nothing half made" interrupted
done_testing
