#!/bin/bash
# predict: the table, folds and sound files, the same bytes, and what it must refuse. Agreement with PyTorch is tested
# in tests/predict.py.
. "$(dirname "$0")/lib.sh"

# A small data set, its features, and a model trained on them for an epoch.
features=(--n-fft=256 --hop-length=128 --n-mels=16 --top-db=60)

trained_model() {
    synth-clips --clips-per-class=2 --folds=2 --sample-rate=11025 --seconds=0.5 set
    list-clips set >manifest.tsv
    printf 'label\tclass\n' >classes.tsv
    tail -n +2 manifest.tsv | cut -f 4,5 | sort -nu >>classes.tsv
    decode-audio --root=set --clip-seconds=0.4 <manifest.tsv | log-mel "${features[@]}" >fold.npy
    init-model --filters=2 --classes=classes.tsv --clip-seconds=0.4 "${features[@]}" | train-epoch fold.npy >model
}

table() {
    trained_model
    predict fold.npy <model >predictions
    tail -n +2 classes.tsv | cut -f 2 | paste -s | sed 's/^/key\ttruth\t/' >header
    head -n 1 predictions | diff header -
    cut -f 1,5 manifest.tsv | tail -n +2 >expected
    tail -n +2 predictions | cut -f 1,2 | diff expected -
    tail -n +2 predictions | awk -F '\t' '{
        sum = 0
        for (i = 3; i <= NF; i++) { if ($i < 0 || $i > 1) exit 1; sum += $i }
        if (NF != 12 || sum < 1 - 1e-7 || sum > 1 + 1e-7) exit 1 }'
}

# A sound file gives the numbers of its row in the fold: the checkpoint holds all parameters of the features.
sounds() {
    trained_model
    predict fold.npy <model | cut -f 3- >expected
    tail -n +2 manifest.tsv | cut -f 2 | sed 's|^|set/|' >paths
    xargs predict --model=model <paths >predictions
    cut -f 3- predictions | diff expected -
    tail -n +2 predictions | cut -f 1 | diff paths -
    tail -n +2 predictions | cut -f 2 | grep -qvx '?' && return 1
    # another container and another rate of the same sound
    sox "$(head -n 1 paths)" one.flac
    predict --model=model one.flac | tail -n 1 | cut -f 3- | diff <(sed -n 2p expected) -
}

same_bytes() {
    trained_model
    predict fold.npy <model >expected
    local threads set
    for threads in 1 2 3 8; do
        predict --threads=$threads fold.npy <model | cmp - expected
    done
    for set in $(kernel_sets); do
        predict --kernels="$set" --model=model fold.npy | cmp - expected
        BITFAST_ISA=$set predict --model=model fold.npy | cmp - expected
    done
    OPENBLAS_CORETYPE=Prescott LC_ALL=de_DE.UTF-8 TZ=Asia/Tokyo predict fold.npy <model | cmp - expected
}

# Several folds in one go are the folds one after the other.
several_folds() {
    make_fold 1.npy 1 7
    make_fold 2.npy 2 6
    init-model --filters=1 --classes=2 >model
    predict --model=model 1.npy >expected
    predict --model=model 2.npy | tail -n +2 >>expected
    predict --model=model 1.npy 2.npy | cmp - expected
}

refused() {
    trained_model
    refuse() {
        local text=$1
        shift
        must_fail 1 predict "$@" <model; says "$text"
    }
    head -c 3000 /dev/urandom >garbage.wav
    refuse garbage.wav garbage.wav
    : >empty.wav
    refuse empty.wav empty.wav
    head -c 30 "$(find set -name '*.wav' | head -n 1)" >short.wav
    refuse short.wav short.wav
    refuse missing.wav missing.wav
    refuse 'set' set
    refuse 'fold.npy: is not a sound file' "$(find set -name '*.wav' | head -n 1)" fold.npy
    cp "$(find set -name '*.wav' | head -n 1)" "$(printf 'tab\tname.wav')"
    refuse 'tab?name.wav' "$(printf 'tab\tname.wav')"
    head -c 4000 fold.npy >cut.npy
    refuse cut.npy cut.npy
    make_fold other.npy 1 20 8 12 11
    refuse "'clip 1-10' has label 10, expected 0 to 9" other.npy
    make_fold none.npy 1 0
    refuse 'none.npy: holds no clips' none.npy
    refuse 'is there twice' fold.npy fold.npy
    refuse missing --model=missing fold.npy
    head -c 3000 model >cut
    refuse 'cut: ' --model=cut fold.npy
    must_fail 1 predict fold.npy </dev/null; says 'standard input: is empty'
    edit_checkpoint model bad 'values("bn3.running_var")[0] = -1'
    must_fail 1 predict fold.npy <bad; says bn3.running_var
    edit_checkpoint model bad 'values("fc1.weight")[...] = 3e38; values("bn4.bias")[...] = 1e3'
    must_fail 1 predict fold.npy <bad; says 'clip '
    must_fail 1 bash -c 'predict fold.npy <model >/dev/full'; says write
    must_fail 2 predict <model; says 'an operand is missing'
    must_fail 2 predict --models=x fold.npy; says "the nearest is '--model'"
    must_fail 2 predict --engine=torch fold.npy; says 'exact|openblas'
    must_fail 1 env BITFAST_ISA=avx3 predict fold.npy <model
    says "BITFAST_ISA: this processor has no kernels 'avx3', expected auto or one of baseline"
    BITFAST_ISA=avx3 predict --kernels=baseline fold.npy <model >out
    predict --help >help
    grep -q 'usage: predict' help
    grep -q BITFAST_ISA help
}

check 'table' table
check 'sound files' sounds
check 'the same bytes' same_bytes
check 'several folds' several_folds
check 'what is refused' refused
done_testing
