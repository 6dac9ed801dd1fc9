# Test helper: TAP, one scratch directory a script. Source it, then call `check NAME FUNCTION` and, last,
# `done_testing`. A check passes if its function, run with `set -eu -o pipefail` in a directory of its own under the
# script's scratch directory, exits 0; what it printed is shown as comments only if it failed.
set -u
export LC_ALL=C
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PATH=$top/bin:$PATH
scratch=$(mktemp -d "${TMPDIR:-/tmp}/bitfast-test-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
checks=0
failures=0

# check NAME FUNCTION [ARGUMENT...]
check() {
    local name=$1 status
    shift
    checks=$((checks + 1))
    mkdir -p "$scratch/$checks"
    # Not within a condition, where the shell would ignore -e.
    (
        set -eu -o pipefail
        cd "$scratch/$checks"
        "$@"
    ) >"$scratch/$checks.log" 2>&1
    status=$?
    if [ $status -eq 0 ]; then
        echo "ok $checks - $name"
    else
        failures=$((failures + 1))
        echo "not ok $checks - $name"
        # On standard error, which prove lets through.
        { sed "s|^|# $(basename "$0"), $checks: |" "$scratch/$checks.log"; echo "# exit status $status"; } >&2
    fi
}

# must_fail CODE COMMAND...: the command must exit with CODE and print exactly one line (with code 2, at most two) on
# standard error, which is left in `err`; its standard output is left in `out`.
must_fail() {
    local code=$1 status=0
    shift
    "$@" >out 2>err || status=$?
    cat err
    [ "$status" -eq "$code" ] || { echo "exit status $status, expected $code: $*"; return 1; }
    local lines
    lines=$(wc -l <err)
    [ "$lines" -ge 1 ] && [ "$lines" -le "$code" ] || { echo "$lines lines on standard error: $*"; return 1; }
}

# says TEXT: the last must_fail's message holds TEXT.
says() {
    grep -qF -- "$1" err || { echo "the message lacks '$1'"; return 1; }
}

# make_fold FILE FOLD CLIPS [HEIGHT WIDTH CLASSES [STATEMENTS]]: a prepared fold, 8 x 12 and 2 classes by default:
# noise, and a band that tells the class. The statements may change `clips` before they are saved.
make_fold() {
    /usr/bin/python3 - "$@" <<'PYTHON'
import io, sys
import numpy
numbers = list(map(int, sys.argv[2:7]))
path, fold, count, height, width, classes = sys.argv[1], *numbers, *[8, 12, 2][len(numbers) - 2:]
random = numpy.random.RandomState(fold)
clips = numpy.zeros(count, [("key", "S120"), ("fold", "<i4"), ("label", "<i4"), ("x", "<f4", (1, height, width))])
for i in range(count):
    label = i % classes
    clips[i] = (b"clip %d-%d" % (fold, i), fold, label, -30 + 12 * random.randn(1, height, width))
    clips["x"][i, 0, label * height // classes:(label + 1) * height // classes] += 15
statements = sys.argv[7] if len(sys.argv) > 7 else ""
exec(statements)
numpy.save(path, clips)
PYTHON
}

# edit_checkpoint FROM TO STATEMENTS: `header` is the parsed header, `texts` its metadata, `data` the bytes after it,
# `values(NAME)` a tensor in them; rename, remove and change as you like.
edit_checkpoint() {
    /usr/bin/python3 - "$@" <<'PYTHON'
import json, sys
import numpy
file = open(sys.argv[1], "rb").read()
length = int.from_bytes(file[:8], "little")
header, data = json.loads(file[8:8 + length]), bytearray(file[8 + length:])
texts = header["__metadata__"]
def values(name):
    begin, end = header[name]["data_offsets"]
    kind = {"F32": "<f4", "I64": "<i8"}[header[name]["dtype"]]
    return numpy.frombuffer(data, kind, (end - begin) // int(kind[2]), begin).reshape(header[name]["shape"])
exec(sys.argv[3])
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open(sys.argv[2], "wb").write(len(text).to_bytes(8, "little") + text + data)
PYTHON
}

# tree_digest DIRECTORY: one sha256 over the names and sha256 of all files below it, in the order of their names.
tree_digest() {
    (cd "$1" && find . -type f ! -path '*/.made/*' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1)
}

# The sets of kernels that this processor has.
kernel_sets() {
    echo baseline
    [ "$(uname -m)" != aarch64 ] || echo neon
    if grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo; then
        echo avx2
        ! grep -qw avx512f /proc/cpuinfo || echo avx512
    fi
}

done_testing() {
    echo "1..$checks"
    [ "$failures" -eq 0 ]
}
