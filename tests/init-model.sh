#!/bin/bash
# init-model: options, class names, the weights' distribution, PyTorch's state_dict, the same bytes. That the weights
# are the generator's numbers is tested in tests/training.py.
. "$(dirname "$0")/lib.sh"

options() {
    local value
    for value in 0 -1 1e9 abc '' 257; do
        must_fail 2 init-model --filters="$value"; says '--filters'; says '1 to 256'
    done
    for value in 0 1 10001 99999999999999999999; do
        must_fail 2 init-model --classes="$value"; says '--classes'; says '2 to 10000'
    done
    for value in -1 9007199254740993 1.5 ''; do
        must_fail 2 init-model --seed="$value"; says '0 to 9007199254740992'
    done
    must_fail 2 init-model --n-mels=0; says '1 to 1024'
    must_fail 2 init-model --clip-seconds=nan; says '0.05 to 60'
    must_fail 2 init-model --filter=3; says "the nearest is '--filters'"
    must_fail 2 init-model operand
    must_fail 2 init-model --filters; says 'needs a value'
    init-model --help | grep -q 'usage: init-model'
}

# texts FILE: the metadata, a line each.
texts() {
    edit_checkpoint "$1" /dev/null 'print(*sorted(map(" ".join, texts.items())), sep="\n")'
}

metadata() {
    init-model --filters=3 --classes=2 --seed=9007199254740992 --sample-rate=16000 --clip-seconds=0.25 --n-fft=512 \
        --hop-length=128 --n-mels=40 --top-db=60.5 >model
    texts model >found
    cat >expected <<'TEXTS'
classes ["0","1"]
clip_seconds 0.25
epoch 0
filters 3
format bitfast-checkpoint-1
hop_length 128
n_fft 512
n_mels 40
network AudioNet
sample_rate 16000
seed 9007199254740992
top_db 60.5
TEXTS
    diff found expected
}

# The defaults are those of the reference.
defaults() {
    init-model >model
    init-model --filters=16 --classes=10 --seed=0 --sample-rate=8000 --clip-seconds=5 --n-fft=400 --hop-length=200 \
        --n-mels=128 --top-db=80 | cmp - model
    # 16 (1 11 11 + 1) + 16 (16 9 + 1) + 32 (16 9 + 1) + 64 (32 9 + 1) + 2 (16 + 16 + 32 + 64) + 64 10 + 10
    edit_checkpoint model /dev/null '
trained = [name for name in header if "adam.exp_avg_sq." + name in header]
assert len(trained) == 18 and sum(values(name).size for name in trained) == \
    16 * 122 + 16 * 145 + 32 * 145 + 64 * 289 + 2 * 128 + 64 * 10 + 10'
}

class_table() {
    printf 'label\tclass\n0\tdog bark\n1\t"rain"\n2\tMäuse\n' >classes.tsv
    init-model --filters=1 --classes=classes.tsv >model
    edit_checkpoint model /dev/null '
assert json.loads(texts["classes"]) == ["dog bark", "\"rain\"", "M\u00e4use"]
assert values("fc1.weight").shape == (3, 4) and values("fc1.bias").shape == (3,)'
    printf 'class\tclips\tlabel\na\t7\t0\nb\t8\t1\n' >more.tsv
    init-model --filters=1 --classes=more.tsv >model
    edit_checkpoint model /dev/null 'assert json.loads(texts["classes"]) == ["a", "b"]'
}

bad_class_tables() {
    refuse() {
        printf "$1" >classes.tsv
        must_fail 1 init-model --classes=classes.tsv; says "$2"
        [ ! -s out ]
    }
    refuse 'label\tname\n0\ta\n1\tb\n' class
    refuse 'class\na\nb\n' label
    refuse 'label\tclass\n0\ta\n2\tb\n' 2
    refuse 'label\tclass\n1\ta\n0\tb\n' 1
    refuse 'label\tclass\n0\ta\nx\tb\n' x
    refuse 'label\tclass\n0\ta\n1\ta\n' "'a'"
    refuse 'label\tclass\n0\ta\n' 'holds 1 classes, expected 2 to 10000'
    refuse 'label\tclass\n' '0'
    refuse '' empty
    refuse 'label\tclass\n0\ta\n1\n' 'line 3'
    refuse 'label\tclass\n0\ta\n1\t\n' 'line 3'
    refuse 'label\tclass\n0\ta\n1\tM\xe4use\n' UTF-8
    must_fail 1 init-model --classes=missing.tsv; says missing.tsv
    must_fail 1 init-model --classes=.
    must_fail 1 init-model --classes=
}

same_bytes() {
    init-model --filters=4 --seed=1 >one
    init-model --filters=4 --seed=1 | cmp - one
    (cd / && LC_ALL=de_DE.UTF-8 TZ=Asia/Tokyo init-model --filters=4 --seed=1) | cmp - one
    local seed
    for seed in 0 2 4294967297; do
        init-model --filters=4 --seed=$seed >other
        edit_checkpoint other /dev/null '
other = open("one", "rb").read()[-len(data):]
first = numpy.frombuffer(other, "<f4", 4 * 121)
assert (first != values("conv1.weight").ravel()).mean() > 0.99'
    done
}

# Uniform in +-1/sqrt(fan in): no value outside, the moments within five standard errors, the largest gap between the
# sorted values and the uniform distribution (Kolmogorov) below its 1e-6 quantile, 2.7 / sqrt(n); and tensors do not
# resemble one another.
distribution() {
    init-model --filters=16 --classes=50 --seed=3 >model
    edit_checkpoint model /dev/null '
first = {}
for layer, fan_in in ("conv1", 121), ("conv2", 144), ("conv3", 144), ("conv4", 288), ("fc1", 64):
    for name in layer + ".weight", layer + ".bias":
        u = numpy.sort(values(name).astype("f8").ravel()) * fan_in ** 0.5
        n = u.size
        assert abs(u).max() <= 1 + 1e-7, name
        assert abs(u.mean()) < 5 / (3 * n) ** 0.5, name
        assert abs((u * u).mean() - 1 / 3) < 5 * (4 / 45 / n) ** 0.5, name
        assert abs((u + 1) / 2 - (numpy.arange(n) + 0.5) / n).max() < 2.7 / n ** 0.5, name
        assert len(set(u)) > 0.999 * n, name
        first[name] = values(name).astype("f8").ravel()[:16]
table = numpy.corrcoef(list(first.values())) - numpy.eye(len(first))
assert abs(table).max() < 0.9, table'
}

constants() {
    init-model --filters=2 --classes=3 >model
    edit_checkpoint model /dev/null '
for layer, channels in ("bn1", 2), ("bn2", 2), ("bn3", 4), ("bn4", 8):
    assert list(values(layer + ".weight")) == list(values(layer + ".running_var")) == [1] * channels
    assert list(values(layer + ".bias")) == list(values(layer + ".running_mean")) == [0] * channels
    assert values(layer + ".num_batches_tracked") == 0
for name in header:
    assert not name.startswith("adam.") or not values(name).any(), name'
}

# A file as PyTorch's state_dict gives it: the network's tensors only, without our metadata.
state_dict() {
    init-model --filters=2 --classes=3 --seed="$1" >seeded
    edit_checkpoint seeded "$2" '
del header["__metadata__"]
for name in [name for name in header if name.startswith("adam.")]:
    del header[name]
del data[max(tensor["data_offsets"][1] for tensor in header.values()):]'
}

weights() {
    state_dict 5 weights
    mv seeded expected
    init-model --filters=2 --classes=3 --seed=5 --weights=weights | cmp - expected
    init-model --filters=2 --classes=3 --seed=6 --weights=weights >other
    edit_checkpoint other same 'texts["seed"] = "5"'
    edit_checkpoint expected expected-again ''
    cmp same expected-again
}

bad_weights() {
    refuse() {
        edit_checkpoint with_texts bad "$1"
        must_fail 1 init-model --filters=2 --classes=3 --weights=bad; says bad; says "$2"
        [ ! -s out ]
    }
    state_dict 5 weights
    edit_checkpoint seeded with_texts '
for name in [name for name in header if name.startswith("adam.")]:
    del header[name]
header["__metadata__"] = texts = {"format": "pt"}
del data[max(header[name]["data_offsets"][1] for name in header if name != "__metadata__"):]'
    init-model --filters=2 --classes=3 --weights=with_texts >/dev/null
    must_fail 1 init-model --filters=3 --classes=3 --weights=weights
    says "'conv1.weight' has size 2 in dimension 1, expected 3"
    must_fail 1 init-model --filters=2 --classes=4 --weights=weights; says fc1.weight; says 'expected 4'
    refuse 'header["fc1.offset"] = header.pop("fc1.bias")' "lacks the tensor 'fc1.bias'"
    refuse 'header["fc2.bias"] = {"dtype": "F32", "shape": [0], "data_offsets": [len(data)] * 2}' \
        'has 31 tensors, expected the 30'
    refuse 'values("conv2.weight")[0, 1, 2, 0] = numpy.nan' "'conv2.weight' holds nan at position 15"
    refuse 'values("bn4.running_var")[3] = -numpy.inf' "'bn4.running_var' holds -inf at position 3"
    refuse 'header["conv1.bias"]["dtype"] = "F16"' 'conv1.bias'
    refuse 'header["conv1.bias"]["shape"] = [2, 1]' conv1.bias
    head -c 1000 weights >bad
    must_fail 1 init-model --filters=2 --classes=3 --weights=bad; says bad
    must_fail 1 init-model --weights=missing; says missing
    must_fail 1 init-model --weights=.; says .
    must_fail 1 init-model --weights=/dev/null; says empty
}

full_disk() {
    must_fail 1 bash -c 'init-model >/dev/full'; says write
    must_fail 1 bash -c 'init-model --filters=1 --classes=2 >/dev/full'; says write
    must_fail 1 bash -c 'init-model >&-'; says write
}

check 'options' options
check 'metadata' metadata
check 'defaults' defaults
check 'a table of classes' class_table
check 'bad tables of classes' bad_class_tables
check 'the same bytes, other bytes for another seed' same_bytes
check 'uniform weights' distribution
check 'constants' constants
check "PyTorch's weights" weights
check 'bad weights' bad_weights
check 'full disk' full_disk
done_testing
