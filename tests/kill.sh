#!/bin/bash
# SIGKILL of make, or of all it started, at 20 moments: the next make goes on to the same bytes. SIGINT is tidy.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"
goals=(-j2 sweep "FILTERS=2 3" "EPOCHS=1 2")

# killed SIGNAL make|group SECONDS|FILE: starts make in a group of its own and sends the signal, after that time or once
# the file is there.
killed() {
    /usr/bin/python3 - "$@" "$scratch/$checks/small" "$small" "${goals[@]}" <<'END'
import os, signal, subprocess, sys, time
name, whom, moment, folder, small, *goals = sys.argv[1:]
signal.signal(signal.SIGINT, signal.SIG_DFL)
with open("said", "w") as said:
    make = subprocess.Popen(["make", "SMALL_DIR=" + folder] + small.split() + goals, start_new_session=True,
                            stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    if moment[0].isdigit():
        time.sleep(float(moment))
    while not moment[0].isdigit() and not os.path.exists(moment) and make.poll() is None:
        time.sleep(0.01)
    try:
        (os.killpg if whom == "group" else os.kill)(make.pid, getattr(signal, "SIG" + name))
    except ProcessLookupError:
        pass
    make.wait()
END
}

kill_and_go_on() {
    project
    small_make "${goals[@]}"
    digests >before
    local i seconds whom
    for i in {1..20}; do
        rm -rf results data plots/*.pdf plots/*.png plots/selection.txt plots/.made
        seconds=$(awk -v i="$i" 'BEGIN { srand(i); rand(); printf "%.3f", 0.02 + 1.6 * rand() }')
        whom=$([ $((i % 2)) -eq 0 ] && echo make || echo group)
        killed KILL "$whom" "$seconds"
        small_make "${goals[@]}"
        digests | diff before - || { echo "after $whom was killed at $seconds s"; return 1; }
        small_make -q "${goals[@]}"
    done
    sleep 1
    small_make "${goals[@]}"
    digests | diff before -
}

interrupted() {
    project
    mv bin/train-epoch bin/train-epoch.real
    printf '#!/bin/sh\n[ ! -e slow ] || { : >begun; sleep 600; }\nexec train-epoch.real "$@"\n' >bin/train-epoch
    chmod +x bin/train-epoch
    touch -d '1 hour' bin/train-epoch
    touch slow
    for signal in INT TERM; do
        rm -f begun
        killed $signal group begun
        cat said
        grep -q 'interrupted; the same command goes on from here' said
        [ -z "$(find data results -name '*.part')" ]
    done
    rm slow
    small_make "${goals[@]}"
    trained 4
}

check "killed at 20 moments, make goes on to the same bytes" kill_and_go_on
check "interrupted: a message, nothing half made" interrupted
done_testing
