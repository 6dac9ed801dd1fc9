#!/bin/bash
# The same bytes on every processor: the whole pipe under qemu's models (Nehalem has neither AVX nor FMA, Haswell no
# AVX-512), and natively with libm's, OpenBLAS's and our variants masked. The small cases must give the bytes of
# tests/digests.txt, the others those of this processor.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/small_case.sh"

# A 44.1 kHz stereo WAV, an Ogg Vorbis file and some more, the clips of synth-clips among them.
data_set() {
    synth-clips --clips-per-class=1 --folds=1 --sample-rate=8000 --seconds=0.2 demo
    mkdir -p set/tone set/noise
    cp demo/audio/*-0.wav set/tone/tone.wav
    cp demo/audio/*-1.wav set/tone/sweep.wav
    cp demo/audio/*-7.wav set/noise/crackle.wav
    sox -R -n -r 44100 -c 2 -b 24 set/tone/wide.wav synth 0.3 sine 440:900 sine 1300 gain -6
    sox -R -n -r 22050 -c 1 set/noise/vorbis.ogg synth 0.3 pinknoise gain -6
    sox -R -n -r 48000 -c 1 -b 16 set/noise/brown.flac synth 0.15 brownnoise gain -6
}

# pipe [COMMAND...]: the digests of every step, each tool run by COMMAND.
pipe() {
    rm -rf made steps
    mkdir steps
    run() {
        "${prefix[@]}" "$top/bin/$1" "${@:2}"
    }
    local prefix=("$@")
    run synth-clips --clips-per-class=1 --folds=1 --sample-rate=8000 --seconds=0.1 --threads=1 made
    cat made/meta/demo.csv made/audio/* >steps/made
    run list-clips --folds=2 --sha256 --threads=1 set >steps/manifest
    run decode-audio --root=set --clip-seconds=0.25 --threads=1 <steps/manifest >steps/waveforms
    run log-mel --n-mels=12 --n-fft=256 --threads=1 <steps/waveforms >steps/fold
    run init-model --filters=9 --classes=2 --clip-seconds=0.25 --n-mels=12 --n-fft=256 >steps/epoch-0
    run train-epoch --threads=1 --batch-size=4 steps/fold <steps/epoch-0 >steps/epoch-1
    run train-epoch --threads=1 --batch-size=4 steps/fold <steps/epoch-1 >steps/epoch-2
    run predict --threads=1 steps/fold <steps/epoch-2 >steps/predictions
    run predict --threads=1 --model=steps/epoch-2 set/tone/wide.wav >steps/sound
    run score <steps/predictions >steps/scores
    run score --table=roc <steps/predictions >steps/roc
    sha256sum steps/*
}

under_qemu() {
    data_set
    pipe env >expected
    local model=$1
    # qemu says which features it lacks
    pipe qemu-x86_64 -cpu "$model" 2>err | diff expected - || { tail -n 3 err; return 1; }
}

masked() {
    data_set
    pipe env >expected
    local core
    pipe env GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable,-FMA4_Usable | diff expected -
    pipe env GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F,-AVX512F_Usable,-AVX512VL,-SSE4_1 | diff expected -
    for core in Prescott Nehalem Haswell SkylakeX; do
        pipe env OPENBLAS_CORETYPE=$core OPENBLAS_NUM_THREADS=2 | diff expected -
    done
    pipe env -i | diff expected -
    pipe env LC_ALL=de_DE.UTF-8 LANG=tr_TR.UTF-8 TZ=Asia/Kathmandu MALLOC_PERTURB_=165 | diff expected -
}

# decode [COMMAND...]: the digests of noise of every usual rate, resampled to every usual rate.
decode() {
    local rate
    for rate in 4000 8000 11025 16000 22050 24000 32000 44100 48000 96000; do
        "$@" "$top/bin/decode-audio" --root=rates --threads=1 --clip-seconds=1 --sample-rate=$rate <manifest 2>err |
            sha256sum
    done
}

resampled() {
    mkdir rates
    local rate
    for rate in 8000 11025 12000 16000 22050 24000 32000 44100 48000 88200 96000 192000; do
        sox -R -n -r $rate -c 1 -b 24 rates/$rate.wav synth 1 whitenoise gain -9
    done
    printf 'key\tpath\tfold\tlabel\n' >manifest
    (cd rates && printf '%s\n' *.wav) | awk '{ printf "%s\t%s\t1\t0\n", $1, $1 }' >>manifest
    decode env >expected
    [ "$(sort -u expected | wc -l)" -eq 10 ]
    decode env GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable,-FMA4_Usable,-AVX512F |
        diff expected -
    decode env SOXR_USE_SIMD=0 SOXR_USE_SIMD32=0 SOXR_MIN_DFT_SIZE=8 | diff expected -
    local model
    for model in Nehalem Haswell max; do
        decode qemu-x86_64 -cpu $model | diff expected -
    done
}

known_digests() {
    local threads=1
    local name
    for name in small resampled; do
        ${name}_case qemu-x86_64 -cpu "$1" 2>err | listed $name || { tail -n 3 err; return 1; }
    done
}

for model in Nehalem Haswell max; do
    check "qemu's $model, the digests that are known" known_digests "$model"
    check "qemu's $model" under_qemu "$model"
done
# The models are what they say: without FMA there are no AVX2 kernels.
models() {
    data_set
    pipe env >expected
    must_fail 1 qemu-x86_64 -cpu Nehalem "$top/bin/train-epoch" --kernels=avx2 --batch-size=4 steps/fold <steps/epoch-0
    says "--kernels: this processor has no kernels 'avx2', expected auto or one of baseline"
    must_fail 1 env BITFAST_ISA=avx2 qemu-x86_64 -cpu Nehalem "$top/bin/train-epoch" steps/fold <steps/epoch-0
    says "BITFAST_ISA: this processor has no kernels 'avx2', expected auto or one of baseline"
    must_fail 1 train-epoch --kernels=neon --batch-size=4 steps/fold <steps/epoch-0
    says "this processor has no kernels 'neon'"
    qemu-x86_64 -cpu max "$top/bin/train-epoch" --kernels=avx2 --batch-size=4 steps/fold <steps/epoch-0 |
        cmp - steps/epoch-1
}

check "qemu's models have what they should" models
check 'resampling between all usual rates' resampled
check 'masked instruction sets, OpenBLAS core types, locale, dirty memory' masked
done_testing
