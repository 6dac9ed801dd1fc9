#!/bin/bash
# train-epoch: the pipe, the same bytes whatever the surroundings, resuming, and everything that it must refuse. The
# numbers are compared with PyTorch's in tests/training_step.py and tests/training.py.
. "$(dirname "$0")/lib.sh"

model=(init-model --filters=2 --classes=2 --n-mels=8)

folds() {
    make_fold 1.npy 1 7
    make_fold 2.npy 2 6
    make_fold 3.npy 3 5
    make_fold 4.npy 4 6
    make_fold 5.npy 5 10
}

# train FOLD...: an epoch in small batches.
train() {
    train-epoch --batch-size=4 "$@"
}

pipe() {
    folds
    "${model[@]}" | train-epoch 1.npy 2.npy 3.npy | train-epoch 1.npy 2.npy 3.npy | predict 5.npy | score >scores
    cat scores
    grep -q '"total": *10' scores
}

# A validation fold, batches that do not divide the 18 clips.
same_bytes() {
    folds
    local threads set core
    "${model[@]}" >model
    train --validation=4.npy 1.npy 2.npy 3.npy <model >expected
    for threads in 1 2 3 8; do
        train --threads=$threads --validation=4.npy 1.npy 2.npy 3.npy <model | cmp - expected
    done
    for set in $(kernel_sets); do
        train --kernels=$set --threads=2 --validation=4.npy 1.npy 2.npy 3.npy <model | cmp - expected
        BITFAST_ISA=$set train --validation=4.npy 1.npy 2.npy 3.npy <model | cmp - expected
    done
    for core in Prescott Haswell SkylakeX; do
        OPENBLAS_CORETYPE=$core train --validation=4.npy 1.npy 2.npy 3.npy <model | cmp - expected
    done
    mkdir elsewhere
    cd elsewhere
    LC_ALL=de_DE.UTF-8 TZ=Asia/Tokyo train --validation=../4.npy ../[123].npy <../model | cmp - ../expected
    cat ../model | taskset 1 "$top/bin/train-epoch" --quiet --batch-size=4 --validation=../4.npy ../[123].npy |
        cmp - ../expected
}

# Wider than a vector, as high as one position needs; more filters than a register tile.
same_bytes_of_other_shapes() {
    local row set
    for row in '4 4 1' '5 67 3' '33 16 9'; do
        set -- $row
        make_fold f.npy 1 5 "$1" "$2" 3
        init-model --filters="$3" --classes=3 >model
        train --threads=1 --kernels=baseline f.npy <model >expected
        for set in auto $(kernel_sets); do
            train --threads=3 --kernels="$set" f.npy <model | cmp - expected
        done
    done
}

resume() {
    folds
    "${model[@]}" | train 1.npy 2.npy | train 1.npy 2.npy | train 1.npy 2.npy >expected
    "${model[@]}" >epoch-0
    local epoch
    for epoch in 1 2 3; do
        train 1.npy 2.npy <epoch-$((epoch - 1)) >epoch-$epoch
    done
    cmp epoch-3 expected
    ! cmp -s epoch-1 epoch-2
}

# Each epoch has an order of its own, each seed too; the seed is the checkpoint's.
order() {
    make_fold f.npy 1 16
    init-model --filters=1 --classes=2 >zero
    edit_checkpoint zero one 'texts["seed"] = "1"'
    edit_checkpoint zero late 'texts["epoch"] = "1"; header["metrics.step_loss"] = {
        "dtype": "F32", "shape": [1], "data_offsets": [len(data), len(data) + 4]}; data += b"\0" * 4
texts.update(train_loss="1", train_acc="0")'
    for name in zero one late; do
        train f.npy <$name >next
        checkpoint-log --steps next | cut -d , -f 3 >losses-$name
    done
    ! cmp -s losses-zero losses-one
    ! cmp -s losses-zero losses-late
    ! cmp -s losses-one losses-late
}

# What the next checkpoint says of the epoch.
metadata() {
    folds
    "${model[@]}" | train --validation=4.npy --validation=5.npy --learning-rate=0.001 --engine=openblas 1.npy >one
    edit_checkpoint one /dev/null '
assert [texts[name] for name in ("epoch", "batch_size", "learning_rate", "engine")] == ["1", "4", "0.001", "openblas"]
assert texts["val_acc"] in ["%.9g" % (i / 16) for i in range(17)] and float(texts["val_loss"]) > 0
assert texts["train_acc"] in ["%.9g" % (i / 7) for i in range(8)]
losses = values("metrics.step_loss").astype("f8")
assert losses.shape == (2,) and abs((4 * losses[0] + 3 * losses[1]) / 7 - float(texts["train_loss"])) < 1e-6
assert values("adam.step") == values("bn3.num_batches_tracked") == 2'
    train 1.npy <one >two
    edit_checkpoint two /dev/null '
assert texts["epoch"] == "2" and texts["engine"] == "mixed" and "val_loss" not in texts and "val_acc" not in texts
assert values("adam.step") == values("bn3.num_batches_tracked") == 4'
}

# The engine is that of all epochs, or "mixed": what openblas had a part in never passes for exact.
engines() {
    folds
    # engine_after EXPECTED ENGINE...: trains an epoch with each of these.
    engine_after() {
        local expected=$1 engine
        "${model[@]}" >model
        for engine in "${@:2}"; do
            train --engine=$engine 1.npy <model >next
            mv next model
        done
        tensor-print --metadata model >printed
        grep -E "engine[^a-z]+$expected\b" printed
    }
    engine_after exact exact exact
    engine_after openblas openblas openblas
    engine_after mixed openblas exact
    engine_after mixed exact openblas
    engine_after mixed exact openblas exact exact
    edit_checkpoint model unknown 'del texts["engine"]'
    train 1.npy <unknown | tensor-print --metadata | grep -E 'engine[^a-z]+mixed\b'
}

# refuse TEXT [ARGUMENT...]: bad.checkpoint, or another checkpoint on standard input, is refused with TEXT.
refuse() {
    local text=$1
    shift
    must_fail 1 train-epoch "${@:-1.npy}" <bad
    says "$text"
    [ ! -s out ]
}

bad_checkpoints() {
    folds
    "${model[@]}" | train 1.npy >good
    local size part
    size=$(stat -c %s good)
    for part in 0 1 7 8 9 100 1000 5000 $((size / 2)) $((size - 4)) $((size - 1)); do
        head -c "$part" good >bad
        refuse 'standard input'
        status=0
        cat bad | train-epoch 1.npy >out 2>err || status=$?
        [ $status -eq 1 ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] && says 'standard input'
    done
    { cat good; echo; } >bad; refuse 'after its header'
    head -c "$size" /dev/urandom >bad; refuse 'is not a safetensors file'
    cp 1.npy bad; refuse 'is not a safetensors file'
    edit() {
        edit_checkpoint good bad "$1"
        refuse "$2"
    }
    edit 'texts["network"] = "ResNet"' "holds the network 'ResNet', expected 'AudioNet'"
    edit 'texts["format"] = "bitfast-checkpoint-2"' "another version: format 'bitfast-checkpoint-2'"
    edit 'texts.clear()' 'is not a checkpoint of bitfast'
    edit 'del texts["format"]' 'is not a checkpoint of bitfast'
    edit 'texts["filters"] = "3"' "'conv1.weight' has size 2 in dimension 1, expected 3"
    edit 'texts["filters"] = "0"' 'filters'
    edit 'texts["filters"] = "two"' 'filters'
    edit 'texts["classes"] = "[\"a\"]"' classes
    edit 'texts["classes"] = "a,b"' classes
    edit 'texts["classes"] = "[1, 2]"' classes
    edit 'texts["classes"] = "[\"a\", \"b\", \"c\"]"' 'fc1.weight'
    edit 'texts["classes"] = "[\"a\\tb\", \"c\"]"' 'control character'
    edit 'texts["classes"] = "[\"\", \"a\"]"' classes
    edit 'del texts["seed"]' "lack 'seed'"
    edit 'texts["epoch"] = "-1"' epoch
    edit 'texts["n_mels"] = "1e9"' n_mels
    edit 'texts["top_db"] = "nan"' top_db
    edit 'values("conv3.weight")[1, 1, 1, 1] = numpy.nan' "'conv3.weight' holds nan at position 31"
    edit 'values("adam.exp_avg.fc1.bias")[1] = numpy.inf' "'adam.exp_avg.fc1.bias' holds inf at position 1"
    edit 'values("bn2.running_var")[0] = -1' "'bn2.running_var' holds -1 at position 0"
    edit 'values("adam.step")[...] = -1' 'adam.step'
    edit 'values("adam.step")[...] = 2 ** 63 - 1' 'adam.step'
    edit 'values("bn1.num_batches_tracked")[...] = 2 ** 63 - 1' 'bn1.num_batches_tracked'
    edit 'header["bn5.bias"] = header.pop("bn4.bias")' "lacks the tensor 'bn4.bias'"
    edit 'header["more"] = {"dtype": "F32", "shape": [0], "data_offsets": [len(data)] * 2}' 'tensors, expected'
    edit 'header["conv1.bias"]["data_offsets"][0] -= 4' 'conv1.bias'
}

bad_folds() {
    folds
    "${model[@]}" >bad
    refuse missing.npy missing.npy
    refuse "'.' is not a file" .
    refuse "'/dev/null' is not a file" /dev/null
    local size part
    size=$(stat -c %s 1.npy)
    for part in 0 5 50 $((size / 2)) $((size - 1)); do
        head -c "$part" 1.npy >cut.npy
        refuse cut.npy 2.npy cut.npy
    done
    { cat 1.npy; echo; } >long.npy; refuse long.npy long.npy
    head -c "$size" /dev/urandom >garbage.npy; refuse 'garbage.npy: is not a .npy file' garbage.npy
    fold() {
        make_fold odd.npy 9 4 "${@:3}" "$1"
        refuse "$2" 1.npy odd.npy
        refuse "$2" --validation=odd.npy 1.npy
    }
    fold 'clips["x"][2, 0, 0, 5] = numpy.nan' "odd.npy: clip 'clip 9-2' holds nan at position 5" 8 12 2
    fold 'clips["x"][3, 0, 7, 11] = -numpy.inf' "odd.npy: clip 'clip 9-3' holds -inf at position 95" 8 12 2
    fold 'clips["label"][1] = 2' "odd.npy: clip 'clip 9-1' has label 2, expected 0 to 1" 8 12 2
    fold 'clips["label"][1] = -1' "odd.npy: clip 'clip 9-1' has label -1, expected 0 to 1" 8 12 2
    fold 'clips["key"][1] = b""' "odd.npy" 8 12 2
    fold 'clips["key"][1] = b"clip 9-0"' "'clip 9-0' is there twice" 8 12 2
    fold 'clips["key"][1] = b"clip 1-0"' "'clip 1-0' is" 8 12 2
    fold 'pass' 1x9x12 9 12 2
    fold 'clips = clips["x"]' odd.npy 8 12 2
    refuse 'is there twice' 1.npy 2.npy 1.npy
    refuse "'clip 1-0' is both in a training and in a validation fold" --validation=1.npy 2.npy 1.npy
    make_fold ones.npy 7 9 8 12 2 'clips["label"] = 1'
    refuse "class 0, '0', has no clip in the training folds" ones.npy
    make_fold none.npy 7 0
    refuse 'has no clip' none.npy
    refuse 'none.npy: holds no clips' --batch-size=4 --validation=none.npy 1.npy
    make_fold waveforms.npy 7 4 8 12 2 '
clips = numpy.zeros(4, [*clips.dtype.descr[:3], ("x", "<f4", (1, 96))])
clips["key"] = list("abcd")'
    refuse 'waveforms.npy: holds clips of shape 1x96, expected log-mel spectrograms' waveforms.npy
    make_fold tiny.npy 7 4 3 12
    refuse 'the clips are 3 x 12, expected at least 4 x 4' --batch-size=4 tiny.npy
}

# One clip is lost or doubled by nobody: the last batch is what remains.
batch_sizes() {
    folds
    "${model[@]}" >bad
    refuse '--batch-size: 8 is more than the 7 training clips' 1.npy
    refuse '--batch-size: 14 is more than the 13 training clips' --batch-size=14 1.npy 2.npy
    local size
    for size in 1 2 3 5 6 7; do
        train-epoch --batch-size=$size 1.npy <bad >next
        [ "$(checkpoint-log --steps next | wc -l)" -eq $(((7 + size - 1) / size + 1)) ]
    done
}

options() {
    folds
    "${model[@]}" >good
    local value
    usage() {
        must_fail 2 train-epoch "$@" 1.npy <good
    }
    for value in 0 nan -1 1.1 1e-10 inf abc ''; do
        usage --learning-rate="$value"; says '--learning-rate'; says '1e-09 to 1'
    done
    for value in 0 -1 1e9 abc 4097; do
        usage --batch-size="$value"; says '1 to 4096'
    done
    usage --engine=fast; says 'exact|openblas'
    usage --kernels=sse; says 'baseline'
    usage --threads=-1; says '0 to 1024'
    usage --treads=1; says "the nearest is '--threads'"
    must_fail 2 train-epoch <good; says 'an operand is missing'
    must_fail 2 train-epoch 1.npy --threads=1 <good; says 'must stand before'
    train-epoch --help | grep -q 'usage: train-epoch'
}

# BITFAST_ISA is read only where --kernels is not given; empty is as unset.
instruction_set() {
    folds
    "${model[@]}" >good
    local sets
    sets=$(kernel_sets | paste -s -d , | sed 's/,/, /g')
    must_fail 1 env BITFAST_ISA=avx3 train-epoch 1.npy <good
    says "BITFAST_ISA: this processor has no kernels 'avx3', expected auto or one of $sets"
    for set in 'auto|avx2' ' ' AVX2 openblas; do
        must_fail 1 env BITFAST_ISA="$set" train-epoch 1.npy <good
        says "has no kernels '$set'"
    done
    train 1.npy <good >expected
    BITFAST_ISA=avx3 train --kernels=baseline 1.npy <good | cmp - expected
    BITFAST_ISA='' train 1.npy <good | cmp - expected
    BITFAST_ISA=auto train 1.npy <good | cmp - expected
    train-epoch --help | grep -q 'BITFAST_ISA'
}

# Huge values, the largest learning rate: the loss, or what is left in the checkpoint, is not finite at some step.
divergence() {
    "${model[@]}" >bad
    make_fold f.npy 1 8 8 12 2 'clips["x"] *= 1e36'
    refuse 'diverged' --batch-size=4 --learning-rate=1 f.npy; says 'step 1 of epoch 1'
    make_fold f.npy 1 8 8 12 2 'clips["x"] *= 1e20'
    refuse 'diverged' --batch-size=4 f.npy; says 'step 1 of epoch 1'
    make_fold f.npy 1 8 8 12 2
    edit_checkpoint bad huge 'values("fc1.weight")[...] = 3e38'
    must_fail 1 train-epoch --learning-rate=1 f.npy <huge; says 'diverged'; says 'step 1 of epoch 1'
}

full_disk() {
    folds
    "${model[@]}" >good
    must_fail 1 bash -c 'train-epoch --batch-size=4 1.npy <good >/dev/full'; says write
    must_fail 1 bash -c 'train-epoch --batch-size=4 1.npy <good >&-'; says write
    must_fail 1 bash -c 'train-epoch --batch-size=4 1.npy <&-'; says 'standard input'
}

# A terminal sees the progress, a file never; --quiet silences it.
progress() {
    folds
    "${model[@]}" >good
    train 1.npy <good 2>err >expected
    [ ! -s err ]
    script -qec 'train-epoch --batch-size=4 1.npy <good >shown' /dev/null >terminal </dev/null
    grep -q 'of 7 clips' terminal
    script -qec 'train-epoch --quiet --batch-size=4 1.npy <good >silent' /dev/null >terminal </dev/null
    [ ! -s terminal ]
    cmp shown expected
    cmp silent expected
}

# One line at the end; without the option none, and the checkpoint is the same.
verbose() {
    folds
    "${model[@]}" >model
    train 1.npy 2.npy <model 2>err >expected
    [ ! -s err ]
    # said PATTERN COMMAND...: runs an epoch, which must say this of its kernels and threads.
    said() {
        "${@:2}" --verbose --batch-size=4 1.npy 2.npy <model 2>err | cmp - expected
        cat err
        grep -qxE "train-epoch: peak memory [0-9]+\.[0-9] MB, $1, before the first step [0-9]+\.[0-9] ms, a step \
[0-9]+\.[0-9]{2} ms" err
        [ "$(wc -l <err)" -eq 1 ]
        awk '{ exit !($4 > 1 && $4 < 1000 && $14 > 0 && $14 < 10000 && $18 > 0 && $18 < 10000) }' err
    }
    said 'kernels [a-z0-9]+, threads 1' taskset -c "$(taskset -cp $$ | sed 's/.*[ ,-]//')" train-epoch
    said "kernels [a-z0-9]+, threads $(processors)" train-epoch
    said 'kernels [a-z0-9]+, threads 3' train-epoch --threads=3
    said 'kernels baseline, threads 2' env BITFAST_ISA=baseline train-epoch --threads=2
    for set in $(kernel_sets); do
        said "kernels $set, threads 2" env BITFAST_ISA="$set" train-epoch --threads=2
        said "kernels $set, threads 2" env BITFAST_ISA=baseline train-epoch --kernels="$set" --threads=2
    done
    train-epoch --help | grep -q -- '--verbose'
}

check 'a pipe typed by hand' pipe
check 'the same bytes whatever the threads, the kernels, the surroundings' same_bytes
check 'the same bytes in other shapes' same_bytes_of_other_shapes
check 'resuming' resume
check 'order' order
check 'metadata' metadata
check 'the engine of all epochs' engines
check 'bad checkpoints' bad_checkpoints
check 'bad folds' bad_folds
check 'batch sizes' batch_sizes
check 'options' options
check 'BITFAST_ISA' instruction_set
check 'divergence' divergence
check '--verbose' verbose
check 'full disk, closed streams' full_disk
check 'progress' progress
done_testing
