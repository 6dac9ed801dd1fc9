#!/bin/bash
# checkpoint-log: rows as the checkpoints' metadata have them, steps, and what it must refuse.
. "$(dirname "$0")/lib.sh"

checkpoints() {
    make_fold 1.npy 1 7
    make_fold 2.npy 2 6
    init-model --filters=1 --classes=2 >epoch-0
    train-epoch --batch-size=3 --validation=2.npy 1.npy <epoch-0 >epoch-1
    train-epoch --batch-size=3 --validation=2.npy 1.npy <epoch-1 >epoch-2
    train-epoch --batch-size=7 1.npy <epoch-2 >epoch-3
}

rows() {
    checkpoints
    checkpoint-log epoch-1 epoch-2 epoch-3 >log.csv
    cat log.csv
    for epoch in 1 2 3; do
        edit_checkpoint epoch-$epoch /dev/null '
print(*[texts.get(name, "") for name in ("epoch", "train_loss", "train_acc", "val_loss", "val_acc")], sep=",")'
    done | cat <(echo epoch,train_loss,train_acc,val_loss,val_acc) - | diff - log.csv
    [ "$(tail -n 1 log.csv | grep -o '..$')" = ,, ]
    # in the order that they are named
    checkpoint-log epoch-2 epoch-1 | cut -d , -f 1 | tr '\n' ' ' | grep -qx 'epoch 2 1 '
}

# The step losses read back exactly: 7 clips in batches of 3 are 3 steps, in batches of 7 one.
steps() {
    checkpoints
    checkpoint-log --steps epoch-1 epoch-3 >steps.csv
    cat steps.csv
    cut -d , -f 1,2 steps.csv | tr '\n' ' ' | grep -qx 'epoch,step 1,1 1,2 1,3 3,1 '
    edit_checkpoint epoch-1 /dev/null '
rows = [line.split(",") for line in open("steps.csv").read().splitlines()]
assert rows[0] == ["epoch", "step", "loss"]
assert (values("metrics.step_loss") == numpy.array([row[2] for row in rows if row[0] == "1"], "f4")).all()'
}

refused() {
    checkpoints
    must_fail 1 checkpoint-log epoch-0; says 'epoch-0: is of epoch 0, which has no metrics'
    must_fail 1 checkpoint-log epoch-1 missing; says missing
    must_fail 1 checkpoint-log .; says '.'
    must_fail 1 checkpoint-log /dev/null; says '/dev/null: is empty'
    must_fail 1 checkpoint-log 1.npy; says '1.npy: is not a safetensors file'
    head -c 3000 epoch-1 >cut
    must_fail 1 checkpoint-log cut; says 'cut: '
    edit() {
        edit_checkpoint epoch-1 bad "$1"
        must_fail 1 checkpoint-log bad; says bad; says "$2"
    }
    edit 'values("fc1.bias")[0] = numpy.nan' "'fc1.bias' holds nan at position 0"
    edit 'values("metrics.step_loss")[1] = numpy.inf' "'metrics.step_loss' holds inf at position 1"
    edit 'del texts["train_loss"]' "lack 'train_loss'"
    edit 'texts["train_acc"] = "0.5\n9,9"' train_acc
    edit 'texts["val_loss"] = "good"' val_loss
    edit 'texts["val_acc"] = "1.5"' val_acc
    edit 'del texts["val_acc"]' val_acc
    must_fail 1 bash -c 'checkpoint-log epoch-1 >/dev/full'; says write
    must_fail 2 checkpoint-log; says 'an operand is missing'
    must_fail 2 checkpoint-log --step epoch-1; says "the nearest is '--steps'"
    must_fail 2 checkpoint-log --steps=1 epoch-1; says 'takes no value'
    checkpoint-log --help | grep -q 'usage: checkpoint-log'
}

check 'rows' rows
check 'steps' steps
check 'what is refused' refused
done_testing
