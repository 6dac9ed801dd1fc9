#!/bin/bash
# The README names every parameter with its default, every tool, and no make target that is not there.
. "$(dirname "$0")/lib.sh"

parameters() {
    local name value
    sed -n 's/^\([A-Z_]*\) *?= *\([^#]*[^# ]\) *#.*/\1 \2/p' "$top/params.mk" >list
    [ "$(wc -l <list)" -ge 17 ]
    grep '^|' "$top/README.md" >rows
    while read -r name value; do
        grep -F "\`$name\`" rows | grep -F "\`$value\`" >/dev/null || { echo "$name $value"; return 1; }
    done <list
}

tools() {
    local tool
    grep '^|' "$top/README.md" >rows
    for tool in "$top"/src/tool/*.c; do
        tool=$(basename "$tool" .c)
        grep -qF "\`$tool\`" rows || { echo "$tool"; return 1; }
    done
}

targets() {
    local target
    make -C "$top" help >help
    awk '/^```sh/ { block = 1; next } /^```/ { block = 0 } block' "$top/README.md" | sed 's/#.*//' >commands
    grep -o 'make [^|&]*' commands | sed 's|"[^"]*"||g' | tr ' ' '\n' | grep -v '^make$\|^-\|=\|^$\|^[0-9"]' |
        sort -u >targets
    [ "$(wc -l <targets)" -ge 6 ]
    while read -r target; do
        grep -q "^  $target " help || { echo "$target"; return 1; }
    done <targets
}

check "every parameter with its default" parameters
check "every tool" tools
check "no target that is not there" targets
done_testing
