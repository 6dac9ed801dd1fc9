#!/bin/bash
# step by itself: what it makes, records and prints; commands that fail; files left behind; hostile records.
. "$(dirname "$0")/lib.sh"
export STORE= THREADS=3 MAKEFLAGS= BIN=bin

makes_and_records() {
    printf 'b\na\n' >names
    step --say='stage|what it is' --detail='echo two names' out/sorted 'sort < names' names >said
    printf 'a\nb\n' | diff out/sorted -
    grep -qx "stage     what it is  *two names  *0\.[0-9] s" said
    sha256=$(sha256sum <out/sorted)
    printf 'output %s %s\ncommand sort < names\ninput %s names\n' "${sha256%% *}" "$(stat -c '%s %.9Y %i' out/sorted)" \
        "$(sha256sum <names | cut -c 1-64)" | diff out/.made/sorted -
    grep -qxP 'sorted\t0\.\d{3}\t\d+\t\d{10}' out/.made/times
    [ "$(ls -A out)" = "$(printf '.made\nsorted')" ]
    before=$(stat -c %Y.%i out/sorted)
    touch -d '1 hour ago' out/sorted
    step --say=x out/sorted 'sort < names' names >said # only touched
    [ ! -s said ]
    [ $(($(date +%s) - $(stat -c %Y out/sorted))) -lt 600 ]
    [ "$(wc -l <out/.made/times)" -eq 1 ]
    [ "${before#*.}" = "$(stat -c %i out/sorted)" ]
    step --show out/sorted 'sort -r < names' names >said # another command
    diff out/sorted said
    printf 'c\n' >names
    step out/sorted 'sort -r < names' names
    [ "$(cat out/sorted)" = c ]
    step plain 'echo $threads $quiet'
    [ "$(cat plain)" = '3 --quiet' ]
    [ -e .made/plain ]
}

threads_are_shared() {
    THREADS=6 MAKEFLAGS=' -j2 --jobserver-auth=3,4' step --share=4 a 'echo $threads'
    THREADS=6 MAKEFLAGS=' -j --jobserver-auth=3,4' step --share=4 b 'echo $threads'
    THREADS=6 MAKEFLAGS='k -- X=\ -j3' step --share=4 c 'echo $threads'
    THREADS=2 MAKEFLAGS=-j8 step --share=8 d 'echo $threads'
    THREADS=0 step e 'echo $threads'
    [ "$(cat a b c d e | paste -s -d ' ')" = "3 1 6 1 $(processors)" ]
}

# The lines of steps that run side by side do not mix.
whole_lines() {
    local i
    for i in {1..8}; do
        step --say="stage|what" --detail='sleep 0.0$RANDOM; echo "some words"' "file-$i" "echo $i" >>said &
    done
    wait
    [ "$(grep -cxE 'stage     what +some words +0\.[0-9] s' said)" -eq 8 ]
    [ "$(wc -l <said)" -eq 8 ]
}

failing_commands() {
    local status=0
    step made/file 'echo half; exit 7' || status=$?
    [ $status -eq 7 ]
    [ ! -e made ]
    ! step made/file 'false | cat' || return 1
    must_fail 1 step made/file 'sh -c "echo first >&2; echo second >&2; exit 1" | { cat; echo third >&2; }'
    [ "$(cat err)" = first ]
    status=0
    step made/file 'kill -9 $$' 2>err || status=$?
    [ $status -eq 137 ]
    [ "$(cat err)" = 'step: made/file: the command died of signal 9: kill -9 $$' ]
    status=0
    step made/file no-such-command 2>err || status=$?
    [ $status -eq 127 ]
    [ "$(wc -l <err)" -eq 1 ]
    must_fail 1 step made/file 'cat missing' missing
    says 'step: missing: cannot be read: No such file or directory'
    [ ! -e made ]
    echo old >file
    ! step file 'echo new; false' || return 1
    [ "$(cat file)" = old ]
}

wrong_usage() {
    must_fail 2 step file
    must_fail 2 step --shre=2 file true
    says "the nearest is '--share'"
    must_fail 2 step --share=0 file true
    must_fail 1 step file "$(printf 'echo a\necho b')"
    says 'the command holds a line break'
    must_fail 1 step "$(printf 'x%.0s' {1..300})" true
    says 'File name too long'
    must_fail 1 step /dev/null/file true
    says 'Not a directory'
    must_fail 1 sh -c 'step --show file "echo a" >/dev/full'
    says 'cannot write to standard output'
}

# A record that cannot be believed is as good as none.
hostile_records() {
    echo a >in
    step out 'cat in' in
    cp .made/out ../good
    local text
    for text in '' output "$(head -c 90 ../good)" "$(head -n 1 ../good)" "$(sed 's/^output ./output g/' ../good)" \
        "$(sed 's/^command/commander/' ../good)" "$(sed 's/^input/ input/' ../good)" "$(cat ../good ../good)" \
        "$(sed 's/^input ./input X/' ../good)" "$(printf 'output %5000s' x)" "$(sed 's/ in$//' ../good)"; do
        printf '%s\n' "$text" >.made/out
        echo forged >out
        step out 'cat in' in
        [ "$(cat out)" = a ]
        diff <(tail -n +2 .made/out) <(tail -n +2 ../good)
    done
    head -c 10000 /dev/urandom >.made/out
    step out 'cat in' in
    rm .made/out
    mkdir .made/out
    must_fail 1 step out 'cat in' in
    says '.made/out: cannot be moved into place'
    [ -z "$(find . -name '*.part')" ]
}

# A part that nobody holds is removed, also another file's; one that is held stays, and so do other files.
left_behind() {
    touch .file.1.part .file.22.part .file.x.part .file.longer.3.part .other.1.part
    exec 9<.file.22.part
    flock -n 9
    step file 'echo a'
    [ "$(find . -name '*.part' | sort | paste -s -d ' ')" = \
        './.file.22.part ./.file.x.part' ]
}

# wait_for FILE
wait_for() {
    local i
    for i in {1..500}; do [ ! -e "$1" ] || return 0; sleep 0.02; done
    return 1
}

# The part is locked while the command runs; a signal ends all of a pipe, and nothing stays.
interrupted() {
    local signal status
    for signal in INT TERM HUP; do
        rm -f begun
        # Not as a job in the background, which would ignore SIGINT.
        /usr/bin/python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp("step", ["step", "out/file", "{ : >begun; exec sleep 77.'$$'; } | cat"])' 2>err &
        wait_for begun
        for part in out/.file.*.part; do ! flock -n "$part" true || return 1; done
        kill -$signal $!
        status=0
        wait $! || status=$?
        [ $status -eq $((128 + $(kill -l $signal))) ]
        [ "$(cat err)" = 'make: interrupted; the same command goes on from here' ]
        [ ! -e out ]
        ! pgrep -f "sleep 77.$$"
    done
}

# Who asked for the file is gone: nothing is made, and what was started ends.
orphan() {
    sh -c "step out/file 'sh -c \": >begun; exec sleep 78.$$\"'; true" 2>/dev/null &
    wait_for begun
    kill -KILL $!
    wait $! || true
    local i
    for i in {1..500}; do pgrep -f "sleep 78.$$" >/dev/null || break; sleep 0.02; done
    ! pgrep -f "sleep 78.$$"
    for i in {1..500}; do [ -e out ] || break; sleep 0.02; done
    [ ! -e out ]
}

# SIGKILL of step itself: its command ends too.
killed() {
    printf '#!/bin/sh\n: >begun\nexec sleep 79.%s\n' $$ >slow
    chmod +x slow
    step out/file './slow < /dev/null' &
    wait_for begun
    kill -KILL $!
    wait $! || true
    local i
    for i in {1..500}; do pgrep -f "sleep 79.$$" >/dev/null || break; sleep 0.02; done
    ! pgrep -f "sleep 79.$$"
    step out/file 'echo a'
    [ "$(ls -A out)" = "$(printf '.made\nfile')" ]
}

check "a file, its record, what is printed" makes_and_records
check "threads" threads_are_shared
check "lines of several steps" whole_lines
check "commands that fail" failing_commands
check "wrong usage" wrong_usage
check "hostile records" hostile_records
check "what was left behind" left_behind
check "signals" interrupted
check "make is gone" orphan
check "step is killed" killed
done_testing
