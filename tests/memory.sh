#!/bin/bash
# A data set larger than memory: folds of 200 MB are trained on and predicted by processes that may have 32 MB.
#
# The limit is RLIMIT_DATA, which needs no rights and no control group. It counts all memory that a process can write to
# and shares with nobody - heap, stacks, activations, weights - but not the fold, a read-only mapping of a file. So what
# this shows is that nothing takes the fold into memory of its own: its pages are the file's, which the kernel drops
# when it needs room and reads again. It does not show how fast that is. A control loads the fold and must fail.
. "$(dirname "$0")/lib.sh"

limit=$((32 << 20))

limited() {
    prlimit --data="$limit" "$@"
}

# 2000 clips of 1 x 128 x 200 values, 200 MB; four bands tell the four classes.
large_fold() {
    /usr/bin/python3 - "$scratch/fold.npy" <<'PYTHON'
import sys
import numpy
height, width, count = 128, 200, 2000
kind = [("key", "S120"), ("fold", "<i4"), ("label", "<i4"), ("x", "<f4", (1, height, width))]
clips = numpy.lib.format.open_memmap(sys.argv[1], "w+", kind, (count,))
noise = (-30 + 12 * numpy.random.RandomState(0).randn(16, height, width)).astype("f4")
for i in range(count):
    clips[i] = (b"clip %d" % i, 1, i % 4, noise[i % 16] + numpy.float32(i / count))
    clips["x"][i, 0, i % 4 * 32:i % 4 * 32 + 32] += 15
PYTHON
    [ "$(stat -c %s "$scratch/fold.npy")" -gt $((6 * limit)) ]
}

control() {
    must_fail 1 limited dd if="$scratch/fold.npy" of=/dev/null bs=200M count=1
    says 'memory exhausted'
}

trains() {
    init-model --filters=1 --classes=4 >model
    limited train-epoch --threads=2 --verbose "$scratch/fold.npy" <model >next
    train-epoch "$scratch/fold.npy" <model | cmp - next
    cp next "$scratch/model"
}

predicts() {
    limited predict --threads=2 --model="$scratch/model" "$scratch/fold.npy" >predictions
    [ "$(wc -l <predictions)" -eq 2001 ]
}

check 'a fold of 200 MB' large_fold
check 'a process of 32 MB cannot load it' control
check 'train-epoch of 32 MB trains on it, to the same bytes as without a limit' trains
check 'predict of 32 MB reads it' predicts
done_testing
