#!/bin/bash
# What every tool does with its command line (src/command_line.c, src/number.c), seen through tools that have each type
# of option: runs (text, choice, integer, flag, repeated) and tensor-compare (real).
. "$(dirname "$0")/lib.sh"

one_run() {
    mkdir run
    printf 'run\tFILTERS\tval_acc\nfirst\t16\t0.5\n' >run/run.tsv
}

unknown_option() {
    must_fail 2 runs --sotr=run .
    says "runs: unknown option '--sotr'; the nearest is '--sort'"
    says "runs: try 'runs --help'"
    must_fail 2 runs --hepl
    says "the nearest is '--help'"
    must_fail 2 runs --all-column=yes .
    says "the nearest is '--all-columns'"
    must_fail 2 runs --nothing-like-this-at-all .
    says "unknown option '--nothing-like-this-at-all'"
    must_fail 2 runs "--$(printf 'x%.0s' {1..5000})" .
    must_fail 2 runs --=1 .
    must_fail 2 runs -t .
    says "options are written --name=value"
}

values() {
    must_fail 2 runs --sort .
    says '--sort needs a value'
    must_fail 2 runs --best=yes .
    says "--best takes no value, found 'yes'"
    must_fail 2 runs --format=TSV .
    says "'TSV' is none of text|tsv|csv|json|markdown"
    must_fail 2 runs --format= .
    must_fail 2 runs '--format=text|tsv' .
    must_fail 2 runs --format=te .
}

whole_numbers() {
    one_run
    local bad
    for bad in '' ' ' ' 1' '1 ' 0x10 1e3 1.0 +1 inf nan one -; do
        must_fail 2 runs "--top=$bad" run
        says "--top: '$bad' is not a whole number from 0 to 1000000000"
    done
    for bad in -1 1000000001 9223372036854775808 -9223372036854775809 99999999999999999999999999; do
        must_fail 2 runs "--top=$bad" run
        says "--top: $bad is out of range, expected 0 to 1000000000"
    done
    runs --top=1000000000 run
    runs --top=007 run
}

real_numbers() {
    : >empty
    local bad
    for bad in '' ' ' ' 1' '1 ' 0x10 0x1p4 inf -inf nan +1 1e 1,5 . - 1_0 --1 infinity; do
        must_fail 2 tensor-compare "--tolerance=$bad" empty empty
        says "--tolerance: '$bad' is not a number"
    done
    for bad in -1 1e400 -1e-300; do
        must_fail 2 tensor-compare "--tolerance=$bad" empty empty
        says "--tolerance: $bad is out of range"
    done
    for good in 0 1 .5 1. 1e-3 1E+3 0.25 -0; do
        must_fail 2 tensor-compare "--tolerance=$good" empty empty
        says 'empty: is empty'
    done
}

last_counts() {
    one_run
    runs --format=json --format=tsv --columns=run run >out
    printf 'run\nfirst\n' | diff - out
}

repeated() {
    one_run
    runs --filter=FILTERS=16 --filter=run=first --columns=run run | grep first
    runs --filter=FILTERS=16 --filter=run=second --columns=run run >out
    printf 'run\n' | diff - out
    # shellcheck disable=SC2046
    runs $(printf -- '--filter=FILTERS=16 %.0s' {1..64}) run
    # shellcheck disable=SC2046
    must_fail 2 runs $(printf -- '--filter=FILTERS=16 %.0s' {1..65}) run
    says '--filter: is given more than 64 times'
}

operands() {
    one_run
    must_fail 2 checkpoint-log
    says 'an operand is missing: checkpoint-log'
    must_fail 2 tensor-compare a b c
    says "one operand too many: 'c'"
    must_fail 2 runs run --format=tsv
    says "the option '--format=tsv' must stand before the operand 'run'"
    mv run -- --run
    runs -- --run
    must_fail 1 runs -- --best
    says "cannot open '--best'"
}

help() {
    local tool option
    for tool in "$top"/bin/*; do
        "$tool" --help >out 2>err </dev/null
        [ ! -s err ]
        grep -q "^usage: ${tool##*/} " out
        grep -q '^  --help' out
        status=1
        [ "${tool##*/}" != tensor-compare ] || status=2
        must_fail $status sh -c "'$tool' --help >/dev/full"
    done
    runs --help >out
    for option in format=text columns=A,B all-columns filter=CONDITIONS sort=COLUMN reverse top=N best diff \
        group-by=A,B only-changed; do
        grep -q -- "^  --$option" out
    done
    grep -q -- '--top=N .*\[0; 0 to 1000000000\]' out
    grep -q -- '--format=.*\[text\]' out
}

# What cannot be read or written is an error, not an empty input or a success.
closed_streams() {
    one_run
    must_fail 1 sh -c 'score <&-'
    says 'cannot be read: Bad file descriptor'
    must_fail 1 sh -c 'runs run >&-'
    says 'cannot write to standard output'
    runs run 2>&- >out
    [ -s out ]
    sh -c 'runs run <&-' >out
    [ -s out ]
    status=0
    sh -c 'runs none >&- 2>&- <&-' || status=$?
    [ "$status" -eq 1 ]
}

one_line() {
    must_fail 1 runs "$(printf 'no\nsuch\033[31mfile')"
    says "cannot open 'no?such?[31mfile'"
    must_fail 1 runs "$(printf 'x%.0s' {1..5000})"
}

locale_and_prefix() {
    one_run
    runs run >expected
    LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8 runs run | cmp - expected
    "$top/bin/runs" run | cmp - expected
}

check 'an unknown option is refused with the nearest name' unknown_option
check 'missing, unwanted and unknown values' values
check 'whole numbers' whole_numbers
check 'real numbers' real_numbers
check 'of two values the last counts' last_counts
check 'an option that may be repeated' repeated
check 'operands, and options after them' operands
check '--help prints every option and exits 0' help
check 'closed streams' closed_streams
check 'a message is one line without control characters' one_line
check 'the locale changes nothing' locale_and_prefix
done_testing
