# Test helper: the small cases of tests/digests.txt, cheap enough for slow machines and emulated processors, and the
# comparison with that list. Source it after tests/lib.sh.

# small_case [PREFIX...]: goes from sounds to scores in ./small_case and prints the lines `small ...` of the list. Each
# tool is run as PREFIX... $tools/NAME, by default the tree's, with $threads threads, by default 2. Two folds, batches
# that do not divide the clips, filters that fill no vector and yet are so many that the last convolution goes by tiles.
small_case() {
    local kind=small prefix=("$@") features=(--n-fft=128 --hop-length=40 --n-mels=20 --top-db=60) fold epoch
    rm -rf small_case
    mkdir small_case
    cd small_case
    small_sounds 8000
    for fold in 1 2; do
        awk -F '\t' -v fold=$fold 'NR == 1 || $3 == fold' clips >list-$fold
        small_step waveforms-$fold decode-audio --root=sounds --clip-seconds=0.25 --threads=${threads:-2} <list-$fold
        small_step fold-$fold log-mel "${features[@]}" --threads=${threads:-2} <waveforms-$fold
    done
    small_step epoch-0 init-model --filters=9 --seed=7 --clip-seconds=0.25 "${features[@]}"
    for epoch in 1 2; do
        small_step epoch-$epoch train-epoch --batch-size=4 --learning-rate=0.001 --threads=${threads:-2} \
            --validation=fold-2 fold-1 <epoch-$((epoch - 1))
    done
    small_step predictions predict --threads=${threads:-2} fold-2 <epoch-2
    small_step scores score <predictions
    cd ..
}

# resampled_case [PREFIX...]: the same from sounds of another rate to their features: the lines `resampled ...`, which
# only x86-64 gives (tests/aarch64.sh says why).
resampled_case() {
    local kind=resampled prefix=("$@")
    rm -rf resampled_case
    mkdir resampled_case
    cd resampled_case
    small_sounds 11025
    small_step waveforms decode-audio --root=sounds --clip-seconds=0.25 --threads=${threads:-2} <clips
    small_step features log-mel --n-mels=20 --threads=${threads:-2} <waveforms
    cd ..
}

# small_sounds RATE
small_sounds() {
    small_tool synth-clips --clips-per-class=2 --folds=2 --sample-rate="$1" --seconds=0.3 --threads=${threads:-2} sounds
    echo "$(tree_digest sounds)  $kind sounds"
    small_step clips list-clips --sha256 --threads=${threads:-2} sounds
}

small_tool() {
    "${prefix[@]}" "${tools:-$top/bin}/$1" "${@:2}"
}

# small_step NAME TOOL ARGUMENT...: what the tool prints is a line of the list.
small_step() {
    small_tool "${@:2}" >"$1"
    sha256sum <"$1" | sed "s/-\$/$kind $1/"
}

# listed NAME: the lines on standard input must be those of the list whose names begin with NAME.
listed() {
    diff <(grep -E "^[0-9a-f]{64}  $1( |\$)" "$top/tests/digests.txt") -
}

# The line of ESC-10's folds with the default parameters, in a copy of the project where they are prepared.
esc10_folds() {
    echo "$(tree_digest data/prepared/esc10/rate-8000_fft-400_hop-200_mels-128_top-80_clip-5)  esc10 folds"
}
