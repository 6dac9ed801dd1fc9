#!/bin/bash
# The same bytes on aarch64: the tools, cross-compiled with Debian's arm64 libraries, under qemu-aarch64, beside the
# native ones, from the sounds to the scores.
#
# All steps agree but one: decode-audio, of Ogg Vorbis, Opus and MP3. Debian's arm64 libraries compute these in float
# with other instructions: their compiler fuses multiplications with additions. Measured: of three Ogg Vorbis files at
# their own rate 67 to 77 values in a hundred differ, by at most 1.8e-7. So the bytes are the same for WAV, FLAC and AIFF
# files; for the others the last check holds the difference under 1e-6.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/small_case.sh"
cache=build/aarch64 # below the project, kept between runs
sysroot=$top/$cache/sysroot

# The libraries that the tools and their tests are linked with, and what these need, unpacked below $sysroot, from the
# sources that apt has here; apt itself and what is installed stay as they are. Again when a native one changes.
libraries() {
    local packages versions apt=$top/$cache/apt options
    packages="$(sed -n 's/^\(lib[^ ]*-dev\) .*/\1/p' "$top/src/packages.txt") libcmocka-dev libmpfr-dev"
    # shellcheck disable=SC2086 # a list of words
    versions=$(dpkg-query -W $packages)
    [ "$versions" != "$(cat "$top/$cache/versions" 2>/dev/null)" ] || return 0
    rm -rf "${top:?}/$cache"
    mkdir -p "$sysroot" "$apt/state/lists/partial" "$apt/cache/archives/partial"
    touch "$apt/status"
    options=(-qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State="$apt/state"
        -o Dir::State::lists="$apt/state/lists" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache")
    apt-get "${options[@]}" update
    # shellcheck disable=SC2086
    apt-get "${options[@]}" install -y --no-install-recommends --download-only $packages
    find "$apt/cache/archives" -name '*.deb' -exec dpkg-deb -x {} "$sysroot" \;
    rm -r "$apt"
    echo "$versions" >"$top/$cache/versions"
}

# Warnings are errors. Where OpenBLAS has its header, an installation would make a link to.
built() {
    MAKEFLAGS='' make -s -C "$top" -j2 CC="aarch64-linux-gnu-gcc --sysroot=$cache/sysroot" \
        CFLAGS="-O3 -Werror -isystem $cache/sysroot/usr/include/aarch64-linux-gnu/openblas-pthread" \
        BUILD=$cache/build BIN=$cache/bin build $cache/build/tests/{gradients,random,safetensors,number,table,kernels}
}

native() {
    "$top/$1" "${@:2}"
}

arm() {
    qemu-aarch64 -L "$sysroot" "$top/$cache/$1" "${@:2}"
}

# The last one, of the kernels, goes through both sets.
modules() {
    local program
    for program in gradients random safetensors number table kernels; do
        arm build/tests/$program >out 2>&1 || { cat out; return 1; }
    done
    grep 'has no' out | sort -u | diff - <(printf '# this processor has no %s\n' avx2 avx512)
}

# pipe RUN KERNELS...: every step by the tools that RUN starts, in ./RUN; training and prediction by each of the sets.
# One thread each: how many there are is tested elsewhere.
pipe() (
    mkdir "$1"
    cd "$1"
    mkdir steps
    $1 bin/synth-clips --clips-per-class=1 --folds=1 --sample-rate=8000 --seconds=0.3 --threads=1 made
    cat made/meta/demo.csv made/audio/* >steps/made
    $1 bin/list-clips --folds=2 --sha256 --threads=1 ../set >steps/manifest
    $1 bin/decode-audio --root=../set --clip-seconds=0.25 --threads=1 <steps/manifest >steps/waveforms
    for n_fft in 256 400 401; do
        $1 bin/log-mel --n-mels=20 --n-fft=$n_fft --threads=1 <steps/waveforms >steps/fold-$n_fft
    done
    $1 bin/init-model --filters=9 --classes=2 --clip-seconds=0.25 --n-mels=20 >steps/epoch-0
    for set in "${@:2}"; do
        for epoch in 1 2; do
            $1 bin/train-epoch --kernels="$set" --batch-size=4 --threads=1 steps/fold-400 \
                <steps/epoch-$((epoch - 1)) >steps/epoch-$epoch
        done
        $1 bin/predict --kernels="$set" --threads=1 steps/fold-400 <steps/epoch-2 >steps/predictions
        $1 bin/predict --kernels="$set" --threads=1 --model=steps/epoch-2 ../set/tone/sine.wav >steps/sound
        for table in classes confusion roc; do
            $1 bin/score --table=$table <steps/predictions >steps/$table
        done
        $1 bin/score <steps/predictions >steps/scores
        sha256sum steps/* >"digests-$set"
    done
)

same_bytes() {
    mkdir -p set/tone set/noise
    native bin/synth-clips --clips-per-class=1 --folds=1 --sample-rate=8000 --seconds=0.2 demo
    cp demo/audio/*-1.wav set/tone/sweep.wav
    cp demo/audio/*-7.wav set/noise/crackle.wav
    sox -R -n -r 8000 -c 2 -b 24 set/tone/sine.wav synth 0.3 sine 440:900 sine 1300 gain -6
    sox -R -n -r 8000 -c 1 -b 24 set/noise/pink.flac synth 0.3 pinknoise gain -6
    sox -R -n -r 8000 -c 2 -b 16 set/noise/brown.flac synth 0.15 brownnoise gain -6
    sox -R -n -r 8000 -c 1 -b 16 set/tone/square.aiff synth 0.3 square 700 gain -6
    pipe native auto
    pipe arm auto neon baseline
    local set
    for set in auto neon baseline; do
        diff native/digests-auto arm/digests-$set
    done
    must_fail 1 arm bin/train-epoch --kernels=avx2 arm/steps/fold-400 <arm/steps/epoch-0
    says "this processor has no kernels 'avx2'"
}

known_digests() {
    local set threads=1 tools=$top/$cache/bin
    for set in neon baseline; do
        small_case env BITFAST_ISA=$set qemu-aarch64 -L "$sysroot" | listed small
    done
    resampled_case qemu-aarch64 -L "$sysroot" | listed resampled
}

# decode RATE: the sounds in set/, by both, into expected and found.
decode() {
    printf 'key\tpath\tfold\tlabel\n' >manifest
    (cd set && printf '%s\n' *) | awk '{ printf "%s\t%s\t1\t0\n", $1, $1 }' >>manifest
    native bin/decode-audio --root=set --sample-rate="$1" --clip-seconds=1 <manifest >expected
    arm bin/decode-audio --root=set --sample-rate="$1" --clip-seconds=1 --threads=1 <manifest >found
}

resampled() {
    mkdir set
    local rate
    for rate in 8000 11025 16000 22050 32000 44100 48000 96000; do
        sox -R -n -r $rate -c 1 -b 24 set/$rate.wav synth 1 whitenoise gain -6
    done
    for rate in 8000 16000 22050 44100; do
        decode $rate
        native bin/tensor-compare found expected
    done
}

nearly_the_same() {
    mkdir set
    sox -R -n -r 8000 -c 1 set/own-rate.ogg synth 1 pinknoise gain -6
    sox -R -n -r 44100 -c 2 set/stereo.ogg synth 1 sine 300:4000 pinknoise gain -6
    decode 8000
    native bin/tensor-compare --tolerance=1e-6 found expected
}

check 'arm64 libraries' libraries
check 'the tools are compiled for aarch64' built
check "the modules' tests" modules
check 'the same bytes' same_bytes
check 'the digests that are known' known_digests
check 'resampled between the usual rates: the same bytes' resampled
check 'Ogg Vorbis: nearly the same' nearly_the_same
done_testing
