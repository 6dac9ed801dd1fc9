#!/bin/bash
# The project's own lock: the demo, at the defaults, made again here, has the bytes of bitfast.lock.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

demo() {
    grep -q '^parameter demo_.* DATASET demo$' "$top/bitfast.lock"
    env -u MAKEFLAGS -u MAKELEVEL make -C "$top" verify VERIFY_DIR="$PWD/verify"
}

check "the demo has the bytes of bitfast.lock" demo
done_testing
